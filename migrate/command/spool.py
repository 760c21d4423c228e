"""Keeps planned outcomes until all files are planned:
in memory while they are few, then in an unnamed file."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType

from migrate.model import Outcome

_IN_MEMORY = 1 << 20


class Spool:
    """Outcomes in the order in which they were put in; memory does not grow with their number."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self.count = 0

    def put(self, outcome: Outcome) -> None:
        self._file.write(pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))
        self.count += 1

    def __iter__(self) -> Iterator[Outcome]:
        self._file.seek(0)
        for _ in range(self.count):
            yield pickle.load(self._file)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
