"""The hooks for pre-commit: they name options that exist, and work in the real program."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
ENTRIES = [shlex.split(entry) for entry in re.findall(r"^  entry: (.*)$", HOOKS, flags=re.M)]


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
def test_entries_are_commands_that_the_program_takes(entry: list[str], tmp_path: Path) -> None:
    assert entry[0] == "rrule-migrate"
    file = tmp_path / "x.py"
    file.write_text("x = 1\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "migrate", *entry[1:], str(file)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.nightly
@pytest.mark.skipif(
    not importlib.util.find_spec("pre_commit"), reason="pre-commit is not installed"
)
def test_pre_commit_runs_them(tmp_path: Path) -> None:
    """Installs this project into an environment of pre-commit's own, so it takes a while."""
    env = {
        **os.environ,
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }

    def git(*arguments: str) -> str:
        run = subprocess.run(
            ["git", *arguments], cwd=project, env=env, check=True, capture_output=True, text=True
        )
        return run.stdout.strip()

    project = tmp_path / "project"
    project.mkdir()
    git("init", "-q")
    shutil.copytree(ROOT / "examples" / "optics", project / "optics")
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {ROOT}\n  rev: {revision}\n  hooks:\n  - id: HOOK\n", encoding="utf-8"
    )
    config = (project / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    git("add", "-A")
    git("commit", "-q", "-m", "legacy rules")

    def hook(name: str) -> int:
        (project / ".pre-commit-config.yaml").write_text(
            config.replace("HOOK", name), encoding="utf-8"
        )
        git("add", "-A")
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(command, cwd=project, env=env, check=False).returncode

    assert hook("rrule-migrate-check") == 1
    assert "optics" not in git("diff", "--name-only")
    assert hook("rrule-migrate") == 1  # so that the new text is looked at, and added
    assert "optics/vectors.py" in git("diff", "--name-only")
    assert hook("rrule-migrate") == 0
    assert hook("rrule-migrate-check") == 0
