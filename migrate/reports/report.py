"""What every report is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.model import Outcome
    from migrate.reports.tally import Tally


class Report(Protocol):
    """Told each outcome once it is final, each file that was passed over,
    and at the end the counts."""

    def add(self, outcome: Outcome) -> None: ...

    def skip(self, skipped: Skipped) -> None: ...

    def finish(self, tally: Tally) -> None: ...
