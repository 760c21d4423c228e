"""The pullback that is handed out: which tangents it gives, and what it says of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from rules_runtime.errors import RuleError
from rules_runtime.pullbacks import Handover, Pullback
from rules_runtime.tangents import NoTangent, ZeroTangent

ZERO, NONE = ZeroTangent(), NoTangent()


def made(
    tangents: Any, lead: int, count: int, at_most: int | None = None, **kwargs: Any
) -> Pullback:
    head = NONE if lead == -1 else ZERO
    handover = Handover("the rule for f", head, lead, count, at_most or count, **kwargs)
    return Pullback(lambda dy: tangents, handover)


@pytest.mark.parametrize(
    ("lead", "handed_out"),
    [(0, ("df", 1.0, 2.0)), (1, (1.0, 2.0)), (-1, (NONE, "df", 1.0, 2.0))],
)
def test_what_becomes_of_the_first_tangent(lead: int, handed_out: Any) -> None:
    pullback = made(("df", 1.0, 2.0, "not passed"), lead, 3, 4)
    assert pullback(1.0) == handed_out
    assert len(pullback(ZERO)) == len(handed_out)
    assert set(pullback(ZERO)[1:]) == {ZERO}


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        ((NONE,), "the pullback of the rule for f returned 1 tangents, not 2 to 3"),
        ((NONE, 1.0, 2.0, 3.0), "returned 4 tangents, not 2 to 3"),
        ([NONE, 1.0], "returned a list, not a tuple of tangents"),
        (None, "returned a NoneType, not a tuple"),
    ],
)
def test_a_wrong_result_is_named(tangents: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        made(tangents, 0, 2, 3)(1.0)


def test_a_pullback_with_side_effects_runs_on_zeros_too() -> None:
    seen: list[Any] = []

    def inner(dy: Any) -> Any:
        seen.append(dy)
        return NONE, dy

    pullback = Pullback(inner, Handover("f", NONE, 0, 2, 2, runs_on_zero=True))
    assert pullback(ZERO) == (NONE, ZERO)
    assert seen == [ZERO]


def test_it_says_whose_pullback_it_is() -> None:
    assert repr(made((), 0, 1)) == "<pullback of the rule for f>"
