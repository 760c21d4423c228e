"""Patterns: what a parameter of a rule matches, and which of two patterns is the more specific.

A pattern is a set of values, and the more specific pattern is the smaller set. Two things are not
sets: a number may stand for a wider one, and a value outside a `Literal` for one in it, but only
where nothing else matches. So each pattern matches twice, `exact` and `loose`, and a rule that
matches loosely is asked only after all that match exactly.
"""

from __future__ import annotations

import abc
import math
import numbers
from typing import Any

import numpy as np


class Pattern:
    """What one parameter of a rule matches. Patterns are values: equal ones match the same."""

    __slots__ = ("what",)
    by_type = True  # whether the type of an argument decides

    def __init__(self, what: Any = None) -> None:
        self.what = what

    def exact(self, x: Any) -> bool:
        """Whether `x` belongs to the pattern."""
        return True

    def loose(self, x: Any) -> bool:
        """Whether `x` may stand for something that does."""
        return self.exact(x)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and bool(self.what == other.what)

    def __hash__(self) -> int:
        return hash((type(self), self.what))

    def __repr__(self) -> str:
        return "Any"


class Instance(Pattern):
    """Instances of a class; of a class of numbers also, loosely, the narrower numbers."""

    __slots__ = ("_rank", "by_type")

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self._rank = _rank(cls)
        # an isinstance of somebody's own may look at the value
        self.by_type = type(cls).__instancecheck__ in _TYPE_CHECKS and not _is_data_protocol(cls)

    def exact(self, x: Any) -> bool:
        return isinstance(x, self.what)

    def loose(self, x: Any) -> bool:
        if isinstance(x, self.what):
            return True
        rank = self._rank and _rank(type(x))
        return bool(rank) and _is_narrower_number(rank, self._rank)

    def __repr__(self) -> str:
        return str(getattr(self.what, "__name__", self.what))


class OneOf(Pattern):
    """A union: any of several patterns."""

    __slots__ = ("by_type",)

    def __init__(self, members: frozenset[Pattern]) -> None:
        super().__init__(members)
        self.by_type = all(member.by_type for member in members)

    def exact(self, x: Any) -> bool:
        return any(member.exact(x) for member in self.what)

    def loose(self, x: Any) -> bool:
        return any(member.loose(x) for member in self.what)

    def __repr__(self) -> str:
        return " | ".join(sorted(map(repr, self.what)))


class Exactly(Pattern):
    """A `Literal`: its values, and loosely everything, since a `Literal` is no type."""

    __slots__ = ()
    by_type = False

    def exact(self, x: Any) -> bool:
        return any(type(x) is type(value) and x == value for value in self.what)

    def loose(self, x: Any) -> bool:
        return True

    def __hash__(self) -> int:
        return hash((Exactly, len(self.what)))

    def __repr__(self) -> str:
        return f"Literal[{', '.join(map(repr, self.what))}]"


class Subclass(Pattern):
    """`type[X]`: X and its subclasses."""

    __slots__ = ()
    by_type = False

    def exact(self, x: Any) -> bool:
        return isinstance(x, type) and issubclass(x, self.what)

    def __repr__(self) -> str:
        return f"type[{getattr(self.what, '__name__', self.what)}]"


ANYTHING = Pattern()

_TYPE_CHECKS: tuple[Any, ...] = (type.__instancecheck__, abc.ABCMeta.__instancecheck__)


def _is_data_protocol(cls: type) -> bool:
    return bool(getattr(cls, "_is_protocol", False))


def within(a: Pattern, b: Pattern) -> bool:
    """Whether everything that `a` matches is matched by `b` too:
    `a` is as specific as `b`, or more.

    >>> within(Instance(bool), Instance(int)), within(ANYTHING, Instance(int))
    (True, False)
    """
    if a == b or b == ANYTHING:
        return True
    if a == ANYTHING:
        return False
    if isinstance(a, OneOf):
        return all(within(member, b) for member in a.what)
    if isinstance(b, OneOf):
        return any(within(a, member) for member in b.what)
    if isinstance(a, Exactly):
        return all(b.exact(value) for value in a.what)
    if isinstance(a, Subclass):
        if isinstance(b, Subclass):
            return issubclass(a.what, b.what)
        return isinstance(b, Instance) and issubclass(type, b.what)
    if isinstance(a, Instance) and isinstance(b, Instance):
        try:
            if issubclass(a.what, b.what):
                return True
        except TypeError:  # a protocol with attributes
            return False
        narrow, wide = _rank(a.what), _rank(b.what)
        return bool(narrow and wide) and _is_narrower_number(narrow, wide) and narrow != wide
    return False


# Numbers by kind (boolean, integer, real, complex) and width in bits.
_ABSTRACT_NUMBERS: dict[type, tuple[int, float]] = {
    bool: (0, 8),
    int: (1, 64),
    float: (2, 64),
    complex: (3, 128),
    np.integer: (1, math.inf),
    np.signedinteger: (1, math.inf),
    np.unsignedinteger: (1, math.inf),
    np.floating: (2, math.inf),
    np.inexact: (3, math.inf),
    np.complexfloating: (3, math.inf),
    np.number: (3, math.inf),
    numbers.Integral: (1, math.inf),
    numbers.Rational: (2, math.inf),
    numbers.Real: (2, math.inf),
    numbers.Complex: (3, math.inf),
    numbers.Number: (3, math.inf),
}


def _rank(cls: type) -> tuple[int, float] | None:
    found = _ABSTRACT_NUMBERS.get(cls)
    if found is None and isinstance(cls, type):
        if issubclass(cls, (np.bool_, np.number)):
            dtype = np.dtype(cls)
            return _KINDS[dtype.kind], 8.0 * dtype.itemsize
        for base in (bool, int, float, complex):
            if issubclass(cls, base):
                return _ABSTRACT_NUMBERS[base]
    return found


_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


def _is_narrower_number(a: tuple[int, float] | None, b: tuple[int, float] | None) -> bool:
    assert a is not None
    assert b is not None
    return a[0] < b[0] or (a[0] == b[0] and a[1] <= b[1])
