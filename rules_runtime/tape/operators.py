"""The operators of a tracer. Each computes the value, makes one entry and one tracer,
and does nothing else.

Operators are where small functions spend their time, so the common cases are written out: numbers
(numpy's or Python's), and float64 arrays of one shape. All else (broadcasting, other dtypes,
several levels) goes by `apply`, with the same result.

`x + c` for a constant needs no entry: its cotangent is that of `x`,
so the new tracer has the place of `x`.
"""

from __future__ import annotations

import operator
from typing import Any
from weakref import ref

import numpy as np

from ..kernels.elementwise import (
    WIDE,
    difference_vjp,
    divide_vjp,
    minus_vjp,
    over_vjp,
    power_vjp,
    ratio_vjp,
    reciprocal_vjp,
    scale_vjp,
    square_vjp,
    times_vjp,
    wide_difference_vjp,
    wide_over_vjp,
    wide_sum_vjp,
    wide_times_vjp,
)
from ..kernels.elementwise import power as fast_power
from ..kernels.fill import gather_vjp, takes_fill
from ..kernels.others import check_index, is_recorded
from ..kernels.products import matmul as fast_matmul
from ..kernels.products import (
    matmul_left_vjp,
    matmul_right_vjp,
    matmul_vjp,
    matrices_vjp,
    matrix_left_vjp,
    matrix_right_vjp,
    matrix_vector_vjp,
    vector_right_vjp,
)
from ..kernels.scatter import is_basic
from .record import apply
from .sharing import note_view
from .structures import inner_tape, untraced
from .sweep import NEW, OVERWRITE, PASS, SLICE, SUM, TIMES
from .tracer import Tracer, appended, place_of, primal, record, tracer

ndarray = np.ndarray
float64 = np.float64
F8, F4 = np.dtype(float), np.dtype(np.float32)
rebind: Any  # set by inplace.py
ufunc_at: Any
_zero_d: dict[float, Any] = {}
_KEPT = 4096


def zero_d(c: float) -> Any:
    """A Python number as an array, which numpy multiplies twice as fast."""
    array = _zero_d.get(c)
    if array is None:
        array = np.array(c, float)
        if c:  # 0.0 and -0.0 are one key
            if len(_zero_d) > _KEPT:
                _zero_d.clear()
            _zero_d[c] = array
    return array


def wide(a: Any, b: Any, x: Any, y: Any, z: Any, both: Any, ufunc: Any) -> Any:
    """An operation that broadcasts: `a` and `b` are the operands, `x` and `y` their values,
    `z` the result if known.

    For real float64 results; all else goes by `apply`.
    """
    if type(x) in _plain and type(y) in _plain:
        if z is None:
            z = ufunc(x, y)
        if (type(z) is ndarray and z.dtype is F8) or type(z) is float64:
            left, right, save_both, save_left, save_right = WIDE[both]
            xs = x.shape if type(x) is ndarray else ()
            ys = y.shape if type(y) is ndarray else ()
            if type(a) is not Tracer:
                tape, saves, entry_of = b.tape, save_right, right
            elif type(b) is not Tracer:
                tape, saves, entry_of = a.tape, save_left, left
            else:
                tape, saves, entry_of = a.tape, save_both, both
            saved = (
                x if "x" in saves else None,
                y if "y" in saves else None,
                xs,
                ys,
                z if "z" in saves else None,
            )
            places = (
                (a.index, b.index) if entry_of is both else (a if entry_of is left else b).index
            )
            mode = PASS if both in _sums else OVERWRITE
            return appended(z, tape, (places, entry_of, saved, mode))
    return noted(a, b, x, y, z, both, ufunc)


def noted(a: Any, b: Any, x: Any, y: Any, z: Any, both: Any, ufunc: Any) -> Any:
    """Of values that note what is called with them: the entries that numbers have, where nothing
    broadcasts, and those of `wide` where something does. All else goes by `apply`."""
    if not (is_recorded(x) or is_recorded(y)):
        return apply(ufunc, (a, b), {})
    if z is None:
        z = _BY[ufunc](x, y)
    xs, ys = _shape_of_doubles(x), _shape_of_doubles(y)
    if not is_recorded(z) or z.dtype is not F8 or xs is None or ys is None:
        return apply(ufunc, (a, b), {})
    saved = (x, y, xs, ys, z)
    left, right, *_ = WIDE[both]
    mode = PASS if both in _sums else OVERWRITE
    entry: Any
    if type(b) is not Tracer:
        if xs != z.shape:
            entry = (a.index, left, saved, mode)
        elif both in _sums:
            return tracer(z, a.tape, a.index)
        elif both is wide_times_vjp:
            entry = (a.index, None, y, TIMES)
        else:
            entry = (a.index, operator.truediv, y, NEW)
    elif type(a) is not Tracer:
        if both is wide_sum_vjp and ys == z.shape:
            return tracer(z, b.tape, b.index)
        entry = (b.index, right, saved, mode)
        if both is wide_times_vjp and ys == z.shape:
            entry = (b.index, None, x, TIMES)
    else:
        entry = ((a.index, b.index), both, saved, mode)
        if xs == ys and a is b and both is wide_times_vjp:
            entry = (a.index, square_vjp, x, NEW)
        elif xs == ys:
            entry = (entry[0], *_narrow(both, x, y, z))
    return appended(z, (a if type(a) is Tracer else b).tape, entry)


def _narrow(both: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any, int]:
    """What an operation on two values of one shape has in its entry."""
    if both is wide_sum_vjp:
        return None, None, SUM
    if both is wide_difference_vjp:
        return difference_vjp, None, PASS
    return (over_vjp, (y, z), OVERWRITE) if both is wide_over_vjp else (None, (y, x), TIMES)


def _shape_of_doubles(x: Any) -> Any:
    if type(x) is float or type(x) is int:
        return ()
    return x.shape if getattr(x, "dtype", None) is F8 else None


_BY = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
}
_plain = (ndarray, float64, float, int)
_sums = (wide_sum_vjp, wide_difference_vjp)


def add(self: Tracer, other: Any) -> Any:
    x = self.value
    tape = self.tape
    if type(other) is Tracer:
        if other.tape is not tape:
            return apply(np.add, (self, other), {})
        y = other.value
        z = x + y
        kind = type(z)
        if kind is float64 or kind is float or (
            kind is ndarray and type(x) is ndarray and type(y) is ndarray
            and z.dtype is F8 and x.shape == y.shape
        ):  # fmt: skip
            t = Tracer()
            t.value = z
            t.tape = tape
            t.index = i = len(tape)
            tape.append(entry := ((self.index, other.index), None, None, SUM))
            if len(tape) - i != 1:
                t.index = place_of(entry, tape, i)
            return t
        return wide(self, other, x, y, z, wide_sum_vjp, np.add)
    kind = type(x)
    if kind is ndarray and x.dtype is F8:
        okind = type(other)
        if okind is float or okind is int or okind is float64:
            z = x + zero_d(other)
        elif okind is ndarray and other.shape == x.shape and other.dtype is F8:
            z = x + other
        else:
            return wide(self, other, x, other, None, wide_sum_vjp, np.add)
    elif kind is float64 or kind is float:
        z = x + other
        if type(z) is not float64 and type(z) is not float:
            return wide(self, other, x, other, z, wide_sum_vjp, np.add)
    else:
        return noted(self, other, x, other, None, wide_sum_vjp, np.add)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = self.index
    return t


def sub(self: Tracer, other: Any) -> Any:
    x = self.value
    tape = self.tape
    if type(other) is Tracer:
        if other.tape is not tape:
            return apply(np.subtract, (self, other), {})
        y = other.value
        z = x - y
        kind = type(z)
        if kind is float64 or kind is float:
            entry: Any = ((self.index, other.index), None, (1.0, -1.0), TIMES)
        elif (
            kind is ndarray and type(x) is ndarray and type(y) is ndarray
            and z.dtype is F8 and x.shape == y.shape
        ):  # fmt: skip
            entry = ((self.index, other.index), difference_vjp, None, PASS)
        else:
            return wide(self, other, x, y, z, wide_difference_vjp, np.subtract)
        t = Tracer()
        t.value = z
        t.tape = tape
        t.index = i = len(tape)
        tape.append(entry)
        if len(tape) - i != 1:
            t.index = place_of(entry, tape, i)
        return t
    kind = type(x)
    if kind is ndarray and x.dtype is F8:
        okind = type(other)
        if okind is float or okind is int or okind is float64:
            z = x - zero_d(other)
        elif okind is ndarray and other.shape == x.shape and other.dtype is F8:
            z = x - other
        else:
            return wide(self, other, x, other, None, wide_difference_vjp, np.subtract)
    elif kind is float64 or kind is float:
        z = x - other
        if type(z) is not float64 and type(z) is not float:
            return wide(self, other, x, other, z, wide_difference_vjp, np.subtract)
    else:
        return noted(self, other, x, other, None, wide_difference_vjp, np.subtract)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = self.index
    return t


def rsub(self: Tracer, other: Any) -> Any:
    x = self.value
    kind = type(x)
    if kind is float64 or kind is float:
        z = other - x
        if type(z) is not float64 and type(z) is not float:
            return wide(other, self, other, x, z, wide_difference_vjp, np.subtract)
        entry: Any = (self.index, None, -1.0, TIMES)
    elif kind is ndarray and x.dtype is F8:
        okind = type(other)
        if okind is float or okind is int or okind is float64:
            z = zero_d(other) - x
        elif okind is ndarray and other.shape == x.shape and other.dtype is F8:
            z = other - x
        else:
            return wide(other, self, other, x, None, wide_difference_vjp, np.subtract)
        entry = (self.index, minus_vjp, None, OVERWRITE)
    else:
        return noted(other, self, other, x, None, wide_difference_vjp, np.subtract)
    tape = self.tape
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def mul(self: Tracer, other: Any) -> Any:
    x = self.value
    tape = self.tape
    if type(other) is Tracer:
        if other.tape is not tape:
            return apply(np.multiply, (self, other), {})
        y = other.value
        z = x * y
        kind = type(z)
        if kind is float64 or kind is float:
            entry: Any = ((self.index, other.index), None, (y, x), TIMES)
        elif (
            kind is ndarray and type(x) is ndarray and type(y) is ndarray
            and z.dtype is F8 and x.shape == y.shape
        ):  # fmt: skip
            if self is other:
                entry = (self.index, square_vjp, x, NEW)
            else:
                entry = ((self.index, other.index), times_vjp, (x, y), OVERWRITE)
        else:
            return wide(self, other, x, y, z, wide_times_vjp, np.multiply)
    else:
        kind = type(x)
        if kind is ndarray and x.dtype is F8:
            okind = type(other)
            if okind is float or okind is int or okind is float64:
                other = zero_d(other)
            elif okind is not ndarray or other.shape != x.shape or other.dtype is not F8:
                return wide(self, other, x, other, None, wide_times_vjp, np.multiply)
            z = x * other
            entry = (self.index, scale_vjp, other, OVERWRITE)
        elif kind is float64 or kind is float:
            z = x * other
            if type(z) is not float64 and type(z) is not float:
                return wide(self, other, x, other, z, wide_times_vjp, np.multiply)
            entry = (self.index, None, other, TIMES)
        else:
            return noted(self, other, x, other, None, wide_times_vjp, np.multiply)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def truediv(self: Tracer, other: Any) -> Any:
    x = self.value
    tape = self.tape
    if type(other) is Tracer:
        if other.tape is not tape:
            return apply(np.divide, (self, other), {})
        y = other.value
        z = x / y
        kind = type(z)
        if kind is float64 or kind is float:
            entry: Any = ((self.index, other.index), None, (1.0 / y, -z / y), TIMES)
        elif (
            kind is ndarray and type(x) is ndarray and type(y) is ndarray
            and z.dtype is F8 and x.shape == y.shape
        ):  # fmt: skip
            entry = ((self.index, other.index), over_vjp, (y, z), OVERWRITE)
        else:
            return wide(self, other, x, y, z, wide_over_vjp, np.divide)
    else:
        kind = type(x)
        if kind is ndarray and x.dtype is F8:
            okind = type(other)
            c = 0.0
            if okind is float or okind is int or okind is float64:
                c = other
                other = zero_d(c)
            elif okind is not ndarray or other.shape != x.shape or other.dtype is not F8:
                return wide(self, other, x, other, None, wide_over_vjp, np.divide)
            z = x / other
            if 1e-150 < c < 1e150:  # a product takes half the time
                entry = (self.index, scale_vjp, zero_d(1.0 / c), OVERWRITE)
            else:
                entry = (self.index, divide_vjp, other, OVERWRITE)
        elif kind is float64 or kind is float:
            z = x / other
            if type(z) is not float64 and type(z) is not float:
                return wide(self, other, x, other, z, wide_over_vjp, np.divide)
            entry = (self.index, operator.truediv, other, NEW)
        else:
            return noted(self, other, x, other, None, wide_over_vjp, np.divide)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def rtruediv(self: Tracer, other: Any) -> Any:
    x = self.value
    kind = type(x)
    if kind is float64 or kind is float:
        z = other / x
        if type(z) is not float64 and type(z) is not float:
            return wide(other, self, other, x, z, wide_over_vjp, np.divide)
        entry: Any = (self.index, None, -z / x, TIMES)
    elif kind is ndarray and x.dtype is F8:
        okind = type(other)
        if okind is float or okind is int or okind is float64:
            z = zero_d(other) / x
            if other == 1:
                entry = (self.index, reciprocal_vjp, z, NEW)
            else:
                entry = (self.index, ratio_vjp, (x, z), NEW)
        elif okind is ndarray and other.shape == x.shape and other.dtype is F8:
            z = other / x
            entry = (self.index, ratio_vjp, (x, z), NEW)
        else:
            return wide(other, self, other, x, None, wide_over_vjp, np.divide)
    else:
        return noted(other, self, other, x, None, wide_over_vjp, np.divide)
    tape = self.tape
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def power(self: Tracer, other: Any) -> Any:
    x = self.value
    okind = type(other)
    if okind is not int and okind is not float:
        return apply(np.power, (self, other), {})
    kind = type(x)
    if kind is float64 and other == 2:  # as numpy does for arrays
        z = x * x
        entry: Any = (self.index, None, 2.0 * x, TIMES)
    elif kind is float64 or kind is float:
        z = x**other
        if type(z) is not float64 and type(z) is not float:
            return apply(np.power, (self, other), {})
        if other == 2:
            entry = (self.index, None, 2.0 * x, TIMES)
        elif other == 0:
            return z
        else:
            entry = (self.index, None, other * float64(x) ** (other - 1), TIMES)
    elif kind is ndarray and x.dtype is F8:
        if other == 2:
            z = x**2
            entry = (self.index, square_vjp, x, NEW)
        else:
            z = fast_power(x, other)
            if other == 0:
                return z
            # squares and roots are fast, and so are powers that are one less
            is_slow = other != int(other) and other != 0.5 and other != 1.5
            entry = (self.index, power_vjp, (x, other, z if is_slow else None), NEW)
    elif is_recorded(x) and x.dtype is F8 and other >= 1:
        z = x**other
        entry = (self.index, square_vjp, x, NEW)
        if other != 2:
            entry = (self.index, power_vjp, (x, other, None), NEW)
    else:
        return apply(np.power, (self, other), {})
    tape = self.tape
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def neg(self: Tracer) -> Any:
    x = self.value
    tape = self.tape
    z = -x
    kind = type(z)
    if kind is float64 or kind is float:
        entry: Any = (self.index, None, -1.0, TIMES)
    else:
        entry = (self.index, minus_vjp, None, OVERWRITE)
    t = Tracer()
    t.value = z
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry)
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def pos(self: Tracer) -> Any:
    return tracer(self.value, self.tape, self.index)  # numpy gives a copy


def matmul(self: Tracer, other: Any) -> Any:
    x = self.value
    tape = self.tape
    if type(other) is Tracer:
        if other.tape is not tape:
            return apply(np.matmul, (self, other), {})
        y = other.value
        if type(x) is not ndarray or type(y) is not ndarray:
            return apply(np.matmul, (self, other), {})
        if x.ndim == y.ndim == 2:
            z = x @ y
            entry: Any = ((self.index, other.index), matrices_vjp, (x, y), NEW)
        elif y.ndim == 1 and x.ndim == 2:
            z = x @ y
            entry = ((self.index, other.index), matrix_vector_vjp, (x, y), NEW)
        else:
            z = fast_matmul(x, y)
            entry = ((self.index, other.index), matmul_vjp, (x, y), NEW)
        if z.dtype is not F8 and not (z.dtype is x.dtype is y.dtype is F4):
            return apply(np.matmul, (self, other), {})
    else:
        if type(x) is not ndarray or type(other) is not ndarray or x.dtype is not F8:
            return apply(np.matmul, (self, other), {})
        if x.ndim == other.ndim == 2:
            z = x @ other
            entry = (self.index, matrix_left_vjp, other, NEW)
        else:
            z = fast_matmul(x, other)
            entry = (self.index, matmul_left_vjp, (other, x.shape), NEW)
        if z.dtype is not F8:
            return apply(np.matmul, (self, other), {})
    return appended(z, tape, entry)


def rmatmul(self: Tracer, other: Any) -> Any:
    x = self.value
    if type(x) is not ndarray or type(other) is not ndarray or x.dtype is not F8:
        return apply(np.matmul, (other, self), {})
    if other.ndim == 2 and x.ndim == 2:
        z = other @ x
        entry: Any = (self.index, matrix_right_vjp, other, NEW)
    elif other.ndim == 2 and x.ndim == 1:
        z = other @ x
        entry = (self.index, vector_right_vjp, other, NEW)
    else:
        z = fast_matmul(other, x)
        entry = (self.index, matmul_right_vjp, (other, x.shape), NEW)
    if z.dtype is not F8:
        return apply(np.matmul, (other, self), {})
    return appended(z, self.tape, entry)


class Written(list[Any]):
    """The views of an array that was written to:
    what is read of it are copies, so that it can be written to in place."""

    __slots__ = ()


_simple = frozenset((int, slice, type(None), type(Ellipsis)))


def getitem(self: Tracer, index: Any) -> Any:
    x = self.value
    if type(x) is not ndarray:
        return _getitem(self, index)
    kind = type(index)
    if kind is not int and kind is not slice:
        if kind is tuple:
            for part in index:
                if type(part) not in _simple:
                    return _getitem(self, index)
        elif kind not in _simple:
            return _getitem(self, index)
    y = x[index]
    tape = self.tape
    t = Tracer()
    t.value = y
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry := (self.index, None, (index, x.shape, x.dtype), SLICE))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    if type(y) is ndarray:
        t.base = (self, index)
        try:
            views = self.views
        except AttributeError:
            self.views = [ref(t)]
        else:
            if type(views) is Written:
                t.value = y.copy()
            if len(views) < 32:
                views.append(ref(t))
            else:
                note_view(self, t)
    return t


def _getitem(self: Tracer, index: Any) -> Any:
    """Indexing by arrays, of numbers, and of values that are traced at an outer level, too."""
    x = self.value
    kind = type(index)
    if kind is tuple:
        for part in index:
            if type(part) is not ndarray and type(part) not in _simple:
                index = untraced_index(index)
                break
    elif kind is Tracer:
        index = primal(index)
    elif kind is list:
        index = untraced_index(index)
    y = x[index]
    t = tracer(y, self.tape, -1)
    vjp, mode = None, SLICE
    if not is_basic(index):
        vjp, mode = gather_vjp, NEW
        if type(x) is not ndarray:
            check_index(index)
    elif hasattr(type(primal(y)), "__iadd__"):  # an array, and one that can be updated in place
        t.base = (self, index)
        note_view(self, t)
    t.index = record(self.tape, (self.index, vjp, (index, np.shape(x), _dtype(x)), mode))
    return t


def _dtype(x: Any) -> Any:
    return x.dtype


def untraced_index(index: Any) -> Any:
    tape = inner_tape(index)
    while tape is not None:
        index = untraced(index, tape)
        tape = inner_tape(index)
    return index


def iterate(self: Tracer) -> Any:
    for k in range(len(self)):
        yield self[k]


def by_apply(ufunc: Any, reflected: bool = False) -> Any:
    """An operator that looks for the rule of a ufunc."""

    def operate(self: Tracer, *other: Any) -> Any:
        return apply(ufunc, (*other, self) if reflected else (self, *other), {})

    return operate


def divmod_(self: Tracer, other: Any) -> Any:
    return self // other, self % other


def rdivmod(self: Tracer, other: Any) -> Any:
    return other // self, other % self


FAST = {
    "__add__": add,
    "__radd__": add,
    "__sub__": sub,
    "__rsub__": rsub,
    "__mul__": mul,
    "__rmul__": mul,
    "__truediv__": truediv,
    "__rtruediv__": rtruediv,
    "__pow__": power,
    "__rpow__": by_apply(np.power, True),
    "__neg__": neg,
    "__pos__": pos,
    "__abs__": by_apply(np.absolute),
    "__matmul__": matmul,
    "__rmatmul__": rmatmul,
    "__getitem__": getitem,
    "__iter__": iterate,
    "__floordiv__": by_apply(np.floor_divide),
    "__rfloordiv__": by_apply(np.floor_divide, True),
    "__mod__": by_apply(np.remainder),
    "__rmod__": by_apply(np.remainder, True),
    "__divmod__": divmod_,
    "__rdivmod__": rdivmod,
}
# ufunc -> the methods that stand for it, and how they call it:
# to go the long way where the user has a rule for it
METHODS: dict[Any, tuple[tuple[str, bool], ...]] = {
    np.add: (("__add__", False), ("__radd__", True)),
    np.subtract: (("__sub__", False), ("__rsub__", True)),
    np.multiply: (("__mul__", False), ("__rmul__", True)),
    np.divide: (("__truediv__", False), ("__rtruediv__", True)),
    np.power: (("__pow__", False), ("__rpow__", True)),
    np.matmul: (("__matmul__", False), ("__rmatmul__", True)),
    np.negative: (("__neg__", False),),
}


def go_the_long_way(ufunc: Any) -> None:
    """Have the operators of a ufunc look for rules, from now on."""
    for name, reflected in METHODS.get(ufunc, ()):
        setattr(Tracer, name, by_apply(ufunc, reflected))


for _name, _function in FAST.items():
    setattr(Tracer, _name, _function)

for _vjp in (scale_vjp, minus_vjp, divide_vjp, times_vjp, difference_vjp, over_vjp, power_vjp):
    takes_fill(_vjp)
