"""What annotations in tests name, and values that they match or do not."""

from __future__ import annotations

import enum
from typing import (
    Any,
    Generic,
    NamedTuple,
    NewType,
    Protocol,
    TypedDict,
    TypeVar,
    runtime_checkable,
)

import numpy as np

from rules_runtime.annotations import Scope, pattern_of

T = TypeVar("T")
Bound = TypeVar("Bound", bound="Base")
OneOfTwo = TypeVar("OneOfTwo", int, str)
Metres = NewType("Metres", float)


class Base: ...


class Child(Base): ...


class Box(Generic[T]): ...


class Options(TypedDict):
    a: int


class State(NamedTuple):
    h: float


class Color(enum.Enum):
    RED = 1


class Shaped(Protocol):
    shape: Any


@runtime_checkable
class Closes(Protocol):
    def close(self) -> None: ...


class Door:
    def close(self) -> None: ...


def here() -> Scope:
    return Scope(here, None)


def pattern(annotation: Any) -> Any:
    return pattern_of(annotation, here())


SAMPLES: list[Any] = [
    1,
    True,
    1.0,
    1j,
    "a",
    None,
    np.float64(1),
    np.float32(1),
    np.int32(1),
    np.bool_(True),
    np.ones(2),
    (1,),
    [1],
    {"a": 1},
    State(1.0),
    len,
    int,
    Base,
    Child,
    Base(),
    Child(),
    Door(),
    Color.RED,
    Box(),
    slice(1),
    lambda x: x,
]
