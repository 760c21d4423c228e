"""Rules are used inside traced code: for plain functions, methods, instances, constructors,
numpy's functions, other ADs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    HasReverseMode,
    InplaceableThunk,
    NoTangent,
    RuleConfig,
    Tangent,
    TapeConfig,
    gradient,
    hook,
    ignore_derivatives,
    no_rrule,
    non_differentiable,
    pullback,
    rrule,
    rrule_via_ad,
)


def opaque(x: float, scale: float = 1.0, *, shift: float = 0.0) -> float:
    """Not traceable: math.sin."""
    return math.sin(x) * scale + shift


@rrule.register(opaque)
def rrule_opaque(_: Any, x: Any, scale: Any = 1.0, *, shift: Any = 0.0) -> Any:
    return opaque(x, scale, shift=shift), lambda dy: (
        NoTangent(),
        dy * np.cos(x) * scale,
        dy * np.sin(x),
    )


def test_functions_that_cannot_be_traced() -> None:
    (g,) = gradient(lambda x: opaque(x) ** 2, 0.4)
    assert g == pytest.approx(2 * math.sin(0.4) * math.cos(0.4))
    a, b = gradient(lambda x, s: opaque(x, s, shift=1.0), 0.4, 2.0)
    assert (a, b) == (pytest.approx(2 * math.cos(0.4)), pytest.approx(math.sin(0.4)))
    assert gradient(lambda x, s: opaque(x, scale=s), 0.4, 2.0)[1] == pytest.approx(math.sin(0.4))
    assert gradient(opaque, 0.4)[0] == pytest.approx(math.cos(0.4))


def test_the_function_stays_what_it_was() -> None:
    assert opaque(0.5) == math.sin(0.5)
    assert opaque(0.5, 2.0, shift=1.0) == 2 * math.sin(0.5) + 1
    assert list(inspect.signature(opaque).parameters) == ["x", "scale", "shift"]
    assert opaque.__name__ == "opaque"
    assert opaque.__doc__ == "Not traceable: math.sin."
    assert opaque.__code__.co_filename == __file__
    with pytest.raises(TypeError, match="argument"):
        opaque()  # type: ignore[call-arg]


def test_closures_keep_their_variables() -> None:
    def make(k: float) -> Callable[[float], float]:
        def f(x: float) -> float:
            return math.sin(x) * k

        def change(to: float) -> None:
            nonlocal k
            k = to

        f.change = change  # type: ignore[attr-defined]
        return f

    f = make(2.0)

    @rrule.register(f)
    def _(_: Any, x: Any) -> Any:
        return f(x), lambda dy: (NoTangent(), 100.0 * dy)

    assert gradient(lambda x: f(x) * 1.0, 0.5) == (100.0,)
    f.change(5.0)  # type: ignore[attr-defined]
    assert f(0.5) == 5.0 * math.sin(0.5)


class Foo:
    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = float(a), b

    def area(self, c: Any) -> Any:
        return math.exp(self.a) * c

    @classmethod
    def make(cls, a: Any) -> Any:
        return cls(math.exp(a), 1.0)

    @staticmethod
    def double(x: Any) -> Any:
        return float(x) * 2

    def __call__(self, x: Any) -> Any:
        return float(self.a) * float(x)


@rrule.register(Foo)
def _(_: Any, a: Any, b: Any) -> Any:
    return Foo(a, b), lambda d: (NoTangent(), d.a * 1.0, d.b * 10.0)


@rrule.register(Foo.area)
def _(_: Any, self: Foo, c: Any) -> Any:
    return self.area(c), lambda dy: (
        NoTangent(),
        Tangent[Foo](a=dy * self.area(c)),
        dy * math.exp(self.a),
    )


@rrule.register(Foo.make)
def _(_: Any, a: Any) -> Any:
    return Foo.make(a), lambda d: (NoTangent(), 7.0 * d.a)


@rrule.register(Foo.double)
def _(_: Any, x: Any) -> Any:
    return Foo.double(x), lambda dy: (NoTangent(), 20.0 * dy)


@rrule.register(Foo.__call__)
def _(self: Foo, x: Any) -> Any:
    return self(x), lambda dy: (Tangent[Foo](a=dy * x), dy * self.a)


def test_constructors_methods_and_calls_of_instances() -> None:
    a, b = gradient(lambda a, b: Foo(a * 2.0, b).a + Foo(a, b).b, 1.0, 2.0)
    assert (a, b) == (2.0, 10.0)
    assert Foo(1.0, 2.0).b == 2.0
    a, c = gradient(lambda a, c: Foo(a, 1.0).area(c), 0.5, 3.0)
    assert (a, c) == (pytest.approx(3 * math.exp(0.5)), pytest.approx(math.exp(0.5)))
    assert gradient(lambda a: Foo.make(a).a, 0.5) == (7.0,)
    assert gradient(lambda a: Foo.double(a) * 1.0, 0.5) == (20.0,)
    assert gradient(lambda a: Foo(a, 1.0)(3.0 * a), 2.0) == (12.0,)
    (g,) = gradient(lambda foo: foo(3.0) * 2.0, Foo(2.0, 1.0))
    assert g.a == 6.0


def test_subclasses_have_their_own_constructors() -> None:
    class Bar(Foo):
        def __init__(self, a: Any) -> None:
            super().__init__(ignore_derivatives(a), a)

    assert gradient(lambda a: Bar(a).b, 2.0) == (1.0,)


def test_a_users_rule_wins_over_the_built_in_one_and_dispatches() -> None:
    class Odd(np.ndarray):
        pass

    before = gradient(lambda x: np.sum(np.cos(x)), np.ones(2))[0]
    rule = rrule.add_rule(np.cos, lambda _, x: (np.cos(x), lambda dy: (NoTangent(), 42.0 * dy)))
    try:
        np.testing.assert_array_equal(
            gradient(lambda x: np.sum(np.cos(x)), np.ones(2))[0], [42.0, 42.0]
        )
    finally:
        rrule.remove_rule(rule)
    np.testing.assert_array_equal(gradient(lambda x: np.sum(np.cos(x)), np.ones(2))[0], before)


def test_rules_for_the_ufunc_of_an_operator() -> None:
    def rule(_: Any, x: Any, y: Any) -> Any:
        return np.multiply(x, y), lambda dz: (NoTangent(), 5.0 * dz, 6.0 * dz)

    added = rrule.add_rule(np.multiply, rule)
    try:
        assert gradient(lambda x, y: x * y, 2.0, 3.0) == (5.0, 6.0)
        assert gradient(lambda x: 2.0 * x, 2.0) == (6.0,)
    finally:
        rrule.remove_rule(added)
    assert gradient(lambda x, y: x * y, 2.0, 3.0) == (3.0, 2.0)


def test_rules_for_other_configs_are_theirs_alone() -> None:
    class MyAD(RuleConfig[HasReverseMode]):
        pass

    def g(x: Any) -> Any:
        return x * 2.0

    @rrule.register(g)
    def _(config: MyAD, _: Any, x: Any) -> Any:
        return g(x), lambda dy: (NoTangent(), 1000.0 * dy)

    outer = lambda x: g(x) * 3.0
    assert rrule_via_ad(MyAD(), outer, 1.0)[1](1.0)[1] == 3000.0
    assert rrule_via_ad(TapeConfig(), outer, 1.0)[1](1.0)[1] == 6.0


def test_rules_that_call_back_see_outer_closures() -> None:
    def apply(f: Any, x: Any) -> Any:
        raise AssertionError("the rule is used")

    @rrule.register(apply)
    def _(config: RuleConfig[HasReverseMode], _: Any, f: Any, x: Any) -> Any:
        y, back = rrule_via_ad(config, f, x)
        return y, lambda dy: (NoTangent(), *back(dy))

    a, w = gradient(lambda x, w: apply(lambda v: np.sin(v) * w, x) * w, 0.4, 3.0)
    assert a == pytest.approx(9 * math.cos(0.4))
    assert w == pytest.approx(6 * math.sin(0.4))


def test_second_order_through_a_users_rule() -> None:
    (g,) = gradient(lambda x: gradient(lambda x: opaque(x) ** 2, x)[0], 0.4)
    assert g == pytest.approx(2 * math.cos(0.8))


def test_rules_with_structured_results() -> None:
    def pair(x: Any) -> Any:
        return [x * 1.0, {"b": x * 2.0, "n": 3}]

    @rrule.register(pair)
    def _(_: Any, x: Any) -> Any:
        def back(d: Any) -> Any:
            return NoTangent(), d[0] + 10.0 * d[1]["b"]

        return pair(x), back

    assert gradient(lambda x: pair(x)[0] * 3.0, 1.0) == (3.0,)
    assert gradient(lambda x: pair(x)[1]["b"] * 1.0 + pair(x)[0], 1.0) == (11.0,)
    assert pair(1.0)[1]["n"] == 3


def test_generators_are_left_alone() -> None:
    def numbers(x: Any) -> Any:
        yield x
        yield x * x

    with pytest.warns(RuntimeWarning, match="numbers.*it is a generator or a coroutine"):
        rrule.register(numbers)(lambda _, x: (numbers(x), lambda dy: (NoTangent(), 0.0)))
    assert gradient(lambda x: sum(numbers(x)), 3.0) == (7.0,)


def test_non_differentiable_ignored_hooked() -> None:
    def steps(x: Any) -> Any:
        return math.floor(x)

    non_differentiable(steps)
    assert gradient(lambda x: x * steps(x), 2.5) == (2.0,)
    assert gradient(lambda x: x * ignore_derivatives(x), 3.0) == (3.0,)
    assert gradient(lambda x: x * ignore_derivatives([x, 1])[0], 3.0) == (3.0,)
    assert gradient(lambda x: math.sin(ignore_derivatives(x)) * x, 3.0) == (math.sin(3.0),)
    seen = []
    (g,) = gradient(lambda x: hook(lambda d: seen.append(d) or 10.0 * d, x * 2.0), 3.0)
    assert (g, seen) == (20.0, [1.0])


def test_an_opt_out_is_obeyed() -> None:
    def half(x: Any) -> Any:
        return x / 2.0

    @rrule.register(half)
    def _(_: Any, x: Any) -> Any:
        return half(x), lambda dy: (NoTangent(), 99.0)

    assert gradient(lambda x: half(x) * 1.0, 1.0) == (99.0,)
    no_rrule.register(half, float)
    assert gradient(lambda x: half(x) * 1.0, 1.0) == (0.5,)


def test_thunks_of_rules_run_only_for_traced_arguments() -> None:
    from rules_runtime import Thunk

    def f(x: Any, y: Any) -> Any:
        return x * y

    calls = []

    @rrule.register(f)
    def _(_: Any, x: Any, y: Any) -> Any:
        def back(dz: Any) -> Any:
            return (
                NoTangent(),
                Thunk(lambda: calls.append("x") or dz * y),
                Thunk(lambda: calls.append("y") or dz * x),
            )

        return f(x, y), back

    assert gradient(lambda x: f(x, 3.0) + 0.0, 2.0) == (3.0,)
    assert calls == ["x"]
    assert pullback(f, 2.0, 3.0)[1](1.0) == (3.0, 2.0)


def test_inplaceable_thunks_add_themselves_to_what_is_there() -> None:
    def f(x: Any) -> Any:
        return x * 3.0

    calls = []

    @rrule.register(f)
    def _(_: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            def add_to(total: Any) -> Any:
                calls.append("add")
                total += 3.0 * dy
                return total

            return NoTangent(), InplaceableThunk(add_to, lambda: calls.append("make") or 3.0 * dy)

        return f(x), back

    x = np.array([1.0, 2.0])
    (g,) = gradient(lambda x: np.sum(f(x)) + np.sum(np.sin(x) * x), x)
    np.testing.assert_allclose(g, 3.0 + np.sin(x) + x * np.cos(x))
    assert calls == ["add"]
    calls.clear()
    (g,) = gradient(lambda x: np.sum(f(x) * f(x)), x)
    np.testing.assert_allclose(g, 18.0 * x)
    assert sorted(calls) == ["make", "make"], "the first is not the tape's own to add to"
