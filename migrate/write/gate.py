"""The last gate: what a new text must satisfy before anybody sees it."""

from __future__ import annotations

import ast
import codecs
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from migrate.syntax.source import Replacement, Source, SourceError, quiet_parser, read_source


class GateFailure(Exception):
    """A file cannot be converted, whatever is left out."""


class GateError(Exception):
    """The new text breaks a promise; the message says which."""


def check(
    source: Source,
    data: bytes,
    result: bytes,
    replacements: Sequence[Replacement],
    allowed: Sequence[tuple[int, int]] | None = None,
    dropped: Counter[str] | None = None,
) -> Source:
    """Raise GateError unless `result` is a sound rewriting of `source`; gives it parsed.

    `allowed` are the ranges of the old text that may change at all (converted definitions, legacy
    calls, imports), `dropped` the kinds of statements that went on purpose, by number.
    """
    try:
        new = read_source(result)
        with quiet_parser():
            compile(
                new.tree, "<converted>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
    except SourceError as error:
        raise GateError(f"the result does not parse (line {error.line}): {error.reason}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise GateError(f"the result does not compile: {error}") from None
    _comments_stay(source, new)
    _contents_stay(source, new, dropped or Counter())
    _bytes_outside_stay(source, data, result, replacements)
    if allowed is not None:
        _changes_are_allowed(source, replacements, allowed)
    return new


def _comments_stay(old: Source, new: Source) -> None:
    lost = Counter(text for _, text in old.comments) - Counter(text for _, text in new.comments)
    if lost:
        raise GateError(f"a comment would be lost: {next(iter(lost))!r}")


def _contents_stay(old: Source, new: Source, dropped: Counter[str]) -> None:
    """Every docstring is there, and every kind of statement at least as often as before,
    imports aside."""
    old_texts, old_statements = _contents(old.tree)
    new_texts, new_statements = _contents(new.tree)
    lost = old_texts - new_texts
    if lost:
        raise GateError(f"a docstring would be lost: {next(iter(lost))[:40]!r}")
    gone = old_statements - new_statements - dropped
    if gone:
        raise GateError(f"a statement would be lost: {next(iter(gone))}")


def _contents(tree: ast.Module) -> tuple[Counter[str], Counter[str]]:
    """The docstrings and the kinds of statements of a module; expressions are not gone into."""
    texts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                texts[text] += 1
        if isinstance(node, ast.stmt) and not isinstance(
            node, (ast.Import, ast.ImportFrom, ast.Pass)
        ):
            kinds[type(node).__name__] += 1
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending += getattr(node, name, ())
    return texts, kinds


def _bytes_outside_stay(
    source: Source, data: bytes, result: bytes, replacements: Sequence[Replacement]
) -> None:
    """Between the replacements every character, line ends and all, is the old one."""
    if not replacements and data != result:
        raise GateError("bytes changed without a reason")
    if data.startswith(codecs.BOM_UTF8) != result.startswith(codecs.BOM_UTF8):
        raise GateError("the byte-order mark would change")
    body = result.removeprefix(codecs.BOM_UTF8) if source.bom else result
    new = body.decode(source.encoding)
    at = old_at = 0
    for item in [*replacements, None]:
        stop = len(source.original) if item is None else source.original_offset(item.start)
        piece = source.original[old_at:stop]
        if new[at : at + len(piece)] != piece:
            raise GateError("bytes outside of the changes would change")
        at += len(piece)
        if item is not None:
            at += len(item.text.replace("\n", source.newline))
            old_at = source.original_offset(item.end)
    if at != len(new):
        raise GateError("bytes after the last change would change")


def _changes_are_allowed(
    source: Source, replacements: Sequence[Replacement], allowed: Sequence[tuple[int, int]]
) -> None:
    joined: list[tuple[int, int]] = []  # neighbouring replacements are one
    for start, end in sorted(allowed):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    for item in replacements:
        at = bisect_right(joined, item.start, key=lambda span: span[0]) - 1
        if at < 0 or item.end > joined[at][1]:
            line = source.line_of(item.start)
            raise GateError(f"line {line} would change, which belongs to no rule and no import")
