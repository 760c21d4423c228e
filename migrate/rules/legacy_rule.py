"""What every legacy language says of a rule, and nothing of how it says it.

A reader of any language gives a `LegacyRule`, and `write/rule.py` makes a rrule of it. Expressions
are those of the file, which move to their place with their comments, or text with such in it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from migrate.rules.plans import RuleNote
from migrate.syntax.texts import Pieces

#: An expression of the file, or one made of such.
Value = ast.expr | Pieces


@dataclass(frozen=True)
class Zero:
    """Nothing flows back to this argument; `kind` is the tangent that says so, and why."""

    kind: Literal["NoTangent", "ZeroTangent", "NotImplementedTangent"]
    why: str = ""  # of a NotImplementedTangent
    said: ast.expr | None = None  # where the rule says so


@dataclass(frozen=True)
class Cotangent:
    """An expression over parameters, output and cotangent; `onto` projects it to its argument."""

    value: Value
    onto: Literal["", "ProjectTo", "UnbroadcastTo"] = ""
    space: Value | None = None  # what it is projected onto, where that is not its argument
    said: ast.expr | None = None  # where the rule says so, if not in the value
    runs: bool = True  # whether there is something to wait with


@dataclass(frozen=True)
class Structured:
    """A tangent by parts: `Tangent[kind](…)`, where the parts are text as well."""

    kind: str
    parts: Pieces
    said: ast.expr | None = None


@dataclass(frozen=True)
class Unpacked:
    """Several entries, the rest of the arguments: `*value`."""

    value: Value


Entry = Zero | Cotangent | Structured | Unpacked


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
    site: ast.stmt  # the statement or definition in whose place the rule comes
    parameters: tuple[Parameter, ...]
    entries: tuple[Entry, ...]  # of what can be given by position
    cotangent: str
    output: str = ""  # the name of the value inside the pullback; none where nobody reads it
    arguments: str | None = None  # what the target is called with; None: its parameters
    through: str = ""  # the name of the first parameter, where the target is called by it
    config: str = ""  # a parameter before that one, for the config of the AD that calls
    before: tuple[Pieces, ...] = ()  # lines above the rule
    head: tuple[ast.stmt, ...] = ()  # a docstring, which moves to the head of the rule
    body: tuple[Pieces, ...] = ()  # lines between the primal and the pullback
    opening: tuple[Pieces, ...] = ()  # lines at the head of the pullback
    within: tuple[ast.stmt, ...] = ()  # statements in a row, which move there, behind those lines
    after: tuple[Pieces, ...] = ()  # lines below the rule
    decorators: tuple[str, ...] = ()  # functions of the runtime, beside `rrule.register`
    apart: bool = True  # an empty line sets it apart from code on the line above
    lazy: bool = False  # several entries wait until they are asked for
    changes: Mapping[ast.AST, Pieces] = field(default_factory=dict)  # inside of the expressions
    notes: tuple[RuleNote, ...] = ()
