"""`numpy.pad` in its modes.

Most modes repeat elements of the array: there the padded array is the array at some index, found by
padding the index itself, and the cotangent is added up at that index. The others are made axis by
axis, as numpy makes them, so their adjoints run over the axes in reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.scatter import scatter

_COPYING = frozenset(("edge", "reflect", "symmetric", "wrap"))


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        found: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            found[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        return [(int(a), int(b)) for a, b in found]
    return [(int(a), int(b)) for a, b in np.broadcast_to(pad_width, (ndim, 2))]


def _pairs(values: Any, ndim: int) -> list[tuple[Any, Any]]:
    """One value before and one behind for each axis, from all the ways to write them."""
    shape = np.shape(values)
    if shape == ():
        return [(values, values)] * ndim
    whole = values if len(shape) == 2 else [values] * ndim
    rows = whole if len(whole) == ndim else [whole[0]] * ndim
    return [(row[0], row[-1]) for row in rows]


def _cut(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def pad_vjp(
    g: Any, y: Any, array: Any, pad_width: Any, mode: Any = "constant", **options: Any
) -> Any:
    shape = np.shape(array)
    widths = _widths(pad_width, len(shape))
    if callable(mode):
        raise NotImplementedError("np.pad with a function as its mode has no rule")
    if mode in ("constant", "empty"):
        return g[tuple(slice(a, a + n) for (a, _), n in zip(widths, shape))]
    if mode in _COPYING and options.get("reflect_type", "even") == "even":
        steps = _steps(mode, widths, shape) if type(g) is np.ndarray else None
        if steps is not None:
            return _pad_back(g, steps, widths, shape)
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        index = np.pad(numbers, widths, mode)
        flat = scatter(np.reshape(g, (-1,)), index.ravel(), (numbers.size,), g.dtype)
        return np.reshape(flat, shape)
    if mode not in _AXIS_BY_AXIS:
        raise NotImplementedError(f"np.pad(mode={mode!r}) with these options has no rule")
    return _axis_by_axis(g, array, widths, mode, options)


def _axis_by_axis(
    g: Any, array: Any, widths: list[tuple[int, int]], mode: Any, options: dict[str, Any]
) -> Any:
    """What numpy pads first is undone last; `states[k]` is the array before axis k was padded."""
    states = []
    state = np.asarray(primal(array))
    ndim = state.ndim
    lengths = _pairs(options.get("stat_length"), ndim)
    ends = _pairs(options.get("end_values", 0), ndim)
    for axis in range(ndim):
        states.append(state)
        one = [(0, 0)] * axis + [widths[axis]] + [(0, 0)] * (ndim - 1 - axis)
        also: dict[str, Any] = {}
        if options.get("stat_length") is not None:
            also["stat_length"] = [lengths[axis]] * ndim
        if mode == "linear_ramp":
            also["end_values"] = [ends[axis]] * ndim
        state = np.pad(state, one, mode, **also)
    for axis in reversed(range(ndim)):
        g = _one_axis(g, states[axis], axis, widths[axis], mode, lengths[axis])
    return g


def _one_axis(
    g: Any, x: Any, axis: int, widths: tuple[int, int], mode: Any, lengths: tuple[Any, Any]
) -> Any:
    before, after = widths
    n = x.shape[axis]
    found = _cut(g, axis, before, before + n)
    for part, length, first in (
        (_cut(g, axis, 0, before), lengths[0], True),
        (_cut(g, axis, before + n, before + n + after), lengths[1], False),
    ):
        width = part.shape[axis]
        if width == 0:
            continue
        if mode == "linear_ramp":
            steps = np.arange(width) / width
            weights = _along(steps if first else steps[::-1], x.ndim, axis)
            total = np.sum(part * weights, axis=axis, keepdims=True)
            found = found + total * _along(np.eye(1, n, 0 if first else n - 1)[0], x.ndim, axis)
            continue
        length = n if length is None else min(int(length), n)
        start = 0 if first else n - length
        total = np.sum(part, axis=axis, keepdims=True)
        shares = _AXIS_BY_AXIS[mode](_cut(x, axis, start, start + length), axis)
        found = found + total * _placed(shares, axis, start, n)
    return found


def _along(vector: Any, ndim: int, axis: int) -> Any:
    return vector.reshape((-1,) + (1,) * (ndim - 1 - axis))


def _placed(shares: Any, axis: int, start: int, n: int) -> Any:
    widths = [(0, 0)] * shares.ndim
    widths[axis] = (start, n - start - shares.shape[axis])
    return np.pad(shares, widths)


def _extreme(reduce: Callable[..., Any]) -> Callable[[Any, int], Any]:
    def shares(x: Any, axis: int) -> Any:
        chosen = x == reduce(x, axis=axis, keepdims=True)
        return chosen / np.sum(chosen, axis=axis, keepdims=True)

    return shares


def _median(x: Any, axis: int) -> Any:
    n = x.shape[axis]
    ranks = np.argsort(np.argsort(x, axis=axis, kind="stable"), axis=axis)
    return ((ranks == (n - 1) // 2) * 0.5) + ((ranks == n // 2) * 0.5)


_AXIS_BY_AXIS: dict[str, Callable[[Any, int], Any]] = {
    "maximum": _extreme(np.max),
    "minimum": _extreme(np.min),
    "mean": lambda x, axis: np.full(x.shape, 1.0 / x.shape[axis]),
    "median": _median,
    "linear_ramp": lambda x, axis: x,
}

# what is repeated before, and what behind, as start and stop in the padded array, by `(a, n, b)`:
# the widths, and the length between them
_REPEATED: dict[str, Callable[[int, int, int], tuple[tuple[int, int], tuple[int, int]]]] = {
    "edge": lambda a, n, b: ((a, a + 1), (a + n - 1, a + n)),
    "wrap": lambda a, n, b: ((n, n + a), (a, a + b)),
    "reflect": lambda a, n, b: ((a + 1, 2 * a + 1), (a + n - 1 - b, a + n - 1)),
    "symmetric": lambda a, n, b: ((a, 2 * a), (a + n - b, a + n)),
}


def _steps(mode: str, widths: list[tuple[int, int]], shape: tuple[int, ...]) -> Any:
    """Which slices of the padded array are copied where, one after the other;
    None where some are repeated more than once."""
    most = [n - (mode == "reflect") for n in shape]
    if any(max(pair) > m and (mode != "edge" or not m) for pair, m in zip(widths, most)):
        return None
    steps = []
    turn = slice(None, None, -1 if mode in ("reflect", "symmetric") else 1)
    for axis, ((a, b), n) in enumerate(zip(widths, shape)):
        lead = (slice(None),) * axis
        spans = zip(((0, a), (a + n, a + n + b)), _REPEATED[mode](a, n, b))
        for (start, stop), (first, last) in spans:
            if start < stop:
                to, source = slice(start, stop), slice(first, last)
                steps.append(((*lead, to), (*lead, source), (*lead, turn)))
    return steps


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    steps = None
    if type(array) is np.ndarray and not options and not callable(mode) and mode in _COPYING:
        widths = _widths(pad_width, array.ndim)
        steps = _steps(mode, widths, array.shape)
    if steps is None:
        return np.pad(array, pad_width, mode, **options)
    y = np.empty([a + n + b for (a, b), n in zip(widths, array.shape)], array.dtype)
    y[tuple([slice(a, a + n) for (a, _), n in zip(widths, array.shape)])] = array
    for to, source, turned in steps:
        y[to] = y[source][turned]
    return y


def _pad_back(g: Any, steps: Any, widths: list[tuple[int, int]], shape: tuple[int, ...]) -> Any:
    g = g.copy()
    for to, source, turned in reversed(steps):
        part = g[to][turned]
        if part.shape != g[source].shape:  # the one at an edge
            part = np.add.reduce(part, axis=len(turned) - 1, keepdims=True)
        g[source] += part
    return g[tuple([slice(a, a + n) for (a, _), n in zip(widths, shape)])]


derivative(np.pad, pad_vjp, needs="0", forward=_pad)
