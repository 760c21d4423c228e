"""Tangents: the vector space in which derivatives live.

A tangent of a number or an array is a number or an array. The rest is:

* `ZeroTangent()` and `NoTangent()`, the zeros (`zeros.py`). `ZeroTangent` says that nothing depends
  on the value, `NoTangent` that the value cannot be perturbed at all:
  a string, an index, a plain function.
* `Tangent[P](...)`, the structural tangent of a `P`: one part for each field, position or key,
  where what is not named is zero.
* `NotImplementedTangent(why)`, a derivative that exists but that nobody has written.
"""

from __future__ import annotations

import collections
import sys
import threading
import types
import typing
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar, Union
from weakref import WeakValueDictionary

import numpy as np

from .errors import NotImplementedTangentError, TangentError
from .upward import ask
from .zeros import ARRAY_ATTRIBUTES, AbstractTangent, AbstractZero, NoTangent, ZeroTangent, is_zero

__all__ = [
    "AbstractTangent",
    "AbstractThunk",
    "AbstractZero",
    "NoTangent",
    "NotImplementedTangent",
    "Tangent",
    "ZeroTangent",
    "is_zero",
    "plus",
    "same",
    "tangent_type",
]

P = TypeVar("P")

_zero: Any = ZeroTangent()


class AbstractThunk(AbstractTangent):
    """A cotangent that has not been computed, as parts of a `Tangent` may be;
    `thunks.Thunk` is the class of these."""

    __slots__ = ()

    def unthunk(self) -> Any:
        """The cotangent."""
        raise NotImplementedError

    def is_zero(self) -> bool:
        """Whether what it computes is zero."""
        return is_zero(self.unthunk())


class NotImplementedTangent(AbstractTangent):
    """A derivative that is not zero, but that this rule does not give.

    It goes through sums and products and raises `NotImplementedTangentError` where a number is
    needed from it, so a rule may be written for the arguments that matter.
    The error names the line where it was made.

    >>> NotImplementedTangent("the order of a Bessel function") + 1.0
    NotImplementedTangent('the order of a Bessel function')
    """

    __slots__ = ("source", "why")

    def __init__(self, why: str = "") -> None:
        self.why = why
        caller = sys._getframe(1)
        self.source = f"{caller.f_code.co_filename}:{caller.f_lineno}"

    def __repr__(self) -> str:
        return f"NotImplementedTangent({self.why!r})"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, NotImplementedTangent) and other.why == self.why

    def __hash__(self) -> int:
        return hash((NotImplementedTangent, self.why))

    def _absorb(self, other: Any) -> Any:
        return self

    __add__ = __radd__ = _absorb

    def __mul__(self, other: Any) -> Any:
        return other if isinstance(other, AbstractZero) else self

    __rmul__ = __matmul__ = __rmatmul__ = __truediv__ = __mul__

    def __neg__(self) -> NotImplementedTangent:
        return self

    def _use(self, *args: Any, **kwargs: Any) -> NoReturn:
        what = f"this derivative is not implemented: {self.why}" if self.why else ""
        raise NotImplementedTangentError(
            f"{what or 'a derivative is not implemented'} ({self.source})"
        )

    __sub__ = __rsub__ = __float__ = __complex__ = __array__ = __bool__ = __getitem__ = _use
    __iter__ = __len__ = _use

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and ufunc.__name__ in ("add", "negative", "positive", "conjugate"):
            return self
        if method == "__call__" and ufunc.__name__ in (
            "multiply",
            "matmul",
            "true_divide",
            "divide",
        ):
            return self
        return self._use()


# How the parts of a Tangent are named, by its primal type.
_POSITIONS, _NAMED, _KEYS, _FIELDS = "positions", "named", "keys", "fields"

_tangent_types: WeakValueDictionary[Any, Any] = WeakValueDictionary()
_tangent_types_lock = threading.Lock()


class Tangent(AbstractTangent, Generic[P]):
    """`Tangent[P](...)` is the structural tangent of a value of type `P`. It cannot be changed.

    Positional for tuples and lists, keywords for objects, named tuples (positional too) and
    string-keyed dicts, one mapping for any dict. What is not named is zero. The parts read as
    `t.a`, `t["a"]` and `t[0]`; a part named like a method is read as `t["items"]`. Where it stands
    for a tuple, a list or a named tuple it iterates, unpacks and slices by position, and numpy
    takes it for a sequence; else it iterates by the keys that were given, as a dict does. `in`,
    `get`, `keys`, `items` and `values` are about what was given.
    The tangent of a bound method is that of its instance.

    Tangents add by part, also those of a class and a subclass, and can be multiplied by scalars.
    Added to what they are a tangent of they move it: `p - 0.1 * t` is of the type of `p`.

    Raises `TangentError` (a `TypeError`) where the arguments do not fit the kind of `P`.

    >>> t = Tangent[dict](a=1.0) + 2 * Tangent[dict](a=1.0, b=4.0)
    >>> t, t.a, t["zz"]
    (Tangent[dict]({'a': 3.0, 'b': 8.0}), 3.0, ZeroTangent())
    >>> first, *_ = Tangent[tuple](1.0, 2.0)
    """

    __slots__ = ("_parts",)

    primal_type: ClassVar[Any] = object
    _kind: ClassVar[str] = ""
    _names: ClassVar[tuple[str, ...]] = ()
    _parts: Any

    def __class_getitem__(cls, primal_type: Any) -> Any:
        try:
            found = _tangent_types.get(primal_type)
        except TypeError:
            found = None
        if found is not None:
            return found
        plain = _plain_type(primal_type)
        with _tangent_types_lock:
            found = _tangent_types.get(plain)
            if found is None:
                found = _tangent_types[plain] = _new_tangent_type(plain)
        return found

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        if not cls._kind:
            raise TangentError(
                "a Tangent has a primal type: Tangent[Foo](a=...), Tangent[tuple](...)"
            )
        parts = args if cls._kind == _POSITIONS and not kwargs else cls._parts_from(args, kwargs)
        made: Self = cls._of(parts)
        return made

    @classmethod
    def _parts_from(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name, kind = cls.__name__, cls._kind
        if kind == _POSITIONS:
            if kwargs:
                raise TangentError(
                    f"{name} takes its parts by position, not by name: {', '.join(kwargs)}"
                )
            return args
        if kind == _NAMED:
            if len(args) > len(cls._names):
                raise TangentError(
                    f"{name} has {len(cls._names)} fields, {len(args)} parts were given"
                )
            parts = dict(zip(cls._names, args))
            for key in kwargs:
                if key in parts:
                    raise TangentError(f"{name} was given the field {key!r} twice")
                if key not in cls._names:
                    raise TangentError(f"{name} has no field {key!r}, only {', '.join(cls._names)}")
            given = parts | kwargs
            return {key: given[key] for key in cls._names if key in given}
        if not args:
            return kwargs
        if len(args) == 1 and isinstance(args[0], Mapping):
            return (
                {**args[0], **kwargs} if kind == _KEYS else _with_names(name, {**args[0], **kwargs})
            )
        what = "one mapping or keywords" if kind == _KEYS else "keywords, one for each field"
        raise TangentError(f"{name} takes {what}; {len(args)} positional parts were given")

    @classmethod
    def _of(cls, parts: Any) -> Any:
        if cls.primal_type is types.MethodType:
            return parts.get("__self__", _zero)
        self = object.__new__(cls)
        _set_parts(self, parts)
        return self

    @classmethod
    def _like(cls, parts: Any) -> Any:
        """Plain tuples, lists and dicts as a tangent of this type."""
        if not isinstance(parts, dict):
            return cls(*parts)
        if cls._kind == _POSITIONS:
            raise TangentError(f"a dict cannot be added to a {cls.__name__}")
        return cls(parts) if cls._kind == _KEYS else cls(**parts)

    @classmethod
    def _aligned(cls, tangent: Any) -> Any:
        """The parts of a tangent as this type keeps them;
        a `Tangent[tuple]` may stand for a named tuple's."""
        if cls._kind == _NAMED and tangent._kind == _POSITIONS:
            return dict(zip(cls._names, tangent._parts))
        if cls._kind == _POSITIONS and tangent._kind == _NAMED:
            return tuple(tangent)
        return tangent._parts

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Tangent cannot be changed: {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Tangent cannot be changed: {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.primal_type, self._parts)

    def __repr__(self) -> str:
        name, parts = type(self).__name__, self._parts
        if self._kind == _POSITIONS:
            return f"{name}({', '.join(map(repr, parts))})"
        if self._kind == _KEYS:
            return f"{name}({parts!r})"
        if all(isinstance(key, str) and key.isidentifier() for key in parts):
            return f"{name}({', '.join(f'{key}={part!r}' for key, part in parts.items())})"
        return f"{name}(**{parts!r})"

    # reading

    def __getattr__(self, name: str) -> Any:
        if self._kind != _POSITIONS:
            part = self._parts.get(name, _missing)
            if part is not _missing:
                return _read(part)
            if name in self._names or not (self._kind == _NAMED or _is_no_field(name)):
                return _zero
        raise AttributeError(f"{type(self).__name__} has no part {name!r}")

    def __getitem__(self, key: Any) -> Any:
        kind = self._kind
        if kind == _POSITIONS:
            return self._at(self._parts, key)
        if kind == _NAMED and not isinstance(key, str):
            return self._at(tuple(self), key)
        part = self._parts.get(key, _missing)
        if part is not _missing:
            return _read(part)
        if key == "__self__":
            return self  # of a bound method, whose tangent this is
        if kind == _NAMED and key not in self._names:
            raise KeyError(key)
        if kind == _FIELDS and not isinstance(key, str):
            raise TangentError(f"{type(self).__name__} has named parts, no part {key!r}")
        return _zero

    def _at(self, parts: tuple[Any, ...], key: Any) -> Any:
        """The part at a position, or those of a slice."""
        if isinstance(key, slice):
            return tuple(map(_read, parts[key]))
        if isinstance(key, str):
            if key == "__self__":
                return self
            raise TangentError(f"{type(self).__name__} has its parts by position, no part {key!r}")
        try:
            return _read(parts[key])
        except IndexError:
            if self._kind == _POSITIONS and key >= 0:
                return _zero  # not given; how long the primal is, nobody knows here
            name, n = type(self).__name__, len(parts)
            raise IndexError(f"{name} of {n} parts has no part {key}") from None

    def __dir__(self) -> list[str]:
        names = () if self._kind == _POSITIONS else (*self._names, *self._parts)
        return sorted({*super().__dir__(), *(name for name in names if isinstance(name, str))})

    def __len__(self) -> int:
        return len(self._names) if self._kind == _NAMED else len(self._parts)

    def __iter__(self) -> Iterator[Any]:
        if self._kind == _POSITIONS:
            return map(_read, self._parts)
        if self._kind == _NAMED:
            return map(self.__getitem__, self._names)
        names: list[Any] = list(self._parts)
        return iter(names)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])

    def __contains__(self, key: Any) -> bool:
        return self._given(key) is not _missing

    def _given(self, key: Any) -> Any:
        """The part with a key or position, `_missing` where it was not given."""
        if self._kind in (_POSITIONS, _NAMED) and not isinstance(key, str):
            try:
                n = len(self)
                key = int(key.__index__())
            except (TypeError, AttributeError):
                return _missing
            if not -n <= key < n:
                return _missing
            if self._kind == _POSITIONS:
                return self._parts[key]
            key = self._names[key]
        elif self._kind == _POSITIONS:
            return _missing
        return self._parts.get(key, _missing)

    def get(self, key: Any, default: Any = _zero) -> Any:
        """The part with that key or position, the default where it was not given.

        >>> Tangent[dict](a=1.0).get("b"), Tangent[dict](a=1.0).get("b", 0.0)
        (ZeroTangent(), 0.0)
        """
        part = self._given(key)
        return default if part is _missing else _read(part)

    def keys(self) -> KeysView[Any]:
        """The keys that were given: names, or positions for a tuple or a list."""
        return self._mapping().keys()

    def values(self) -> ValuesView[Any]:
        """The parts that were given, in the order of `keys`."""
        return self._mapping().values()

    def items(self) -> ItemsView[Any, Any]:
        """Pairs of the keys that were given and their parts."""
        return self._mapping().items()

    def _mapping(self) -> dict[Any, Any]:
        pairs = enumerate(self._parts) if self._kind == _POSITIONS else self._parts.items()
        return {key: _read(part) for key, part in pairs}

    def map(self, f: Callable[[Any], Any]) -> Any:
        """The tangent with `f` applied to every part that was given; `f` is to be linear.

        >>> Tangent[tuple](1.0, 2.0).map(lambda d: 2 * d)
        Tangent[tuple](2.0, 4.0)
        """
        return self._of(_mapped(self._parts, f))

    # the vector space

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Tangent):
            return _add_tangents(self, other)
        if isinstance(other, AbstractZero):
            return self
        return NotImplemented if hasattr(type(other), "__radd__") else _moved(other, self)

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, (int, float)) and other == 0:
            return self  # the start of sum()
        return _moved(other, self)

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, (Tangent, AbstractZero)):
            return self + (-other)
        return NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return _moved(other, -self)

    def __mul__(self, other: Any) -> Any:
        if _is_scalar(other):
            return self.map(lambda part: part * other)
        return NotImplemented

    def __rmul__(self, other: Any) -> Any:
        if _is_scalar(other):
            return self.map(lambda part: other * part)
        return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        if _is_scalar(other):
            return self.map(lambda part: part / other)
        return NotImplemented

    def __neg__(self) -> Any:
        return self.map(_negative)

    def __pos__(self) -> Any:
        return self

    def conj(self) -> Any:
        """The tangent of the complex conjugates."""
        return self.map(_conjugate)

    def is_zero(self) -> bool:
        """Whether all parts are."""
        parts = self._parts
        return all(map(is_zero, parts if isinstance(parts, tuple) else parts.values()))

    def __eq__(self, other: Any) -> bool:
        return same(self, other)

    __hash__ = None  # type: ignore[assignment]

    # numpy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._kind in (_POSITIONS, _NAMED):
            return np.array(list(self), dtype=dtype)
        raise TangentError(f"{type(self).__name__} is no array: its parts have names")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and "out" not in kwargs:
            operator = _OPERATORS.get(ufunc.__name__)
            if operator is not None:
                found = operator(*inputs)
                if found is not NotImplemented:
                    return found
        if any(isinstance(x, Tangent) and x._kind in (_KEYS, _FIELDS) for x in inputs):
            return NotImplemented
        plain = [np.asarray(x) if isinstance(x, Tangent) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)


_set_parts = Tangent.__dict__["_parts"].__set__  # the slot, past the __setattr__ that forbids it

_missing: Any = type("_Missing", (), {"__slots__": (), "__repr__": lambda self: "<missing>"})()


def _moved(x: Any, tangent: Tangent[Any]) -> Any:
    """`x + tangent` for a primal value `x`."""
    if isinstance(x, (int, float, complex, str, np.ndarray, np.generic, AbstractTangent)):
        return NotImplemented
    return ask("moved", x, tangent)


def _scaled(a: Any, b: Any) -> Any:
    return a.__mul__(b) if isinstance(a, Tangent) else b.__rmul__(a)


def _summed(a: Any, b: Any) -> Any:
    return a.__add__(b) if isinstance(a, Tangent) else b.__radd__(a)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "multiply": _scaled,
    "divide": lambda a, b: a.__truediv__(b) if isinstance(a, Tangent) else NotImplemented,
    "add": _summed,
    "subtract": lambda a, b: a.__sub__(b) if isinstance(a, Tangent) else NotImplemented,
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "conjugate": lambda a: a.conj(),
    "equal": lambda a, b: same(a, b),
    "not_equal": lambda a, b: not same(a, b),
}


def tangent_type(primal_type: Any) -> Any:
    """`Tangent[primal_type]`, for a type that is known at run time only.

    >>> tangent_type(tuple)(1.0)
    Tangent[tuple](1.0)
    """
    return Tangent.__class_getitem__(primal_type)


def _rebuild(primal_type: Any, parts: Any) -> Any:
    return tangent_type(primal_type)._of(parts)


def _plain_type(primal_type: Any) -> Any:
    """The class behind `list[float]`, `Annotated[Foo, ...]` or an alias;
    `object` for what is no type."""
    if primal_type is Any:
        return object
    if isinstance(primal_type, type):
        return primal_type
    if isinstance(primal_type, TypeVar):
        return _plain_type(primal_type.__bound__ or object)
    value = getattr(primal_type, "__value__", None) or getattr(primal_type, "__supertype__", None)
    if value is not None:
        return _plain_type(value)
    origin = typing.get_origin(primal_type)
    if origin in (Union, types.UnionType):
        members = {_plain_type(m) for m in typing.get_args(primal_type) if m is not type(None)}
        if len(members) == 1:
            return members.pop()
    elif origin is typing.Annotated:
        return _plain_type(typing.get_args(primal_type)[0])
    elif isinstance(origin, type):
        return origin
    raise TangentError(f"Tangent[{primal_type!r}]: the primal type must be a class")


def _new_tangent_type(primal_type: type) -> Any:
    names: tuple[str, ...] = ()
    if issubclass(primal_type, tuple) and hasattr(primal_type, "_fields"):
        kind, names = _NAMED, tuple(primal_type._fields)
    elif issubclass(primal_type, (tuple, list, collections.deque)):
        kind = _POSITIONS
    elif issubclass(primal_type, Mapping):
        kind = _KEYS
    else:
        kind, names = _FIELDS, _declared_names(primal_type)
    space = {
        "__slots__": (),
        "__module__": __name__,
        "__doc__": Tangent.__doc__,
        "__class_getitem__": None,
        "primal_type": primal_type,
        "_kind": kind,
        "_names": names,
    }
    del space["__class_getitem__"]
    made = type(f"Tangent[{primal_type.__name__}]", (Tangent,), space)
    # for `match`: sequence patterns for what unpacks by position, mapping patterns for the rest
    (Sequence if kind in (_POSITIONS, _NAMED) else Mapping).register(made)
    return made


def _declared_names(cls: type) -> tuple[str, ...]:
    """The names of fields that a class declares: dataclass fields, annotations, slots."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        slots = base.__dict__.get("__slots__", ())
        names |= dict.fromkeys([slots] if isinstance(slots, str) else slots)
        names |= dict.fromkeys(base.__dict__.get("__dataclass_fields__", ()))
    return tuple(names)


def _with_names(name: str, parts: dict[Any, Any]) -> dict[str, Any]:
    wrong = [key for key in parts if not isinstance(key, str)]
    if wrong:
        raise TangentError(f"the parts of {name} are named by strings, not by {wrong[0]!r}")
    return parts


def _is_no_field(name: str) -> bool:
    """Whether an attribute is asked for that nobody means as a field:
    a private one, or what only arrays have."""
    return name.startswith("_") or name in ARRAY_ATTRIBUTES


def _read(part: Any) -> Any:
    """A part as a reader sees it: thunks are run."""
    return part.unthunk() if isinstance(part, AbstractThunk) else part


def _is_scalar(x: Any) -> bool:
    return isinstance(x, (int, float, complex, np.generic)) or (
        isinstance(x, np.ndarray) and x.ndim == 0
    )


def _mapped(parts: Any, f: Callable[[Any], Any]) -> Any:
    if isinstance(parts, tuple):
        return tuple(map(f, parts))
    return {key: f(part) for key, part in parts.items()}


def _negative(part: Any) -> Any:
    if part is None:
        return None
    return _elementwise(_negative, part) if isinstance(part, (tuple, list, dict)) else -part


def _conjugate(part: Any) -> Any:
    return part.conj() if hasattr(part, "conj") else np.conj(part)


def _elementwise(f: Callable[[Any], Any], parts: Any) -> Any:
    if isinstance(parts, dict):
        return {key: f(part) for key, part in parts.items()}
    return type(parts)(map(f, parts))


# -- sums and equality, by part --------------------------------------------------------------------


def plus(a: Any, b: Any) -> Any:
    """`a + b` for any two tangents of one value; nothing is changed in place.

    Plain tuples, lists and dicts add by element and `None` is zero, as in the legacy language.
    """
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, Tangent):
        if isinstance(b, (tuple, list, dict)):
            return _add_tangents(a, type(a)._like(b))
    elif isinstance(b, Tangent):
        if isinstance(a, (tuple, list, dict)):
            return _add_tangents(type(b)._like(a), b)
    elif isinstance(a, dict) and isinstance(b, dict):
        return _merged(a, b)
    elif isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        if len(a) != len(b):
            raise TangentError(f"tangents with {len(a)} and {len(b)} parts cannot be added")
        both = [plus(x, y) for x, y in zip(a, b)]
        make = getattr(type(a), "_make", None)  # named tuples
        if make is not None:
            return make(both)
        return both if isinstance(a, list) else tuple(both)
    return a + b


def _merged(a: dict[Any, Any], b: dict[Any, Any]) -> dict[Any, Any]:
    return {
        key: plus(a[key], b[key]) if key in a and key in b else (a if key in a else b)[key]
        for key in (*a, *(key for key in b if key not in a))
    }


def _add_tangents(a: Tangent[Any], b: Tangent[Any]) -> Any:
    kind = type(a)
    if kind is not type(b):
        kind = _common_type(a, b)
        if kind is None:
            raise TangentError(f"a {type(a).__name__} and a {type(b).__name__} cannot be added")
    x, y = kind._aligned(a), kind._aligned(b)
    if kind._kind == _POSITIONS:
        longer, shorter = (x, y) if len(x) >= len(y) else (y, x)
        if longer is x:
            both = tuple(map(plus, x, y))
        else:
            both = tuple(map(plus, x, y[: len(x)]))
        return kind._of(both + longer[len(shorter) :])
    return kind._of(_merged(x, y))


def _common_type(a: Tangent[Any], b: Tangent[Any]) -> Any:
    """The more special of two types of tangents that stand for one value,
    None where they cannot."""
    if issubclass(b.primal_type, a.primal_type):
        found = type(b)
    elif issubclass(a.primal_type, b.primal_type):
        found = type(a)
    elif {a._kind, b._kind} <= {_POSITIONS, _NAMED}:
        found = type(a) if a._kind == _NAMED else type(b)
    else:
        return None
    other = a if found is type(b) else b
    by_position = {_POSITIONS, _NAMED}
    if found._kind == other._kind or {found._kind, other._kind} <= by_position:
        return found
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two tangents are equal, as one bool:
    arrays by shape and elements, missing parts are zeros.

    >>> same(Tangent[tuple](np.zeros(2), 1.0), Tangent[tuple](ZeroTangent(), 1.0))
    True
    """
    if a is b:
        return True
    a, b = _read(a), _read(b)
    if isinstance(a, AbstractZero):
        return is_zero(b)
    if isinstance(b, AbstractZero):
        return is_zero(a)
    if isinstance(a, Tangent) and isinstance(b, Tangent):
        return _same_parts(a, b)
    if isinstance(a, Tangent) or isinstance(b, Tangent):
        return False
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.shape(a) == np.shape(b) and bool(np.all(np.equal(a, b)))
    return bool(a == b)


def _same_parts(a: Tangent[Any], b: Tangent[Any]) -> bool:
    kind: Any = type(a) if type(a) is type(b) else _common_type(a, b)
    if kind is None:
        return False
    x, y = kind._aligned(a), kind._aligned(b)
    if kind._kind == _POSITIONS:
        n = max(len(x), len(y))
        x, y = (parts + (_zero,) * (n - len(parts)) for parts in (x, y))
        return all(map(same, x, y))
    return all(same(x.get(key, _zero), y.get(key, _zero)) for key in {**x, **y})
