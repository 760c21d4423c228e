"""Updates in place of traced arrays: `x += y`, `x[i] = v`, `np.add(x, y, out=x)`.

Nothing is overwritten, for the tape may need the old values. The tracer gets a new value and a new
place, and as all names refer to the tracer, all see the update, as numpy's own arrays would have
it. Views are kept in step: an update of `x[2:4]` is written into `x`, and an update of `x` is read
again by the slices of it that are still alive. Other views (of `x.T`, say) are not followed:
updating them, or their base, while they are alive is an error.
"""

from __future__ import annotations

import operator
import platform
import sys
from collections.abc import Callable
from typing import Any
from weakref import getweakrefcount

import numpy as np

from ..kernels.broadcast import unbroadcast
from ..kernels.scatter import add_at, is_basic, put
from . import operators
from .calls import out_error
from .operators import Written
from .record import apply
from .sweep import OVERWRITE
from .tracer import Tracer, primal, record, tracer

ndarray = np.ndarray
float64 = np.float64


def setitem(self: Tracer, index: Any, v: Any) -> None:
    if type(self.value) is not ndarray and not hasattr(type(primal(self)), "__setitem__"):
        raise TypeError("a traced number cannot be assigned to by index")
    if type(index) is Tracer or isinstance(index, (tuple, list)):
        index = operators.untraced_index(index) if type(index) is not Tracer else primal(index)
    if type(v) is ndarray and v.dtype.kind == "O":
        from .record import gather

        v = gather(v)
    if isinstance(v, (list, tuple)):
        v = np.stack([np.asarray(e) if not isinstance(e, (Tracer, ndarray)) else e for e in v])
    if type(v) is Tracer and getattr(v, "base", (None,))[0] is self and v.base[1] is index:
        return  # `x[index] += y` ends with this; the view has been written into x by then
    rebind(self, replaced(self, index, v))


# ---- x[index] = v as a function ----------------------------------------------------------


def replaced(x: Tracer, index: Any, v: Any) -> Any:
    """`x` with `v` at `index`, traced; basic indices of plain arrays without a detour.

    Where nobody but `x` holds the array it is written to: the tape needs nothing of what is
    overwritten, and what it does need of an array, an entry of it holds.
    """
    old = x.value
    if type(old) is not ndarray or old.dtype.kind not in "fc" or not is_basic(index):
        return apply(put, (x, index, v), {})
    tape = x.tape
    value = v
    if type(v) is Tracer:
        value = v.value
        if v.tape is not tape:
            return apply(put, (x, index, v), {})
    kind = type(value)
    is_complex = value.dtype.kind == "c" if kind is ndarray else kind in _complex
    if kind is ndarray:
        if value.dtype.kind not in "fiubc":
            return apply(put, (x, index, v), {})
    elif kind not in _numbers and not is_complex:
        return apply(put, (x, index, v), {})
    if is_complex and old.dtype.kind == "f":
        return apply(put, (x, index, v), {})
    if type(getattr(x, "views", None)) is not Written:
        x.views = Written(getattr(x, "views", ()))
    new = old if count(old) == _HELD and _is_own(old) else old.copy()
    new[index] = value
    entry: Any
    if type(v) is Tracer:
        shape = value.shape if kind is ndarray else ()
        saved = (index, shape, old.dtype.kind == "c" and not is_complex)
        entry = ((x.index, v.index), put_vjp, saved, OVERWRITE)
    else:
        entry = (x.index, erased_vjp, index, OVERWRITE)
    t = tracer(new, tape, -1)
    t.index = record(tape, entry)
    return t


# Exact up to CPython 3.13, and only ever too high; elsewhere the array is copied.
count: Callable[[Any], int] = (
    sys.getrefcount
    if platform.python_implementation() == "CPython"
    and sys.version_info < (3, 14)
    and getattr(sys, "_is_gil_enabled", lambda: True)()
    else lambda x: 0
)
_HELD = 3  # holders of an array: the tracer, `replaced`, the argument of `count`
_numbers = frozenset((float64, float, int, bool, np.float32, np.int64, np.bool_))
_complex = frozenset((complex, np.complex128, np.complex64))


def _is_own(x: Any) -> bool:
    flags = x.flags
    return bool(flags.owndata and flags.writeable) and x.base is None and not getweakrefcount(x)


def erased_vjp(g: Any, index: Any, mine: bool) -> Any:
    """Nothing flows to what was overwritten."""
    if type(g) is not ndarray:
        return put(g, index, 0.0)
    dx = g if mine else g.copy()
    dx[index] = 0.0
    return dx


def put_vjp(g: Any, saved: Any, mine: bool) -> Any:
    """The cotangents of the array and of the values that were put into it."""
    index, shape, is_real = saved
    dv = np.real(g[index]) if is_real else g[index]
    if type(dv) is ndarray:
        dv = dv.copy() if dv.shape == shape else unbroadcast(dv, shape)
    elif type(dv) is Tracer:
        dv = unbroadcast(dv, shape)
    return erased_vjp(g, index, mine), dv


def rebind(target: Tracer, new: Any, skip: Tracer | None = None) -> Tracer:
    """Give `target` the value and the place of `new`, as an update in place would;
    its views follow, but for `skip`."""
    old = primal(target)
    shape, dtype = np.shape(old), np.result_type(old)
    if np.shape(primal(new)) != shape:
        raise ValueError(f"an update of shape {np.shape(primal(new))} of an array of shape {shape}")
    found = np.result_type(primal(new))
    if found != dtype:
        if not np.can_cast(found, dtype, "same_kind"):
            raise TypeError(f"cannot cast {found} to {dtype} in an update in place")
        new = new.astype(dtype)
    if type(new) is not Tracer or new.tape is not target.tape:
        if type(new) is Tracer and new.tape.level > target.tape.level:
            raise TypeError(
                "an array of an outer trace is updated in place with a value of an inner one; return the value instead"
            )
        new = apply(np.where, (np.ones(shape, bool), new, target), {})
    _assign(target, new, skip)
    base = getattr(target, "base", None)
    if base is not None:
        parent, index = base
        if index is None:
            raise TypeError(
                "an update in place of a view (a transpose, a reshaped array) of a traced array; copy it first"
            )
        rebind(parent, replaced(parent, index, target), target)
    return target


def _assign(target: Tracer, new: Tracer, skip: Tracer | None = None) -> None:
    target.value, target.index = new.value, new.index
    views = getattr(target, "views", None)
    if not views:
        return
    views[:] = [reference for reference in views if reference() is not None]
    for reference in tuple(views):
        view = reference()
        if type(view) is ndarray:
            raise TypeError(
                "an update in place of a traced array while what np.asarray(x) gave is in use: leave np.asarray out, or copy"
            )
        base = None if view is None else getattr(view, "base", None)
        if view is None or view is skip or base is None or base[0] is not target:
            continue
        index = base[1]
        if index is None:
            raise TypeError(
                "an update in place of a traced array of which a view (a transpose, say) is in use; copy it first"
            )
        _assign(view, operators.getitem(target, index))


def _inplace(binary: Callable[[Any, Any], Any]) -> Callable[[Tracer, Any], Any]:
    def update(self: Tracer, other: Any) -> Any:
        new = binary(self, other)
        if new is NotImplemented or not hasattr(type(primal(self)), "__iadd__"):
            return new  # numbers (and dask's arrays) cannot change: the name refers to a new one
        return rebind(self, new)

    return update


def ufunc_at(ufunc: Any, x: Any, index: Any, *values: Any) -> None:
    """`np.add.at(x, index, v)` and `np.subtract.at` for a traced `x`."""
    if type(x) is not Tracer or ufunc not in (np.add, np.subtract):
        raise out_error(ufunc)
    v = values[0] if ufunc is np.add else -values[0]
    rebind(x, apply(add_at, (x, index, v), {}))


for _name, _binary in {
    "__iadd__": operator.add,
    "__isub__": operator.sub,
    "__imul__": operator.mul,
    "__itruediv__": operator.truediv,
    "__ipow__": operator.pow,
    "__imatmul__": operator.matmul,
    "__ifloordiv__": operator.floordiv,
    "__imod__": operator.mod,
}.items():
    setattr(Tracer, _name, _inplace(_binary))
Tracer.__setitem__ = setitem  # type: ignore[method-assign]
operators.rebind = rebind
operators.ufunc_at = ufunc_at
__all__ = ["add_at", "put", "rebind"]
