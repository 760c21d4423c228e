"""Which helper functions belong to the rules: those that nothing but rules use."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.analysis.find import Rule, exported_names, skip_marker
from migrate.analysis.module import ModuleView
from migrate.syntax.scopes import FunctionNode, Variable


def owned_helpers(view: ModuleView, rules: Iterable[Rule]) -> dict[ast.AST, set[Rule]]:
    """Helpers that only these rules use, each with the rules that do."""
    functions: dict[ast.AST, Rule] = {r.function: r for r in rules if r.function is not None}
    exported = exported_names(view)
    candidates: dict[Variable, ast.AST] = {}
    for variable, definition in view.definitions.items():
        primal = any(b in view.rule_functions for b in variable.bindings)
        at_module = variable.scope is view.scopes.module
        if primal or (at_module and variable.name in exported) or _is_skipped(definition, view):
            continue
        if _inside_any(definition, functions, view) is None and _has_uses(variable, view):
            candidates[variable] = definition
    changed = True
    while changed:
        changed = False
        helpers = set(candidates.values())
        for variable in list(candidates):
            for use in view.scopes.uses[variable]:
                around = _body_around(use, {*helpers, *functions}, view)
                if around is None or not isinstance(use.ctx, ast.Load):
                    del candidates[variable]
                    changed = True
                    break
    users: dict[ast.AST, set[Rule]] = {d: set() for d in candidates.values()}
    changed = True
    while changed:
        changed = False
        for variable, helper in candidates.items():
            for use in view.scopes.uses[variable]:
                around = _body_around(use, {*users, *functions}, view)
                more = users.get(around, set()) if around is not None else set()
                if around in functions:
                    more = {functions[around]}
                if not more <= users[helper]:
                    users[helper] |= more
                    changed = True
    return {d: r for d, r in users.items() if r}


def clusters(rules: list[Rule], users: dict[ast.AST, set[Rule]]) -> list[list[Rule]]:
    """Rules that share a helper, grouped; the order of the text is kept."""
    group: dict[Rule, set[Rule]] = {rule: {rule} for rule in rules}
    for sharing in users.values():
        merged: set[Rule] = set()
        for rule in sharing:
            merged |= group[rule]
        for rule in merged:
            group[rule] = merged
    found: list[list[Rule]] = []
    seen: set[Rule] = set()
    for rule in rules:
        if rule not in seen:
            members = [r for r in rules if r in group[rule]]
            seen.update(members)
            found.append(members)
    return found


def _is_skipped(definition: ast.AST, view: ModuleView) -> bool:
    """`# rrule-migrate: skip` beside a helper: it stays as it is, and counts as other people's code."""
    line = getattr(definition, "lineno", 0)
    return any(
        view.source.line_of(at) == line and skip_marker(text) == "skip"
        for at, text in view.source.comments
    )


def _has_uses(variable: Variable, view: ModuleView) -> bool:
    return any(isinstance(u.ctx, ast.Load) for u in view.scopes.uses.get(variable, []))


def _inside_any(node: ast.AST, functions: dict[ast.AST, Rule], view: ModuleView) -> ast.AST | None:
    return next((f for f in functions if view.scopes.inside(node, f)), None)


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
    return any(child is s for s in function.body)
