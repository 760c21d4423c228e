"""Counting into bins: `bincount`, `histogram`, `histogram2d`, `histogramdd`, `histogram_bin_edges`.

Which bin a number falls into does not move. What moves is what is counted there (the weights), the
edges (where they are laid between the smallest and the largest number, or are given),
and by both the densities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.extrema import extremum_cotangent
from rules_runtime.rules.python_functions import python_function
from rules_runtime.tangents import AbstractZero, NoTangent, Tangent, ZeroTangent

derivative(
    np.bincount, None, lambda g, y, x, weights=None, minlength=0: g[np.asarray(x) + 0], needs="0"
)

_BINS, _RANGE, _DENSITY, _WEIGHTS = range(4)


class _Counted:
    """The cotangents of the columns, the weights, and of what says where the edges are,
    from that of a histogram."""

    def __init__(
        self,
        g: Any,
        counts: Any,
        edges: Sequence[Any],
        columns: Sequence[Any],
        bins: Sequence[Any],
        ranges: Sequence[Any],
        density: Any,
        weights: Any,
    ) -> None:
        self.columns, self.bins, self.ranges, self.weights = columns, bins, ranges, weights
        self.shape = tuple(e.shape[0] - 1 for e in map(primal, edges))
        places = [_places(column, e) for column, e in zip(columns, edges, strict=True)]
        self.inside = np.all([(p >= 0) & (p < n) for p, n in zip(places, self.shape)], axis=0)
        self.places = tuple(np.where(self.inside, p, 0) for p in places)
        *self.by_edges, g_counts = g[1:] + [g[0]]
        if density and not isinstance(g_counts, AbstractZero):
            g_counts = self._through_density(g_counts, counts, edges)
        self.by_count = g_counts

    def _through_density(self, g: Any, densities: Any, edges: Sequence[Any]) -> Any:
        """The cotangent of the counts; that of the widths goes to the edges."""
        moved = g * densities
        volumes: Any = 1.0
        for k, e in enumerate(edges):
            widths = e[1:] - e[:-1]
            others = tuple(j for j in range(len(edges)) if j != k)
            by_width = -np.sum(moved, axis=others) / widths
            zero = np.zeros(1)
            by_edge = np.concatenate([zero, by_width]) - np.concatenate([by_width, zero])
            given = self.by_edges[k]
            self.by_edges[k] = by_edge if isinstance(given, AbstractZero) else given + by_edge
            volumes = volumes * np.reshape(widths, (-1,) + (1,) * (len(edges) - 1 - k))
        total = np.sum(np.where(self.inside, 1.0 if self.weights is None else self.weights, 0.0))
        return (g / volumes - np.sum(moved)) / total

    def of_weights(self) -> Any:
        if isinstance(self.by_count, AbstractZero):
            return ZeroTangent()
        return np.where(self.inside, self.by_count[self.places], 0.0)

    def of_ends(self, k: int) -> tuple[Any, Any]:
        """Of the first and the last edge, between which the others lie evenly."""
        g, n = self.by_edges[k], self.shape[k]
        share = np.arange(n + 1) / n
        return np.sum(g * (1.0 - share)), np.sum(g * share)

    def of_column(self, k: int) -> Any:
        column = self.columns[k]
        if not self._ends_are_of_the_column(k) or not np.size(primal(column)):
            return np.zeros(np.shape(column))
        low, high = self.of_ends(k)
        x = primal(column)
        return extremum_cotangent(low, x, np.min(x), (0,)) + extremum_cotangent(
            high, x, np.max(x), (0,)
        )

    def _ends_are_of_the_column(self, k: int) -> bool:
        is_zero = isinstance(self.by_edges[k], AbstractZero)
        return not is_zero and self.ranges[k] is None and np.ndim(primal(self.bins[k])) == 0

    def of_bins(self, k: int) -> Any:
        return self.by_edges[k] if np.ndim(primal(self.bins[k])) else NoTangent()

    def of_range(self, k: int) -> Any:
        if np.ndim(primal(self.bins[k])) or isinstance(self.by_edges[k], AbstractZero):
            return ZeroTangent()
        return _parts(self.ranges[k], self.of_ends(k))


def _places(column: Any, edges: Any) -> Any:
    """The number of each bin; what lies on the last edge is in the last one."""
    column, edges = np.asarray(primal(column)), np.asarray(primal(edges))
    places = np.searchsorted(edges, column, side="right") - 1
    return places - (column == edges[-1])


def _parts(whole: Any, parts: Any) -> Any:
    """The tangent of a list, a tuple or an array from those of its parts."""
    if isinstance(whole, (list, tuple)):
        return Tangent.__class_getitem__(type(whole))(*parts)
    return np.stack(list(parts))


def _is_many(bins: Any) -> bool:
    return isinstance(bins, (list, tuple)) or np.ndim(primal(bins)) > 0


# -- one dimension ---------------------------------------------------------------------------------


def _flat(x: Any) -> Any:
    return x if x is None else np.reshape(x, -1)


def _one(g: Any, y: Any, a: Any, bins: Any, range_: Any, density: Any, weights: Any) -> _Counted:
    edges = np.asarray(bins) if isinstance(bins, (list, tuple)) else bins
    return _Counted(list(g), y[0], [y[1]], [_flat(a)], [edges], [range_], density, _flat(weights))


def _histogram_vjp(which: int | None) -> Callable[..., Any]:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        bins: Any = 10,
        range: Any = None,
        density: Any = None,
        weights: Any = None,
    ) -> Any:
        counted = _one(g, y, a, bins, range, density, weights)
        if which is None:
            return np.reshape(counted.of_column(0), np.shape(a))
        if which == _BINS:
            found = counted.of_bins(0)
            listed = isinstance(bins, (list, tuple)) and not isinstance(found, AbstractZero)
            return _parts(bins, found) if listed else found
        if which == _RANGE:
            return counted.of_range(0)
        found = counted.of_weights()
        return found if isinstance(found, AbstractZero) else np.reshape(found, np.shape(weights))

    return vjp


def _edges_vjp(which: int | None) -> Callable[..., Any]:
    rule = _histogram_vjp(which)

    def vjp(g: Any, y: Any, a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
        return rule((ZeroTangent(), g), (None, y), a, bins, range)

    return vjp


python_function(
    np.histogram,
    _histogram_vjp(None),
    _histogram_vjp(_BINS),
    _histogram_vjp(_RANGE),
    None,
    _histogram_vjp(_WEIGHTS),
)
python_function(np.histogram_bin_edges, _edges_vjp(None), _edges_vjp(_BINS), _edges_vjp(_RANGE))


# -- more dimensions -------------------------------------------------------------------------------


def _columns(sample: Any) -> list[Any]:
    if isinstance(sample, (list, tuple)):
        return list(sample)
    return [sample[:, k] for k in range(np.shape(sample)[1])] if np.ndim(sample) == 2 else [sample]


def _many(
    g: Any, y: Any, edges: Any, columns: Any, bins: Any, ranges: Any, density: Any, weights: Any
) -> _Counted:
    count = len(columns)
    bins = list(bins) if _is_many(bins) else [bins] * count
    bins = [np.asarray(b) if isinstance(b, (list, tuple)) else b for b in bins]
    ranges = [None] * count if ranges is None else list(ranges)
    return _Counted(list(g), y, list(edges), columns, bins, ranges, density, weights)


def _dd_vjp(which: int | None) -> Callable[..., Any]:
    def vjp(
        g: Any,
        y: Any,
        sample: Any,
        bins: Any = 10,
        range: Any = None,
        density: Any = None,
        weights: Any = None,
    ) -> Any:
        columns = _columns(sample)
        by_edges = [ZeroTangent()] * len(columns) if isinstance(g[1], AbstractZero) else list(g[1])
        counted = _many([g[0], *by_edges], y[0], y[1], columns, bins, range, density, weights)
        numbers = [k for k, _ in enumerate(columns)]
        if which is None:
            found = [counted.of_column(k) for k in numbers]
            if isinstance(sample, (list, tuple)):
                return _parts(sample, found)
            return np.stack(found, axis=-1) if np.ndim(sample) == 2 else found[0]
        if which == _BINS:
            if not _is_many(bins):
                return NoTangent()
            return _parts(bins, [_listed(bins[k], counted.of_bins(k)) for k in numbers])
        if which == _RANGE:
            return _parts(range, [counted.of_range(k) for k in numbers])
        return counted.of_weights()

    return vjp


def _listed(bins: Any, found: Any) -> Any:
    listed = isinstance(bins, (list, tuple)) and not isinstance(found, AbstractZero)
    return _parts(bins, found) if listed else found


def _2d_vjp(which: int) -> Callable[..., Any]:
    def vjp(
        g: Any,
        y: Any,
        x: Any,
        other: Any,
        bins: Any = 10,
        range: Any = None,
        density: Any = None,
        weights: Any = None,
    ) -> Any:
        shared = _is_many(bins) and len(bins) not in (1, 2)  # the edges of both
        given = (bins, bins) if shared else bins
        if which < 2:
            g = (g[0], g[1:])
            found = _dd_vjp(None)(g, (y[0], y[1:]), [x, other], given, range, density, weights)
            return found[which]
        found = _dd_vjp(which - 2)(
            (g[0], g[1:]), (y[0], y[1:]), [x, other], given, range, density, weights
        )
        return found[0] + found[1] if which - 2 == _BINS and shared else found

    return vjp


python_function(
    np.histogramdd, _dd_vjp(None), _dd_vjp(_BINS), _dd_vjp(_RANGE), None, _dd_vjp(_WEIGHTS)
)
python_function(
    np.histogram2d,
    _2d_vjp(0),
    _2d_vjp(1),
    _2d_vjp(2 + _BINS),
    _2d_vjp(2 + _RANGE),
    None,
    _2d_vjp(2 + _WEIGHTS),
)
