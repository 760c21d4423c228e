"""The kernels against the plain numpy expressions that they replace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient
from rules_runtime.kernels.broadcast import expand, product_sum, unbroadcast, unreduce
from rules_runtime.kernels.extrema import extremum_cotangent
from rules_runtime.kernels.fill import Fill, Scaled
from rules_runtime.kernels.products import matmul, matmul_left, matmul_right
from rules_runtime.kernels.scatter import add_at, put, scatter
from rules_runtime.kernels.triangular import cholesky_vjp, solve, triangle

RNG = np.random.default_rng(3)
SHAPES = [
    ((4, 3), (3,)),
    ((4, 3), (4, 1)),
    ((2, 4, 3), (4, 3)),
    ((2, 4, 3), (1, 1, 3)),
    ((4, 3), ()),
    ((4, 1), (4, 1)),
    ((5,), (1,)),
]


@pytest.mark.parametrize(("wide", "narrow"), SHAPES, ids=str)
def test_sums_over_broadcast_axes(wide: Any, narrow: Any) -> None:
    g, factor = RNG.normal(size=wide), RNG.normal(size=wide)
    mask = np.broadcast_to(np.arange(np.prod(narrow, dtype=int)).reshape(narrow), wide)
    want = np.array([g[mask == k].sum() for k in range(mask.max() + 1)]).reshape(narrow)
    np.testing.assert_allclose(unbroadcast(g, narrow), want)
    want = np.array([(g * factor)[mask == k].sum() for k in range(mask.max() + 1)]).reshape(narrow)
    np.testing.assert_allclose(product_sum(g, factor, narrow), want)
    g, factor = np.asfortranarray(g), np.asfortranarray(factor)
    np.testing.assert_allclose(product_sum(g, factor, narrow), want)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2), ()])
def test_expand_is_the_adjoint_of_a_sum(axes: Any) -> None:
    x = RNG.normal(size=(2, 3, 4))
    for keepdims in (True, False):
        g = RNG.normal(size=np.sum(x, axis=axes, keepdims=keepdims).shape)
        view = expand(np.asarray(g), x.shape, axes)
        assert view.shape == x.shape
        np.testing.assert_allclose(
            np.sum(view * x), np.sum(g * np.sum(x, axis=axes, keepdims=keepdims))
        )


INDICES: list[Any] = [
    RNG.integers(-7, 7, size=1000), RNG.integers(0, 7, size=(20, 30)), np.array([], int), np.array([0, 6, 0], np.int8), 3, slice(1, 6, 2),
    (RNG.integers(-7, 7, size=500), RNG.integers(0, 5, size=500)), (np.array([[0], [1]]), np.array([0, 4, 4])), np.arange(7) > 3,
    (slice(None), RNG.integers(0, 5, size=400)), (RNG.integers(0, 7, size=300),), [1, 1, 2], (2, np.array([1, 1])),
]  # fmt: skip


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize("shape", [(120, 7), (300, 3), (300,), (5, 60, 2)], ids=str)
@pytest.mark.parametrize("count", [20, 2000])
def test_scatter_by_small_integers(kind: Any, shape: tuple[int, ...], count: int) -> None:
    low = 0 if kind is np.uint8 else -100
    index: Any = RNG.integers(low, 100, size=count).astype(kind)
    if len(shape) == 3:
        index = ((index % 5).astype(kind), (index % 60).astype(kind))
    for dtype in (float, np.float32, complex):
        g = np.asfortranarray(RNG.normal(size=np.zeros(shape)[index].shape)).astype(dtype)
        want = np.zeros(shape, dtype)
        np.add.at(want, index, g)
        got = scatter(g, index, shape, np.dtype(dtype))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
        x = RNG.normal(size=shape).astype(dtype)
        np.testing.assert_allclose(add_at(x, index, g), x + want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("index", INDICES, ids=lambda i: str(type(i)))
@pytest.mark.parametrize("dtype", [float, np.float32, complex])
def test_scatter_is_add_at(index: Any, dtype: Any) -> None:
    for shape in ((7, 5), (7,)):
        if isinstance(index, tuple) and len(index) > len(shape):
            continue
        g = RNG.normal(size=np.zeros(shape)[index].shape).astype(dtype)
        if dtype is complex:
            g = np.asarray(g * (1 + 2j))
        want = np.zeros(shape, dtype)
        np.add.at(want, index, g)
        got = scatter(g, index, shape, np.dtype(dtype))
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize("n", [1, 5, 47, 48, 49, 130])
def test_cholesky_adjoint_in_blocks(n: int) -> None:
    a = RNG.normal(size=(n, n))
    a = a @ a.T + n * np.eye(n)
    low = np.linalg.cholesky(a)
    g = RNG.normal(size=(n, n))
    inverse = np.linalg.inv(low)
    phi = np.tril(low.T @ np.tril(g))
    phi[range(n), range(n)] *= 0.5
    s = inverse.T @ phi @ inverse
    before = g.copy()
    np.testing.assert_allclose(cholesky_vjp(g, low), 0.5 * (s + s.T), rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(g, before)


@pytest.mark.parametrize("n", [3, 24, 48, 49, 130])
@pytest.mark.parametrize("columns", [None, 4])
def test_triangular_systems(n: int, columns: int | None) -> None:
    a = RNG.normal(size=(n, n)) + 3 * n * np.eye(n)
    b = RNG.normal(size=n if columns is None else (n, columns))
    for m, kind in ((np.tril(a), "lower"), (np.triu(a), "upper"), (np.tril(a).T, "upper"), (a, "")):
        assert triangle(m) == (kind if n >= 24 else "")
        np.testing.assert_allclose(solve(m, b), np.linalg.solve(m, b), rtol=1e-9)
    nearly = np.tril(a)
    nearly[0, 1] = 1e-300
    if n > 2:
        assert triangle(nearly) == ""
    with pytest.raises(np.linalg.LinAlgError):
        solve(np.tril(a) * (np.arange(n) > 0), b)


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (1, 3, 4)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
    ],
)
def test_products(shapes: Any) -> None:
    x, y = (RNG.normal(size=s) for s in shapes)
    np.testing.assert_allclose(matmul(x, y), x @ y)
    g = RNG.normal(size=(x @ y).shape)
    dx, dy = matmul_left(g, y, x.shape), matmul_right(g, x, y.shape)
    np.testing.assert_allclose(np.sum(dx * x), np.sum(g * (x @ y)))
    np.testing.assert_allclose(np.sum(dy * y), np.sum(g * (x @ y)))
    assert (dx.shape, dy.shape) == (x.shape, y.shape)


@pytest.mark.parametrize("axes", [(1,), (0,), (0, 1)])
def test_extrema_share_evenly(axes: Any) -> None:
    x = np.array([[1.0, 3.0, 3.0], [5.0, 2.0, 0.0]])
    for values in (x, x + np.arange(6.0).reshape(2, 3) / 10):
        y = np.max(values, axis=axes)
        g = RNG.normal(size=y.shape)
        dx = extremum_cotangent(g, values, y, axes)
        np.testing.assert_allclose(np.sum(dx, axis=axes), g)
        assert np.all((dx != 0) <= (values == np.max(values, axis=axes, keepdims=True)))
        into = np.ones((2, 3))
        added = extremum_cotangent(g, values, y, axes, into)
        np.testing.assert_allclose(added - (1.0 if added is into else 0.0), dx)


def test_what_is_not_written_out() -> None:
    x = RNG.normal(size=(2, 3))
    fill = Fill(np.float64(2.0), (2, 3))
    np.testing.assert_array_equal(fill.dense(), np.full((2, 3), 2.0))
    np.testing.assert_array_equal(x * fill, 2.0 * x)
    assert (-fill).value == -2.0
    np.testing.assert_array_equal((fill * x[0]), 2.0 * np.broadcast_to(x[0], (2, 3)))
    with pytest.raises(ValueError, match="read-only"):
        fill.dense()[0] = 1.0
    scaled = Scaled(x, 3.0)
    np.testing.assert_array_equal(scaled.dense(), 3.0 * x)
    assert scaled.array is x


def test_put_changes_nothing() -> None:
    x = np.zeros(3)
    np.testing.assert_array_equal(put(x, 1, 5.0), [0, 5, 0])
    np.testing.assert_array_equal(x, np.zeros(3))


@pytest.mark.parametrize("axis", [None, 0, -1, 1, (0, -1), (2, 0), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 0, 2)])
def test_the_adjoint_of_a_sum(shape: Any, axis: Any, keepdims: bool) -> None:
    x = RNG.normal(size=shape)
    g = RNG.normal(size=np.shape(np.sum(x, axis, keepdims=keepdims)))
    spread = unreduce(g, shape, axis, keepdims)
    assert spread.shape == shape
    np.testing.assert_allclose(np.sum(spread * x), np.sum(g * np.sum(x, axis, keepdims=keepdims)))
    for order in (g.T.copy().T, g.astype(np.float32)):
        again = unreduce(order, shape, axis, keepdims)
        assert again.dtype == order.dtype
        np.testing.assert_allclose(again, spread, rtol=1e-6)
    assert gradient(lambda g: np.sum(unreduce(g, shape, axis) * x), np.sum(x, axis))[
        0
    ] == pytest.approx(np.sum(x, axis))


def test_a_square_of_a_slice_adds_to_what_is_there() -> None:
    """Under a sum its cotangent is not multiplied out where it meets the slice."""
    x = RNG.normal(size=1000)
    f = lambda x: np.sum(x[10:] ** 2) + np.sum(x[np.arange(900)] ** 2) + np.sum(x**2)
    expected = 2.0 * x * (1.0 + (np.arange(1000) >= 10) + (np.arange(1000) < 900))
    np.testing.assert_allclose(gradient(f, x)[0], expected, rtol=1e-14)
    g = lambda x: np.sum(x**2) + np.sum(x[10:] ** 2) + x[3]
    (dx,) = gradient(g, x)
    np.testing.assert_allclose(dx[10:], 4.0 * x[10:], rtol=1e-14)
