"""Rules of reductions: sums, means, products, extrema, variances, cumulative ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import constant, derivative, primal, quick
from ..kernels.broadcast import expand, full_view, normal_axes
from ..kernels.extrema import extremum_cotangent
from ..kernels.fill import Fill, takes_fill
from ..kernels.others import broadcast_like, is_lazy, is_other, like
from ..kernels.products import conj


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    n = 1
    for k in axes:
        n *= shape[k]
    return n


def _spread(g: Any, x: Any, axis: Any) -> Any:
    """A cotangent of a reduction of `x`, over all the elements that were reduced."""
    shape = np.shape(x)
    if is_other(primal(g)):
        return broadcast_like(_keep(g, shape, axis), shape, x)
    return expand(g, shape, normal_axes(axis, len(shape)))


def _keep(y: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A result (or cotangent) of a reduction with the reduced axes put back as ones."""
    axes = normal_axes(axis, len(shape))
    return np.reshape(y, tuple(1 if k in axes else n for k, n in enumerate(shape)))


def sum_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 0, where: Any = True) -> Any:  # fmt: skip
    dx = _spread(g, x, axis)
    return dx if where is True else dx * where


def mean_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:  # fmt: skip
    if where is not True:
        where = np.broadcast_to(where, np.shape(x))
        return _spread(g, x, axis) * where / np.sum(where, axis=axis, keepdims=True)
    return _spread(g / _count(np.shape(x), normal_axes(axis, len(np.shape(x)))), x, axis)


derivative(np.sum, sum_vjp, needs="")
derivative(np.mean, mean_vjp, needs="")


def _is_axis(axis: Any) -> bool:
    return axis is None or type(axis) is int or type(axis) is tuple


@takes_fill
def _total_vjp(g: Any, saved: Any) -> Any:
    """One number for all elements."""
    shape, n = saved
    if n != 1:
        g = g / n
    if type(g) is np.float64 or type(g) is float:
        return Fill(g, shape)
    return (
        np.broadcast_to(g, shape) if hasattr(type(g), "__traced_value__") else full_view(g, shape)
    )


def _spread_vjp(g: Any, saved: Any) -> Any:
    shape, axes, n = saved
    return expand(g if n == 1 else g / n, shape, axes)


@quick(np.sum, kinds="dfD")
def _sum(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    if dtype is not None or out is not None or not _is_axis(axis):
        return None
    if axis is None and not keepdims:
        return _add(x, axis=None), (_total_vjp, (x.shape, 1))
    y = _add(x, axis=axis, keepdims=keepdims)
    return y, (_spread_vjp, (x.shape, normal_axes(axis, x.ndim), 1))


@quick(np.mean, kinds="dfD")
def _mean(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    if dtype is not None or out is not None or not _is_axis(axis) or not x.size:
        return None
    if axis is None and not keepdims:
        n = x.size
        return _add(x, axis=None) / n, (_total_vjp, (x.shape, n))
    y = _add(x, axis=axis, keepdims=keepdims)
    n = x.size // max(y.size, 1)
    y /= n
    return y, (_spread_vjp, (x.shape, normal_axes(axis, x.ndim), n))


_add = np.add.reduce


def prod_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 1, where: Any = True) -> Any:  # fmt: skip
    if where is not True:
        x = np.where(where, x, 1.0)
    g = _keep(g, np.shape(x), axis)
    if not is_lazy(primal(x)) and np.all(primal(x) != 0):
        dx = g * conj(_keep(y, np.shape(x), axis) / x)
    else:
        dx = g * conj(_others(x, axis) * initial)
    return dx if where is True else dx * where


def _others(x: Any, axis: Any) -> Any:
    """The product of all the other elements, zeros or not:
    of those before it and of those behind."""
    axes = normal_axes(axis, np.ndim(x))
    moved = np.moveaxis(x, axes, tuple(range(np.ndim(x) - len(axes), np.ndim(x))))
    flat = np.reshape(moved, moved.shape[: np.ndim(x) - len(axes)] + (-1,))
    ones = like(np.ones(flat.shape[:-1] + (1,)), x)
    before = np.cumprod(np.concatenate([ones, flat[..., :-1]], axis=-1), axis=-1)
    behind = np.cumprod(np.concatenate([ones, flat[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return np.moveaxis(
        np.reshape(before * behind, moved.shape),
        tuple(range(np.ndim(x) - len(axes), np.ndim(x))),
        axes,
    )


derivative(np.prod, prod_vjp)


def extremum_vjp(g: Any, y: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True) -> Any:  # fmt: skip
    axes = normal_axes(axis, len(np.shape(x)))
    if where is not True:
        x = np.where(where, primal(x), np.nan)
    return extremum_cotangent(g, x, y, axes)


for _function in (np.max, np.min, np.nanmax, np.nanmin):
    derivative(_function, extremum_vjp)


def _extremum(reduce: Any, *functions: Any) -> None:
    @quick(*functions, kinds="df")
    def extremum(x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        if out is not None or not _is_axis(axis):
            return None
        y = reduce(x, axis=axis, keepdims=keepdims)
        return y, (_extremum_vjp, (x, y, axis))


def _extremum_vjp(g: Any, saved: Any) -> Any:
    x, y, axis = saved
    axes = normal_axes(axis, x.ndim)
    if x.size > _FEW or not (type(g) is np.ndarray or isinstance(g, np.generic)):
        return extremum_cotangent(g, x, y, axes)
    if len(axes) < x.ndim:
        kept = tuple([1 if k in axes else n for k, n in enumerate(x.shape)])
        g, y = g.reshape(kept), y.reshape(kept)
    hits = x == y
    counts = (
        _add(hits, axis=axes, keepdims=True, dtype=int)
        if type(y) is np.ndarray
        else np.count_nonzero(hits)
    )
    return (
        g * hits
        if np.count_nonzero(counts == 1) == np.size(counts)
        else g * (hits / np.maximum(counts, 1))
    )


_FEW = 512  # elements up to which passes over an array cost nothing beside the calls


_extremum(np.maximum.reduce, np.max, np.amax)
_extremum(np.minimum.reduce, np.min, np.amin)


def var_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None) -> Any:  # fmt: skip
    ddof = ddof if correction is None else correction
    axes = normal_axes(axis, np.ndim(x))
    count: Any
    if where is not True:
        where = np.broadcast_to(where, np.shape(x))
        count = np.sum(where, axis=axes, keepdims=True)
    else:
        count = _count(np.shape(x), axes)
    if mean is None:
        masked = {} if where is True else {"where": where}  # dask's mean knows no `where`
        mean = np.mean(x, axis=axes, keepdims=True, **masked)
    centred = x - mean if where is True else (x - mean) * where
    return _keep(g, np.shape(x), axis) * centred * (2.0 / (count - ddof))


def std_vjp(g: Any, y: Any, x: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
    safe = np.where(primal(y) == 0, 1.0, y)
    return var_vjp(g / (2.0 * safe), y, x, axis, *args, **kwargs)


derivative(np.var, var_vjp, needs="0")
derivative(np.std, std_vjp)


def _spread_of(x: Any, axis: Any, ddof: Any, keepdims: Any) -> Any:
    """The mean, the variance, and the number of elements less `ddof`; None for unusual calls."""
    if not _is_axis(axis) or type(ddof) is not int:
        return None
    total = _add(x, axis=axis, keepdims=True)
    n = x.size // max(total.size, 1)
    if n <= ddof or not x.size:
        return None
    mean = total / n
    d = x - mean
    squares: Any = _add(np.multiply(d, d, d), axis=axis, keepdims=keepdims)
    return mean, squares / (n - ddof), n - ddof


@quick(np.var)
def _var(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:  # fmt: skip
    found = _spread_of(x, axis, ddof, keepdims) if dtype is None and out is None else None
    if found is None:
        return None
    mean, y, n = found
    return y, (_var_vjp, (x, mean, 2.0 / n))


@quick(np.std)
def _std(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:  # fmt: skip
    found = _spread_of(x, axis, ddof, keepdims) if dtype is None and out is None else None
    if found is None:
        return None
    mean, y, n = found
    y = np.sqrt(y)
    return y, (_std_vjp, (x, mean, 1.0 / n, y))


def _var_vjp(g: Any, saved: Any) -> Any:
    x, mean, factor = saved
    return (x - mean) * (np.reshape(g, mean.shape) * factor)


def _std_vjp(g: Any, saved: Any) -> Any:
    x, mean, factor, y = saved
    safe = y if np.all(y) else np.where(y == 0.0, 1.0, y)
    return _var_vjp(g / safe, (x, mean, factor))


def _reversed_cumsum(g: Any, axis: int) -> Any:
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def cumsum_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if axis is None:
        return np.reshape(_reversed_cumsum(g, 0), np.shape(x))
    return _reversed_cumsum(g, axis)


derivative(np.cumsum, cumsum_vjp, needs="")


@quick(np.cumsum)
def _cumsum(x: Any, axis: Any = None) -> Any:
    if axis is None and x.ndim == 1:
        axis = 0
    if type(axis) is not int or not -x.ndim <= axis < x.ndim:
        return None
    return x.cumsum(axis), (_cumsum_vjp, (axis, backwards(axis % x.ndim)))


def backwards(axis: int) -> Any:
    """The index that turns an array around along an axis."""
    return (slice(None),) * axis + (slice(None, None, -1),)


def _cumsum_vjp(g: Any, saved: Any) -> Any:
    axis, turned = saved
    return g[turned].cumsum(axis)[turned]


constant(
    np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.any, np.all, np.searchsorted, np.digitize, np.nanargmax, np.nanargmin, np.lexsort,
)  # fmt: skip
