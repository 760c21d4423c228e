"""Which structure a value has, as the legacy language tells structures apart: a tuple, a list, a
dict (also for objects), or an array."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.flow import Flow
from migrate.dialects.zygote.flow.values import ARRAY, Held
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.annotations import last_part
from migrate.syntax.scopes import Variable

_DEPTH = 4
_BUILTIN = {"tuple": "tuple", "list": "list", "sorted": "list", "dict": "dict"}


def kinds_of(node: ast.expr, flow: Flow, depth: int = _DEPTH) -> set[str] | None:
    """The structures that an expression can have ("tuple", "list", "dict", "array"),
    or None where that is not seen."""
    view = flow.view
    match node:
        case ast.Tuple():
            return {"tuple"}
        case ast.List() | ast.ListComp():
            return {"list"}
        case ast.Dict() | ast.DictComp():
            return {"dict"}
        case ast.IfExp(body=body, orelse=orelse):
            return _both(kinds_of(body, flow, depth), kinds_of(orelse, flow, depth))
        case ast.NamedExpr(value=value):
            return kinds_of(value, flow, depth)
    atoms = flow.atoms(node)
    if atoms and atoms <= {ARRAY}:
        return {"array"}
    if atoms and all(isinstance(a, Held) for a in atoms):
        found = {a.site.kind for a in atoms if isinstance(a, Held)}
        return found if found <= {"tuple", "list", "dict"} else None
    if depth == 0:
        return None
    if isinstance(node, ast.Name):
        return _of_name(node, flow, depth)
    if isinstance(node, ast.Call):
        return _of_call(node, flow, view, depth)
    return None


def _both(a: set[str] | None, b: set[str] | None) -> set[str] | None:
    return None if a is None or b is None else a | b


def _of_name(node: ast.Name, flow: Flow, depth: int) -> set[str] | None:
    variable = flow.view.scopes.of(node)
    binding = variable.only
    if binding is None:
        return None
    parent = flow.view.scopes.parents.get(binding)
    if isinstance(parent, ast.Assign) and parent.targets == [binding]:
        return kinds_of(parent.value, flow, depth - 1)
    if isinstance(binding, ast.arg):
        return _of_parameter(binding, variable, flow)
    return None


def _of_parameter(arg: ast.arg, variable: Variable, flow: Flow) -> set[str] | None:
    function = variable.scope.node if variable.scope is not None else None
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return None
    annotation = flow.view.annotations.of(arg, function)
    if annotation is None:
        return None
    head = flow.view.annotations.single_class(annotation)
    if isinstance(head, ast.Name) and head.id in _BUILTIN:
        return {_BUILTIN[head.id]}
    if flow.view.annotations.class_of(annotation) is not None:
        return {"dict"}
    return {"array"} if flow.view.annotations.is_array_or_number(annotation) else None


def _of_call(node: ast.Call, flow: Flow, view: ModuleView, depth: int) -> set[str] | None:
    if not isinstance(node.func, ast.Name):
        return {"dict"} if last_part(node.func) == "_replace" else None
    variable = view.scopes.of(node.func)
    if variable.scope is None:
        kind = _BUILTIN.get(node.func.id)
        return None if kind is None else {kind}
    function = view.plainly(variable)
    if isinstance(function, ast.ClassDef):
        bases = {last_part(b) for b in function.bases}
        return None if bases & {"tuple", "list", "dict", "float", "ndarray"} else {"dict"}
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    found: set[str] | None = set()
    for result in view.nodes_of(function):
        if isinstance(result, ast.Return) and result.value is not None:
            found = _both(found, kinds_of(result.value, flow, depth - 1))
    return found or None
