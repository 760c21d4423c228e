"""Where the legacy package may be missing:
what `except ImportError` makes of its names, and of the new ones.

A module that works without the legacy package, because the fallback binds stand-ins, works without
the runtime too: its fallback gets stand-ins for the new names that
are read when the module is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from migrate.syntax.scopes import Scopes

_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
#: What stands in for a name of the runtime: nothing is registered, and values pass.
_STAND_INS = {
    "rrule": "class {}:\n    @staticmethod\n    def register(target):\n        return lambda rule: rule",
    "from_legacy_rule": "def {}(rule, functor=False):\n    return rule",
    "non_differentiable": "def {}(f, *signature):\n    return f",
    "ignore_derivatives": "def {}(x):\n    return x",
    "hook": "def {}(f, x):\n    return x",
    "RuleConfig": "{} = dict",
    "HasReverseMode": "{} = object",
}


def handler_of(statement: ast.stmt, scopes: Scopes) -> ast.ExceptHandler | None:
    """The handler that is run where an import inside of a `try` fails."""
    parent = scopes.parents.get(statement)
    if not isinstance(parent, ast.Try) or statement not in parent.body:
        return None
    for handler in parent.handlers:
        names = (
            {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)}
            if handler.type
            else set()
        )
        if handler.type is None or names & _ERRORS:
            return handler
    return None


def gives_stand_ins(handler: ast.ExceptHandler) -> bool:
    """Whether the module goes on with functions of its own where the package is missing."""
    for statement in handler.body:
        match statement:
            case ast.FunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
                return True
            case ast.Assign(value=value) if not isinstance(value, ast.Constant):
                return True
    return False


def stand_ins(needed: Mapping[str, str]) -> str:
    """The text that binds stand-ins for the new names that are read outside of rules;
    empty if there are none."""
    return "\n".join(
        _STAND_INS[target].format(name)
        for target, name in sorted(needed.items())
        if target in _STAND_INS
    )


def all_guarded(nodes: Iterable[ast.AST], scopes: Scopes) -> bool:
    """Whether all of these stand under an `if`, which may ask whether the package is there."""
    return all(any(isinstance(a, ast.If) for a in scopes.ancestors(n)) for n in nodes)


def is_switch(use: ast.Name, scopes: Scopes) -> bool:
    """`if zr is not None:`, `if zr:`: a name that only tells whether the package is there."""
    node: ast.AST = use
    parent = scopes.parents.get(node)
    match parent:
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq()]):
            other = parent.comparators[0] if left is use else left
            return isinstance(other, ast.Constant) and other.value is None
    while isinstance(parent, (ast.BoolOp, ast.UnaryOp)):
        node, parent = parent, scopes.parents.get(parent)
    match parent:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return test is node
        case ast.Call(func=ast.Name(id="bool")):
            return True
    return False
