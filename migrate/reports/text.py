"""The report for people: one line for each thing to know, a summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.command.terminal import Stream, safe
from migrate.reports.tally import Tally, counted

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.model import (
        FileConverted,
        FileFailed,
        FileUnchanged,
        Note,
        Outcome,
        RuleConverted,
        RuleLeft,
    )


class TextReport:
    """`verb` says what happened to a changed file; it is empty where a diff says so already."""

    def __init__(
        self,
        stream: Stream,
        errors: Stream,
        verb: str,
        quiet: bool = False,
        verbose: bool = False,
        statistics: bool = False,
        next_step: str = "",  # where there is something to convert
        lists: bool = False,  # each rule, also where not verbose
    ) -> None:
        self.stream = stream
        self.errors = errors
        self.verb = verb
        self.quiet = quiet
        self.verbose = verbose
        self.statistics = statistics
        self.next_step = next_step
        self.lists = lists
        self.left: set[str] = set()  # the codes of rules that were left
        self.explained: set[str] = set()  # reasons that were told in full

    def add(self, outcome: Outcome) -> None:
        from migrate.model import FileConverted, FileFailed

        if isinstance(outcome, FileFailed):
            print_failure(self.errors, outcome)
            return
        if isinstance(outcome, FileConverted):
            what = counted(len(outcome.converted), "rule") if outcome.converted else "marks only"
            self._line(f"{self.stream.paint(self.verb, 'green')} {safe(outcome.path)}: {what}")
            for rule in outcome.converted:
                self.rule(outcome.path, rule)
        elif self.verbose and not outcome.left:
            self._line(f"unchanged {safe(outcome.path)}: {outcome.reason}")
        self.rest(outcome)

    def rule(self, path: str, rule: RuleConverted) -> None:
        """What there is to say of one converted rule."""
        if self.verbose or self.lists:
            form = f" ({rule.form})" if rule.form else ""
            done = "to convert" if self.verb.startswith("would") else "converted"
            self._line(f"{safe(path)}:{rule.line}: {done}: {safe(rule.title)}{form}")
        if self.verbose:
            from migrate.command.why import why

            for passage in why(rule):
                more = "" if passage.sentence in self.explained else f" {passage.text}"
                self.explained.add(passage.sentence)
                self._line(f"    why: {passage.sentence}{more}")
        for note in rule.notes:
            self._note(path, rule.name, note)

    def rest(self, outcome: FileConverted | FileUnchanged) -> None:
        """What there is to say of a file apart from its converted rules."""
        for note in outcome.notes:
            self._note(outcome.path, "", note)
        for left in outcome.left:
            self.left.add(left.code)
            self._left(outcome.path, left)

    def skip(self, skipped: Skipped) -> None:
        if self.verbose:
            self._line(f"skipped {safe(skipped.path)}: {skipped.reason}")

    def finish(self, tally: Tally) -> None:
        if self.statistics and tally.codes:
            for code, count in sorted(tally.codes.items()):
                self._line(f"{count:6} {code} {title_of(code)}".rstrip())
        if not self.quiet:
            self._line(self.stream.paint(summary(tally, self.verb), "bold"))
            if self.next_step and tally.changed:
                self._line(safe(self.next_step))
            if self.left:
                code = next(iter(self.left)) if len(self.left) == 1 else "CODE"
                self._line(f"rrule-migrate --explain {code} says what to do about what is left.")

    def _note(self, path: str, rule: str, note: Note) -> None:
        about = f"{rule}: " if rule else ""
        self._about(path, note.line, note.code, f"{about}{note.message}", "cyan")

    def _left(self, path: str, rule: RuleLeft) -> None:
        self._about(
            path, rule.line, rule.code, f"{rule.name}: left as it is: {rule.reason}", "yellow"
        )

    def _about(self, path: str, line: int, code: str, text: str, style: str) -> None:
        self._line(f"{safe(path)}:{line}: {self.stream.paint(code, style)} {safe(text)}")

    def _line(self, text: str) -> None:
        if not self.quiet:
            self.stream.line(text)


def print_failure(errors: Stream, failure: FileFailed) -> None:
    """On standard error: what, where, why, and what to do."""
    place = safe(failure.path) + (f":{failure.line}" if failure.line else "")
    errors.line(
        f"{errors.paint('error:', 'red bold')} {place}: {safe(failure.reason)} [{failure.code}]"
    )
    errors.line(f"       {safe(failure.remedy)}")


def summary(tally: Tally, verb: str) -> str:
    would = verb.startswith("would")
    parts = []
    if tally.changed:
        changed = "would change" if would else "changed"
        converted = "to convert" if would else "converted"
        parts.append(
            f"{counted(tally.changed, 'file')} {changed}, {counted(tally.converted, 'rule')} {converted}"
        )
    elif not (tally.failed or tally.declined):
        parts.append(f"nothing to convert in {counted(tally.looked_at, 'file')}")
    if tally.declined:
        parts.append(f"{counted(tally.declined, 'rule')} not accepted")
    if tally.left:
        parts.append(f"{counted(tally.left, 'rule')} left")
    if tally.failed:
        parts.append(f"{counted(tally.failed, 'file')} failed")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:] + "."


def title_of(code: str) -> str:
    try:
        from migrate.codes import CODES
    except ImportError:
        return ""
    return CODES[code].title if code in CODES else ""
