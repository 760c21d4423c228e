"""Which files the patterns of .gitignore files and of `exclude` leave out;
the only module that imports pathspec."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from migrate.command.config import Config


@dataclass(frozen=True)
class Patterns:
    """The lines of one .gitignore, or one list of excludes, relative to `folder`."""

    folder: str
    spec: GitIgnoreSpec
    reason: str

    def verdict(self, path: str) -> bool | None:
        """True: left out; False: taken in again by a `!` line; None: not mentioned.
        A folder's path ends in /."""
        base = self.folder if self.folder.endswith("/") else self.folder + "/"
        if not path.startswith(base):
            return None
        found: bool | None = self.spec.check_file(path[len(base) :]).include
        return found


@dataclass(frozen=True)
class Ignores:
    """All patterns that hold for one folder of a walk, outermost first."""

    gitignores: tuple[Patterns, ...] = ()
    excludes: tuple[Patterns, ...] = ()
    config_exclude: Patterns | None = None

    @staticmethod
    def at(
        folder: str,
        files: list[tuple[str, str]],
        config: Config,
        exclude: tuple[str, ...],
    ) -> Ignores:
        """What holds where a walk of `folder` begins; `files` are the ignore files above it.

        A folder that is named is walked although the patterns above it leave it out,
        unless that is forced.
        """
        excludes = (_patterns(os.getcwd(), exclude, "excluded by --exclude"),) if exclude else ()
        gitignores = tuple(found for file in files if (found := _gitignore(*file)))
        if not config.settings.force_exclude and any(
            patterns.verdict(folder + "/") for patterns in gitignores
        ):
            gitignores = ()
        return Ignores(gitignores, excludes).with_config(config)

    def with_config(self, config: Config) -> Ignores:
        if not config.settings.exclude:
            return replace(self, config_exclude=None)
        reason = f"excluded by {os.path.basename(config.source or 'the settings')}"
        return replace(
            self, config_exclude=_patterns(config.folder, config.settings.exclude, reason)
        )

    def with_gitignore(self, folder: str) -> Ignores:
        found = _gitignore(folder, ".gitignore")
        return replace(self, gitignores=(*self.gitignores, found)) if found else self

    def reason(self, folder: str, name: str, is_folder: bool) -> str | None:
        path = f"{folder}/{name}/" if is_folder else f"{folder}/{name}"
        named = [*self.excludes, self.config_exclude] if self.config_exclude else self.excludes
        for patterns in named:
            if patterns.verdict(path):
                return patterns.reason
        for patterns in reversed(self.gitignores):
            verdict = patterns.verdict(path)
            if verdict is not None:
                return patterns.reason if verdict else None
        return None

    def reason_above(self, folder: str, name: str) -> str | None:
        """Like `reason`, for a file that no walk has led to: a folder above it may be left out."""
        parts = os.path.join(folder, name).split("/")
        for count in range(2, len(parts) + 1):
            above, last = "/".join(parts[: count - 1]) or "/", parts[count - 1]
            if reason := self.reason(above.rstrip("/"), last, count < len(parts)):
                return reason
        return None


@lru_cache(maxsize=1024)
def _gitignore(folder: str, name: str) -> Patterns | None:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
            lines = tuple(file.read().splitlines())
    except OSError:
        return None
    return _patterns(folder, lines, f"ignored by {name}")


@lru_cache(maxsize=1024)
def _patterns(folder: str, lines: tuple[str, ...], reason: str) -> Patterns:
    return Patterns(folder, GitIgnoreSpec.from_lines(lines), reason)
