"""`pytest --rrules PACKAGE`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RULES = """
import numpy as np
from rules_runtime import NoTangent, non_differentiable, rrule

def f(x, k=1.0): return k * x * x
def wrong(x): return x * x
def untried(x): return x

@rrule.register(f)
def rrule_f(_, x, k=1.0): return f(x, k), lambda d: (NoTangent(), 2 * k * x * d, x * x * d)
@rrule.register(wrong)
def rrule_wrong(_, x): return x * x, lambda d: (NoTangent(), 3 * x * d)
@rrule.register(untried)
def rrule_untried(_, x: float): return x, lambda d: (NoTangent(), d)
non_differentiable(print)

def cases():
    return [("f", f, (2.0,), {}), ("f and k", f, (2.0, 3.0)), ("wrong", wrong, (np.ones(2),)),
            ("around f", lambda x: f(x), (1.0,))]
"""


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "rules_runtime.pytest_plugin", "-v", *options]
    path = {"PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True)
    return run.stdout + run.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "some_rules"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py"):
        (package / name).write_text("")
    (package / "inner" / "squares.py").write_text(RULES)
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    return tmp_path


def test_the_rules_of_a_package(folder: Path) -> None:
    out = run(folder, "--rrules", "some_rules", "-rs")
    assert "squares::f PASSED" in out
    assert "squares::f and k PASSED" in out
    assert "squares::wrong FAILED" in out
    assert "untried(x: float) SKIPPED" in out
    assert "finite differences gave" in out and "tester.py" not in out
    assert "around f" not in out and "test_other" not in out
    assert "2 passed" in out and "1 failed" in out and "1 skipped" in out


def test_beside_other_tests(folder: Path) -> None:
    assert "3 passed" in run(folder, "--rrules", "some_rules", "test_other.py")
    assert "1 passed" in run(folder)
    assert "cannot be imported" in run(folder, "--rrules", "there_is_none")


def test_both_distributions_bring_it() -> None:
    for place in ("pyproject.toml", "rules_runtime/pyproject.toml"):
        project = tomllib.loads((ROOT / place).read_text(encoding="utf-8"))["project"]
        name = "rules_runtime.pytest_plugin"
        assert project["entry-points"]["pytest11"] == {name: name}
