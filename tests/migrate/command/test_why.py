"""Each converted rule is shown with the passages of the guide that its changes follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.command.plan import Job, plan_file
from migrate.command.why import PASSAGES, why
from migrate.model import FileConverted, Options
from tests.support.command import Command

HEAD = "from zygote_rules import adjoint, accum, nograd, pullback\n\n\nclass Foo: ...\n\n\ndef f(x, y): ...\n\n\n"


def sections(rule: str) -> set[str]:
    outcome = plan_file(Job("a.py", (HEAD + rule).encode(), Options()))
    assert isinstance(outcome, FileConverted), outcome
    return {passage.section.split()[0] for passage in why(outcome.converted[0])}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "@adjoint\ndef f(x, y):\n    return f(x, y), lambda dy: (dy, 2 * dy)\n",
            {"Write", "Include", "nothing"},
        ),
        (
            "@adjoint\ndef f(x: Foo, y):\n    return f(x, y), lambda dy: ({'a': dy}, None)\n",
            {"Write", "Include", "nothing", "Tuples"},
        ),
        (
            "@adjoint\ndef f(g, y):\n    z, back = pullback(g, y)\n    return z, lambda dy: (None, *back(dy))\n",
            {"Write", "Include", "nothing", "Calling"},
        ),
        ("nograd(f)\n", {"@nograd"}),
    ],
)
def test_reasons(rule: str, expected: set[str]) -> None:
    assert sections(rule) >= expected
    if "Foo" not in rule:
        assert "Tuples" not in sections(rule)


def test_they_are_shown(
    folder: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (folder / "a.py").write_text(
        HEAD + "@adjoint\ndef f(x, y):\n    return f(x, y), lambda dy: (dy, None)\n"
    )
    for shown in (command("-i", "a.py", input=b"q\n").text, command("--diff", "-v", "a.py").err):
        assert "why: The pullback returns the tangent of the function itself first." in shown
        assert "::" not in shown
    command("--report", "page.html", "a.py")
    assert PASSAGES[1].section in (folder / "page.html").read_text()
