"""Asks about each planned conversion and passes on what was accepted.

Nothing is written to the files here: the outcomes that come out hold the accepted rules alone, and
go to the same writer as those of any other run. So everything is asked before anything is written.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TextIO

from migrate.command import faults
from migrate.command.excerpt import Excerpts
from migrate.command.plan import Job, plan_file
from migrate.command.terminal import Stream, safe, wrapped
from migrate.command.why import why
from migrate.model import FileConverted, FileUnchanged, Options, Outcome, RuleConverted
from migrate.reports.tally import counted
from migrate.review.answers import Accepted, Answer, Answers, Rejected, key_of
from migrate.review.editor import BadEdit, edited_in_editor, with_text
from migrate.review.side import shown

KEYS = "y,n,a,d,q,e,?"
BACK = "b"  # where there is an earlier rule
HELP = """\
y - convert this rule
n - leave this rule as it is
a - convert this rule and all later ones in this file
d - leave this rule and all later ones in this file
q - ask no more: write what was accepted, leave the rest
b - go back to the rule before this one
e - edit the new rule in $EDITOR, then look at it again
? - print this help
"""


class Session:
    """One review. `options_of` gives the options that a file was planned with."""

    def __init__(
        self,
        out: Stream,
        answers: Answers,
        options_of: Callable[[str], Options],
        *,
        fresh: bool = False,
        edits: bool = True,  # whether an edited rule can be carried out
        source: TextIO | None = None,
    ) -> None:
        self.out = out
        self.answers = answers
        self.options_of = options_of
        self.fresh = fresh
        self.edits = edits
        self.source = source or sys.stdin
        self.stopped = False
        self.declined = 0
        self.decided: list[tuple[FileConverted, frozenset[str]]] = []  # and the ids accepted
        self._keys = KEYS
        self._warned = False
        self._shown: Excerpts | None = None  # of the file that is asked about

    def reviewed(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        planned = list(outcomes)
        rules = [
            (outcome, rule)
            for outcome in planned
            if isinstance(outcome, FileConverted)
            for rule in outcome.converted
        ]
        keys = {key_of(outcome.path, rule) for outcome, rule in rules}
        if self.fresh:
            self.answers.forget(keys)
        if known := sum(key in self.answers for key in keys):
            self.out.line(
                f"Taking up an earlier review: {counted(known, 'answer')} kept (--fresh asks again)."
            )
        self._ask_all(rules)
        if self.stopped and any(key not in self.answers for key in keys):
            self.out.line("Run the same command again to go on with the rest.")
        for one in planned:
            yield self._narrowed(one) if isinstance(one, FileConverted) else one
        if not self.stopped:
            self.answers.forget(keys)

    def _ask_all(self, rules: list[tuple[FileConverted, RuleConverted]]) -> None:
        """In order; a rule that was answered is asked again only if the user goes back to it."""
        at = 0
        again = False
        while at < len(rules) and not self.stopped:
            outcome, rule = rules[at]
            if again or key_of(outcome.path, rule) not in self.answers:
                again = self._ask(outcome, rule, f"{at + 1}/{len(rules)}", is_first=at == 0)
                at += -1 if again else 1
            else:
                at += 1

    def _ask(
        self, outcome: FileConverted, rule: RuleConverted, position: str, *, is_first: bool
    ) -> bool:
        """Whether to go back."""
        key = key_of(outcome.path, rule)
        text = rule.after
        if key in self.answers and isinstance(given := self.answers[key], Accepted):
            text = given.text or rule.after
        self._show(outcome, rule, text, position)
        while True:
            self._keys = KEYS if is_first else f"{KEYS[:-1]}{BACK},?"
            answer = self._prompt()
            edited = None if text == rule.after else text
            if answer == "q":
                self.stopped = True
                return False
            if answer == BACK and not is_first:
                return True
            if answer in ("y", "n"):
                self.answers.give(key, Accepted(edited) if answer == "y" else Rejected())
                self._warn()
                return False
            if answer in ("a", "d"):
                self.answers.give(key, Accepted(edited) if answer == "a" else Rejected())
                later = outcome.converted[outcome.converted.index(rule) + 1 :]
                self._give(outcome, later, Accepted() if answer == "a" else Rejected())
                return False
            if answer == "e" and not self.edits:
                self.out.line("A plan holds rules as they are shown: answer y or n to this one.")
            elif answer == "e":
                try:
                    indentation = self._excerpts(outcome).indentation(rule)
                    changed = edited_in_editor(indentation + text).removeprefix(indentation)
                    with_text(outcome, rule, changed)
                except BadEdit as problem:
                    self.out.line(self.out.paint(str(problem), "red"))
                else:
                    text = changed
                    self._show(outcome, rule, text, position)
            else:
                columns = shutil.get_terminal_size().columns
                for text_line in HELP.splitlines():
                    for line in wrapped(text_line, columns):
                        self.out.line(line)

    def _prompt(self) -> str:
        """One letter; the end of the input is a q."""
        self.out.text(self.out.paint(f"Convert this rule [{self._keys}]? ", "bold"))
        self.out.flush()
        line = self.source.readline()
        if not line:
            self.out.line()
            return "q"
        if not self.source.isatty():  # a terminal shows what is typed
            self.out.line(line.strip())
        return line.strip().lower()[:1] or "?"

    def _give(self, outcome: FileConverted, rules: Iterable[RuleConverted], answer: Answer) -> None:
        for rule in rules:
            key = key_of(outcome.path, rule)
            if key not in self.answers:
                self.answers.give(key, answer)
        self._warn()

    def _warn(self) -> None:
        if self.answers.trouble and not self._warned:
            self._warned = True
            text = f"Your answers hold for this run only: {safe(self.answers.trouble)}"
            self.out.line(self.out.paint(text, "yellow"))

    def _excerpts(self, outcome: FileConverted) -> Excerpts:
        if self._shown is None or self._shown.outcome is not outcome:
            self._shown = Excerpts(outcome)
        return self._shown

    def _show(self, outcome: FileConverted, rule: RuleConverted, text: str, position: str) -> None:
        columns = shutil.get_terminal_size().columns
        excerpts = self._excerpts(outcome)
        around = excerpts.around(rule)
        title = f"{rule.title} in class {around}" if around else rule.title
        place = f"{safe(outcome.path)}:{rule.line}: {safe(title)} ({position})"
        self.out.line()
        for line in wrapped(place, columns):
            self.out.line(self.out.paint(line, "bold"))
        before, after = excerpts.before(rule), excerpts.after(rule, text)
        for line in shown(before, after, columns, self.out):
            self.out.line(line)
        for passage in why(rule):
            for line in wrapped(f"why: {passage.sentence}", columns):
                self.out.line(self.out.paint(line, "dim"))
        for note in rule.notes:
            first, *rest = wrapped(f"{note.code} line {note.line}: {safe(note.message)}", columns)
            self.out.line(first.replace(note.code, self.out.paint(note.code, "cyan"), 1))
            for line in rest:
                self.out.line(line)

    def _narrowed(self, outcome: FileConverted) -> Outcome:
        """The outcome with the accepted rules alone."""
        accepted: dict[str, Accepted] = {}
        for rule in outcome.converted:
            key = key_of(outcome.path, rule)
            if key in self.answers and isinstance(answer := self.answers[key], Accepted):
                accepted[rule.id] = answer
        self.declined += len(outcome.converted) - len(accepted)
        self.decided.append((outcome, frozenset(accepted)))
        if not accepted:
            return FileUnchanged(
                outcome.path, outcome.left, outcome.notes, "nothing in it was accepted"
            )
        if len(accepted) < len(outcome.converted):
            options = replace(self.options_of(outcome.path), only=frozenset(accepted))
            again = plan_file(Job(outcome.path, outcome.before, options))
            if not isinstance(again, FileConverted):
                return again
            # What has to be said of the file does not depend on what was accepted.
            left = {one.id: one for one in (*outcome.left, *again.left)}
            by_line = tuple(sorted(left.values(), key=lambda one: one.line))
            outcome = replace(again, left=by_line, notes=outcome.notes)
        for rule in reversed(outcome.converted):  # from below: what is above keeps its line
            text = accepted[rule.id].text if rule.id in accepted else None
            if text is not None:
                try:
                    outcome = replace(outcome, after=with_text(outcome, rule, text))
                except BadEdit as problem:
                    return faults.edit_does_not_fit(outcome.path, rule, str(problem))
        return outcome
