"""What a primal value is made of: its fields, whether it can be perturbed,
and the zero of its tangent space."""

from __future__ import annotations

import collections
import contextlib
import enum
import functools
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from .tangents import AbstractZero, NoTangent, ZeroTangent, tangent_type
from .thunks import unthunk

# Instances of these have no tangent space, whatever attributes they have.
_ATOMS: tuple[type, ...] = (
    str,
    bytes,
    bytearray,
    int,  # bool too
    np.generic,
    np.dtype,
    np.ufunc,
    AbstractZero,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
    slice,
    range,
    type,
    enum.Enum,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.ModuleType,
    types.GenericAlias,
)

_NUMBERS = (float, complex, np.inexact)  # asked before _ATOMS


def is_namedtuple(x: Any) -> bool:
    """Whether `x` is an instance of a named tuple class.

    >>> is_namedtuple((1, 2))
    False
    """
    return isinstance(x, tuple) and hasattr(type(x), "_fields")


def fields_of(x: Any) -> dict[str, Any] | None:
    """The fields of an object by name, `None` for what is not made of named fields.

    Fields are what a named tuple, a dataclass, `__slots__` and the instance's `__dict__` hold, and
    the three parts of a `functools.partial`; a bound method has its instance, `__self__`. Numbers,
    arrays, strings, containers, functions and types have none.

    >>> fields_of(functools.partial(max, 1.0))
    {'func': <built-in function max>, 'args': (1.0,), 'keywords': {}}
    """
    if is_namedtuple(x):
        return dict(zip(type(x)._fields, x))
    if isinstance(x, functools.partial):
        return {"func": x.func, "args": x.args, "keywords": x.keywords}
    if isinstance(x, types.MethodType):
        return {"__self__": x.__self__}
    return (attributes_of(x) or None) if has_fields(x) else None


_NO_FIELDS = (
    *_ATOMS, *_NUMBERS, np.ndarray, tuple, list, set, frozenset, Mapping, collections.deque,
    functools.partial, types.MethodType,
)  # fmt: skip


def has_fields(x: Any) -> bool:
    """Whether the parts of `x` are its attributes: an object, and nothing that Python or numpy
    has a place for otherwise.

    >>> has_fields((1.0, 2.0)), has_fields(types.SimpleNamespace(a=1.0))
    (False, True)
    """
    return not isinstance(x, _NO_FIELDS)


def attributes_of(x: Any) -> dict[str, Any]:
    """What an object holds in its slots and in its `__dict__`, by name.

    >>> attributes_of(collections.UserDict(a=1.0))
    {'data': {'a': 1.0}}
    """
    found: dict[str, Any] = {}
    cls: Any = type(x)
    for name in _slots_of(cls):
        with contextlib.suppress(AttributeError):  # as it is, whatever a class makes of reading it
            found[name] = object.__getattribute__(x, name)
    found.update(getattr(x, "__dict__", None) or {})
    return found


@functools.lru_cache(maxsize=1024)
def _slots_of(cls: type) -> tuple[str, ...]:
    found = []
    for base in reversed(cls.__mro__):
        slots = base.__dict__.get("__slots__", ())
        found += [_mangled(base, name) for name in ([slots] if isinstance(slots, str) else slots)]
    return tuple([name for name in found if name not in ("__dict__", "__weakref__")])


def _mangled(cls: type, name: str) -> str:
    if name.startswith("__") and not name.endswith("__"):
        return f"_{cls.__name__.lstrip('_')}{name}"
    return name


def field_names(x: Any) -> tuple[str, ...]:
    """The names of the fields that `x` has or that its class declares.

    >>> field_names(1.0)
    ()
    """
    held = fields_of(x) or {}
    return (
        tuple(dict.fromkeys((*tangent_type(type(x))._names, *held)))
        if held or _is_object(x)
        else ()
    )


def _is_object(x: Any) -> bool:
    return tangent_type(type(x))._kind == "fields" and not isinstance(
        x, (*_ATOMS, *_NUMBERS, np.ndarray)
    )


def parts_of(x: Any) -> Any:
    """The parts of a structured value, as a dict by name or key, or by position;
    `None` for anything else.

    >>> parts_of((1.0, "a"))
    {0: 1.0, 1: 'a'}
    """
    if is_namedtuple(x):
        return dict(zip(type(x)._fields, x))
    if isinstance(x, (tuple, list, collections.deque)):
        return dict(enumerate(x))
    if isinstance(x, Mapping):
        return dict(x)
    return fields_of(x)


def can_be_perturbed(x: Any) -> bool:
    """Whether `x` has a tangent space: whether it is or holds a real
    or complex floating point number.

    Strings, integers, booleans, `None`, types, functions and arrays of integers have none, and
    neither has a structure that holds nothing else.

    >>> can_be_perturbed((1, "a")), can_be_perturbed((1, 2.0))
    (False, True)
    """
    return _can_be_perturbed(x, set())


def _can_be_perturbed(x: Any, seen: set[int]) -> bool:
    if isinstance(x, _NUMBERS):
        return True
    if isinstance(x, _ATOMS):
        return False
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fc" or (
            x.dtype.kind == "O" and any(_can_be_perturbed(e, seen) for e in x.flat)
        )
    if id(x) in seen:
        return False
    if isinstance(x, (set, frozenset)):
        return False
    seen.add(id(x))
    if isinstance(x, (tuple, list, collections.deque)):
        return any(_can_be_perturbed(part, seen) for part in x)
    parts = parts_of(x)
    if parts is None:
        return hasattr(x, "__array__")  # an array of another library
    return any(_can_be_perturbed(part, seen) for part in parts.values())


def zero_of(x: Any) -> Any:
    """The zero that says nothing flows to `x`: `NoTangent()` where it cannot be perturbed, else
    `ZeroTangent()`.

    >>> zero_of("a"), zero_of(1.0)
    (NoTangent(), ZeroTangent())
    """
    return ZeroTangent() if can_be_perturbed(x) else NoTangent()


def zero_tangent(x: Any) -> Any:
    """The zero of the tangent space of `x`, with its structure written out, ready to be added to.

    Numbers and arrays of zeros for floating point numbers and arrays, a `Tangent` with the parts
    that can be perturbed for structures, `NoTangent()` for what cannot be perturbed. Arrays in it
    are new and belong to the caller.

    >>> zero_tangent((1.0, "a", np.ones(2)))
    Tangent[tuple](0.0, NoTangent(), array([0., 0.]))
    """
    return _zero_tangent(x, frozenset())


def _zero_tangent(x: Any, above: frozenset[int]) -> Any:
    if isinstance(x, _NUMBERS):
        return type(x)(0) if type(x) in (float, complex) or isinstance(x, np.generic) else 0.0
    if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return np.zeros(x.shape, x.dtype)
    if id(x) in above or not can_be_perturbed(x):
        return NoTangent()
    if isinstance(x, np.ndarray):
        zeros = np.empty(x.shape, object)
        for i in np.ndindex(x.shape):
            zeros[i] = _zero_tangent(x[i], above | {id(x)})
        return zeros
    parts = parts_of(x)
    if parts is None:
        return ZeroTangent()
    above |= {id(x)}
    if isinstance(x, (tuple, list, collections.deque)):
        return tangent_type(type(x))(*[_zero_tangent(part, above) for part in parts.values()])
    zero_parts = {
        key: _zero_tangent(part, above) for key, part in parts.items() if can_be_perturbed(part)
    }
    return tangent_type(type(x))._of(zero_parts)


def filled(dy: Any, y: Any) -> Any:
    """The cotangent `dy` of `y`, with zeros written out for all of its parts: tuples for tuples,
    lists for lists, dicts for dicts, and an array as it is.

    >>> from rules_runtime import Tangent
    >>> filled(Tangent[tuple](2.0, ZeroTangent()), (1.0, np.ones(2)))
    (2.0, array([0., 0.]))
    """
    dy = unthunk(dy)
    if isinstance(y, (tuple, list, Mapping)):
        held = parts_of(y)
        parts = [
            filled(
                dy if isinstance(dy, AbstractZero) else dy[place if is_namedtuple(y) else key], part
            )
            for place, (key, part) in enumerate(held.items())
        ]
        if isinstance(y, Mapping):
            return dict(zip(held, parts))
        kind: Any = type(y)
        return kind(*parts) if is_namedtuple(y) else kind(parts)
    if isinstance(dy, AbstractZero) and isinstance(y, (np.ndarray, *_NUMBERS, int, np.generic)):
        dtype = np.result_type(y)
        if dtype.kind in "fciub":
            return np.zeros(np.shape(y), dtype if dtype.kind in "fc" else float)[()]
    return dy
