"""How far a long run has come, with rate and time left, on the last line of a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.command.terminal import Stream
    from migrate.model import Outcome

_PATIENCE = 0.7  # seconds before anything is shown
_PAUSE = 0.1  # seconds between two updates
_WARM = 1.5  # seconds before a rate means something: the parser is imported first


def watched(outcomes: Iterable[Outcome], sizes: dict[str, int], err: Stream) -> Iterator[Outcome]:
    """The same outcomes; the time left is reckoned by bytes, for files differ in size."""
    if not err.is_terminal:
        yield from outcomes
        return
    started = shown = time.monotonic()
    total, done, count = sum(sizes.values()), 0, 0
    try:
        for outcome in outcomes:
            yield outcome
            count += 1
            done += sizes.get(outcome.path, 0)
            now = time.monotonic()
            if now - started > _PATIENCE and now - shown > _PAUSE and count < len(sizes):
                shown = now
                err.status(line(count, len(sizes), done / max(total, 1), now - started))
    finally:
        err.status("")


def line(count: int, number: int, share: float, seconds: float) -> str:
    """Short enough for 40 columns."""
    if seconds < _WARM or not share:
        return f"{count}/{number} files"
    minutes, rest = divmod(round(seconds * (1 - share) / share), 60)
    return f"{count}/{number} files, {count / seconds:.0f}/s, {minutes}:{rest:02} left"
