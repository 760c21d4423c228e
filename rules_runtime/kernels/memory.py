"""Memory that is kept between calls, and how it is let go of."""

from __future__ import annotations

from collections.abc import Callable

KEEPERS: list[Callable[[], None]] = []  # of what keeps memory, how it lets go


def release_memory() -> None:
    """Give the memory that is kept for the next gradient back to the system."""
    for release in KEEPERS:
        release()
