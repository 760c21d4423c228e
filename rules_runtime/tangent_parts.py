"""A tangent against its primal: which part of the one belongs to which part of the other.

The tangent of a structure is a `Tangent`, a plain tuple, list or dict of tangents, or a natural
one: an instance of the primal's own class, a matrix for one of scipy.sparse.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import TangentError
from .tangents import AbstractZero, Tangent, tangent_type

Parts = dict[Any, Any]


def parts_of_tangent(tangent: Any, x: Any, known: Parts, *, strict: bool = False) -> Parts:
    """The parts of a tangent of the structure `x`, by the keys of `known`, its parts;
    those that are zero may be missing.

    The tangent of a named tuple may go by position and by name. What belongs to no part of `x` is
    left out, or, where it is no zero and `strict`, an error.

    Raises `TangentError` where `tangent` cannot be the tangent of `x`.

    >>> parts_of_tangent((2.0, 3.0), (0.5, 0.5), {0: 0.5, 1: 0.5})
    {0: 2.0, 1: 3.0}
    """
    given = _given_parts(tangent, x, known)
    if given is None:
        raise TangentError(f"{_described(tangent)} cannot be the tangent of {_a(type(x).__name__)}")
    if strict:
        for key, part in given.items():
            if key not in known and part is not None and not isinstance(part, AbstractZero):
                names = ", ".join(map(repr, known))
                raise TangentError(
                    f"{_a(type(x).__name__)} has no part {key!r}, of which a tangent was given: it has {names}"
                )
    return given


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _described(tangent: Any) -> str:
    shape = getattr(tangent, "shape", None)
    return _a(type(tangent).__name__) + (f" of shape {shape}" if isinstance(shape, tuple) else "")


def _given_parts(tangent: Any, x: Any, known: Parts) -> Parts | None:
    if isinstance(x, types.MethodType):
        return {"__self__": tangent}
    if isinstance(x, np.ndarray):  # of objects
        return _of_objects(tangent, x, known)
    wanted: str = x._kind if isinstance(x, Tangent) else tangent_type(type(x))._kind
    if isinstance(tangent, Tangent):
        return _of_structural(tangent, wanted, known)
    if type(tangent) in (tuple, list):
        return _by_position(tangent, x, known) if wanted in ("positions", "named") else None
    if isinstance(tangent, dict):
        return None if wanted == "positions" else _by_name(tangent, wanted, known)
    if _is_sparse(x):
        return _of_sparse(tangent, x)
    if isinstance(tangent, (tuple, list)) and wanted in ("positions", "named"):
        return _by_position(tangent, x, known)
    if isinstance(tangent, np.ndarray):
        return _by_position(tangent, x, known) if wanted == "positions" and tangent.ndim else None
    return _of_same_class(tangent, x, known) if isinstance(tangent, type(x)) else None


def _of_structural(tangent: Any, wanted: str, known: Parts) -> Parts | None:
    """The parts of a `Tangent`. Its class is not compared with the primal's: kinds and names tell,
    and a class may be there twice (reloaded, or of another module)."""
    parts: Any = tangent._parts
    if tangent._kind == "positions":
        if wanted == "named":
            return dict(zip(known, parts))
        return dict(enumerate(parts)) if wanted == "positions" else None
    if wanted == "positions":
        return dict(enumerate(tangent)) if tangent._kind == "named" else None
    return dict(parts)


def _by_name(tangent: Parts, wanted: str, known: Parts) -> Parts:
    if wanted != "named":
        return tangent
    names = list(known)
    return {
        names[key] if isinstance(key, int) and -len(names) <= key < len(names) else key: part
        for key, part in tangent.items()
    }


def _by_position(tangent: Any, x: Any, known: Parts) -> Parts:
    if len(tangent) != len(known):
        raise TangentError(
            f"{_a(type(tangent).__name__)} of {len(tangent)} parts cannot be the tangent of {_a(type(x).__name__)} of {len(known)}"
        )
    return dict(zip(known, tangent))


def _of_objects(tangent: Any, x: Any, known: Parts) -> Parts | None:
    if np.shape(tangent) != x.shape:
        return None
    given = tangent if isinstance(tangent, np.ndarray) else np.asarray(tangent, dtype=object)
    return {place: given[place] for place in known}


def _of_same_class(tangent: Any, x: Any, known: Parts) -> Parts:
    """The parts of an instance of the primal's class. What it has of integers (an index, a pattern)
    says what its numbers stand for."""
    if isinstance(tangent, Mapping):
        return dict(tangent)
    given = {name: getattr(tangent, name) for name in known if hasattr(tangent, name)}
    for name, part in known.items():
        if isinstance(part, np.ndarray) and part.dtype.kind in "biu":
            if name in given and not np.array_equal(part, given[name]):
                raise TangentError(
                    f"{_a(type(x).__name__)} with another {name!r} cannot be the tangent of this one"
                )
    return given


# -- matrices of scipy.sparse ----------------------------------------------------------------------


def _is_sparse(x: Any) -> bool:
    sparse: Any = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(x))


def _of_sparse(tangent: Any, x: Any) -> Parts | None:
    places = places_of(x)
    if places is None:
        return None
    data = stored(tangent, x.shape, places)
    return None if data is None else {"data": data}


def places_of(x: Any) -> tuple[Any, Any] | None:
    """The rows and columns of the numbers that a sparse matrix stores;
    None for anything else, and for formats that do not say."""
    if not _is_sparse(x) or len(x.shape) != 2:
        return None
    if x.format == "coo":
        return x.row, x.col
    if x.format not in ("csr", "csc"):
        return None
    lines = np.repeat(np.arange(len(x.indptr) - 1), np.diff(x.indptr))
    return (lines, x.indices) if x.format == "csr" else (x.indices, lines)


def stored(tangent: Any, shape: tuple[int, int], places: tuple[Any, Any]) -> Any:
    """The cotangents of the numbers that a sparse matrix stores: what a matrix has at their places;
    None for what is no matrix of that shape."""
    if getattr(tangent, "shape", None) != shape:
        return None
    if _is_sparse(tangent):
        return np.asarray(tangent.tocsr()[places]).reshape(-1)
    return tangent[places] if isinstance(tangent, np.ndarray) else None
