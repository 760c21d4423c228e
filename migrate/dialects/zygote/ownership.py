"""Which helper functions belong to the rules: those that nothing but rules use."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.scopes import FunctionNode, Variable


def owned_helpers(view: ModuleView, rules: Iterable[Rule]) -> dict[ast.AST, set[Rule]]:
    """Helpers that only these rules use, each with the rules that do."""
    functions: dict[ast.AST, Rule] = {r.function: r for r in rules if r.function is not None}
    candidates: dict[Variable, ast.AST] = {}
    for variable, definition in view.definitions.items():
        primal = any(b in view.rule_functions for b in variable.bindings)
        at_module = variable.scope is view.scopes.module
        if (
            primal
            or (at_module and variable.name in view.exported)
            or definition.lineno in view.skipped_lines
        ):
            continue
        if not view.scopes.inside_any(definition, functions) and _has_uses(variable, view):
            candidates[variable] = definition
    inside = _used_inside(candidates, functions, view)
    users: dict[ast.AST, set[Rule]] = {d: set() for d in candidates.values()}
    pending: list[ast.AST] = list(functions)
    while pending:
        around = pending.pop()
        more = {functions[around]} if around in functions else users[around]
        for variable in inside.get(around, ()):
            helper = candidates.get(variable)
            if helper is not None and not more <= users[helper]:
                users[helper] |= more
                pending.append(helper)
    return {d: r for d, r in users.items() if r}


def _used_inside(
    candidates: dict[Variable, ast.AST], functions: dict[ast.AST, Rule], view: ModuleView
) -> dict[ast.AST, set[Variable]]:
    """Takes away the candidates that other code uses;
    gives the others by the functions that use them."""
    homes = {*candidates.values(), *functions}
    inside: dict[ast.AST, set[Variable]] = {}
    pending = list(candidates)
    while pending:
        variable = pending.pop()
        if variable not in candidates:
            continue
        for use in view.scopes.uses[variable]:
            around = _body_around(use, homes, view)
            if around is None or not isinstance(use.ctx, ast.Load):
                gone = candidates.pop(variable)
                homes.discard(gone)
                pending += inside.pop(gone, ())  # what it uses is used by other code now
                break
            inside.setdefault(around, set()).add(variable)
    return inside


def clusters(rules: list[Rule], users: dict[ast.AST, set[Rule]]) -> list[list[Rule]]:
    """Rules that share a helper, grouped; the order of the text is kept."""
    group: dict[Rule, set[Rule]] = {rule: {rule} for rule in rules}
    for sharing in users.values():
        merged: set[Rule] = set()
        for rule in sharing:
            merged |= group[rule]
        for rule in merged:
            group[rule] = merged
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        found.setdefault(id(group[rule]), []).append(rule)
    return list(found.values())


def _has_uses(variable: Variable, view: ModuleView) -> bool:
    return any(isinstance(u.ctx, ast.Load) for u in view.scopes.uses.get(variable, []))


def _body_around(node: ast.AST, functions: set[ast.AST], view: ModuleView) -> ast.AST | None:
    """The function in whose body (not decorators, not defaults) a node stands."""
    inner: ast.AST = node
    for ancestor in view.scopes.ancestors(node):
        if ancestor in functions and isinstance(
            ancestor, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        ):
            if _in_body(inner, ancestor):
                return ancestor
        inner = ancestor
    return None


def _in_body(child: ast.AST, function: FunctionNode) -> bool:
    if isinstance(function, ast.Lambda):
        return child is function.body
    return isinstance(child, ast.stmt)
