"""Functions that choose elements: `take_along_axis`, `select`, `choose`, `delete`,
`insert`, `block` and their kin.

What a result is made of does not move with the values. So each rule finds, with the function itself
and the numbers of the elements, which element of the arguments every element of the result is,
and adds the cotangent up there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, filled, nothing, primal
from rules_runtime.kernels.broadcast import normal_axes, unbroadcast
from rules_runtime.kernels.others import as_array
from rules_runtime.kernels.scatter import scatter


def _numbers(x: Any) -> Any:
    """The numbers of the elements of `x`, in its shape."""
    return np.arange(int(np.prod(np.shape(x), dtype=int))).reshape(np.shape(x))


def _added_up(g: Any, index: Any, x: Any) -> Any:
    """The cotangent of `x` where the result is ``x.ravel()[index]``;
    indices below zero are other elements."""
    g, index = np.reshape(g, (-1,)), np.reshape(index, (-1,))
    if np.any(index < 0):
        mine = np.flatnonzero(index >= 0)
        g, index = g[mine], index[mine]
    size = int(np.prod(np.shape(x), dtype=int))
    return np.reshape(scatter(g, index, (size,), g.dtype), np.shape(x))


# -- elements of one array -------------------------------------------------------------------------


def take_along_axis_vjp(g: Any, y: Any, arr: Any, indices: Any, axis: Any = -1) -> Any:
    return _added_up(g, np.take_along_axis(_numbers(arr), primal(indices), axis), arr)


def compress_vjp(g: Any, y: Any, condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    return _added_up(g, np.compress(primal(condition), _numbers(a), axis), a)


def extract_vjp(g: Any, y: Any, condition: Any, arr: Any) -> Any:
    return _added_up(g, np.extract(primal(condition), _numbers(arr)), arr)


def delete_vjp(g: Any, y: Any, arr: Any, obj: Any, axis: Any = None) -> Any:
    return _added_up(g, np.delete(_numbers(arr), obj, axis), arr)


def resize_vjp(g: Any, y: Any, a: Any, new_shape: Any) -> Any:
    return _added_up(g, np.resize(_numbers(a), new_shape), a)


def trim_zeros_vjp(g: Any, y: Any, filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The box that holds all that is not zero is kept; the zeros that are cut off stay zero."""
    values = np.asarray(primal(filt))
    places = np.argwhere(values != 0)
    if not places.size:
        return np.zeros(values.shape)
    axes = range(values.ndim) if axis is None else normal_axes(axis, values.ndim)
    box = [slice(None)] * values.ndim
    for k in axes:
        first, last = int(places[:, k].min()), int(places[:, k].max())
        box[k] = slice(
            first if "f" in trim.lower() else 0, last + 1 if "b" in trim.lower() else None
        )
    return _added_up(g, _numbers(values)[tuple(box)], values)


derivative(np.take_along_axis, take_along_axis_vjp, needs="1")
derivative(np.compress, nothing, compress_vjp, needs="0")
derivative(np.extract, nothing, extract_vjp, needs="0")
derivative(np.delete, delete_vjp, needs="")
derivative(np.resize, resize_vjp, needs="")
derivative(np.trim_zeros, trim_zeros_vjp, needs="0")


# -- elements of several arrays --------------------------------------------------------------------


def _insert_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
        theirs = -1 - _numbers(values)
        index = np.insert(_numbers(arr), obj, theirs, axis)
        if which == 0:
            return _added_up(g, index, arr)
        return _added_up(g, -1 - index, values)

    return vjp


derivative(np.insert, _insert_vjp(0), None, _insert_vjp(1), needs="")


def _select_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
        conditions = [as_array(primal(condition)) for condition in condlist]
        taken: Any = False  # by a condition before
        found: list[Any] = []
        for condition, choice in zip(conditions, choicelist):
            mine = condition & ~taken if found else condition
            found.append(unbroadcast(np.where(mine, g, 0.0), np.shape(choice)))
            taken = taken | condition
        return unbroadcast(np.where(taken, 0.0, g), np.shape(default)) if which == 1 else found

    return vjp


derivative(np.select, nothing, _select_vjp(0), _select_vjp(1), needs="0")


def choose_vjp(g: Any, y: Any, a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    is_list = isinstance(choices, (list, tuple))
    shapes = [np.shape(c) for c in choices] if is_list else [choices.shape[1:]] * choices.shape[0]
    number = as_array(primal(a))
    if mode == "wrap":
        number = number % len(shapes)
    elif mode == "clip":
        number = np.clip(number, 0, len(shapes) - 1)
    found = [unbroadcast(np.where(number == k, g, 0.0), shape) for k, shape in enumerate(shapes)]
    return found if is_list else np.stack(found)


derivative(np.choose, nothing, choose_vjp, needs="0")


def block_vjp(g: Any, y: Any, arrays: Any) -> Any:
    """Each level of lists is cut up along its axis: the innermost along the last."""

    def parted(g: Any, part: Any) -> Any:
        if not isinstance(part, list):
            return np.reshape(g, np.shape(part))
        axis = g.ndim - _depth(part)
        pieces, start = [], 0
        for each in part:
            stop = start + _extent(each, axis, g.ndim)
            pieces.append(parted(g[(slice(None),) * axis + (slice(start, stop),)], each))
            start = stop
        return pieces

    return parted(g, arrays)


def _depth(part: Any) -> int:
    return 1 + _depth(part[0]) if isinstance(part, list) else 0


def _extent(part: Any, axis: int, ndim: int) -> int:
    """How long a part of a block is along an axis; what has fewer axes gets them in front."""
    while isinstance(part, list):
        if ndim - _depth(part) == axis:
            return sum(_extent(each, axis, ndim) for each in part)
        part = part[0]
    shape = (1,) * (ndim - np.ndim(part)) + np.shape(part)
    return int(shape[axis])


derivative(np.block, block_vjp, needs="")


def _broadcast_arrays_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, *arrays: Any, subok: bool = False) -> Any:
        return unbroadcast(g[which], np.shape(arrays[which]))

    return vjp


def _meshgrid_vjp(which: int) -> Any:
    def vjp(
        g: Any, y: Any, *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
    ) -> Any:
        axis = {0: 1, 1: 0}.get(which, which) if indexing == "xy" and len(xi) > 1 else which
        part = filled(g, y)[which]
        others = tuple(k for k in range(part.ndim) if k != axis)
        return np.reshape(np.sum(part, axis=others), np.shape(xi[which]))

    return vjp


_MOST_ARRAYS = 16
derivative(np.broadcast_arrays, *map(_broadcast_arrays_vjp, range(_MOST_ARRAYS)), needs="")


def _open_mesh_vjp(which: int) -> Any:
    """Each result is one argument along an axis of its own."""
    return lambda g, y, *args: np.reshape(g[which], np.shape(args[which]))


derivative(np.ix_, *map(_open_mesh_vjp, range(_MOST_ARRAYS)), needs="")
derivative(np.meshgrid, *map(_meshgrid_vjp, range(_MOST_ARRAYS)))

if hasattr(np, "unstack"):

    def unstack_vjp(g: Any, y: Any, x: Any, /, *, axis: int = 0) -> Any:
        return np.stack(filled(g, y), axis=axis)

    derivative(np.unstack, unstack_vjp)
