"""The report as workflow commands, which GitHub shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from migrate.command.diff import name_in_diff
from migrate.model import FileConverted, FileFailed, Outcome
from migrate.reports.tally import counted

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.reports.tally import Tally


class GithubReport:
    """Rules that are left and rules that could be converted are warnings, notes are notices."""

    def __init__(self, mode: str, emit: Callable[[str], None]) -> None:
        self.mode = mode
        self.emit = emit

    def add(self, outcome: Outcome) -> None:
        name = name_in_diff(outcome.path)
        if isinstance(outcome, FileFailed):
            self._command(
                "error", name, outcome.line, outcome.code, f"{outcome.reason}; {outcome.remedy}"
            )
            return
        if isinstance(outcome, FileConverted):
            for rule in outcome.converted:
                if self.mode != "rewrite":
                    text = f"{rule.name}: a legacy rule that rrule-migrate converts"
                    self._command("warning", name, rule.line, "rrule-migrate", text)
                for note in rule.notes:
                    self._command(
                        "notice", name, note.line, note.code, f"{rule.name}: {note.message}"
                    )
        for note in outcome.notes:
            self._command("notice", name, note.line, note.code, note.message)
        for left in outcome.left:
            if left.code == "RM205":  # a comment says that somebody has looked at it
                continue
            self._command(
                "warning", name, left.line, left.code, f"{left.name}: left as it is: {left.reason}"
            )

    def skip(self, skipped: Skipped) -> None:
        pass

    def finish(self, tally: Tally) -> None:
        text = f"{counted(tally.converted, 'rule')} in {counted(tally.changed, 'file')}, {tally.left} left"
        self.emit(f"::notice title=rrule-migrate::{text}\n")

    def _command(self, level: str, name: str, line: int | None, title: str, message: str) -> None:
        place = f"file={_property(name)}," + (f"line={line}," if line else "")
        self.emit(f"::{level} {place}title={_property(title)}::{_data(message)}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
