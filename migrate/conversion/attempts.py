"""Attempts at a file: every rule that can is converted;
one that cannot is settled for less, and the next attempt begins."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from migrate.conversion.report import Reporter
from migrate.model import FileConverted, FileUnchanged, Options, RuleLeft
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan
from migrate.rules.reading import Reading
from migrate.rules.work import Work
from migrate.syntax.edits import Overlap, arranged
from migrate.syntax.pieces import Cutter
from migrate.syntax.printing import Printed, Unprintable, print_changes
from migrate.syntax.silence import silence_in, skip_marker
from migrate.syntax.source import Replacement, Source
from migrate.write.gate import GateError, GateFailure, check
from migrate.write.imports import ImportWriter


class Conversion:
    """The conversion of one file by all dialects that have rules in it."""

    def __init__(
        self, data: bytes, path: str, options: Options, module: Module, readings: Sequence[Reading]
    ) -> None:
        self.data, self.path, self.options = data, path, options
        self.module, self.source = module, module.source
        self.readers: dict[Found, Reading] = {f: r for r in readings for f in r.rules}
        self.readings = readings
        self.verdicts: dict[Found, Bridged | Left] = {}  # of the rules that are not rewritten
        self.unchosen: set[Found] = set()
        self.calls: dict[Found, None] = {}  # that were found outside of rules
        self.trial: frozenset[str] | None = None  # the ids of what is converted on trial
        self.reporter = Reporter(module.source)
        self.new: Source | None = None  # the result, parsed

    def outcome(self) -> FileConverted | FileUnchanged:
        """What becomes of the file."""
        if any(skip_marker(text) == "skip-file" for _, text in self.source.comments):
            reason = "`# rrule-migrate: skip-file` stands in the file"
            left = (self.reporter.left(f, Left("RM205", reason)) for f in self.readers)
            return FileUnchanged(self.path, tuple(left), (), reason)
        for found, reading in self.readers.items():
            if not self._is_chosen(found.id):
                self.unchosen.add(found)
                self.verdicts[found] = Left("RM205", "")
            elif self._is_skipped(found):
                reason = "`# rrule-migrate: skip` stands beside it"
                self.verdicts[found] = Left("RM205", reason)
            elif (verdict := reading.settled(found)) is not None:
                self.verdicts[found] = verdict
        return self._settled()

    def _settled(self) -> FileConverted | FileUnchanged:
        """Attempts until one holds; after every other one something is settled for less."""
        while True:
            work: Work | None = None
            try:
                work = self._attempt()
                if work is not None:
                    return self._finish(work)
            except Unprintable as problem:
                assert work is not None
                self._settle(self._concerned(work, problem.nodes), str(problem))
            except Overlap as overlap:
                self._settle_failure(GateFailure(f"two changes meet: {overlap}"))
            except GateFailure as failure:
                self._settle_failure(failure)

    def _is_skipped(self, found: Found) -> bool:
        """Whether a comment asks to leave a rule alone."""
        start, end = map(self.source.line_of, found.span)
        return not self.module.skipped_lines.isdisjoint(found.lines or range(start, end + 1))

    def _is_chosen(self, id: str) -> bool:
        return all(ids is None or id in ids for ids in (self.options.only, self.trial))

    # ---- one attempt ---------------------------------------------------------------------

    def _attempt(self) -> Work | None:
        """Plan every rule by the verdicts so far; None where one of them had to change."""
        names = NameChooser(self.module.scopes, self.options.runtime)
        work = Work(names, self.options, dict(self.verdicts), self._is_chosen)
        again = False
        bridged = [f for f in self.readers if isinstance(self.verdicts.get(f), Bridged)]
        for found in (*(f for f in self.readers if f not in self.verdicts), *bridged):
            plan = self.readers[found].plan(found, work)
            if isinstance(plan, Plan):
                work.take(found, plan)
            else:
                self._change(found, plan)
                again = True
        return None if again else work

    def _change(self, found: Found, verdict: Bridged | Left) -> None:
        """Have less become of a rule or a call than before, so that there is an end to it."""
        before = self.verdicts.get(found)
        if isinstance(before, Left) or (before is not None and isinstance(verdict, Bridged)):
            raise GateFailure("the rules of the file could not be told apart")
        self.verdicts[found] = verdict

    # ---- what fails ----------------------------------------------------------------------

    def _concerned(self, work: Work, nodes: Sequence[ast.AST]) -> list[Found]:
        """The rules or calls in which nodes stand that cannot be printed,
        or else those that change them."""
        starts = {self.source.span(n)[0] for n in nodes if isinstance(n, (ast.stmt, ast.expr))}
        around = []
        for found in work.done:
            spans = [found.span, *map(self.source.span, found.sites)]
            if any(start <= at < end for start, end in spans for at in starts):
                around.append(found)
        return around or [found for found in work.done if work.changes(found, nodes)]

    def _settle(self, concerned: Sequence[Found], reason: str) -> None:
        """Settle for less with rules or calls."""
        if not concerned:
            raise GateFailure(reason)
        for found in concerned:
            if found in self.readers:
                bridged = found in self.verdicts
                self._change(found, self.readers[found].settle(found, reason, bridged))
            else:
                self._change(found, Left("RM206", reason))

    def _settle_failure(self, failure: GateFailure) -> None:
        """Settle for less with what does not pass the last gate by itself."""
        if self.trial is not None:
            raise failure
        candidates = [
            found
            for found in (*self.readers, *self.calls)
            if not isinstance(self.verdicts.get(found), Left)
        ]
        if not candidates:
            raise failure
        reason = f"its conversion does not pass the last check: {failure}"
        self._settle(self._guilty(candidates), reason)

    def _guilty(self, candidates: Sequence[Found]) -> Sequence[Found]:
        """Which of several fail by themselves, where all of them together do; all, if none does."""
        if len(candidates) == 1:
            return candidates
        middle = len(candidates) // 2
        halves = (candidates[:middle], candidates[middle:])
        found = [one for half in halves if self._fails(half) for one in self._guilty(half)]
        return found or candidates

    def _fails(self, candidates: Sequence[Found]) -> bool:
        """Whether a file in which nothing else is converted does not pass the last gate."""
        saved = dict(self.verdicts)
        self.trial = frozenset(found.id for found in candidates)
        for found in self.readers:
            if found not in candidates:
                self.verdicts[found] = Left("RM205", "")
        try:
            self._settled()
        except GateFailure:
            return True
        finally:
            self.trial, self.verdicts = None, saved
        return False

    # ---- the end -------------------------------------------------------------------------

    def _finish(self, work: Work) -> FileConverted | FileUnchanged:
        """Print what was planned, and have it checked."""
        left = [
            self.reporter.left(found, self.verdicts[found])
            for found in self.readers
            if isinstance(self.verdicts.get(found), Left) and found not in self.unchosen
        ]
        rules = bool(work.done)
        for reading in self.readings:
            for found, plan in reading.outside(work):
                self.calls[found] = None
                if isinstance(plan, Plan):
                    work.take(found, plan)
                else:
                    left.append(self.reporter.left(found, plan))
        printed, imports = Printed((), {}), None
        replacements: list[Replacement] = []
        if work.edits:
            leaving = Leaving.together([reading.leaving(work) for reading in self.readings])
            imports = ImportWriter(self.module, work.names, work.edits, leaving)
            wanted_at = [*(found.node for found in work.done), *(work.helpers if rules else ())]
            imports.rewrite(
                dict.fromkeys(wanted_at),
                lambda: print_changes(work.edits, self.source, self.module.scopes),
            )
            watched = [found.start for found in work.done if found.start is not None]
            printed = print_changes(work.edits, self.source, self.module.scopes, watched)
            replacements += printed.replacements
        if self.options.mark:
            replacements = [*self._marks(left), *replacements]
        replacements = arranged(replacements)
        notes = tuple(self.reporter.note(note, 1) for note in work.file_notes)
        if not replacements:
            reason = "nothing that can be converted" if left else "no legacy rules"
            return FileUnchanged(self.path, tuple(left), notes, reason)
        try:
            result = self.source.spliced(replacements)
            allowed = self._allowed(work, imports, left if self.options.mark else ())
            gone = [*work.gone, *(imports.leaving.dropped if imports else ())]
            dropped = Counter(type(statement).__name__ for statement in gone)
            new = self.new = check(self.source, self.data, result, replacements, allowed, dropped)
        except UnicodeEncodeError as error:
            raise GateFailure(f"the result does not fit the encoding: {error}") from None
        except GateError as error:
            raise GateFailure(str(error)) from None
        converted = self.reporter.converted(work, replacements, printed, new)
        left.sort(key=lambda rule: rule.line)
        return FileConverted(self.path, self.data, result, converted, tuple(left), notes)

    def _allowed(
        self, work: Work, imports: ImportWriter | None, marked: Sequence[RuleLeft]
    ) -> list[tuple[int, int]]:
        """The parts of the old text that may change:
        definitions, their helpers, legacy calls, the import block."""
        cutter = Cutter(self.source, self.module.scopes)
        pieces = [cutter.cut(site) for found in work.done for site in found.sites]
        spans = [found.span for found in work.done]
        spans += [(piece.start, piece.end) for piece in pieces]
        for helper in work.helpers:
            if isinstance(helper, ast.stmt):
                spans.append((cutter.start(helper), self.source.span(helper)[1]))
        spans += [cutter.lines_of(statement) for statement in work.gone]
        if imports is not None:
            leaving = imports.leaving
            spans += [self.source.span(s) for s in leaving.statements]
            spans += [self.source.span(s) for s, _ in leaving.aliases]
            spans += [self.source.span(s) for s in leaving.assignments]
            spans += imports.touched
        lines = [self._whole_lines(span) for span in spans]
        if imports is not None and imports.top is not None:
            lines.append((imports.top, imports.top))
        starts = (self.source.line_starts[rule.line - 1] for rule in marked)
        return [*lines, *((start, start) for start in starts)]

    def _whole_lines(self, span: tuple[int, int]) -> tuple[int, int]:
        start = self.source.text.rfind("\n", 0, span[0]) + 1
        end = self.source.text.find("\n", span[1])
        return start, len(self.source.text) if end < 0 else end + 1

    def _marks(self, left: list[RuleLeft]) -> Iterator[Replacement]:
        silence = silence_in(self.data)
        for rule in left:
            lines = range(rule.line, rule.end_line + 1)
            if rule.code == "RM205" or silence.covers(rule.code, lines):
                continue
            start = self.source.line_starts[rule.line - 1]
            before = self.source.lines[rule.line - 2] if rule.line > 1 else ""
            text = f"# TODO(rrule-migrate {rule.code}): {rule.reason}"
            if before.strip() != text:
                indent = self.source.indentation(rule.line)
                yield Replacement(start, start, f"{indent}{text}\n")
