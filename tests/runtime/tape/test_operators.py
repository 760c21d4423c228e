"""Operators and indexing of traced values, against finite differences,
in first and second order."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, gradient, pullback, rrule
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

RNG = np.random.default_rng(0)
SHAPES = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((2, 2), ()), ((), ())]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def positive(shape: tuple[int, ...]) -> Any:
    x = RNG.uniform(0.5, 2.0, size=shape)
    return np.float64(x) if shape == () else x


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_binary_operators_broadcast(op: Any, shapes: Any) -> None:
    x, y = map(positive, shapes)
    for f in (
        lambda x, y: np.sum(op(x, y) ** 2),
        lambda x, y: np.sum(op(y, x) * x),
    ):
        assert_gradient(f, x, y)
        assert_second_order(f, x, y)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
@pytest.mark.parametrize("c", [3, 2.0, 0.5, np.float64(1.5), -2])
def test_constants_on_either_side(op: Any, shape: Any, c: Any) -> None:
    x = positive(shape)
    assert_gradient(lambda x: np.sum(op(x, c) * x), x)
    assert_second_order(lambda x: np.sum(op(x, c) * x), x)
    if c > 0:
        assert_gradient(lambda x: np.sum(op(c, x) * x), x)
        assert_second_order(lambda x: np.sum(op(c, x) * x), x)


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_constant_arrays_on_either_side(op: Any) -> None:
    x, c = positive((2, 3)), positive((2, 3))
    assert_gradient(lambda x: np.sum(op(x, c) * x), x)
    assert_gradient(lambda x: np.sum(op(c, x) * x), x)
    assert_gradient(lambda x: np.sum(op(c[0], x) * x), x)
    assert_second_order(lambda x: np.sum(op(c, x) * x), x)


def test_unary_operators() -> None:
    x = np.array([1.5, -0.5])
    assert_gradient(lambda x: np.sum(-x * abs(x) + +x), x)
    assert_second_order(lambda x: np.sum(-x * abs(x) + +x), x)


MATRICES = [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 2)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (4, 3, 2)),
            ((2, 3), (4, 3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)), ((4, 1, 2, 3), (5, 3, 2))]  # fmt: skip


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul(shapes: Any) -> None:
    x, y = (RNG.normal(size=s) for s in shapes)
    for f in (lambda x, y: np.sum(np.sin(x @ y)), lambda x, y: np.sum(np.matmul(x, y) ** 2)):
        assert_gradient(f, x, y)
    assert_second_order(lambda x, y: np.sum(np.sin(x @ y)), x, y)
    assert_gradient(lambda x: np.sum(np.sin(x @ y)), x)
    assert_gradient(lambda y: np.sum(np.sin(x @ y)), y)


INDICES: list[Any] = [
    0, -1, slice(1, None), slice(None, None, -1), (slice(None), 1), (..., 0), None, (0, slice(None, None, 2)),
    np.array([0, 2, 0]), np.array([-1, 0, -1]), [1, 1], np.array([True, False, True]), (np.array([0, 2, 2]), np.array([1, 1, 1])),
    (slice(None), np.array([0, 0, 3])), (np.array([[0, 1], [2, 0]]),), (1, np.array([3, 3])), (None, np.array([0, 0])), np.array([], int),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index: Any) -> None:
    x = RNG.normal(size=(3, 4))
    assert_gradient(lambda x: np.sum(np.sin(x[index])), x)
    assert_second_order(lambda x: np.sum(np.sin(x[index]) * np.sum(x)), x)


def test_slices_that_tile_an_array_overlap_or_leave_gaps() -> None:
    x = RNG.normal(size=(3, 6))
    for cuts in ([(0, 2), (2, 6)], [(2, 6), (0, 2)], [(0, 3), (2, 6)], [(0, 1), (4, 6)], [(0, 6)]):
        assert_gradient(
            lambda x, cuts=cuts: sum(np.sum(np.sin(x[:, a:b]) * (a + 1)) for a, b in cuts), x
        )


def test_one_value_used_in_many_places_does_not_alias() -> None:
    def f(x: Any) -> Any:
        y = x + x
        z = y + x
        return np.sum(y * z + z - y * 2.0 + x[::-1])

    assert_gradient(f, RNG.normal(size=4))
    x = np.ones(3)
    dx, dy = gradient(lambda x, y: np.sum(x + y), x, x)
    dx += 1.0
    np.testing.assert_array_equal(dy, np.ones(3))


def test_gradients_are_the_callers_own() -> None:
    seed = np.ones(3)
    from rules_runtime import pullback

    _, back = pullback(lambda x: x + 0.0, np.zeros(3))
    (dx,) = back(seed)
    dx += 5.0
    np.testing.assert_array_equal(seed, np.ones(3))
    np.testing.assert_array_equal(back(seed)[0], np.ones(3))


def test_control_flow_goes_by_the_primal() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for v in x:
            if v > 0 and not v == 3.0:
                total = total + v * v
            elif v <= -1:
                total = total - v
        while total < 100:
            total = total * 2.0
        return total

    assert_gradient(f, np.array([1.0, -2.0, 0.5, 2.5]))


def test_python_numbers() -> None:
    assert gradient(lambda x: x * x * x, 3.0) == (27.0,)
    assert type(gradient(lambda x: x * x, 3.0)[0]) is float
    (g,) = gradient(lambda x: 2.0 / x - x**-1 + 3**x, 2.0)
    assert g == pytest.approx(-0.25 + 9 * np.log(3))


def test_numbers_of_numpy_keep_their_type() -> None:
    assert type(gradient(lambda x: x * 2.0, np.float32(3.0))[0]) is np.float32
    assert gradient(lambda x: np.sum(x * 2.0), np.ones(2, np.float32))[0].dtype == np.float32
    (g,) = gradient(lambda x: np.sum(x * np.ones(2)), np.ones(2, np.float32))
    assert g.dtype == np.float32


def test_tuples_and_sums_of_python() -> None:
    assert_gradient(lambda x: sum(v * v for v in x), np.arange(3.0))
    assert_gradient(lambda x: max(x[0], x[1]) * min(x[0], x[1]), np.array([1.0, 2.0]))
    a, b = gradient(lambda a, b: divmod(a, b)[1] * b, 7.5, 2.0)
    assert (a, b) == (2.0, 1.5 - 3 * 2.0)


def test_power_of_zero_and_negative_numbers() -> None:
    assert gradient(lambda x: x**2, 0.0) == (0.0,)
    assert gradient(lambda x: x**0, 0.0) == (0.0,)
    assert gradient(lambda x: x**3, -2.0) == (12.0,)
    np.testing.assert_allclose(
        gradient(lambda x: np.sum(x**2.0), np.array([0.0, -1.0]))[0], [0, -2]
    )
    with np.errstate(divide="ignore"):
        assert gradient(lambda x: x**0.5, 0.0) == (np.inf,)
    y = np.array([0.0, 2.0])
    np.testing.assert_allclose(gradient(lambda x: np.sum(x**y), np.array([0.0, -3.0]))[0], [0, -6])


def test_keywords_reach_the_rules() -> None:
    x = np.array([-2.0, 0.3, 1.7])
    assert_gradient(lambda x: np.sum(np.clip(x, a_min=-1.0, a_max=1.0) * x), x)
    assert_gradient(lambda x, lo: np.sum(np.clip(x, a_min=lo, a_max=1.0) * x), x, np.float64(-1.0))
    m = np.arange(6.0).reshape(1, 2, 3)
    assert_gradient(lambda m: np.sum(np.moveaxis(m, source=0, destination=2) ** 2), m)
    assert_gradient(lambda m: np.sum(np.swapaxes(m, axis1=0, axis2=1)[0] ** 2), m)
    assert_gradient(lambda m: np.sum(np.sin(m, dtype=float) * np.add(m, 1.0, dtype=float)), m)


def test_einsum_with_lists_of_labels_and_joins_of_one_array() -> None:
    x, y = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4))
    assert_gradient(lambda x, y: np.sum(np.einsum(x, [0, 1], y, [1, 2], [0, 2]) ** 2), x, y)
    assert_gradient(lambda x: np.sum(np.vstack(x) ** 2) + np.sum(np.hstack(x) ** 3), x)


EINSUMS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bkj->bik", [(2, 3, 4), (2, 5, 4)]), ("ij->j", [(2, 3)]), ("ii->", [(3, 3)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]), ("ij,jk,ik->i", [(2, 3), (3, 4), (2, 4)]), ("i,j,k->", [(2,), (3,), (4,)]),
    ("ij,ij,ij->j", [(2, 3)] * 3), ("...ij,jk,...k->...i", [(5, 2, 3), (3, 4), (5, 4)]), ("ii,ij,j->", [(3, 3), (3, 3), (3,)]),
    ("ij,k->ki", [(2, 3), (4,)]), ("ij,ij", [(2, 3), (2, 3)]), ("ij,j", [(1, 3), (3,)]), ("ab,bc,cd,de->ae", [(2, 2)] * 4),
]  # fmt: skip


@pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS)
def test_einsum(subscripts: str, shapes: Any) -> None:
    from rules_runtime.kernels.einsum import einsum

    operands = [RNG.normal(size=s) for s in shapes]
    np.testing.assert_allclose(einsum(subscripts, *operands), np.einsum(subscripts, *operands))
    assert_gradient(lambda *xs: np.sum(np.einsum(subscripts, *xs) ** 2), *operands)
    assert_second_order(lambda *xs: np.sum(np.einsum(subscripts, *xs) ** 2), *operands)


def test_cotangents_that_are_an_array_times_a_number() -> None:
    x, w = RNG.normal(size=600), RNG.normal(size=(600, 3)) / 600
    index = RNG.integers(600, size=1000)
    m = RNG.normal(size=(40, 20))
    for f in (
        lambda x: 3.0 * np.sum(x[index] ** 2),
        lambda x: np.sum(x**2) - np.mean(x**2) + np.sum(x[::-1] ** 2),
        lambda x: np.sum(x**2 * 2.0) + np.sum((x - 1.0) ** 2) + np.sum((-x) ** 2),
        lambda x: np.mean((x[index] + x[index[::-1]]) ** 2) + np.sum(x[:300] ** 2),
        lambda x: np.sum(np.concatenate([x, x]) ** 2) + np.sum(np.split(x, 2)[1] ** 2),
        lambda x: np.sum(np.reshape(x, (30, 20)) ** 2) + np.sum(np.reshape(x, (20, 30)).T ** 2),
    ):
        assert_gradient(f, x, rtol=1e-4)
    for g in (
        lambda w, m: 0.5 * np.sum((m @ w[:20]) ** 2) + np.sum((np.outer(w[:, 0], w[:, 1])) ** 2),
        lambda w, m: np.mean((w @ m[:3]) ** 2) + np.mean((w @ m[:3, 0]) ** 2),
        lambda w, m: np.sum((np.reshape(w, (3, 200, 3)) @ m[:3]) ** 2),
    ):
        assert_gradient(g, w, m, rtol=1e-4)


@pytest.mark.parametrize("size", [5, 300])
@pytest.mark.parametrize("n", [3, 4, 3.0, 5, 0.5, 1.5, 2.5, -1, -2.5])
def test_powers_of_small_and_large_arrays(size: int, n: float) -> None:
    x = np.linspace(0.3, 2.0, size)
    y, back = pullback(lambda x: x**n, x)
    np.testing.assert_allclose(y, x**n, rtol=1e-15)
    np.testing.assert_allclose(back(x)[0], x * n * x ** (n - 1), rtol=1e-13)
    if n > 1:  # also at zero
        x[0] = 0.0
        np.testing.assert_allclose(
            gradient(lambda x: np.sum(x**n), x)[0], n * x ** (n - 1), rtol=1e-13
        )
    np.testing.assert_allclose(gradient(lambda x: np.sum(x * x), x)[0], 2 * x)


@pytest.mark.parametrize("dtype", ["f4", "c8"])
def test_single_precision_stays_single_all_the_way_back(dtype: str) -> None:
    seen: list[Any] = []

    def watched(x: Any) -> Any:
        return x * 2

    @rrule.register(watched)
    def rrule_watched(_: Any, x: Any) -> Any:
        def pullback(dy: Any) -> Any:
            seen.append(dy.dtype)
            return NoTangent(), 2 * dy

        return x * 2, pullback

    def f(w: Any, x: Any) -> Any:
        h = watched(np.tanh(x @ w + 1.0))
        h = watched(h / (1.5 + h * h) - np.sum(h, axis=0) + np.where(x[:, :1].real > 0.5, h, -h))
        return np.mean(np.abs(watched(h**3)) ** 2) + np.sum(watched(np.exp(h)[:, 1:])).real

    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=(5, 3)).astype(dtype)
    dw, dx = gradient(f, w, x)
    assert {t.char for t in seen} == {np.dtype(dtype).char} and len(seen) == 4
    assert dw.dtype == dx.dtype == dtype
    wide = np.dtype(dtype.replace("4", "8") if dtype == "f4" else "c16")
    for d, exact in zip((dw, dx), gradient(f, w.astype(wide), x.astype(wide)), strict=True):
        np.testing.assert_allclose(d, exact, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("function", [np.add, np.subtract, np.multiply, np.divide])
@pytest.mark.parametrize("n", [1, 10])
def test_operands_that_are_not_real_numbers(function: Any, n: int) -> None:
    """An array with a complex number; with a value of an outer trace."""
    x = np.linspace(0.1, 1.0, n)
    z = 1.5 + 2.0j
    y, back = pullback(function, x, z)
    assert np.array_equal(y, function(x, z))
    assert back(np.ones(n, complex))[0].shape == (n,)
    outer = gradient(
        lambda a: np.sum(gradient(lambda x, a: np.sum(function(x, a) ** 2), x, a)[0]), 1.5
    )[0]
    d = 1e-5
    expected = (
        np.sum(gradient(lambda x: np.sum(function(x, 1.5 + d) ** 2), x)[0])
        - np.sum(gradient(lambda x: np.sum(function(x, 1.5 - d) ** 2), x)[0])
    ) / (2 * d)
    assert outer == pytest.approx(expected, rel=1e-6)
