"""Functions beside rules: what only makers call asks numpy, too, where it asked autograd."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.dialects.autograd.helpers import helped
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.texts import Misplaced, Texts


def only_for(
    makers: Iterable[ast.AST], calls: Iterable[ast.AST], module: Module
) -> list[ast.FunctionDef]:
    """The functions of a file that nothing uses but these makers, which stand in these calls, and
    each other."""
    scopes = module.scopes
    found: dict[ast.FunctionDef, None] = {}
    pending = list(makers)
    while pending:
        for name in ast.walk(pending.pop()):
            if isinstance(name, ast.Name):
                only = scopes.of(name).only
                if isinstance(only, ast.FunctionDef) and only not in found:
                    if scopes.around[only] is scopes.module and only.name not in module.exported:
                        found[only] = None
                        pending.append(only)
    roots = set(calls)
    while True:
        inside = roots | set(found)
        others = [
            d
            for d in found
            if not all(
                scopes.inside_any(use, inside)
                for use in scopes.uses.get(scopes.module.variable(d.name), [])
            )
        ]
        if not others:
            return [d for d in found if not d.decorator_list]
        for definition in others:
            del found[definition]


def asks_numpy(
    definition: ast.FunctionDef, module: Module, legacy: LegacyNames, edits: NodeEdits
) -> set[ast.AST]:
    """Change what a function asks of autograd; the uses of autograd's names that are no more."""
    cutter = Cutter(module.source, module.scopes)
    found = helped([definition], (), module, legacy, str, ask_ad=False)
    if any("`vspace`" in note.message for note in found.notes):
        return set()
    texts = Texts(module.source, found.changes)
    named = [n for n in found.changes if isinstance(n, ast.stmt)]
    spaces = {n for n in found.used if isinstance(n, ast.Name | ast.Attribute)}
    if (
        any(not cutter.is_alone(n) for n in named)
        or not spaces
        or any(legacy.meaning(n) not in (None, "vspace") for n in spaces)
    ):
        return set()
    try:
        for node in found.changes:
            if isinstance(node, ast.stmt):
                edits.replace_line(node, texts.of(node))
            elif isinstance(node, ast.expr):
                edits.replace(node, texts.of(node))
    except Misplaced:
        return set()
    return set(found.used)
