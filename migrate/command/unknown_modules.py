"""Finds the modules that a file takes legacy names from, and that nobody has called legacy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from migrate.command.modules import NearbyModules, dotted_name
from migrate.command.reexports import Reexports
from migrate.dialects import modules_of
from migrate.options import Settings

#: Words that say too little when they are merely called.
_APPLIED = frozenset({"adjoint", "nograd"})
_CALLED = frozenset({"dropgrad", "literal_getproperty", "literal_getfield"})
_WORDS = _APPLIED | _CALLED


class Unknown(NamedTuple):
    """A file that takes legacy names from a module that is not known to be legacy."""

    path: str
    line: int
    names: tuple[str, ...]
    module: str


def unknown_modules(
    path: str, source: bytes, settings: Settings, reexports: Reexports
) -> list[Unknown]:
    """The modules from which a file takes `adjoint` or `nograd`, as it uses them,
    and that are not legacy."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    used = {name for node in ast.walk(tree) for name in _used_in(node)}
    used |= {  # `adjoint = compat.adjoint`
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
        if any(isinstance(target, ast.Name) and target.id in used for target in node.targets)
    }
    if not used:
        return []
    found: dict[tuple[int, str], tuple[int, list[str]]] = {}
    for node in ast.walk(tree):
        for name, level, module, word in _imported_by(node):
            if any(one == name or one == f"{name}.{word}" for one in used):
                _, words = found.setdefault((level, module), (getattr(node, "lineno", 1), []))
                words.append(word)
    nearby = NearbyModules(path)
    unknown = []
    for (level, module), (line, words) in found.items():
        full = dotted_name(path, level, module)
        if not _is_legacy(full, module, level, settings):
            located = nearby.locate(level, module)
            if located is None or not reexports.lead_to_legacy(*located):
                unknown.append(Unknown(path, line, tuple(dict.fromkeys(words)), full))
    return unknown


def _used_in(node: ast.AST) -> Iterator[str]:
    """What is applied as `@name`, `@name(...)`, `name(...)(...)` or the statement `name(...)`;
    some names also by any call."""
    applied: list[ast.expr] = list(getattr(node, "decorator_list", ()))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        applied.append(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
        applied.append(node.func)
    if isinstance(node, ast.Call):
        last = getattr(node.func, "attr", getattr(node.func, "id", ""))
        applied += [node.func] if last in _CALLED else []
    for one in applied:
        name = one.func if isinstance(one, ast.Call) else one
        if isinstance(name, ast.Name | ast.Attribute):
            yield ast.unparse(name)


def _imported_by(node: ast.AST) -> Iterator[tuple[str, int, str, str]]:
    """(name in the file, level, module, the legacy name that it can stand for)."""
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name in _WORDS:
                yield alias.asname or alias.name, node.level, node.module or "", alias.name
            elif alias.name == "*":
                for word in _WORDS:
                    yield word, node.level, node.module or "", word
            else:
                inner = f"{node.module}.{alias.name}" if node.module else alias.name
                for word in _WORDS:
                    yield f"{alias.asname or alias.name}.{word}", node.level, inner, word
    elif isinstance(node, ast.Import):
        for alias in node.names:
            for word in _WORDS:
                yield f"{alias.asname or alias.name}.{word}", 0, alias.name, word


def _is_legacy(full: str, module: str, level: int, settings: Settings) -> bool:
    legacy = modules_of(settings)
    if full in legacy or (not level and module in legacy):
        return True
    own = settings.modules_of()
    return any(one == module or one.endswith(f".{module}") for one in own)
