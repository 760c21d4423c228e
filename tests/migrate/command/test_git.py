"""Uncommitted changes: a tracked file that has some is not rewritten; everything else is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import RULE, Command

Git = Callable[..., str]


@pytest.fixture
def tracked(folder: Path, git: Git) -> Path:
    file = folder / "rules.py"
    file.write_bytes(RULE)
    git("add", "rules.py")
    git("commit", "-q", "-m", "x")
    return file


def test_a_clean_tracked_file_is_rewritten(tracked: Path, command: Command) -> None:
    assert command("rules.py").code == 0
    assert tracked.read_bytes() != RULE


@pytest.mark.parametrize("staged", [False, True])
def test_a_dirty_one_is_refused_and_the_others_are_done(
    tracked: Path, command: Command, git: Git, staged: bool
) -> None:
    tracked.write_bytes(RULE + b"# mine\n")
    if staged:
        git("add", "rules.py")
    new = tracked.with_name("new.py")
    new.write_bytes(RULE)
    done = command(".")
    assert done.code == 2
    assert "error: rules.py: it has uncommitted changes" in done.err
    assert "--allow-dirty" in done.err
    assert tracked.read_bytes() == RULE + b"# mine\n"
    assert new.read_bytes() != RULE


def test_allow_dirty(tracked: Path, command: Command) -> None:
    tracked.write_bytes(RULE + b"# mine\n")
    assert command("--allow-dirty", ".").code == 0
    assert b"rrule" in tracked.read_bytes()


@pytest.mark.parametrize(("mode", "code"), [("--check", 1), ("--diff", 1)])
def test_reading_never_refuses(tracked: Path, command: Command, mode: str, code: int) -> None:
    tracked.write_bytes(RULE + b"# mine\n")
    done = command(mode, ".")
    assert done.code == code
    assert "uncommitted" not in done.err


def test_a_dirty_file_with_nothing_to_convert_is_not_mentioned(
    tracked: Path, command: Command
) -> None:
    tracked.write_bytes(b"x = 1\n")
    done = command(".")
    assert (done.code, done.err) == (0, "")


def test_a_file_moved_in_the_index(tracked: Path, command: Command, git: Git) -> None:
    git("mv", "rules.py", "moved name.py")
    done = command(".")
    assert done.code == 2
    assert "moved name.py: it has uncommitted changes" in done.err


def test_git_is_asked_once_and_only_before_writing(
    tracked: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\nexec {os.popen("command -v git").read().strip()} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    command("--check", ".")
    command("--diff", ".")
    assert not log.exists()
    tracked.with_name("two.py").write_bytes(RULE)
    command(".")
    assert log.read_text().count("status") == 1


def test_a_file_in_a_repository_within_the_repository(
    tracked: Path, command: Command, git: Git
) -> None:
    inner = tracked.parent / "inner"
    inner.mkdir()
    git("init", "-q", "inner")
    (inner / "rules.py").write_bytes(RULE)
    git("-C", "inner", "add", ".")
    git("-C", "inner", "commit", "-q", "-m", "x")
    (inner / "rules.py").write_bytes(RULE + b"# mine\n")
    done = command(".")
    assert done.code == 2
    assert "inner/rules.py: it has uncommitted changes" in done.err
    assert b"rrule" in tracked.read_bytes()


def test_what_git_cannot_say_is_not_guessed(
    tracked: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    done = command("rules.py")
    assert done.code == 2
    assert "git cannot say" in done.err
    assert command("--allow-dirty", "rules.py").code == 0


def test_the_index_is_not_written(tracked: Path, command: Command) -> None:
    index = tracked.parent / ".git" / "index"
    os.utime(tracked)  # makes git want to refresh its index
    before = index.read_bytes()
    command("rules.py")
    assert index.read_bytes() == before
