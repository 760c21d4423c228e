"""Finds the source of a module that a file imports, by looking at the files around it;
runs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from migrate.command.files import read_bytes
from migrate.command.git import root_of
from migrate.command.takers import Takers
from migrate.model import Nearby

Found = tuple[str, bytes] | None  # where a module is, and its source


class Memory:
    """What one run has found out about modules; nothing is written before everything is planned."""

    def __init__(self) -> None:
        self.sources: dict[tuple[str, ...], Found] = {}  # by folder and the parts of the name
        self.roots: dict[str, list[str]] = {}  # of absolute imports, by the importing folder
        self.known: dict[Any, Any] = {}  # what the converter has read in them
        self.takers: dict[str, Takers] = {}  # by the folder of the outermost package


@dataclass(frozen=True)
class NearbyModules(Nearby):
    """A `ModuleSource` for the file at `path`; those of one run share their memory."""

    path: str
    memory: Memory = field(default_factory=Memory, compare=False)

    @property
    def known(self) -> dict[Any, Any]:
        return self.memory.known

    def __call__(self, level: int, name: str) -> bytes | None:
        found = self.locate(level, name)
        return found[1] if found else None

    def beside(self, path: str) -> NearbyModules:
        """What finds the modules that another file imports."""
        return NearbyModules(path, self.memory)

    def taken(self) -> frozenset[str]:
        """The names that other files take from this one."""
        if not os.path.isfile(self.path):
            return frozenset()
        folder = self._folder
        while os.path.exists(os.path.join(folder, "__init__.py")):
            folder, below = os.path.dirname(folder), folder
            if folder == below or not os.path.exists(os.path.join(folder, "__init__.py")):
                folder = below
                break
        if folder not in self.memory.takers:
            self.memory.takers[folder] = Takers.around(folder)
        return self.memory.takers[folder].names_of(self.path)

    @cached_property
    def _folder(self) -> str:
        return os.path.dirname(os.path.realpath(self.path))

    def locate(self, level: int, name: str) -> Found:
        """Where the module is, and its source."""
        folder = self._folder
        parts = name.split(".") if name else []
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._source(folder, parts)
        roots = self.memory.roots
        if folder not in roots:
            roots[folder] = _roots(folder)
        for root in roots[folder]:
            found = self._source(root, parts)
            if found is not None:
                return found
        return None

    def _source(self, folder: str, parts: list[str]) -> Found:
        key = (folder, *parts)
        sources = self.memory.sources
        if key not in sources:
            sources[key] = _source(folder, parts)
        return sources[key]


def module_name(path: str) -> tuple[str, str]:
    """The dotted name by which a file is imported, empty if it has none, and where that begins."""
    folder, name = os.path.split(os.path.realpath(path))
    parts = [name.partition(".")[0]]
    if parts[0] == "__init__":
        parts = []
    while os.path.exists(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return (".".join(parts) if all(part.isidentifier() for part in parts) else ""), folder


def dotted_name(path: str, level: int, name: str) -> str:
    """The full name of the module that an import in the file means."""
    if not level:
        return name
    own, _ = module_name(path)
    up = level - os.path.basename(path).startswith("__init__.")
    package = own.split(".")[: own.count(".") + 1 - up]
    return ".".join(filter(None, [*package, name]))


def _roots(folder: str) -> list[str]:
    """Where an absolute import may begin:
    the folders from the file's own up to its repository's root.

    The folder above the outermost package comes first,
    as on the import path of that package's users.
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


def _source(folder: str, parts: list[str]) -> Found:
    place = os.path.join(folder, *parts)
    candidates = [os.path.join(place, "__init__.py"), os.path.join(place, "__init__.pyi")]
    if parts:
        candidates = [place + ".py", candidates[0], place + ".pyi", candidates[1]]
    for candidate in candidates:
        try:
            return candidate, read_bytes(candidate)
        except OSError:
            continue
    return None
