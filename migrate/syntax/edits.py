"""Replacements of ranges of a text: put in order, and where offsets are after them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from migrate.syntax.source import Replacement


class Overlap(Exception):
    """Two replacements claim the same text."""


def arranged(replacements: Iterable[Replacement]) -> list[Replacement]:
    """Replacements sorted and apart; what is inserted at one place
    stays in the order in which it comes."""
    found = sorted(replacements, key=lambda r: (r.start, r.end))
    for one, other in pairwise(found):
        if other.start < one.end:
            raise Overlap(f"{one.start}:{one.end} and {other.start}:{other.end} overlap")
    return found


def replaced_in(text: str, replacements: Sequence[Replacement], start: int, end: int) -> str:
    """The text between two offsets with arranged replacements made."""
    pieces = []
    at = start
    for item in replacements:
        pieces += [text[at : item.start], item.text]
        at = item.end
    return "".join([*pieces, text[at:end]])


class Moves:
    """Where the offsets of a text are after replacements, which are arranged.

    An offset inside of what is replaced becomes the start or the end of the new text.
    """

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        self._numbers = {id(r): number for number, r in enumerate(replacements)}
        self._starts = [r.start for r in replacements]
        self._ends = [r.end for r in replacements]
        grown = (len(r.text) - (r.end - r.start) for r in replacements)
        self._grown = [0, *accumulate(grown)]

    def start(self, offset: int) -> int:
        """An offset at which something starts: what is put there is a part of it."""
        before = bisect_left(self._starts, offset)
        if before and offset < self._ends[before - 1]:
            return self._starts[before - 1] + self._grown[before - 1]
        return offset + self._grown[before]

    def end(self, offset: int) -> int:
        """An offset at which something ends: what is put there is a part of it."""
        before = bisect_right(self._ends, offset)
        if before < len(self._starts) and self._starts[before] < offset:
            return self._ends[before] + self._grown[before + 1]
        return offset + self._grown[before]

    def of(self, replacement: Replacement) -> int:
        """Where the text of a replacement starts."""
        return replacement.start + self._grown[self._numbers[id(replacement)]]
