"""The hooks, run by the real pre-commit program on a scratch repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import BROKEN, MIXED, PLAIN, PROGRAM, ROOT, RULE, environment

HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text()
PRE_COMMIT = shutil.which(
    "pre-commit", path=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
)

pytestmark = pytest.mark.skipif(PRE_COMMIT is None, reason="needs pre-commit")


@pytest.fixture
def scratch(folder: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(folder.parent / "cache"))
    (folder / "rules.py").write_bytes(RULE)
    (folder / "plain.py").write_bytes(PLAIN)
    (folder / "gen.py").write_bytes(RULE)
    (folder / "page.txt").write_bytes(RULE)
    (folder / "pyproject.toml").write_text('[tool.rrule-migrate]\nexclude = ["gen.py"]\n')
    git("add", ".")
    return folder


def run(
    scratch: Path, git: Callable[..., str], hook: str, *, local: bool = True
) -> subprocess.CompletedProcess[str]:
    """One hook on all files; `local` takes this program as it stands instead of installing it."""
    assert PRE_COMMIT is not None
    if not local:
        command = [PRE_COMMIT, "try-repo", str(ROOT), hook, "--all-files"]
    else:
        entry = re.search(rf"- id: {hook}\n(?:  .*\n)*?  entry: rrule-migrate(.*)\n", HOOKS)
        types = re.search(rf"- id: {hook}\n(?:  .*\n)*?  (types_or: .*)\n", HOOKS)
        assert entry
        assert types
        text = f"""repos:
- repo: local
  hooks:
  - id: {hook}
    name: {hook}
    entry: {shlex.join(PROGRAM)}{entry[1]}
    language: system
    {types[1]}
"""
        (scratch / ".pre-commit-config.yaml").write_text(text)
        git("add", ".pre-commit-config.yaml")
        command = [PRE_COMMIT, "run", hook, "--all-files", "--verbose"]
    return subprocess.run(
        command, cwd=scratch, env=environment(), capture_output=True, text=True, check=False
    )


def test_the_hook_rewrites_and_fails_once(scratch: Path, git: Callable[..., str]) -> None:
    done = run(scratch, git, "rrule-migrate")
    assert done.returncode == 1, done.stdout
    assert "files were modified by this hook" in done.stdout
    assert "rewrote rules.py" in done.stdout
    assert b"rrule" in (scratch / "rules.py").read_bytes()
    assert (scratch / "gen.py").read_bytes() == RULE
    assert (scratch / "page.txt").read_bytes() == RULE
    git("add", ".")
    done = run(scratch, git, "rrule-migrate")
    assert done.returncode == 0, done.stdout


def test_the_check_fails_and_changes_nothing(scratch: Path, git: Callable[..., str]) -> None:
    done = run(scratch, git, "rrule-migrate-check")
    assert done.returncode == 1
    assert "would rewrite rules.py" in done.stdout
    assert "rrule-migrate without --check converts them." in done.stdout
    assert "modified" not in done.stdout
    assert (scratch / "rules.py").read_bytes() == RULE
    (scratch / "rules.py").unlink()
    git("add", ".")
    assert run(scratch, git, "rrule-migrate-check").returncode == 0


@pytest.mark.parametrize("hook", ["rrule-migrate", "rrule-migrate-check"])
def test_what_a_person_has_to_do_is_told(scratch: Path, git: Callable[..., str], hook: str) -> None:
    (scratch / "mixed.py").write_bytes(MIXED)
    (scratch / "bad.py").write_bytes(BROKEN)
    git("add", ".")
    done = run(scratch, git, hook)
    assert done.returncode == 1
    assert "- exit code: 2" in done.stdout
    lines = done.stdout.splitlines()
    at = next(
        n for n, line in enumerate(lines) if line.startswith("error: bad.py:4: it is not Python")
    )
    assert lines[at + 1] == "       correct the syntax"
    assert re.search(r"^mixed\.py:\d+: RM201 fill: left as it is: mutating=True", done.stdout, re.M)
    assert "rrule-migrate --explain RM201 says what to do about what is left." in lines


@pytest.mark.parametrize("page", ["README.md", "docs/command/README.md"])
def test_the_hook_on_the_pages(scratch: Path, git: Callable[..., str], page: str) -> None:
    found = re.search(
        r"```yaml\n(repos:\n- repo: local\n.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S
    )
    assert found
    text = found[1].replace("entry: rrule-migrate", f"entry: {shlex.join(PROGRAM)}")
    (scratch / ".pre-commit-config.yaml").write_text(text)
    git("add", ".")
    assert PRE_COMMIT is not None
    done = subprocess.run(
        [PRE_COMMIT, "run", "--all-files"],
        cwd=scratch,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "would rewrite rules.py: 1 rule" in done.stdout
    assert "gen.py" not in done.stdout


@pytest.mark.nightly
def test_the_hook_installs(scratch: Path, git: Callable[..., str]) -> None:
    done = run(scratch, git, "rrule-migrate", local=False)
    assert "rewrote rules.py" in done.stdout, done.stdout + done.stderr
