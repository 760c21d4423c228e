"""Moves the line numbers of messages from the old file to the new one,
once the file is rewritten."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.command.diff import blocks
from migrate.model import FileConverted, Note

if TYPE_CHECKING:
    from collections.abc import Callable


def after_rewriting(outcome: FileConverted) -> FileConverted:
    """What is left and noted, at the lines where it now stands."""
    moved = line_map(outcome.before, outcome.after)

    def notes(old: tuple[Note, ...]) -> tuple[Note, ...]:
        return tuple(replace(note, line=moved(note.line)) for note in old)

    return replace(
        outcome,
        left=tuple(
            replace(rule, line=moved(rule.line), end_line=moved(rule.end_line))
            for rule in outcome.left
        ),
        converted=tuple(
            replace(rule, line=rule.new_line, end_line=rule.new_end_line, notes=notes(rule.notes))
            for rule in outcome.converted
        ),
        notes=notes(outcome.notes),
    )


def line_map(before: bytes, after: bytes) -> Callable[[int], int]:
    """From a 1-based line of `before` to the line of `after` that it became,
    or that stands in its place."""
    equal = [(old, new, size) for old, new, size in blocks(before, after)]
    starts = [old for old, _, _ in equal]

    def moved(line: int) -> int:
        at = bisect_right(starts, line - 1) - 1
        if at < 0:
            return line
        old, new, size = equal[at]
        inside = min(line - 1 - old, size)
        return new + inside + 1

    return moved
