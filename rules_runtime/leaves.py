"""Structures and their leaves: arguments taken apart for a host,
cotangents put together for a pullback, and back.

A host differentiates arrays. What holds them (tuples, dicts, objects with fields) crosses as a
`Structure` beside a list of leaves; everything else (strings, integers,
functions) stays in the structure.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .structure import is_namedtuple, parts_of
from .tangents import AbstractZero, NoTangent, Tangent, ZeroTangent
from .thunks import Thunk


@dataclass(frozen=True, eq=False, slots=True)
class Structure:
    """What a value is made of: a leaf, an atom, or parts that are structures."""

    size: int  # how many leaves it has
    value: Any = None  # the atom, or the object that is copied with other parts
    parts: Mapping[Any, Structure] | None = None  # by field, key or position

    @property
    def is_leaf(self) -> bool:
        """Whether it stands for one leaf and nothing else."""
        return self.parts is None and self.size == 1


LEAF = Structure(1)
_BY_KEY = (Tangent, tuple, list, dict, np.ndarray)  # of which an array is the tangent of a list


def is_number(x: Any) -> bool:
    """Whether a result is for the host to hold:
    an array, a numpy number, a float or a complex number."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "biufc"
    return isinstance(x, (np.generic, float, complex)) or is_traced(x)


def is_traced(x: Any) -> bool:
    """Whether the tape is at work on `x`."""
    return hasattr(type(x), "__traced_value__")


def take_apart(
    x: Any,
    is_leaf: Callable[[Any], bool],
    leaves: list[Any],
    opened: Callable[[Any], Any] | None = None,
    above: tuple[int, ...] = (),
) -> Structure:
    """The structure of `x`; its leaves are appended to `leaves`, in order. `opened` gives the
    host's own containers as Python's.

    >>> found = []
    >>> take_apart({"a": 1.0, "b": ("x", 2.0)}, is_number, found).size, found
    (2, [1.0, 2.0])
    """
    if opened is not None:
        x = opened(x)
    if is_leaf(x):
        leaves.append(x)
        return LEAF
    held = None if id(x) in above or isinstance(x, (AbstractZero, Tangent)) else parts_of(x)
    if not held:
        return Structure(0, x)
    before = len(leaves)
    above = (*above, id(x))
    parts = {key: take_apart(part, is_leaf, leaves, opened, above) for key, part in held.items()}
    size = len(leaves) - before
    return Structure(size, x, parts) if size else Structure(0, x)


def put_together(structure: Structure, leaves: Iterator[Any]) -> Any:
    """A copy of the value with other leaves; what has none is shared.

    >>> put_together(take_apart(("x", 2.0), is_number, []), iter([5.0]))
    ('x', 5.0)
    """
    if structure.parts is None:
        return next(leaves) if structure.size else structure.value
    old = structure.value
    parts = {key: put_together(part, leaves) for key, part in structure.parts.items()}
    if is_namedtuple(old):
        return tuple.__new__(type(old), parts.values())
    if isinstance(old, (tuple, list)):
        return type(old)(parts.values())
    if isinstance(old, types.MethodType):
        return types.MethodType(old.__func__, parts["__self__"])
    if isinstance(old, functools.partial):
        return type(old)(parts["func"], *parts["args"], **parts["keywords"])
    new = copy.copy(old)
    if isinstance(old, Mapping):
        for key, part in parts.items():
            new[key] = part
    else:
        for key, part in parts.items():
            object.__setattr__(new, key, part)
    return new


def tangent(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The tangent of the value from those of its leaves, of which `None` is a zero.

    >>> tangent(take_apart(("x", 2.0), is_number, []), iter([5.0]))
    Tangent[tuple](NoTangent(), 5.0)
    """
    if structure.parts is None:
        if not structure.size:
            return NoTangent()
        leaf = next(leaves)
        return ZeroTangent() if leaf is None else leaf
    made = {key: tangent(part, leaves) for key, part in structure.parts.items()}
    typed: Any = Tangent[type(structure.value)]  # type: ignore[misc]
    if isinstance(structure.value, (tuple, list)) and not is_namedtuple(structure.value):
        return typed(*made.values())
    given = {key: part for key, part in made.items() if not isinstance(part, AbstractZero)}
    return typed(**given) if is_namedtuple(structure.value) else typed(given)


def tangents_of_leaves(
    structure: Structure, dx: Any, wanted: Callable[[int], bool], found: list[Any]
) -> None:
    """The parts of the tangent `dx` that belong to the leaves, appended to `found`;
    `None` where they are zero or not wanted.

    Thunks are computed only for leaves that are wanted.
    """
    first = len(found)
    if not any(wanted(place) for place in range(first, first + structure.size)):
        found.extend([None] * structure.size)
        return
    if isinstance(dx, Thunk):  # its parts may be thunks, too: those are for leaves that are wanted
        dx = dx.unthunk()
    if structure.parts is None:
        found.append(None if isinstance(dx, AbstractZero) else dx)
        return
    for position, (key, part) in enumerate(structure.parts.items()):
        here = range(len(found), len(found) + part.size)
        if isinstance(dx, AbstractZero) or not any(map(wanted, here)):
            below: Any = ZeroTangent()
        elif is_namedtuple(structure.value) and dx.primal_type is tuple:
            below = dx[position]
        else:
            below = dx[key] if isinstance(dx, _BY_KEY) else getattr(dx, key)
        tangents_of_leaves(part, below, wanted, found)


def tangents_of_arguments(structure: Structure, leaves: list[Any]) -> tuple[Any, ...]:
    """What a pullback gives, for the structure of `(f, *args)`:
    one tangent for each of them, from those of the leaves."""
    if structure.parts is None:
        return tuple([NoTangent() for _ in structure.value])
    remaining = iter(leaves)
    return tuple([tangent(part, remaining) for part in structure.parts.values()])


def hides_values(structure: Structure) -> bool:
    """Whether an atom is an array of objects, in which a host's values may be lost:
    numpy made it of what the host traced."""
    if structure.parts is not None:
        return any(map(hides_values, structure.parts.values()))
    return isinstance(structure.value, np.ndarray) and structure.value.dtype.kind == "O"
