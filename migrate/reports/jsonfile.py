"""The report as one JSON document; docs/command/report.schema.json says what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from migrate import __version__
from migrate.model import FileConverted, FileFailed, Outcome

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.reports.tally import Tally

VERSION = 1


class JsonReport:
    """`mode` is rewrite, check or diff."""

    def __init__(self, mode: str, emit: Callable[[str], None], *, verbose: bool = False) -> None:
        self.mode = mode
        self.emit = emit
        self.verbose = verbose
        self.files: list[dict[str, Any]] = []

    def add(self, outcome: Outcome) -> None:
        entry: dict[str, Any] = {"path": outcome.path}
        if isinstance(outcome, FileFailed):
            error = {
                "code": outcome.code,
                "reason": outcome.reason,
                "remedy": outcome.remedy,
                "line": outcome.line,
            }
            entry |= {"status": "failed", "error": error}
        elif isinstance(outcome, FileConverted):
            entry["status"] = "rewritten" if self.mode == "rewrite" else "would change"
            entry["converted"] = [asdict(rule) for rule in outcome.converted]
        elif outcome.left or outcome.notes or self.verbose:
            entry |= {"status": "unchanged", "reason": outcome.reason}
        else:
            return
        if not isinstance(outcome, FileFailed):
            entry["left"] = [asdict(rule) for rule in outcome.left]
            entry["notes"] = [asdict(note) for note in outcome.notes]
        self.files.append(entry)

    def skip(self, skipped: Skipped) -> None:
        if self.verbose:
            self.files.append({"path": skipped.path, "status": "skipped", "reason": skipped.reason})

    def finish(self, tally: Tally) -> None:
        document = {
            "version": VERSION,
            "tool": {"name": "rrule-migrate", "version": __version__},
            "mode": self.mode,
            "files": self.files,
            "summary": {
                "looked_at": tally.looked_at,
                "changed": tally.changed,
                "converted": tally.converted,
                "left": tally.left,
                "failed": tally.failed,
                "codes": dict(sorted(tally.codes.items())),
            },
        }
        self.emit(json.dumps(document, indent=2) + "\n")
