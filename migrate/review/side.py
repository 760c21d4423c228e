"""One rule before and after: side by side where the terminal is wide enough,
else one above the other."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from migrate.command.terminal import Stream, safe

#: Columns that two pieces of code need beside each other.
WIDE = 100
_BAR = " │ "
_GOES_ON = "  ↪ "


def shown(before: str, after: str, columns: int, stream: Stream) -> Iterator[str]:
    """The lines to print."""
    old, new = _lines(before), _lines(after)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if columns < WIDE:
        for tag, a, b, c, d in codes:
            parts = (
                [("  ", None, old[a:b])]
                if tag == "equal"
                else [("- ", "red", old[a:b]), ("+ ", "green", new[c:d])]
            )
            for mark, style, lines in parts:
                for line in lines:
                    for piece in _cut(line, max(columns - len(mark), 10)):
                        yield stream.paint(mark + piece, style) if style else mark + piece
        return
    width = (columns - len(_BAR)) // 2
    for tag, a, b, c, d in codes:
        for left, right in zip_longest(old[a:b], new[c:d], fillvalue=""):
            for mine, theirs in zip_longest(_cut(left, width), _cut(right, width), fillvalue=""):
                padded = mine + " " * (width - cell_len(mine))
                if tag != "equal":
                    padded = stream.paint(padded, "red") if left else padded
                    theirs = stream.paint(theirs, "green") if right else theirs
                yield (padded + stream.paint(_BAR, "dim") + theirs).rstrip()


def _cut(line: str, width: int) -> list[str]:
    """The line in pieces that fit; no character is lost, and the later pieces are marked."""
    if cell_len(line) <= width:
        return [line]
    first, *rest = chop_cells(line, width)
    rest = chop_cells("".join(rest), width - len(_GOES_ON))
    return [first, *(_GOES_ON + piece for piece in rest)]


def _lines(text: str) -> list[str]:
    return [safe(line.expandtabs(4)) for line in text.splitlines()]
