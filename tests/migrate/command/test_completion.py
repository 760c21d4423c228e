"""Shell completion, set up as docs/command/README.md says, in the shells that are there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import PROGRAM, ROOT, environment

PAGE = (ROOT / "docs" / "command" / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def path(folder: Path, tmp_path: Path) -> str:
    """Where the shell finds `rrule-migrate`."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "rrule-migrate"
    program.write_text(
        "#!/bin/sh\n"
        f"exec {shlex.quote(PROGRAM[0])} -c "
        '\'from migrate.cli import main; main(prog_name="rrule-migrate")\' "$@"\n'
    )
    program.chmod(0o755)
    return f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"


def set_up(shell: str) -> str:
    """The line that the page gives for a shell."""
    line = re.search(r"^eval .*bash_source.*$", PAGE, re.M)
    if shell == "fish":
        line = re.search(r"^.*fish_source.*$", PAGE, re.M)
    assert line
    return line[0].partition("  #")[0].replace("bash_source", f"{shell}_source")


def said(shell: str, script: str, path: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    options = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *options, "-c", script],
        env=environment(PATH=path, HOME=os.getcwd()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--ver",), {"--verify", "--verbose", "--version"}),
        (("--explain", "RM90"), {"RM901", "RM902"}),
        (("--format", "s"), {"sarif"}),
    ],
)
def test_bash(path: str, words: tuple[str, ...], expected: set[str]) -> None:
    script = f"""
{set_up("bash")}
COMP_WORDS=(rrule-migrate {" ".join(words)}); COMP_CWORD={len(words)}
_rrule_migrate_completion rrule-migrate
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    assert set(said("bash", script, path).split()) == expected


def test_bash_completes_file_names(path: str) -> None:
    for words in ("so", "--apply so", "--report so"):
        script = f"""
{set_up("bash")}
compopt() {{ echo "compopt $@"; }}
COMP_WORDS=(rrule-migrate {words}); COMP_CWORD={len(words.split())}
_rrule_migrate_completion rrule-migrate
"""
        assert "compopt -o default" in said("bash", script, path)


def test_zsh(path: str) -> None:
    script = f"""
autoload -U compinit; compinit -u -d ./dump
{set_up("zsh")}
echo $_comps[rrule-migrate]
"""
    assert said("zsh", script, path).strip() == "_rrule_migrate_completion"


def test_fish(path: str) -> None:
    script = f"""{set_up("fish")}
complete -C 'rrule-migrate --ver'
"""
    words = {line.partition("\t")[0] for line in said("fish", script, path).splitlines()}
    assert words == {"--verify", "--verbose", "--version"}
