"""Runs the command on files in a temporary folder, in this process or, where that matters,
in its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import PROGRAM, Command, Done, environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def command(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run in this process: `command("--diff", "a.py", input=b"")`."""
    from migrate.cli import main

    def run(*arguments: str | os.PathLike[str], input: bytes = b"") -> Done:
        capfdbinary.readouterr()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(input)))
        try:
            code = main([os.fspath(argument) for argument in arguments], prog_name="rrule-migrate")
        except SystemExit as stop:
            code = stop.code
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        return Done(int(code or 0), captured.out, captured.err.decode("utf-8", "surrogateescape"))

    return run


@pytest.fixture
def program(folder: Path) -> Command:
    """Run as a process of its own: `program("a.py", env={"NO_COLOR": "1"})`."""

    def run(*arguments: str | bytes, input: bytes = b"", env: dict[str, str] | None = None) -> Done:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            input=input,
            capture_output=True,
            env=environment(**(env or {})),
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape"))

    return run


@pytest.fixture
def git(folder: Path) -> Callable[..., str]:
    """Run git in the folder, which becomes a repository."""

    def run(*arguments: str, input: bytes = b"") -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=folder, input=input, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape")

    run("init", "-q", ".")
    return run
