"""The examples in the docstrings of the runtime core run, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import rules_runtime

pytestmark = pytest.mark.usefixtures("forget_rules")

MODULES = sorted(
    f"rules_runtime.{path.stem}"
    for path in Path(rules_runtime.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "forms")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize("name", rules_runtime.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    value = getattr(rules_runtime, name)
    if isinstance(value, type) and issubclass(value, Exception):
        assert value.__doc__
    elif type(value).__module__.startswith("rules_runtime"):
        assert ">>>" in (inspect.getdoc(type(value)) or "")
    else:
        assert inspect.getdoc(value)
