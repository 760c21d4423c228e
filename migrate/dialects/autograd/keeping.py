"""Autograd goes on working: it is given the rule that stands in place of its own."""

from __future__ import annotations

import ast

from migrate.dialects.autograd.registrations import GIVEN_BACK
from migrate.dialects.autograd.rule import Rule
from migrate.rules.names import NameChooser

TAKES_A_RULE = "defvjp_argnums"


def kept(rule: Rule, names: NameChooser) -> str:
    """`defvjp_argnums(f, vjps_from_rrule(f))`."""
    registration = rule.registration
    target = rule.module.source.segment(registration.target)
    func = registration.call.func
    if isinstance(func, ast.Attribute) and not registration.is_older:
        takes = f"{rule.module.text(func.value)}.{TAKES_A_RULE}"
    elif _is_own(rule):
        takes = TAKES_A_RULE
    else:
        takes = names.use(f"autograd.extend:{TAKES_A_RULE}")
    return f"{takes}({target}, {names.use(f'.hosts.autograd:{GIVEN_BACK}')}({target}))"


def _is_own(rule: Rule) -> bool:
    """Whether the file is autograd's own core, which defines it."""
    bound = rule.module.scopes.module.bindings.get(TAKES_A_RULE, [])
    return len(bound) == 1 and isinstance(bound[0], ast.FunctionDef)
