"""The table of docs/hosts.md: converted rules in every host, gradients, forwards, second order."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOSTS = {
    "autograd": "autograd",
    "PyTorch": "torch",
    "JAX, eager": "jax",
    "JAX, jitted": "jax jitted",
}
#: Second derivatives that are errors: the text of these pullbacks cannot be traced.
UNTRACED = {
    *("real_attention.py block", "real_attention.py block plain"),
    *("real_finance.py black call", "real_finance.py black put"),
    *("real_finance.py discount", "real_finance.py swap_rate"),
    *("real_graphs.py propagate", "real_simulation.py drift"),
    *("real_statistics.py mixture", "real_statistics.py std"),
}
#: A case whose rule has nothing to differentiate, and raises.
RAISES = "real_statistics.py reparam none tape gradient: NotImplementedError: Exponential"


def documented(row: str) -> list[int]:
    """The second figure of each cell: that of the project's own files."""
    page = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
    cells = re.search(rf"^\| {re.escape(row)} \|(.*·.*)\|$", page, flags=re.M)
    assert cells is not None
    return [int(cell.split("·")[1]) for cell in cells[1].split("|")]


def run(name: str, part: str) -> tuple[dict[str, tuple[int, int]], set[str]]:
    """By what was asked the cases that are right and all of them, and the cases named as errors."""
    script = ROOT / "tests" / "together" / "run_hosts.py"
    options = [str(ROOT / "tests" / "fixtures" / "legacy"), "-k", part, "--hosts", name]
    done = subprocess.run(
        [sys.executable, str(script), *options], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.findall(rf"^{name} +(\w+) +(\d+) of (\d+) ok, 0 wrong$", done.stdout, flags=re.M)
    named = re.findall(rf"^(real_\w+\.py .+) {name} second: ", done.stdout, flags=re.M)
    others = re.findall(r"^real_\w+\.py .* (?:gradient|forwards): .*$", done.stdout, flags=re.M)
    assert set(others) <= {RAISES}, others
    return {asked: (int(ok), int(of)) for asked, ok, of in counts}, set(named)


def check(row: str, part: str) -> list[int]:
    name = HOSTS[row]
    module = name.split()[0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    counts, named = run(name, part)
    assert named == {case for case in UNTRACED if part in case}
    for asked, (ok, of) in counts.items():
        assert ok == of - (len(named) if asked == "second" else 0)
    return [counts[asked][0] for asked in ("gradient", "forwards", "second")]


@pytest.mark.parametrize("row", HOSTS)
def test_some_of_the_table(row: str) -> None:
    assert check(row, "real_finance")[0] > 0


@pytest.mark.nightly
@pytest.mark.parametrize("row", HOSTS)
def test_the_table(row: str) -> None:
    """A minute of imports and compilations."""
    assert check(row, "real_") == documented(row)
