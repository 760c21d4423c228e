"""Comments that silence messages."""

from __future__ import annotations

import pytest

from migrate.command.plan import Job, plan_file
from migrate.model import FileConverted, FileUnchanged, Options
from migrate.syntax.silence import silence_in, skip_marker

LEFT = b"""from zygote_rules import adjoint, pullback

@adjoint%s
def f(x):
    return f(x), lambda dy: [dy]
"""


@pytest.mark.parametrize(
    "comment", ["skip[RM202]", "skip RM202", "skip[RM101, RM202]", "skip[RM2]", "skip-file[RM202]"]
)
def test_a_code_silences_the_message_and_does_not_skip(comment: str) -> None:
    assert skip_marker(f"# rrule-migrate: {comment}") is None
    source = LEFT % f"  # rrule-migrate: {comment}".encode()
    outcome = plan_file(Job("a.py", source, Options(mark=True)))
    assert isinstance(outcome, FileUnchanged)  # no mark is left either
    assert outcome.left == ()


@pytest.mark.parametrize("comment", ["skip[RM101]", "skip because of RM202"])
def test_other_codes_are_still_told(comment: str) -> None:
    outcome = plan_file(Job("a.py", LEFT % f"  # rrule-migrate: {comment}".encode(), Options()))
    assert isinstance(outcome, FileUnchanged)
    assert len(outcome.left) == 1


def test_a_note_beside_its_line() -> None:
    source = b"""from zygote_rules import adjoint, pullback
@adjoint
def f(x):
    return f(x), lambda dy: (dy,)
one = pullback(f, 1.0)  # rrule-migrate: skip[RM105]
two = pullback(f, 2.0)
"""
    outcome = plan_file(Job("a.py", source, Options()))
    assert isinstance(outcome, FileConverted)
    assert [note.line for note in outcome.notes] == [6]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_those_of_the_file(end: bytes) -> None:
    source = end.join((b"a = 1", b"b = 2  # rrule-migrate: skip[RM105]", b""))
    assert silence_in(source).at == {2: ("RM105",)}
