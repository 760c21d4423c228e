"""How far a long run has come, on the last line of a terminal;
moves on while one file takes long."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from migrate.command.terminal import safe

if TYPE_CHECKING:
    from migrate.command.terminal import Stream
    from migrate.model import Outcome

_PATIENCE = 0.7  # seconds before anything is shown
_PAUSE = 0.2  # seconds between two updates
_WARM = 1.5  # seconds before a rate means something: the parser is imported first

Text = Callable[[str], str]  # of the time since it began


class Progress:
    """A timer's signal shows it: a thread would keep the workers from being forked."""

    def __init__(self, err: Stream) -> None:
        self.err = err
        self._shows = (
            err.is_terminal
            and hasattr(signal, "setitimer")
            and threading.current_thread() is threading.main_thread()
        )
        self._text: Text | None = None
        self._started = 0.0

    def doing(self, text: Text | None) -> None:
        """What is shown from now on: nothing while the user is asked something."""
        if self._shows:
            if self._text is None and text is not None:
                signal.signal(signal.SIGALRM, self._tick)
                signal.setitimer(signal.ITIMER_REAL, _PATIENCE, _PAUSE)
            if text is None:
                signal.setitimer(signal.ITIMER_REAL, 0)
                self.err.status("")
        self._text, self._started = text, time.monotonic()

    def _tick(self, number: int, frame: object) -> None:
        if self._text is not None and not self.err.busy:
            self.err.status(self._text(clock(time.monotonic() - self._started)))

    def over(self, outcomes: Iterable[Outcome], sizes: dict[str, int]) -> Iterator[Outcome]:
        """The same outcomes; the time left is reckoned by bytes, for files differ in size."""
        total, done, count = sum(sizes.values()), 0, 0
        one = safe(next(iter(sizes))) if len(sizes) == 1 else ""
        started = time.monotonic()

        def text(_: str) -> str:
            seconds = time.monotonic() - started
            if one:
                return f"converting {one}, {clock(seconds)}"
            return line(count, len(sizes), done / max(total, 1), seconds)

        self.doing(text)
        try:
            for outcome in outcomes:
                yield outcome
                count += 1
                done += sizes.get(outcome.path, 0)
                if count < len(sizes):
                    self.doing(text)  # whoever took the outcome may have shown something else
        finally:
            self.doing(None)


def line(count: int, number: int, share: float, seconds: float) -> str:
    """Short enough for 40 columns."""
    if seconds < _WARM:
        return f"{count}/{number} files"
    if not share:
        return f"{count}/{number} files, {clock(seconds)}"
    left = clock(seconds * (1 - share) / share)
    return f"{count}/{number} files, {rate(count, seconds)}, {left} left"


def rate(count: int, seconds: float) -> str:
    """`34/s` or `2.5 s each`: never a nought that says nothing."""
    each = seconds / max(count, 1)
    return f"{1 / each:.0f}/s" if each <= 1 else f"{each:.1f} s each"


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
