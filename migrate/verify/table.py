"""Prints what --verify found out, as a table."""

from __future__ import annotations

from migrate.command.terminal import Stream, safe
from migrate.reports.tally import counted
from migrate.verify.checking import Differs, NotTried, Verdict, Verified


def print_table(verdicts: list[Verdict], stream: Stream) -> None:
    """One line for each rule, the differences last."""
    rows = [_row(verdict) for verdict in sorted(verdicts, key=_rank)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    styles = {"verified": "green", "differs": "red bold", "not tried": "yellow"}
    for state, place, text in rows:
        padded = stream.paint(state.ljust(widths[0]), styles[state])
        stream.line(f"{padded}  {place.ljust(widths[1])}  {text}".rstrip())
    number = {
        kind: sum(isinstance(one, kind) for one in verdicts)
        for kind in (Verified, Differs, NotTried)
    }
    summary = f"{counted(number[Verified], 'rule')} verified, {number[Differs]} different, {number[NotTried]} not tried."
    stream.line(stream.paint(summary, "bold"))


def _rank(verdict: Verdict) -> int:
    return (Verified, NotTried, Differs).index(type(verdict))


def _row(verdict: Verdict) -> tuple[str, str, str]:
    place = f"{safe(verdict.path)}:{verdict.rule.line} {safe(verdict.rule.name)}"
    match verdict:
        case Verified():
            return (
                "verified",
                place,
                f"{counted(verdict.cases, 'case')}{verdict.remark and '; ' + safe(verdict.remark)}",
            )
        case Differs():
            return "differs", place, safe(verdict.how)
        case NotTried():
            return "not tried", place, safe(verdict.why)
