"""Writes one file, which then holds either the old bytes or the new ones, never a mixture.

A file is replaced by `rename`, which is the only way to swap its content in one step. What `rename`
would lose is put back first: mode, owner, extended attributes; a symbolic link is resolved, so the
link stays. Under Linux the new content is written to a file without a name (`O_TMPFILE`), which is
named only at the moment before the rename: a run that is killed leaves nothing behind.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.command.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrate.model import FileFailed

_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Written:
    """The file at `path` now holds the new bytes."""

    path: str


def write(path: str, before: bytes, after: bytes) -> Written | FileFailed:
    """Put `after` in the place of `before`,
    unless the file no longer holds `before` or must not be written."""
    from migrate.command import faults

    target = os.path.realpath(path)
    try:
        status = os.stat(target)
        if not _writable(target, status):
            return faults.read_only(path)
        now = read_bytes(target)
        if now == after:  # under another of its names, or by another run, it has been done already
            return Written(path)
        if now != before:
            return faults.changed_meanwhile(path)
        if status.st_nlink > 1 or not _owner_can_be_kept(status):
            _overwrite(target, before, after)
        elif not _folder_writable(os.path.dirname(target)):
            return faults.read_only_folder(path)
        else:
            _replace(target, status, after)
    except FileNotFoundError:
        return faults.changed_meanwhile(path)
    except OSError as error:
        return faults.unwritable(path, error)
    return Written(path)


def _writable(target: str, status: os.stat_result) -> bool:
    # For root every file is writable to the system; its mode bits still say what the owner wants.
    return bool(status.st_mode & _ANY_WRITE) and os.access(target, os.W_OK)


def _folder_writable(folder: str) -> bool:
    return bool(os.stat(folder).st_mode & _ANY_WRITE) and os.access(folder, os.W_OK | os.X_OK)


def _owner_can_be_kept(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return True
    return status.st_uid == os.geteuid() and status.st_gid in {os.getegid(), *os.getgroups()}


def _overwrite(target: str, before: bytes, after: bytes) -> None:
    """Write into the file itself: a rename would part a hard-linked file from its other names, and
    would make this user the owner of a file that is a colleague's.

    There is no atomic way to do that. What can fail is done first (room for a longer file), the
    bytes go in one call with signals held back, and an error puts the old bytes back.
    """
    descriptor = os.open(
        target, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        with _signals_held():
            try:
                if len(after) > len(before) and hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, 0, len(after))
                _write_all(descriptor, after)
                os.ftruncate(descriptor, len(after))
                os.fsync(descriptor)
            except OSError:
                os.lseek(descriptor, 0, os.SEEK_SET)
                _write_all(descriptor, before)
                os.ftruncate(descriptor, len(before))
                raise
    finally:
        os.close(descriptor)


def _replace(target: str, status: os.stat_result, after: bytes) -> None:
    folder = os.path.dirname(target)
    # Short, so that it fits wherever the file's own name does;
    # random, so that two runs do not meet.
    name = os.path.join(folder, f".rrule-migrate-{os.urandom(8).hex()}")
    descriptor, named = _new_file(folder, name)
    try:
        try:
            _write_all(descriptor, after)
            _keep_attributes(target, descriptor, status)
            os.fsync(descriptor)
            if not named:
                _give_name(descriptor, name)
                named = True
        finally:
            os.close(descriptor)
        os.replace(name, target)
        named = False
    finally:
        if named:
            with suppress(OSError):
                os.unlink(name)


def _new_file(folder: str, name: str) -> tuple[int, bool]:
    """A descriptor to write to, and whether it has its name already."""
    flags = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        try:
            return os.open(folder, flags | os.O_TMPFILE, 0o600), False
        except OSError as error:
            import errno

            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
                raise
    return os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600), True


def _give_name(descriptor: int, name: str) -> None:
    # A folder descriptor is what makes Python call linkat(AT_SYMLINK_FOLLOW),
    # which names the file itself.
    folder = os.open(os.path.dirname(name) or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.link(
            f"/proc/self/fd/{descriptor}",
            os.path.basename(name),
            src_dir_fd=folder,
            dst_dir_fd=folder,
            follow_symlinks=True,
        )
    finally:
        os.close(folder)


def _keep_attributes(target: str, descriptor: int, status: os.stat_result) -> None:
    if hasattr(os, "fchown"):
        mine = os.fstat(descriptor)
        if (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(descriptor, status.st_uid, status.st_gid)
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # not every file system has them
            for attribute in os.listxattr(target):
                with suppress(OSError):
                    os.setxattr(descriptor, attribute, os.getxattr(target, attribute))
    if hasattr(os, "fchmod"):
        os.fchmod(
            descriptor, stat.S_IMODE(status.st_mode)
        )  # after fchown, which clears setuid bits


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _signals_held() -> Iterator[None]:
    import signal

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    old = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
