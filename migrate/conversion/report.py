"""What a conversion says of each rule: where it was and is, its text before and after,
its notes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.model import Note, RuleConverted, RuleLeft
from migrate.rules.plans import Bridged, Found, Left, RuleNote
from migrate.rules.work import Work
from migrate.syntax.edits import Moves
from migrate.syntax.printing import Printed
from migrate.syntax.source import Replacement, Source


class Reporter:
    """Reports on the rules of one file."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def note(self, note: RuleNote, line: int) -> Note:
        """A note as it is reported; `line` is where its rule stands."""
        return Note(note.code, note.message, getattr(note.node, "lineno", line))

    def left(self, found: Found, verdict: Bridged | Left) -> RuleLeft:
        """A rule that stays."""
        start, end = map(self.source.line_of, found.span)
        return RuleLeft(
            found.id, found.name, found.target, start, end, verdict.code, verdict.reason
        )

    def converted(
        self, work: Work, replacements: Sequence[Replacement], printed: Printed, new: Source
    ) -> tuple[RuleConverted, ...]:
        """The rules and calls that have a counterpart in the new text,
        in the order of the old one."""
        moves = Moves(replacements)
        reports = []
        for found in work.done:
            start, end = found.span
            plan = work.plan_of(found)
            new_start, new_end = self._after(found, moves, printed, new)
            if plan.at is not None:
                new_start, new_end = self._within(plan.at, moves)
            reports.append(
                RuleConverted(
                    found.id,
                    found.name,
                    found.target,
                    self.source.line_of(start),
                    self.source.line_of(end),
                    new.line_of(new_start),
                    new.line_of(new_end),
                    self.source.text[start:end],
                    new.text[new_start:new_end],
                    tuple(self.note(n, found.node.lineno) for n in work.notes[found]),
                    plan.form,
                )
            )
        return tuple(sorted(reports, key=lambda r: (r.line, r.end_line)))

    def _within(self, node: ast.stmt, moves: Moves) -> tuple[int, int]:
        """Where the text is now that stands in a definition's place."""
        start, end = self.source.span(node)
        return moves.start(start), moves.end(end)

    def _after(self, found: Found, moves: Moves, printed: Printed, new: Source) -> tuple[int, int]:
        """Where a rule is in the new text."""
        start, end = found.span
        if found.start is None or found.start not in printed.places:
            return moves.start(start), moves.end(end)
        piece, inside, stop = printed.places[found.start]
        at = moves.of(piece)
        if self.source.text[start] != "@":
            return at + inside, at + stop
        return new.text.rfind("@", 0, at + inside), max(at + stop, moves.end(end))
