"""What can be wrong with a file before or after its conversion:
one function per fault, each a `FileFailed`."""

from __future__ import annotations

import errno
import os

from migrate.model import FileFailed, RuleConverted

MISSING = "RM911"
UNREADABLE = "RM912"
UNWRITABLE = "RM913"
CHANGED_MEANWHILE = "RM914"
UNCOMMITTED = "RM915"
BAD_CASES = "RM916"


def missing(path: str) -> FileFailed:
    return FileFailed(
        path, MISSING, "there is no such file or folder", "check the spelling of the path"
    )


def julia(path: str) -> FileFailed:
    return FileFailed(
        path,
        "RM901",
        "it is Julia, and rrule-migrate reads the Python spelling of @adjoint rules",
        "name Python files, or folders that hold them",
    )


def dangling(path: str) -> FileFailed:
    target = os.readlink(path)
    return FileFailed(
        path,
        UNREADABLE,
        f"cannot be read: a symbolic link to {target!r}, which is not there",
        "mend or remove the link, or pass --exclude for it",
    )


def unreadable(path: str, error: OSError) -> FileFailed:
    remedy = "mend or remove the link" if error.errno == errno.ELOOP else "check its permissions"
    return FileFailed(
        path,
        UNREADABLE,
        f"cannot be read: {error.strerror or error}",
        f"{remedy}, or pass --exclude for it",
    )


def not_regular(path: str) -> FileFailed:
    return FileFailed(
        path,
        UNREADABLE,
        "cannot be read: neither a regular file nor a folder",
        "name a regular file, or pass --exclude for this one",
    )


def read_only(path: str) -> FileFailed:
    return FileFailed(
        path,
        UNWRITABLE,
        "cannot be written: it is read-only",
        "make it writable (chmod u+w) and run again",
    )


def read_only_folder(path: str) -> FileFailed:
    return FileFailed(
        path,
        UNWRITABLE,
        "cannot be written: its folder is read-only, so it cannot be replaced in one step",
        "make the folder writable (chmod u+w) and run again",
    )


def unwritable(path: str, error: OSError) -> FileFailed:
    return FileFailed(
        path,
        UNWRITABLE,
        f"cannot be written: {error.strerror or error}; it is as it was",
        "see to the cause and run again",
    )


def changed_meanwhile(path: str) -> FileFailed:
    return FileFailed(
        path,
        CHANGED_MEANWHILE,
        "it changed after it was read, so it is not overwritten",
        "run again to convert what it holds now",
    )


def uncommitted(path: str) -> FileFailed:
    return FileFailed(
        path,
        UNCOMMITTED,
        "it has uncommitted changes",
        "commit or stash them, or pass --allow-dirty",
    )


def unknown_to_git(path: str, complaint: str) -> FileFailed:
    return FileFailed(
        path,
        UNCOMMITTED,
        f"git cannot say whether it has uncommitted changes: {complaint}",
        "see to git's complaint, or pass --allow-dirty",
    )


def edit_does_not_fit(path: str, rule: RuleConverted, problem: str) -> FileFailed:
    return FileFailed(
        path,
        UNWRITABLE,
        f"the edited text of {rule.title} does not fit beside what else was accepted: {problem}",
        "review the file again with --fresh; it is as it was",
        rule.line,
    )


def changed_since_plan(path: str) -> FileFailed:
    return FileFailed(
        path,
        CHANGED_MEANWHILE,
        "it changed after it was planned, so the plan is not carried out on it",
        "make the plan again with --plan",
    )


def not_as_planned(path: str) -> FileFailed:
    return FileFailed(
        path,
        CHANGED_MEANWHILE,
        "its rules do not come out as they were planned: the tool, or a module beside it, is another now",
        "make the plan again with --plan",
    )


def bad_cases(path: str, trouble: str) -> FileFailed:
    """`trouble` begins with the file that holds the function."""
    return FileFailed(
        path,
        BAD_CASES,
        f"it cannot be verified: {trouble.removeprefix(f'{os.path.realpath(path)}: ')}",
        "mend cases(), or run without --verify; the file is as it was",
    )
