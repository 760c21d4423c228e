"""Differences, slopes and areas: `numpy.diff`, `ediff1d`, `gradient`, `trapezoid`,
`unwrap`, `interp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import like
from rules_runtime.kernels.scatter import scatter
from rules_runtime.tangents import AbstractZero

_NOT_GIVEN: Any = getattr(np, "_NoValue", None)


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)]


def _padded(g: Any, axis: int, before: int, after: int) -> Any:
    """`g` between zeros along one axis."""
    axis %= g.ndim
    parts = [g]
    for length, at in ((before, 0), (after, len(parts) + 1)):
        if length:
            shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
            parts.insert(at, like(np.zeros(shape, g.dtype), g))
    return np.concatenate(parts, axis=axis) if len(parts) > 1 else g


# -- differences -----------------------------------------------------------------------------------


def _diff_adjoint(g: Any, n: int, axis: int) -> Any:
    for _ in range(n):
        if type(g) is np.ndarray:
            k = axis % g.ndim
            before = (slice(None),) * k
            made = np.zeros((*g.shape[:k], g.shape[k] + 1, *g.shape[k + 1 :]), g.dtype)
            made[(*before, slice(1, None))] = g
            made[(*before, slice(None, -1))] -= g
            g = made
        else:
            g = _padded(g, axis, 1, 0) - _padded(g, axis, 0, 1)
    return g


def _diff(a: Any, n: Any = 1, axis: Any = -1, *parts: Any, **options: Any) -> Any:
    """As `numpy.diff`, without its detours."""
    is_usual = type(a) is np.ndarray and type(n) is type(axis) is int and n == 1
    if parts or options or not is_usual or a.dtype.kind != "f" or not -a.ndim <= axis < a.ndim:
        return np.diff(a, n, axis, *parts, **options)
    before = (slice(None),) * (axis % a.ndim)
    return a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]


def _length_along(part: Any, axis: int) -> int:
    """How much of the axis a `prepend` or `append` takes."""
    if part is _NOT_GIVEN:
        return 0
    return 1 if np.ndim(part) == 0 else int(np.shape(part)[axis])


def _diff_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        n: int = 1,
        axis: int = -1,
        prepend: Any = _NOT_GIVEN,
        append: Any = _NOT_GIVEN,
    ) -> Any:
        if n == 0:
            return g if which == 0 else np.zeros(np.shape((a, prepend, append)[which]))
        if 0 in np.shape(y):  # more differences than elements
            return np.zeros(np.shape((a, prepend, append)[which]))
        whole = _diff_adjoint(g, n, axis)
        if prepend is append is _NOT_GIVEN:
            return whole
        before, after = _length_along(prepend, axis), _length_along(append, axis)
        middle = whole.shape[axis] - before - after
        start = (before, 0, before + middle)[which]
        length = (middle, before, after)[which]
        part = _cut(whole, axis, start, start + length)
        given = (a, prepend, append)[which]
        return np.sum(part) if np.ndim(given) == 0 else part

    return vjp


derivative(np.diff, _diff_vjp(0), None, None, _diff_vjp(1), _diff_vjp(2), needs="", forward=_diff)


def _ediff1d_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
        before = 0 if to_begin is None else int(np.size(to_begin))
        after = 0 if to_end is None else int(np.size(to_end))
        if which == 1:
            return np.reshape(g[g.shape[0] - after :], np.shape(to_end))
        if which == 2:
            return np.reshape(g[:before], np.shape(to_begin))
        if ary.size == 0:
            return np.zeros(ary.shape, g.dtype)
        middle = g[before : g.shape[0] - after]
        return np.reshape(_diff_adjoint(middle, 1, 0), ary.shape)

    return vjp


derivative(np.ediff1d, _ediff1d_vjp(0), _ediff1d_vjp(1), _ediff1d_vjp(2), needs="")


def unwrap_vjp(
    g: Any, y: Any, p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi
) -> Any:
    """What is added is a multiple of the period, which does not move."""
    return g


derivative(np.unwrap, unwrap_vjp, needs="")


# -- slopes ----------------------------------------------------------------------------------------


def _spacings(f: Any, spacing: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    """The distances between neighbours along each axis, as a vector each."""
    given = spacing * len(axes) if len(spacing) == 1 else spacing or (1.0,) * len(axes)
    steps = []
    for h, axis in zip(given, axes):
        n = f.shape[axis]
        h = h if hasattr(h, "shape") else np.asarray(h)
        steps.append(h * np.ones(n - 1) if h.ndim == 0 else 1.0 * np.diff(h))
    return steps


def _slope_adjoint(g: Any, h: Any, axis: int, edge_order: int) -> Any:
    """The adjoint of `np.gradient` along one axis with distances `h`, for the array."""
    found: Any = 0.0
    for part, place, weights, _ in _stencils(g, h, axis, edge_order):
        for k, weight in enumerate(weights):
            after = g.shape[axis] - part.shape[axis] - place - k
            found = found + _padded(part * _along(weight, g, axis), axis, place + k, after)
    return found


def _distance_adjoint(g: Any, f: Any, h: Any, axis: int, edge_order: int) -> Any:
    """The adjoint of `np.gradient` along one axis, for the distances."""
    found: Any = 0.0
    for part, place, _, changes in _stencils(g, h, axis, edge_order):
        length = part.shape[axis]
        for j in range(len(changes[0])):
            moved: Any = 0.0
            for k, change in enumerate(changes):
                values = _cut(f, axis, place + k, place + k + length)
                moved = moved + part * np.conj(values) * _along(change[j], g, axis)
            total = np.sum(np.real(moved), axis=tuple(k for k in range(g.ndim) if k != axis))
            found = found + _padded(total, 0, place + j, h.size - place - j - length)
    return found


def _along(weight: Any, g: Any, axis: int) -> Any:
    return like(weight.reshape((-1,) + (1,) * (g.ndim - 1 - axis)), g)


def _stencils(g: Any, h: Any, axis: int, edge_order: int) -> list[tuple[Any, int, Any, Any]]:
    """The parts of the cotangent that numpy computes alike: inside, the first, the last.

    With each come the first place of its stencil, the weight of every place, and for every weight
    its derivatives by the distances that the stencil spans.
    """
    n = g.shape[axis]
    m, one = edge_order + 1, slice(0, 1)
    inner, first, last = _cut(g, axis, 1, -1), _cut(g, axis, 0, 1), _cut(g, axis, n - 1, None)
    return [
        (inner, 0, *_inner_weights(h[:-1], h[1:])),
        (first, 0, *_edge_weights(h[one], h[1:2], edge_order)),
        (last, n - m, *_turned(*_edge_weights(h[::-1][one], h[::-1][1:2], edge_order))),
    ]


def _inner_weights(a: Any, b: Any) -> tuple[Any, Any]:
    c = a + b
    weights = (1 / c - 1 / a, 1 / a - 1 / b, 1 / b - 1 / c)
    aa, bb, cc = 1 / a**2, 1 / b**2, 1 / c**2
    return weights, ((aa - cc, -cc), (-aa, bb), (cc, cc - bb))


def _edge_weights(a: Any, b: Any, edge_order: int) -> tuple[Any, Any]:
    if edge_order == 1:
        return (-1 / a, 1 / a), ((1 / a**2,), (-1 / a**2,))
    c = a + b
    weights = (-1 / a - 1 / c, 1 / a + 1 / b, 1 / c - 1 / b)
    aa, bb, cc = 1 / a**2, 1 / b**2, 1 / c**2
    return weights, ((aa + cc, cc), (-aa, -bb), (-cc, bb - cc))


def _turned(weights: Any, changes: Any) -> tuple[Any, Any]:
    """The stencil of the last place: that of the first, read backwards, with the other sign."""
    return (
        tuple(-weight for weight in weights[::-1]),
        tuple(tuple(-change for change in of_one[::-1]) for of_one in changes[::-1]),
    )


def _axes(f: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(f.ndim))
    return tuple(int(k) % f.ndim for k in (axis if isinstance(axis, tuple) else (axis,)))


def gradient_vjp(
    g: Any, y: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1
) -> Any:
    axes = _axes(f, axis)
    found: Any = 0.0
    for part, h, k in zip(_parts(g, y), _spacings(f, varargs, axes), axes):
        if not isinstance(part, AbstractZero):
            found = found + _slope_adjoint(part, h, k, edge_order)
    return found


def _parts(g: Any, y: Any) -> Any:
    return g if isinstance(y, (tuple, list)) else (g,)


def _spacing_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
        axes = _axes(f, axis)
        found: Any = 0.0
        of_each = zip(_parts(g, y), _spacings(f, varargs, axes), axes)
        for number, (part, h, k) in enumerate(of_each):
            is_mine = len(varargs) == 1 or number == which
            if is_mine and not isinstance(part, AbstractZero):
                moved = _distance_adjoint(part, f, h, k, edge_order)
                is_step = np.ndim(varargs[which]) == 0
                found = found + (np.sum(moved) if is_step else _diff_adjoint(moved, 1, 0))
        return found

    return vjp


derivative(np.gradient, gradient_vjp, *map(_spacing_vjp, range(8)))


# -- areas -----------------------------------------------------------------------------------------


def _trapezoid_vjp(which: int) -> Any:
    def vjp(g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
        axis = axis % np.ndim(y)
        g = np.expand_dims(g, axis)
        if which == 0:
            half = g * _distances(y, x, dx, axis) / 2
            half = half + like(np.zeros(_pairs(y.shape, axis), half.dtype), half)
            return _padded(half, axis, 1, 0) + _padded(half, axis, 0, 1)
        means = (_cut(y, axis, 1, None) + _cut(y, axis, None, -1)) / 2
        areas = g * np.conj(means)
        if which == 2:
            return np.sum(areas, axis=axis, keepdims=np.ndim(dx) > 0)
        steps = _padded(areas, axis, 1, 0) - _padded(areas, axis, 0, 1)
        if np.ndim(x) == 1:
            return np.sum(steps, axis=tuple(k for k in range(steps.ndim) if k != axis))
        return steps

    return vjp


def _pairs(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], shape[axis] - 1, *shape[axis + 1 :])


def _distances(y: Any, x: Any, dx: Any, axis: int) -> Any:
    if x is None:
        return np.conj(dx)
    if np.ndim(x) == 1:
        return np.conj(np.diff(x)).reshape((-1,) + (1,) * (y.ndim - 1 - axis))
    return np.conj(np.diff(x, axis=axis))


for _name in ("trapezoid", "trapz"):
    if _name in np.__dict__:
        derivative(np.__dict__[_name], *map(_trapezoid_vjp, range(3)))


# -- interpolation ---------------------------------------------------------------------------------


def _number_array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, (list, tuple)) else x


class _Place:
    """Where each x lies in the grid: the interval, how far into it,
    and whether it is in the grid at all."""

    def __init__(self, x: Any, xp: Any, period: Any) -> None:
        if period is not None:
            raise NotImplementedError("np.interp(period=...) has no rule")
        at, grid = np.asarray(primal(x)), np.asarray(primal(xp))
        self.below, self.above = at < grid[0], at > grid[-1]
        self.inside = ~(self.below | self.above)
        self.lower = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, max(grid.size - 2, 0))
        self.upper = np.minimum(self.lower + 1, grid.size - 1)

    def fraction(self, x: Any, xp: Any) -> Any:
        x, xp = _number_array(x), _number_array(xp)
        width = xp[self.upper] - xp[self.lower]
        return np.where(
            self.inside, (x - xp[self.lower]) / np.where(primal(width) == 0, 1, width), 0.0
        )

    def slope(self, xp: Any, fp: Any) -> Any:
        xp, fp = _number_array(xp), _number_array(fp)
        width = xp[self.upper] - xp[self.lower]
        rise = fp[self.upper] - fp[self.lower]
        return np.where(self.inside, rise / np.where(primal(width) == 0, 1, width), 0.0)


def interp_vjp_x(
    g: Any,
    y: Any,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Any:
    return g * np.conj(_Place(x, xp, period).slope(xp, fp))


def interp_vjp_xp(
    g: Any,
    y: Any,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Any:
    place = _Place(x, xp, period)
    moved = -g * np.conj(place.slope(xp, fp))
    t = place.fraction(x, xp)
    return np.real(_spread(moved * (1 - t), place.lower, xp) + _spread(moved * t, place.upper, xp))


def interp_vjp_fp(
    g: Any,
    y: Any,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Any:
    place = _Place(x, xp, period)
    n = np.shape(fp)[0]
    if n > 1 and type(g) is np.ndarray and type(x) is type(xp) is np.ndarray and place.inside.all():
        start = xp[place.lower]
        width = xp[place.upper] - start
        if width.all():
            above = g * ((x - start) / width)
            return _spread(g - above, place.lower, fp) + _spread(above, place.upper, fp)
    t = place.fraction(x, xp)
    found = _spread(np.where(place.inside, g * (1 - t), 0.0), place.lower, fp)
    found = found + _spread(np.where(place.inside, g * t, 0.0), place.upper, fp)
    for outside, fixed, k in ((place.below, left, 0), (place.above, right, n - 1)):
        if fixed is None and np.any(outside):
            found = found + np.sum(np.where(outside, g, 0.0)) * np.eye(1, n, k)[0]
    return found


def interp_vjp_left(
    g: Any,
    y: Any,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Any:
    return np.sum(np.where(_Place(x, xp, period).below, g, 0.0))


def interp_vjp_right(
    g: Any,
    y: Any,
    x: Any,
    xp: Any,
    fp: Any,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Any:
    return np.sum(np.where(_Place(x, xp, period).above, g, 0.0))


def _spread(g: Any, index: Any, like: Any) -> Any:
    return scatter(np.reshape(g, (-1,)), np.reshape(index, (-1,)), np.shape(like), g.dtype)


derivative(np.interp, interp_vjp_x, interp_vjp_xp, interp_vjp_fp, interp_vjp_left, interp_vjp_right)
