"""Writes docs/codes.md, the page of all message codes, from migrate/codes.py.

python -m tools.codes_page
"""

from __future__ import annotations

from pathlib import Path

from migrate.codes import CODES, Code

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"

FAMILIES = {
    "RM1": (
        "Converted, and worth a look",
        "The gradient is the old one. A person may know better.",
    ),
    "RM2": (
        "Left as it was",
        "The rule stays byte for byte as it was, and keeps running through the legacy import.",
    ),
    "RM4": ("Advice", "Shown under `--advise`; `--fix-style` applies what is safe."),
    "RM9": ("The file could not be done", "It is left as it was; the other files are done."),
}


def page() -> str:
    """The text of docs/codes.md."""
    parts = [
        "# Message codes\n",
        (
            "Made from `migrate/codes.py` by `python -m tools.codes_page`. A code keeps its meaning for ever. `--select` and "
            "`--ignore` take codes or the beginnings of them.\n"
        ),
    ]
    for family, (title, meaning) in FAMILIES.items():
        parts.append(f"## {family}xx: {title}\n\n{meaning}\n")
        parts += [entry(code) for code in CODES.values() if code.code.startswith(family)]
    return "\n".join(parts)


def entry(code: Code) -> str:
    """The part of the page about one code."""
    parts = [
        f"### {code.code}\n",
        f"**{code.title[0].upper()}{code.title[1:]}.** {code.explanation}\n",
    ]
    if code.example_before:
        parts.append(f"```python\n{code.example_before}\n```\n")
    if code.example_after:
        parts.append(f"becomes\n\n```python\n{code.example_after}\n```\n")
    if code.guide:
        parts.append(f"In the migration guide: *{code.guide}*.\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
