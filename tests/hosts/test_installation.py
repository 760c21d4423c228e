"""Hosts are loaded only when asked for, and one that is missing is named with what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_runtime_loads_no_host() -> None:
    asked = "import sys, rules_runtime.tape, rules_runtime.hosts, rules_runtime.pytest_plugin\n"
    assert (
        run(f"{asked}print([m for m in ('autograd', 'jax', 'torch') if m in sys.modules])")
        == "[]\n"
    )


@pytest.mark.parametrize("host", ["autograd", "jax", "torch"])
def test_a_missing_host_is_named(host: str) -> None:
    out = run(f"import sys; sys.modules[{host!r}] = None\nimport rules_runtime.hosts.{host}")
    assert f"pip install 'rules-runtime[{host}]'" in out
