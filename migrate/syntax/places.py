"""From nodes of `ast` to those of libcst, by where they stand in what is printed."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState

from migrate.syntax.changes import Change
from migrate.syntax.pieces import COMPOUND


class _Mark:
    """The place of one node in what is printed."""

    def __init__(self, state: Reader, node: cst.CSTNode) -> None:
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


#: Nodes that `ast` gives another place than libcst does.
_SPECIAL = frozenset(
    {cst.Tuple, cst.GeneratorExp, cst.SubscriptElement, *cst.BaseCompoundStatement.__subclasses__()}
)
_NO_MARK: AbstractContextManager[None] = nullcontext()


class Writer(CodegenState):
    """Prints a module without a look at where its nodes come out."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)

    def record_syntactic_position(  # type: ignore[override]
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> AbstractContextManager[None]:
        return _NO_MARK


class Reader(CodegenState):
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
        kind = type(node)
        if kind not in _SPECIAL:
            if (start, end) in self.wanted:
                self._match(node, start, end)
            return
        if kind is cst.GeneratorExp and not node.lpar:  # its parentheses are a call's
            around = [
                (s, e)
                for (s, e), nodes in self.wanted.items()
                if s < start and end < e and any(isinstance(n, ast.GeneratorExp) for n in nodes)
            ]
            start, end = max(around, default=(start, end))
        elif kind in (cst.Tuple, cst.GeneratorExp) and node.lpar:
            self.open_tuple = (node, opened)
            return
        elif kind is cst.SubscriptElement:
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
    if isinstance(wanted, COMPOUND):
        return isinstance(node, cst.BaseCompoundStatement)
    if isinstance(wanted, ast.stmt):
        return isinstance(node, cst.BaseSmallStatement)
    if isinstance(wanted, ast.Slice):
        return isinstance(node, cst.Slice)
    return isinstance(node, cst.BaseExpression)


class Changer(cst.CSTTransformer):
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


class Placer(Reader):
    """Prints a changed module, and finds where certain nodes come out."""

    def __init__(self, module: cst.Module, sought: set[int]) -> None:
        super().__init__(module, {})
        self.sought = sought
        self.spans: dict[int, tuple[int, int]] = {}

    def found(self, node: Any, start: int, opened: int) -> None:
        """A node that was printed from `start` to here,
        with its parentheses where they are its own."""
        if id(node) in self.sought:
            self.spans[id(node)] = (start, self.at)
