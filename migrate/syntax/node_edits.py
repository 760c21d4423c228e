"""Changes to a file by the node that changes, collected in any order and printed once.

A replacement of a node comes before all other changes of it, which apply in the order in which they
were recorded; changes of what is inside of a node come before those of the node.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.syntax.changes import Change, replaced, wrapped
from migrate.syntax.edits import Overlap


@dataclass(frozen=True)
class Added:
    """Lines that come after a node's last line, or before its first."""

    node: ast.stmt
    text: str
    blank: int = 0  # lines between
    before: bool = False


@dataclass
class NodeEdits:
    """Changes of nodes of one file."""

    replacements: dict[ast.AST, str] = field(default_factory=dict)
    changes: dict[ast.AST, list[Change]] = field(default_factory=dict)
    lines: dict[ast.stmt, list[Change]] = field(default_factory=dict)
    rows: dict[ast.stmt, tuple[str, bool]] = field(default_factory=dict)
    added: list[Added] = field(default_factory=list)
    endings: list[tuple[ast.FunctionDef, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        parts = (self.replacements, self.changes, self.lines, self.rows, self.added, self.endings)
        return any(parts)

    def replace(self, node: ast.expr, text: str) -> None:
        """Put another expression in a node's place. The same replacement twice counts once."""
        if self.replacements.setdefault(node, text) != text:
            raise Overlap(
                f"one expression would become both {self.replacements[node]!r} and {text!r}"
            )

    def change(self, node: ast.AST, change: Change) -> None:
        """Change an expression, a statement or a definition."""
        self.changes.setdefault(node, []).append(change)

    def wrap(
        self, node: ast.expr, template: str, *, inside: bool = False, tight: bool = False
    ) -> None:
        """Put an expression into the hole of a template."""
        self.change(node, wrapped(template, inside, tight))

    def change_line(self, node: ast.stmt, change: Change) -> None:
        """Change the line that a simple statement stands on,
        or its share of a compound statement's."""
        self.lines.setdefault(node, []).append(change)

    def replace_line(self, node: ast.stmt, text: str, whole: bool = False) -> None:
        """Put lines, indented but for the first, in the place of a simple statement that has a
        line of its own, or of a definition; with no text the line goes, but for a comment.
        With `whole` the comment behind it is in the text already."""
        self.rows[node] = (text, whole)

    def add_after(self, node: ast.stmt, text: str, blank: int = 0) -> None:
        """Add a statement on a line of its own."""
        self.added.append(Added(node, text, blank))

    def add_before(self, node: ast.stmt, text: str) -> None:
        """Add lines above a statement that begins a line."""
        self.added.append(Added(node, text, before=True))

    def end_with(self, function: ast.FunctionDef, text: str) -> None:
        """Add a last statement to a function."""
        self.endings.append((function, text))

    def snapshot(self) -> NodeEdits:
        """A copy to go back to."""
        copy = NodeEdits()
        copy.restore(self)
        return copy

    def restore(self, saved: NodeEdits) -> None:
        """Forget what came after a snapshot."""
        self.replacements = dict(saved.replacements)
        self.changes = {node: list(changes) for node, changes in saved.changes.items()}
        self.lines = {node: list(changes) for node, changes in saved.lines.items()}
        self.rows = dict(saved.rows)
        self.added = list(saved.added)
        self.endings = list(saved.endings)

    def merge(self, other: NodeEdits) -> None:
        """Add what another one has recorded."""
        for node, text in other.replacements.items():
            self.replace(node, text)  # type: ignore[arg-type]
        for changed, changes in other.changes.items():
            self.changes.setdefault(changed, []).extend(changes)
        for line, changes in other.lines.items():
            self.lines.setdefault(line, []).extend(changes)
        self.rows |= other.rows
        self.added += other.added
        self.endings += other.endings

    def touches(self, node: ast.AST) -> bool:
        """Whether a node changes itself, or the line that it stands on."""
        ending = any(node is function for function, _ in self.endings)
        parts = (self.replacements, self.changes, self.lines, self.rows)
        return ending or any(node in part for part in parts)

    def of(self, node: ast.AST) -> list[Change]:
        """The changes of a node, in the order in which they apply."""
        first = [replaced(self.replacements[node])] if node in self.replacements else []
        return [*first, *self.changes.get(node, ())]

    def changed(self) -> dict[ast.AST, list[Change]]:
        """All nodes that change themselves."""
        return {node: self.of(node) for node in dict.fromkeys([*self.replacements, *self.changes])}
