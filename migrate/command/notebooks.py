"""Converts the code cells of a notebook (.ipynb) and leaves every other byte of the file as it is.

The code cells are laid end to end as one module, with a comment between each two, so that an import
in one cell counts in the next; after the conversion the module is cut at the comments again. Lines
that only IPython understands (`%magic`, `!command`, `name?`) stand in that module as placeholders.

Line numbers in the outcome are those of the notebook's file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from migrate.dialects import signs_for
from migrate.model import (
    FileConverted,
    FileFailed,
    FileUnchanged,
    ModuleSource,
    Note,
    Options,
    Outcome,
)
from migrate.scan import may_hold_rules
from migrate.syntax.source import quiet_parser

Convert = Callable[[bytes, str, Options, ModuleSource | None], Outcome]

_BOUNDARY = "# ---- the next cell of the notebook: {} ----"
_PLACEHOLDER = "pass  # a line for IPython: {}"
_ASSIGNED = "None  # a line for IPython: {}"
_CELL_MAGIC_OVER_PYTHON = re.compile(r"%%(capture|time|timeit|prun|memit|mprun|lprun)\b")
_LINE_MAGIC = re.compile(r"([ \t]*)(?:[%!?]|[\w.]+\?{1,2}[ \t]*$)")
_ASSIGNED_MAGIC = re.compile(r"([ \t]*[\w., ]+=[ \t]*)[%!]")


class NotANotebook(Exception):
    """The file is no notebook of Python; the message says why."""


@dataclass(frozen=True)
class Cell:
    """The source of one code cell: where it stands in the file's text, and what it says."""

    start: int  # of the JSON value
    end: int
    source: str
    is_list: bool  # of lines, or one string


@dataclass(frozen=True)
class _Masked:
    """The text of a cell as Python, and the lines that placeholders stand for."""

    text: str
    hidden: tuple[tuple[str, str], ...] = ()  # placeholder, line


def convert_notebook(
    source: bytes, path: str, options: Options, modules: ModuleSource | None, convert: Convert
) -> Outcome:
    """Like `convert`, for the bytes of a notebook."""
    try:
        text = source.decode("utf-8")
        cells = _code_cells(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        return FileFailed(
            path,
            "RM901",
            f"it is not a notebook: {error}",
            "mend it, or pass --exclude for it",
            line,
        )
    except NotANotebook as error:
        return FileUnchanged(path, reason=str(error))
    masked = [_masked(cell, options, number) for number, cell in enumerate(cells)]
    module = "".join(
        part.text + "\n" + _BOUNDARY.format(number) + "\n" for number, part in enumerate(masked)
    )
    outcome = convert(module.encode(), path, options, modules)
    old_line = _lines_in_file(text, cells, masked)
    if isinstance(outcome, FileFailed):
        return replace(outcome, line=old_line(outcome.line) if outcome.line else None)
    if isinstance(outcome, FileUnchanged):
        return _relocated_unchanged(outcome, old_line)
    after = outcome.after.decode()
    pieces = _cut(after, len(cells))
    changed = text
    for cell, part, piece in reversed(list(zip(cells, masked, pieces))):
        new = _unmasked(piece, part)
        if new != cell.source:
            changed = changed[: cell.start] + _dumped(new, cell, text) + changed[cell.end :]
    new_line = _lines_in_file(changed, _code_cells(changed), [_Masked(piece) for piece in pieces])
    converted = tuple(
        replace(
            rule,
            line=old_line(rule.line),
            end_line=old_line(rule.end_line),
            new_line=new_line(rule.new_line),
            new_end_line=new_line(rule.new_end_line),
            notes=_relocated(rule.notes, old_line),
        )
        for rule in outcome.converted
    )
    unchanged = _relocated_unchanged(FileUnchanged(path, outcome.left, outcome.notes), old_line)
    return FileConverted(path, source, changed.encode(), converted, unchanged.left, unchanged.notes)


def _relocated(notes: tuple[Note, ...], moved: Callable[[int], int]) -> tuple[Note, ...]:
    return tuple(replace(note, line=moved(note.line)) for note in notes)


def _relocated_unchanged(outcome: FileUnchanged, moved: Callable[[int], int]) -> FileUnchanged:
    left = tuple(
        replace(rule, line=moved(rule.line), end_line=moved(rule.end_line)) for rule in outcome.left
    )
    return replace(outcome, left=left, notes=_relocated(outcome.notes, moved))


# The file's text: where the sources of its code cells stand.


def _code_cells(text: str) -> list[Cell]:
    found: list[Cell] = []
    start = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    document = json.loads(text[start:])
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise NotANotebook("a notebook without cells")
    language = _language(document.get("metadata"))
    if language not in (None, "python"):
        raise NotANotebook(f"a notebook of {language}")
    for key, at, _ in _members(text, start):
        if key != "cells":
            continue
        for number, (where, _) in enumerate(_elements(text, at)):
            cell = document["cells"][number]
            if not isinstance(cell, dict) or cell.get("cell_type") != "code":
                continue
            for name, value_start, value_end in _members(text, where):
                if name == "source":
                    source = cell["source"]
                    is_list = isinstance(source, list)
                    found.append(
                        Cell(
                            value_start,
                            value_end,
                            "".join(source) if is_list else str(source),
                            is_list,
                        )
                    )
    return found


def _language(metadata: object) -> str | None:
    if not isinstance(metadata, dict):
        return None
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(key)
        if isinstance(part, dict) and isinstance(part.get(name), str):
            return str(part[name]).lower()
    return None


_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


def _after_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Key, start and end of value, of the object that begins at `at`;
    the text is known to be JSON."""
    at = _after_blanks(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _after_blanks(text, _after_blanks(text, at) + 1)
        _, at = _DECODER.raw_decode(text, start)
        yield key, start, at
        at = _after_blanks(text, at)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of each element of the list that begins at `at`."""
    at = _after_blanks(text, at + 1)
    while text[at] != "]":
        start = at
        _, at = _DECODER.raw_decode(text, start)
        yield start, at
        at = _after_blanks(text, at)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)


def _dumped(source: str, cell: Cell, text: str) -> str:
    """The new source as JSON, laid out as the old one was."""
    raw = text[cell.start : cell.end]
    ascii_only = raw.isascii() and "\\u" in raw

    def quoted(line: str) -> str:
        return json.dumps(line, ensure_ascii=ascii_only)

    if not cell.is_list:
        return quoted(source)
    lines = (
        source.splitlines(keepends=True)
        if "\r" not in source
        else re.findall(r"[^\n]*\n|[^\n]+", source)
    )
    if not lines:
        return "[]"
    first = _BLANK.match(raw, 1)
    opening = first.group() if first else ""
    closing = raw[len(raw[:-1].rstrip()) : -1]
    between = "," + (opening or " ")
    return "[" + opening + between.join(map(quoted, lines)) + closing + "]"


# The cells as one module.


def _masked(cell: Cell, options: Options, number: int) -> _Masked:
    """The cell as Python; one that cannot be read is blank, unless it holds what is looked for."""
    source = cell.source
    if _is_python(source):
        return _Masked(source)
    hidden: list[tuple[str, str]] = []
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not _CELL_MAGIC_OVER_PYTHON.match(first):
        return _blank(source, number)
    for at, line in enumerate(lines):
        placeholder = f"{number}.{at}"
        if found := _LINE_MAGIC.match(line):
            lines[at] = found[1] + _PLACEHOLDER.format(placeholder)
        elif found := _ASSIGNED_MAGIC.match(line):
            lines[at] = found[1] + _ASSIGNED.format(placeholder)
        else:
            continue
        hidden.append((lines[at], line))
    text = "\n".join(lines)
    if _is_python(text) or may_hold_rules(source.encode(), signs_for(options)):
        return _Masked(text, tuple(hidden))
    return _blank(source, number)


def _blank(source: str, number: int) -> _Masked:
    placeholder = _PLACEHOLDER.format(number) + "\n" * source.count("\n")
    return _Masked(placeholder, ((placeholder, source),))


def _is_python(source: str) -> bool:
    try:
        with quiet_parser():
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _unmasked(piece: str, part: _Masked) -> str:
    for placeholder, line in part.hidden:
        piece = piece.replace(placeholder, line, 1)
    return piece


def _cut(module: str, number: int) -> list[str]:
    """The module in cells again."""
    pieces = []
    for index in range(number):
        piece, boundary, module = module.partition("\n" + _BOUNDARY.format(index) + "\n")
        if not boundary:
            raise ValueError("the border between two cells was lost")
        pieces.append(piece)
    return pieces


def _lines_in_file(text: str, cells: list[Cell], parts: list[_Masked]) -> Callable[[int], int]:
    """From a line of the module to the line of the notebook's file where it stands."""
    places: list[int] = []
    for cell, part in zip(cells, parts):
        first = text.count("\n", 0, cell.start) + 1
        if cell.is_list:
            starts = [text.count("\n", 0, start) + 1 for start, _ in _elements(text, cell.start)]
        else:
            starts = []
        count = part.text.count("\n") + 1
        places += [starts[min(at, len(starts) - 1)] if starts else first for at in range(count)]
        places.append(places[-1])  # the border

    def line(number: int) -> int:
        return places[min(number, len(places)) - 1] if places else 1

    return line
