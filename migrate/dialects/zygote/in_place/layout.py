"""Where things stand in the text: parentheses around expressions."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.edits import Edits


def with_parentheses(view: ModuleView, node: ast.expr) -> tuple[int, int]:
    """The span of an expression with all parentheses around it."""
    source = view.source
    start, end = source.span(node)
    text = source.text
    while True:
        before = start - 1
        while before >= 0 and text[before] in " \t\n\\":
            before -= 1
        if before < 0 or text[before] != "(":
            return start, end
        close = source.brackets.get(before)
        if close is None or text[end:close].strip(" \t\n\\") != "":
            return start, end
        call = view.scopes.parents.get(node)
        if isinstance(call, ast.Call) and node in call.args and len(call.args) == 1:
            if source.find_operator("(", source.span(call.func)[1], source.span(call)[1]) == before:
                return start, end
        start, end = before, close + 1


def wrap_in_call(view: ModuleView, edits: Edits, node: ast.expr, name: str) -> None:
    """`e` -> `name(e)`; a tuple without parentheses gets some, or it would become several arguments."""
    loose = isinstance(node, ast.Tuple) and not is_parenthesised(view, node)
    before, after = ("((", "))") if loose else ("(", ")")
    edits.wrap(with_parentheses(view, node), name + before, after)


def is_parenthesised(view: ModuleView, node: ast.Tuple) -> bool:
    start, end = view.source.span(node)
    return view.source.text[start] == "(" and view.source.brackets.get(start) == end - 1
