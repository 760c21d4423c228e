"""dask arrays: nothing is computed before somebody asks, gradients are dask arrays, and they are those of numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules_runtime import gradient, pullback, rrule, unthunk, value_and_gradient
from rules_runtime.tape import MissingRuleError

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("error::FutureWarning")  # dask's for "loads it all"

rng = np.random.default_rng(5)
X, W, V = rng.normal(size=(7, 5)), rng.normal(size=(5, 3)), rng.normal(size=5)
P, S = np.abs(X) + 0.5, X.T @ X + np.eye(5)


def never(*args: Any, **kwargs: Any) -> NoReturn:
    raise AssertionError("something was computed")


def lazily(f: Callable[..., Any], *args: Any) -> Any:
    """`f(*args)`, which may compute nothing."""
    with dask.config.set(scheduler=never):
        return f(*args)


def in_chunks(x: Any, size: int = 3) -> Any:
    """As a dask array whose chunks do not divide it."""
    return da.from_array(x, chunks=tuple(min(n, size + k) for k, n in enumerate(x.shape)))


def computed(x: Any) -> Any:
    return x.compute() if isinstance(x, da.Array) else x


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    # reductions
    "sum": (lambda x: np.sum(np.sum(x, axis=0) ** 2), (X,)),
    "sum, keepdims": (lambda x: np.sum(x / np.sum(x**2, axis=1, keepdims=True)), (X,)),
    "sum, two axes": (lambda x: np.sum(x, axis=(0, 1)) ** 2, (X,)),
    "method": (lambda x: x.sum(axis=1) @ np.arange(7.0), (X,)),
    "mean": (lambda x: np.mean(x, axis=1) @ np.arange(7.0), (X,)),
    "var": (lambda x: np.sum(np.var(x, axis=0) * np.arange(5.0)), (X,)),
    "std": (lambda x: np.sum(np.std(x, axis=1, keepdims=True, ddof=1) * x), (X,)),
    "average": (lambda x: np.sum(np.average(x, axis=0) ** 2), (X,)),
    "max": (lambda x: np.sum(np.max(x, axis=1) ** 2), (X,)),
    "min": (lambda x: np.min(x), (X,)),
    "prod": (lambda x: np.prod(x[0]) + np.sum(np.prod(x, axis=0)), (X,)),
    "ptp": (lambda x: np.ptp(x) ** 2, (X,)),
    "nansum": (lambda x: np.nansum(x**2) + np.nanmean(np.where(X > 1, np.nan, x) ** 2), (X,)),
    "cumsum": (lambda x: np.sum(np.cumsum(x, axis=0) ** 2), (X,)),
    "cumprod": (lambda x: np.sum(np.cumprod(x, axis=1)), (P,)),
    "norm": (lambda x: np.linalg.norm(x) + np.sum(np.linalg.norm(x, axis=1)), (X,)),
    "cov": (lambda x: np.sum(np.cov(x) ** 2), (X,)),
    # products
    "matmul": (lambda x, w: np.sum((x @ w) ** 2), (X, W)),
    "matrix @ vector": (lambda x, v: np.sum((x @ v) ** 2), (X, V)),
    "dot": (lambda x, w, v: np.sum(np.dot(x, w) ** 2) + np.dot(v, v), (X, W, V)),
    "tensordot": (lambda x, w: np.sum(np.tensordot(x, w, axes=([1], [0])) ** 3), (X, W)),
    "einsum": (lambda x, w: np.sum(np.einsum("ij,jk->ik", x, w) ** 2), (X, W)),
    "einsum to a number": (lambda x: np.einsum("ij,ij->", x, x) ** 2, (X,)),
    "outer": (lambda v: np.sum(np.outer(v, v) ** 3), (V,)),
    "x.T @ x": (lambda x: np.sum((x.T @ x) ** 2), (X,)),
    # elementwise
    "broadcasting": (lambda x, v: np.sum((x * v + v) ** 2 / (1.0 + v**2) - v), (X, V)),
    "exp, log": (lambda x: np.log(np.sum(np.exp(x - np.max(x)))), (X,)),
    "logsumexp of rows": (
        lambda x: np.sum(np.log(np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1))),
        (X,),
    ),
    "logaddexp": (lambda x, v: np.sum(np.logaddexp(x, v)), (X, V)),
    "unary": (
        lambda x: np.sum(np.sqrt(x) * np.log(x) + np.sin(x) * np.cos(x) + np.tanh(x) + np.log1p(x)),
        (P,),
    ),
    "powers": (lambda x: np.sum(x**1.5 + x**x + 2.0**x + np.square(x) + 1 / x), (P,)),
    "abs, sign": (lambda x: np.sum(np.abs(x) * x * np.sign(x)), (X,)),
    "maximum": (lambda x, v: np.sum(np.maximum(x, 0.1) ** 2 + np.minimum(x, v) ** 2), (X, V)),
    "clip": (lambda x: np.sum(np.clip(x, -0.5, 0.5) ** 2), (X,)),
    "arctan2, hypot": (lambda x, v: np.sum(np.arctan2(x, v) + np.hypot(x, v)), (X, V)),
    "where": (lambda x: np.sum(np.where(x > 0, x**2, -x) + np.where(X > 1, 2.0, x)), (X,)),
    "select": (lambda x: np.sum(np.select([x > 1, x < -1, x > 2], [x, x**2, x**3], 0.5)), (X,)),
    "argmax": (lambda x: np.sum(np.argmax(x, axis=1) * x[:, 0]), (X,)),
    "complex": (lambda x: np.sum(np.real(x * (1 + 1j)) ** 2 + np.abs(x * 1j) ** 3), (X,)),
    # shapes
    "concatenate": (lambda x: np.sum(np.concatenate([x, x * 2], axis=1) ** 2), (X,)),
    "stack": (lambda x: np.sum(np.stack([x, x * 2], axis=1) ** 3), (X,)),
    "vstack, hstack": (lambda x: np.sum(np.vstack([x, x]) ** 2) + np.sum(np.hstack([x, 2 * x]) ** 3), (X,)),
    "block": (lambda x, v: np.sum(np.block([[x], [2.0 * v]]) ** 2), (X, V)),
    "reshape": (lambda x: np.sum(x.reshape(7, 5, 1)[:, :, 0] ** 2) + np.sum(x.reshape(-1) ** 3), (X,)),
    "ravel": (lambda x: np.sum(np.ravel(x) ** 2) + np.sum(x.flatten() ** 3), (X,)),
    "axes": (
        lambda x: np.sum(np.transpose(x, (1, 0)) ** 3 + np.swapaxes(x, 0, 1) * np.moveaxis(x, 0, 1)),
        (X,),
    ),
    "broadcast_to": (lambda v: np.sum(np.broadcast_to(v, (4, 5)) ** 2), (V,)),
    "axes of one": (lambda x: np.sum(np.squeeze(x[:1]) ** 2) + np.sum(np.expand_dims(x, 1) ** 3), (X,)),
    "tile, repeat, pad": (
        lambda v: np.sum(np.tile(v, 3) ** 2) + np.sum(np.repeat(v, 3) ** 3) + np.sum(np.pad(v, 2) ** 2),
        (V,),
    ),
    "roll, flip": (lambda x: np.sum(np.roll(x, 2, axis=0) * x + np.flip(x, 0) * x), (X,)),
    "diff": (lambda x: np.sum(np.diff(x, axis=0) ** 2), (X,)),
    "diagonals": (
        lambda s, v: np.trace(s) ** 2 + np.sum(np.diag(s) ** 2 + np.diag(np.diag(v)) ** 2 + np.diag(s, 0)),
        (S, V),
    ),
    "tril": (lambda s: np.sum(np.tril(s) ** 2 * s.T), (S,)),
    "split": (lambda x: np.sum(np.split(x, [2], axis=1)[0] ** 2), (X,)),
    "astype": (lambda x: np.sum(x.astype("f4") ** 2), (X,)),
    # indices
    "slices": (lambda x: np.sum(x[1:-1, ::2] ** 2) + np.sum(x[::-1, 3] * x[::-2][1, 1]), (X,)),
    "numbers": (lambda x: x[2, 3] * x[1, 0] * np.sum(x[-1]), (X,)),
    "new axes": (lambda v: np.sum((v[:, None] - v[None, :]) ** 2 * np.arange(5.0)), (V,)),
    "Ellipsis": (lambda x: np.sum(x[..., 0] ** 2 * x[..., 1]), (X,)),
    "gather": (lambda x: np.sum(x[[0, 2, 2, -1]] ** 2) + np.sum(x[:, np.array([3, 3, 3])] ** 3), (X,)),
    "take": (lambda x: np.sum(np.take(x, [0, 2, 2], axis=0) ** 2 * x[:3]), (X,)),
    "mask": (lambda x: np.sum(x[X[:, 0] > 0] ** 2) + np.sum(x[:, X[0] > 0] ** 3), (X,)),
}  # fmt: skip


@pytest.mark.parametrize("size", [2, 3, 10])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name: str, size: int) -> None:
    f, args = FUNCTIONS[name]
    want, wanted = value_and_gradient(f, *args)
    value, grads = lazily(value_and_gradient, f, *(in_chunks(x, size) for x in args))
    assert isinstance(value, da.Array)
    np.testing.assert_allclose(value.compute(), want, 1e-6)
    for g, expected, x in zip(grads, wanted, args, strict=True):
        assert isinstance(g, da.Array)
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
        np.testing.assert_allclose(g.compute(), expected, 1e-6, 1e-9)


def test_linear_algebra_in_chunks_that_dask_can() -> None:
    for f, args in (
        (lambda s, v: np.sum(np.linalg.solve(s, v) ** 2), (S, V)),
        (lambda s: np.sum(np.linalg.inv(s) ** 2), (S,)),
        (lambda s: np.sum(np.linalg.cholesky(s) ** 2 * np.arange(5.0)), (S,)),
        (lambda x: np.sum(np.linalg.qr(x)[1] ** 2 * np.arange(5.0)), (X,)),
        (lambda x: np.sum(np.linalg.svd(x, full_matrices=False)[1] ** 3), (X,)),
        (lambda x: np.sum(np.abs(np.fft.fft(x, axis=1)) ** 3), (X,)),
    ):
        want, wanted = value_and_gradient(f, *args)
        value, grads = lazily(value_and_gradient, f, *(in_chunks(x, 10) for x in args))
        np.testing.assert_allclose(value.compute(), want)
        for g, expected in zip(grads, wanted, strict=True):
            np.testing.assert_allclose(g.compute(), expected, 1e-6, 1e-9)


def model(w: Any, m: Any, b: Any, x: Any) -> Any:
    h = np.tanh(x @ m + b)
    p = 1 / (1 + np.exp(-(x @ w)))
    rest = np.sum(w**2) + np.max(w) + np.sum(m[0] * b) + np.sum(np.where(w > 0, w, 0) * 2.0)
    return rest + np.mean(h**2) + np.sum(np.log(p)) + np.mean(np.maximum(h, 0)) + np.sum(np.abs(b))


def test_parameters_of_numpy_and_data_of_dask() -> None:
    params, data = (V, W, W[0]), in_chunks(X)
    want, wanted = value_and_gradient(lambda *p: model(*p, X), *params)
    value, grads = lazily(value_and_gradient, lambda *p: model(*p, data), *params)
    np.testing.assert_allclose(computed(value), want)
    for g, expected in zip(grads, wanted, strict=True):
        np.testing.assert_allclose(computed(g), expected)
    _, (*_, dx) = lazily(value_and_gradient, model, *params, data)
    np.testing.assert_allclose(dx.compute(), value_and_gradient(model, *params, X)[1][-1])


def test_second_order() -> None:
    def inner(x: Any) -> Any:
        return np.sum(np.sin(x) ** 2 * x[:, :1] + (x @ x.T)[:, :1]) + np.sum(x[[0, 0, 3]] ** 3)

    f = lambda x: np.sum(gradient(inner, x)[0] ** 2)
    (g,) = lazily(gradient, f, in_chunks(X))
    np.testing.assert_allclose(g.compute(), gradient(f, X)[0])


def test_updates_in_place() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        y[0] = x[1] * x[2]
        y[:, 1:3] *= x[:, :2]
        y += x
        return np.sum(y**2)

    (g,) = lazily(gradient, f, in_chunks(X))
    np.testing.assert_allclose(g.compute(), gradient(f, X)[0])


def test_pullbacks_and_rules_without_the_tape() -> None:
    y, back = lazily(pullback, lambda x: np.exp(x) @ W, in_chunks(X))
    (dx,) = lazily(back, da.ones(y.shape, chunks=2))
    np.testing.assert_allclose(dx.compute(), np.exp(X) * (np.ones((7, 3)) @ W.T))
    y, back = lazily(rrule, np.matmul, in_chunks(X), W)
    _, dx, dw = lazily(back, da.ones(y.shape, chunks=2))
    np.testing.assert_allclose(lazily(unthunk, dx).compute(), np.ones((7, 3)) @ W.T)
    np.testing.assert_allclose(computed(unthunk(dw)), X.T @ np.ones((7, 3)))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_index(data: Any) -> None:
    """The adjoint of indexing by slices with steps, numbers, new axes, an Ellipsis and one array of numbers or of truths."""
    shape = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    x = rng.normal(size=shape)

    def part(n: int, array: bool) -> Any:
        bound = st.none() | st.integers(-n - 1, n + 1)
        if array:
            numbers = st.lists(st.integers(-n, n - 1), max_size=6)
            truths = st.lists(st.booleans(), min_size=n, max_size=n)
            kind = int if data.draw(st.booleans()) else bool
            return np.array(data.draw(numbers if kind is int else truths), kind)
        slices = st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1, -3]))
        return data.draw(slices)

    where = data.draw(st.integers(-1, 2))
    index = [part(n, k == where) for k, n in enumerate(shape)]
    if where < 0:  # numbers beside an array are something else in dask
        index = [data.draw(st.integers(-n, n - 1)) if data.draw(st.booleans()) else p for p, n in zip(index, shape)]  # fmt: skip
    if data.draw(st.booleans()) and type(index[-1]) is slice:
        index[-1] = Ellipsis
    if data.draw(st.booleans()) and where < 0:
        index.insert(data.draw(st.integers(0, len(index))), None)
    assume(np.array_equal(in_chunks(x, 2)[tuple(index)].compute(), x[tuple(index)]))
    f = lambda x: np.sum(np.sin(x[tuple(index)]) * x[0, 0, 0])
    (g,) = lazily(gradient, f, in_chunks(x, 2))
    np.testing.assert_allclose(computed(g), gradient(f, x)[0], 1e-6, 1e-9)


def test_chunks_stay_what_they_are() -> None:
    x = in_chunks(X)
    for f in (
        lambda x: np.sum(np.sum(x, axis=0) ** 2),
        lambda x: np.mean(x) ** 2,
        lambda x: np.sum(np.tanh(x) * 2.0),
    ):
        assert lazily(gradient, f, x)[0].chunks == x.chunks


def test_what_dask_cannot_do_is_an_error_that_says_so() -> None:
    x = in_chunks(X)
    with pytest.raises(MissingRuleError, match=r"dask\.array has no np\.sort.*compute"):
        lazily(gradient, lambda x: np.sum(np.sort(x)), x)
    with pytest.raises(NotImplementedError, match=r"np\.where"):
        lazily(gradient, lambda x: np.sum(x[x > 0]), x)
    with pytest.raises(NotImplementedError, match=r"np\.where"):
        lazily(gradient, lambda v: np.sum(np.piecewise(v, [v > 0], [np.sin])), x)
    with pytest.raises(NotImplementedError, match="median"):
        lazily(gradient, lambda x: np.sum(np.median(x, axis=1)), x)
    with pytest.raises(TypeError, match=r"np\.sum, not dask\.array\.sum"):
        gradient(lambda w: np.sum(da.exp(da.from_array(w)) * x), V)
    with pytest.raises((TypeError, AttributeError)):
        gradient(lambda x: da.sum(x), x)
