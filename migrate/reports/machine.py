"""Reports for programs: each failed file is told to people too, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.model import FileFailed
from migrate.reports.text import print_failure

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.command.request import Request
    from migrate.command.terminal import Stream
    from migrate.model import Outcome
    from migrate.reports.report import Report
    from migrate.reports.tally import Tally


def machine_report(request: Request, stream: Stream, err: Stream) -> Report:
    """The report of `request.format`."""
    if request.format == "sarif":
        from migrate.reports.sarif import SarifReport

        return WithFailures(SarifReport(request.mode, stream.text), err)
    if request.format == "github":
        from migrate.reports.github import GithubReport

        return WithFailures(GithubReport(request.mode, stream.text), err)
    from migrate.reports.jsonfile import JsonReport

    return WithFailures(JsonReport(request.mode, stream.text, verbose=request.verbose), err)


class WithFailures:
    """Another report, and the failures on standard error."""

    def __init__(self, report: Report, err: Stream) -> None:
        self.report = report
        self.err = err

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome, FileFailed):
            print_failure(self.err, outcome)
        self.report.add(outcome)

    def skip(self, skipped: Skipped) -> None:
        self.report.skip(skipped)

    def finish(self, tally: Tally) -> None:
        self.report.finish(tally)
