"""Rules of what only moves elements: shapes, axes, joining, splitting, selecting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import constant, derivative, filled, nothing
from ..kernels.broadcast import normal_axes, unbroadcast
from ..kernels.others import like
from ..kernels.scatter import scatter
from ..tangents import AbstractZero


def reshape_vjp(g: Any, y: Any, x: Any, shape: Any = None, order: str = "C", **kwargs: Any) -> Any:
    if order == "C":  # which not all libraries let one say
        return np.reshape(g, np.shape(x))
    return np.reshape(g, np.shape(x), order=order)  # type: ignore[call-overload]


derivative(np.reshape, reshape_vjp, needs="")
derivative(np.ravel, lambda g, y, x, order="C": reshape_vjp(g, y, x, np.shape(x), order), needs="")
for _function in (np.squeeze, np.expand_dims):
    derivative(_function, lambda g, y, x, *args, **kwargs: np.reshape(g, np.shape(x)), needs="")


def _atleast(which: int) -> Any:
    def atleast_vjp(g: Any, y: Any, *arrays: Any) -> Any:
        g = g if len(arrays) == 1 else g[which]
        return g if isinstance(g, AbstractZero) else np.reshape(g, np.shape(arrays[which]))

    return atleast_vjp


for _widened in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    derivative(_widened, *[_atleast(k) for k in range(8)], needs="")


def transpose_vjp(g: Any, y: Any, x: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    inverse = [0] * len(axes)
    for k, axis in enumerate(axes):
        inverse[axis] = k
    return np.transpose(g, inverse)


derivative(np.transpose, transpose_vjp, needs="")
derivative(np.swapaxes, lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2), needs="")
derivative(
    np.moveaxis,
    lambda g, y, x, source, destination: np.moveaxis(g, destination, source),
    needs="",
)
derivative(
    np.rollaxis,
    lambda g, y, x, axis, start=0: np.moveaxis(
        g, _rolled(np.ndim(x), axis, start), axis % np.ndim(x)
    ),
    needs="",
)
if hasattr(np, "matrix_transpose"):
    derivative(np.matrix_transpose, lambda g, y, x: np.swapaxes(g, -1, -2), needs="")
if hasattr(np, "permute_dims"):
    derivative(np.permute_dims, transpose_vjp, needs="")


def _rolled(ndim: int, axis: int, start: int) -> int:
    axis, start = axis % ndim, start + ndim if start < 0 else start
    return start - 1 if axis < start else start


derivative(np.broadcast_to, lambda g, y, x, shape, **kwargs: unbroadcast(g, np.shape(x)), needs="")
derivative(np.flip, lambda g, y, x, axis=None: np.flip(g, axis), needs="")
derivative(np.fliplr, lambda g, y, x: np.fliplr(g), needs="")
derivative(np.flipud, lambda g, y, x: np.flipud(g), needs="")


def _roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """As `numpy.roll`, by two slices where it is by one number along one axis."""
    if axis is None and x.ndim == 1:
        axis = 0
    is_usual = type(x) is np.ndarray and type(shift) is int and type(axis) is int
    if not is_usual or not -x.ndim <= axis < x.ndim or not x.size:
        return np.roll(x, shift, axis)
    n = x.shape[axis]
    shift %= n
    before = (slice(None),) * (axis % x.ndim)
    out = np.empty(x.shape, x.dtype)
    out[(*before, slice(shift, None))] = x[(*before, slice(0, n - shift))]
    if shift:
        out[(*before, slice(0, shift))] = x[(*before, slice(n - shift, None))]
    return out


def roll_vjp(g: Any, y: Any, x: Any, shift: Any, axis: Any = None) -> Any:
    if type(shift) is not int:
        shift = tuple([-s for s in shift]) if isinstance(shift, tuple) else -np.asarray(shift)
        return np.roll(g, shift, axis)
    return _roll(g, -shift, axis)


derivative(np.roll, roll_vjp, needs="1", forward=_roll)
derivative(np.rot90, lambda g, y, x, k=1, axes=(0, 1): np.rot90(g, -k, axes), needs="")


# ---- joining ---------------------------------------------------------------------------


def _cut(g: Any, parts: Any, axis: int, ndim: int) -> list[Any]:
    """The pieces of `g` that arrays joined along `axis` have become,
    each of which was given `ndim` dimensions before."""
    before = (slice(None),) * axis
    out, start = [], 0
    for x in parts:
        shape = np.shape(x)
        stop = start + (shape[axis] if len(shape) >= ndim else 1)  # of one row, or column
        piece = g[(*before, slice(start, stop))]
        out.append(piece if len(shape) >= ndim else np.reshape(piece, shape))
        start = stop
    return out


def concatenate_vjp(g: Any, y: Any, parts: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
    if axis is not None:
        return _cut(g, parts, axis % g.ndim, 0)
    pieces, start = [], 0
    for x in parts:
        stop = start + np.size(x)
        pieces.append(np.reshape(g[start:stop], np.shape(x)))
        start = stop
    return pieces


def stack_vjp(g: Any, y: Any, parts: Any, axis: int = 0, *args: Any, **kwargs: Any) -> Any:
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, k)] for k in range(len(parts))]


def _joined_vjp(axis: int, ndim: int) -> Any:
    """hstack and its kin: parts are given `ndim` dimensions, then joined along `axis`."""
    return lambda g, y, parts, **kwargs: _cut(g, parts, min(axis, g.ndim - 1), ndim)


derivative(np.concatenate, concatenate_vjp, needs="")
derivative(np.stack, stack_vjp, needs="")
derivative(np.hstack, _joined_vjp(1, 1), needs="")
derivative(np.vstack, _joined_vjp(0, 2), needs="")
derivative(np.column_stack, _joined_vjp(1, 2), needs="")
derivative(np.dstack, _joined_vjp(2, 3), needs="")
if hasattr(np, "row_stack") and not hasattr(np, "trapezoid"):
    derivative(np.row_stack, _joined_vjp(0, 2), needs="")
derivative(
    np.append,
    lambda g, y, x, values, axis=None: concatenate_vjp(g, y, (x, values), axis)[0],
    lambda g, y, x, values, axis=None: concatenate_vjp(g, y, (x, values), axis)[1],
    needs="",
)


def split_vjp(g: Any, y: Any, x: Any, sections: Any, axis: int = 0) -> Any:
    return np.concatenate(filled(g, y), axis=axis)


derivative(np.split, split_vjp, needs="")
derivative(np.array_split, split_vjp, needs="")
derivative(np.vsplit, lambda g, y, x, s: split_vjp(g, y, x, s, 0), needs="")
derivative(
    np.hsplit, lambda g, y, x, s: split_vjp(g, y, x, s, 1 if len(np.shape(x)) > 1 else 0), needs=""
)
derivative(np.dsplit, lambda g, y, x, s: split_vjp(g, y, x, s, 2), needs="")


# ---- repeating and selecting -----------------------------------------------------------


def repeat_vjp(g: Any, y: Any, x: Any, repeats: Any, axis: Any = None) -> Any:
    shape = np.shape(x)
    if axis is None:
        n = int(np.prod(shape))
        return np.reshape(repeat_vjp(g, y, np.empty(n), repeats, 0), shape)
    axis %= len(shape)
    if np.ndim(repeats) == 0 or np.size(repeats) == 1:
        k = int(np.reshape(repeats, -1)[0])
        return np.sum(np.reshape(g, shape[: axis + 1] + (k,) + shape[axis + 1 :]), axis=axis + 1)
    places = np.repeat(np.arange(shape[axis]), repeats)
    moved = scatter(
        np.moveaxis(g, axis, 0), places, (shape[axis], *shape[:axis], *shape[axis + 1 :]), g.dtype
    )
    return np.moveaxis(moved, 0, axis)


derivative(np.repeat, repeat_vjp, needs="1")


def tile_vjp(g: Any, y: Any, x: Any, reps: Any) -> Any:
    shape = np.shape(x)
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    n = max(len(shape), len(reps))
    full = (1,) * (n - len(shape)) + shape
    reps = (1,) * (n - len(reps)) + reps
    split = tuple(m for pair in zip(reps, full, strict=True) for m in pair)
    return np.reshape(np.sum(np.reshape(g, split), axis=tuple(range(0, 2 * n, 2))), shape)


derivative(np.tile, tile_vjp, needs="")


def take_vjp(
    g: Any, y: Any, x: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise"
) -> Any:
    shape = np.shape(x)
    indices = np.asarray(indices)
    n = int(np.prod(shape)) if axis is None else shape[axis]
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    if axis is None:
        return np.reshape(scatter(g, indices, (n,), x.dtype), shape)
    axis %= len(shape)
    if indices.ndim != 1:
        g = np.reshape(g, shape[:axis] + (indices.size,) + shape[axis + 1 :])
        indices = indices.reshape(-1)
    moved = scatter(
        np.moveaxis(g, axis, 0), indices, (n, *shape[:axis], *shape[axis + 1 :]), x.dtype
    )
    return np.moveaxis(moved, 0, axis)


derivative(np.take, take_vjp, needs="1")


def diagonal_vjp(g: Any, y: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    shape = np.shape(x)
    n = g.shape[-1]
    if type(g) is np.ndarray and len(shape) == 2 and axis1 == 0 and axis2 == 1:
        out = np.zeros(shape, g.dtype)
        first = offset if offset >= 0 else -offset * shape[1]
        out.reshape(-1)[first : first + n * (shape[1] + 1) : shape[1] + 1] = g
        return out
    rows = np.arange(n) + max(-offset, 0)
    columns = np.arange(n) + max(offset, 0)
    rest = [m for k, m in enumerate(shape) if k not in (axis1 % len(shape), axis2 % len(shape))]
    moved = scatter(
        np.moveaxis(g, -1, 0), (rows, columns), (shape[axis1], shape[axis2], *rest), x.dtype
    )
    return np.moveaxis(moved, (0, 1), (axis1, axis2))


def diag_vjp(g: Any, y: Any, x: Any, k: int = 0) -> Any:
    if len(np.shape(x)) == 1:
        return np.diagonal(g, k)
    return diagonal_vjp(g, y, x, k)


derivative(np.diag, diag_vjp, needs="")
derivative(np.diagonal, diagonal_vjp, needs="")
derivative(np.diagflat, lambda g, y, x, k=0: np.reshape(np.diagonal(g, k), np.shape(x)), needs="")
derivative(np.tril, lambda g, y, x, k=0: np.tril(g, k), needs="")
derivative(np.triu, lambda g, y, x, k=0: np.triu(g, k), needs="")


def trace_vjp(g: Any, y: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:  # fmt: skip
    shape = np.shape(x)
    if issubclass(type(g), np.generic):  # of a matrix, and not traced
        full: Any = np.eye(shape[axis1], shape[axis2], offset, dtype=g.dtype)
        full *= g
        return full if axis1 % 2 == 0 else full.T
    eye = like(np.eye(shape[axis1], shape[axis2], offset), g)
    full = np.expand_dims(g, (-2, -1)) * eye
    return np.moveaxis(full, (-2, -1), (axis1, axis2))


derivative(np.trace, trace_vjp, needs="")
constant(
    np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.result_type, np.min_scalar_type,
    np.can_cast, np.common_type, np.may_share_memory, np.shares_memory, np.tril_indices_from, np.triu_indices_from,
    np.diag_indices_from, np.array_repr, np.array_str, np.array2string,
)  # fmt: skip
derivative(
    np.full_like,
    nothing,
    lambda g, y, x, value, *args, **kwargs: unbroadcast(g, np.shape(value)),
    needs="",
)
derivative(np.copy, lambda g, y, x, *args, **kwargs: g, needs="")


def window_vjp(g: Any, y: Any, x: Any, window_shape: Any, axis: Any = None, **kwargs: Any) -> Any:
    """Each place of the window is a slice of the array."""
    shape = np.shape(x)
    window = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = normal_axes(axis, len(shape))
    total: Any = np.zeros(shape, g.dtype) if type(g) is np.ndarray else None
    for offset in np.ndindex(window):
        part = g[(..., *offset)]
        starts = [0] * len(shape)
        for k, start in zip(axes, offset, strict=True):
            starts[k] += start
        if total is not None and type(total) is np.ndarray:
            total[tuple(slice(s, s + n) for s, n in zip(starts, part.shape))] += part
            continue
        wide = np.pad(part, [(s, n - s - m) for s, n, m in zip(starts, shape, part.shape)])
        total = wide if total is None else total + wide
    return total


derivative(np.lib.stride_tricks.sliding_window_view, window_vjp, needs="")
