"""Rules that are wrong on purpose, each in another way:
`test_rrule` must find each and say what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    InplaceableThunk,
    NoTangent,
    Tangent,
    Thunk,
    ZeroTangent,
    rrule,
)
from rules_runtime.testing import RuleTestFailure, test_rrule

N, Z = NoTangent(), ZeroTangent()
X = np.array([0.5, -1.2, 2.0])


@dataclass
class Foo:
    a: float
    b: float
    label: str = ""


@dataclass
class Other:
    a: float
    b: float


class Pair(NamedTuple):
    first: float
    second: float


def failure(f: Callable[..., Any], *args: Any, **options: Any) -> str:
    with pytest.raises(RuleTestFailure) as caught:
        test_rrule(f, *args, **options)
    return str(caught.value)


def with_rule(f: Callable[..., Any], pullback: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with a rule whose pullback is `pullback(dy, *args)`."""

    @rrule.register(f)
    def rule(_, *args, **kwargs):
        def wrong_pullback(dy):
            return pullback(dy, *args)

        return f(*args, **kwargs), wrong_pullback

    return f


def test_the_failure_says_where_and_what_was_given_and_what_was_expected():
    def f(x, y: Foo, z):
        return 2 * x + y.a * z

    with_rule(f, lambda dy, x, y, z: (N, 2 * dy, Tangent[Foo](a=-3.0 * dy), y.a * dy))
    text = failure(f, 2.5, Foo(9.9, 7.2), 31.0, output_tangent=1.0)
    assert "test_rrule(" in text
    assert "Foo(a=9.9, b=7.2" in text
    assert "argument 2 (y), field a: the tangent differs" in text
    assert "the rule gave:           -3.0" in text
    assert "finite differences gave: 31.0" in text
    assert "argument 1" not in text
    assert "argument 3" not in text


def test_sign():
    f = with_rule(lambda x: np.cos(x), lambda dy, x: (N, dy * np.sin(x)))
    text = failure(f, X)
    assert "argument 1 (x): the tangent differs from finite differences" in text
    assert "at index (" in text


def test_factor_that_is_off_by_a_thousandth():
    f = with_rule(lambda x: x**2, lambda dy, x: (N, dy * 2.002 * x))
    assert "the tangent differs" in failure(f, 1.5)


def test_no_rule():
    def plain(x):
        return x

    assert "there is no rule for" in failure(plain, 1.0)
    assert "plain(float)" in failure(plain, 1.0)


def test_missing_tangent():
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (N, dy * y))
    text = failure(f, 2.0, 3.0)
    assert "missing tangent" in text
    assert "2 tangents instead of 3" in text


def test_missing_callee_tangent():
    """The commonest slip: the tangents of the arguments alone."""
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (dy * y, dy * x))
    assert "missing tangent" in failure(f, 2.0, 3.0)


def test_surplus_tangent():
    f = with_rule(lambda x: x * x, lambda dy, x: (N, dy * 2 * x, Z))
    text = failure(f, 2.0)
    assert "surplus tangent" in text
    assert "3 tangents instead of 2" in text


def test_surplus_tangent_beyond_defaults():
    """Tangents of defaults that were not passed are fine;
    one more than there are parameters is not."""

    def f(x, k=2.0):
        return k * x

    @rrule.register(f)
    def right(_, x, k=2.0):
        return k * x, lambda dy: (N, k * dy, x * dy)

    test_rrule(f, 1.5)
    test_rrule(f, 1.5, 3.0)

    def g(x, k=2.0):
        return k * x

    @rrule.register(g)
    def wrong(_, x, k=2.0):
        return k * x, lambda dy: (N, k * dy, x * dy, Z)

    assert "surplus tangent" in failure(g, 1.5)


def test_pullback_returns_a_list():
    f = with_rule(lambda x: x * x, lambda dy, x: [N, dy * 2 * x])
    text = failure(f, 2.0)
    assert "list" in text
    assert "tuple" in text


def test_pullback_returns_a_bare_tangent():
    f = with_rule(lambda x: 3 * x, lambda dy, x: 3 * dy)
    assert "tuple" in failure(f, 2.0)


def test_wrong_shape():
    f = with_rule(lambda x: x.sum(), lambda dy, x: (N, dy))
    text = failure(f, X)
    assert "argument 1 (x): the tangent has shape ()" in text
    assert "(3,)" in text


def test_transposed():
    f = with_rule(lambda x: 2.0 * x.T, lambda dy, x: (N, 2.0 * dy))
    assert "shape (2, 3), the primal has shape (3, 2)" in failure(f, np.ones((3, 2)))


def test_broadcast_not_summed():
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (N, dy * y, dy * x))
    text = failure(f, 2.0, X)
    assert "argument 1 (x)" in text
    assert "sum over what was broadcast" in text


def test_complex_tangent_of_a_real_argument():
    f = with_rule(lambda x, z: x * z, lambda dy, x, z: (N, dy * np.conj(z), dy * x))
    text = failure(f, 2.0, 1.0 + 2.0j)
    assert "argument 1 (x): the tangent is complex, the primal is real" in text


def test_complex_conjugate_missing():
    f = with_rule(lambda z: z * z, lambda dy, z: (N, dy * 2 * z))
    assert "argument 1 (z): the tangent differs" in failure(f, np.array([1.0 + 2.0j, -0.5 + 0.3j]))


def test_conjugate_of_a_linear_factor_missing():
    f = with_rule(lambda x, z: x * z, lambda dy, x, z: (N, np.real(dy * z), dy * x))
    assert "argument 1 (x)" in failure(f, 2.0, 1.0 + 2.0j)


def test_wrong_field():
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, Tangent[Foo](c=3 * dy)))
    text = failure(f, Foo(1.0, 2.0))
    assert "argument 1 (p)" in text
    assert "'c'" in text
    assert "'a', 'b'" in text


def test_the_tangent_in_another_field():
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, Tangent[Foo](b=3 * dy)))
    text = failure(f, Foo(1.0, 2.0))
    assert "argument 1 (p), field a: the rule gave a zero" in text
    assert "argument 1 (p), field b: the tangent differs" in text


def test_forgotten_field():
    f = with_rule(lambda p: p.a * p.b, lambda dy, p: (N, Tangent[Foo](a=dy * p.b)))
    assert "argument 1 (p), field b: the rule gave a zero" in failure(f, Foo(1.0, 2.0))


def test_tangent_of_another_type():
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, Tangent[Other](a=3 * dy)))
    text = failure(f, Foo(1.0, 2.0))
    assert "Tangent[Other]" in text
    assert "Foo" in text


def test_tangent_of_a_list_for_a_tuple():
    f = with_rule(lambda p: p[0] * p[1], lambda dy, p: (N, Tangent[list](p[1] * dy, p[0] * dy)))
    assert "Tangent[list]" in failure(f, (1.0, 2.0))


def test_too_many_parts():
    f = with_rule(lambda p: p[0] + p[1], lambda dy, p: (N, Tangent[tuple](dy, dy, dy)))
    assert "the tangent has 3 parts, the tuple has 2" in failure(f, (1.0, 2.0))


@pytest.mark.parametrize(
    ("left_over", "kind"),
    [
        pytest.param(lambda dy: {"a": 3 * dy}, "dict", id="dict"),
        pytest.param(lambda dy: (3 * dy, Z), "tuple", id="tuple"),
        pytest.param(lambda dy: [3 * dy, Z], "list", id="list"),
    ],
)
def test_plain_structure_left_over(left_over, kind):
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, left_over(dy)))
    text = failure(f, Foo(1.0, 2.0))
    assert f"argument 1 (p): a plain {kind} was left over where Tangent[Foo] belongs" in text


def test_none_left_over():
    f = with_rule(lambda x, y: x, lambda dy, x, y: (N, dy, None))
    assert "argument 2 (y): None was left over" in failure(f, 1.0, "s")


def test_none_left_over_inside():
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, Tangent[Foo](a=3 * dy, label=None)))
    assert "argument 1 (p), field label: None was left over" in failure(f, Foo(1.0, 2.0))


def test_an_instance_instead_of_a_tangent():
    f = with_rule(lambda p: 3 * p.a, lambda dy, p: (N, Foo(3 * dy, 0.0)))
    assert "Tangent[Foo] belongs here" in failure(f, Foo(1.0, 2.0))


@pytest.mark.parametrize("zero", [N, Z, 0.0], ids=repr)
def test_zero_for_non_zero(zero):
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (N, dy * y, zero))
    text = failure(f, 2.0, 3.0)
    assert "argument 2 (y): the rule gave a zero, but the function does depend on this" in text


def test_number_for_an_integer():
    f = with_rule(
        lambda x, n: x**n, lambda dy, x, n: (N, n * x ** (n - 1) * dy, x**n * np.log(x) * dy)
    )
    text = failure(f, 2.0, 3)
    assert "argument 2 (n): a int is not differentiable" in text


def test_number_for_a_string():
    f = with_rule(lambda x, s: 2 * x, lambda dy, x, s: (N, 2 * dy, 2 * dy))
    assert "argument 2 (s): a str is not differentiable" in failure(f, 2.0, "s")


def test_number_for_a_function():
    f = with_rule(lambda g, x: g(x), lambda dy, g, x: (N, dy, np.cos(x) * dy))
    assert "argument 1 (g): a ufunc is not differentiable" in failure(f, np.sin, 2.0)


def test_number_for_the_callee():
    f = with_rule(lambda x: 2 * x, lambda dy, x: (dy, 2 * dy))
    assert "the callee: a function is not differentiable" in failure(f, 2.0)


def test_zero_that_is_not_no_tangent_under_strict():
    f = with_rule(lambda x, s: 2 * x, lambda dy, x, s: (N, 2 * dy, Z))
    test_rrule(f, 2.0, "s")
    text = failure(f, 2.0, "s", strict=True)
    assert "argument 2 (s): its zero must be NoTangent()" in text


def test_callee_that_is_not_no_tangent_under_strict():
    f = with_rule(lambda x: 2 * x, lambda dy, x: (Z, 2 * dy))
    test_rrule(f, 2.0)
    assert "the callee: its zero must be NoTangent()" in failure(f, 2.0, strict=True)


def test_swapped_tangents():
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (N, dy * x, dy * y))
    text = failure(f, 2.0, 3.0)
    assert "argument 1 (x)" in text
    assert "argument 2 (y)" in text


def test_mutated_input():
    def f(x):
        return x**2

    @rrule.register(f)
    def rule(_, x):
        y = x**2
        x *= 2
        return y, lambda dy: (N, x * dy)

    assert "the rule for " in (text := failure(f, X.copy()))
    assert "writes into an argument" in text


def test_input_mutated_by_the_pullback():
    def pullback(dy, x):
        x *= 2
        return N, x * dy

    f = with_rule(lambda x: x**2, pullback)
    assert "writes into what it was given, which is not its own" in failure(f, X.copy())


def test_mutated_field():
    def pullback(dy, p):
        p.b = 0.0
        return N, Tangent[Foo](a=dy)

    f = with_rule(lambda p: p.a, pullback)
    assert "argument 1 (p), field b: was changed in place" in failure(f, Foo(1.0, 2.0))


def test_mutated_keyword_argument():
    def f(x, *, w):
        return x * w

    @rrule.register(f)
    def rule(_, x, *, w):
        y = x * w
        w += 1
        return y, lambda dy: (N, dy * (w - 1))

    text = failure(f, X, fkwargs={"w": np.ones(3)})
    assert "writes into an argument" in text


def test_mutated_cotangent():
    def pullback(dy, x):
        dy *= 2
        return N, dy

    f = with_rule(lambda x: 2 * x, pullback)
    assert "the pullback changed its cotangent in place" in failure(f, X)


def test_wrong_primal():
    def f(x):
        return 2 * x

    @rrule.register(f)
    def rule(_, x):
        return 2 * x + 1e-3, lambda dy: (N, 2 * dy)

    text = failure(f, 1.0)
    assert "the primal value: another value" in text
    assert "the function gives" in text


def test_primal_of_another_type():
    def f(p):
        return Pair(p.first, p.second)

    @rrule.register(f)
    def rule(_, p):
        return (p.first, p.second), lambda dy: (N, dy)

    assert "a tuple instead of a Pair" in failure(f, Pair(1.0, 2.0))


def test_primal_of_another_shape():
    def f(x):
        return x[:, None] * np.ones((1, 1))

    @rrule.register(f)
    def rule(_, x):
        return x, lambda dy: (N, dy)

    assert "shape (3,) instead of (3, 1)" in failure(f, X)


def test_thunk_that_raises():
    def broken():
        raise KeyError("lost")

    f = with_rule(lambda x: 2 * x, lambda dy, x: (N, Thunk(broken)))
    text = failure(f, 1.0)
    assert "argument 1 (x): the thunk raised KeyError" in text


def test_thunk_that_is_never_run():
    """A bare function in the place of a thunk."""
    f = with_rule(lambda x: 2 * x, lambda dy, x: (N, lambda: 2 * dy))
    text = failure(f, 1.0)
    assert "argument 1 (x): a function cannot be the tangent of a float" in text


def test_thunk_with_a_wrong_value():
    f = with_rule(lambda x: 2 * x, lambda dy, x: (N, Thunk(lambda: 3 * dy)))
    assert "argument 1 (x): the tangent differs" in failure(f, 1.0)


def test_thunk_of_a_thunk_inside_a_structure():
    f = with_rule(
        lambda p: 2 * p.a, lambda dy, p: (N, Thunk(lambda: Tangent[Foo](a=Thunk(lambda: 3 * dy))))
    )
    assert "argument 1 (p), field a: the tangent differs" in failure(f, Foo(1.0, 2.0))


def test_inplaceable_thunk_that_adds_something_else():
    def pullback(dy, x):
        def subtract(to):
            to -= 2 * dy
            return to

        return N, InplaceableThunk(subtract, Thunk(lambda: 2 * dy))

    f = with_rule(lambda x: 2 * x, pullback)
    assert "add_inplace(other, tangent) did not give the sum" in failure(f, X)


def test_second_call_differs():
    def f(x):
        return 2 * x

    @rrule.register(f)
    def rule(_, x):
        calls = []

        def pullback(dy):
            calls.append(dy)
            return N, 2 * dy if len(calls) <= 2 else 3 * dy

        return f(x), pullback

    text = failure(f, 1.0)
    assert "something else when called a second time" in text


def test_second_call_raises():
    def f(x):
        return 2 * x

    @rrule.register(f)
    def rule(_, x):
        saved = [x]

        def pullback(dy):
            saved.pop()
            return N, 2 * dy

        return f(x), pullback

    assert "the pullback raised IndexError" in failure(f, 1.0)


def test_reused_buffer():
    def f(x):
        return 2 * x

    @rrule.register(f)
    def rule(_, x):
        buffer = np.empty_like(x)

        def pullback(dy):
            np.multiply(2, dy, out=buffer)
            return N, buffer

        return f(x), pullback

    assert "a later call of the pullback overwrote the tangent" in failure(f, X)


def test_rule_that_raises():
    def f(x):
        return 2 * x

    @rrule.register(f)
    def rule(_, x):
        raise RuntimeError("half-finished")

    assert "the rule raised RuntimeError: half-finished" in failure(f, 1.0)


def test_pullback_that_raises():
    def pullback(dy, x):
        raise RuntimeError("half-finished")

    f = with_rule(lambda x: 2 * x, pullback)
    assert "the pullback raised RuntimeError: half-finished" in failure(f, 1.0)


class Scale:
    def __init__(self, k, power=2):
        self.k, self.power = k, power

    def __call__(self, x):
        return self.k * x


def test_functor_without_its_own_tangent():
    class Careless(Scale):
        def __call__(self, x):
            return self.k * x

    @rrule.register(Careless.__call__)
    def rule(self, x):
        return self.k * x, lambda dy: (N, self.k * dy)

    assert "the callee, field k: the rule gave a zero" in failure(Careless(3.0), 2.0)


def test_functor_with_a_wrong_tangent_of_its_own():
    class Careless(Scale):
        def __call__(self, x):
            return self.k * x

    @rrule.register(Careless.__call__)
    def rule(self, x):
        return self.k * x, lambda dy: (Tangent[Careless](k=dy), self.k * dy)

    text = failure(Careless(3.0), 2.0)
    assert "the callee, field k: the tangent differs" in text


def test_functor_with_a_tangent_for_an_integer():
    class Careless(Scale):
        def __call__(self, x):
            return self.k * x

    @rrule.register(Careless.__call__)
    def rule(self, x):
        return self.k * x, lambda dy: (Tangent[Careless](k=dy * x, power=dy), self.k * dy)

    assert "the callee, field power: a int is not differentiable" in failure(Careless(3.0), 2.0)


def test_constructor_with_swapped_fields():
    @dataclass
    class Point:
        x: float
        y: float

    @rrule.register(Point)
    def rule(_, x, y):
        return Point(x, y), lambda dp: (N, dp.y, dp.x)

    text = failure(Point, 1.0, 2.0)
    assert "argument 1" in text
    assert "argument 2" in text


def test_rule_that_does_not_expect_a_zero_part():
    def pullback(dy, x):
        return N, float.__add__(dy[0], dy[1] * 2 * x)

    f = with_rule(lambda x: (x, x * x), pullback)
    text = failure(f, 1.5)
    assert "the pullback raised" in text
    assert "for a cotangent with item 0 zero" in text


def test_rule_that_forgets_one_output():
    f = with_rule(lambda x: (x, x * x), lambda dy, x: (N, dy[1] * 2 * x))
    text = failure(f, 1.5)
    assert "argument 1 (x): the tangent differs" in text
    assert "Tangent[tuple]" in text


def test_wrong_only_in_one_element_of_a_large_array():
    def pullback(dy, x):
        dx = 2 * dy
        dx[777] += 1e-3
        return N, dx

    f = with_rule(lambda x: 2 * x, pullback)
    text = failure(f, np.linspace(0.0, 1.0, 5000))
    assert "argument 1 (x): the tangent differs" in text


def test_float32_is_not_an_excuse():
    f = with_rule(lambda x: np.sin(x), lambda dy, x: (N, dy * np.cos(x) * np.float32(1.01)))
    assert "argument 1 (x)" in failure(f, X.astype(np.float32))


def test_given_output_tangent_is_used():
    """Right for real cotangents, wrong for complex ones."""
    f = with_rule(lambda z: z * 1j, lambda dy, z: (N, np.real(dy) * -1j))
    test_rrule(f, 1.0 + 2.0j, output_tangent=1.0 + 0.0j)
    assert "argument 1 (z)" in failure(f, 1.0 + 2.0j)


def test_tolerances_are_obeyed():
    f = with_rule(lambda x: 2 * x, lambda dy, x: (N, 2.0002 * dy))
    test_rrule(f, 1.0, rtol=1e-3)
    test_rrule(f, 1.0, atol=1e-2)
    assert "the tangent differs" in failure(f, 1.0)


def test_all_problems_are_in_the_exception():
    f = with_rule(lambda x, y: x * y, lambda dy, x, y: (N, dy * x, dy * y))
    with pytest.raises(RuleTestFailure) as caught:
        test_rrule(f, 2.0, 3.0)
    assert [problem.where for problem in caught.value.problems] == [
        "argument 1 (x)",
        "argument 2 (y)",
    ]
    assert isinstance(caught.value, AssertionError)


def test_pytest_shows_the_users_lines_alone() -> None:
    def halved(x: Any) -> Any:
        return x / 2

    @rrule.register(halved)
    def rrule_halved(_: Any, x: Any) -> Any:
        return x / 2, lambda dy: (NoTangent(), dy)

    def raises(x: Any) -> Any:
        raise KeyError(x)

    for f in (halved, abs, raises):
        with pytest.raises(Exception, match=r".") as caught:
            test_rrule(f, 2.0)
        shown = caught.traceback.filter(caught)
        assert {str(entry.path) for entry in shown} == {__file__}
