"""Updates in place of traced arrays: `x += y`, `x[i] = v`, `np.add(x, y, out=x)`.

Nothing is overwritten, for the tape may need the old values. The tracer gets a new value and a new place, and as all names
refer to the tracer, all see the update, as numpy's own arrays would have it. Views are kept in step: an update of `x[2:4]`
is written into `x`, and an update of `x` is read again by the slices of it that are still alive. Other views (of `x.T`, say) are not followed:
updating them, or their base, while they are alive is an error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.scatter import add_at, put
from . import operators
from .record import apply, out_error
from .tracer import Tracer, primal

ndarray = np.ndarray


def setitem(self: Tracer, index: Any, v: Any) -> None:
    if type(self.value) is not ndarray and not isinstance(primal(self), ndarray):
        raise TypeError("a traced number cannot be assigned to by index")
    if type(index) is Tracer or isinstance(index, (tuple, list)):
        index = operators.untraced_index(index) if type(index) is not Tracer else primal(index)
    if type(v) is ndarray and v.dtype.kind == "O":
        from .record import gather

        v = gather(v)
    if isinstance(v, (list, tuple)):
        v = np.stack([np.asarray(e) if not isinstance(e, (Tracer, ndarray)) else e for e in v])
    rebind(self, apply(put, (self, index, v), {}))


def rebind(target: Tracer, new: Any) -> Tracer:
    """Give `target` the value and the place of `new`, as an update in place would; its views follow."""
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
        new = target * 0.0 + new
    _assign(target, new)
    base = getattr(target, "base", None)
    if base is not None:
        parent, index = base
        if index is None:
            raise TypeError(
                "an update in place of a view (a transpose, a reshaped array) of a traced array; copy it first"
            )
        rebind(parent, apply(put, (parent, index, target), {}))
    return target


def _assign(target: Tracer, new: Tracer) -> None:
    target.value, target.index = new.value, new.index
    views = getattr(target, "views", None)
    if not views:
        return
    for reference in views:
        view = reference()
        base = None if view is None else getattr(view, "base", None)
        if view is None or base is None or base[0] is not target:
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
        if new is NotImplemented or not isinstance(primal(self), ndarray):
            return new  # numbers cannot change: the name refers to a new one
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
