"""Which legacy languages a run reads: by the command line, by the settings,
or those that need not be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate import dialects
from tests.support.command import RULE, Command

VJP = b"""from autograd.extend import defvjp, primitive


@primitive
def double(x):
    return 2 * x


defvjp(double, lambda ans, x: lambda g: 2 * g)
"""


@pytest.fixture
def files(folder: Path) -> None:
    (folder / "zygote.py").write_bytes(RULE)
    (folder / "autograd.py").write_bytes(VJP)


def changed(folder: Path) -> set[str]:
    return {p.name for p in folder.glob("*.py") if p.read_bytes() not in (RULE, VJP)}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {"autograd.py", "zygote.py"}),
        (("--dialect", "zygote"), {"zygote.py"}),
        (("--dialect", "autograd"), {"autograd.py"}),
        (("--dialect", "autograd,zygote"), {"autograd.py", "zygote.py"}),
        (("--dialect", "autograd", "--dialect", "zygote"), {"autograd.py", "zygote.py"}),
    ],
)
def test_the_command_line_chooses(
    folder: Path, command: Command, words: tuple[str, ...], expected: set[str]
) -> None:
    assert command(*words, ".").code == 0
    assert changed(folder) == expected


@pytest.mark.usefixtures("files")
def test_the_settings_choose_and_are_outvoted(folder: Path, command: Command) -> None:
    (folder / "rrule-migrate.toml").write_text('dialects = ["autograd"]\n')
    command("--dialect", "zygote", "--check", ".")
    assert "zygote.py" in command("--dialect", "zygote", "--check", ".").text
    command(".")
    assert changed(folder) == {"autograd.py"}


def test_a_name_that_there_is_not(folder: Path, command: Command) -> None:
    done = command("--dialect", "autogard", ".")
    assert done.code == 2
    assert "unknown dialect 'autogard'; did you mean 'autograd'?" in done.err


def test_they_are_listed(folder: Path, command: Command) -> None:
    done = command("--list-dialects")
    assert done.code == 0
    assert [line.split()[0] for line in done.text.splitlines()] == list(dialects.names())
