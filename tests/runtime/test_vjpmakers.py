"""Registrations of autograd as rules: laziness, zeros, parts, containers, conjugation."""

from __future__ import annotations

import weakref
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rules_runtime import (
    NoTangent,
    NotImplementedTangent,
    NotImplementedTangentError,
    RuleError,
    Space,
    Tangent,
    UnbroadcastTo,
    ZeroTangent,
    from_vjpmaker_argnum,
    from_vjpmaker_argnums,
    from_vjpmakers,
    gradient,
    rrule,
    unthunk,
)
from rules_runtime.testing import test_rrule as check_rrule

pytestmark = pytest.mark.usefixtures("forget_rules")


def spiral(z: Any, w: Any, k: int = 1) -> Any:
    return z * np.exp(1j * w) * k


def by_z(ans: Any, z: Any, w: Any, k: int = 1) -> Any:
    return lambda g: UnbroadcastTo(z)(g * np.exp(1j * w) * k)


def by_w(ans: Any, z: Any, w: Any, k: int = 1) -> Any:
    return lambda g: UnbroadcastTo(w)(1j * g * ans)


MAKERS = (by_z, by_w)


def three_ways() -> list[Any]:
    return [
        from_vjpmakers(spiral, *MAKERS),
        from_vjpmaker_argnum(spiral, lambda n, ans, args, kwargs: MAKERS[n](ans, *args, **kwargs)),
        from_vjpmaker_argnums(
            spiral,
            lambda ns, ans, args, kwargs: (
                lambda g: (MAKERS[n](ans, *args, **kwargs)(g) for n in ns)
            ),
        ),
    ]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two arrays that broadcast: of all kinds of numbers, empty, 0-d, not contiguous."""
    shapes = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3, min_side=0)
    )
    made = []
    for shape in shapes.input_shapes:
        kind = draw(st.sampled_from([np.float64, np.float32, np.complex128]))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        x = rng.uniform(0.2, 1.0, (*shape, 2)).astype(np.float32)
        full = (x[..., 0] + (1j * x[..., 1] if kind is np.complex128 else 0)).astype(kind)
        made.append(full.T.copy().T if draw(st.booleans()) else full[()])
    return made[0], made[1]


@given(pairs(), st.sampled_from([0, 1, 2]))
def test_all_forms_are_the_derivative(args: tuple[Any, Any], which: int) -> None:
    rrule.register(spiral)(three_ways()[which])
    try:
        tolerance = 1e-3 if any(np.result_type(x) == np.float32 for x in args) else 1e-6
        check_rrule(spiral, *args, rtol=tolerance, atol=tolerance)
        check_rrule(spiral, *args, fkwargs={"k": 3}, rtol=tolerance, atol=tolerance)
    finally:
        for rule in rrule.rules_for(spiral):
            rrule.remove_rule(rule)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda ans, z, w: lambda g: g * np.exp(-1j * w),  # the wrong sign
        lambda ans, z, w: lambda g: np.conj(np.exp(1j * w)) * g,  # conjugated already
        lambda ans, z, w: lambda g: g * np.exp(1j * w) * 1.001,
        lambda ans, z, w: None,
    ],
)
def test_a_wrong_maker_is_found(wrong: Any) -> None:
    rrule.register(spiral)(from_vjpmakers(spiral, wrong, by_w))
    with pytest.raises((AssertionError, TypeError)):
        check_rrule(spiral, np.array([0.3 + 1j, 0.5]), np.array([0.4, 0.6]))


def test_makers_run_for_what_is_asked() -> None:
    def refuses(ans: Any, x: Any, y: Any) -> Any:
        raise ValueError("not with respect to y")

    def f(x: Any, y: Any) -> Any:
        return x * y

    rrule.register(f)(from_vjpmakers(f, lambda ans, x, y: lambda g: g * y, refuses))
    assert gradient(lambda x: f(x, 3.0), 2.0) == (3.0,)
    with pytest.raises(ValueError, match="not with respect to y"):
        gradient(lambda y: f(2.0, y), 3.0)


def test_zeros_and_what_is_missing() -> None:
    def f(x: Any, y: Any, z: Any, label: str, *more: Any) -> Any:
        return x + y + z

    one = lambda ans, *args: lambda g: g
    rrule.register(f)(from_vjpmakers(f, None, one, one, argnums=(0, np.int64(2))))  # one too many
    _, back = rrule(f, 1.0, 2.0, 3.0, "a", 4.0, 5)
    _, x, y, z, label, more, whole = back(2.0)
    assert (x, unthunk(z), label, whole) == (ZeroTangent(), 2.0, NoTangent(), NoTangent())
    assert isinstance(y, NotImplementedTangent)
    with pytest.raises(NotImplementedTangentError, match="f: no derivative with respect to y"):
        float(y)
    with pytest.raises(NotImplementedTangentError, match="with respect to argument 4"):
        float(more)


def test_one_computation_for_all() -> None:
    ran = []

    def maker(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        def vjp(g: Any) -> Any:
            ran.append(argnums)
            if 1 in argnums and args[2] == "no y":
                raise NotImplementedError("y")
            return tuple(g * args[1 - n] for n in argnums)

        return vjp

    def f(x: Any, y: Any, what: str) -> Any:
        return x * y

    rrule.register(f)(from_vjpmaker_argnums(f, maker))
    assert gradient(lambda x, y: f(x, y, ""), 2.0, 3.0) == (3.0, 2.0)
    assert ran == [(0, 1)]
    assert gradient(lambda x: f(x, 3.0, "no y"), 2.0) == (3.0,)
    with pytest.raises(NotImplementedError):
        gradient(lambda y: f(2.0, y, "no y"), 2.0)


def test_too_few_tangents_are_an_error() -> None:
    def f(x: Any) -> Any:
        return x

    rrule.register(f)(from_vjpmaker_argnums(f, lambda ns, ans, args, kwargs: lambda g: ()))
    with pytest.raises(RuleError, match="f: its vjp gave 0 tangents"):
        gradient(f, 1.0)


def test_parts_of_the_cotangent_are_written_out() -> None:
    def f(x: Any) -> Any:
        return x, (2 * x, {"a": 3 * x})

    seen = []

    def maker(ans: Any, x: Any) -> Any:
        def vjp(g: Any) -> Any:
            seen.append(g)
            a, (b, c) = g
            return a + 2 * b + 3 * c["a"]

        return vjp

    rrule.register(f)(from_vjpmakers(f, maker))
    np.testing.assert_array_equal(gradient(lambda x: np.sum(f(x)[1][0]), np.ones(2))[0], [2.0, 2.0])
    (g,) = seen
    np.testing.assert_array_equal(g[0], [0.0, 0.0])
    assert type(g) is type(g[1]) is tuple


def test_containers() -> None:
    def f(p: Any, xs: Any) -> Any:
        return p["k"] * np.sum(p["x"]) + xs[0]

    rule = from_vjpmakers(
        f,
        lambda ans, p, xs: lambda g: {"k": g * np.sum(p["x"]), "x": g * p["k"] * np.ones(2)},
        lambda ans, p, xs: lambda g: [g, 0.0],
    )
    rrule.register(f)(rule)
    dp, dxs = gradient(f, {"k": 2.0, "x": np.ones(2)}, [1.0, 2.0])
    np.testing.assert_array_equal(dp["x"], [2.0, 2.0])
    assert (dp["k"], dxs) == (2.0, Tangent[list](1.0, 0.0))


def test_what_looks_like_a_sparse_object() -> None:
    class Space:
        def zeros(self) -> Any:
            return np.zeros(4)

    class Sparse:
        def __init__(self, vs: Any, mut_add: Any) -> None:
            self.vs, self.mut_add = vs, mut_add

    def rows(table: Any, places: Any) -> Any:
        return table[places]

    def maker(ans: Any, table: Any, places: Any) -> Any:
        def vjp(g: Any) -> Any:
            def mut_add(total: Any) -> Any:
                np.add.at(total, places, g)
                return total

            return Sparse(Space(), mut_add)

        return vjp

    rrule.register(rows)(from_vjpmakers(rows, maker))
    places = np.array([0, 2, 2])
    f = lambda t: np.sum(rows(t, places) ** 2)
    np.testing.assert_array_equal(gradient(f, np.arange(4.0))[0], [0.0, 0.0, 8.0, 0.0])
    second = gradient(lambda t: np.sum(gradient(f, t)[0] ** 2), np.arange(4.0))[0]
    np.testing.assert_array_equal(second, [0.0, 0.0, 64.0, 0.0])


def test_second_order_by_the_tape() -> None:
    def cube(x: Any) -> Any:
        return x**3

    rrule.register(cube)(from_vjpmakers(cube, lambda ans, x: lambda g: g * 3 * x**2))
    assert gradient(lambda x: gradient(cube, x)[0], 2.0) == (12.0,)


@pytest.mark.parametrize("make", [from_vjpmaker_argnum, from_vjpmaker_argnums, from_vjpmakers])
def test_what_is_no_maker(make: Any) -> None:
    with pytest.raises(RuleError, match=r"sin: a maker of vjps is a function"):
        make(np.sin, 3.0)


@pytest.mark.parametrize("x", [2.0, 1j, np.float32(1), np.ones((2, 0, 3)), np.ones(3, complex)])
def test_a_space_says_what_autograds_says(x: Any) -> None:
    extend = pytest.importorskip("autograd.extend")
    space, theirs = Space(x), extend.vspace(x)
    for attribute in ("shape", "ndim", "size", "iscomplex"):
        assert getattr(space, attribute) == getattr(theirs, attribute)
    assert space.dtype == np.result_type(x)
    assert np.shape(space.zeros()) == space.shape
    assert space.zeros().dtype == space.dtype
    assert not np.any(space.zeros())


def test_a_space_keeps_no_array() -> None:
    x = np.ones(3)
    kept = weakref.ref(x)
    space = Space(x)
    del x
    assert kept() is None
    assert repr(space) == "Space((3,), float64)"
