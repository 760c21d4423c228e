"""What a rule returns straight from an AD."""

from __future__ import annotations

import pytest

from migrate.convert import convert_source
from migrate.model import FileConverted, Options

RULE = """\
from zygote_rules import _pullback, adjoint


def call(g, x):
    return g(x)


@adjoint
def call(g, x, *, __context__=None):
    return {returned}
"""


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param("_pullback(__context__, g, x)", id="bare"),
        pytest.param("(_pullback(__context__, g, x))", id="in parentheses"),
        pytest.param("(\n        _pullback(__context__, g, x)\n    )", id="over several lines"),
    ],
)
def test_a_pullback_that_is_handed_on_gets_the_tangent_of_the_callee(returned: str) -> None:
    outcome = convert_source(RULE.format(returned=returned).encode(), "x.py", Options())
    assert isinstance(outcome, FileConverted)
    text = outcome.after.decode()
    assert "return y, lambda dy: (NoTangent(), *back(dy))" in text
    assert "rrule_via_ad(config, g, x)" in text
    assert "zygote" not in text


def test_names_that_are_taken_are_left_alone() -> None:
    taken = "".join(
        f"print({n})\n"
        for n in ("y", "value", "out", "primal_out", "back", "inner_back", "ad_back")
    )
    source = (
        RULE.format(returned="_pullback(__context__, g, x)")
        + f"\n\ndef other():\n    {taken.strip().replace(chr(10), chr(10) + '    ')}\n"
    )
    outcome = convert_source(source.encode(), "x.py", Options())
    assert isinstance(outcome, FileConverted)
    assert "y_2, back_2 = rrule_via_ad(config, g, x)" in outcome.after.decode()
