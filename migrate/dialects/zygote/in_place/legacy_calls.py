"""Legacy calls that look the same inside and outside of rules: `ignore`, `literal_getproperty`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.edits import Edits
from migrate.write.names import NameChooser


def rewrite_ignore(node: ast.Call, view: ModuleView, names: NameChooser, edits: Edits) -> bool:
    """`ignore(lambda: e)` -> `ignore_derivatives(e)`, `ignore(f)` -> `ignore_derivatives(f())`."""
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        return False
    source = view.source
    edits.replace(*source.span(node.func), names.use("ignore_derivatives"))
    argument = node.args[0]
    start, end = source.span(argument)
    if isinstance(argument, ast.Lambda):
        bare = not argument.args.args and not argument.args.kwonlyargs and not argument.args.vararg
        if bare and not argument.args.posonlyargs and not argument.args.kwarg:
            colon = source.find_operator(":", start, source.span(argument.body)[0])
            after = colon + 1
            while source.text[after] in " \t":
                after += 1
            if not any(start <= at < after for at, _ in source.comments):
                edits.replace(start, after, "")
                return True
        edits.wrap((start, end), "(", ")()")
        return True
    simple = isinstance(argument, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    edits.wrap((start, end), "" if simple else "(", "()" if simple else ")()")
    return True


def rewrite_getter_call(
    node: ast.Call,
    view: ModuleView,
    edits: Edits,
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
            start, end = source.span(name)
            inner_start, inner_end = source.span(inner)
            if any(start <= at < end for at, _ in source.comments):
                return False
            edits.replace(start, end, source.text[inner_start:inner_end])
        case ast.Name() if is_plain_name(name):
            pass
        case ast.Name() | ast.Attribute() | ast.Subscript():
            edits.wrap(source.span(name), "", ".value")
        case _:
            return False
    edits.replace(*source.span(node.func), "getattr")
    return True
