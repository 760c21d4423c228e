"""Prints what a message code means, with its example, and the lists of all codes and dialects."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from migrate.codes import CODES
from migrate.command.errors import Stop
from migrate.command.terminal import Stream
from migrate.dialects import first_line, names


def explain(name: str, out: Stream) -> None:
    """All that is known about one code."""
    code = CODES.get(name.upper())
    if code is None:
        from difflib import get_close_matches

        close = get_close_matches(name.upper(), CODES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise Stop(f"there is no code {name!r}; {hint}rrule-migrate --list-codes names them all")
    out.line(out.paint(f"{code.code}: {code.title}", "bold"))
    out.line()
    out.line(textwrap.fill(code.explanation, 88))
    for heading, example in (("Before", code.example_before), ("After", code.example_after)):
        if example:
            out.line(f"\n{heading}:\n")
            out.line(textwrap.indent(example, "    "))
    if code.guide:
        out.line(f"\nIn the migration guide: {code.guide}")


def list_codes(out: Stream) -> None:
    for line in lines(out):
        out.line(line)


def list_dialects(out: Stream) -> None:
    """Every legacy language that is read, and what it is."""
    for name in names():
        out.line(f"{out.paint(name, 'cyan')} {first_line(name)}")


def lines(out: Stream) -> Iterator[str]:
    for code in sorted(CODES):
        yield f"{out.paint(code, 'cyan')} {CODES[code].title}"
