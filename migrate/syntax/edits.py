"""Changes to a text, collected in any order and applied once.

An edit replaces a range or inserts at its two ends (a *wrap*). Wraps may nest and may share an end; the one around the larger range comes out
on the outside, and of two around the same range the one that was added later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from migrate.syntax.source import Replacement


class Overlap(Exception):
    """Two replacements claim the same text."""


@dataclass
class Edits:
    """Edits to one text, by offset."""

    _replaced: dict[tuple[int, int], str] = field(default_factory=dict)
    _openings: list[tuple[int, int, int, str]] = field(default_factory=list)
    _closings: list[tuple[int, int, int, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._replaced or self._openings or self._closings)

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace a range. The same replacement twice counts once."""
        if start == end:
            self.insert(start, text)
            return
        if self._replaced.get((start, end), text) != text:
            raise Overlap(
                f"{start}:{end} would become both {self._replaced[start, end]!r} and {text!r}"
            )
        self._replaced[start, end] = text

    def insert(self, at: int, text: str) -> None:
        """Insert text before what stands at an offset."""
        self._openings.append((at, at, len(self._openings), text))

    def wrap(self, span: tuple[int, int], before: str, after: str) -> None:
        """Put text before and after a range."""
        start, end = span
        self._openings.append((start, end, len(self._openings), before))
        self._closings.append((start, end, len(self._closings), after))

    def snapshot(self) -> Edits:
        """A copy to go back to."""
        return Edits(dict(self._replaced), list(self._openings), list(self._closings))

    def restore(self, saved: Edits) -> None:
        """Forget what came after a snapshot."""
        self._replaced = dict(saved._replaced)
        self._openings = list(saved._openings)
        self._closings = list(saved._closings)

    def merge(self, other: Edits) -> None:
        for (start, end), text in other._replaced.items():
            self.replace(start, end, text)
        for start, end, _, text in other._openings:
            self._openings.append((start, end, len(self._openings), text))
        for start, end, _, text in other._closings:
            self._closings.append((start, end, len(self._closings), text))

    def resolved(self) -> list[Replacement]:
        """The edits as replacements, sorted and apart; edits inside a replaced range are dropped with it."""
        pieces: list[
            tuple[int, int, int, int, str]
        ] = []  # (start, end, rank, order within rank, text)
        outer: list[tuple[int, int]] = []
        for start, end in sorted(self._replaced, key=lambda s: (s[0], -s[1])):
            if outer and start < outer[-1][1]:
                if end > outer[-1][1]:
                    raise Overlap(f"{start}:{end} and {outer[-1][0]}:{outer[-1][1]} overlap")
                continue
            outer.append((start, end))
            pieces.append((start, end, 2, 0, self._replaced[start, end]))

        def swallowed(first: int, last: int) -> bool:
            """Whether a wrap or an insertion lies inside a range that is replaced."""
            at = bisect_right(outer, first, key=lambda span: span[0]) - 1
            if at < 0:
                return False
            start, end = outer[at]
            if first == last:
                return start < first < end
            return last <= end and (first, last) != (start, end)

        closings = [c for c in self._closings if not swallowed(c[0], c[1])]
        openings = [o for o in self._openings if not swallowed(o[0], o[1])]
        closings.sort(key=lambda c: (c[1], -c[0], c[2]))
        openings.sort(key=lambda o: (o[0], -o[1], -o[2] if o[1] > o[0] else o[2]))
        for order, (_, end, _, text) in enumerate(closings):
            pieces.append((end, end, 0, order, text))
        for order, (start, _, _, text) in enumerate(openings):
            pieces.append((start, start, 1, order, text))
        pieces.sort(key=lambda p: (p[0], p[2], p[3]))
        merged: list[Replacement] = []
        for start, end, _, _, text in pieces:
            if merged and merged[-1].end == start:
                last = merged.pop()
                merged.append(Replacement(last.start, end, last.text + text))
            else:
                merged.append(Replacement(start, end, text))
        return merged

    def apply(self, text: str, start: int = 0, end: int | None = None) -> str:
        """The text between two offsets, edited; what is inserted at the end of it belongs to what comes after."""
        end = len(text) if end is None else end
        if end < len(text):
            kept = [o for o in self._openings if not (o[0] == o[1] == end)]
            if len(kept) < len(self._openings):
                inner = Edits(dict(self._replaced), kept, list(self._closings))
                return inner.apply(text, start, end)
        pieces = []
        at = start
        for item in self.resolved():
            if item.start < start or item.end > end:
                continue
            pieces.append(text[at : item.start])
            pieces.append(item.text)
            at = item.end
        pieces.append(text[at:end])
        return "".join(pieces)


class Moves:
    """Where the offsets of a text are after replacements, which are sorted and apart."""

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        self._starts = [r.start for r in replacements]
        self._ends = [r.end for r in replacements]
        grown = (len(r.text) - (r.end - r.start) for r in replacements)
        self._grown = [0, *accumulate(grown)]

    def start(self, offset: int) -> int:
        """An offset at which something starts: what is put there is a part of it."""
        before = bisect_right(self._ends, offset)
        if before and self._starts[before - 1] == offset:
            before -= 1
        return offset + self._grown[before]

    def end(self, offset: int) -> int:
        """An offset at which something ends: what is put there is a part of it."""
        return offset + self._grown[bisect_right(self._ends, offset)]
