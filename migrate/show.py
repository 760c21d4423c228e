"""Shows one file's diff: the patch alone on standard output, each hunk's notes after it on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.diff import coloured, header, hunks, name_in_diff

if TYPE_CHECKING:
    from migrate.model import FileConverted
    from migrate.reports.text import TextReport
    from migrate.terminal import Stream


def show_diff(outcome: FileConverted, out: Stream, report: TextReport) -> None:
    for line in header(name_in_diff(outcome.path)):
        out.bytes(coloured(line, is_header=True) if out.colour else line)
    untold = list(outcome.converted)
    for hunk in hunks(outcome.before, outcome.after):
        lines = map(coloured, hunk.lines) if out.colour else hunk.lines
        out.bytes(b"".join(lines))
        told = [rule for rule in untold if rule.line <= hunk.end_line]
        if told:
            out.flush()
            for rule in told:
                report.rule(outcome.path, rule)
                untold.remove(rule)
    out.flush()
    for rule in untold:
        report.rule(outcome.path, rule)
    report.rest(outcome)
