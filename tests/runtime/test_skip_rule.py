"""`rrule_via_ad(..., skip_rule=True)`: a rule that asks the AD for
what it would do without the rule. Opt-outs per AD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    RuleConfig,
    RuleError,
    Tangent,
    TapeConfig,
    frule,
    frule_via_ad,
    gradient,
    jvp,
    no_rrule,
    rrule,
    rrule_via_ad,
)

pytestmark = pytest.mark.usefixtures("forget_rules")
Config = RuleConfig[HasReverseMode]


def clipped(function: Any, seen: list[Any], **kwargs: Any) -> None:
    """A rule that clips what the AD gives."""

    @rrule.register(function)
    def rule(config: Config, callee: Any, *args: Any) -> Any:
        seen.append(args)
        y, back = rrule_via_ad(config, callee, *args, skip_rule=True, **kwargs)
        return y, lambda dy: (NoTangent(), *[np.clip(d, -1.0, 1.0) for d in back(dy)[1:]])


def test_a_rule_for_the_function_itself_does_not_recurse() -> None:
    def f(x: float) -> float:
        return x**3

    seen: list[Any] = []
    clipped(f, seen)
    assert gradient(f, 2.0) == (1.0,)
    np.testing.assert_allclose(gradient(lambda x: 2.0 * f(x), 0.1)[0], 0.06)
    np.testing.assert_allclose(gradient(lambda x: f(x) + x, 0.1)[0], 1.03)
    assert len(seen) == 3


def test_recursion_within_the_function_has_the_rule() -> None:
    def f(x: float, n: int = 2) -> float:
        return x if n == 0 else 3.0 * f(x, n - 1)

    seen: list[Any] = []

    @rrule.register(f)
    def rule(config: Config, callee: Any, x: float, n: int) -> Any:
        seen.append(n)
        return rrule_via_ad(config, callee, x, n, skip_rule=True)

    assert gradient(f, 1.0, 2)[0] == 9.0
    assert seen == [2, 1, 0]


def test_closures_defaults_and_keywords() -> None:
    k = 3.0

    def f(x: float, *, power: int = 2) -> float:
        return k * x**power

    clipped(f, [])
    y, back = rrule_via_ad(TapeConfig(), f, 2.0, skip_rule=True)
    assert y == 12.0 and back(1.0)[1] == 12.0
    y, back = rrule_via_ad(TapeConfig(), f, 2.0, skip_rule=True, power=3)
    assert y == 24.0 and back(1.0)[1] == 36.0


def test_methods_and_instances() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

        def twice(self, x: float) -> float:
            return 2.0 * self.k * x

    def fails(*_: Any) -> Any:
        raise AssertionError("the rule is skipped")

    rrule.register(Scale.__call__)(lambda s, x: fails())
    rrule.register(Scale.twice)(lambda _, s, x: fails())
    for f, factor in ((Scale(3.0), 1.0), (Scale(3.0).twice, 2.0)):
        y, back = rrule_via_ad(TapeConfig(), f, 5.0, skip_rule=True)
        assert y == 15.0 * factor
        ds, dx = back(1.0)
        assert ds == Tangent[Scale](k=5.0 * factor) and dx == 3.0 * factor


@pytest.mark.parametrize("f", [np.sin, len, float])
def test_what_has_no_python_code(f: Any) -> None:
    with pytest.raises(RuleError, match=r"skip_rule: .* no code in Python"):
        rrule_via_ad(TapeConfig(), f, 1.0, skip_rule=True)


def test_forwards() -> None:
    def f(x: float) -> float:
        return x * x

    @frule.register(f)
    def rule(config: TapeConfig, tangents: Any, callee: Any, x: float) -> Any:
        y, dy = frule_via_ad(config, tangents, callee, x, skip_rule=True)
        return y, min(dy, 1.0)

    assert jvp(f, (2.0,), (1.0,)) == (4.0, 1.0)


def test_opting_out_for_one_ad() -> None:
    """ "This AD differentiates it better itself": one function, and any function of a type."""

    class OtherAD(RuleConfig[HasReverseMode]): ...

    class Layer:
        def __call__(self, x: float) -> float:
            return x * x

    class Special(Layer): ...

    def f(x: float) -> float:
        return x * x

    rrule.register(f)(lambda _, x: (f(x), lambda dy: (NoTangent(), 100.0)))
    rrule.register(Layer.__call__)(lambda s, x: (x * x, lambda dy: (NoTangent(), 100.0)))

    @no_rrule.register(f)
    def _(config: TapeConfig, _: Any, x: float) -> None: ...

    @no_rrule.register(Layer.__call__)
    def _(config: TapeConfig, layer: Layer, x: float) -> None: ...

    for g in (f, Layer(), Special()):
        assert gradient(lambda x, g=g: g(x), 3.0) == (6.0,)
        assert rrule(TapeConfig(), g, 3.0) is None
        assert rrule(OtherAD(), g, 3.0)[1](1.0)[1] == 100.0
        assert rrule(g, 3.0)[1](1.0)[1] == 100.0
