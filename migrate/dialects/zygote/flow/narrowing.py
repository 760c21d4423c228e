"""What a name cannot be where it stands:
`isinstance(d, tuple)` has been asked on the way, and denied."""

from __future__ import annotations

import ast

from migrate.syntax.forms import falls_through
from migrate.syntax.scopes import Scopes


def denied_classes(node: ast.Name, scopes: Scopes) -> frozenset[str]:
    """The names of the classes of which a name is no instance where it is read,
    as the tests around and before say."""
    found: set[str] = set()
    inner: ast.AST = node
    for outer in scopes.ancestors(node):
        if isinstance(outer, (ast.If, ast.IfExp)) and inner is not outer.test:
            holds = inner is outer.body or inner in _listed(outer.body)
            found |= _denied(outer.test, node.id, not holds)
        for block in (getattr(outer, "body", ()), getattr(outer, "orelse", ())):
            statements = _listed(block)
            if inner in statements:
                for statement in statements[: statements.index(inner)]:
                    if isinstance(statement, ast.If) and not falls_through(statement.body):
                        found |= _denied(statement.test, node.id, True)
        if isinstance(outer, (ast.FunctionDef, ast.Lambda)):
            break
        inner = outer
    return frozenset(found)


def _denied(test: ast.expr, name: str, failed: bool) -> set[str]:
    """What a test says that a name is no instance of, where it has failed, or has not."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, failed = test.operand, not failed
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=tested), classes]):
            return _names(classes) if failed and tested == name else set()
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=tested)]),
            ops=[ast.Is() | ast.Eq()],
            comparators=[classes],
        ):
            return _names(classes) if failed and tested == name else set()
        case ast.BoolOp(op=op, values=values):
            told = [_denied(v, name, failed) for v in values]
            if isinstance(op, ast.And) is not failed:
                return set().union(*told)
            return told[0].intersection(*told[1:])
    return set()


def _names(classes: ast.expr) -> set[str]:
    """`tuple` and `list` of `(tuple, list)`; of what is spelled otherwise nothing."""
    members = classes.elts if isinstance(classes, ast.Tuple) else [classes]
    return {m.id for m in members if isinstance(m, ast.Name)}


def _listed(block: object) -> list[ast.AST]:
    return block if isinstance(block, list) else []
