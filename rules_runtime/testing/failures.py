"""What a failed check says: where, what the rule gave, what was expected."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a rule.

    `where` is spoken: ``"argument 2 (y), field a"``; empty where the rule as a whole is meant.
    `facts` are shown below it, one a line, the label first.
    """

    where: str
    what: str
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        width = max((len(label) for label, _ in self.facts), default=0)
        lines = [head]
        for label, value in self.facts:
            first, *rest = value.split("\n")
            lines.append(f"    {label + ':':<{width + 1}} {first}")
            lines += [" " * (width + 6) + line for line in rest]
        return "\n".join(lines)


class RuleTestFailure(AssertionError):
    """A rule did not pass `test_rrule`; `problems` holds everything that was found."""

    def __init__(self, call: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        body = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{call}\n" + "\n".join("  " + line for line in body.split("\n")))


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlevel = 3


def short(value: Any) -> str:
    """A value on one line, for the head of a message."""
    if isinstance(value, np.ndarray):
        if value.size <= 6:
            return " ".join(repr(value).split())
        return f"<{value.dtype} array of shape {value.shape}>"
    if isinstance(value, np.generic):
        return str(value)
    return " ".join(_SHORT.repr(value).split())


def shown(value: Any) -> str:
    """A value as it stands below a message: numbers with enough digits to see a difference."""
    if isinstance(value, np.ndarray):
        return np.array2string(
            value, precision=8, threshold=40, edgeitems=3, separator=", ", max_line_width=88
        ) + ("" if value.ndim else f" (0-d {value.dtype} array)")
    if isinstance(value, np.generic):
        return str(value)
    return short(value)


def call_text(f: Any, args: Sequence[Any], fkwargs: dict[str, Any]) -> str:
    """The call that is tested, as text: ``test_rrule(f, 2.5, Foo(a=9.9, b=7.2), 31.0)``."""
    parts = [callable_name(f), *(short(arg) for arg in args)]
    if fkwargs:
        parts.append(
            "fkwargs={" + ", ".join(f"{k!r}: {short(v)}" for k, v in fkwargs.items()) + "}"
        )
    return f"test_rrule({', '.join(parts)})"


def callable_name(f: Any) -> str:
    """The name of a function, class or method; the repr of an instance."""
    name = getattr(f, "__qualname__", None) or getattr(f, "__name__", None)
    return name.replace("<locals>.", "") if isinstance(name, str) else short(f)
