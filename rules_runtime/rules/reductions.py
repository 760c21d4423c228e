"""Rules of reductions: sums, means, products, extrema, variances, cumulative ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import Spec, constant, derivative, nonzero, primal
from ..kernels.broadcast import expand, full_view, kept, normal_axes
from ..kernels.extrema import extremum_cotangent
from ..kernels.fill import Fill
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
        return broadcast_like(kept(g, shape, axis), shape, x)
    return expand(g, shape, normal_axes(axis, len(shape)))


def sum_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 0, where: Any = True) -> Any:  # fmt: skip
    if axis is None and where is True and type(x) is Spec:  # on a tape, which knows what to do
        if type(g) in _FLOATS:
            return Fill(g, x.shape)
        if issubclass(type(g), np.generic):
            return full_view(g, x.shape)
    shape = x.shape if type(x) is Spec else np.shape(x)
    if type(g) is np.ndarray:
        dx = expand(g, shape, normal_axes(axis, len(shape)))
    else:
        dx = _spread(g, x, axis)
    return dx if where is True else dx * where


def mean_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:  # fmt: skip
    if where is not True:
        where = np.broadcast_to(where, np.shape(x))
        count = np.sum(where, axis=axis, keepdims=True)
        return _spread(g, x, axis) * where / np.maximum(count, 1)
    shape = x.shape if type(x) is Spec else np.shape(x)
    n = math.prod(shape) if axis is None else _count(shape, normal_axes(axis, len(shape)))
    return sum_vjp(g / n, y, x, axis)


_FLOATS = (np.float64, float)
_add = np.add.reduce


def total(x: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
    """As `numpy.sum`, without its detours."""
    return (_add if type(x) is np.ndarray else np.sum)(x, axis, *args, **options)


def _mean(x: Any, axis: Any = None, *args: Any, keepdims: Any = False, **options: Any) -> Any:
    """As `numpy.mean`, without its detours."""
    if args or options or type(x) is not np.ndarray or x.dtype.char not in "dfD" or not x.size:
        options = options if keepdims is False else {**options, "keepdims": keepdims}
        return np.mean(x, axis, *args, **options)
    y = _add(x, axis=axis, keepdims=keepdims)
    if type(y) is not np.ndarray:
        return y / x.size
    y /= x.size // max(y.size, 1)
    return y


derivative(np.sum, sum_vjp, needs="", forward=total)
derivative(np.mean, mean_vjp, needs="", forward=_mean)


def prod_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 1, where: Any = True) -> Any:  # fmt: skip
    if where is not True:
        x = np.where(where, x, 1.0)
    g = kept(g, np.shape(x), axis)
    if not is_lazy(primal(x)) and np.all(primal(x) != 0):
        dx = g * conj(kept(y, np.shape(x), axis) / x)
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


def _extremum(reduce: Any, function: Any) -> Any:
    def extremum(x: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
        return (reduce if type(x) is np.ndarray else function)(x, axis, *args, **options)

    return extremum


for _functions, _reduce in (((np.max, np.amax), np.maximum), ((np.min, np.amin), np.minimum)):
    for _function in _functions:
        derivative(_function, extremum_vjp, forward=_extremum(_reduce.reduce, _function))
for _function in (np.nanmax, np.nanmin):
    derivative(_function, extremum_vjp)


def var_vjp(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None) -> Any:  # fmt: skip
    ddof = ddof if correction is None else correction
    axes = normal_axes(axis, np.ndim(x))
    free: Any = _count(np.shape(x), axes) - ddof
    if where is True:
        free = free if free > 0 else np.nan
        mean = _mean(x, axes, keepdims=True) if mean is None else mean
        apart = x - mean
    else:
        where = np.broadcast_to(where, np.shape(x))
        x = np.where(where, x, 0.0)
        count = np.sum(where, axis=axes, keepdims=True)
        if mean is None:
            mean = np.sum(x, axis=axes, keepdims=True) / np.maximum(count, 1)
        apart = (x - mean) * where
        free = np.where(count > ddof, count - ddof, np.nan)
    return apart * (kept(g, np.shape(x), axis) * (2.0 / free))


def std_vjp(g: Any, y: Any, x: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
    return var_vjp(g / (2.0 * nonzero(y)), y, x, axis, *args, **kwargs)


def _var(x: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
    """As `numpy.var`, without its detours."""
    ddof, keepdims = options.get("ddof", 0), options.get("keepdims", False)
    is_plain = type(x) is np.ndarray and x.dtype.char == "d" and x.ndim
    if is_plain and not args and _SPREAD.issuperset(options):
        total = _add(x, axis=axis, keepdims=True)
        n = x.size // max(total.size, 1)
        if x.size and n > ddof:
            d = x - total / n
            return _add(np.multiply(d, d, d), axis=axis, keepdims=keepdims) / (n - ddof)
    return np.var(x, axis, *args, **options)


def _std(x: Any, *args: Any, **options: Any) -> Any:
    is_plain = type(x) is np.ndarray and x.dtype.char == "d"
    return np.sqrt(_var(x, *args, **options)) if is_plain else np.std(x, *args, **options)


_SPREAD = frozenset(("ddof", "keepdims"))
derivative(np.var, var_vjp, needs="0", forward=_var)
derivative(np.std, std_vjp, forward=_std)


def running_sum_back(g: Any, axis: int) -> Any:
    """The sum of what comes at and after each place."""
    turned = (slice(None),) * (axis % g.ndim) + (slice(None, None, -1),)
    if type(g) is np.ndarray:
        return g[turned].cumsum(axis)[turned]
    return np.cumsum(g[turned], axis=axis)[turned]


def along(adjoint: Any, default: int | None = None) -> Any:
    """A rule by `adjoint(g, y, x, axis)`,
    along `axis` or along the flattened array where that is None."""

    def vjp(
        g: Any,
        y: Any,
        x: Any,
        axis: Any = default,
        dtype: Any = None,
        out: Any = None,
        *,
        include_initial: bool = False,
    ) -> Any:
        if include_initial:
            rest = (slice(None),) * ((axis or 0) % g.ndim) + (slice(1, None),)
            g = g[rest]
            y = y if type(y) is Spec else y[rest]
        if axis is not None or np.ndim(x) == 1:
            return adjoint(g, y, x, axis or 0)
        flat = x if type(x) is Spec else np.reshape(x, (-1,))
        return np.reshape(adjoint(g, y, flat, 0), np.shape(x))

    return vjp


derivative(np.cumsum, along(lambda g, y, x, axis: running_sum_back(g, axis)), needs="")
constant(
    np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.any, np.all, np.searchsorted, np.digitize, np.nanargmax, np.nanargmin, np.lexsort,
)  # fmt: skip
