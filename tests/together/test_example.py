"""`examples/`: both libraries give the same gradients before and after they are converted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_the_example_library_keeps_its_gradients(tmp_path: Path) -> None:
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy, ignore=shutil.ignore_patterns("__pycache__"))

    before = run("gradient.py", "--save", "before.json", cwd=copy)
    assert before.returncode == 0, before.stdout + before.stderr

    converted = run("-m", "migrate", "optics", cwd=copy)
    assert converted.returncode == 0, converted.stdout + converted.stderr
    for path in (copy / "optics").glob("*.py"):
        assert "zygote_rules" not in path.read_text(encoding="utf-8"), path.name

    after = run("gradient.py", "--compare", "before.json", cwd=copy)
    assert after.returncode == 0, after.stdout + after.stderr
    assert "the same, as finite differences" in after.stdout

    again = run("-m", "migrate", "--check", "optics", cwd=copy)
    assert again.returncode == 0, again.stdout + again.stderr


def test_autograds_example_keeps_its_gradients(tmp_path: Path) -> None:
    """In autograd, which goes on using the rules, and by the rules themselves."""
    pytest.importorskip("autograd")
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy, ignore=shutil.ignore_patterns("__pycache__"))
    script = "survival_gradients.py"

    before = run(script, "--save", "before.json", cwd=copy)
    assert before.returncode == 0, before.stdout + before.stderr

    converted = run("-m", "migrate", "survival", cwd=copy)
    assert converted.returncode == 0, converted.stdout + converted.stderr
    for path in (copy / "survival").glob("[!_]*.py"):
        assert "defvjp(" not in path.read_text(encoding="utf-8"), path.name

    after = run(script, "--compare", "before.json", cwd=copy)
    assert after.returncode == 0, after.stdout + after.stderr
    assert "the same in autograd, the same by rrule" in after.stdout

    again = run("-m", "migrate", "--check", "survival", cwd=copy)
    assert again.returncode == 0, again.stdout + again.stderr

    module = copy / "survival" / "special.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("g / (p * (1 - p))") == 1
    module.write_text(text.replace("g / (p * (1 - p))", "g / p"), encoding="utf-8")
    noticed = run(script, "--compare", "before.json", cwd=copy)
    assert noticed.returncode == 1
    assert "ANOTHER GRADIENT BY RRULE" in noticed.stdout


def test_the_comparison_notices_another_gradient(tmp_path: Path) -> None:
    """A script that cannot fail would prove nothing."""
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert run("gradient.py", "--save", "before.json", cwd=copy).returncode == 0
    module = copy / "optics" / "vectors.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("(2 * dy * v,)") == 1
    module.write_text(text.replace("(2 * dy * v,)", "(dy * v,)"), encoding="utf-8")
    after = run("gradient.py", "--compare", "before.json", cwd=copy)
    assert after.returncode == 1
    assert "ANOTHER GRADIENT" in after.stdout
