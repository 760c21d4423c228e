"""Rules for `getattr`: reading `x.s` of a traced object asks for the rule of its class.

A class for which such a rule is registered gets a `__getattribute__` that asks first, and so do its
subclasses. Methods are no fields, and are read as ever. `getattr(x, "s")`, written so, asks inside
a trace for objects that are not traced too: it is what `literal_getproperty(x, Val("s"))` is
converted to, and the value that the rule gives counts.
"""

from __future__ import annotations

import abc
import dis
import sys
import types
from typing import Any

import numpy as np

from ..callees import look_up
from ..patterns import Instance, OneOf, Pattern
from ..reads import is_being_read
from ..registry import rrule
from ..rule import Rule
from . import structures
from .by_rule import try_rule
from .names import is_own
from .structures import inner_tape
from .tracer import OPEN, Tracer

_LEAVES = (np.ndarray, np.float64, float, complex)
_METHODS = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    classmethod,
    staticmethod,
)
_CALLS = frozenset(code for name, code in dis.opmap.items() if "CALL" in name)
_of_arrays = ("T", "mT", "real", "imag", "flat")
_asking: set[Any] = set()
pending: list[Rule] = []


def watch(rule: Rule) -> bool:
    """Have what a rule for `getattr` is for ask for it; whether all of it could be made to."""
    if not rule.is_settled:  # a class that comes later
        pending.append(rule)
        return True
    seen = [_watch(pattern) for pattern in _members(rule.signature.at(0))]
    return all(seen)


def watches(x: Any) -> bool:
    """Whether there is a rule for reading an attribute of `x`, when it is traced."""
    table = rrule._tables.get(getattr)
    return table is not None and any(rule.signature.at(0).loose(x) for rule in table.rules)


def settle() -> None:
    """Do so for the rules whose annotations were not known yet."""
    rules = pending[:]
    pending.clear()
    for rule in rules:
        rule.settle()
        watch(rule)


def _members(pattern: Pattern) -> list[Pattern]:
    return list(pattern.what) if isinstance(pattern, OneOf) else [pattern]


def _watch(pattern: Pattern) -> bool:
    cls = pattern.what if isinstance(pattern, Instance) else object
    if any(issubclass(leaf, cls) or issubclass(cls, leaf) for leaf in _LEAVES):
        _watch_arrays()
    if cls in _LEAVES:
        return True
    if cls is object or isinstance(cls, abc.ABCMeta):  # whatever is traced may be one
        structures.copied = _watch_class
    return cls is object or _watch_class(cls)


def _watch_class(cls: Any) -> bool:
    if cls in _asking:
        return True
    original = cls.__getattribute__
    if not hasattr(original, "__asks_first__"):

        def __getattribute__(self: Any, name: str) -> Any:
            if OPEN:
                y = _ask(self, name)
                if y is not NotImplemented:
                    return y
            return original(self, name)

        __getattribute__.__asks_first__ = True  # type: ignore[attr-defined]
        try:
            cls.__getattribute__ = __getattribute__
        except TypeError:  # an extension type
            return False
    _asking.add(cls)
    return True


def _ask(x: Any, name: str) -> Any:
    if name[:2] == "__" or isinstance(look_up(type(x), name), _METHODS):
        return NotImplemented
    if not watches(x):
        return NotImplemented
    tape = inner_tape(x)
    if tape is not None:
        return try_rule(tape, getattr, (x, name), {})
    if is_being_read(x, name) or not _is_spelled_out(sys._getframe(2)):
        return NotImplemented
    found = rrule(OPEN[max(OPEN)].config, getattr, x, name)
    return NotImplemented if found is None else found[0]


def _is_spelled_out(frame: types.FrameType) -> bool:
    """Whether an attribute is read by a call of `getattr`, and by no code of this package."""
    return not is_own(frame) and frame.f_code.co_code[frame.f_lasti] in _CALLS


def _watch_arrays() -> None:
    """Have the attributes of traced arrays and numbers that have a derivative ask for a rule."""
    if Tracer in _asking:
        return
    _asking.add(Tracer)
    for name in _of_arrays:
        setattr(Tracer, name, property(_asking_property(name, getattr(Tracer, name).fget)))


def _asking_property(name: str, original: Any) -> Any:
    def read(self: Tracer) -> Any:
        y = try_rule(self.tape, getattr, (self, name), {})
        return original(self) if y is NotImplemented else y

    return read
