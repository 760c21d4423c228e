"""README.md: two commands that work, and tables that say what the program does."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.M | re.S)


def test_the_first_two_shell_blocks_are_the_two_commands() -> None:
    assert "rrule-migrate" in COMMANDS[0]
    assert "pytest" in COMMANDS[1]


@pytest.mark.parametrize("block", COMMANDS)
def test_shell_blocks_parse(block: str) -> None:
    subprocess.run(["sh", "-n", "-c", block], check=True)


def test_ci_runs_the_same_commands() -> None:
    """`.ci/run` takes them out of README.md, so that they cannot drift apart."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert "block 1 >" in text and "block 2 >" in text and "README.md" in text
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        target = own(target, page)
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.relative_to(ROOT)} links to {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{page.relative_to(ROOT)} links to {target}"


SITE = "https://rrule-migrate.github.io/rrule-migrate/"
REPOSITORY = (
    "https://github.com/rrule-migrate/rrule-migrate/blob/main/",
    "https://raw.githubusercontent.com/rrule-migrate/rrule-migrate/main/",
)


def own(target: str, page: Path) -> str:
    """An address of this project's site or repository as the relative path of its source."""
    back = "../" * (len(page.relative_to(ROOT).parts) - 1)
    for start in REPOSITORY:
        if target.startswith(start):
            return back + target.removeprefix(start)
    if not target.startswith(SITE):
        return target
    name, hash_, anchor = target.removeprefix(SITE).partition("#")
    source = ROOT / "docs" / name.rstrip("/")
    inside = next((p for p in ("index.md", "README.md") if (source / p).exists()), None)
    file = f"docs/{name}{inside}" if inside else f"docs/{name.rstrip('/')}.md"
    return back + file + hash_ + anchor


def test_the_front_page_has_no_relative_links() -> None:
    """It is shown on the package index too, where they would lead nowhere."""
    for page in (ROOT / "README.md", ROOT / "rules_runtime" / "README.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        assert re.findall(r"\]\((?!https://)[^)]*\)", text) == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *$", page.read_text(encoding="utf-8"), flags=re.M)
    plain = (re.sub(r"[^\w\- ]", "", h.lower()) for h in headings)
    return {h.replace(" ", "-") for h in plain}
