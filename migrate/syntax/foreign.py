"""Says what a text may be that is no Python 3: Python 2, or Julia."""

from __future__ import annotations

import re

#: What only Python 2 reads, as a line that the parser of Python 3 stops at shows it.
_PYTHON_2 = re.compile(
    r"""^\s*(?:.*:\s*|else\s*:\s*)?(?:
        print\s+[^\s(=.,\[]
      | exec\s+[\w"'(]
      | raise\s+[\w.]+\s*,
      | except\s+(?:[\w.]+|\(.*\))\s*,\s*\w+\s*:
    )
    | \b(?:lambda|def\s+\w+\()\s*\([\w\s,]*,[\w\s,]*\)
    | <> | `[^`]+` | \b0[0-7]+\b | \b\d+[lL]\b | \b[uU][rR]["']
    """,
    re.VERBOSE,
)
_JULIA = re.compile(r"(?m)^[ \t]*@adjoint!?[ \t]+(?:function\b|[\w.]+\()|^[ \t]*end[ \t]*$")


def what_else(text: str, line: int | None) -> tuple[str, str] | None:
    """A reason and a remedy for a text that does not parse at a line; nothing if it is a slip."""
    if _JULIA.search(text):
        return (
            "it is Julia, and rrule-migrate reads the Python spelling of @adjoint rules",
            "name Python files, or folders that hold them",
        )
    lines = text.split("\n")
    if line is not None and 0 < line <= len(lines) and _PYTHON_2.search(lines[line - 1]):
        return (
            "it is Python 2, not Python for this interpreter",
            "make it Python 3 first (2to3 does most of it), and convert the rules then",
        )
    return None
