"""A dialect is a file in a folder: nothing else names it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate import dialects
from migrate.convert import convert_source
from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from tests.support.command import RULE
from tests.support.converting import outcome_of

MADE_UP = Path(__file__).parents[1] / "support" / "dialects"
SOURCE = """\
import numpy as np
from gradbook import set_gradient


def square(x):
    return x * x


# of one argument
set_gradient(square, lambda x, dy: 2 * x  # the inner derivative
    * dy)
set_gradient(np.tanh, tanh_gradient)
"""
RESULT = """\
import numpy as np
from gradbook import set_gradient
from rules_runtime import NoTangent, rrule


def square(x):
    return x * x


# of one argument
@rrule.register(square)
def rrule_square(_, x):
    def square_pullback(dy):
        return (
            NoTangent(),
            2 * x  # the inner derivative
            * dy,
        )
    return square(x), square_pullback
set_gradient(np.tanh, tanh_gradient)
"""


def forget() -> None:
    dialects.names.cache_clear()
    dialects.signs.cache_clear()
    sys.modules.pop("migrate.dialects.gradbook", None)


@pytest.fixture
def gradbook(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a dialect more."""
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(MADE_UP)])
    forget()
    yield
    forget()


def squeezed(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.usefixtures("gradbook")
def test_a_dialect_of_thirty_lines() -> None:
    assert "gradbook" in dialects.names()
    assert dialects.first_line("gradbook").startswith("A language made up for tests")
    outcome = outcome_of(SOURCE)
    assert isinstance(outcome, FileConverted), outcome
    assert squeezed(outcome.after.decode()) == squeezed(RESULT)
    (rule,) = outcome.converted
    assert rule.title == "the rule for square"
    assert rule.after.startswith("@rrule.register(square)\ndef rrule_square(_, x):")
    (left,) = outcome.left
    assert (left.code, left.reason, left.line) == ("RM206", "its gradient is no lambda", 12)


@pytest.mark.usefixtures("gradbook")
def test_dialects_meet_in_one_file() -> None:
    both = SOURCE.encode() + RULE
    outcome = convert_source(both, "both.py", Options())
    assert isinstance(outcome, FileConverted)
    assert [rule.target for rule in outcome.converted] == ["square", "double"]
    one = convert_source(both, "one.py", Options(dialects=("zygote",)))
    assert isinstance(one, FileConverted)
    assert [rule.target for rule in one.converted] == ["double"]


def test_without_the_file_there_is_no_such_dialect() -> None:
    assert "gradbook" not in dialects.names()
    assert isinstance(outcome_of(SOURCE), FileUnchanged)


@pytest.mark.parametrize("name", dialects.names())
def test_every_dialect_says_what_it_is(name: str) -> None:
    dialect = dialects.load(name)
    assert dialects.first_line(name).endswith((".", "`"))
    assert dialect.words
    assert dialect.modules
    assert all(isinstance(word, bytes) for word in dialect.words)


def test_what_the_scan_asks_for_imports_no_parser() -> None:
    code = (
        "import sys\n"
        "from migrate import dialects\n"
        "dialects.signs(dialects.names(), ())\n"
        "heavy = {'libcst', 'ast', 'migrate.rules.module'} & set(sys.modules)\n"
        "assert heavy <= {'ast'}, heavy\n"  # the standard library's own: `inspect` brings it
    )
    subprocess.run([sys.executable, "-c", code], check=True)
