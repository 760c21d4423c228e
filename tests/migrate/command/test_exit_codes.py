"""The exit codes are told in one place, docs/command/README.md;
here each of them is brought about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command import BROKEN, MIXED, PLAIN, ROOT, RULE, Command

LEFT = MIXED.replace(RULE, RULE[: RULE.index(b"def double")])


@pytest.mark.parametrize(
    ("source", "arguments", "code"),
    [
        pytest.param(PLAIN, (), 0, id="nothing to do"),
        pytest.param(RULE, (), 0, id="done"),
        pytest.param(MIXED, (), 0, id="done, and rules left"),
        pytest.param(LEFT, ("--check",), 0, id="only rules that are left"),
        pytest.param(RULE, ("--check",), 1, id="check"),
        pytest.param(RULE, ("--diff",), 1, id="diff"),
        pytest.param(MIXED, ("--strict",), 1, id="strict"),
        pytest.param(LEFT, ("--strict", "--check"), 1, id="strict check"),
        pytest.param(RULE, ("--report", "page.html"), 0, id="page"),
        pytest.param(RULE, ("--plan", "plan.json"), 0, id="plan"),
        pytest.param(RULE, ("--plan", "plan.json", "--check"), 1, id="plan and check"),
        pytest.param(RULE, ("--nonsense",), 2, id="command line"),
        pytest.param(RULE, ("--select", "XX"), 2, id="unknown code"),
        pytest.param(BROKEN, (), 2, id="not Python"),
        pytest.param(RULE, ("missing.py",), 2, id="missing"),
        pytest.param(BROKEN, ("--check",), 2, id="what failed outweighs what was found"),
    ],
)
def test_codes(
    folder: Path, command: Command, source: bytes, arguments: tuple[str, ...], code: int
) -> None:
    (folder / "rules.py").write_bytes(source)
    assert command(*arguments, "rules.py").code == code


def test_a_mistake_in_the_settings_is_2(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    (folder / "rrule-migrate.toml").write_text("nonsense = 1\n")
    assert command("rules.py").code == 2


def test_the_page_and_the_help_name_the_same_codes(command: Command) -> None:
    """1 under --verify is in test_verify.py, 130 in test_faults.py and test_writing.py."""
    page = (ROOT / "docs" / "command" / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.M)
    assert [code for code, _ in told] == ["0", "1", "2", "130"]
    text = command("--help").text.partition("Exit codes:")[2]
    assert re.findall(r"^ *(\d+)  ", text, re.M) == ["0", "1", "2", "130"]
    options = re.findall(r"--\w+", told[1][1])
    assert options == ["--check", "--diff", "--strict", "--verify"]
    assert all(option in text for option in options)
    assert not re.findall(r"^\| \d+ \|", (ROOT / "README.md").read_text(), re.M)
