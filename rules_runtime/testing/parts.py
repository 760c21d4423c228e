"""What a value is made of: its differentiable leaves, the paths to them, a copy with one changed.

A leaf is differentiable when it is a float or complex number or an array of them. Integers,
booleans, strings, `None`, types, functions and whatever holds none
of these numbers cannot be perturbed.
"""

from __future__ import annotations

import collections
import copy
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rules_runtime.structure import fields_of, is_namedtuple


@dataclass(frozen=True)
class Step:
    """One step into a value: a field, a position or a key."""

    kind: str
    name: Any

    def __str__(self) -> str:
        if self.kind == "item":
            return f"item {self.name}"
        return f"{self.kind} {self.name if self.kind == 'field' else repr(self.name)}"


Path: TypeAlias = tuple[Step, ...]


def spoken(path: Path) -> str:
    """``", field a, item 0"``; empty for the value itself."""
    return "".join(f", {step}" for step in path)


def is_number(value: Any) -> bool:
    """Whether `value` can be perturbed: a float, a complex number, or an array of them."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    return isinstance(value, (float, complex, np.floating, np.complexfloating))


def parts(value: Any) -> dict[Step, Any] | None:
    """The parts of a structured value in order, or `None` for a leaf."""
    if is_namedtuple(value):
        return {Step("field", name): part for name, part in zip(value._fields, value)}
    if isinstance(value, (tuple, list, collections.deque)):
        return {Step("item", i): part for i, part in enumerate(value)}
    if isinstance(value, Mapping):
        return {Step("key", key): part for key, part in value.items()}
    fields = fields_of(value)
    if fields is None:
        return None
    return {Step("field", name): part for name, part in fields.items()}


def leaves(
    value: Any, path: Path = (), above: frozenset[int] = frozenset()
) -> Iterator[tuple[Path, Any]]:
    """Every differentiable leaf with the path to it.
    A part that holds itself is not entered twice."""
    if is_number(value):
        yield path, value
        return
    if id(value) in above:
        return
    for step, part in (parts(value) or {}).items():
        yield from leaves(part, (*path, step), above | {id(value)})


def is_differentiable(value: Any) -> bool:
    """Whether anything in `value` can be perturbed."""
    return any(True for _ in leaves(value))


def replaced(value: Any, path: Path, leaf: Any) -> Any:
    """A copy of `value` with `leaf` at `path`; whatever is not on the path is shared."""
    if not path:
        return leaf
    step, rest = path[0], path[1:]
    if isinstance(value, tuple):
        items = list(value)
        index = getattr(value, "_fields").index(step.name) if is_namedtuple(value) else step.name  # noqa: B009
        items[index] = replaced(items[index], rest, leaf)
        return tuple.__new__(type(value), items)
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, replaced(value.__self__, rest, leaf))
    if isinstance(value, functools.partial):
        held: dict[str, Any] = {"func": value.func, "args": value.args, "keywords": value.keywords}
        held[step.name] = replaced(held[step.name], rest, leaf)
        return functools.partial(held["func"], *held["args"], **held["keywords"])
    new = copy.copy(value)
    if step.kind in ("item", "key"):
        new[step.name] = replaced(value[step.name], rest, leaf)
    else:
        object.__setattr__(new, step.name, replaced(getattr(value, step.name), rest, leaf))
    return new


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of `value` with `change(leaf)` at every differentiable leaf."""
    for path, leaf in list(leaves(value)):
        value = replaced(value, path, change(leaf))
    return value
