"""Functions that numpy writes in Python,
whose commonest calls are done here with fewer steps, forwards and back.

As in `fast.py`, each takes `(args, kwargs)` and returns NotImplemented for whatever is not the
common case: one trace, plain float64 arrays, few arguments. Results are numpy's, to the last bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..kernels.broadcast import unbroadcast
from ..kernels.scatter import scatter
from .fast import F8, _record
from .sweep import OVERWRITE
from .tracer import Tracer, place_of, primal

ndarray = np.ndarray
float64 = np.float64
add_reduce = np.add.reduce
_numbers = (float64, float, int)


def _array(args: Any) -> Any:
    """The value of the first argument where that is a traced float64 array; else None."""
    x = args[0] if args else None
    v = x.value if type(x) is Tracer else None
    return v if type(v) is ndarray and v.dtype is F8 else None


def _axis(args: Any, kwargs: Any) -> Any:
    """`axis`, where that is all that follows the first argument; else NotImplemented."""
    if kwargs:
        if len(args) > 1 or len(kwargs) > 1 or "axis" not in kwargs:
            return NotImplemented
        axis = kwargs["axis"]
    elif len(args) > 2:
        return NotImplemented
    else:
        axis = args[1] if len(args) == 2 else None
    return axis if axis is None or type(axis) is int else NotImplemented


# ---- choosing ----------------------------------------------------------------------------


def where(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 3:
        return NotImplemented
    condition, a, b = primal(args[0]), args[1], args[2]
    tape = None
    if type(a) is Tracer:
        x, tape = a.value, a.tape
    else:
        x = a
    if type(b) is Tracer:
        y = b.value
        if tape is None:
            tape = b.tape
        elif tape is not b.tape:
            return NotImplemented
    else:
        y = b
    if tape is None or not _is_real(x) or not _is_real(y):
        return NotImplemented
    if type(condition) is list:
        condition = np.asarray(condition)
    z = np.where(condition, x, y)
    if z.dtype is not F8:
        return NotImplemented
    xs = x.shape if type(x) is ndarray else ()
    ys = y.shape if type(y) is ndarray else ()
    if type(b) is not Tracer:
        return _record(a, z, where_true_vjp, (condition, xs))
    if type(a) is not Tracer:
        return _record(b, z, where_false_vjp, (condition, ys))
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry := (a.index, b.index, where_vjp, (condition, xs, ys), NEW, None))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


NEW = -1  # for the sweep: arrays that nobody else has
_ZERO = np.zeros(())
_ZERO.flags.writeable = False


def _is_real(x: Any) -> bool:
    return (type(x) is ndarray and x.dtype is F8) or type(x) in _numbers


def where_vjp(g: Any, saved: Any) -> Any:
    condition, xs, ys = saved
    return where_true_vjp(g, (condition, xs)), where_false_vjp(g, (condition, ys))


def where_true_vjp(g: Any, saved: Any) -> Any:
    condition, shape = saved
    dx = np.where(condition, g, _ZERO)
    return dx if np.shape(dx) == shape else unbroadcast(dx, shape)


def where_false_vjp(g: Any, saved: Any) -> Any:
    condition, shape = saved
    dx = np.where(condition, _ZERO, g)
    return dx if np.shape(dx) == shape else unbroadcast(dx, shape)


def clip(args: Any, kwargs: Any) -> Any:
    v = _array(args)
    if v is None or kwargs or len(args) != 3:
        return NotImplemented
    x, low, high = args
    if type(low) not in _limits or type(high) not in _limits or low is high is None:
        return NotImplemented
    y = v if low is None else np.maximum(v, low)
    if high is not None:
        y = np.minimum(y, high)
    return _record(x, y, clip_vjp, (v, y), OVERWRITE)


_limits = (float64, float, int, type(None))


def clip_vjp(g: Any, saved: Any, mine: bool) -> Any:
    v, y = saved  # at a limit the function is the argument still
    inside = v == y
    return np.multiply(g, inside, g) if mine and type(g) is ndarray else g * inside


# ---- along one axis ----------------------------------------------------------------------


def cumsum(args: Any, kwargs: Any) -> Any:
    v, axis = _array(args), _axis(args, kwargs)
    if v is None or axis is NotImplemented or (axis is None and v.ndim != 1):
        return NotImplemented
    if axis is not None and not -v.ndim <= axis < v.ndim:
        return NotImplemented
    axis = (axis or 0) % v.ndim
    backwards = (slice(None),) * axis + (slice(None, None, -1),)
    return _record(args[0], v.cumsum(axis), cumsum_vjp, (axis, backwards))


def cumsum_vjp(g: Any, saved: Any) -> Any:
    axis, backwards = saved
    return g[backwards].cumsum(axis)[backwards]


def roll(args: Any, kwargs: Any) -> Any:
    v = _array(args)
    if v is None or len(args) < 2 or type(args[1]) is not int:
        return NotImplemented
    axis = _axis(args[1:], kwargs)
    if axis is NotImplemented or (axis is None and v.ndim != 1) or not v.size:
        return NotImplemented
    if axis is not None and not -v.ndim <= axis < v.ndim:
        return NotImplemented
    axis = (axis or 0) % v.ndim
    return _record(args[0], rolled(v, args[1], axis), roll_vjp, (-args[1], axis))


def rolled(v: Any, shift: int, axis: int) -> Any:
    n = v.shape[axis]
    shift %= n
    before = (slice(None),) * axis
    out = np.empty(v.shape)
    out[(*before, slice(shift, None))] = v[(*before, slice(0, n - shift))]
    if shift:
        out[(*before, slice(0, shift))] = v[(*before, slice(n - shift, None))]
    return out


def roll_vjp(g: Any, saved: Any) -> Any:
    shift, axis = saved
    return rolled(g, shift, axis) if type(g) is ndarray and g.dtype is F8 else np.roll(g, *saved)


def diff(args: Any, kwargs: Any) -> Any:
    v, axis = _array(args), kwargs.get("axis", -1)
    if v is None or len(args) > 1 or len(kwargs) > ("axis" in kwargs) or type(axis) is not int:
        return NotImplemented
    if not -v.ndim <= axis < v.ndim or not v.shape[axis]:
        return NotImplemented
    before = (slice(None),) * (axis % v.ndim)
    first, last = (*before, slice(None, -1)), (*before, slice(1, None))
    return _record(args[0], v[last] - v[first], diff_vjp, (v.shape, axis, first, last))


def diff_vjp(g: Any, saved: Any) -> Any:
    shape, axis, first, last = saved
    if type(g) is not ndarray:  # traced
        none = np.zeros([1 if k == axis % len(shape) else n for k, n in enumerate(shape)])
        return np.concatenate([none, g], axis) - np.concatenate([g, none], axis)
    out = np.zeros(shape)
    out[last] = g
    out[first] -= g
    return out


def sort(args: Any, kwargs: Any) -> Any:
    v = _array(args)
    axis = _axis(args, kwargs) if len(args) > 1 or kwargs else -1
    if v is None or type(axis) is not int or not -v.ndim <= axis < v.ndim:
        return NotImplemented
    order = v.argsort(axis)
    if v.ndim == 1:
        return _record(args[0], v[order], sort_vjp, order)
    index: Any = list(np.indices(v.shape, sparse=True))
    index[axis] = order
    return _record(args[0], v[tuple(index)], sort_vjp, tuple(index))


def sort_vjp(g: Any, order: Any) -> Any:
    if type(g) is not ndarray:
        if type(order) is ndarray:
            return g[np.argsort(order)]
        axis = next(k for k, part in enumerate(order) if part.shape == g.shape)
        return np.take_along_axis(g, np.argsort(order[axis], axis), axis)
    out = np.empty(g.shape)
    out[order] = g
    return out


# ---- lengths and spreads -----------------------------------------------------------------


def norm(args: Any, kwargs: Any) -> Any:
    v = _array(args)
    if v is None or len(args) > 1:
        return NotImplemented
    axis, keepdims, order = None, False, None
    for name, value in kwargs.items():
        if name == "axis":
            axis = value
        elif name == "keepdims":
            keepdims = value
        else:
            order = value
    if (
        order is not None
        or (axis is not None and type(axis) is not int)
        or (keepdims and axis is None)
    ):
        return NotImplemented
    if axis is None:
        flat = v.ravel("K")
        y: Any = float64(math.sqrt(flat.dot(flat)))
        return _record(args[0], y, length_vjp, (v, y))
    y = add_reduce(v * v, axis=axis, keepdims=True)
    np.sqrt(y, y)
    shape = y.shape
    z = y if keepdims else y.squeeze(axis)
    return _record(args[0], z[()], lengths_vjp, (v, z[()], shape))


def length_vjp(g: Any, saved: Any) -> Any:
    v, y = saved
    return v * (g / y) if y else v * g  # of nothing but zeros


def lengths_vjp(g: Any, saved: Any) -> Any:
    v, y, shape = saved
    if not np.all(y):
        y = np.where(y == 0.0, 1.0, y)
    return v * np.reshape(g / y, shape)


def _spread(args: Any, kwargs: Any) -> Any:
    """`(v, mean, variance, number of elements less ddof)` in the common case; None otherwise."""
    v = _array(args)
    if v is None or len(args) > 2:
        return None
    axis: Any = args[1] if len(args) == 2 else None
    ddof: Any = 0
    keepdims: Any = False
    for name, value in kwargs.items():
        if name == "axis":
            axis = value
        elif name == "ddof":
            ddof = value
        elif name == "keepdims":
            keepdims = value
        elif value is not None:
            return None
    if (axis is not None and type(axis) is not int and type(axis) is not tuple) or type(
        ddof
    ) is not int:
        return None
    total = add_reduce(v, axis=axis, keepdims=True)
    n = v.size // max(total.size, 1)
    if n <= ddof or not v.size:
        return None
    mean = total / n
    d = v - mean
    squares: Any = add_reduce(np.multiply(d, d, d), axis=axis, keepdims=keepdims)
    return v, mean, squares / (n - ddof), n - ddof


def var(args: Any, kwargs: Any) -> Any:
    found = _spread(args, kwargs)
    if found is None:
        return _about(*args, **kwargs)
    v, mean, y, n = found
    return _record(args[0], y, var_vjp, (v, mean, 2.0 / n))


def std(args: Any, kwargs: Any) -> Any:
    found = _spread(args, kwargs)
    if found is None:
        y = _about(*args, **kwargs)
        return y if y is NotImplemented else np.sqrt(y)
    v, mean, y, n = found
    y = np.sqrt(y)
    return _record(args[0], y, std_vjp, (v, mean, 1.0 / n, y))


def nanvar(args: Any, kwargs: Any) -> Any:
    return _about(*args, **kwargs, leave_out=np.isnan)


def nanstd(args: Any, kwargs: Any) -> Any:
    y = nanvar(args, kwargs)
    return y if y is NotImplemented else np.sqrt(y)


def _about(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None, leave_out: Any = None,
) -> Any:  # fmt: skip
    """The variance about a traced mean, which is given by keyword
    and has no place among the arguments of a rule."""
    if type(mean) is not Tracer or dtype is not None or out is not None:
        return NotImplemented
    if leave_out is not None:
        where = where & ~leave_out(primal(a))
    d = a - mean
    squares = np.real(d * np.conj(d)) if np.iscomplexobj(primal(d)) else d * d
    if where is not True:
        squares = np.where(where, squares, 0.0)
    keepdims = keepdims is True
    number = np.sum(np.broadcast_to(where, np.shape(a)), axis=axis, keepdims=keepdims)
    freedom = np.maximum(number - (ddof if correction is None else correction), 0)
    total = np.sum(squares, axis=axis, keepdims=keepdims)
    return total / np.asarray(freedom, total.dtype)[()]


def var_vjp(g: Any, saved: Any) -> Any:
    v, mean, factor = saved
    g = np.reshape(g, mean.shape) * factor
    d = v - mean
    return np.multiply(d, g, d) if type(g) is ndarray else d * g


def std_vjp(g: Any, saved: Any) -> Any:
    v, mean, factor, y = saved
    safe = y if np.all(y) else np.where(y == 0.0, 1.0, y)
    return var_vjp(g / safe, (v, mean, factor))


def median(args: Any, kwargs: Any) -> Any:
    """Of all elements: from the places of the one or two in the middle."""
    v = _array(args)
    if v is None or len(args) > 1 or kwargs or not v.size:
        return NotImplemented
    flat = v.ravel()
    n = flat.size
    h = n // 2
    order = flat.argpartition([h, n - 1] if n % 2 else [h - 1, h, n - 1])
    places = order[h : h + 1] if n % 2 else order[h - 1 : h + 1]
    if np.isnan(flat[order[-1]]):
        return NotImplemented
    y = add_reduce(flat[places]) / len(places)
    return _record(args[0], y, median_vjp, (places, v.shape))


def median_vjp(g: Any, saved: Any) -> Any:
    places, shape = saved
    share = g / len(places)
    if type(g) is not float64:
        index = np.unravel_index(places, shape)
        return scatter(np.stack([share] * len(places)), index, shape, F8)
    out = np.zeros(shape)
    out.reshape(-1)[places] = share
    return out


# ---- products ----------------------------------------------------------------------------


def outer(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2:
        return NotImplemented
    a, b = args
    x, y = (a.value if type(a) is Tracer else a), (b.value if type(b) is Tracer else b)
    if not (type(x) is type(y) is ndarray and x.ndim == y.ndim == 1 and x.dtype is y.dtype is F8):
        return NotImplemented
    z = x[:, None] * y
    if type(b) is not Tracer:
        return _record(a, z, outer_left_vjp, y)
    if type(a) is not Tracer:
        return _record(b, z, outer_right_vjp, x)
    if a.tape is not b.tape:
        return NotImplemented
    t = Tracer()
    t.value = z
    t.tape = tape = a.tape
    t.index = i = len(tape)
    tape.append(entry := (a.index, b.index, outer_vjp, (x, y), NEW, None))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def outer_vjp(g: Any, saved: Any) -> Any:
    x, y = saved
    return g @ y, x @ g


def outer_left_vjp(g: Any, y: Any) -> Any:
    return g @ y


def outer_right_vjp(g: Any, x: Any) -> Any:
    return x @ g


class _Plan(NamedTuple):
    """How `np.tensordot` becomes a product of matrices: orders of axes, and what undoes them."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    order_x: tuple[int, ...]
    order_y: tuple[int, ...]
    back_x: tuple[int, ...]
    back_y: tuple[int, ...]


@functools.lru_cache(maxsize=512)
def _plan(n: int, m: int, left: tuple[int, ...], right: tuple[int, ...]) -> _Plan:
    free_x = tuple(k for k in range(n) if k not in left)
    free_y = tuple(k for k in range(m) if k not in right)
    order_x, order_y = free_x + left, right + free_y
    back_x = tuple(sorted(range(n), key=order_x.__getitem__))
    back_y = tuple(sorted(range(m), key=order_y.__getitem__))
    return _Plan(left, right, order_x, order_y, back_x, back_y)


def _axes_of(axes: Any, n: int, m: int) -> Any:
    """The axes that are summed over, as two tuples; None where they are given in another form."""
    if type(axes) is int:
        return (tuple(range(n - axes, n)), tuple(range(axes))) if 0 <= axes <= min(n, m) else None
    if type(axes) not in (tuple, list) or len(axes) != 2:
        return None
    pair = []
    for given, ndim in zip(axes, (n, m)):
        given = (given,) if type(given) is int else given
        if type(given) not in (tuple, list) or any(type(k) is not int for k in given):
            return None
        if any(not -ndim <= k < ndim for k in given) or len({k % ndim for k in given}) != len(
            given
        ):
            return None
        pair.append(tuple([k % ndim for k in given]))
    return pair if len(pair[0]) == len(pair[1]) else None


def tensordot(args: Any, kwargs: Any) -> Any:
    """As a product of matrices, which are kept for the way back."""
    if len(args) + len(kwargs) > 3 or len(args) < 2 or (kwargs and "axes" not in kwargs):
        return NotImplemented
    a, b = args[:2]
    x, y = (a.value if type(a) is Tracer else a), (b.value if type(b) is Tracer else b)
    if not (type(x) is type(y) is ndarray and x.dtype is y.dtype is F8):
        return NotImplemented
    if type(a) is type(b) is Tracer and a.tape is not b.tape:
        return NotImplemented
    axes = _axes_of(args[2] if len(args) == 3 else kwargs.get("axes", 2), x.ndim, y.ndim)
    if axes is None:
        return NotImplemented
    plan = _plan(x.ndim, y.ndim, *axes)
    x_moved, y_moved = x.transpose(plan.order_x), y.transpose(plan.order_y)
    count = len(plan.left)
    inner = y_moved.shape[:count]
    if x_moved.shape[x.ndim - count :] != inner:
        return NotImplemented
    k = math.prod(inner)
    rows, columns = x_moved.shape[: x.ndim - count], y_moved.shape[count:]
    x_matrix = x_moved.reshape(math.prod(rows), k)
    y_matrix = y_moved.reshape(k, math.prod(columns))
    z = np.dot(x_matrix, y_matrix).reshape(rows + columns)
    to_x, to_y = (y_matrix, x_moved.shape, plan.back_x), (x_matrix, y_moved.shape, plan.back_y)
    if type(b) is not Tracer:
        return _record(a, z, tensordot_left_vjp, to_x)
    if type(a) is not Tracer:
        return _record(b, z, tensordot_right_vjp, to_y)
    t = Tracer()
    t.value = z
    t.tape = tape = a.tape
    t.index = i = len(tape)
    tape.append(entry := (a.index, b.index, tensordot_vjp, (to_x, to_y), NEW, None))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def tensordot_vjp(g: Any, saved: Any) -> Any:
    return tensordot_left_vjp(g, saved[0]), tensordot_right_vjp(g, saved[1])


def tensordot_left_vjp(g: Any, saved: Any) -> Any:
    y, shape, back = saved
    return (
        (g.reshape(-1, y.shape[1]) @ y.T).reshape(shape).transpose(back)
        if g.size
        else _none(shape, back)
    )


def tensordot_right_vjp(g: Any, saved: Any) -> Any:
    x, shape, back = saved
    return (
        (x.T @ g.reshape(x.shape[0], -1)).reshape(shape).transpose(back)
        if g.size
        else _none(shape, back)
    )


def _none(shape: tuple[int, ...], back: tuple[int, ...]) -> Any:
    return np.zeros(shape).transpose(back)


FUNCTIONS: dict[Any, Callable[[Any, Any], Any]] = {
    np.where: where,
    np.clip: clip,
    np.cumsum: cumsum,
    np.roll: roll,
    np.diff: diff,
    np.sort: sort,
    np.linalg.norm: norm,
    np.var: var,
    np.std: std,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
    np.median: median,
    np.outer: outer,
    np.tensordot: tensordot,
}
