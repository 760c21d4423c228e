"""What every legacy language says of a rule, and nothing of how it says it.

A reader of any language gives a `LegacyRule`, and `write/rule.py` makes a rrule of it. Expressions
are those of the file: they move to their place with their comments.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from migrate.rules.plans import RuleNote


@dataclass(frozen=True)
class Zero:
    """Nothing flows back to this argument; `kind` is the tangent that says so, and why."""

    kind: Literal["NoTangent", "ZeroTangent", "NotImplementedTangent"]
    why: str = ""  # of a NotImplementedTangent
    said: ast.expr | None = None  # where the rule says so


@dataclass(frozen=True)
class Cotangent:
    """An expression over parameters, output and cotangent; `onto` projects it to its argument."""

    value: ast.expr
    onto: Literal["", "ProjectTo", "UnbroadcastTo"] = ""


@dataclass(frozen=True)
class Structured:
    """A tangent by parts: `Tangent[kind](…)`, where the parts are those of a display."""

    kind: str
    parts: tuple[tuple[str, ast.expr], ...]  # with their keys; of a tuple or list, empty


@dataclass(frozen=True)
class Unpacked:
    """Several entries, the rest of the arguments: `*value`."""

    value: ast.expr


@dataclass(frozen=True)
class Bridged:
    """A function of the legacy language, which is called with the cotangent."""

    value: ast.expr


Entry = Zero | Cotangent | Structured | Unpacked | Bridged


@dataclass(frozen=True)
class Parameter:
    """A parameter of the rule, as text; `lead` is `*` or `**`."""

    name: str
    annotation: str = ""
    default: str = ""
    lead: str = ""

    def __str__(self) -> str:
        annotated = f"{self.name}: {self.annotation}" if self.annotation else self.name
        equals = " = " if self.annotation else "="
        return self.lead + annotated + (f"{equals}{self.default}" if self.default else "")


@dataclass(frozen=True)
class LegacyRule:
    """One rule, in the words of the target language.
    `entries` are those of the parameters, in order."""

    name: str  # what it is called after
    target: ast.expr
    site: ast.stmt  # the statement in whose place the rule comes
    parameters: tuple[Parameter, ...]
    entries: tuple[Entry, ...]
    cotangent: str
    output: str = ""  # the name of the value inside the pullback; none where nobody reads it
    primal: ast.expr | None = None  # what computes the value; None: the target, called
    callee: Entry = Zero("NoTangent")
    body: tuple[str, ...] = ()  # lines between the primal and the pullback, from the left margin on
    decorators: tuple[str, ...] = ()  # functions of the runtime, beside `rrule.register`
    lazy: bool = False  # several entries wait until they are asked for
    renamed: Mapping[ast.expr, str] = field(default_factory=dict)  # names inside of the expressions
    notes: tuple[RuleNote, ...] = ()
