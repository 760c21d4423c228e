"""The last gate: what a new text must satisfy before anybody sees it."""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Sequence

from migrate.scopes import DefNode
from migrate.source import Replacement, Source, SourceError, read_source


class GateError(Exception):
    """The new text breaks a promise; the message says which."""


def check(
    source: Source, data: bytes, result: bytes, replacements: Sequence[Replacement]
) -> Source:
    """Raise GateError unless `result` is a sound rewriting of `source`; gives it parsed."""
    try:
        new = read_source(result)
        compile(new.tree, "<converted>", "exec", dont_inherit=True)
    except SourceError as error:
        raise GateError(f"the result does not parse (line {error.line}): {error.reason}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise GateError(f"the result does not compile: {error}") from None
    _comments_stay(source, new)
    _docstrings_stay(source, new)
    _statements_stay(source, new)
    _bytes_outside_stay(source, data, result, replacements)
    return new


def _comments_stay(old: Source, new: Source) -> None:
    lost = Counter(text for _, text in old.comments) - Counter(text for _, text in new.comments)
    if lost:
        raise GateError(f"a comment would be lost: {next(iter(lost))!r}")


def _docstrings_stay(old: Source, new: Source) -> None:
    lost = Counter(_docstrings(old.tree)) - Counter(_docstrings(new.tree))
    if lost:
        raise GateError(f"a docstring would be lost: {next(iter(lost))[:40]!r}")


def _docstrings(tree: ast.Module) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, kinds)]
    return [text for text in found if text is not None]


def _statements_stay(old: Source, new: Source) -> None:
    """Every kind of statement occurs at least as often in functions as before, imports aside."""
    before, after = _statements(old.tree), _statements(new.tree)
    lost = before - after
    if lost:
        raise GateError(f"a statement would be lost: {next(iter(lost))}")


def _statements(tree: ast.Module) -> Counter[str]:
    moved = (ast.Import, ast.ImportFrom, ast.Expr, ast.Pass, ast.Assign)
    return Counter(
        type(n).__name__
        for n in ast.walk(tree)
        if isinstance(n, ast.stmt) and not isinstance(n, moved)
    )


def _bytes_outside_stay(
    source: Source, data: bytes, result: bytes, replacements: Sequence[Replacement]
) -> None:
    if not replacements:
        if data != result:
            raise GateError("bytes changed without a reason")
        return
    first, last = replacements[0].start, replacements[-1].end
    head = len(source.text[:first].encode("utf-8", "surrogatepass"))
    if source.text[:first].isascii() and "\r" not in source.original:
        offset = 3 if source.bom else 0
        if data[: head + offset] != result[: head + offset] and source.encoding == "utf-8":
            raise GateError("bytes before the first change would change")
    tail = source.text[last:]
    if tail.isascii() and "\r" not in source.original and source.encoding == "utf-8":
        if tail and not result.endswith(tail.encode()):
            raise GateError("bytes after the last change would change")


def changed_lines(old: str, new: str) -> list[tuple[int, int, int, int]]:
    """Line ranges that differ, as (old start, old end, new start, new end), from 0."""
    matcher = difflib.SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=False)
    return [(a, b, c, d) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def def_named(tree: ast.Module, name: str, line: int) -> DefNode | None:
    """The function of that name nearest to a line."""
    found = [
        n
        for n in ast.walk(tree)
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.name == name
    ]
    return min(found, key=lambda n: abs(n.lineno - line), default=None)
