"""Reads one file as bytes, or says why that cannot be done; never waits for a FIFO."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.model import FileFailed

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO must not wait for a writer
    | getattr(os, "O_BINARY", 0)
)


def read(path: str) -> bytes | FileFailed:
    """The bytes of a regular file, or why there are none."""
    try:
        return read_bytes(path)
    except OSError as error:
        return why_unreadable(path, error)


def read_bytes(path: str) -> bytes:
    """Like `read`, but raises `OSError`;
    `IsADirectoryError` stands for everything that is no regular file."""
    descriptor = os.open(path, _READ_FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(path)
        wanted = status.st_size + 1
        data = os.read(descriptor, wanted)
        if len(data) != status.st_size:  # a short read, or the file is growing
            chunks = [data]
            while chunk := os.read(descriptor, 1 << 20):
                chunks.append(chunk)
            data = b"".join(chunks)
        return data
    finally:
        os.close(descriptor)


def why_unreadable(path: str, error: OSError) -> FileFailed:
    from migrate.command import faults

    if isinstance(error, IsADirectoryError):
        return faults.not_regular(path)
    if isinstance(error, FileNotFoundError):
        return faults.dangling(path) if os.path.islink(path) else faults.missing(path)
    return faults.unreadable(path, error)
