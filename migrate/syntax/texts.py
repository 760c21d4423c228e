"""The text of expressions in which parts are put as something else: comments and line breaks stay.

What is put in a part's place is text and other parts of the file, whose own changes are made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from migrate.syntax.edits import replaced_in
from migrate.syntax.scopes import child_nodes
from migrate.syntax.source import Replacement, Source

#: What stands in a part's place, from left to right.
Pieces = tuple[str | ast.AST, ...]


class Misplaced(Exception):
    """A part does not stand where Python says (in an f-string, before 3.12)."""


class Texts:
    """Texts of one file's nodes, by the changes that are made in them."""

    def __init__(self, source: Source, changes: Mapping[ast.AST, Pieces]) -> None:
        self.source, self.changes = source, changes

    def of(self, node: ast.AST) -> str:
        """The new text of a node; raises Misplaced."""
        if node in self.changes:
            return self.joined(self.changes[node])
        start, end = self.source.span(node)  # type: ignore[arg-type]
        return replaced_in(self.source.text, sorted(self.within(node), key=_start), start, end)

    def joined(self, pieces: Pieces) -> str:
        """Text and parts in one."""
        return "".join(p if isinstance(p, str) else self.of(p) for p in pieces)

    def within(self, node: ast.AST) -> Iterator[Replacement]:
        """The changes in what a node is made of; of those in each other, the outer ones."""
        pending = child_nodes(node)
        while pending:
            inner = pending.pop()
            if inner not in self.changes:
                pending += child_nodes(inner)
                continue
            start, end = self.source.span(inner)  # type: ignore[arg-type]
            if isinstance(inner, ast.Name) and self.source.text[start:end] != inner.id:
                raise Misplaced(inner.id)
            yield Replacement(start, end, self.of(inner))


def _start(replacement: Replacement) -> int:
    return replacement.start
