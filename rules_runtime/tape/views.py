"""Functions that give views of a traced array, or are operators and other functions under
another name.

Each takes `(args, kwargs)` as numpy's protocol hands them over and returns NotImplemented for
whatever is not the common case. Then `apply` does it, with the same result.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.fill import Fill, takes_fill
from ..kernels.low_rank import LowRank
from . import operators
from .sharing import note_view
from .sweep import FORM
from .tracer import Tracer, appended, primal

ndarray = np.ndarray


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


LowRank.takes.add(transpose_vjp)


def swapaxes_vjp(g: Any, axes: Any) -> Any:
    return g.swapaxes(*axes)


def viewed(x: Tracer, v: Any, y: Any, vjp: Any, saved: Any) -> Tracer:
    t = appended(y, x.tape, (x.index, vjp, saved, FORM))
    base = y.base
    if base is not None and (base is v or base is v.base):
        t.base = (x, None)
        note_view(x, t)
    return t


def reshape(args: Any, kwargs: Any) -> Any:
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
    return viewed(x, v, v.reshape(args[1]), reshape_vjp, v.shape)


def ravel(args: Any, kwargs: Any) -> Any:
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


def transpose(args: Any, kwargs: Any) -> Any:
    if kwargs or not 1 <= len(args) <= 2:
        return NotImplemented
    x = args[0]
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray:
        return NotImplemented
    axes = args[1] if len(args) == 2 else None
    if axes is None:
        return viewed(x, v, v.T, transpose_vjp, None)
    y = v.transpose(axes)
    inverse = [0] * v.ndim
    for k, axis in enumerate(axes):
        inverse[axis] = k
    return viewed(x, v, y, transpose_vjp, inverse)


def squeeze(args: Any, kwargs: Any) -> Any:
    x = args[0]
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray or len(args) + len(kwargs) > 2 or "a" in kwargs:
        return NotImplemented
    y = np.squeeze(v, *args[1:], **kwargs)
    return x if y.ndim == v.ndim else viewed(x, v, y, reshape_vjp, v.shape)


def swapaxes(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 3:
        return NotImplemented
    x = args[0]
    v = x.value if type(x) is Tracer else None
    if type(v) is not ndarray:
        return NotImplemented
    return viewed(x, v, v.swapaxes(args[1], args[2]), swapaxes_vjp, args[1:])


# ---- gathers ---------------------------------------------------------------------------


def take(args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2 or type(args[0]) is not Tracer or type(args[1]) is not ndarray:
        return NotImplemented
    v, index = args[0].value, args[1]
    if type(v) is not ndarray or v.ndim != 1 or index.dtype.kind not in "iu":
        return NotImplemented
    return operators.getitem(args[0], index)


# ---- products --------------------------------------------------------------------------


def dot(args: Any, kwargs: Any) -> Any:
    pair = _pair(args, kwargs)
    return _product(*pair) if pair is not None else NotImplemented


def inner(args: Any, kwargs: Any) -> Any:
    pair = _pair(args, kwargs)
    if pair is None or np.ndim(primal(pair[0])) < np.ndim(primal(pair[1])):
        return NotImplemented
    return _product(pair[0], pair[1].T)


def vdot(args: Any, kwargs: Any) -> Any:
    pair = _pair(args, kwargs)
    if pair is None or any(np.ndim(primal(x)) > 1 or np.iscomplexobj(primal(x)) for x in pair):
        return NotImplemented
    return _product(*pair)


def _product(a: Any, b: Any) -> Any:
    return operators.matmul(a, b) if type(a) is Tracer else operators.rmatmul(b, a)


def _pair(args: Any, kwargs: Any) -> Any:
    """Two plain arrays of one or two dimensions, traced or not."""
    if kwargs or len(args) != 2:
        return None
    for x in args:
        v = x.value if type(x) is Tracer else x
        if type(v) is not ndarray or not 1 <= v.ndim <= 2:
            return None
    return args


def einsum(args: Any, kwargs: Any) -> Any:
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


# ---- variances about a mean that is traced ------------------------------------------------


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


def _root_of(variance: Any) -> Callable[[Any, Any], Any]:
    def root(args: Any, kwargs: Any) -> Any:
        y = variance(args, kwargs)
        return y if y is NotImplemented else np.sqrt(y)

    return root


def variance(args: Any, kwargs: Any) -> Any:
    return _about(*args, **kwargs) if "mean" in kwargs else NotImplemented


def nanvariance(args: Any, kwargs: Any) -> Any:
    return _about(*args, **kwargs, leave_out=np.isnan) if "mean" in kwargs else NotImplemented


FUNCTIONS: dict[Any, Callable[[Any, Any], Any]] = {
    np.reshape: reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.squeeze: squeeze,
    np.swapaxes: swapaxes,
    np.take: take,
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.einsum: einsum,
    np.var: variance,
    np.std: _root_of(variance),
    np.nanvar: nanvariance,
    np.nanstd: _root_of(nanvariance),
}
