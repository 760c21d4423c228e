"""How numpy's functions reach a tracer: `__array_ufunc__` and `__array_function__`.

The functions of `kernels.elementwise.UNARY` and the reductions of `FUNCTIONS` have a path of their
own; all else goes by `apply`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.elementwise import OVERWRITING, UNARY
from ..kernels.fill import takes_fill
from ..kernels.others import is_recorded
from . import operators, views
from .blanks import begin
from .calls import name_of, out_error
from .record import apply
from .structures import inner_tape
from .sweep import NEW, OVERWRITE
from .tracer import Blank, Tracer, place_of, primal

ndarray = np.ndarray
float64 = np.float64
F8 = np.dtype(float)

# ufunc -> (vjp, what it saves: 0 the argument, 1 the result, 2 nothing;
# for arrays 3 more where vjp may overwrite)
FAST_UNARY: dict[Any, tuple[Callable[..., Any], int]] = {
    ufunc: (vjp, {"x": 0, "y": 1, "": 2}[saves]) for ufunc, (vjp, saves) in UNARY.items()
}
FAST_UNARY |= {ufunc: (vjp, FAST_UNARY[ufunc][1] + 3) for ufunc, vjp in OVERWRITING.items()}
for _vjp, _ in [*UNARY.values(), *FAST_UNARY.values()]:
    takes_fill(_vjp)

# ufunc -> the operator, for a tracer on the left and on the right
FAST_BINARY: dict[Any, tuple[Callable[..., Any], Callable[..., Any]]] = {
    ufunc: (operators.FAST[methods[0][0]], operators.FAST[methods[1][0]])
    for ufunc, methods in operators.METHODS.items()
    if len(methods) == 2
}
# functions with a path of their own: function -> f(args, kwargs)
FAST_FUNCTIONS: dict[Any, Callable[..., Any]] = dict(views.FUNCTIONS)


_sequences = (list, tuple)


def array_ufunc(self: Tracer, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__" and not kwargs:
        if len(inputs) == 1:
            found = FAST_UNARY.get(ufunc)
            if found is not None:
                x = self.value
                if type(x) is ndarray:
                    if x.dtype is not F8:
                        return apply(ufunc, inputs, {})
                    y = ufunc(x)
                else:
                    y = ufunc(x)
                    if type(y) is not float64 and not (
                        is_recorded(y) and y.dtype is F8 and is_recorded(x) and x.dtype is F8
                    ):
                        return apply(ufunc, inputs, {})
                vjp, saves = found
                tape = self.tape
                t = Tracer()
                t.value = y
                t.tape = tape
                entry: Any
                if saves < 3:
                    entry = (self.index, vjp, x if saves == 0 else y if saves == 1 else None, NEW)
                else:
                    saved = x if saves == 3 else y if saves == 4 else None
                    entry = (self.index, vjp, saved, OVERWRITE)
                t.index = i = len(tape)
                tape.append(entry)
                if len(tape) - i != 1:
                    t.index = place_of(entry, tape, i)
                return t
        else:
            pair = FAST_BINARY.get(ufunc)
            if pair is not None:
                x, y = inputs
                if type(x) is Tracer:
                    if type(y) not in _sequences:
                        return pair[0](x, y)
                elif type(x) not in _sequences and (type(x) is not ndarray or x.dtype.kind != "O"):
                    return pair[1](y, x)
        return apply(ufunc, inputs, {})
    return _ufunc_method(self, ufunc, method, inputs, kwargs)


def _ufunc_method(self: Tracer, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    out = kwargs.pop("out", None)
    if out is not None and any(o is not None for o in out):
        for x in out:
            if type(x) is Blank:
                begin(x, inputs)
        if method == "__call__" and len(out) == 1 and type(out[0]) is Tracer:
            return operators.rebind(out[0], apply(ufunc, inputs, kwargs))
        raise out_error(ufunc)
    if method == "__call__":
        return apply(ufunc, inputs, kwargs)
    if method == "reduce":
        named = REDUCTIONS.get(ufunc)
        if named is not None:
            return apply(named, inputs, {"axis": 0, **kwargs})
    if method == "at":
        return operators.ufunc_at(ufunc, *inputs)
    return apply(getattr(ufunc, method), inputs, kwargs)


REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}


def array_function(self: Tracer, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    fast = FAST_FUNCTIONS.get(function)
    if fast is not None:
        y = fast(args, kwargs)
        if y is not NotImplemented:
            return y
    return apply(function, args, kwargs)


Tracer.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
Tracer.__array_function__ = array_function  # type: ignore[attr-defined]

__all__ = ["FAST_BINARY", "FAST_FUNCTIONS", "FAST_UNARY", "inner_tape", "name_of", "primal"]
