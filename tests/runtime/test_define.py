"""non_differentiable, scalar_rule, ignore_derivatives and hook."""

from __future__ import annotations

import inspect
import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    NotImplementedTangent,
    RuleConfig,
    RuleError,
    Tangent,
    Thunk,
    ZeroTangent,
    gradient,
    hook,
    ignore_derivatives,
    non_differentiable,
    primitive,
    rrule,
    scalar_rule,
)
from rules_runtime.testing import test_rrule as check_rule

pytestmark = pytest.mark.usefixtures("forget_rules")

ZERO, NONE = ZeroTangent(), NoTangent()


class MyAD(RuleConfig[HasReverseMode]): ...


def test_nothing_flows_back_through_a_constant() -> None:
    @non_differentiable
    def size(x: Any, unit: str = "m", *, k: int = 1) -> Any:
        return len(x) * k

    assert size([1.0]) == 1  # the function is still itself
    y, pullback = rrule(size, [1.0, 2.0], "cm", k=2)
    assert y == 4
    assert pullback(1.0) == (NONE, NONE, NONE)
    assert rrule(MyAD(), size, [1.0])[1](1.0) == (NONE, NONE)
    assert rrule(size, [1.0])[1](ZERO) == (NONE, ZERO)
    assert rrule.rules_for(size)[0].is_non_differentiable


def test_it_can_be_restricted_to_a_signature() -> None:
    def repeat(x: Any, n: Any) -> Any:
        return x * n

    assert non_differentiable(repeat, str, int | None) is repeat
    assert rrule(repeat, "ab", 2)[0] == "abab"
    assert rrule(repeat, "ab", 2)[1](1.0) == (NONE, NONE, NONE)
    assert rrule(repeat, 1.0, 2) is None
    assert rrule(repeat, "ab") is None
    assert rrule(repeat, "ab", 2, 3) is None


def test_a_more_specific_rule_still_applies() -> None:
    def f(x: Any) -> Any:
        return x

    @rrule.register(f)
    def rule(_: Any, x: float) -> Any:
        return "rule", lambda dy: (NONE, dy)

    non_differentiable(f)
    assert rrule(f, 1.0)[0] == "rule"
    assert rrule(f, "a")[0] == "a"


def test_constructors_methods_and_calls_may_be_constants() -> None:
    @non_differentiable
    class Grid:
        def __init__(self, n: int) -> None:
            self.n = n

        def points(self, k: int) -> Any:
            return np.arange(self.n * k)

        @classmethod
        def make(cls, n: int) -> Grid:
            return cls(n)

        def __call__(self, k: int) -> int:
            return self.n * k

    for f in (Grid.points, Grid.make, Grid.__call__):
        non_differentiable(f)
    grid = Grid(2)
    assert isinstance(rrule(Grid, 3)[0], Grid)
    assert rrule(Grid, 3)[1](1.0) == (NONE, NONE)
    assert rrule(grid.points, 2)[0].tolist() == [0, 1, 2, 3]
    assert rrule(grid.points, 2)[1](1.0) == (NONE, NONE)
    assert rrule(Grid.points, grid, 2)[1](1.0) == (NONE, NONE, NONE)
    assert rrule(Grid.make, 2)[0].n == 2
    assert rrule(grid, 3)[0] == 6
    assert rrule(grid, 3)[1](1.0) == (NONE, NONE)
    assert rrule(Grid.__call__, grid, 3)[1](1.0) == (NONE, NONE, NONE)


def test_one_function_at_a_time() -> None:
    with pytest.raises(RuleError, match="one function at a time"):
        non_differentiable(len, abs)
    with pytest.raises(RuleError, match="can be called"):
        non_differentiable(3)  # type: ignore[type-var]


def test_the_types_of_a_signature_may_be_named_by_strings() -> None:
    class Local: ...

    def f(x: Any) -> Any:
        return x

    non_differentiable(f, "Local")
    assert rrule(f, Local()) is not None
    assert rrule(f, 1.0) is None


# scalar_rule


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.mark.parametrize("kind", [tuple, Pair._make])
@pytest.mark.parametrize("x", [0.7, np.array([0.5, -1.2]), np.array([0.3 + 0.2j]), np.float32(0.4)])
def test_the_rule_of_several_results(x: Any, kind: Any) -> None:
    def sincos(x: Any) -> Any:
        return kind((np.sin(x), np.cos(x)))

    def polar(r: Any, t: Any) -> Any:
        return kind((r * np.cos(t), r * np.sin(t)))

    scalar_rule(sincos, lambda y, x: (y[1], -y[0]))
    check_rule(sincos, x)
    scalar_rule(polar, lambda y, r, t: ((np.cos(t), np.sin(t)), (-y[1], y[0])))
    check_rule(polar, x, 0.3)
    check_rule(polar, 1.5, x)  # broadcast
    partials = (lambda y, r, t: (np.cos(t), np.sin(t)), lambda y, r, t: (-y[1], y[0]))
    scalar_rule(polar, *partials)
    check_rule(polar, x, 0.3)
    scalar_rule(polar, lambda y, r, t: ((np.cos(t), np.sin(t)), NoTangent()))
    assert rrule(polar, 2.0, 0.0)[1](Tangent[tuple](1.0, 5.0)) == (NONE, 1.0, NONE)
    assert rrule(polar, 2.0, 0.0)[1](Tangent[tuple](ZERO, 5.0))[1] == 0.0


def test_the_number_of_partials_for_several_results() -> None:
    def sincos(x: Any) -> Any:
        return np.sin(x), np.cos(x)

    for wrong in (lambda y, x: y[1], lambda y, x: (y[1], y[0], 0.0), lambda y, x: ((y[1],),)):
        scalar_rule(sincos, wrong)
        with pytest.raises(RuleError, match="gives 2 parts"):
            rrule(sincos, 0.5)[1](Tangent[tuple](1.0, 1.0))


def test_the_rule_of_one_argument() -> None:
    def cube(x: Any) -> Any:
        return x**3

    assert scalar_rule(cube, lambda y, x: 3 * x**2) is cube
    y, pullback = rrule(cube, 2.0)
    assert (y, pullback(1.0)) == (8.0, (NONE, 12.0))
    for x in (0.7, np.float64(0.7), np.array([0.5, -1.2]), np.array([[0.3 + 0.2j]]), 0.4 - 0.9j):
        check_rule(cube, x)


@pytest.mark.parametrize(
    "partials",
    [
        (lambda z, x, y: (y * x ** (y - 1), z * np.log(x)),),
        (lambda z, x, y: y * x ** (y - 1), lambda z, x, y: z * np.log(x)),
    ],
    ids=["one tuple", "one function each"],
)
def test_the_rule_of_two_arguments(partials: Any) -> None:
    def power(x: Any, y: Any) -> Any:
        return x**y

    scalar_rule(power, *partials)
    check_rule(power, 1.3, 0.7)
    check_rule(power, np.array([1.3, 0.4]), 0.7)
    check_rule(
        power, np.array([[1.3], [0.4]]), np.array([0.7, 2.0])
    )  # summed over what was broadcast
    _, dx, dy = rrule(power, np.float32(1.5), np.ones((2, 3)))[1](np.ones((2, 3)))
    assert (type(dx), dy.shape) == (np.float32, (2, 3))


def test_partial_derivatives_may_be_zero_or_missing() -> None:
    def bessel(n: Any, x: Any) -> Any:
        return n * x

    scalar_rule(bessel, lambda y, n, x: (NotImplementedTangent("the order"), Thunk(lambda: n)))
    _, dn, dx = rrule(bessel, 2.0, 3.0)[1](1.0)
    assert dn == NotImplementedTangent("the order")
    assert dx == 2.0

    def step(x: Any, edge: Any) -> Any:
        return x

    scalar_rule(step, lambda y, x, edge: (1.0, ZERO))
    assert rrule(step, 2.0, 3.0)[1](2.0) == (NONE, 2.0, ZERO)


def test_the_pullback_conjugates_and_projects() -> None:
    def turn(x: Any) -> Any:
        return 1j * x

    scalar_rule(turn, lambda y, x: 1j)
    assert rrule(turn, 1 + 0j)[1](1.0) == (NONE, -1j)
    assert rrule(turn, 1.0)[1](1j) == (NONE, 1.0)
    assert rrule(turn, np.float32(1))[1](1j)[1].dtype == np.float32


def test_annotations_of_partial_derivatives_dispatch() -> None:
    def f(x: Any) -> Any:
        return x

    def slope(y: Any, x: float) -> Any:
        return 1.0

    def slope_of_array(y: Any, x: np.ndarray) -> Any:
        return 2.0

    scalar_rule(f, slope)
    scalar_rule(f, slope_of_array)
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)
    assert rrule(f, np.ones(1))[1](np.ones(1))[1].tolist() == [2.0]
    assert rrule(f, "a") is None


def test_a_function_of_numpy_gives_its_slope() -> None:
    def f(x: Any) -> Any:
        return x

    scalar_rule(f, math.copysign)
    assert rrule(f, -2.0)[1](1.0) == (NONE, -2.0)


def test_wrong_partial_derivatives() -> None:
    def f(x: Any, y: Any) -> Any:
        return x

    with pytest.raises(RuleError, match="needs the partial derivatives"):
        scalar_rule(f)
    with pytest.raises(RuleError, match=r"\(y, \*args\)"):
        scalar_rule(f, lambda: 1.0)
    scalar_rule(f, lambda z, x, y: 1.0)
    with pytest.raises(RuleError, match="1 partial derivatives were given for 2 arguments"):
        rrule(f, 1.0, 2.0)

    def g(x: Any) -> Any:
        return x

    scalar_rule(g, lambda y, x: 1.0)
    with pytest.raises(ValueError):
        rrule(g, np.ones(2))[1](np.ones(3))


def test_keywords_of_a_scalar_function() -> None:
    def f(x: Any, *, k: float = 1.0) -> Any:
        return k + x

    scalar_rule(f, lambda y, x: 1.0)
    y, pullback = rrule(f, 1.0, k=5.0)
    assert (y, pullback(2.0)) == (6.0, (NONE, 2.0))


# What goes through a pullback


def test_ignoring_derivatives_calls_nothing() -> None:
    def explode() -> None:
        raise AssertionError

    assert ignore_derivatives(explode) is explode
    x = np.ones(2)
    assert ignore_derivatives(x) is x
    assert rrule(ignore_derivatives, 3.0)[1](1.0) == (NONE, NONE)


def test_ignoring_derivatives_takes_tracing_off() -> None:
    class Traced:
        def __init__(self, value: Any) -> None:
            self.value = value

        def __traced_value__(self) -> Any:
            return self.value

    assert ignore_derivatives(Traced(Traced(3.0))) == 3.0


def test_a_cotangent_goes_through_its_hook() -> None:
    seen: list[Any] = []

    def clip(dx: Any) -> Any:
        seen.append(dx)
        return np.clip(dx, -1.0, 1.0)

    x = np.array([1.0, 2.0])
    assert hook(clip, x) is x
    y, pullback = rrule(hook, clip, x)
    assert y is x
    _, df, dx = pullback(Thunk(lambda: np.array([5.0, 0.5])))
    assert df is NONE
    assert dx.tolist() == [1.0, 0.5]
    pullback(ZERO)
    assert len(seen) == 1
    assert rrule(hook, lambda d: 2 * d, (1.0, 2.0))[1](Tangent[tuple](1.0, ZERO))[2] == Tangent[
        tuple
    ](2.0)


def test_hooks_and_ignored_values_under_the_built_in_ad() -> None:
    from rules_runtime import gradient

    assert gradient(lambda x: hook(lambda dx: -dx, x) * 3.0, 2.0) == (-3.0,)
    assert gradient(lambda x: ignore_derivatives(x) * x, 2.0) == (2.0,)


@pytest.mark.parametrize("f", [np.sqrt, math.sqrt, np.float64, "aB".count], ids=repr)
def test_a_function_of_its_own(f: Any) -> None:
    own = primitive(f)
    argument = "B" if f is not np.sqrt and f is not math.sqrt and f is not np.float64 else 4.0
    assert own is not f
    assert own(argument) == f(argument)


def test_a_rule_of_a_function_of_its_own_is_no_rule_of_the_other() -> None:
    own, second = primitive(np.sqrt), primitive(np.sqrt)
    rrule.register(own)(lambda _, x: (np.sqrt(x), lambda dy: (NoTangent(), 100.0 * dy)))
    assert gradient(own, 4.0) == (100.0,)
    assert gradient(lambda x: own(x), 4.0) == (100.0,)
    assert gradient(np.sqrt, 4.0) == (0.25,)
    assert gradient(second, 4.0) == (0.25,)
    assert rrule(second, 4.0) is None


def test_a_method_and_a_decorated_function_of_its_own() -> None:
    @primitive
    def scaled(x: Any, *, by: float = 2.0) -> Any:
        "Twice."
        return by * x

    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Twice.")
    assert str(inspect.signature(scaled)).startswith("(x: 'Any', *, by: 'float' = 2.0)")
    assert gradient(lambda x: scaled(x, by=5.0), 1.0) == (5.0,)
    with pytest.raises(RuleError, match=r"3\.0 cannot be called"):
        primitive(3.0)  # type: ignore[arg-type]
