"""Sums of tangents, `add` and, for a buffer that the caller owns, `add_inplace`;
their inner products, `dot` and `norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import TangentError
from .tangents import AbstractZero, NotImplementedTangent, Tangent, ZeroTangent, plus
from .thunks import InplaceableThunk, Thunk, unthunk


def add(*tangents: Any) -> Any:
    """The sum of tangents of one value. Nothing is changed in place;
    of one tangent it is that tangent itself.

    Numbers and arrays add as `+` does, with broadcasting; a `Tangent` adds by part, and so do plain
    tuples, lists and dicts, where `None` counts as zero. The sum of nothing is `ZeroTangent()`.

    Raises `TangentError` where two tangents cannot belong to one value.

    >>> add(1.0, ZeroTangent(), Thunk(lambda: 2.0))
    3.0
    >>> add({"a": 1.0}, {"a": 2.0, "b": None})
    {'a': 3.0, 'b': None}
    """
    total: Any = None
    for tangent in tangents:
        total = plus(total, unthunk(tangent))
    return ZeroTangent() if total is None else total


def add_inplace(accumulator: Any, tangent: Any) -> Any:
    """`accumulator + tangent`, in the memory of `accumulator` where that is possible.

    The caller owns `accumulator` and goes on with the result: an array that can be written to and
    holds the sum, by shape and dtype, is added to in place, and so are the arrays of a `Tangent`, a
    dict, list or tuple; anything else is added with `add`. `tangent` is never changed.

    >>> buffer = np.zeros(2)
    >>> add_inplace(buffer, np.ones(2)) is buffer
    True
    """
    if isinstance(tangent, AbstractZero):
        return accumulator
    if _is_writeable(accumulator):
        if isinstance(tangent, InplaceableThunk):
            return tangent.add_to(accumulator)
        if isinstance(tangent, Thunk):
            tangent = tangent.unthunk()
        if _fits(accumulator, tangent):
            np.add(accumulator, tangent, out=accumulator)
            return accumulator
    elif isinstance(accumulator, (Tangent, dict, tuple, list)):
        added = _added_by_part(accumulator, tangent)
        if added is not None:
            return added
    total = add(accumulator, tangent)
    # of a zero and an array it is that array, which is not the caller's to add to
    return total.copy() if type(total) is np.ndarray and total is unthunk(tangent) else total


def _added_by_part(accumulator: Any, tangent: Any) -> Any:
    """The structure with each part added to in place;
    None where the two do not have their parts in the same way."""
    if type(tangent) is Thunk:
        tangent = tangent.unthunk()
    if type(accumulator) is not type(tangent):
        return None
    if not isinstance(accumulator, Tangent):
        return _added(accumulator, tangent)
    parts = _added(accumulator._parts, tangent._parts)
    return None if parts is None else type(accumulator)._of(parts)


def _added(parts: Any, given: Any) -> Any:
    if isinstance(parts, dict):
        return {
            key: add_inplace(parts.get(key), given[key]) if key in given else parts[key]
            for key in (*parts, *(key for key in given if key not in parts))
        }
    if len(parts) != len(given):
        return None
    both = [add_inplace(part, other) for part, other in zip(parts, given)]
    make = getattr(type(parts), "_make", None)  # named tuples
    return make(both) if make is not None else type(parts)(both)


def _is_writeable(x: Any) -> bool:
    return type(x) is np.ndarray and x.flags.writeable and x.dtype.kind in "fc" and _overlaps_not(x)


def _overlaps_not(x: Any) -> bool:
    """Broadcast views have elements that share memory;
    adding to them in place adds more than once."""
    return 0 not in x.strides or all(s or n < 2 for s, n in zip(x.strides, x.shape))


def _fits(accumulator: Any, tangent: Any) -> bool:
    if isinstance(tangent, (Tangent, AbstractZero, tuple, list, dict)):
        return False
    if isinstance(tangent, np.ndarray):
        return (
            tangent.shape == accumulator.shape
            and tangent.dtype.kind in "biufc"
            and np.result_type(accumulator, tangent) == accumulator.dtype
        )
    return (
        isinstance(tangent, (int, float, complex, np.number))
        and np.result_type(accumulator, tangent) == accumulator.dtype
    )


def dot(a: Any, b: Any) -> Any:
    """The inner product of two tangents of one value:
    the sum over all numbers in them of `conj(a) * b`.

    Parts that are zero in one of them count nothing.
    Plain tuples, lists and dicts are tangents, too.

    Raises `TangentError` where the two cannot belong to one value.

    >>> dot(Tangent[dict](a=2.0, b=np.ones(2)), {"a": 3.0, "b": None})
    6.0
    """
    a, b = unthunk(a), unthunk(b)
    for x in (a, b):
        if x is None or isinstance(x, AbstractZero):
            return 0.0
    for x in (a, b):
        if isinstance(x, NotImplementedTangent):
            return x
    x, y = _parts(a), _parts(b)
    if x is None and y is None and np.shape(a) == np.shape(b):
        products = (np.conj(a) if np.iscomplexobj(a) else a) * b
        return np.sum(products) if np.shape(a) else products
    if x is None or y is None or x[0] != y[0]:
        raise TangentError(f"{_described(a)} and {_described(b)} are not tangents of one value")
    return sum([dot(part, y[1][key]) for key, part in x[1].items() if key in y[1]], start=0.0)


def _parts(tangent: Any) -> tuple[bool, dict[Any, Any]] | None:
    """Whether a structured tangent has its parts by position, and the parts."""
    if isinstance(tangent, Tangent):
        if tangent._kind in ("positions", "named"):
            return True, dict(enumerate(tangent))
        return False, tangent._parts
    if isinstance(tangent, (tuple, list)):
        return True, dict(enumerate(tangent))
    return (False, tangent) if isinstance(tangent, dict) else None


def _described(tangent: Any) -> str:
    shape = getattr(tangent, "shape", None)
    return f"a {type(tangent).__name__}" + (f" of shape {shape}" if shape is not None else "")


def norm(a: Any) -> Any:
    """The length of a tangent: the root of the sum of the squares of all numbers in it.

    >>> float(norm(Tangent[tuple](3.0, np.array([0.0, 4.0]))))
    5.0
    """
    return np.sqrt(np.real(dot(a, a)))
