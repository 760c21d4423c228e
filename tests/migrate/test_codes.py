"""Message codes: one table, which the program, its page and the program's sources agree on."""

from __future__ import annotations

import re
from pathlib import Path

from migrate.codes import CODES
from tools import codes_page

ROOT = Path(__file__).resolve().parents[2]


def codes_in_sources() -> dict[str, str]:
    """Each code that a module other than the table mentions, with one such module."""
    found: dict[str, str] = {}
    for path in (ROOT / "migrate").rglob("*.py"):
        if path.name != "codes.py":
            for code in re.findall(r"\bRM\d{3}\b", path.read_text(encoding="utf-8")):
                found[code] = str(path.relative_to(ROOT))
    return found


def test_every_code_of_the_program_is_in_the_table() -> None:
    assert {c: where for c, where in codes_in_sources().items() if c not in CODES} == {}


def test_every_code_of_the_table_is_used() -> None:
    assert set(CODES) - set(codes_in_sources()) == set()


def test_the_page_is_up_to_date() -> None:
    assert codes_page.PAGE.read_text(encoding="utf-8") == codes_page.page(), (
        "run python -m tools.codes_page"
    )


def test_every_code_has_a_family_and_an_explanation() -> None:
    for code in CODES.values():
        assert code.code[:3] in codes_page.FAMILIES
        assert code.explanation.endswith("."), code.code
        assert code.code[:3] == "RM9" or code.code == "RM210" or code.example_before, code.code
