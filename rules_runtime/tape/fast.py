"""Numpy functions with a path of their own:
reductions, shapes, extrema and the commonest functions of two arguments.

Each takes `(args, kwargs)` as numpy's protocol hands them over and returns NotImplemented for
whatever is not the common case: one trace, plain float64 arrays, arguments by position or the
keywords `axis` and `keepdims`. Then `apply` does it, with the same result.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ..forms import FORMS
from ..kernels.broadcast import expand, full_view, normal_axes
from ..kernels.elementwise import maximum_vjp, minimum_vjp
from ..kernels.extrema import extremum_cotangent
from ..kernels.low_rank import LowRank
from . import broadcasting, operators
from .cotangents import Fill
from .record import note_view
from .sweep import INTO, OVERWRITE, SHARED, TAKES_LOW_RANK, VIEW, takes_fill
from .tracer import Tracer, place_of, primal, record, tracer

ndarray = np.ndarray
float64 = np.float64
F8 = np.dtype(float)
add_reduce = np.add.reduce


# ---- sums ------------------------------------------------------------------------------


@takes_fill
def total_vjp(g: Any, shape: tuple[int, ...]) -> Any:
    """One number for all elements."""
    if type(g) is float64 or type(g) is float:
        return Fill(g, shape)
    return np.broadcast_to(g, shape) if type(g) is Tracer else full_view(g, shape)


@takes_fill
def mean_vjp(g: Any, saved: Any) -> Any:
    shape, n = saved
    return total_vjp(g / n, shape)


def spread_vjp(g: Any, saved: Any) -> Any:
    shape, axes = saved
    return expand(g, shape, axes)


def mean_spread_vjp(g: Any, saved: Any) -> Any:
    shape, axes, n = saved
    return expand(g / n, shape, axes)


def _reduction(args: Any, kwargs: Any, kinds: str = "dfD") -> Any:
    """`(tracer, value, axis, keepdims)` of a reduction in the common case; None otherwise."""
    x = args[0]
    if type(x) is not Tracer:
        return None
    v = x.value
    if type(v) is not ndarray or v.dtype.char not in kinds:
        return None
    axis = args[1] if len(args) == 2 else None
    keepdims = False
    if len(args) > 2:
        return None
    for name, value in kwargs.items():
        if name == "axis":
            axis = value
        elif name == "keepdims":
            keepdims = value
        elif value is not None:
            return None
    if axis is not None and type(axis) is not int and type(axis) is not tuple:
        return None
    return x, v, axis, keepdims


def _record(x: Tracer, y: Any, *entry: Any) -> Tracer:
    tape = x.tape
    t = Tracer()
    t.value = y
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry := (x.index, *entry))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def fast_sum(args: Any, kwargs: Any) -> Any:
    found = _reduction(args, kwargs)
    if found is None:
        return NotImplemented
    x, v, axis, keepdims = found
    if axis is None and not keepdims:
        return _record(x, add_reduce(v, axis=None), total_vjp, v.shape, SHARED)
    y = add_reduce(v, axis=axis, keepdims=keepdims)
    return _record(x, y, spread_vjp, (v.shape, normal_axes(axis, v.ndim)), SHARED)


def fast_mean(args: Any, kwargs: Any) -> Any:
    found = _reduction(args, kwargs)
    if found is None or found[1].size == 0:
        return NotImplemented
    x, v, axis, keepdims = found
    if axis is None and not keepdims:
        n = v.size
        return _record(x, add_reduce(v, axis=None) / n, mean_vjp, (v.shape, n), SHARED)
    axes = normal_axes(axis, v.ndim)
    y = add_reduce(v, axis=axis, keepdims=keepdims)
    n = v.size // max(y.size, 1)
    y /= n
    return _record(x, y, mean_spread_vjp, (v.shape, axes, n), SHARED)


# ---- extrema ---------------------------------------------------------------------------


def extremum_vjp(g: Any, saved: Any, old: Any) -> Any:
    v, y, axes = saved
    return extremum_cotangent(g, v, y, axes, old)


def _fast_extremum(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    reduce = {np.max: np.maximum.reduce, np.min: np.minimum.reduce}[function]

    def fast_extremum(args: Any, kwargs: Any) -> Any:
        found = _reduction(args, kwargs, "d")
        if found is None:
            return NotImplemented
        x, v, axis, keepdims = found
        y = reduce(v, axis=axis, keepdims=keepdims)
        return _record(x, y, extremum_vjp, (v, y, normal_axes(axis, v.ndim)), INTO)

    return fast_extremum


# ---- shapes ----------------------------------------------------------------------------


@takes_fill
def reshape_vjp(g: Any, shape: tuple[int, ...]) -> Any:
    if type(g) is Fill:
        return Fill(g.value, shape)
    return g.reshape(shape)


@takes_fill
def transpose_vjp(g: Any, inverse: Any) -> Any:
    if type(g) is LowRank:
        return g.T
    if type(g) is Fill:
        order = inverse or range(len(g.shape))[::-1]
        return Fill(g.value, tuple(g.shape[k] for k in order))
    return g.transpose(inverse) if inverse is not None else g.T


TAKES_LOW_RANK.add(transpose_vjp)


def swapaxes_vjp(g: Any, axes: Any) -> Any:
    return g.swapaxes(*axes)


def _viewed(x: Tracer, v: Any, y: Any, vjp: Any, saved: Any) -> Tracer:
    t = _record(x, y, vjp, saved, VIEW)
    base = y.base
    if base is not None and (base is v or base is v.base):
        t.base = (x, None)
        note_view(x, t)
    return t


def fast_reshape(args: Any, kwargs: Any) -> Any:
    if len(args) != 2:
        return NotImplemented
    x = args[0]
    if kwargs:
        order: Any = kwargs.get("order") if len(kwargs) == 1 else None
        if order == "A":
            order = "F" if np.asarray(primal(x)).flags.fnc else "C"
            return np.reshape(x, args[1], order=order)
        if order != "C":
            return NotImplemented
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray:
        return NotImplemented
    return _viewed(x, v, v.reshape(args[1]), reshape_vjp, v.shape)


def fast_ravel(args: Any, kwargs: Any) -> Any:
    """As the reshape, or transpose and reshape, that it is;
    the orders A and K go by how the array lies in memory."""
    x, v = args[0], primal(args[0])
    if type(x) is not Tracer or type(v) is not ndarray or len(args) + len(kwargs) > 2:
        return NotImplemented
    order = args[1] if len(args) == 2 else kwargs.get("order", "C")
    if order == "A":
        order = "F" if v.flags.fnc else "C"
    elif order == "K":
        steps = [-abs(s) for s in v.strides]
        x = np.transpose(x, sorted(range(v.ndim), key=steps.__getitem__))
        order = "C"
    if order == "C":
        return np.reshape(x, -1)
    return np.reshape(np.transpose(x), -1) if order == "F" else NotImplemented


def fast_transpose(args: Any, kwargs: Any) -> Any:
    if kwargs or not 1 <= len(args) <= 2:
        return NotImplemented
    x = args[0]
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray:
        return NotImplemented
    axes = args[1] if len(args) == 2 else None
    if axes is None:
        return _viewed(x, v, v.T, transpose_vjp, None)
    y = v.transpose(axes)
    inverse = [0] * v.ndim
    for k, axis in enumerate(axes):
        inverse[axis] = k
    return _viewed(x, v, y, transpose_vjp, inverse)


def fast_swapaxes(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 3:
        return NotImplemented
    x = args[0]
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray:
        return NotImplemented
    return _viewed(x, v, v.swapaxes(args[1], args[2]), swapaxes_vjp, args[1:])


# ---- products --------------------------------------------------------------------------


def fast_dot(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2:
        return NotImplemented
    a, b = args
    x = a.value if type(a) is Tracer else a
    y = b.value if type(b) is Tracer else b
    if type(x) is not ndarray or type(y) is not ndarray:
        return NotImplemented
    if not (1 <= x.ndim <= 2 and 1 <= y.ndim <= 2):
        return NotImplemented
    return operators.matmul(a, b) if type(a) is Tracer else operators.rmatmul(b, a)


# ---- joining ---------------------------------------------------------------------------


def _parts(args: Any, kwargs: Any) -> Any:
    """`(parts, values, tape, axis)` of a join of plain float64 arrays or numbers;
    None otherwise."""
    axis = 0
    for name, value in kwargs.items():
        if name != "axis":
            return None
        axis = value
    if len(args) > 1:
        axis = args[1]
    parts = args[0]
    if len(args) > 2 or type(axis) is not int or type(parts) not in (list, tuple):
        return None
    tape = None
    values = []
    for x in parts:
        if type(x) is Tracer:
            if tape is None:
                tape = x.tape
            elif x.tape is not tape:
                return None
            x = x.value
        if type(x) is ndarray:
            if x.dtype is not F8:
                return None
        elif type(x) is not float64 and type(x) is not float:
            return None
        values.append(x)
    return parts, values, tape, axis


def _record_join(parts: Any, tape: Any, y: Any, vjp: Any, saved: list[Any]) -> Tracer:
    places = [x.index for x in parts if type(x) is Tracer]
    return tracer(y, tape, record(tape, (places, vjp, saved, SHARED, None, None, None)))


def pieces_vjp(g: Any, saved: Any) -> Any:
    return [g[index] for index in saved]


def fast_concatenate(args: Any, kwargs: Any) -> Any:
    found = _parts(args, kwargs)
    if found is None:
        return NotImplemented
    parts, values, tape, axis = found
    y = np.concatenate(values, axis)
    before = (slice(None),) * (axis % y.ndim)
    pieces, start = [], 0
    for x, v in zip(parts, values):
        stop = start + v.shape[axis]
        if type(x) is Tracer:
            pieces.append((*before, slice(start, stop)))
        start = stop
    return _record_join(parts, tape, y, pieces_vjp, pieces)


def fast_stack(args: Any, kwargs: Any) -> Any:
    found = _parts(args, kwargs)
    if found is None:
        return NotImplemented
    parts, values, tape, axis = found
    y = np.stack(values, axis) if type(values[0]) is ndarray else np.array(values)
    before = (slice(None),) * (axis % y.ndim)
    pieces = [(*before, k) for k, x in enumerate(parts) if type(x) is Tracer]
    return _record_join(parts, tape, y, pieces_vjp, pieces)


def fast_einsum(args: Any, kwargs: Any) -> Any:
    """The form with lists of labels, `np.einsum(x, [0, 1], y, [1, 2])`,
    is written as the one with a string."""
    if type(args[0]) is str or kwargs:
        return NotImplemented
    operands, terms = args[0 : len(args) // 2 * 2 : 2], args[1::2]
    text = ",".join(map(_labels, terms))
    if len(args) % 2:
        text += "->" + _labels(args[-1])
    return np.einsum(text, *operands)


def _labels(term: Any) -> str:
    return "".join("..." if k is Ellipsis else _letters[k] for k in term)


_letters = string.ascii_letters

FUNCTIONS: dict[Any, Callable[[Any, Any], Any]] = {
    np.sum: fast_sum,
    np.mean: fast_mean,
    np.max: _fast_extremum(np.max),
    np.min: _fast_extremum(np.min),
    np.reshape: fast_reshape,
    np.ravel: fast_ravel,
    np.transpose: fast_transpose,
    np.swapaxes: fast_swapaxes,
    np.dot: fast_dot,
    np.concatenate: fast_concatenate,
    np.stack: fast_stack,
    np.einsum: fast_einsum,
}


# ---- functions of two arguments by their static forms --------------------------------------


_by_constant = {np.maximum: maximum_vjp, np.minimum: minimum_vjp}


def binary(ufunc: Any, a: Any, b: Any) -> Any:
    """A function of two arguments with a static form, on plain values of one trace;
    else NotImplemented."""
    special = _by_constant.get(ufunc)
    if special is not None and type(a) is Tracer and type(b) is not Tracer:
        x = a.value
        if type(x) is ndarray and x.dtype is F8 and (type(b) in _constants or type(b) is ndarray):
            z = ufunc(x, b)
            if z.dtype is F8 and z.shape == x.shape:
                return _record(a, z, special, (x, b), OVERWRITE)
    form = FORMS.get(ufunc)
    if form is None or len(form.vjps) != 2 or not form.broadcasts:
        return NotImplemented
    return broadcasting.binary(form, a, b)


_constants = (float64, float, int)
