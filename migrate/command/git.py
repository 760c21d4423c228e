"""What git knows: where a file's repository begins, what it ignores,
and whether a file has uncommitted changes."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

_SET_BY_HOOKS = {
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}


@lru_cache(maxsize=4096)
def root_of(folder: str) -> str | None:
    """The nearest folder at or above `folder` (absolute, resolved) that holds `.git`;
    in a worktree that is a file."""
    if os.path.lexists(os.path.join(folder, ".git")):
        return folder
    parent = os.path.dirname(folder)
    return None if parent == folder else root_of(parent)


def ignore_files_above(folder: str) -> list[tuple[str, str]]:
    """The files with ignore patterns, as (folder, name), outermost first, that hold for `folder`
    (absolute, resolved) and stand above it in its repository;
    its own .gitignore is not among them."""
    root = root_of(folder)
    if root is None:
        return []
    found = [(root, path) for path in (_users_excludes(root), _own_excludes(root)) if path]
    at = root
    for part in os.path.relpath(folder, root).split(os.sep) if folder != root else ():
        found.append((at, ".gitignore"))
        at = os.path.join(at, part)
    return [file for file in found if _says_something(os.path.join(*file))]


def _own_excludes(root: str) -> str:
    """info/exclude of the repository, which for a worktree or a submodule is elsewhere."""
    folder = ".git"
    if os.path.isfile(os.path.join(root, folder)):
        told = _line(os.path.join(root, folder)).removeprefix("gitdir:").strip()
        folder = os.path.join(root, told)
        if common := _line(os.path.join(folder, "commondir")):
            folder = os.path.join(folder, common)
    return os.path.join(folder, "info", "exclude")


def _line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def _users_excludes(root: str) -> str:
    """core.excludesFile; git is only asked for it where some settings may hold it,
    for that costs more than a file."""
    home = os.path.expanduser("~")
    own = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    settings = [
        os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig",
        os.environ.get("GIT_CONFIG_GLOBAL") or os.path.join(home, ".gitconfig"),
        os.path.join(own, "git", "config"),
        os.path.join(root, ".git", "config"),
    ]
    told = any(name in os.environ for name in ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"))
    if told or any(map(_may_name_excludes, settings)):
        import subprocess

        command = ["git", "-C", root, "config", "--type=path", "--get", "core.excludesFile"]
        with suppress(OSError):
            done = subprocess.run(command, capture_output=True, env=_outside_hooks(), check=False)
            if done.returncode == 0:
                return os.path.join(root, os.fsdecode(done.stdout.rstrip(b"\n")))
    return os.path.join(own, "git", "ignore")


def _may_name_excludes(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            text = file.read().lower()
    except OSError:
        return False
    return b"excludesfile" in text or b"[include" in text


def _outside_hooks() -> dict[str, str]:
    """A hook runs with variables that point git at its own repository, which may be another one."""
    return {name: value for name, value in os.environ.items() if name not in _SET_BY_HOOKS}


def _says_something(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return any(line.strip() and not line.startswith(b"#") for line in file)
    except OSError:
        return False


@dataclass(frozen=True)
class Clean:
    """No uncommitted change, or none that git would know of."""


@dataclass(frozen=True)
class Dirty:
    """A tracked file whose content git does not hold yet."""


@dataclass(frozen=True)
class Unknown:
    """git could not say."""

    complaint: str


@dataclass
class Worktrees:
    """The uncommitted changes of each repository,
    asked for at most once and before anything is written in it."""

    _changed: dict[str, frozenset[bytes] | Unknown] = field(default_factory=dict)

    def state_of(self, path: str) -> Clean | Dirty | Unknown:
        target = os.path.realpath(path)
        root = root_of(os.path.dirname(target))
        if root is None:
            return Clean()
        if root not in self._changed:
            self._changed[root] = _changed_in(root)
        changed = self._changed[root]
        if isinstance(changed, Unknown):
            return changed
        return Dirty() if os.fsencode(os.path.relpath(target, root)) in changed else Clean()


def _changed_in(root: str) -> frozenset[bytes] | Unknown:
    import subprocess

    environment = _outside_hooks() | {"LC_ALL": "C"}
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", root]
    command += ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all"]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
    except OSError as error:
        return Unknown(f"git could not be run ({error.strerror or error})")
    if done.returncode == 0:
        return frozenset(_names(done.stdout))
    complaint = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
    if "not a git repository" in complaint[0]:
        return frozenset()  # something else is named .git here
    return Unknown(complaint[0])


def _names(status: bytes) -> list[bytes]:
    """The paths of `git status --porcelain -z`; a rename is followed by its old name."""
    fields = status.split(b"\0")
    names: list[bytes] = []
    at = 0
    while at < len(fields):
        entry = fields[at]
        if entry:
            names.append(entry[3:])
            if entry[:1] in b"RC" or entry[1:2] in b"RC":
                at += 1
        at += 1
    return names
