"""The smallest pieces of a file that can be read by themselves:
lines, heads of definitions, compound statements."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field

from migrate.syntax.scopes import Scopes
from migrate.syntax.source import Source

#: The fields of a statement that hold others.
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_HEADED = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
)
_STARRED = (ast.TryStar,) if sys.version_info >= (3, 11) else ()
#: Statements that hold others.
COMPOUND: tuple[type[ast.stmt], ...] = (*_HEADED, ast.Try, ast.Match, *_STARRED)


@dataclass(frozen=True)
class Cut:
    """A piece of a file, by its offsets, and what it needs around it to be read by itself."""

    start: int
    end: int
    before: str
    after: str
    nodes: tuple[ast.stmt, ...]  # that it is made of; of a head, the compound statement
    head: bool = False

    @property
    def simple(self) -> bool:
        """Whether it is a line of simple statements."""
        return not isinstance(self.nodes[0], COMPOUND)

    def holds(self, other: Cut) -> bool:
        """Whether another piece lies inside of this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass
class Cutter:
    """Finds the pieces of one file."""

    source: Source
    scopes: Scopes
    _positions: dict[ast.stmt, tuple[list[ast.stmt], int]] = field(default_factory=dict)

    def cut(self, node: ast.AST) -> Cut:
        """The smallest piece that a node stands in."""
        child, parent = node, node
        while not isinstance(parent, ast.stmt):
            child, parent = parent, self.scopes.parents[parent]
        if not isinstance(parent, COMPOUND):
            return self._line(parent)
        inner = isinstance(child, (ast.ExceptHandler, ast.match_case))
        if not inner and isinstance(parent, _HEADED) and self.owns_lines(parent):
            return self._head(parent)
        return self._whole(parent)

    def owns_lines(self, node: ast.stmt) -> bool:
        """Whether a compound statement begins a line, and its body the next one."""
        body: list[ast.stmt] = getattr(node, "body", [])
        return bool(body) and self._begins_line(node) and self._begins_line(body[0])

    def start(self, node: ast.stmt) -> int:
        """Where a statement starts, its decorators included."""
        decorators = getattr(node, "decorator_list", ())
        if decorators:
            return self.source.text.rfind("@", 0, self.source.span(decorators[0])[0])
        return self.source.span(node)[0]

    def shares_line(self, node: ast.stmt) -> bool:
        """Whether other statements stand on the lines of a simple one."""
        after = self.source.span(node)[1]
        rest = self.source.text[after : self.line_end(after)].strip()
        return not self._begins_line(node) or rest.startswith(";")

    def is_alone(self, node: ast.stmt) -> bool:
        """Whether nothing else stands on the lines of a simple statement, not even a comment."""
        after = self.source.span(node)[1]
        return (
            self._begins_line(node) and not self.source.text[after : self.line_end(after)].strip()
        )

    def lines_of(self, node: ast.stmt) -> tuple[int, int]:
        """The lines of a statement that goes, with those empty ones above it that would come
        together with empty ones below; other statements than calls have their blocks."""
        start, end = self.start(node), self.source.span(node)[1]
        first = self.source.line_of(start)
        stop = min(self.line_end(end) + 1, len(self.source.text))
        below = self.source.lines[self.source.line_of(end) :][:1]
        if isinstance(node, ast.Expr) and not "".join(below).strip():
            first -= self.blank_lines_above(node)
        return self.source.line_starts[first - 1], stop

    def blank_lines_above(self, node: ast.stmt) -> int:
        """How many empty lines stand before a statement and its decorators."""
        above = self.source.lines[: self.source.line_of(self.start(node)) - 1]
        return next((n for n, row in enumerate(reversed(above)) if row.strip()), len(above))

    def extent(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Where a node stands: a definition with its decorators, a decorator from its `@` to the
        end of the line of the `def`."""
        start, end = self.source.span(node)
        above = self.scopes.parents.get(node)
        if isinstance(node, ast.stmt):
            start = self.start(node)
        elif node in getattr(above, "decorator_list", ()):
            start = self.source.text.rfind("@", 0, start)
            end = self.line_end(self.source.line_starts[above.lineno - 1])  # type: ignore[union-attr]
        return start, end

    def line_end(self, offset: int) -> int:
        """The end of the line that an offset stands on."""
        end = self.source.text.find("\n", offset)
        return len(self.source.text) if end < 0 else end

    def _begins_line(self, node: ast.stmt) -> bool:
        start = self.start(node)
        line = self.source.line_of(start)
        before = self.source.text[self.source.line_starts[line - 1] : start]
        above = self.source.lines[line - 2] if line > 1 else ""
        return not before.strip() and not above.endswith("\\")

    def _line(self, node: ast.stmt) -> Cut:
        parent = self.scopes.parents[node]
        if node not in self._positions:
            for name in BLOCKS:
                block = getattr(parent, name, None) or []
                self._positions.update({other: (block, n) for n, other in enumerate(block)})
        block, first = self._positions[node]
        last = first
        while first and not self._begins_line(block[first]):
            first -= 1
        if isinstance(block[first], COMPOUND) or not self._begins_line(block[first]):
            return self._around(parent)
        while last + 1 < len(block) and not self._begins_line(block[last + 1]):
            last += 1
        start, end = self.source.span(block[first])[0], self.source.span(block[last])[1]
        nodes = tuple(block[first : last + 1])
        return Cut(start, end, self._under(self._indentation(start)), "\n", nodes)

    def _around(self, parent: ast.AST) -> Cut:
        while not isinstance(parent, ast.stmt):
            parent = self.scopes.parents[parent]
        return self._whole(parent)

    def _head(self, node: ast.stmt) -> Cut:
        start = self.start(node)
        indent = self._indentation(start)
        before = self._under(indent)
        if self.source.text.startswith("elif", self.source.span(node)[0]):
            before = (before or "") + f"if 1:\n{indent} pass\n{indent}"
        first = self.start(node.body[0])  # type: ignore[attr-defined]
        line = self.source.line_of(first) - 1
        while self.source.lines[line - 1].strip(" \t\f").startswith("#") or not (
            self.source.lines[line - 1].strip()
        ):
            line -= 1
        end = self.line_end(self.source.line_starts[line - 1])
        return Cut(start, end, before, f"\n{self._indentation(first)}pass\n", (node,), True)

    def _whole(self, node: ast.stmt) -> Cut:
        start, end = self.start(node), self.source.span(node)[1]
        if not self._begins_line(node) or self.source.text.startswith("elif", start):
            return self._around(self.scopes.parents[node])
        return Cut(start, end, self._under(self._indentation(start)), "\n", (node,))

    def _indentation(self, offset: int) -> str:
        row = self.source.text[self.source.text.rfind("\n", 0, offset) + 1 : offset]
        return row.rpartition("\f")[2]

    def _under(self, indent: str) -> str:
        return f"if 1:\n{indent}" if indent else ""
