"""Which names of a module other files take from it:
of its package, and of the tests and examples beside it.

A legacy name that another file imports from here stays imported here, and a helper that another
file calls is no helper of the rules alone. The files are read once in a run, by text;
nothing is parsed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from migrate.command.files import read_bytes

_LIMIT = 4000  # files that are looked at
_BESIDE = ("tests", "test", "examples", "benchmarks", "scripts", "docs")
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_FROM = re.compile(rb"^[ \t]*from\s+(\.*)\s*([\w.]*)\s+import\s+(\([^)]*\)|[^\n;#]*)", re.M)
_IMPORT = re.compile(rb"^[ \t]*import\s+([^\n;#]+)", re.M)
_NAME = re.compile(rb"(\*|[\w.]+)(?:\s+as\s+(\w+))?")
_COMMENT = re.compile(rb"#[^\n]*")


class _Import(NamedTuple):
    """A module that a file imports, or a name that it takes from one."""

    path: str
    level: int
    module: str
    name: str  # of what is taken from it; empty for the module itself
    alias: str  # what the file calls it


@dataclass(frozen=True)
class Takers:
    """The imports of the files around a package, by the last part of the module's name."""

    by_module: dict[str, list[_Import]]

    @classmethod
    def around(cls, folder: str) -> Takers:
        """Read what is in a folder and beside it."""
        found: dict[str, list[_Import]] = {}
        for path in _files_around(folder):
            for one in _imports(path):
                for last in {one.module.rpartition(".")[2] or _package(one), one.name}:
                    found.setdefault(last, []).append(one)
        return cls(found)

    def names_of(self, path: str) -> frozenset[str]:
        """What other files take from the module at `path`."""
        path = os.path.realpath(path)
        place = os.path.splitext(path)[0]
        if os.path.basename(place) == "__init__":
            place = os.path.dirname(place)
        found: set[str] = set()
        for one in self.by_module.get(os.path.basename(place), ()):
            if one.path == path:
                continue
            inner = f"{one.module}.{one.name}" if one.module else one.name
            if one.name == "*" and _means(one, one.module, place):
                found |= _words(one.path)
            elif one.name and _means(one, one.module, place):
                found.add(one.name)
            elif _means(one, inner if one.name else one.module, place):
                found |= _attributes(one)
        return frozenset(found)


def _files_around(folder: str) -> Iterator[str]:
    parent = os.path.dirname(folder)
    folders = [folder, *(os.path.join(parent, name) for name in _BESIDE)]
    count = 0
    for top in dict.fromkeys(folders):
        for root, inner, names in os.walk(top):
            inner[:] = sorted(n for n in inner if n[0] != "." and n not in _PASSED_OVER)
            for name in sorted(names):
                if name.endswith((".py", ".pyi")):
                    count += 1
                    if count > _LIMIT:
                        return
                    yield os.path.join(root, name)


def _imports(path: str) -> Iterator[_Import]:
    source = _read(path)
    for dots, module, names in _FROM.findall(source):
        for name, alias in _NAME.findall(_COMMENT.sub(b"", names)):
            yield _Import(path, len(dots), module.decode(), name.decode(), (alias or name).decode())
    for modules in _IMPORT.findall(source):
        for module, alias in _NAME.findall(modules):
            yield _Import(path, 0, module.decode(), "", (alias or module).decode())


def _package(one: _Import) -> str:
    """The folder that `from . import f` means."""
    folder = os.path.dirname(one.path)
    for _ in range(one.level - 1):
        folder = os.path.dirname(folder)
    return os.path.basename(folder)


def _means(one: _Import, module: str, place: str) -> bool:
    """Whether an import of that module is one of the file at `place`."""
    parts = module.split(".") if module else []
    if one.level:
        folder = os.path.dirname(one.path)
        for _ in range(one.level - 1):
            folder = os.path.dirname(folder)
        return os.path.join(folder, *parts) == place
    return bool(parts) and place.split(os.sep)[-len(parts) :] == parts


def _attributes(one: _Import) -> set[str]:
    """`b` and `c` of `alias.b` and `alias.c`."""
    pattern = rb"\b%s\s*\.\s*(\w+)" % re.escape(one.alias.encode())
    return {name.decode() for name in re.findall(pattern, _read(one.path))}


def _words(path: str) -> set[str]:
    return {word.decode(errors="replace") for word in re.findall(rb"\w+", _read(path))}


def _read(path: str) -> bytes:
    try:
        return read_bytes(path)  # it does not wait for a FIFO
    except OSError:
        return b""
