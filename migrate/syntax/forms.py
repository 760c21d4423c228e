"""Questions about syntax that several parts ask."""

from __future__ import annotations

import ast

from migrate.syntax.scopes import Scopes

_BY_KEY = frozenset("dict sum any all max min set frozenset filter".split())


def iterated_alone(node: ast.expr, scopes: Scopes) -> bool:
    """Whether `dy.items()` is gone through for its own sake,
    and not beside something else by position."""
    parent = scopes.parents.get(node)
    match parent:
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return parent.iter is node
        case ast.Call(func=ast.Name(id=name)):
            if name in ("sorted", "list", "tuple", "set", "reversed", "iter"):
                return iterated_alone(parent, scopes)
            return name in _BY_KEY
        case ast.IfExp():
            return parent.test is node or iterated_alone(parent, scopes)
        case ast.Compare():
            return True
    return False


def binds_loosely(node: ast.expr) -> bool:
    """Whether an expression needs parentheses before it can be called or unpacked."""
    return not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call)


def parts_of(node: ast.expr) -> tuple[ast.expr, list[str]]:
    """What `a.b.c` starts with, and the attributes: `a`, and `b` and `c`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return node, parts


def root_of(node: ast.expr) -> ast.Name | None:
    """The name that `a.b.c`, or a name alone, starts with; None for what starts otherwise."""
    root, _ = parts_of(node)
    return root if isinstance(root, ast.Name) else None


def is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def constant_index(node: ast.expr) -> int | None:
    """The integer that a literal such as `2` or `-1` stands for."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def falls_through(body: list[ast.stmt]) -> bool:
    """Whether control can reach the end of a block."""
    return all(_continues(s) for s in body)


def _continues(node: ast.stmt) -> bool:
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return False
        case ast.If(body=body, orelse=orelse):
            return falls_through(body) or falls_through(orelse)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return falls_through(body)
        case ast.While(test=ast.Constant(value=True), body=body):
            return any(isinstance(n, ast.Break) for s in body for n in ast.walk(s))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            if finalbody and not falls_through(finalbody):
                return False
            main = falls_through(body) and falls_through(orelse)
            return main or any(falls_through(h.body) for h in handlers)
        case ast.Match(cases=cases):
            complete = any(
                isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None and c.guard is None
                for c in cases
            )
            return not complete or any(falls_through(c.body) for c in cases)
    return True


def is_zero(node: ast.expr) -> bool:
    """`None`, `0`, `0.0`: nothing, where a tangent is meant."""
    return (
        isinstance(node, ast.Constant)
        and not isinstance(node.value, (str, bytes))
        and not node.value
    )
