"""Cotangents of elementwise functions on large arrays:
in blocks that fit the cache, in memory that is there already.

What the tape saved for one operation is needed by that operation alone, as a rule, and then
dropped. Where that is so, and nobody else holds the array, its memory takes the result; that saves
new pages and half the traffic. `own` says what may be used:

    G_IS_MINE       the cotangent g is nobody else's
    ENTRY_IS_MINE   the entry of the tape, and with it the tuple of what was saved, is held by the
                    sweep alone

That an array in such an entry is held by nobody else is read from its reference count. Counts are
exact up to CPython 3.13; they only ever err on the side of one holder more.
Elsewhere new memory is taken.
"""

from __future__ import annotations

import platform
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .elementwise import HALF, ONE, OVERWRITING, UNARY
from .fill import Fill

ndarray, float64 = np.ndarray, np.float64
F8 = np.dtype(float)
multiply, subtract, divide, negative = np.multiply, np.subtract, np.divide, np.negative
IN_PLACE = 1 << 14  # elements from which on this costs less than it saves
BLOCK = 1 << 13  # elements: g, what was saved and a few temporaries fit into a cache of 512 KiB
G_IS_MINE, ENTRY_IS_MINE = 1, 2

COUNTED = (
    platform.python_implementation() == "CPython"
    and sys.version_info < (3, 14)
    and getattr(sys, "_is_gil_enabled", lambda: True)()
)
_SAVED = (
    5  # holders of an array: the entry, the sweep, the function called by it, `alone`, its argument
)
_IN_TUPLE = 4  # the tuple, the function that unpacked it, `alone`, its argument
count: Callable[[Any], int] = sys.getrefcount if COUNTED else lambda x: 0


def alone(x: Any, holders: int) -> bool:
    """Whether nobody but `holders` can see the memory of an array, and a cotangent fits into it."""
    if count(x) != holders or x.dtype is not F8:  # x * y may be a product of two precisions
        return False
    base = x.base
    if base is None:
        flags = x.flags  # an array of C code may be over memory that is not its own, and not say so
        return bool(flags.owndata and flags.writeable) and weakref.getweakrefcount(x) == 0
    # a block: that the lease holds, and the array, and this function, and the argument
    return (
        type(base) is memory.Block
        and bool(x.flags.writeable)
        and weakref.getweakrefcount(x) == 1
        and count(base) == 4
    )


# ---- one argument ------------------------------------------------------------------------- Each
# computes the cotangent in the memory of `s`, what was saved:
# the result of tanh, the argument of sin, …


def _tanh(g: Any, s: Any) -> None:
    multiply(s, s, s)
    subtract(ONE, s, s)
    multiply(s, g, s)


def _exp(g: Any, s: Any) -> None:
    multiply(s, g, s)


def _sqrt(g: Any, s: Any) -> None:
    divide(g, s, s)
    multiply(s, HALF, s)


def _reciprocal(g: Any, s: Any) -> None:
    multiply(s, s, s)
    multiply(s, g, s)
    negative(s, s)


def _sin(g: Any, s: Any) -> None:
    np.cos(s, s)
    multiply(s, g, s)


def _cos(g: Any, s: Any) -> None:
    np.sin(s, s)
    multiply(s, g, s)
    negative(s, s)


def _log(g: Any, s: Any) -> None:
    divide(g, s, s)


_IN_PLACE: dict[Any, Callable[[Any, Any], None]] = {
    np.tanh: _tanh,
    np.exp: _exp,
    np.sqrt: _sqrt,
    np.reciprocal: _reciprocal,
    np.sin: _sin,
    np.cos: _cos,
    np.log: _log,
}


def _in_place(ufunc: Any) -> Callable[[Any, Any], None]:
    found = _IN_PLACE.get(ufunc)
    if found is not None:
        return found
    vjp = UNARY[ufunc][0]

    def in_place(g: Any, s: Any) -> None:
        s[...] = vjp(g, s)

    return in_place


def _large(ufunc: Any) -> Callable[[Any, Any, int], Any]:
    vjp = UNARY[ufunc][0]
    in_place = _in_place(ufunc)
    overwriting = OVERWRITING.get(ufunc)

    def large_vjp(g: Any, saved: Any, own: int) -> Any:
        if type(g) is Fill and type(g.value) is float64:
            g = g.value
        elif type(g) is not ndarray or g.dtype is not F8 or not g.flags.c_contiguous:
            return vjp(g, saved)
        if not saved.flags.c_contiguous:
            return vjp(g, saved)
        if own & ENTRY_IS_MINE and alone(saved, _SAVED):
            out = saved
        elif own & G_IS_MINE and type(g) is ndarray:
            if overwriting is not None:
                return overwriting(g, saved, True)
            if saved.size < memory.LARGE:
                return vjp(g, saved)
            out = g
        elif saved.size < memory.LARGE:
            return vjp(g, saved)
        else:
            out = memory.empty(saved.shape, saved.size)
        if out is saved and saved.size <= 2 * BLOCK:
            in_place(g, saved)
            return saved
        _blockwise(g, saved, out, in_place, vjp)
        return out

    return large_vjp


def _blockwise(g: Any, saved: Any, out: Any, in_place: Any, vjp: Any) -> None:
    """`vjp(g, saved)` into `out`, which is `saved` itself, or `g`, or neither."""
    s, o = saved.reshape(-1), out.reshape(-1)
    many = type(g) is ndarray
    if many:
        g = g.reshape(-1)
    for start in range(0, s.size, BLOCK):
        block = slice(start, start + BLOCK)
        gs = g[block] if many else g
        if out is saved:
            in_place(gs, s[block])
        else:
            o[block] = vjp(gs, s[block])


# functions whose cotangent is better not computed here: one pass or none
_EXCEPT = (np.square, np.negative, np.deg2rad, np.rad2deg, np.radians, np.degrees)
LARGE_UNARY = {ufunc: _large(ufunc) for ufunc in UNARY if ufunc not in _EXCEPT}
large_reciprocal_vjp = LARGE_UNARY[np.reciprocal]


# ---- products -----------------------------------------------------------------------------


def large_times_vjp(g: Any, saved: Any, own: int) -> Any:
    """The cotangents of `x * y` for two arrays of one shape."""
    x, y = saved
    mine = own & G_IS_MINE and type(g) is ndarray
    if type(g) is Fill and type(g.value) is float64:
        g, plain = g.value, True
    else:
        plain = type(g) is ndarray and g.dtype is F8
    if plain:
        if own & ENTRY_IS_MINE:
            if alone(y, _IN_TUPLE):
                dx = multiply(g, y, y)
                if mine:
                    return dx, multiply(g, x, g)
                return dx, multiply(g, x, x) if alone(x, _IN_TUPLE) else memory.times(x, g)
            if alone(x, _IN_TUPLE):
                dy = multiply(g, x, x)
                return (multiply(g, y, g) if mine else memory.times(y, g)), dy
        dx = memory.times(y, g)
        return dx, multiply(g, x, g) if mine else memory.times(x, g)
    return g * y, g * x
