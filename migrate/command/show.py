"""Shows one file's diff: the patch alone on standard output,
each hunk's notes after it on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.command.diff import coloured, header, hunks, name_in_diff
from migrate.reports.text import TextReport

if TYPE_CHECKING:
    from migrate.command.terminal import Stream
    from migrate.model import FileConverted
    from migrate.reports.report import Report


def show_diff(outcome: FileConverted, out: Stream, report: Report) -> None:
    for line in header(name_in_diff(outcome.path)):
        out.bytes(coloured(line, is_header=True) if out.colour else line)
    text = report if isinstance(report, TextReport) else None
    untold = list(outcome.converted) if text else []
    for hunk in hunks(outcome.before, outcome.after):
        lines = map(coloured, hunk.lines) if out.colour else hunk.lines
        out.bytes(b"".join(lines))
        told = [rule for rule in untold if rule.line <= hunk.end_line]
        if text and told:
            out.flush()  # so that on a terminal the notes come after the hunk
            for rule in told:
                text.rule(outcome.path, rule)
                untold.remove(rule)
    out.flush()
    if text:
        for rule in untold:
            text.rule(outcome.path, rule)
        text.rest(outcome)
    else:
        report.add(outcome)
