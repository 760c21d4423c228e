"""Prints what --verify found out, as a table."""

from __future__ import annotations

import shutil

from migrate.command.terminal import Stream, safe, wrapped
from migrate.reports.tally import counted
from migrate.verify.checking import CaseFailed, Differs, NotTried, Verdict, Verified

_STYLES = {
    "verified": "green",
    "differs": "red bold",
    "not tried": "yellow",
    "case fails": "yellow",
}


def print_table(verdicts: list[Verdict | CaseFailed], stream: Stream) -> None:
    """One row for each rule and each case that fails, the differences last."""
    rows = [_row(verdict) for verdict in sorted(verdicts, key=_rank)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    columns = shutil.get_terminal_size().columns if stream.is_terminal else 0
    indent = " " * (widths[0] + 2)
    for state, place, text, remark in rows:
        row = f"{state.ljust(widths[0])}  {place.ljust(widths[1])}  {text}".rstrip()
        lines = wrapped(row, columns, indent) if columns else [row]
        stream.line(lines[0].replace(state, stream.paint(state, _STYLES[state]), 1))
        if remark:
            lines += wrapped(indent + remark, columns, indent) if columns else [indent + remark]
        for line in lines[1:]:
            stream.line(line)
    number = {
        kind: sum(isinstance(one, kind) for one in verdicts)
        for kind in (Verified, Differs, NotTried, CaseFailed)
    }
    remarks = sum(isinstance(one, Verified) and bool(one.remark) for one in verdicts)
    failed = f"; {counted(number[CaseFailed], 'case')} failed" if number[CaseFailed] else ""
    summary = (
        f"{counted(number[Verified], 'rule')} verified{f' ({remarks} with a remark)' if remarks else ''}, "
        f"{number[Differs]} different, {number[NotTried]} not tried{failed}."
    )
    stream.line(stream.paint(summary if verdicts else "Nothing to verify.", "bold"))


def _rank(verdict: Verdict | CaseFailed) -> int:
    return (Verified, NotTried, CaseFailed, Differs).index(type(verdict))


def _row(verdict: Verdict | CaseFailed) -> tuple[str, str, str, str]:
    if isinstance(verdict, CaseFailed):
        text = f"with the legacy rules: {safe(verdict.how)}"
        return "case fails", f"{safe(verdict.path)} {safe(verdict.label)}", text, ""
    place = f"{safe(verdict.path)}:{verdict.rule.line} {safe(verdict.rule.name)}"
    match verdict:
        case Verified():
            return "verified", place, counted(verdict.cases, "case"), safe(verdict.remark)
        case Differs():
            return "differs", place, safe(verdict.how), ""
        case NotTried():
            return "not tried", place, safe(verdict.why), ""
