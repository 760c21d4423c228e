"""numpy's functions that make arrays, in traced code:
`np.array([np.cos(t), np.sin(t)])` is a traced array.

numpy's protocols leave these functions out: they see the numbers in a list one by one, and put them
into an array of Python objects, with which only some of numpy can compute. So, when the tape is
loaded, the names that numpy and other modules have for them are bound to objects that ask whether a
trace is open and something traced is among what they are given,
and call numpy's function where it is not (`names.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.others import is_recorded
from ..kernels.scatter import astype
from .blanks import NAMES, blank
from .intercept import intercept
from .names import Asking, asking, bind
from .protocols import FAST_FUNCTIONS
from .record import apply, gather
from .sweep import FORM
from .tracer import OPEN, Blank, Tracer, appended, primal, tracer

ndarray = np.ndarray
_new = np.array
_sequences = (list, tuple)


def holds_traced(x: Any) -> bool:
    """Whether `x` is traced, or a list, a tuple or an array of
    objects with something traced in it."""
    kind = type(x)
    if kind is Tracer:
        return True
    if kind is list or kind is tuple:
        kinds = set(map(type, x))
        if Tracer in kinds:
            return True
        return not kinds.isdisjoint(_nested) and any(map(holds_traced, x))
    return kind is ndarray and x.dtype.kind == "O" and any(map(holds_traced, x.flat))


_nested = frozenset((list, tuple, ndarray))


def traced_array(x: Any) -> Any:
    """What holds something traced, as a traced array;
    NotImplemented for what is no array of numbers."""
    if type(x) is Tracer:
        return x
    if type(x) is ndarray:
        return gather(x)
    leaves: list[Any] = []
    shape = _flattened(x, leaves)
    joined = _of_numbers(leaves, shape)
    if joined is not None:
        return joined
    for k, leaf in enumerate(leaves):
        if type(leaf) is ndarray and leaf.dtype.kind == "O":
            leaves[k] = gather(leaf)
        elif not isinstance(leaf, _numbers):
            return NotImplemented
    joined = np.stack(leaves)
    return joined if len(shape) == 1 else joined.reshape(shape + joined.shape[1:])


def _of_numbers(leaves: list[Any], shape: tuple[int, ...]) -> Any:
    """The array of numbers of one trace; None where that is not all."""
    tape = None
    values, places, numbers = [], [], []
    for k, x in enumerate(leaves):
        if type(x) is Tracer:
            if tape is None:
                tape = x.tape
            elif x.tape is not tape:
                return None
            places.append(x.index)
            numbers.append(k)
            x = x.value
        if type(x) not in _plain:
            return None
        values.append(x)
    if tape is None:
        return None
    value = _new(values, float)
    if len(shape) > 1:
        value = value.reshape(shape)
    entry = (tuple(places), numbers_vjp, numbers, FORM)
    return appended(value, tape, entry)


def numbers_vjp(g: Any, numbers: list[int]) -> list[Any]:
    """The cotangents of the numbers that an array was made of, by their places in it."""
    parts = list(g.reshape(-1))
    return parts if len(parts) == len(numbers) else [parts[k] for k in numbers]


_plain = frozenset((np.float64, float, int))
_numbers = (ndarray, np.number, np.bool_, int, float, complex)


def _flattened(x: Any, leaves: list[Any]) -> tuple[int, ...]:
    """The lengths of nested lists, whose innermost elements are appended to `leaves`."""
    nested = any(type(part) in _sequences for part in x)
    shapes = set()
    for part in x:
        if type(part) in _sequences or (nested and np.ndim(part)):
            shapes.add(_flattened(list(part), leaves))
        else:
            leaves.append(part)
            shapes.add(())
    if len(shapes) > 1:
        raise ValueError(
            "np.array of nested lists of traced numbers: the lists are of different lengths"
        )
    return (len(x), *shapes.pop()) if shapes else (0,)


def _typed(x: Any, dtype: Any, copy: bool) -> Any:
    """A traced array as one of `dtype`; plain where that is one of whole numbers,
    through which nothing flows."""
    if dtype is None or np.dtype(dtype) == x.dtype:
        return tracer(x.value, x.tape, x.index) if copy else x
    if np.dtype(dtype).kind in "iub":
        return np.asarray(primal(x)).astype(dtype)
    if np.dtype(dtype).kind not in "fc":
        return NotImplemented
    return apply(astype, (x, np.dtype(dtype)), {})


def _is_copied(copy: Any) -> bool:
    """`copy` may also be a member of an enumeration of numpy's,
    which refuses to be true or false."""
    return copy is True or getattr(copy, "name", "") == "ALWAYS"


def _is_reordered(x: Any, options: dict[str, Any]) -> bool:
    """Whether an array has to be copied for the memory to be in the order that is asked for."""
    flag = _CONTIGUOUS.get(options.get("order"))
    return flag is not None and type(primal(x)) is ndarray and not primal(x).flags[flag]


_CONTIGUOUS: dict[Any, str] = {"C": "C_CONTIGUOUS", "F": "F_CONTIGUOUS"}


# -- one function for each of numpy's, with its parameters; NotImplemented leaves the call to that -


def _array(
    object: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **options: Any
) -> Any:
    if not holds_traced(object):
        return NotImplemented
    x = traced_array(object)
    if x is NotImplemented:
        return x
    y = _typed(x, dtype, x is object and (_is_copied(copy) or _is_reordered(x, options)))
    if y is NotImplemented or np.ndim(y) >= ndmin:
        return y
    return np.reshape(y, (1,) * (ndmin - np.ndim(y)) + np.shape(y))


def _asarray(
    a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, **options: Any
) -> Any:
    return _array(a, dtype, copy=copy, order=order)


def _contiguous(a: Any, dtype: Any = None, **options: Any) -> Any:
    return _array(a, dtype, copy=False, ndmin=1, order="C")


def _fortran(a: Any, dtype: Any = None, **options: Any) -> Any:
    return _array(a, dtype, copy=False, ndmin=1, order="F")


def _checked(a: Any, dtype: Any = None, order: Any = None) -> Any:
    y = _array(a, dtype, copy=False, order=order)
    if y is not NotImplemented and not np.all(np.isfinite(y)):
        raise ValueError("array must not contain infs or NaNs")
    return y


def _required(a: Any, dtype: Any = None, requirements: Any = None, **options: Any) -> Any:
    value = primal(a)
    met = type(value) is not ndarray or _originals["require"](value, None, requirements) is value
    return _array(a, dtype, copy=None if met else True)


def _full(shape: Any, fill_value: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
    x = _array(fill_value, dtype, copy=False)
    if type(x) is not Tracer:
        return x
    wide: Any = np.broadcast_to(x, shape)
    return tracer(wide.value, wide.tape, wide.index)


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, *args: Any, shape: Any = None, **options: Any
) -> Any:
    shape = np.shape(a) if shape is None else shape
    return np.full(shape, fill_value, a.dtype if dtype is None else dtype)


def _from_iterator(iter: Any, dtype: Any, count: int = -1, **options: Any) -> Any:
    items = list(iter)
    if count >= 0:
        items = items[:count]
    if holds_traced(items):
        return _array(items, dtype)
    return _originals["fromiter"](items, dtype, count)


# name -> (the function, the number of the argument that may be traced)
_MAKERS: dict[str, tuple[Callable[..., Any], int]] = {
    "array": (_array, 0),
    "asarray": (_asarray, 0),
    "asanyarray": (_asarray, 0),
    "ascontiguousarray": (_contiguous, 0),
    "asfortranarray": (_fortran, 0),
    "asarray_chkfinite": (_checked, 0),
    "require": (_required, 0),
    "full": (_full, 1),
    "full_like": (_full_like, 1),
    "fromiter": (_from_iterator, 9),
}
_originals = {name: getattr(np, name) for name in {*_MAKERS, *NAMES}}


def _constructor(name: str, function: Any) -> Asking:
    make, which = _MAKERS.get(name, (None, 0))

    def call(*args: Any, **kwargs: Any) -> Any:
        if OPEN and make is not None and (len(args) <= which or holds_traced(args[which])):
            y = make(*args, **kwargs)
            if y is not NotImplemented:
                return y
        return function(*args, **kwargs)

    def call_for_blank(*args: Any, **kwargs: Any) -> Any:
        y = call(*args, **kwargs)
        given = y
        if OPEN and is_recorded(y) and not name.startswith("full"):  # of a shape and a dtype alone
            given = _originals[name.removesuffix("_like")](y.shape, y.dtype)
        if not OPEN or type(given) is not ndarray:
            return y
        made = blank(given, sys._getframe(1))
        if type(made) is not Blank:
            return y
        if name.startswith("empty"):  # two recordings are to be the same
            made.value = _originals["zeros_like"](given)
        return made

    return asking(function, call_for_blank if name in NAMES else call)


def install() -> None:
    """Bind the names that modules have for numpy's constructors
    to ones that know of traced values."""
    made = {id(f): _constructor(name, f) for name, f in _originals.items()}
    bind(made, ("numpy.", __name__))  # numpy's own use of them is none of ours


# -- lists of traced numbers in the place of an array: np.mean([a, b]) -----------------------------

# numpy sees no traced value in the list and calls its own code, to which numbers in an array of
# objects are no numbers. (The others of its functions take arrays of objects, or lists of arrays.)
_TAKE_LISTS = """
    amax amin angle broadcast_to corrcoef cov cross cumulative_prod cumulative_sum ediff1d geomspace gradient max mean meshgrid min nanmax nanmean nanmedian nanmin nanpercentile
    nanprod nanquantile nanstd nansum nanvar pad percentile polydiv ptp quantile median average setdiff1d setxor1d intersect1d
    union1d unique unique_all unique_counts unique_inverse unique_values sort_complex std trim_zeros unwrap var interp
    array_split dsplit hsplit rollaxis split unstack vsplit
    linalg.cholesky linalg.cond linalg.det linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv linalg.lstsq
    linalg.matrix_norm linalg.matrix_power linalg.norm linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals
    linalg.tensorinv linalg.tensorsolve linalg.vector_norm
    fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2
    fft.rfftn
""".split()


def _takes_lists(function: Any) -> None:
    def dispatch(implementation: Any, args: Any, kwargs: Any) -> Any:
        given = [_of_list(x) for x in args]
        named = {key: _of_list(x) for key, x in kwargs.items()}
        if any(x is not y for x, y in zip(given, args)) or any(
            named[k] is not kwargs[k] for k in kwargs
        ):
            return function(*given, **named)
        return NotImplemented

    intercept(function._implementation, dispatch)


def _of_list(x: Any) -> Any:
    if type(x) is Tracer or not holds_traced(x):
        return x
    made = traced_array(x)
    return x if made is NotImplemented else made


for _name in _TAKE_LISTS:
    _found: Any = np
    for _part in _name.split("."):
        _found = getattr(_found, _part, None)
    if _found is not None:
        _takes_lists(_found)


FAST_FUNCTIONS[_originals["full_like"]] = lambda args, kwargs: _full_like(*args, **kwargs)
install()
