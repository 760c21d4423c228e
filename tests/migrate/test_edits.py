"""Replacements are put in order, and offsets are found after them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.syntax.edits import Moves, Overlap, arranged, replaced_in
from migrate.syntax.source import Replacement

TEXT = "0123456789"


def applied(replacements: list[Replacement]) -> str:
    """The text with arranged replacements made."""
    return replaced_in(TEXT, arranged(replacements), 0, len(TEXT))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param([], TEXT, id="nothing"),
        pytest.param([(2, 5, "ab")], "01ab56789", id="replacement"),
        pytest.param([(3, 3, "ab")], "012ab3456789", id="insertion"),
        pytest.param([(3, 3, "a"), (3, 3, "b")], "012ab3456789", id="insertions in order"),
        pytest.param([(8, 10, "b"), (0, 2, "a")], "a234567b", id="both ends, in any order"),
        pytest.param([(2, 5, "x"), (2, 2, "a")], "01ax56789", id="insertion before"),
        pytest.param([(5, 5, "a"), (2, 5, "x")], "01xa56789", id="insertion after"),
        pytest.param([(2, 5, "x"), (5, 7, "y")], "01xy789", id="side by side"),
    ],
)
def test_arranged(given_: list[tuple[int, int, str]], expected: str) -> None:
    assert applied([Replacement(*item) for item in given_]) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((2, 5, "a"), (2, 5, "b"), id="same range"),
        pytest.param((2, 5, "a"), (4, 7, "b"), id="half over"),
        pytest.param((2, 5, "a"), (3, 3, "b"), id="insertion inside"),
        pytest.param((2, 8, "a"), (3, 5, "b"), id="one in the other"),
    ],
)
def test_two_claims_on_one_text_are_refused(
    first: tuple[int, int, str], second: tuple[int, int, str]
) -> None:
    with pytest.raises(Overlap):
        arranged([Replacement(*first), Replacement(*second)])


ITEMS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3), st.text("ab", max_size=3)), max_size=4
)


@given(ITEMS, st.randoms())
def test_against_a_naive_model(items: list[tuple[int, int, str]], random: object) -> None:
    """Replacements that are apart give the same in any order,
    and every kept character is found where it went."""
    kept: list[Replacement] = []
    for start, length, text in sorted(items):
        end = min(start + length, len(TEXT))
        if not kept or kept[-1].end < start or (kept[-1].end == start and end > start):
            kept.append(Replacement(start, end, text))
    shuffled = list(kept)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = TEXT
    for item in reversed(kept):
        expected = expected[: item.start] + item.text + expected[item.end :]
    assert applied(shuffled) == expected
    moves = Moves(arranged(kept))
    for at, character in enumerate(TEXT):
        if not any(r.start <= at < r.end for r in kept):
            assert expected[moves.end(at)] == character
            assert expected[moves.start(at) : moves.end(at) + 1].endswith(character)
    for item in kept:
        at = moves.of(item)
        assert expected[at : at + len(item.text)] == item.text


def test_what_is_put_at_an_end_is_a_part_of_it() -> None:
    moves = Moves(arranged([Replacement(2, 2, "ab"), Replacement(4, 4, "c")]))
    assert (moves.start(2), moves.end(4)) == (2, 7)


def test_an_offset_inside_is_at_an_end_of_the_new_text() -> None:
    moves = Moves(
        arranged([Replacement(0, 1, "xyz"), Replacement(2, 6, "ab"), Replacement(8, 8, "c")])
    )
    assert (moves.start(4), moves.end(4)) == (4, 6)
    assert (moves.start(2), moves.end(6)) == (4, 6)
