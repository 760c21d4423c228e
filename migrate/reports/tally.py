"""Counts what a run did, for the summary and the exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.model import Outcome


class Tally:
    """One per run; outcomes are added as they become final."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.changed = 0
        self.converted = 0
        self.left = 0
        self.unseen = 0  # of those, the ones that no comment says to skip
        self.failed = 0
        self.declined = 0  # rules that a review left as they are
        self.codes: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        from migrate.model import FileConverted, FileFailed

        if isinstance(outcome, FileFailed):
            self.failed += 1
            self.codes[outcome.code] += 1
            return
        if isinstance(outcome, FileConverted):
            self.changed += 1
            self.converted += len(outcome.converted)
            for rule in outcome.converted:
                self.codes.update(note.code for note in rule.notes)
        self.left += len(outcome.left)
        self.unseen += sum(rule.code != "RM205" for rule in outcome.left)
        self.codes.update(rule.code for rule in outcome.left)
        self.codes.update(note.code for note in outcome.notes)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
