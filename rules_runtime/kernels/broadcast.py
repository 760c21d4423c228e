"""Sums over broadcast axes, and their adjoints, in the fewest passes."""

from __future__ import annotations

import functools
import string
from typing import Any

import numpy as np

from .others import is_other

Shape = tuple[int, ...]
ndarray = np.ndarray
add_reduce = np.add.reduce
_letters = string.ascii_letters
_SMALL = 512  # elements up to which a product costs nothing beside the call


def unbroadcast(g: Any, shape: Shape) -> Any:
    """`g` summed over the axes along which an array of shape `shape` was
    broadcast to the shape of `g`."""
    if type(g) is ndarray:
        have = g.shape
        if have == shape:
            return g
        if not shape:
            return add_reduce(g, axis=None)
        if len(have) == 2 and have[1:] == shape:
            return add_reduce(g, axis=0)
    else:
        have = g.shape if hasattr(g, "shape") else np.shape(g)
        if have == shape:
            return g
    axes = reduced(have, shape)
    if len(axes) == len(have) and not shape:
        return _total(g)
    if axes:
        g = add_reduce(g, axis=axes) if type(g) is ndarray else np.sum(g, axis=axes)
    if np.shape(g) != shape:
        if _size(np.shape(g)) == _size(shape):
            return g.reshape(shape)
        try:
            g = np.broadcast_to(g, shape)
        except ValueError:
            raise ValueError(f"a cotangent of shape {have} for an array of shape {shape}") from None
    return g


@functools.lru_cache(maxsize=4096)
def reduced(have: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes of `have` along which an array of shape `shape` was broadcast to it."""
    extra = len(have) - len(shape)
    return tuple(k for k, n in enumerate(have) if k < extra or (shape[k - extra] == 1 and n != 1))


def _size(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _total(g: Any) -> Any:
    return add_reduce(g, axis=None) if type(g) is ndarray else np.sum(g)


def product_sum(g: Any, factor: Any, shape: Shape) -> Any:
    """`unbroadcast(g * factor, shape)` without the product in memory where numpy can do so."""
    if type(g) is not ndarray or type(factor) is not ndarray or g.dtype != factor.dtype:
        return unbroadcast(g * factor, shape)
    have = g.shape
    if have == shape or g.size <= _SMALL or have != factor.shape:
        return unbroadcast(g * factor, shape)
    if g.dtype.kind not in "fc" or len(have) > 26:
        return unbroadcast(g * factor, shape)
    if not shape:
        if g.flags.c_contiguous and factor.flags.c_contiguous:
            return np.dot(g.reshape(-1), factor.reshape(-1))
        if g.flags.f_contiguous and factor.flags.f_contiguous:
            return np.dot(g.T.reshape(-1), factor.T.reshape(-1))
    letters = _letters[: len(have)]
    axes = reduced(have, shape)
    kept = "".join(c for k, c in enumerate(letters) if k not in axes)
    return np.einsum(f"{letters},{letters}->{kept}", g, factor).reshape(shape)


def expand(g: Any, shape: Shape, axes: tuple[int, ...]) -> Any:
    """A read-only view of `g` repeated along `axes` of `shape`: the adjoint of a sum over them.

    `g` has the shape of the sum, with or without the axes of length one.
    """
    if type(g) is not ndarray or not g.flags.c_contiguous:
        kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
        return np.broadcast_to(np.reshape(g, kept), shape)
    strides = [0] * len(shape)
    step = g.itemsize
    for k in range(len(shape) - 1, -1, -1):
        if k not in axes:
            strides[k] = step
            step *= shape[k]
    if g.size == 0 or 0 in shape:
        return np.zeros(shape, g.dtype)
    view = np.ndarray(shape, g.dtype, g, 0, tuple(strides))
    view.flags.writeable = False
    return view


def full_view(value: Any, shape: Shape) -> Any:
    """A read-only array of one value, of any shape, in constant memory."""
    if is_other(value):
        return np.broadcast_to(value, shape)
    value = np.array(value)
    if 0 in shape:
        return np.zeros(shape, value.dtype)
    value.flags.writeable = False
    return np.ndarray(shape, value.dtype, value, 0, (0,) * len(shape))


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis=` as numpy takes it (None, an int, a tuple) as a tuple of non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, tuple):
        return tuple(int(k) % ndim if ndim else 0 for k in axis)
    return (int(axis) % ndim,) if ndim else ()


def kept(value: Any, shape: Shape, axis: Any) -> Any:
    """A result of a reduction of `shape`, or a cotangent of one,
    with the reduced axes as ones whether it had them or not."""
    if type(axis) is int and shape:
        axis %= len(shape)
        return np.reshape(value, (*shape[:axis], 1, *shape[axis + 1 :]))
    axes = normal_axes(axis, len(shape))
    return np.reshape(value, tuple([1 if k in axes else n for k, n in enumerate(shape)]))


def unreduce(g: Any, shape: Shape, axis: Any = None, keepdims: bool = False) -> Any:
    """The adjoint of `np.sum(x, axis, keepdims=keepdims)` for an `x` of the given shape: `g`
    repeated along the axes that were summed, as a view that cannot be written to.

    >>> unreduce(np.array([1.0, 2.0]), (2, 2), 1)
    array([[1., 1.],
           [2., 2.]])
    """
    shape = tuple(shape)
    return expand(g, shape, normal_axes(axis, len(shape)))
