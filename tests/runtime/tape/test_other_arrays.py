"""Arrays that speak numpy's protocols flow through the same rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import value_and_gradient


def loss(x: Any, w: Any) -> Any:
    return np.sum(np.tanh(x * 0.1 + w) ** 2) + np.sum(x @ w) + np.mean(np.exp(x[1:] - x[:-1]))


def test_dask_stays_lazy_and_agrees() -> None:
    da = pytest.importorskip("dask.array")
    x, w = np.arange(12.0).reshape(3, 4) / 5, np.linspace(0.1, 1.0, 4)
    value, grads = value_and_gradient(
        loss, da.from_array(x, chunks=(2, 2)), da.from_array(w, chunks=2)
    )
    want, want_grads = value_and_gradient(loss, x, w)
    assert all(isinstance(g, da.Array) for g in grads)
    np.testing.assert_allclose(np.asarray(value), want)
    for g, expected in zip(grads, want_grads):
        np.testing.assert_allclose(g.compute(), expected)


class Row:
    """An object with operators of its own, and no array protocol."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __mul__(self, other: Any) -> Row:
        return Row(*[v * other for v in self.values])

    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Row:
        return Row(*[other - v for v in self.values])


class Labelled(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with a label, which computes by `__array_ufunc__`, as xarray's do."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inputs = tuple([x.data if isinstance(x, Labelled) else x for x in inputs])
        return Labelled(getattr(ufunc, method)(*inputs, **kwargs))


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.array([2.0, 2.0])])
def test_what_computes_by_itself_is_given_the_tracer(x: Any) -> None:
    base = np.array([1.0, 3.0])
    for f, slope in (
        (lambda x: np.sum((x * Labelled(base)).data), base),
        (lambda x: np.sum((Labelled(base) * x).data), base),
        (lambda x: np.sum((x * (x * Labelled(base))).data), 2 * x * base),
        (lambda x: np.sum(sum((x * Row(1.0, 3.0)).values)), np.full(2 * np.size(x) // 2, 4.0)),
        (lambda x: np.sum(sum((np.negative(x) - Row(1.0, 3.0)).values)), np.full(np.size(x), -2.0)),
    ):
        (dx,) = value_and_gradient(f, x)[1]
        np.testing.assert_allclose(dx, slope if np.ndim(x) else np.sum(slope))
    with pytest.raises(TypeError, match="unsupported operand"):
        value_and_gradient(lambda x: np.sum(x + None), x)
