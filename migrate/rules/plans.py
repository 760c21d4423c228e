"""What a reader finds, and what is to become of it."""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from migrate.syntax.node_edits import NodeEdits

Thing = TypeVar("Thing")


@dataclass(frozen=True, eq=False)
class Found:
    """One legacy rule, or a legacy call that is no rule, as reports show it."""

    id: str  # stable over runs; of a call, with `call-` in front
    name: str
    target: str
    node: ast.stmt | ast.expr  # where its notes stand
    span: tuple[int, int]  # its text
    sites: tuple[ast.stmt | ast.expr, ...] = ()  # what else may change: where it is registered
    start: ast.expr | None = None  # the expression that its text starts with
    #: The lines on which a comment may ask to leave it alone; none: all that it stands on.
    lines: frozenset[int] = frozenset()


@dataclass(frozen=True)
class RuleNote:
    """A note on some node of a rule, or of the file."""

    code: str
    message: str
    node: ast.AST


@dataclass(frozen=True)
class Plan:
    """What converts a rule. Of edits that several plans share, each counts once."""

    edits: tuple[NodeEdits, ...] = ()
    notes: tuple[RuleNote, ...] = ()
    helpers: tuple[ast.AST, ...] = ()  # functions that change with it
    gone: tuple[ast.stmt, ...] = ()  # statements that are no more
    form: str = ""  # which of the forms of its language the rule has now
    at: ast.stmt | None = None  # the definition that is the rule now, where that is another one


@dataclass(frozen=True)
class Bridged:
    """The rule stays in its language, and the runtime translates when it is called."""

    reason: str
    code: str = "RM103"


@dataclass(frozen=True)
class Left:
    """The rule stays exactly as it is."""

    code: str
    reason: str


@dataclass(frozen=True)
class Leaving:
    """The imports of a legacy language: those that nothing needs any more,
    and all that there are."""

    aliases: tuple[tuple[ast.Import | ast.ImportFrom, ast.alias], ...] = ()
    statements: tuple[ast.Import | ast.ImportFrom, ...] = ()
    #: Assignments (`_rule = zr.adjoint`) that may go with their import, and those that do.
    assignments: tuple[ast.stmt, ...] = ()
    dropped: tuple[ast.stmt, ...] = ()
    #: Names that only tell whether the package is there: the runtime goes by them now.
    switches: tuple[tuple[ast.Import | ast.ImportFrom, ast.alias], ...] = ()
    width: int = 88  # of a line that imports the runtime; a longer one is broken

    @staticmethod
    def together(several: Sequence[Leaving]) -> Leaving:
        """What leaves of several languages."""
        return Leaving(
            tuple(one for leaving in several for one in leaving.aliases),
            tuple(one for leaving in several for one in leaving.statements),
            tuple(one for leaving in several for one in leaving.assignments),
            tuple(one for leaving in several for one in leaving.dropped),
            tuple(one for leaving in several for one in leaving.switches),
            min(leaving.width for leaving in several),
        )


def identified(things: Iterable[tuple[Thing, str]], lead: str = "") -> dict[Thing, str]:
    """An id for each thing, made of what it is; equal ones are numbered."""
    seen: dict[str, int] = defaultdict(int)
    ids: dict[Thing, str] = {}
    for thing, text in things:
        digest = lead + hashlib.sha256(text.encode()).hexdigest()[:12]
        seen[digest] += 1
        ids[thing] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return ids
