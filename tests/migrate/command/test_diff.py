"""The patch of --diff: `git apply` takes it, whatever the line ends,
the names and the last line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.command import diff
from tests.support.command import RULE, Command

CRLF = RULE.replace(b"\n", b"\r\n")
MIXED_ENDS = RULE.replace(b"\n", b"\r\n", 5)
NO_NEWLINE = RULE.rstrip(b"\n")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(RULE, id="plain"),
        pytest.param(NO_NEWLINE, id="no newline at the end"),
        pytest.param(CRLF, id="crlf"),
        pytest.param(MIXED_ENDS, id="mixed line ends"),
        pytest.param(b"\xef\xbb\xbf" + CRLF, id="byte-order mark"),
        pytest.param(b"# coding: latin-1\n# \xe9\n" + RULE, id="latin-1"),
        pytest.param(RULE + b"\n\x0c\nx = 1\n", id="form feed"),
        pytest.param(b"# " + b"x" * 5000 + b"\n" + RULE, id="long line"),
        pytest.param(
            b"\n" * 30 + RULE + b"y = 2\n" * 30 + RULE[RULE.index(b"def") :], id="two hunks"
        ),
    ],
)
def test_git_apply_makes_what_a_rewrite_makes(
    folder: Path, command: Command, git: Callable[..., str], source: bytes
) -> None:
    git("config", "core.autocrlf", "false")
    (folder / "pkg").mkdir()
    file = folder / "pkg" / "rules.py"
    file.write_bytes(source)
    done = command("--diff", "pkg")
    assert done.code == 1
    git("apply", "-", input=done.out)
    applied = file.read_bytes()
    file.write_bytes(source)
    command("pkg")
    assert file.read_bytes() == applied != source


@pytest.mark.parametrize(
    "name",
    [
        "a b.py",
        "ta\tb.py",
        "new\nline.py",
        'quo"te.py',
        "back\\slash.py",
        "é.py",
        b"\xff\xfe.py",
        "{x}[int].py",
        "-dash.py",
    ],
)
def test_odd_names(
    folder: Path, command: Command, git: Callable[..., str], name: str | bytes
) -> None:
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    with open(path, "wb") as file:
        file.write(RULE)
    done = command("--diff", ".")
    assert done.code == 1
    git("apply", "-", input=done.out)
    with open(path, "rb") as file:
        assert b"@rrule.register" in file.read()


def test_names_are_relative_to_the_repository_not_to_the_folder(
    folder: Path, command: Command, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "rules.py").write_bytes(RULE)
    monkeypatch.chdir(folder / "pkg")
    assert command("--diff", "rules.py").out.startswith(b"--- a/pkg/rules.py\n+++ b/pkg/rules.py\n")
    monkeypatch.chdir("/")
    assert command("--diff", folder / "pkg").out.startswith(b"--- a/pkg/rules.py\n")


def test_outside_git_names_are_relative_to_the_current_folder(
    folder: Path, command: Command
) -> None:
    (folder / "rules.py").write_bytes(RULE)
    assert command("--diff", folder / "rules.py").out.startswith(
        b"--- a/rules.py\n+++ b/rules.py\n"
    )


def test_brackets_and_markup_survive(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(
        RULE.replace(b"def back(dy):", b"def back(dy: 'Optional[int] [/x] [red]'):")
    )
    assert b"Optional[int] [/x] [red]" in command("--diff", "rules.py").out


def test_colour_only_if_asked_for(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(CRLF)
    plain = command("--diff", "rules.py").out
    assert b"\x1b" not in plain
    coloured = command("--diff", "--color", "always", "rules.py").out
    assert b"\x1b[32m+" in coloured
    assert b"\x1b[0m\r\n" in coloured
    import re

    assert re.sub(rb"\x1b\[[\d;]*m", b"", coloured) == plain


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"d", b"e\n"]), max_size=30).map(
    b"".join
)


@given(before=lines, after=lines)
@settings(max_examples=200, deadline=None)
def test_hunks_turn_the_old_file_into_the_new_one(before: bytes, after: bytes) -> None:
    old = before.split(b"\n")
    result: list[bytes] = []
    at = 0
    for hunk in diff.hunks(before, after):
        start = int(hunk.lines[0].split(b"-")[1].split(b",")[0].split(b" ")[0])
        count = sum(line[:1] in b" -" for line in hunk.lines[1:])
        start -= count > 0
        result += [line + b"\n" for line in old[at:start]]
        at = start + count
        for index, line in enumerate(hunk.lines[1:], 1):
            follower = hunk.lines[index + 1] if index + 1 < len(hunk.lines) else b""
            if line[:1] in b" +":
                result.append(line[1:-1] if follower.startswith(b"\\") else line[1:])
    result += [b"\n".join(old[at:])] if at < len(old) else []
    assert b"".join(result) == after


def test_equal_files_have_no_hunks() -> None:
    assert list(diff.hunks(RULE, RULE)) == []
