"""The text of expressions in which parts are put as something else: comments and line breaks stay.

What is put in a part's place is text and other parts of the file, whose own changes are made.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping, Sequence

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
            if isinstance(inner, ast.expr) and not _reads_as(self.source.text[start:end], inner):
                raise Misplaced(ast.unparse(inner))
            yield Replacement(start, end, self.of(inner))

    def extent(self, statements: Sequence[ast.stmt]) -> tuple[int, int]:
        """Where statements in a row stand: whole lines, from the comments above the first on."""
        lines = self.source.lines
        start, last = self.source.span(statements[0])[0], (statements[-1].end_lineno or 0) - 1
        number = self.source.line_of(start) - 1
        if not lines[number][: start - self.source.line_starts[number]].strip():
            first = number
            while first and (not (above := lines[first - 1].strip()) or above.startswith("#")):
                first -= 1
                number = first if above else number
            start = self.source.line_starts[number]
        return start, self.source.line_starts[last] + len(lines[last])

    def lines(self, statements: Sequence[ast.stmt]) -> list[str]:
        """The lines of statements in a row, from the left margin on; comments come along.
        What a string has on further lines belongs to the line that it begins on."""
        if not statements:
            return []
        start, end = self.extent(statements)
        indent = _indentation(self.source.lines[statements[0].lineno - 1])
        changes = [r for s in statements for r in self.within(s)]
        text = replaced_in(self.source.text, sorted(changes, key=_start), start, end)
        found: list[str] = []
        in_strings = _rows_in_strings(text)
        for number, row in enumerate(text.split("\n"), 1):
            if number in in_strings:
                found[-1] += f"\n{row}"
            else:
                own, bare = _indentation(row), row.lstrip(" \t\f")
                found.append((own.removeprefix(indent) if own.startswith(indent) else "") + bare)
        return found


def _indentation(row: str) -> str:
    """The blanks before a row, from its last form feed on."""
    return row[: len(row) - len(row.lstrip(" \t\f"))].rpartition("\f")[2]


def _reads_as(text: str, node: ast.expr) -> bool:
    """Whether a text is what a node was read from."""
    if isinstance(node, ast.Name):
        return text == node.id
    try:
        read = ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError):
        return isinstance(node, ast.Starred | ast.Slice)
    return type(read) is type(node)


def _rows_in_strings(text: str) -> set[int]:
    """The rows, from 1 on, that begin inside of a string."""
    rows: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(f"if 1:\n{text}\n").readline):
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):
            opened.append(token.start[0])
        elif kind.endswith("STRING_END"):
            rows.update(range(opened.pop(), token.end[0]))
        elif kind == "STRING":
            rows.update(range(token.start[0], token.end[0]))
    return rows


def _start(replacement: Replacement) -> int:
    return replacement.start
