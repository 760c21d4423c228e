"""Arguments with tracers in the places of their numbers, and their gradients: each in one walk."""

from __future__ import annotations

import functools
from types import MethodType
from typing import Any

import numpy as np

from ..thunks import Thunk
from . import structures
from .structures import (
    AGAIN,
    Tree,
    check_array,
    is_leaf,
    kind_of,
    rebuild,
    tree_of,
)
from .tracer import Tape, Tracer, tracer

ndarray = np.ndarray


def traced(x: Any, tape: Tape) -> tuple[Any, Tree]:
    """An argument with tracers for its leaves, and their places on the tape."""
    start = len(tape)
    try:
        return _walked(x, tape, {})
    except _Unusual:
        del tape[start:]
    check_argument(x)

    def leaf(value: Any) -> Tracer:
        check_array(value)
        t = tracer(value, tape, len(tape))
        tape.append(None)
        return t

    made = rebuild(x, leaf)
    if type(made) is Tracer:
        return made, made.index
    # The tracers themselves hold values that nobody may need; their places are enough.
    return made, tree_of(made, functools.partial(place_on, tape), once=True)


class _Unusual(Exception):
    """Of an argument that holds itself, or what cannot be copied part by part."""


def _walked(x: Any, tape: Tape, memo: dict[int, Any]) -> tuple[Any, Tree]:
    """`traced`, for the commonest structures; what has no leaf is not copied.
    `memo` has what was walked, and None for what is being walked."""
    kind = kind_of(x)
    if not kind.made and type(x) is not MethodType:
        if is_leaf(x) or kind.parts(x) or isinstance(x, _others):
            raise _Unusual
        return x, None
    if id(x) in memo:
        if memo[id(x)] is None:
            raise _Unusual
        made, has_leaves = memo[id(x)]
        return made, AGAIN if has_leaves else None
    memo[id(x)] = None
    new: dict[Any, Any] = {}
    places: dict[Any, Any] = {}
    for key, value in (kind.parts(x) or {}).items():
        cls = type(value)
        if cls in _numbers or (cls is ndarray and value.dtype.kind in "fc"):
            t = Tracer()
            t.value = value
            t.tape = tape
            places[key] = t.index = len(tape)
            tape.append(None)
            new[key] = t
        elif cls in _atoms:
            new[key] = value
        else:
            new[key], place = _walked(value, tape, memo)
            if place is not None:
                places[key] = place
    made = _copy(x, kind.made, new) if places else x
    memo[id(x)] = made, bool(places)
    return made, places or None


_numbers = frozenset((float, np.float64, complex))
_atoms = frozenset((int, bool, str, type(None)))
_others = (set, frozenset, ndarray, np.void, Thunk)


def _copy(x: Any, made: str, parts: dict[Any, Any]) -> Any:
    cls: Any = type(x)
    if made == "items":
        return parts
    if cls is list:
        return list(parts.values())
    if made == "values":
        return tuple(parts.values()) if cls is tuple else tuple.__new__(cls, parts.values())
    if cls is MethodType:
        return MethodType(x.__func__, parts["__self__"])
    if structures.copied is not None:
        structures.copied(cls)
    try:
        new = object.__new__(cls)
    except TypeError:
        raise _Unusual from None
    for name, part in parts.items():
        object.__setattr__(new, name, part)
    return new


def place_on(tape: Tape, x: Any) -> int | None:
    """The place of a tracer of that tape; None for all else."""
    return x.index if type(x) is Tracer and x.tape is tape else None


def check_argument(x: Any) -> None:
    """Raise an error for an argument, or a part of a tuple, list or dict,
    with numbers in it that get no gradient."""
    kind = type(x)
    if kind is tuple or kind is list or kind is dict:
        for part in x.values() if kind is dict else x:
            check_argument(part)
    elif kind is set or kind is frozenset:
        if any(map(is_leaf, x)):
            raise TypeError(
                f"numbers in a {kind.__name__} cannot be differentiated, for they have no places: give a tuple or a list"
            )
    elif isinstance(x, (ndarray, np.void)) and x.dtype.names and kind is not Tracer:
        raise TypeError(
            "a structured array cannot be differentiated: give its fields as a dict of arrays, "
            "{name: x[name] for name in x.dtype.names}"
        )
