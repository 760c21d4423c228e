"""What is kept between runs, in the user's folder for such state."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import sha256

_KEPT = 5000  # files


def state_file(name: str) -> str:
    """The path of one such file; the folder need not be there."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(
        os.path.expanduser("~"), ".local", "state"
    )
    return os.path.join(state, "rrule-migrate", name)


class OwnChanges:
    """What this tool has made of files, so that its own changes are not taken for the user's.

    A review writes what was accepted; when it goes on, git calls those files changed.
    """

    def __init__(self) -> None:
        self._file = state_file("written.json")
        self._digests: dict[str, str] = {}
        with suppress(OSError, ValueError), open(self._file, encoding="utf-8") as file:
            found = json.load(file)
            if isinstance(found, dict):
                self._digests = found

    def made(self, path: str, content: bytes) -> bool:
        """Whether this is what the tool wrote, when the file had no other changes."""
        return self._digests.get(os.path.realpath(path)) == sha256(content).hexdigest()

    def add(self, path: str, content: bytes) -> None:
        """The file now holds this; that it cannot be kept costs a question only."""
        real = os.path.realpath(path)
        self._digests.pop(real, None)
        self._digests[real] = sha256(content).hexdigest()
        latest = dict(list(self._digests.items())[-_KEPT:])
        with suppress(OSError):
            os.makedirs(os.path.dirname(self._file), exist_ok=True)
            with open(self._file, "w", encoding="utf-8") as file:
                json.dump(latest, file)
