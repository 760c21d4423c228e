"""The unified diff of one file, as bytes that `git apply` takes whatever the line ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from migrate.command.git import root_of

CONTEXT = 3
Code = tuple[str, int, int, int, int]  # difflib's: tag, old start and end, new start and end


@dataclass(frozen=True)
class Hunk:
    """`lines` begin with ` `, `-`, `+` or a backslash and keep their line ends;
    1-based, in the old file."""

    line: int
    end_line: int
    lines: tuple[bytes, ...]


def name_in_diff(path: str) -> str:
    """The path from the root of its repository, or from the current folder,
    or from the root of the disk."""
    real = os.path.realpath(path)
    root = root_of(os.path.dirname(real))
    if root is None:
        here = os.getcwd()
        root = here if os.path.commonpath((here, real)) == here else "/"
    return os.path.relpath(real, root)


def header(name: str) -> tuple[bytes, bytes]:
    raw = os.fsencode(name.replace(os.sep, "/"))
    return b"--- " + _quoted(b"a/" + raw) + b"\n", b"+++ " + _quoted(b"b/" + raw) + b"\n"


def _quoted(name: bytes) -> bytes:
    """As git writes a name: C quotes where it must, a tab after a name with spaces."""
    if any(byte < 0x20 or byte in b'"\\\x7f' for byte in name):
        return b'"' + b"".join(_escaped(byte) for byte in name) + b'"'
    return name + b"\t" if b" " in name else name


def _escaped(byte: int) -> bytes:
    short = {0x09: b"\\t", 0x0A: b"\\n", 0x0D: b"\\r", 0x22: b'\\"', 0x5C: b"\\\\"}
    if byte in short:
        return short[byte]
    return bytes((byte,)) if 0x20 <= byte < 0x7F else b"\\%03o" % byte


def hunks(before: bytes, after: bytes) -> Iterator[Hunk]:
    """The changed regions with three lines of context. Only `\\n` ends a line, as for git."""
    old, new = _lines(before), _lines(after)
    matcher, skipped = _compared(old, new)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        yield _hunk([_shifted(code, skipped) for code in group], old, new)


def blocks(before: bytes, after: bytes) -> list[tuple[int, int, int]]:
    """The stretches of equal lines, as (line in old, line in new, size), 0-based."""
    old, new = _lines(before), _lines(after)
    matcher, skipped = _compared(old, new)
    found = [(a + skipped, b + skipped, size) for a, b, size in matcher.get_matching_blocks()]
    end_old, end_new, _ = found[-1]
    return [(0, 0, skipped), *found[:-1], (end_old, end_new, len(old) - end_old)]


@dataclass(frozen=True)
class Change:
    """The lines from `start` to before `end` (0-based) of the old file become `text`."""

    start: int
    end: int
    text: bytes


def changes(before: bytes, after: bytes) -> list[Change]:
    """What to replace in the old file to get the new one."""
    old, new = _lines(before), _lines(after)
    matcher, skipped = _compared(old, new)
    codes = (_shifted(code, skipped) for code in matcher.get_opcodes())
    return [Change(a, b, b"".join(new[c:d])) for tag, a, b, c, d in codes if tag != "equal"]


def _compared(old: list[bytes], new: list[bytes]) -> tuple[SequenceMatcher[bytes], int]:
    """What stands from the first to the last difference, with its context, and where that begins.

    difflib needs long for a large file of which little has changed.
    """
    start = _common(old, new)
    tail = max(_common(old[start:][::-1], new[start:][::-1]) - CONTEXT, 0)
    start = max(start - CONTEXT, 0)
    return SequenceMatcher(None, old[start : len(old) - tail], new[start : len(new) - tail]), start


def _shifted(code: Code, by: int) -> Code:
    tag, a, b, c, d = code
    return tag, a + by, b + by, c + by, d + by


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _common(one: list[bytes], other: list[bytes]) -> int:
    count = 0
    for mine, theirs in zip(one, other):
        if mine != theirs:
            break
        count += 1
    return count


def _hunk(group: list[Code], old: list[bytes], new: list[bytes]) -> Hunk:
    start, end = group[0][1], group[-1][2]
    new_start, new_end = group[0][3], group[-1][4]
    lines = [b"@@ -%s +%s @@\n" % (_range(start, end), _range(new_start, new_end))]
    for tag, a, b, c, d in group:
        if tag == "equal":
            lines += _marked(b" ", old[a:b])
        else:
            lines += _marked(b"-", old[a:b])
            lines += _marked(b"+", new[c:d])
    return Hunk(start + 1, end, tuple(lines))


def _range(start: int, end: int) -> bytes:
    if end - start == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + (end > start), end - start)  # of an empty range, the line before it


def _marked(mark: bytes, lines: list[bytes]) -> list[bytes]:
    marked = [mark + line for line in lines]
    if lines and not lines[-1].endswith(b"\n"):
        marked[-1] += b"\n"
        marked.append(b"\\ No newline at end of file\n")
    return marked


_COLOURS = {b"-": b"\x1b[31m", b"+": b"\x1b[32m", b"@": b"\x1b[36m", b"\\": b"\x1b[2m"}
_BOLD = b"\x1b[1m"


def coloured(line: bytes, *, is_header: bool = False) -> bytes:
    """For a terminal: the colour ends before the line end, of which CR is a part."""
    colour = _BOLD if is_header else _COLOURS.get(line[:1])
    if colour is None:
        return line
    text = line.rstrip(b"\r\n")
    return colour + text + b"\x1b[0m" + line[len(text) :]
