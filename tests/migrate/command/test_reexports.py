"""Files that get a legacy name from another module of theirs,
and files that get something of the same name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from migrate.command.plan import Job
from migrate.command.pool import plan_all
from migrate.command.reexports import Reexports
from migrate.dialects import signs
from migrate.model import FileConverted, Options
from tests.support.command import RULE, Command

LEGACY = signs(("zygote",), ())


def laid_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from .compat import adjoint", True),
        ("from pkg.compat import (\n    other,\n    adjoint as adj,\n)", True),
        ("from pkg.compat import other, \\\n    adjoint", True),
        ("from . import adjoint", True),
        ("from .far.away import adjoint", True),
        ("from .matrices import adjoint", False),
        ("from .loop import adjoint", False),
        ("from elsewhere import adjoint", False),
    ],
)
def test_imports_are_followed(folder: Path, line: str, expected: bool) -> None:
    laid_out(
        folder,
        {
            "src/pkg/__init__.py": "from .compat import *\n",
            "src/pkg/compat.py": "from zygote_rules import adjoint\n",
            "src/pkg/far/away.py": "from ..compat import adjoint\n",
            "src/pkg/matrices.py": "class adjoint: ...\n",
            "src/pkg/loop.py": "from .loop2 import adjoint\n",
            "src/pkg/loop2.py": "from .loop import adjoint\n",
        },
    )
    (folder / ".git").mkdir()
    path = folder / "src/pkg/rules.py"
    path.write_text(line)
    assert Reexports(LEGACY).lead_to_legacy(str(path), line.encode()) is expected


def test_a_rule_through_a_reexport_is_converted(folder: Path, command: Command) -> None:
    laid_out(folder, {"pkg/__init__.py": "", "pkg/compat.py": "from zygote_rules import adjoint\n"})
    (folder / "pkg" / "rules.py").write_bytes(RULE.replace(b"zygote_rules", b".compat"))
    done = command(".")
    assert "rewrote pkg/rules.py: 1 rule" in done.text
    assert (folder / "pkg/compat.py").read_text() == "from zygote_rules import adjoint\n"


def test_a_module_is_read_and_parsed_once_for_all_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a chain of modules too, and the second time that a file is looked at."""
    compat = "from zygote_rules import adjoint\nmark_of_compat = 1\n"
    chain = "from .compat import adjoint\nmark_of_chain = 1\n"
    laid_out(folder, {"pkg/__init__.py": "", "pkg/compat.py": compat, "pkg/chain.py": chain})
    jobs = []
    for number in range(5):
        source = RULE.replace(b"zygote_rules", b".chain")
        (folder / f"pkg/rules{number}.py").write_bytes(source)
        jobs.append(Job(str(folder / f"pkg/rules{number}.py"), source, Options()))
    parsed: list[object] = []
    real = ast.parse

    def counted(source: str | bytes, *more: object, **named: object) -> ast.AST:
        parsed.append(source.encode() if isinstance(source, str) else source)
        return real(source, *more, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(ast, "parse", counted)
    outcomes = list(plan_all(jobs, 0, len(jobs), 1))
    assert all(isinstance(outcome, FileConverted) for outcome in outcomes)
    assert parsed.count(compat.encode()) == parsed.count(chain.encode()) == 1
