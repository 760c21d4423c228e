"""Sorting and what is read off sorted values:
`numpy.sort`, `partition`, `median`, `quantile` and their kin.

Sorting is a permutation that depends on the values only where two of them are equal, so the
cotangent goes back by the inverse permutation.
A quantile is a weighted mean of one or two sorted values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.broadcast import normal_axes
from rules_runtime.kernels.others import is_lazy
from rules_runtime.kernels.scatter import scatter

# -- permutations ----------------------------------------------------------------------------------


def _inverse(order: Any, axis: int) -> Any:
    """The inverse of permutations along an axis."""
    return np.argsort(order, axis=axis, kind="stable")


def _places(a: Any, y: Any, axis: int) -> Any:
    """For each value of `a`, where it stands in its permutation `y`."""
    ranks = _inverse(np.argsort(primal(a), axis=axis, kind="stable"), axis)
    order = np.argsort(primal(y), axis=axis, kind="stable")
    return np.take_along_axis(order, ranks, axis)


def sort_vjp(
    g: Any,
    y: Any,
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    **options: Any,
) -> Any:
    if axis is None:
        return np.reshape(sort_vjp(g, y, np.reshape(a, (-1,)), 0), a.shape)
    taken = np.argsort(primal(a), axis=axis)  # of equal values either order will do
    if type(g) is not np.ndarray or type(taken) is not np.ndarray:
        return np.take_along_axis(g, _inverse(taken, axis), axis)
    found = np.empty(g.shape, g.dtype)
    if g.ndim == 1:
        found[taken] = g
    else:
        np.put_along_axis(found, taken, g, axis)
    return found


def partition_vjp(
    g: Any, y: Any, a: Any, kth: Any, axis: int | None = -1, kind: Any = None, order: Any = None
) -> Any:
    if axis is None:
        return np.reshape(partition_vjp(g, y, np.reshape(a, (-1,)), kth, 0), a.shape)
    return np.take_along_axis(g, _places(a, y, axis), axis)


derivative(np.sort, sort_vjp, needs="0")
derivative(np.partition, partition_vjp, needs="y0")
derivative(np.sort_complex, lambda g, y, a: sort_vjp(g, y, a), needs="0")


# -- quantiles -------------------------------------------------------------------------------------


# How fast the place of a quantile among n sorted values moves with q, where it moves steadily.
_SPEEDS: dict[str, Callable[[float], float]] = {
    "linear": lambda n: n - 1,
    "hazen": lambda n: n,
    "weibull": lambda n: n + 1,
    "median_unbiased": lambda n: n + 1 / 3,
    "normal_unbiased": lambda n: n + 1 / 4,
}


class _Places:
    """Where the quantiles `q` lie in rows of sorted values, of which `counts` are numbers.

    `lower` is the place below, `t` how far it is from there to the next, `speed` how that changes
    with q; all of shape ``q.shape + counts.shape``.
    """

    def __init__(self, q: Any, counts: Any, method: Any) -> None:
        at = np.zeros(q.shape + counts.shape)
        self.speed = np.zeros(at.shape)
        self.steady = method in _SPEEDS
        for count in np.unique(counts[counts > 0]):
            numbers = np.arange(int(count), dtype=float)
            of_count = np.quantile(numbers, q, method=method)
            at[..., counts == count] = of_count[..., None]
            if self.steady and count > 1:
                moves = (of_count > 0) & (of_count < count - 1) | (method == "linear")
                speed = _SPEEDS[method](float(count)) * moves
                self.speed[..., counts == count] = speed[..., None]
        self.lower = np.clip(np.floor(at), 0, np.maximum(counts - 2, 0))
        self.t = at - self.lower
        self.filled = counts > 0

    def weights(self, q: Any, n: int) -> Any:
        """The weight of each of n sorted values, a function of q where that is traced."""
        t = self.t
        if hasattr(type(q), "__traced_value__"):
            change = q - primal(q)
            t = t + self.speed * np.reshape(change, np.shape(q) + (1,) * self.filled.ndim)
        places, lower, t = np.arange(n), self.lower[..., None], t[..., None]
        found = (1 - t) * (places == lower) + t * (places == lower + 1)
        return found * self.filled[..., None]

    def slopes(self, n: int) -> Any:
        """How fast the weights change with q."""
        places, lower = np.arange(n), self.lower[..., None]
        return self.speed[..., None] * ((places == lower + 1) * 1.0 - (places == lower))


class _Sorted:
    """An array with the axes of a quantile last and in one, sorted, not-a-numbers behind."""

    def __init__(self, a: Any, axis: Any, skip_nan: bool) -> None:
        self.shape = np.shape(a)
        self.axes = normal_axes(axis, len(self.shape))
        self.kept = tuple(k for k in range(len(self.shape)) if k not in self.axes)
        self.rows = tuple(self.shape[k] for k in self.kept)
        self.n = int(np.prod([self.shape[k] for k in self.axes]))
        if is_lazy(primal(a)):
            raise NotImplementedError(
                f"a median or quantile of a {type(primal(a)).__module__} array: which elements it is made of is not known"
            )
        flat = self.flat(np.asarray(primal(a)))
        self.order = np.argsort(flat, axis=-1, kind="stable")
        self.counts = np.sum(~np.isnan(flat), -1) if skip_nan else np.full(self.rows, self.n)

    def flat(self, a: Any) -> Any:
        return np.reshape(np.transpose(a, self.kept + self.axes), (*self.rows, self.n))

    def back(self, g: Any) -> Any:
        """A cotangent of the sorted rows as one of the array."""
        g = np.take_along_axis(g, _inverse(self.order, -1), -1)
        g = np.reshape(g, self.rows + tuple(self.shape[k] for k in self.axes))
        return np.transpose(g, tuple(np.argsort(self.kept + self.axes)))

    def of_result(self, g: Any, q: Any) -> Any:
        """The cotangent of the result, without the axes that `keepdims` keeps."""
        return np.reshape(g, np.shape(q) + self.rows)


def _quantile_adjoint(g: Any, a: Any, q: Any, axis: Any, method: Any, skip_nan: bool) -> Any:
    rows = _Sorted(a, axis, skip_nan)
    places = _Places(np.asarray(primal(q)), rows.counts, method)
    g = rows.of_result(g, q)[..., None] * places.weights(q, rows.n)
    return rows.back(np.sum(g, axis=tuple(range(np.ndim(q)))) if np.ndim(q) else g)


def _position_adjoint(g: Any, a: Any, q: Any, axis: Any, method: Any, skip_nan: bool) -> Any:
    """The cotangent of `q`: how fast the quantile moves from one sorted value to the next."""
    rows = _Sorted(a, axis, skip_nan)
    places = _Places(np.asarray(primal(q)), rows.counts, method)
    if not places.steady:
        raise NotImplementedError(f"the quantile by method {method!r} has no derivative by q")
    slopes = places.slopes(rows.n)
    values = np.take_along_axis(rows.flat(a), rows.order, -1)
    used = np.where(slopes != 0, values, 0.0)
    found = rows.of_result(g, q) * np.sum(used * slopes, -1)
    return np.sum(found, axis=tuple(range(np.ndim(q), found.ndim)))


def _quantile_vjp(adjoint: Any, percent: float, skip_nan: bool) -> Any:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: Any = "linear",
        keepdims: bool = False,
        *,
        weights: Any = None,
        interpolation: Any = None,
    ) -> Any:
        if weights is not None:
            raise NotImplementedError("quantiles with weights have no rule")
        if adjoint is _quantile_adjoint and axis is None and not skip_nan and not keepdims:
            is_plain = method == "linear" and interpolation is None and type(q) in _FLOATS
            places = _between(primal(a), q / percent) if is_plain else None
            if places is not None:
                return _chosen(g, places, a)
        scaled = (q if hasattr(q, "shape") else np.asarray(q)) / percent
        found = adjoint(g, a, scaled, axis, interpolation or method, skip_nan)
        return found / percent if adjoint is _position_adjoint else found

    return vjp


def _median_vjp(skip_nan: bool) -> Any:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        keepdims: bool = False,
    ) -> Any:
        if axis is None and not skip_nan and not keepdims:
            found = _between(primal(a), 0.5)
            if found is not None:
                return _chosen(g, found, a)
        return _quantile_adjoint(g, a, np.asarray(0.5), axis, "linear", skip_nan)

    return vjp


def _between(a: Any, q: float) -> Any:
    """Where the one or two elements are that a quantile of all elements lies between, and their
    weights; None where there is another way to say."""
    if type(a) is not np.ndarray or a.dtype.char != "d" or not 0 <= q <= 1 or not a.size:
        return None
    flat, last = a.reshape(-1), a.size - 1
    low = int(last * q)
    t = last * q - low
    high = low + 1 if t else low
    order = flat.argpartition([*{low, high, last}])
    if np.isnan(flat[order[-1]]):
        return None
    return order[low : high + 1], np.array([1 - t, t] if t else [1.0])


def _chosen(g: Any, found: Any, a: Any) -> Any:
    """The cotangent of a weighted sum of a few elements of `a`."""
    places, weights = found
    if type(g) is not np.float64:
        return scatter(g * weights, np.unravel_index(places, a.shape), a.shape, float)
    out = np.zeros(a.shape)
    out.reshape(-1)[places] = g * weights
    return out


_FLOATS = (float, int, np.float64)


def _median(a: Any, *args: Any, **options: Any) -> Any:
    """As `numpy.median`, without its detours."""
    found = None if args or options else _between(a, 0.5)
    if found is None:
        return np.median(a, *args, **options)
    return np.add.reduce(a.reshape(-1)[found[0]]) / len(found[0])


def _one_quantile(function: Any, percent: float) -> Any:
    def quantile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
        is_plain = not args and not options and type(q) in _FLOATS
        found = _between(a, q / percent) if is_plain else None
        if found is None:
            return function(a, q, *args, **options)
        values, t = a.reshape(-1)[found[0]], found[1][-1]
        below, above = values[0], values[-1]
        step = above - below
        return below + step * t if t < 0.5 else above - step * (1 - t)

    return quantile


derivative(np.median, _median_vjp(False), needs="0", forward=_median)
derivative(np.nanmedian, _median_vjp(True), needs="0")


for _function, _percent, _skips in (
    (np.quantile, 1.0, False),
    (np.percentile, 100.0, False),
    (np.nanquantile, 1.0, True),
    (np.nanpercentile, 100.0, True),
):
    derivative(
        _function,
        _quantile_vjp(_quantile_adjoint, _percent, _skips),
        _quantile_vjp(_position_adjoint, _percent, _skips),
        needs="01",
        forward=None if _skips else _one_quantile(_function, _percent),
    )
