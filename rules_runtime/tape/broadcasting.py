"""Recording functions of one or two arguments that broadcast, by their static forms:
real or complex, of any precision.

These are what arrays are computed with, so nothing is done here but what a plain call of one trace
needs. What is not such a call (several levels, lists, arrays of other libraries) gets
NotImplemented, and goes the long way with the same result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import Form, Spec
from ..kernels.broadcast import unbroadcast
from ..kernels.others import is_recorded
from .sweep import FORM
from .tracer import Tracer, place_of

ndarray = np.ndarray
_numbers = frozenset(
    (float, int, bool, complex, np.float64, np.float32, np.complex128, np.complex64)
)


_complex = (complex, np.complex128, np.complex64)


def unary(form: Form, a: Tracer) -> Any:
    """`form.function(a)`, recorded."""
    x, vjp = a.value, form.vjps[0]
    kind = type(x)
    if vjp is None or (kind is not ndarray and kind not in _numbers):
        return NotImplemented
    z: Any = form.forward(x)
    if z is x or (type(z) is ndarray and type(z.base) is ndarray):
        return NotImplemented  # np.real: x itself, or a view of it
    if (type(z) is not ndarray and not isinstance(z, np.inexact)) or z.dtype.kind not in "fc":
        return NotImplemented
    shape, dtype = (x.shape, x.dtype) if kind is ndarray else ((), np.result_type(x))
    kx: Any
    kz: Any
    keeps = form.keeps
    if keeps is None:
        kx, kz = x, z
    else:
        kx = x if 0 in keeps else Spec(shape, dtype)
        kz = z if form.keeps_result else Spec(z.shape, z.dtype)
    tape = a.tape
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry := (a.index, unary_vjp, (vjp, kz, kx, shape, dtype.kind == "c"), FORM))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def unary_vjp(g: Any, saved: Any) -> Any:
    vjp, z, x, shape, is_complex = saved
    dx = vjp(g, z, x)
    if type(dx) is ndarray and dx.shape == shape and (dx.dtype.kind == "c") is is_complex:
        return dx
    return fitted(dx, shape, is_complex)


def binary(form: Form, a: Any, b: Any) -> Any:
    """`form.function(a, b)`, recorded, where one of the two is a tracer."""
    if type(a) is Tracer:
        x, tape = a.value, a.tape
        if type(b) is Tracer:
            if b.tape is not tape:
                return NotImplemented
            y = b.value
        else:
            y = b
    elif type(b) is Tracer:
        x, y, tape = a, b.value, b.tape
    else:
        return NotImplemented
    x_is_array, y_is_array = type(x) is ndarray, type(y) is ndarray
    if not (x_is_array or type(x) in _numbers) or not (y_is_array or type(y) in _numbers):
        return NotImplemented
    z: Any = form.forward(x, y)
    if (type(z) is not ndarray and not isinstance(z, np.inexact)) or z.dtype.kind not in "fc":
        return NotImplemented
    kx: Any
    ky: Any
    kz: Any
    keeps = form.keeps
    if keeps is None:
        kx, ky, kz = x, y, z
    else:
        kx, ky = x if 0 in keeps else None, y if 1 in keeps else None
        kz = z if form.keeps_result else None
    left, right = form.vjps
    entry: Any
    if type(b) is not Tracer:
        if left is None:
            return NotImplemented
        fit = (x.shape, x.dtype.kind == "c") if x_is_array else ((), type(x) in _complex)
        entry = (a.index, one_side_vjp, (left, kz, kx, ky, *fit), FORM)
    elif type(a) is not Tracer:
        if right is None:
            return NotImplemented
        fit = (y.shape, y.dtype.kind == "c") if y_is_array else ((), type(y) in _complex)
        entry = (b.index, one_side_vjp, (right, kz, kx, ky, *fit), FORM)
    else:
        if left is None or right is None:
            return NotImplemented
        fit = (x.shape, x.dtype.kind == "c") if x_is_array else ((), type(x) in _complex)
        fit_y = (y.shape, y.dtype.kind == "c") if y_is_array else ((), type(y) in _complex)
        saved = (left, right, kz, kx, ky, *fit, *fit_y)
        entry = ((a.index, b.index), both_sides_vjp, saved, FORM)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def one_side_vjp(g: Any, saved: Any) -> Any:
    vjp, z, x, y, shape, is_complex = saved
    dx = vjp(g, z, x, y)
    if type(dx) is ndarray and dx.shape == shape and (dx.dtype.kind == "c") is is_complex:
        return dx
    return fitted(dx, shape, is_complex)


def both_sides_vjp(g: Any, saved: Any) -> tuple[Any, Any]:
    left, right, z, x, y, xs, x_is_complex, ys, y_is_complex = saved
    dx, dy = left(g, z, x, y), right(g, z, x, y)
    if type(dx) is not ndarray or dx.shape != xs or (dx.dtype.kind == "c") is not x_is_complex:
        dx = fitted(dx, xs, x_is_complex)
    if type(dy) is not ndarray or dy.shape != ys or (dy.dtype.kind == "c") is not y_is_complex:
        dy = fitted(dy, ys, y_is_complex)
    return dx, dy


def fitted(dx: Any, shape: tuple[int, ...], is_complex: bool) -> Any:
    """A cotangent summed to the shape of its primal,
    real where that is real and complex where that is complex."""
    if type(dx) is ndarray:
        if dx.dtype.kind == "c":
            if not is_complex:
                if not shape:  # the sum of the real parts, without a copy of them
                    return np.add.reduce(dx, axis=None).real
                dx = dx.real
        elif is_complex:
            dx = dx + 0j  # to which others can be added
        return dx if dx.shape == shape else unbroadcast(dx, shape)
    if is_recorded(dx) and (dx.dtype.kind == "c") is is_complex:
        return dx if dx.shape == shape else unbroadcast(dx, shape)
    if not is_complex and np.iscomplexobj(dx):
        dx = np.real(dx)
    return dx if np.shape(dx) == shape else unbroadcast(dx, shape)
