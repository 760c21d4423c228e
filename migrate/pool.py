"""Plans many files, in this process or in several, and gives the outcomes in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from migrate.plan import Job, plan_file

if TYPE_CHECKING:
    from migrate.model import Outcome


def plan_all(jobs: Iterable[Job], workers: int | None) -> Iterator[Outcome]:
    for job in jobs:
        yield plan_file(job)
