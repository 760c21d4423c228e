"""Pages for people: what they print as Python runs as it is printed, in the order of the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Made from migrate/codes.py: fragments of files before and after, which tests of the codes convert.
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
    script = tmp_path / f"{page.stem}.py"
    lines = [""] * max(line + text.count("\n") for line, text in blocks(page))
    for line, text in blocks(
        page
    ):  # where it stands on the page, so that a traceback names the line
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
