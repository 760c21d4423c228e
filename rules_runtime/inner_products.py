"""Inner products of tangents: `dot` and `norm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import TangentError
from .tangents import AbstractZero, NotImplementedTangent, Tangent
from .thunks import unthunk


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
