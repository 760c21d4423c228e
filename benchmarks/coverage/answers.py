"""What a process is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    side: str  # "legacy", "converted"
    folder: str  # what contains the package
    generation: str  # "1.9", "1.1", "1.0"; none for a library
    modules: tuple[str, ...] = ()  # of a library
    only: tuple[str, ...] = ()
    asked: dict[Any, Any] = field(default_factory=dict)  # case: (result, cotangent)
    second_order: bool = False


@dataclass(frozen=True)
class Tangent:
    """What a rule says of one argument."""

    kind: str  # "value", "zero", "none", "error"
    value: Any = None
    text: str = ""


@dataclass(frozen=True)
class Answer:
    """What a rule says of one call. `tangents` are those of arguments that hold numbers."""

    error: str = ""
    result: Any = None
    cotangent: Any = None
    tangents: dict[int, Tangent] = field(default_factory=dict)
    raw: dict[int, Tangent] | None = None  # without `@unconjugated`
    differences: dict[int, bool | None] = field(default_factory=dict)  # do they agree with those
    second: Any = None  # a second derivative, or the text of an error


def text_of(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
