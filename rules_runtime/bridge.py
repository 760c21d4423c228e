"""Between the two languages at run time: legacy tangents as what the target language has, and back.

In the legacy language `None` is zero, and a tangent of a structure is a plain tuple, list or dict.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .errors import RuleError, TangentError
from .signatures import location_of
from .structure import field_names, is_namedtuple, zero_of
from .tangents import AbstractTangent, AbstractZero, Tangent, ZeroTangent, tangent_type
from .thunks import unthunk

_NOT_KNOWN: Any = type("_NotKnown", (), {"__repr__": lambda self: "<primal not known>"})()


_PLAIN = frozenset((float, np.ndarray, np.float64))  # most tangents are one of these, and pass


# -- one tangent -----------------------------------------------------------------------------------


def from_legacy(value: Any, primal: Any) -> Any:
    """One legacy tangent of `primal` as a tangent of the target language.

    `None` becomes `NoTangent()` where `primal` cannot be perturbed (a string, an integer, a plain
    function and the like), else `ZeroTangent()`; a dict becomes `Tangent[type(primal)]` by field or
    key, without its `None`s; a tuple or a list the `Tangent` of a tuple, named tuple or list, by
    position. Parts are converted along with the parts of `primal`; parts that are target tangents
    already, numbers and arrays pass.

    Raises `TangentError` where a dict, tuple or list cannot be the tangent of `primal`.

    >>> from_legacy(({"a": 1.0, "b": None}, None), ({"a": 0.5, "b": 0.5}, "name"))
    Tangent[tuple](Tangent[dict]({'a': 1.0}), NoTangent())
    """
    if type(value) in _PLAIN:
        return value
    if value is None:
        return ZeroTangent() if primal is _NOT_KNOWN else zero_of(primal)
    primal = _owner(primal)
    if isinstance(value, AbstractTangent):
        return value
    if isinstance(value, dict):
        return _from_dict(value, primal)
    if isinstance(value, (tuple, list)):
        return _from_sequence(value, primal)
    return value


def _owner(primal: Any) -> Any:
    """The instance of a bound method, whose tangent is that of the instance;
    anything else as it is."""
    return primal.__self__ if type(primal) is types.MethodType else primal


def _from_dict(value: dict[Any, Any], primal: Any) -> Any:
    kind = dict if primal is None or primal is _NOT_KNOWN else type(primal)
    if isinstance(primal, (np.ndarray, np.generic, float, complex, int, str, bytes, list)) or (
        isinstance(primal, tuple) and not is_namedtuple(primal)
    ):
        raise TangentError(
            f"a dict cannot be the tangent of a {kind.__name__}: its keys are {', '.join(map(repr, value))}"
        )
    parts = {}
    for key, part in value.items():
        if part is not None:
            found = _part_of(primal, key)
            parts[_name_of_position(primal, key)] = from_legacy(part, found)
    if tangent_type(kind)._kind == "named":
        return tangent_type(kind)(**parts)
    if tangent_type(kind)._kind == "positions":
        kind = dict
    return tangent_type(kind)(parts)


def _name_of_position(primal: Any, key: Any) -> Any:
    if is_namedtuple(primal) and isinstance(key, int):
        return primal._fields[key]
    return key


def _part_of(primal: Any, key: Any) -> Any:
    """The part of a primal with a key or name; where there is none, nothing is known of it."""
    try:
        if isinstance(primal, Mapping) or (
            isinstance(primal, (tuple, list)) and isinstance(key, int)
        ):
            return primal[key]
        return getattr(primal, key)
    except Exception:
        return _NOT_KNOWN


def _from_sequence(value: Any, primal: Any) -> Any:
    if isinstance(primal, np.ndarray):
        return _from_rows(value, primal)
    if isinstance(primal, (np.generic, float, complex, int, str, bytes, dict)):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of a {type(primal).__name__}"
        )
    kind: Any = type(primal)
    if tangent_type(kind)._kind not in ("positions", "named"):
        kind = list if isinstance(value, list) else tuple
    elif len(value) > len(primal):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of a {kind.__name__} of {len(primal)}"
        )
    parts = [from_legacy(part, _part_of(primal, i)) for i, part in enumerate(value)]
    return tangent_type(kind)(*parts)


def _from_rows(value: Any, primal: Any) -> Any:
    """A list or tuple of the tangents of an array's rows, as one array."""
    if len(value) != len(primal):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of an array of shape {primal.shape}"
        )
    rows = []
    for part, row in zip(value, primal):
        part = unthunk(from_legacy(part, row))
        if isinstance(part, AbstractZero):
            part = np.zeros_like(row, dtype=np.result_type(primal, float))
        rows.append(part)
    return np.array(rows) if rows else np.zeros_like(primal)


class Fields(dict[Any, Any]):
    """The legacy tangent of an object or a dict that is not at hand: what is missing reads as
    `None`, and is equal to `None`.

    >>> Fields(a=1.0)["b"] is None, Fields(a=1.0, b=None) == {"a": 1.0}
    (True, True)
    """

    __slots__ = ()

    def __missing__(self, key: Any) -> None:
        return None

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, dict):
            return NotImplemented
        return _without_zeros(self) == _without_zeros(other)

    __hash__ = None


def _without_zeros(parts: dict[Any, Any]) -> dict[Any, Any]:
    """What is not `None`, which a missing part is as well."""
    return {key: part for key, part in parts.items() if part is not None}


class NamedParts(Fields):
    """The legacy tangent of a named tuple: a dict that also takes positions.

    It iterates and unpacks by position; `keys`, `items`, `in`, `**` and `dict(...)` go by name.

    >>> dx, dy = parts = NamedParts(x=1.0, y=None)
    >>> dx, parts[0], parts["x"], parts[-1], parts[:1]
    (1.0, 1.0, 1.0, None, (1.0,))
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, slice)):
            return tuple(self.values())[key]
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        parts: list[Any] = list(self.values())
        return iter(parts)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self.values())[::-1])

    def get(self, key: Any, default: Any = None) -> Any:
        """The part with that name or position, the default where there is none."""
        if isinstance(key, int):
            return self[key] if -len(self) <= key < len(self) else default
        return super().get(key, default)

    def __reduce__(self) -> Any:
        return NamedParts, (dict(self.items()),)


def to_legacy(tangent: Any, primal: Any = None) -> Any:
    """A tangent as a legacy one: zeros as `None`, a `Tangent` as a tuple, list or dict.
    `from_legacy` the other way round.

    With `primal` the dict of an object or a dict is a plain one with all of its fields or keys,
    `None` for the zero ones, as a legacy rule is given it; without, it has those that are known,
    and what else is missing reads as `None`. That of a named tuple also takes positions.
    Thunks are computed.

    >>> to_legacy(Tangent[tuple](1.0, ZeroTangent(), Tangent[dict](a=2.0)))
    (1.0, None, {'a': 2.0})
    """
    if type(tangent) in _PLAIN:
        return tangent
    tangent = unthunk(tangent)
    if tangent is None or isinstance(tangent, AbstractZero):
        return None
    if isinstance(tangent, Tangent):
        return _from_tangent(tangent, _owner(primal))
    if isinstance(tangent, (tuple, list)) and not is_namedtuple(tangent):
        return type(tangent)(to_legacy(part, _part_of(primal, i)) for i, part in enumerate(tangent))
    if type(tangent) is dict:
        return _named_parts(tangent, (), primal)
    return tangent


def _from_tangent(tangent: Tangent[Any], primal: Any) -> Any:
    kind = tangent._kind
    if kind == "positions" and is_namedtuple(primal):
        tangent, kind = tangent_type(type(primal))(*tangent), "named"
    if kind == "positions":
        parts = [to_legacy(part, _part_of(primal, i)) for i, part in enumerate(tangent)]
        if isinstance(primal, (tuple, list)):
            parts += [None] * (len(primal) - len(parts))
        return parts if issubclass(tangent.primal_type, list) else tuple(parts)
    if kind == "named":
        return NamedParts(
            {name: to_legacy(tangent[name], _part_of(primal, name)) for name in tangent._names}
        )
    return _named_parts(dict(tangent.items()), tangent._names, primal)


def _named_parts(given: dict[Any, Any], names: Any, primal: Any) -> Any:
    """The legacy tangent of an object or a dict;
    `names` are the fields that are known without the primal."""
    kind: Any = dict
    if isinstance(primal, Mapping):
        names = primal
    elif primal is not None and primal is not _NOT_KNOWN and field_names(primal):
        names = field_names(primal)
    else:
        kind = Fields
    keys = dict.fromkeys((*names, *given))
    return kind({key: to_legacy(given.get(key), _part_of(primal, key)) for key in keys})


# -- what a legacy pullback returns ----------------------------------------------------------------


def entries_from_legacy(result: Any, *primals: Any) -> tuple[Any, ...]:
    """What a legacy pullback returned, as a tuple with one target tangent for each of `primals`.

    `None` means that all of them are zero. Entries that are target tangents already pass.

    Raises `RuleError`, `Gradient ... should be a tuple`,
    for anything but a tuple with one entry for each.

    >>> entries_from_legacy((1.0, None), 2.0, "name")
    (1.0, NoTangent())
    """
    check_entries(result, len(primals))
    if result is None:
        return tuple(map(zero_of, primals))
    return tuple(map(from_legacy, result, primals))


def check_entries(result: Any, n: int, rule: Any = None) -> None:
    """Raise `RuleError` where a legacy pullback returned neither `None` nor a tuple of `n` entries.

    `rule` is the rule that the message names.

    >>> check_entries((1.0, None), 2)
    """
    if result is None or (isinstance(result, tuple) and len(result) == n):
        return
    of = "" if rule is None else f" (the rule at {location_of(rule)})"
    if not isinstance(result, tuple):
        raise RuleError(f"Gradient {result!r} should be a tuple{of}")
    raise RuleError(
        f"Gradient {result!r} should be a tuple of {n}, one entry for each parameter of the rule; "
        f"it has {len(result)}{of}"
    )
