"""A source file as text that can be cut by position and put together again byte for byte.

Python's own parser reads a file with every line end as `\n`, counts lines from 1 and columns in
UTF-8 bytes. `Source` keeps the text in that form, knows how to turn such a position into an offset,
and can splice replacements into the *original* text, so that whatever is not replaced keeps its
bytes: line ends of every kind, a byte-order mark, the encoding, a missing final newline.
"""

from __future__ import annotations

import ast
import codecs
import contextlib
import io
import itertools
import re
import sys
import threading
import tokenize
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from migrate.syntax.foreign import what_else

#: CPython 3.11 counts the depth of a tree for the whole interpreter,
#: so that threads that parse at once fail with SystemError.
PARSER_LOCK = threading.Lock()
_LINE_END = re.compile(r"\r\n|\r|\n")
# The texts that these read are known to parse. `tokenize` is written in Python before 3.12, and
# takes as long as a conversion.
_STRING = "|".join(
    (
        r'''"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""''',
        r"""'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''""",
        r'''"[^"\\\n]*(?:\\.[^"\\\n]*)*"''',
        r"""'[^'\\\n]*(?:\\.[^'\\\n]*)*'""",
    )
)
_COMMENT_OR_STRING = re.compile(rf"(\#[^\n]*)|{_STRING}", re.DOTALL)
_FORMATTED = re.compile(r"[fFtT][rR]?[\"']|[rR][fFtT][\"']")


Placed: TypeAlias = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias


class SourceError(Exception):
    """The bytes are not a Python file that this interpreter can read."""

    def __init__(self, reason: str, remedy: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.line = line


@contextlib.contextmanager
def quiet_parser() -> Iterator[None]:
    """Parse or compile in here: one at a time,
    and without the warnings that are for whoever runs the file."""
    with PARSER_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Replacement:
    """Text for the half-open range of offsets `start` to `end` of `Source.text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """One decoded file; `text` has `\n` line ends only, `original` has the file's own."""

    original: str
    text: str
    encoding: str
    bom: bool
    tree: ast.Module

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset in `text` of the first character of each line."""
        return [0, *(m.end() for m in re.finditer("\n", self.text))]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def newline(self) -> str:
        """The line end that most lines have."""
        ends = _LINE_END.findall(self.original)
        return max(("\n", "\r\n", "\r"), key=ends.count)

    def offset(self, line: int, column: int) -> int:
        """The offset in `text` of a line (from 1) and a column in UTF-8 bytes."""
        start = self.line_starts[line - 1]
        row = self.lines[line - 1]
        if row.isascii():
            return start + column
        return start + len(row.encode()[:column].decode())

    def span(self, node: Placed) -> tuple[int, int]:
        """Where a node stands; enclosing parentheses do not count, but those of a tuple do."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def segment(self, node: Placed) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def line_of(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset)

    def indentation(self, line: int) -> str:
        row = self.lines[line - 1]
        return row[: len(row) - len(row.lstrip(" \t\f"))]

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """(offset, text) of every comment."""
        if sys.version_info >= (3, 12) and _FORMATTED.search(self.text) is not None:
            # strings may stand inside of strings, which no regular expression tells apart
            return list(self._comments_by_tokens())
        return [(m.start(), m[1]) for m in _COMMENT_OR_STRING.finditer(self.text) if m[1]]

    def comments_within(self, node: Placed, *but: Placed) -> list[str]:
        """The comments inside of a node that stand in none of these parts of it."""
        parts = [self.span(part) for part in but]
        return [
            text
            for at, text in self._comments_in(*self.span(node))
            if not any(start <= at < end for start, end in parts)
        ]

    def comments_after(self, parts: Sequence[Placed], whole: Placed) -> list[list[str]]:
        """The comments from each of the parts of a node to the next one."""
        starts = [*(self.span(part)[0] for part in parts), self.span(whole)[1]]
        return [
            [text for _, text in self._comments_in(start, end)]
            for start, end in itertools.pairwise(starts)
        ]

    def _comments_in(self, start: int, end: int) -> list[tuple[int, str]]:
        first = bisect_left(self.comments, (start,))
        return self.comments[first : bisect_left(self.comments, (end,))]

    def _comments_by_tokens(self) -> Iterator[tuple[int, str]]:
        try:
            for item in tokenize.generate_tokens(io.StringIO(self.text).readline):
                if item.type == tokenize.COMMENT:
                    line, column = item.start
                    yield self.line_starts[line - 1] + column, item.string
        except (SyntaxError, tokenize.TokenError) as error:
            reason = f"the tokenize module of this Python cannot read it: {error}"
            raise SourceError(
                reason, "write the lines there in a plainer way", getattr(error, "lineno", None)
            ) from None

    def spliced(self, replacements: Sequence[Replacement]) -> bytes:
        """The file's bytes with those ranges replaced; ranges must be sorted and apart.

        Raises UnicodeEncodeError where new text does not fit the encoding.
        """
        pieces: list[str] = []
        at = 0
        for item in replacements:
            start, end = self.original_offset(item.start), self.original_offset(item.end)
            pieces.append(self.original[at:start])
            pieces.append(item.text.replace("\n", self.newline))
            at = end
        pieces.append(self.original[at:])
        encoded = "".join(pieces).encode(self.encoding)
        return codecs.BOM_UTF8 + encoded if self.bom else encoded

    @cached_property
    def _original_starts(self) -> list[int]:
        return [0, *(m.end() for m in _LINE_END.finditer(self.original))]

    def original_offset(self, offset: int) -> int:
        line = self.line_of(offset) - 1
        return self._original_starts[line] + offset - self.line_starts[line]


def read_source(data: bytes) -> Source:
    """Decode and parse a file's bytes.

    Raises SourceError, with the line where there is one,
    for anything that Python itself would refuse.
    """
    bom = data.startswith(codecs.BOM_UTF8)
    body = data[len(codecs.BOM_UTF8) :] if bom else data
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, LookupError) as error:
        raise SourceError(
            f"its encoding cannot be read: {error}",
            "correct the coding cookie in its first two lines",
            1 if b"coding" in data.partition(b"\n")[0] else 2,
        ) from None
    encoding = "utf-8" if bom else encoding
    try:
        original = body.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        line = (
            body[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else None
        )
        raise SourceError(
            f"it is not valid {encoding}",
            "save it in that encoding, or name its real one in a coding cookie",
            line,
        ) from None
    if "\0" in original:  # Python says so too, but not where
        line = original.count("\n", 0, original.index("\0")) + 1
        raise SourceError("it holds a null byte", "remove what is not text", line)
    if original.encode(encoding) != body:
        raise SourceError(
            f"its bytes do not survive a round trip through {encoding}", "save the file as UTF-8"
        )
    text = _LINE_END.sub("\n", original)
    return Source(original, text, encoding, bom, parse(text))


def parse(text: str) -> ast.Module:
    """`ast.parse`, with every way in which it can fail turned into SourceError."""
    try:
        with quiet_parser():
            return ast.parse(text)
    except SyntaxError as error:
        message = f"it is not Python for this interpreter: {error.msg}"
        reason, remedy = what_else(text, error.lineno) or (message, "correct the syntax")
        raise SourceError(reason, remedy, error.lineno) from None
    except ValueError as error:
        raise SourceError(f"it is not Python: {error}", "remove what is not text") from None
    except (RecursionError, MemoryError):
        raise SourceError(
            "it is nested too deeply for Python's parser", "split the deepest expression"
        ) from None
