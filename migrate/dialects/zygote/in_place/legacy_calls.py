"""Legacy calls that look the same inside and outside of rules: `ignore`, `literal_getproperty`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from migrate.dialects.zygote.module import ModuleView
from migrate.rules.names import NameChooser
from migrate.syntax.node_edits import NodeEdits


def rewrite_ignore(node: ast.Call, view: ModuleView, names: NameChooser, edits: NodeEdits) -> bool:
    """`ignore(lambda: e)` -> `ignore_derivatives(e)`, `ignore(f)` -> `ignore_derivatives(f())`."""
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        return False
    source = view.source
    edits.replace(node.func, names.use("ignore_derivatives"))
    argument = node.args[0]
    if isinstance(argument, ast.Lambda):
        bare = not argument.args.args and not argument.args.kwonlyargs and not argument.args.vararg
        if bare and not argument.args.posonlyargs and not argument.args.kwarg:
            if not source.comments_within(argument, argument.body):
                edits.change(argument, lambda function: function.body)
                return True
        edits.wrap(argument, "({})()", inside=True)
        return True
    simple = isinstance(argument, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    edits.wrap(argument, "{}()" if simple else "({})()", inside=True)
    return True


def rewrite_getter_call(
    node: ast.Call,
    view: ModuleView,
    edits: NodeEdits,
    is_plain_name: Callable[[ast.Name], bool],
) -> bool:
    """`literal_getproperty(x, Val("a"))` -> `getattr(x, "a")`."""
    if len(node.args) != 2 or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        return False
    if not view.is_builtin("getattr", node):
        return False
    source = view.source
    name = node.args[1]
    match name:
        case ast.Call(func=func, args=[inner], keywords=[]) if view.legacy.meaning(func) == "Val":
            if isinstance(inner, ast.Starred):
                return False
            if source.comments_within(name):
                return False
            edits.replace(name, source.segment(inner))
        case ast.Name() if is_plain_name(name):
            pass
        case ast.Name() | ast.Attribute() | ast.Subscript():
            edits.wrap(name, "{}.value", inside=True)
        case _:
            return False
    edits.replace(node.func, "getattr")
    return True
