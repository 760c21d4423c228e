"""Turns the paths that a user names into files to look at; whatever is passed over has its reason.

A path that is named is looked at whatever it is called; a folder is walked for .py, .pyi and .ipynb
files. The walk does not enter hidden folders, virtual environments and installed packages, obeys
.gitignore and `exclude`, does not follow a link to a folder,
and follows a link to a file only within the folder named.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from migrate.command.config import FILES as CONFIG_FILES

if TYPE_CHECKING:
    from migrate.command.config import Config, Finder
    from migrate.command.ignores import Ignores
    from migrate.model import FileFailed

SUFFIXES = (".py", ".pyi", ".ipynb")
_PACKAGE_FOLDERS = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages"})
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
_MARKS = _ENVIRONMENT_MARKS | CONFIG_FILES | {".gitignore"}


class Skipped(NamedTuple):
    """A file or folder that is not looked at, and why."""

    path: str
    reason: str


class Batch:
    """Files that share their settings, in the order in which they are to be done."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.named = False  # by the user or a program, not found in a walk; see `forced_out`
        self.paths: list[str] = []
        self.skipped: list[Skipped] = []
        self.failed: list[FileFailed] = []
        self.julia = 0  # files that are passed over because they are Julia


class Discovery:
    """One run's search. `exclude` holds patterns of the command line,
    relative to the current folder."""

    def __init__(
        self,
        finder: Finder,
        exclude: tuple[str, ...] = (),
        explain: bool = False,  # also give a reason for files that are no Python files by name
    ) -> None:
        self.finder = finder
        self.exclude = exclude
        self.explain = explain
        self._seen: set[str] = set()

    def find(self, named: Iterable[str], listed: Iterable[str] = ()) -> Iterator[Batch]:
        """`listed` paths come from a list made by a program:
        other kinds of files among them are no mistake."""
        for path in named:
            yield from self._one(path, listed=False)
        for path in listed:
            yield from self._one(path, listed=True)

    def _one(self, path: str, *, listed: bool) -> Iterator[Batch]:
        if os.path.isdir(path):
            yield from self._walk(path)
        else:
            yield self._named_file(path, listed=listed)

    def _named_file(self, path: str, *, listed: bool) -> Batch:
        folder, name = _real_place(path)
        batch = Batch(self.finder.nearest(folder))
        batch.named = True
        if listed and not name.endswith(SUFFIXES):
            batch.skipped.append(Skipped(path, "not a .py, .pyi or .ipynb file"))
        elif name.endswith(".jl"):
            from migrate.command import faults

            batch.failed.append(faults.julia(path))
        elif not os.path.lexists(path):
            from migrate.command import faults

            batch.failed.append(faults.missing(path))
        elif self._first_time(os.path.realpath(path)):
            batch.paths.append(path)
        else:
            batch.skipped.append(Skipped(path, "named before"))
        return batch

    def forced_out(self, path: str) -> str | None:
        """Why a file that is named is left out all the same: exclusions that are forced.

        Asked for files that may hold rules only,
        because the patterns cost more than to read a file.
        """
        folder, name = _real_place(path)
        config = self.finder.nearest(folder)
        if not config.settings.force_exclude:
            return None
        own = os.path.exists(os.path.join(folder, ".gitignore"))
        ignores = self._ignores(config, folder)
        if own:
            ignores = self._ignores_below(ignores, config, folder, own, is_top=True)
        return ignores.reason_above(folder, name) if ignores else None

    def _first_time(self, real: str) -> bool:
        if real in self._seen:
            return False
        self._seen.add(real)
        return True

    def _walk(self, root: str) -> Iterator[Batch]:
        top = os.path.realpath(root)
        config = self.finder.nearest(top)
        prefix = "" if root == "." else os.path.join(root, "")
        links: list[tuple[str, Config]] = []
        pending = [(prefix, top, config, self._ignores(config, top))]
        while pending:
            prefix, folder, config, ignores = pending.pop()
            batch, folders = self._folder(
                prefix, folder, config, ignores, links, is_top=folder == top
            )
            pending.extend(reversed(folders))
            yield batch
        yield from (self._link(path, top, config) for path, config in links)

    def _folder(
        self,
        prefix: str,
        folder: str,
        config: Config,
        ignores: Ignores | None,
        links: list[tuple[str, Config]],
        *,
        is_top: bool,
    ) -> tuple[Batch, list[tuple[str, str, Config, Ignores | None]]]:
        files: list[tuple[str, bool]] = []  # name, whether it is a link
        folders: list[str] = []
        others: list[str] = []
        marks: set[str] = set()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    name = entry.name
                    if name in _MARKS:
                        marks.add(name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif name.endswith(SUFFIXES):
                        files.append((name, entry.is_symlink()))
                    else:
                        others.append(name)
        except OSError as error:
            from migrate.command import faults

            batch = Batch(config)
            batch.failed.append(faults.unreadable(prefix or ".", error))
            return batch, []
        if not is_top and not _ENVIRONMENT_MARKS.isdisjoint(marks):
            batch = Batch(config)
            batch.skipped.append(Skipped(prefix, "a virtual environment"))
            return batch, []
        if not is_top:
            config = self.finder.below(config, folder, not CONFIG_FILES.isdisjoint(marks))
        if ignores is not None or ".gitignore" in marks or config.settings.exclude:
            ignores = self._ignores_below(
                ignores, config, folder, ".gitignore" in marks, is_top=is_top
            )
        batch = Batch(config)
        batch.julia = sum(name.endswith(".jl") for name in others)
        entered: list[tuple[str, str, Config, Ignores | None]] = []
        for name in sorted(folders):
            reason = _why_not_entered(name) or (ignores and ignores.reason(folder, name, True))
            if reason:
                batch.skipped.append(Skipped(prefix + name, reason))
            else:
                entered.append((f"{prefix}{name}/", f"{folder}/{name}", config, ignores))
        if self.explain:
            batch.skipped += [
                Skipped(prefix + name, "not a .py, .pyi or .ipynb file") for name in sorted(others)
            ]
        for name, is_link in sorted(files):
            if ignores and (reason := ignores.reason(folder, name, False)):
                batch.skipped.append(Skipped(prefix + name, reason))
            elif is_link:
                links.append((prefix + name, config))
            elif self._first_time(f"{folder}/{name}"):
                batch.paths.append(prefix + name)  # a FIFO or a device is found out when it is read
        return batch, entered

    def _link(self, path: str, top: str, config: Config) -> Batch:
        """A link to a file is looked at only now: the file itself may have been met in the walk."""
        batch = Batch(config)
        target = os.path.realpath(path)
        if os.path.isdir(target):
            batch.skipped.append(Skipped(path, "a link to a folder"))
        elif os.path.basename(path).startswith(".#"):
            batch.skipped.append(Skipped(path, "an editor's lock"))
        elif not os.path.exists(target):
            batch.paths.append(path)  # reading it says what is wrong with it
        elif os.path.commonpath((top, target)) != top:
            batch.skipped.append(Skipped(path, "a link out of the folder"))
        elif not self._first_time(target):
            batch.skipped.append(Skipped(path, "a link to a file that is done under its own name"))
        else:
            batch.paths.append(path)
        return batch

    def _ignores(self, config: Config, folder: str) -> Ignores | None:
        """The patterns that hold where a walk begins;
        pathspec is not imported where there are none."""
        above: list[tuple[str, str]] = []
        if config.settings.gitignore:
            from migrate.command.git import ignore_files_above

            above = ignore_files_above(folder)
        if not (above or self.exclude or config.settings.exclude):
            return None
        from migrate.command.ignores import Ignores

        return Ignores.at(folder, above, config, self.exclude)

    def _ignores_below(
        self, ignores: Ignores | None, config: Config, folder: str, has_file: bool, *, is_top: bool
    ) -> Ignores | None:
        from migrate.command.ignores import Ignores

        ignores = ignores or Ignores()
        if not is_top:
            ignores = ignores.with_config(config)
        if has_file and config.settings.gitignore:
            ignores = ignores.with_gitignore(folder)
        return ignores


def _real_place(path: str) -> tuple[str, str]:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.realpath(folder), name


def _why_not_entered(name: str) -> str | None:
    if name[0] == ".":
        return "a hidden folder"
    if name in _PACKAGE_FOLDERS:
        return "a folder of installed or generated files"
    return None
