"""What tests of rules share: rules that a test registers go when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rules_runtime.tape  # its modules register rules when they are loaded, which no test is to take out  # noqa: F401
from rules_runtime.registry import rrule


@pytest.fixture
def forget_rules() -> Iterator[None]:
    """Take the rules that a test registers in the default table out again."""
    before = {id(rule) for table in rrule._tables.values() for rule in table.rules}
    yield
    added = [r for table in rrule._tables.values() for r in table.rules if id(r) not in before]
    for rule in added:
        if not rule.built_in:
            rrule.remove_rule(rule)
