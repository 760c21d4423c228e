"""The package's face: its names, and that importing it loads nothing before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rules_runtime


def printed_by(code: str) -> str:
    """What a fresh interpreter prints."""
    root = Path(rules_runtime.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def test_every_name_has_one_home() -> None:
    assert sorted({*rules_runtime._HOMES, "__version__"}) == sorted(rules_runtime.__all__)
    tree = ast.parse(Path(rules_runtime.__file__).read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == rules_runtime._HOMES


@pytest.mark.parametrize("name", rules_runtime.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(rules_runtime, name) is getattr(rules_runtime, name)
    assert name in dir(rules_runtime)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        rules_runtime.no_such_name  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        from rules_runtime import no_such_name  # type: ignore[attr-defined]  # noqa: F401


def test_importing_the_package_loads_no_part_of_it() -> None:
    """But for the table of who answers what lower layers ask."""
    code = "import sys, rules_runtime; print([m for m in sys.modules if m.startswith('rules_runtime.') or m == 'numpy'])"
    assert printed_by(code) == "['rules_runtime.upward']"


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("RuleConfig[HasReverseMode]().rrule_via_ad(abs, -2.0)[1](1.0)[1]", "-1.0"),
        ("RuleConfig[HasForwardMode]().frule_via_ad((None, 1.0), abs, -2.0)[1]", "-1.0"),
        ("{'a': 1.0} - Tangent[dict](a=0.5)", "{'a': 0.5}"),
    ],
)
def test_what_is_asked_of_higher_layers_loads_them(code: str, result: str) -> None:
    names = "HasForwardMode, HasReverseMode, RuleConfig, Tangent"
    assert printed_by(f"from rules_runtime import {names}\nprint({code})") == result


def test_a_rule_can_be_registered_without_the_library_or_the_tape() -> None:
    code = (
        "import sys\n"
        "from rules_runtime import NoTangent, rrule\n"
        "def f(x): return x\n"
        "rrule.register(f)(lambda _, x: (x, lambda dy: (NoTangent(), dy)))\n"
        "print([m for m in sys.modules if m.startswith(('rules_runtime.rules', 'rules_runtime.tape'))])\n"
    )
    assert printed_by(code) == "[]"


def test_types_that_users_see(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    source = tmp_path / "typed.py"
    source.write_text(
        "from collections.abc import Callable\n"
        "from typing import Any, assert_type\n"
        "from rules_runtime import MissingRuleError, gradient, pullback, value_and_gradient\n"
        "def loss(x: float, name: str) -> float: return x * len(name)\n"
        "value, gradients = value_and_gradient(loss, 2.0, 'name')\n"
        "assert_type(value, float)\n"
        "assert_type(gradients, tuple[Any, ...])\n"
        "assert_type(gradient(loss, 2.0, 'name'), tuple[Any, ...])\n"
        "y, back = pullback(lambda x: str(x), 2.0)\n"
        "assert_type(y, str)\n"
        "assert_type(back, Callable[[Any], tuple[Any, ...]])\n"
        "assert issubclass(MissingRuleError, NotImplementedError)\n"
    )
    out, errors, status = api.run(["--strict", str(source)])
    assert (status, errors) == (0, ""), out
