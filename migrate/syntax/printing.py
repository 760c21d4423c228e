"""Prints what changes: the smallest pieces of a file that libcst can read by themselves, changed and put back.

A piece is a line of simple statements, the head of a definition, or a compound statement where neither will do. It is cut out, parsed, printed
back and compared; what does not come back as it was is Unprintable, before anything is written. Every byte between the pieces stays as it is.
"""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState

from migrate.syntax.changes import Change, ending_with
from migrate.syntax.edits import Moves, arranged, replaced_in
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import Scopes
from migrate.syntax.source import Replacement, Source

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
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
_COMPOUND: tuple[type[ast.stmt], ...] = (*_HEADED, ast.Try, ast.Match, *_STARRED)
#: Expressions whose place no name can take, and nodes inside of which none can stand for another.
_NO_NAMES = (ast.Starred, ast.Slice, ast.GeneratorExp)
_UNNAMED = (ast.FormattedValue, ast.pattern)


class Unprintable(Exception):
    """libcst does not print a piece as it is written; `node` stands in it."""

    def __init__(self, node: ast.AST) -> None:
        line = getattr(node, "lineno", 1)
        super().__init__(
            f"line {line} is written in a way that libcst does not print back; write it in a plainer one"
        )
        self.node = node


@dataclass(frozen=True)
class Cut:
    """A piece of a file, by its offsets, and what it needs around it to be read by itself."""

    start: int
    end: int
    before: str
    after: str
    nodes: tuple[ast.stmt, ...]  # that it is made of; of a head, the compound statement
    head: bool = False

    def holds(self, other: Cut) -> bool:
        """Whether another piece lies inside of this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class Printed:
    """The new text of the pieces, and where the nodes of interest are in it."""

    replacements: tuple[Replacement, ...]
    #: node -> (the replacement that it is in, start and end in its text)
    places: Mapping[ast.AST, tuple[Replacement, int, int]]


# ---- where to cut ------------------------------------------------------------------------


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
        if not isinstance(parent, _COMPOUND):
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
            for name in _BLOCKS:
                block = getattr(parent, name, None) or []
                self._positions.update({other: (block, n) for n, other in enumerate(block)})
        block, first = self._positions[node]
        last = first
        while first and not self._begins_line(block[first]):
            first -= 1
        if isinstance(block[first], _COMPOUND) or not self._begins_line(block[first]):
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


# ---- from ast to libcst ------------------------------------------------------------------


class _Mark:
    """The place of one node in what is printed."""

    def __init__(self, state: _Reader, node: cst.CSTNode) -> None:
        self.state, self.node = state, node

    def __enter__(self) -> None:
        self.start = self.state.at
        self.opened = self.state.opened

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.state.found(self.node, self.start, self.opened)


class _Reader(CodegenState):
    """Prints a module, and finds the nodes that stand at given places."""

    def __init__(
        self, module: cst.Module, wanted: Mapping[tuple[int, int], Sequence[ast.AST]]
    ) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.wanted = wanted
        self.at = 0
        self.opened = 0  # the last opening parenthesis
        self.open_tuple: tuple[cst.CSTNode, int] | None = None  # whose own parenthesis comes next
        self.stack: list[cst.CSTNode] = []
        self.nodes: dict[ast.AST, cst.CSTNode] = {}
        self.lines: dict[ast.AST, cst.CSTNode] = {}
        self.path: set[int] = set()

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.at += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.stack.append(node)
        if type(node) is cst.LeftParen:
            self.opened = self.at

    def after_codegen(self, node: cst.CSTNode) -> None:
        self.stack.pop()
        if type(node) is cst.RightParen and self.open_tuple is not None:
            (whole, start), self.open_tuple = self.open_tuple, None
            self._match(whole, start, self.at)

    def record_syntactic_position(  # type: ignore[override]
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> _Mark:
        return _Mark(self, node)

    def found(self, node: Any, start: int, opened: int) -> None:
        """A node that was printed from `start` to here."""
        end = self.at
        if isinstance(node, cst.GeneratorExp) and not node.lpar:  # its parentheses are a call's
            around = [
                (s, e)
                for (s, e), nodes in self.wanted.items()
                if s < start and end < e and any(isinstance(n, ast.GeneratorExp) for n in nodes)
            ]
            start, end = max(around, default=(start, end))
        elif isinstance(node, (cst.Tuple, cst.GeneratorExp)) and node.lpar:
            self.open_tuple = (node, opened)
            return
        elif isinstance(node, cst.SubscriptElement):
            node = node.slice
        elif isinstance(node, cst.BaseCompoundStatement):
            end = -1  # the start tells it
        self._match(node, start, end)

    def _match(self, node: cst.CSTNode, start: int, end: int) -> None:
        for wanted in self.wanted.get((start, end), ()):
            if _is_like(node, wanted):
                self.nodes[wanted] = node
                self.path.update(map(id, (*self.stack, node)))
                if isinstance(wanted, ast.stmt):
                    kinds = (cst.SimpleStatementLine, cst.SimpleStatementSuite)
                    around = (n for n in reversed(self.stack) if isinstance(n, kinds))
                    self.lines[wanted] = next(around, node)


def _is_like(node: cst.CSTNode, wanted: ast.AST) -> bool:
    if isinstance(wanted, _COMPOUND):
        return isinstance(node, cst.BaseCompoundStatement)
    if isinstance(wanted, ast.stmt):
        return isinstance(node, cst.BaseSmallStatement)
    if isinstance(wanted, ast.Slice):
        return isinstance(node, cst.Slice)
    return isinstance(node, cst.BaseExpression)


class _Changer(cst.CSTTransformer):
    """Makes the changes from the inside out, and leaves alone what holds none."""

    def __init__(self, changes: Mapping[int, Sequence[Change]], path: set[int]) -> None:
        super().__init__()
        self.changes, self.path = changes, path
        self.became: dict[int, Any] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        return id(node) in self.path

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        for change in self.changes.get(id(original_node), ()):
            updated_node = change(updated_node)
        if id(original_node) in self.path:
            self.became[id(original_node)] = updated_node
        return updated_node

    def on_visit_attribute(self, node: cst.CSTNode, attribute: str) -> None:
        """Nothing depends on which part of a node is visited."""

    def on_leave_attribute(self, original_node: cst.CSTNode, attribute: str) -> None:
        """Nothing depends on which part of a node was visited."""


class _Placer(_Reader):
    """Prints a changed module, and finds where certain nodes come out."""

    def __init__(self, module: cst.Module, sought: set[int]) -> None:
        super().__init__(module, {})
        self.sought = sought
        self.spans: dict[int, tuple[int, int]] = {}

    def found(self, node: Any, start: int, opened: int) -> None:
        """A node that was printed from `start` to here, with its parentheses where they are its own."""
        if id(node) in self.sought:
            self.spans[id(node)] = (start, self.at)


# ---- the whole ---------------------------------------------------------------------------


def print_changes(
    edits: NodeEdits, source: Source, scopes: Scopes, watched: Iterable[ast.expr] = ()
) -> Printed:
    """The new text of every piece with changes; raises Unprintable."""
    return _Printer(edits, source, scopes, watched).print()


class _Printer:
    def __init__(
        self, edits: NodeEdits, source: Source, scopes: Scopes, watched: Iterable[ast.expr]
    ) -> None:
        self.source, self.scopes = source, scopes
        self.watched = sorted(
            (source.span(n)[0], i, n) for i, n in enumerate(dict.fromkeys(watched))
        )
        self.cutter = Cutter(source, scopes)
        self.changes = edits.changed()
        self.replacements = edits.replacements
        self.lines: dict[ast.AST, Sequence[Change]] = dict(edits.lines.items())
        self.rows = edits.rows
        self.additions: list[Replacement] = []
        self.places: dict[ast.AST, tuple[Replacement, int, int]] = {}
        for function, text in edits.endings:
            self._ending(function, text)
        for added in edits.added:
            self._add(added.node, added.text, added.blank, added.before)

    def print(self) -> Printed:
        pieces = [self._piece(cut, nodes) for cut, nodes in self._pieces()]
        return Printed((*pieces, *self._rows(), *self.additions), self.places)

    # ---- what needs no libcst ------------------------------------------------------------

    def _add(self, node: ast.stmt, text: str, blank: int, before: bool) -> None:
        start = self.cutter.start(node)
        indent = self.source.indentation(self.source.line_of(start))
        lines = text.replace("\n", f"\n{indent}")
        if before:
            self.additions.append(Replacement(start, start, f"{lines}\n{indent}"))
            return
        at = self.cutter.line_end(self.source.span(node)[1])
        self.additions.append(Replacement(at, at, "\n" * blank + f"\n{indent}{lines}"))

    def _ending(self, function: ast.FunctionDef, text: str) -> None:
        if self.cutter.owns_lines(function):
            at = self.cutter.line_end(self.source.span(function.body[-1])[1])
            first = self.cutter.start(function.body[0])
            indent = self.source.indentation(self.source.line_of(first))
            self.additions.append(Replacement(at, at, f"\n{indent}{text}"))
        else:
            self.changes.setdefault(function, []).append(ending_with(text))

    def _rows(self) -> Iterator[Replacement]:
        for node, text in self.rows.items():
            start, end = self.source.span(node)
            if not text:
                start = self.source.line_starts[node.lineno - 1]
                end = min(self.cutter.line_end(end) + 1, len(self.source.text))
            indent = self.source.indentation(node.lineno)
            yield Replacement(start, end, text.replace("\n", f"\n{indent}"))

    # ---- pieces --------------------------------------------------------------------------

    def _pieces(self) -> list[tuple[Cut, list[ast.AST]]]:
        """What to cut out, and the changed nodes in each piece; a piece inside of another is a part of it."""
        by_cut: dict[Cut, list[ast.AST]] = {}
        for node in dict.fromkeys([*self.changes, *self.lines]):
            by_cut.setdefault(self.cutter.cut(node), []).append(node)
        gone = [self.source.span(node) for node in self.rows]
        found: list[tuple[Cut, list[ast.AST]]] = []
        for cut in sorted(by_cut, key=lambda c: (c.start, -c.end)):
            if any(start <= cut.start and cut.end <= end for start, end in gone):
                continue
            if found and found[-1][0].holds(cut):
                found[-1][1].extend(by_cut[cut])
            else:
                found.append((cut, list(by_cut[cut])))
        return found

    def _piece(self, cut: Cut, nodes: list[ast.AST]) -> Replacement:
        first = bisect_left(self.watched, (cut.start,))
        last = bisect_left(self.watched, (cut.end,))
        watched = [node for _, _, node in self.watched[first:last]]
        try:
            return self._changed(cut, nodes, watched, [], [])
        except Unprintable:
            plain = [n for n in nodes if self._is_plain(n)]
            others = [n for n in nodes if n not in plain]
            holes = self._holes(cut, others)
            texts = [
                Replacement(*self.source.span(n), self.replacements[n])  # type: ignore[arg-type]
                for n in plain
            ]
            return self._changed(cut, others, watched, holes, arranged(texts))

    def _is_plain(self, node: ast.AST) -> bool:
        """Whether a node has a place, where another text is put and nothing else changes."""
        if node not in self.replacements or len(self.changes[node]) > 1:
            return False
        if not isinstance(node, ast.expr) or isinstance(node, _NO_NAMES):
            return False
        try:
            read = ast.parse(f"({self.source.segment(node)}\n)", mode="eval").body
        except SyntaxError:  # before 3.12, the places of what is in an f-string may be wrong
            return False
        return ast.dump(read) == ast.dump(node)

    def _changed(
        self,
        cut: Cut,
        nodes: list[ast.AST],
        watched: Sequence[ast.expr],
        holes: Sequence[Replacement],
        texts: Sequence[Replacement],
    ) -> Replacement:
        """A piece with its changes made; `holes` stand for parts in which no more than `texts` change."""
        moves = Moves(holes)
        shift = len(cut.before) - cut.start
        wanted: dict[tuple[int, int], list[ast.AST]] = {}
        for node in dict.fromkeys([*nodes, *watched]):
            start, end = self.source.span(node)  # type: ignore[arg-type]
            key = (
                moves.start(start) + shift,
                -1 if isinstance(node, _COMPOUND) else moves.end(end) + shift,
            )
            wanted.setdefault(key, []).append(node)
        text = replaced_in(self.source.text, holes, cut.start, cut.end)
        module, reader = _read(cut.before + text + cut.after, wanted, cut.nodes[0])
        changes: dict[int, list[Change]] = {}
        for node in nodes:
            if node not in reader.nodes:
                raise Unprintable(node)
            if node in self.changes:
                changes[id(reader.nodes[node])] = list(self.changes[node])
            if node in self.lines:
                changes.setdefault(id(reader.lines[node]), []).extend(self.lines[node])
        changer = _Changer(changes, reader.path)
        new: Any = module.visit(changer)
        became = {n: changer.became[id(reader.nodes[n])] for n in watched if n in reader.nodes}
        state = _Placer(new, set(map(id, became.values())))
        new._codegen(state)
        code = "".join(state.tokens)
        if not (code.startswith(cut.before) and code.endswith(cut.after)):
            raise Unprintable(cut.nodes[0])
        text = code[len(cut.before) : len(code) - len(cut.after)]
        filled = [
            Replacement(m.start(), m.end(), self._filling(h, texts))
            for h in holes
            for m in re.finditer(rf"\b{h.text}\b", text)
        ]
        filled.sort(key=lambda r: r.start)
        back = Moves(filled)
        result = Replacement(cut.start, cut.end, replaced_in(text, filled, 0, len(text)))
        for node, changed in became.items():
            if id(changed) in state.spans:
                start, end = (at - len(cut.before) for at in state.spans[id(changed)])
                self.places[node] = (result, back.start(start), back.end(end))
        return result

    def _filling(self, hole: Replacement, texts: Sequence[Replacement]) -> str:
        inside = [t for t in texts if hole.start <= t.start and t.end <= hole.end]
        return replaced_in(self.source.text, inside, hole.start, hole.end)

    def _holes(self, cut: Cut, nodes: list[ast.AST]) -> list[Replacement]:
        """Names in the place of expressions that hold no change, however they are written."""
        touched: set[ast.AST] = set()
        for node in nodes:
            inner: ast.AST | None = node
            while inner is not None and inner not in touched:
                touched.add(inner)
                inner = self.scopes.parents.get(inner)
        spans = sorted(self._untouched(cut, touched))
        name = "_hole"
        while name in self.source.text:
            name += "_"
        return [Replacement(start, end, f"{name}{n}_") for n, (start, end) in enumerate(spans)]

    def _untouched(self, cut: Cut, touched: set[ast.AST]) -> Iterator[tuple[int, int]]:
        pending: list[ast.AST] = [*cut.nodes]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.JoinedStr):  # before 3.12 nothing in it has a place
                continue
            for name, value in ast.iter_fields(node):
                if cut.head and node in cut.nodes and name in _BLOCKS:
                    continue
                for child in value if isinstance(value, list) else [value]:
                    if not isinstance(child, ast.AST) or isinstance(child, _UNNAMED):
                        continue
                    start, end = self.source.span(child) if isinstance(child, ast.expr) else (0, 0)
                    if isinstance(node, ast.AnnAssign) and not node.simple and name == "target":
                        # libcst has no parentheses there
                        start = self.source.span(node)[0]
                        annotation = self.source.span(node.annotation)[0]
                        end = self.source.text.rindex(":", start, annotation)
                    if end and child not in touched and not isinstance(child, _NO_NAMES):
                        yield start, end
                    else:
                        pending.append(child)


def _read(
    text: str, wanted: Mapping[tuple[int, int], Sequence[ast.AST]], node: ast.AST
) -> tuple[cst.Module, _Reader]:
    try:
        module = cst.parse_module(text)
        reader = _Reader(module, wanted)
        module._codegen(reader)
    except Exception:  # its message may be as deep as the tree: it is not looked at
        raise Unprintable(node) from None
    if "".join(reader.tokens) != text:
        raise Unprintable(node)
    return module, reader
