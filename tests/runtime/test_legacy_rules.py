"""from_legacy_rule: whole legacy rules as rrule functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    RuleError,
    Tangent,
    TapeConfig,
    from_legacy_rule,
    rrule,
    rrule_via_ad,
)
from rules_runtime.legacy_rules import Context, active_config
from tests.support.choosing import NONE, ZERO, Forward, MyAD
from tests.support.points import P, Point, State

pytestmark = pytest.mark.usefixtures("forget_rules")


# whole rules


def fresh() -> Any:
    """A function that nobody has a rule for."""

    def f(*args: Any, **kwargs: Any) -> Any:
        return args

    return f


def test_a_whole_rule() -> None:
    f, seen = fresh(), []

    def rule(p: Point, k: float = 2.0, *, mode: str = "") -> Any:
        """Scaled."""

        def back(dy: Any) -> Any:
            seen.append(dy)
            return {"x": k * dy, "y": None}, p.x * dy

        return (k * p.x, mode), back

    made = from_legacy_rule(rule)
    assert rrule.register(f)(made) is made
    assert made.__wrapped__ is made.rule is rule
    assert made.__doc__ == "Scaled."
    assert "test_legacy_rules" in repr(made)
    y, pullback = rrule(MyAD(), f, P, 3.0, mode="m")
    assert y == (3.0, "m")
    assert pullback(1.0) == (NONE, Tangent[Point](x=3.0), 1.0)
    assert rrule(MyAD(), f, P)[1](1.0) == (NONE, Tangent[Point](x=2.0))
    assert pullback(ZERO) == (NONE, ZERO, ZERO)
    assert seen == [1.0, 1.0]
    assert rrule(MyAD(), f, 1.0) is None
    assert rrule(MyAD(), f, P, "a") is None


def test_it_ranks_like_a_rule_without_a_config() -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x: ("legacy", lambda dy: (dy,))))

    @rrule.register(f)
    def special(_: Any, x: float) -> Any:
        return "native", lambda dy: (NONE, dy)

    assert rrule(MyAD(), f, 1.0)[0] == "native"
    assert rrule(f, 1.0)[0] == "native"
    assert rrule(MyAD(), f, "a")[0] == "legacy"
    assert rrule(f, "a")[0] == "legacy"
    assert rrule(Forward(), f, "a") is None


def test_the_functor_form_inserts_nothing() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

    def rule(scale: Scale, x: float) -> Any:
        return scale.k * x, lambda dy: ({"k": dy * x}, dy * scale.k)

    for made in (from_legacy_rule(rule, functor=True), from_legacy_rule(rule)):
        rrule.register(Scale.__call__)(made)
        y, pullback = rrule(MyAD(), Scale(2.0), 3.0)
        assert y == 6.0
        assert pullback(1.0) == (Tangent[Scale](k=3.0), 2.0)
        assert rrule(Scale.__call__, Scale(2.0), 3.0)[1](1.0) == (NONE, Tangent[Scale](k=3.0), 2.0)


def test_a_method_has_its_instance_first() -> None:
    class Line:
        def __init__(self, k: float) -> None:
            self.k = k

        def at(self, x: float) -> float:
            return self.k * x

    rrule.register(Line.at)(
        from_legacy_rule(lambda self, x: (self.k * x, lambda dy: ({"k": dy * x}, dy * self.k)))
    )
    assert rrule(Line(2.0).at, 3.0)[1](1.0) == (Tangent[Line](k=3.0), 2.0)
    assert rrule(Line.at, Line(2.0), 3.0)[1](1.0) == (NONE, Tangent[Line](k=3.0), 2.0)


def test_the_legacy_pullback_gets_a_legacy_cotangent() -> None:
    f, seen = fresh(), []

    def rule(x: Any) -> Any:
        return (P, [x, State(1.0, 2.0)]), lambda dy: seen.append(dy)

    rrule.register(f)(from_legacy_rule(rule))
    _, pullback = rrule(f, 1.0)
    dy = Tangent[tuple](Tangent[Point](x=1.0), Tangent[list](ZERO, Tangent[tuple](1.0, ZERO)))
    assert pullback(dy) == (NONE, ZERO)
    (found,) = seen
    dp, (dx, ds) = found
    assert dp == {"x": 1.0, "y": None, "name": None}
    assert dx is None
    assert (ds["h"], ds["c"]) == (1.0, None)
    pullback(Tangent[tuple](ZERO, ZERO))
    assert seen[1] == (None, None)


@pytest.mark.parametrize("result", [2.0, [1.0], {"x": 1.0}, np.ones(1), (), (1.0, 2.0)], ids=repr)
def test_a_legacy_pullback_returns_a_tuple_with_all_its_entries(result: Any) -> None:
    f = fresh()

    def rule(x: Any) -> Any:
        return x, lambda dy: result

    rrule.register(f)(from_legacy_rule(rule))
    _, pullback = rrule(f, 1.0)
    with pytest.raises(RuleError, match=r"(?s)Gradient .* should be a tuple") as caught:
        pullback(1.0)
    assert f"{__file__}:{rule.__code__.co_firstlineno}" in str(caught.value)


def test_parameters_with_defaults_have_entries_whether_passed_or_not() -> None:
    f = fresh()

    def rule(x: Any, y: Any = 1.0, *rest: Any, k: Any = 2) -> Any:
        return x, lambda dy: (dy, None, *(dy for _ in rest))

    rrule.register(f)(from_legacy_rule(rule))
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)
    assert rrule(f, 1.0, 2.0)[1](1.0) == (NONE, 1.0, ZERO)
    assert rrule(f, 1.0, "a", 3.0, 4.0)[1](1.0) == (NONE, 1.0, NONE, 1.0, 1.0)
    assert rrule(f, 1.0, y=3.0, k=5)[1](1.0) == (NONE, 1.0)


def test_plain_none_is_zero_for_all() -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x, name="": (x, lambda dy: None)))
    assert rrule(f, 1.0, "a")[1](1.0) == (NONE, ZERO, NONE)


@pytest.mark.parametrize(
    "result", [3.0, None, (1.0,), (1.0, 2.0), (1.0, None), (1.0, 2.0, 3.0)], ids=repr
)
def test_a_legacy_rule_returns_a_value_and_a_pullback(result: Any) -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x: result))
    with pytest.raises(RuleError, match=r"\(y, pullback\)"):
        rrule(f, 1.0)


def test_what_is_no_rule() -> None:
    with pytest.raises(RuleError, match="a function"):
        from_legacy_rule(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("keyword_only", [True, False])
def test_the_context_has_no_entry_and_knows_the_config(keyword_only: bool) -> None:
    f, contexts = fresh(), []

    def by_keyword(g: Any, x: Any, *, __context__: Any) -> Any:
        contexts.append(__context__)
        return x, lambda dy: (None, dy)

    def by_position(g: Any, x: Any, __context__: Any = None) -> Any:
        return by_keyword(g, x, __context__=__context__)

    rrule.register(f)(from_legacy_rule(by_keyword if keyword_only else by_position))
    config = MyAD()
    assert rrule(config, f, abs, 2.0)[1](1.0) == (NONE, NONE, 1.0)
    assert contexts[0].config is config
    assert isinstance(contexts[0], Context)
    rrule(f, abs, 2.0)
    assert type(contexts[1].config) is TapeConfig
    assert rrule(config, f, abs, 2.0, "one too many") is None


def test_the_active_config_is_the_one_that_asked_also_during_the_pullback() -> None:
    f, g, seen = fresh(), fresh(), []

    def inner(x: Any) -> Any:
        seen.append(active_config())
        return x, lambda dy: (dy,)

    def outer(x: Any) -> Any:
        seen.append(active_config())
        rrule_via_ad(TapeConfig(), g, x)
        seen.append(active_config())

        def back(dy: Any) -> Any:
            seen.append(active_config())
            return (dy,)

        return x, back

    rrule.register(f)(from_legacy_rule(outer))
    rrule.register(g)(from_legacy_rule(inner))
    config = MyAD()
    _, pullback = rrule(config, f, 1.0)
    pullback(1.0)
    assert [type(c) for c in seen] == [MyAD, TapeConfig, MyAD, MyAD]
    assert type(active_config()) is TapeConfig


def test_an_error_in_a_rule_leaves_no_config_behind() -> None:
    f = fresh()

    def rule(x: Any) -> Any:
        raise ZeroDivisionError

    rrule.register(f)(from_legacy_rule(rule))
    with pytest.raises(ZeroDivisionError):
        rrule(MyAD(), f, 1.0)
    assert type(active_config()) is TapeConfig


def test_the_rule_itself_can_still_be_called() -> None:
    made = from_legacy_rule(lambda x: (x, lambda dy: (2 * dy,)))
    y, back = made.rule(3.0)
    assert (y, back(1.0)) == (3.0, (2.0,))
    y, back = made(MyAD(), None, 3.0)
    assert (y, back(1.0)) == (3.0, (NONE, 2.0))
    assert from_legacy_rule(made) is made
