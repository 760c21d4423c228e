"""Placeholders for what does not change,
where libcst cannot read it or does not print it as it is written.

A name stands for an expression, a comment for the indentation of a line with a form feed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrate.syntax.pieces import BLOCKS, Cut, Cutter
from migrate.syntax.source import Replacement

#: Expressions whose place no name can take, and nodes inside of which none can stand for another.
NO_NAMES = (ast.Starred, ast.Slice, ast.GeneratorExp)
_UNNAMED = (ast.FormattedValue, ast.pattern)


@dataclass(frozen=True)
class Placeholder:
    """A part of a piece, what stands for it, and how that is found again."""

    stands: Replacement
    pattern: str


def placeholders(cut: Cut, cutter: Cutter, changed: Iterable[ast.AST]) -> list[Placeholder]:
    """What can stand for the parts of a piece in which nothing changes."""
    touched: set[ast.AST] = set()
    for node in changed:
        inner: ast.AST | None = node
        while inner is not None and inner not in touched:
            touched.add(inner)
            inner = cutter.scopes.parents.get(inner)
    name = "_hole"
    while name in cutter.source.text:
        name += "_"
    found = []
    for number, (start, end) in enumerate(sorted({*_untouched(cut, cutter, touched)})):
        found.append(
            Placeholder(Replacement(start, end, f"{name}{number}_"), rf"\b{name}{number}_\b")
        )
    for number, (start, end) in enumerate(sorted({*_fed(cut, cutter)})):
        indent = cutter.source.text[start:end].rpartition("\f")[2]
        text = f"{indent}# {name}_{number}_\n{indent}"
        found.append(
            Placeholder(Replacement(start, end, text), rf"[ \t]*# {name}_{number}_\n[ \t]*")
        )
    return sorted(found, key=lambda p: p.stands.start)


def _parts(cut: Cut, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The nodes inside of one that belong to a piece, with the field that they are in."""
    for name, value in ast.iter_fields(node):
        if cut.head and node in cut.nodes and name in BLOCKS:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, _UNNAMED):
                yield name, child


def _untouched(cut: Cut, cutter: Cutter, touched: set[ast.AST]) -> Iterator[tuple[int, int]]:
    """Where the largest expressions stand in which nothing changes."""
    source = cutter.source
    pending: list[ast.AST] = [*cut.nodes]
    while pending:
        node = pending.pop()
        for name, child in _parts(cut, node):
            if not isinstance(child, ast.expr) or child in touched or isinstance(child, NO_NAMES):
                if not isinstance(child, ast.JoinedStr):  # before 3.12 nothing in it has a place
                    pending.append(child)
            elif isinstance(node, ast.AnnAssign) and not node.simple and name == "target":
                start = source.span(node)[0]  # libcst has no parentheses there
                yield start, source.text.rindex(":", start, source.span(node.annotation)[0])
            else:
                yield source.span(child)


def _fed(cut: Cut, cutter: Cutter) -> Iterator[tuple[int, int]]:
    """The indentation of lines of a piece that has a form feed in it."""
    source = cutter.source
    pending: list[ast.AST] = [*cut.nodes]
    while pending:
        node = pending.pop()
        pending += (child for _, child in _parts(cut, node))
        if isinstance(node, ast.stmt):
            decorators = getattr(node, "decorator_list", ())
            starts = [source.text.rfind("@", 0, source.span(d)[0]) for d in decorators]
            for start in (*starts, source.span(node)[0]):
                first = source.text.rfind("\n", 0, start) + 1
                indent = source.text[first:start]
                if first > cut.start and "\f" in indent and not indent.strip():
                    yield first, start
