"""Pages for people: Python runs as it is printed, in the order of the page;
commands and settings are taken."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from migrate.command.config import Finder
from migrate.command.request import Request
from migrate.options import Options, Settings, declared, flags_of

ROOT = Path(__file__).resolve().parent.parent
#: Made from migrate/codes.py: fragments of files before and after,
#: which tests of the codes convert.
FRAGMENTS = {ROOT / "docs" / "codes.md"}
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
    if page not in FRAGMENTS
)

#: What a reader of the pages has beside this project: the package of the old language, and Ray.
READER = """
import sys, types, rules_runtime.legacy
sys.modules["zygote_rules"] = rules_runtime.legacy
sys.modules.setdefault("ray", types.ModuleType("ray"))
"""

TESTS = """
for name, value in page.items():
    if name.startswith("test_") and name != "test_rrule":
        value()
"""


def blocks(page: Path) -> list[tuple[int, str]]:
    """The code that a page marks as Python: `(line, text)`."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start()) + 2, found[2])
        for found in re.finditer(r"^( *)```python\n(.*?)^ *```$", text, flags=re.M | re.S)
    ]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_code_runs_as_printed(page: Path, tmp_path: Path) -> None:
    for name in re.findall(
        r"^(?:import|from) (jax|torch|autograd)\b", page.read_text(), flags=re.M
    ):
        pytest.importorskip(name, reason=f"{name} is not installed")
    script = tmp_path / f"{page.stem}.py"
    lines = [""] * max(line + text.count("\n") for line, text in blocks(page))
    for line, text in blocks(page):
        # where it stands on the page, so that a traceback names the line
        if "import tensorflow" in text and find_spec("tensorflow") is None:
            continue
        lines[line - 1 : line - 1 + text.count("\n")] = text.splitlines()
    script.write_text("\n".join(lines), encoding="utf-8")
    runner = (
        f"{READER}\nimport runpy\npage = runpy.run_path({str(script)!r}, run_name='page')\n{TESTS}"
    )
    run = subprocess.run(
        [sys.executable, "-c", runner],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, f"{page.relative_to(ROOT)}:\n{run.stderr}"


def fenced(language: str) -> list[tuple[str, str]]:
    """(where, text) of each block of a language on all pages."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", flags=re.M | re.S)
    return [
        (f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found[1])
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for found in pattern.finditer(text)
    ]


def test_commands_on_pages_have_options_that_exist() -> None:
    known = {
        flag
        for group in (Settings, Options, Request)
        for name, _, _, option in declared(group)
        for flag in flags_of(name, option)
    }
    commands = [line for _, text in fenced("console") for line in text.splitlines()]
    commands += re.findall(r"`(rrule-migrate [^`]+)`", "".join(p.read_text() for p in PAGES))
    used = {
        flag.split("=")[0]
        for line in commands
        if "rrule-migrate" in line
        for flag in re.findall(r"(?<=\s)--?[a-z][\w=-]*", line.split(" | ")[0].split("#")[0])
    }
    assert used - known - {"--help"} == set()
    assert len(used) > 5


@pytest.mark.parametrize(("where", "text"), fenced("toml"), ids=lambda v: v.split("\n")[0])
def test_settings_on_pages_are_taken(where: str, text: str, tmp_path: Path) -> None:
    if "[tool.rrule-migrate]" in text:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        assert Finder().nearest(str(tmp_path)).source
    else:
        assert tomllib.loads(text)


@pytest.mark.parametrize(("where", "text"), fenced("yaml"), ids=lambda v: v.split("\n")[0])
def test_hooks_on_pages_are_taken_by_pre_commit(where: str, text: str, tmp_path: Path) -> None:
    hooks = tmp_path / ".pre-commit-config.yaml"
    hooks.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(hooks)]
    subprocess.run(command, check=True, capture_output=True)
