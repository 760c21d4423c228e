"""What a run tells about each file: one module for each way to print it; here one is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.command.request import Request
    from migrate.command.terminal import Stream
    from migrate.reports.report import Report


def new_report(request: Request, stream: Stream, err: Stream) -> Report:
    """The report that the request asks for, on `stream`;
    errors are told on `err` whatever the format."""
    if request.format == "text":
        from migrate.reports.text import TextReport

        verb = {"rewrite": "rewrote", "check": "would rewrite", "diff": "would rewrite"}[
            request.mode
        ]
        if request.filters:
            verb = "converted" if request.mode == "rewrite" else "would convert"
        return TextReport(
            stream,
            err,
            verb,
            request.quiet,
            request.verbose,
            request.statistics,
            _next_step(request),
            lists=request.check,
        )
    from migrate.reports.machine import machine_report

    return machine_report(request, stream, err)


def _next_step(request: Request) -> str:
    """What to do with what a run has found, where that is not plain."""
    if request.plan:
        return f"rrule-migrate --apply {request.plan} carries it out."
    if request.report:
        return f"Open {request.report} in a browser."
    return "rrule-migrate without --check converts them." if request.check else ""
