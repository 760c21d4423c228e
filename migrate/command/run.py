"""One run of the command: search, plan, then show or write, and report; returns the exit code.

Everything is planned before anything is written: a file that is being planned may look at the
modules around it, which must still be the old ones.

Start-up is counted in milliseconds, of which each dataclass takes one: here and in the modules
imported at the top, values are dataclasses and what merely keeps state is a plain class. What a run
over plain files does not need is imported where it is used.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, TextIO

from migrate.command.errors import Stop
from migrate.command.progress import Progress
from migrate.command.terminal import Stream, safe
from migrate.reports import new_report
from migrate.reports.tally import Tally, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migrate.command.discover import Skipped
    from migrate.command.git import Worktrees
    from migrate.command.hints import Hints
    from migrate.command.request import Request
    from migrate.command.state import OwnChanges
    from migrate.model import FileConverted, FileFailed, Options, Outcome
    from migrate.reports.report import Report

OK, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130


def run(request: Request, out: Stream, err: Stream) -> int:
    """Do what is asked for and return the exit code."""
    if request.output is None:
        stream = err if request.diff or request.filters else out
        return Run(request, out, err, new_report(request, stream, err))()
    with opened("--output", request.output) as file:
        stream = Stream(file, colour=False)
        code = Run(request, out, err, new_report(request, stream, err))()
        stream.flush()
        if stream.trouble is not None:
            raise stream.trouble
        return code


@contextmanager
def opened(option: str, path: str) -> Iterator[TextIO]:
    """A file that the user asked for by an option."""
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
    except OSError as error:
        raise Stop(
            f"{option} {path}: cannot be written: {error.strerror}; name a file in a folder that you may write to"
        ) from None


class Run:
    """`out` and `err` are the two standard streams;
    `report` is told each outcome once it is final."""

    def __init__(self, request: Request, out: Stream, err: Stream, report: Report) -> None:
        self.request = request
        self.out = out
        self.err = err
        self.report = report
        self.tally = Tally()
        self.differs = 0  # files of which --verify found a rule that does
        self.untried = 0  # rules that --verify could not try, and cases that failed
        self.decided: list[tuple[FileConverted, frozenset[str]]] = []  # by a review
        self.hints: Hints | None = None
        self.progress = Progress(err)
        self.options_of: Callable[[str], Options]  # those that a file was planned with

    def __call__(self) -> int:
        try:
            if self.request.filters:
                self._filter()
                return self.exit_code()
            self._files()
        except KeyboardInterrupt:
            self.out.flush()
            done = "nothing was written"
            if self.request.writes and self.tally.changed:
                number = counted(self.tally.changed, "file")
                done = f"{number} {'was' if self.tally.changed == 1 else 'were'} rewritten"
            self.err.clear_echo()
            rest = "answers are kept, run again to go on" if self.request.interactive else ""
            self.err.line(f"interrupted: {done}; {rest or 'run again to do the rest'}")
            return INTERRUPTED
        if self.request.diff and self.out.closed:
            return FOUND  # whoever read the diff has seen enough
        self.report.finish(self.tally)
        self._hint()
        return self.exit_code()

    def exit_code(self) -> int:
        if self.tally.failed:
            return FAILED
        if self.tally.changed and (self.request.diff or self.request.check):
            return FOUND
        if self.differs or (self.request.strict and (self.tally.unseen or self.untried)):
            return FOUND
        return OK

    def tell(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        self.report.add(outcome)

    def show(self, outcome: FileConverted) -> None:
        """Like `tell`, with the file's diff."""
        from migrate.command.show import show_diff

        self.tally.add(outcome)
        show_diff(outcome, self.out, self.report)

    def _filter(self) -> None:
        """Standard input to standard output: the file, or its diff, and nothing else."""
        import sys

        from migrate.command.filter import planned
        from migrate.command.hints import Hints
        from migrate.model import FileConverted

        source = sys.stdin.buffer.read()
        self.hints = Hints(self.request.given.get("legacy_modules", ()), self.request.paths)
        outcome = planned(source, self.request, self.hints)
        self.tally.looked_at = 1
        if self.request.diff and isinstance(outcome, FileConverted):
            self.show(outcome)
        else:
            self.tell(outcome)
            if self.request.writes:  # what fails comes out as it came in: no editor loses it
                self.out.bytes(outcome.after if isinstance(outcome, FileConverted) else source)
        self.out.flush()
        self._hint()

    def _hint(self) -> None:
        if self.hints is not None and not self.request.quiet:
            found = bool(self.tally.changed or self.tally.left or self.tally.failed)
            self.hints.show(self.err, self.tally.looked_at, found)

    def _files(self) -> None:
        outcomes = self._carried_out() if self.request.apply else self._planned()
        if self.request.only:
            outcomes = self._with_every_id(outcomes)
        if self.request.verify:
            outcomes = self._verified(outcomes)
        if self.request.interactive:
            outcomes = self._reviewed(outcomes)
        if self.request.diff:
            self._show(outcomes)
        elif self.request.writes:
            self._rewrite(outcomes)
        else:
            self._look(outcomes)

    def _with_every_id(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """The same outcomes; that --only names a rule that there
        is not is found out before anything is written."""
        from migrate.model import FileConverted, FileFailed

        missing = set(self.request.only)
        for outcome in outcomes:
            if isinstance(outcome, FileFailed):
                missing.clear()  # they may be in it, and its own message is enough
            else:
                missing -= {rule.id for rule in outcome.left}
                if isinstance(outcome, FileConverted):
                    missing -= {rule.id for rule in outcome.converted}
            yield outcome
        if missing and not self.tally.failed:
            names = ", ".join(sorted(missing))
            raise Stop(
                f"--only {names}: there is no such rule here; its text has changed, or it is converted already; "
                "--plan and --report give the ids"
            )

    def _planned(self) -> Iterator[Outcome]:
        from migrate.command.search import Search

        search = Search(self.request, self._skip, self.tell)
        self.hints = search.hints
        self.progress.doing(lambda _: f"searching, {search.looked_at} files")
        candidates = list(search.candidates())
        self.progress.doing(None)
        self.tally.looked_at = search.looked_at
        if candidates:
            from migrate.command.pool import plan_all, plan_over

            self.options_of = search.options_of(candidates)
            sizes = {candidate.path: candidate.size for candidate in candidates}
            jobs = search.jobs(candidates)
            if self.request.executor:
                from migrate.command.executors import executor_for

                with executor_for(self.request.executor) as executor:
                    yield from self.progress.over(plan_over(executor, jobs), sizes)
                return
            outcomes = plan_all(jobs, sum(sizes.values()), len(candidates), self.request.jobs)
            yield from self.progress.over(outcomes, sizes)

    def _carried_out(self) -> Iterator[Outcome]:
        """What a plan says, of the files that are named, or of all."""
        from migrate.command import files, saved_plan
        from migrate.command.plan import plan_file
        from migrate.model import FileFailed

        assert self.request.apply is not None
        plan = saved_plan.loaded(self.request.apply)
        chosen = list(saved_plan.choose(plan, self.request.paths, self.request.only))
        options = {file.path: file.options for file in chosen}
        self.options_of = options.__getitem__
        self.tally.looked_at = len(chosen)
        for file in chosen:
            source = files.read(file.path)
            job = source if isinstance(source, FileFailed) else saved_plan.job_of(file, source)
            if isinstance(job, FileFailed):
                yield job
            else:
                yield saved_plan.checked(file, plan_file(job))

    def _verified(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """The same outcomes; a file of which a rule differs stays as it is."""
        from migrate.model import FileConverted, FileFailed, FileUnchanged
        from migrate.verify.checking import Differs, Verified, checked
        from migrate.verify.table import print_table

        self.err.line("--verify imports and runs the files that it checks, and what they import")
        verdicts = []
        for outcome in outcomes:
            if isinstance(outcome, FileConverted):
                self.progress.doing(partial("verifying {}, {}".format, safe(outcome.path)))
                found = checked(outcome, self.request.cases, self.request.time_limit)
                self.progress.doing(None)
                if isinstance(found, FileFailed):
                    yield found
                    continue
                verdicts += found
                differing = tuple(verdict.left for verdict in found if isinstance(verdict, Differs))
                self.untried += sum(not isinstance(one, Verified | Differs) for one in found)
                if differing:
                    self.differs += 1
                    left = sorted((*outcome.left, *differing), key=lambda rule: rule.line)
                    reason = "a converted rule gave something else"
                    outcome = FileUnchanged(outcome.path, tuple(left), outcome.notes, reason)
            yield outcome
        self.progress.doing(None)
        print_table(
            verdicts, self.err if self.request.diff or self.request.format != "text" else self.out
        )

    def _reviewed(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        from migrate.review.answers import Answers
        from migrate.review.session import Session

        def options_of(path: str) -> Options:
            return self.options_of(path)  # known once the planning, which is lazy, has begun

        request = self.request
        if request.writes and not request.allow_dirty:
            outcomes = self._committed(outcomes)
        session = Session(
            self.out, Answers(), options_of, fresh=request.fresh, edits=request.plan is None
        )
        yield from session.reviewed(outcomes)
        self.tally.declined = session.declined
        self.decided = session.decided

    def _committed(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """The same outcomes, all planned;
        what could not be written is said before the first question."""
        from migrate.model import FileConverted

        for outcome in list(outcomes):
            fault = self._refused(outcome) if isinstance(outcome, FileConverted) else None
            if fault is not None:
                self.tell(fault)
            else:
                yield outcome

    def _refused(self, outcome: FileConverted) -> FileFailed | None:
        """Why git's word forbids to rewrite the file:
        changes that are not committed and not our own."""
        from migrate.command import faults, git

        match self.worktrees.state_of(outcome.path):
            case git.Dirty() if not self.own_changes.made(outcome.path, outcome.before):
                return faults.uncommitted(outcome.path)
            case git.Unknown(complaint):
                return faults.unknown_to_git(outcome.path, complaint)
        return None

    @cached_property
    def worktrees(self) -> Worktrees:
        from migrate.command.git import Worktrees

        return Worktrees()

    @cached_property
    def own_changes(self) -> OwnChanges:
        from migrate.command.state import OwnChanges

        return OwnChanges()

    def _look(self, outcomes: Iterator[Outcome]) -> None:
        """Tell what would change, and keep it in a plan or on a page if that is asked for."""
        from migrate.model import FileConverted

        kept = []
        for outcome in outcomes:
            self.tell(outcome)
            if self.request.plan or self.request.report:
                kept.append(outcome)
        if self.request.plan:
            from migrate.command import saved_plan

            every = [(one, None) for one in kept if isinstance(one, FileConverted)]
            plan = [
                saved_plan.planned(one, self.options_of(one.path), chosen)
                for one, chosen in (self.decided if self.request.interactive else every)
            ]
            with opened("--plan", self.request.plan) as file:
                file.write(saved_plan.dumped(plan))
        if self.request.report:
            from migrate.reports.page import page

            with opened("--report", self.request.report) as file:
                file.write(page(kept, self.request))

    def _skip(self, skipped: Skipped) -> None:
        self.report.skip(skipped)

    def _show(self, outcomes: Iterator[Outcome]) -> None:
        for outcome in outcomes:
            from migrate.model import FileConverted

            if isinstance(outcome, FileConverted):
                self.show(outcome)
                if self.out.closed:
                    return
            else:
                self.tell(outcome)

    def _rewrite(self, outcomes: Iterator[Outcome]) -> None:
        first = next(outcomes, None)
        if first is None:
            return
        from migrate.command.spool import Spool
        from migrate.model import FileConverted

        with Spool() as spool:
            spool.put(first)
            for outcome in outcomes:
                spool.put(outcome)
            for outcome in spool:
                self.tell(self._written(outcome) if isinstance(outcome, FileConverted) else outcome)

    def _written(self, outcome: FileConverted) -> Outcome:
        from migrate.command.lines import after_rewriting
        from migrate.command.writing import write
        from migrate.model import FileFailed

        if not self.request.allow_dirty and (fault := self._refused(outcome)):
            return fault
        written = write(outcome.path, outcome.before, outcome.after)
        if isinstance(written, FileFailed):
            return written
        part = self.request.interactive or self.request.only or self.request.apply
        if part and not self.request.allow_dirty:
            self.own_changes.add(outcome.path, outcome.after)
        return after_rewriting(outcome)
