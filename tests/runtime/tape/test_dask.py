"""dask arrays: nothing is computed before somebody asks, gradients are dask arrays,
and they are those of numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules_runtime import gradient, pullback, rrule, unthunk, value_and_gradient
from rules_runtime.tape import MissingRuleError
from tests.support.array_functions import FUNCTIONS, S, V, W, X, rng

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
pytestmark = pytest.mark.filterwarnings("error::FutureWarning")  # dask's for "loads it all"


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
    """The adjoint of indexing by slices with steps, numbers, new axes,
    an Ellipsis and one array of numbers or of truths."""
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


@pytest.mark.parametrize(
    ("n", "index"), [(6, slice(1, -1, 2)), (6, slice(5, None, 3)), (2, slice(1, 1, 2))]
)
def test_parts_in_empty_chunks(n: int, index: slice) -> None:
    """dask leaves empty chunks where a slice with a step takes nothing of one."""
    (g,) = lazily(
        gradient, lambda x: np.sum(np.sin(x[index]) * x[0]), in_chunks(np.ones((n, 2)), 2)
    )
    expected = gradient(lambda x: np.sum(np.sin(x[index]) * x[0]), np.ones((n, 2)))[0]
    np.testing.assert_allclose(computed(g), expected)


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
