"""Changes of a module's text that keep what it means: one rule, written in other ways."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import count


def reshaped(text: bytes, make: Callable[[], ast.NodeTransformer]) -> str | None:
    """The module written in another way, its `cases` as they were;
    None where that changes nothing."""
    tree = ast.parse(text)
    before = ast.dump(tree)
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "cases":
            body.append(node)
            continue
        changed = make().visit(node)
        body += changed if isinstance(changed, list) else [changed]
    tree.body = body
    if ast.dump(tree) == before:
        return None
    return ast.unparse(ast.fix_missing_locations(tree))


class _Shape(ast.NodeTransformer):
    numbers = count(1)

    def __init__(self) -> None:
        self.depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    def fresh(self, stem: str) -> str:
        return f"{stem}_{next(self.numbers)}"


class NamedPullbacks(_Shape):
    """`return y, lambda d: e` with a def."""

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        match node.value:
            case ast.Tuple(elts=[value, ast.Lambda(args=arguments, body=body)]):
                name = self.fresh("pb")
                head = ast.parse(f"def {name}(): pass").body[0]
                assert isinstance(head, ast.FunctionDef)
                head.args, head.body = arguments, [ast.Return(body)]
                pair = ast.Tuple([value, ast.Name(name, ast.Load())], ast.Load())
                return [head, ast.Return(pair)]
        return node


class ResultsInVariables(_Shape):
    """`return a, b` through a variable."""

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        if not isinstance(node.value, ast.Tuple):
            return node
        name = self.fresh("res")
        assigned = ast.Assign([ast.Name(name, ast.Store())], node.value)
        return [assigned, ast.Return(ast.Name(name, ast.Load()))]


class NoneFirst(_Shape):
    """`None is d`, `not d is None`."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=None) as none]):
                return ast.Compare(none, node.ops, [node.left])
            case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                test = ast.Compare(node.left, [ast.Is()], node.comparators)
                return ast.UnaryOp(ast.Not(), test)
        return node


class TuplesOfLists(_Shape):
    """`return tuple([a, b])` in pullbacks."""

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if self.depth >= 2 and isinstance(node.value, ast.Tuple):
            listed = ast.List(node.value.elts, ast.Load())
            return ast.Return(ast.Call(ast.Name("tuple", ast.Load()), [listed], []))
        self.generic_visit(node)
        return node


class UnpackedEntries(_Shape):
    """`return (*(a,), b)` in pullbacks."""

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if self.depth < 2 or not isinstance(node.value, ast.Tuple) or not node.value.elts:
            return node
        first, *rest = node.value.elts
        if isinstance(first, ast.Starred):
            return node
        starred = ast.Starred(ast.Tuple([first], ast.Load()), ast.Load())
        return ast.Return(ast.Tuple([starred, *rest], ast.Load()))


class Branches(_Shape):
    """`if c: return a` / `else: return b` for a conditional expression."""

    def visit_Return(self, node: ast.Return) -> ast.AST:
        match node.value:
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ast.If(test, [ast.Return(body)], [ast.Return(orelse)])
        return node


class InLoops(_Shape):
    """Returns of pullbacks inside `while True: try: … finally: …`."""

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if self.depth < 2:
            return node
        guarded = ast.Try([node], [], [], [ast.Pass()])
        return ast.While(ast.Constant(True), [guarded], [])


SHAPES: tuple[type[_Shape], ...] = (
    NamedPullbacks,
    ResultsInVariables,
    NoneFirst,
    TuplesOfLists,
    UnpackedEntries,
    Branches,
    InLoops,
)
