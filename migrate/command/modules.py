"""Finds the source of a module that a file imports, by looking at the files around it; runs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass

from migrate.command.git import root_of


@dataclass(frozen=True)
class NearbyModules:
    """A `ModuleSource` for the file at `path`."""

    path: str

    def __call__(self, level: int, name: str) -> bytes | None:
        found = self.locate(level, name)
        return found[1] if found else None

    def beside(self, path: str) -> NearbyModules:
        """What finds the modules that another file imports."""
        return NearbyModules(path)

    def locate(self, level: int, name: str) -> tuple[str, bytes] | None:
        """Where the module is, and its source."""
        folder = os.path.dirname(os.path.realpath(self.path))
        parts = name.split(".") if name else []
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return _source(folder, parts)
        for root in _roots(folder):
            found = _source(root, parts)
            if found is not None:
                return found
        return None


def _roots(folder: str) -> list[str]:
    """Where an absolute import may begin: the folders from the file's own up to its repository's root.

    The folder above the outermost package comes first, as on the import path of that package's users.
    """
    top = folder
    while os.path.exists(os.path.join(top, "__init__.py")) and os.path.dirname(top) != top:
        top = os.path.dirname(top)
    roots = [top]
    limit = root_of(folder) or os.getcwd()
    if os.path.commonpath((limit, folder)) == limit:
        at = folder
        while True:
            roots += [at, os.path.join(at, "src")]
            if at == limit:
                break
            at = os.path.dirname(at)
    return roots


def _source(folder: str, parts: list[str]) -> tuple[str, bytes] | None:
    place = os.path.join(folder, *parts)
    candidates = [os.path.join(place, "__init__.py"), os.path.join(place, "__init__.pyi")]
    if parts:
        candidates = [place + ".py", candidates[0], place + ".pyi", candidates[1]]
    for candidate in candidates:
        try:
            with open(candidate, "rb") as file:
                return candidate, file.read()
        except OSError:
            continue
    return None
