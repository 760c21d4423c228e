"""What tests of rules share: rules that a test registers go when it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import rules_runtime.tape  # its modules register rules when they are loaded, which no test is to take out  # noqa: F401
from rules_runtime.registry import Registry, rrule


@pytest.fixture(name="rrule")
def registry() -> Registry:
    """A registry without rules."""
    return Registry()


@pytest.fixture
def forget_rules() -> Iterator[None]:
    """Take the rules that a test registers in the default table out again."""
    before = {id(rule) for table in rrule._tables.values() for rule in table.rules}
    yield
    added = [r for table in rrule._tables.values() for r in table.rules if id(r) not in before]
    for rule in added:
        if not rule.built_in:
            rrule.remove_rule(rule)
    overrides = sys.modules.get("rules_runtime.tape.overrides")
    if overrides is not None and overrides._bound:  # builtins that have been given rules
        unbind(overrides._bound)


def unbind(functions: set[Any]) -> None:
    """Give modules back the functions, in the place of what asks for their rules."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None) or {}
        for key, value in list(names.items()):
            if hasattr(type(value), "__asks_first__") and value.function in functions:
                names[key] = value.function
    functions.clear()
