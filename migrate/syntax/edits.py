"""Replacements of ranges of a text: put in order, and where offsets are after them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from migrate.syntax.source import Replacement


class Overlap(Exception):
    """Two replacements claim the same text."""


def arranged(replacements: Iterable[Replacement]) -> list[Replacement]:
    """Replacements sorted and apart; what is inserted at one place stays in the order in which it comes."""
    found = sorted(replacements, key=lambda r: (r.start, r.end))
    for one, other in pairwise(found):
        if other.start < one.end:
            raise Overlap(f"{one.start}:{one.end} and {other.start}:{other.end} overlap")
    return found


class Moves:
    """Where the offsets of a text are after replacements, which are arranged."""

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        self._replacements = replacements
        self._starts = [r.start for r in replacements]
        self._ends = [r.end for r in replacements]
        grown = (len(r.text) - (r.end - r.start) for r in replacements)
        self._grown = [0, *accumulate(grown)]

    def start(self, offset: int) -> int:
        """An offset at which something starts: what is put there is a part of it."""
        return offset + self._grown[bisect_left(self._starts, offset)]

    def end(self, offset: int) -> int:
        """An offset at which something ends: what is put there is a part of it."""
        return offset + self._grown[bisect_right(self._ends, offset)]

    def of(self, replacement: Replacement) -> int:
        """Where the text of a replacement starts."""
        return replacement.start + self._grown[self._replacements.index(replacement)]
