"""Where words and colours go: streams that survive a closed pipe,
names that cannot harm a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "red bold": "1;31",
}


def wants_colour(stream: TextIO, choice: str = "auto") -> bool:
    """`choice` is auto, always or never;
    auto asks for a terminal that is neither dumb nor told NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "") == "dumb":
        return False
    return stream.isatty()


def safe(text: str) -> str:
    """The text with control characters and undecodable bytes spelled out,
    so that it stays on its line."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _spelled(character) for character in text
    )


def _spelled(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def wrapped(text: str, columns: int, indent: str = "    ") -> list[str]:
    """Prose, broken between words; what follows the first line is indented."""
    from textwrap import wrap

    return wrap(text, max(columns, 20), subsequent_indent=indent, break_on_hyphens=False) or [text]


class Stream:
    """Standard output or error. Once its reader has gone away, or its disk is full,
    what is printed to it is dropped."""

    def __init__(self, file: TextIO, colour: bool) -> None:
        self.file = file
        self.colour = colour
        self.closed = False
        self.trouble: OSError | None = (
            None  # why it is closed, if that is no choice of the reader's
        )
        self.is_terminal = file.isatty() and os.environ.get("TERM", "") != "dumb"
        self.beside: Stream | None = None  # the stream on the same terminal that may show a status
        self._status = ""
        self.busy = False  # writing, so that a signal's handler must not

    @staticmethod
    def open(file: TextIO, choice: str = "auto") -> Stream:
        if hasattr(file, "reconfigure"):
            file.reconfigure(errors="backslashreplace")
        return Stream(file, wants_colour(file, choice))

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour else text

    def status(self, text: str) -> None:
        """Show a passing line at the bottom of the terminal, instead of the one before;
        nothing if empty."""
        if text != self._status:
            columns = os.get_terminal_size(self.file.fileno()).columns
            self._status = text
            self._write(lambda: self.file.write(f"\r\x1b[K{text[: columns - 1]}"))
            self.flush()

    def clear_echo(self) -> None:
        """Take away the ^C that a terminal shows for a Ctrl-C."""
        if self.is_terminal:
            self._write(lambda: self.file.write("\r\x1b[K"))

    def _clear_status(self) -> None:
        for stream in (self, self.beside):
            if stream is not None and stream._status:
                stream.status("")

    def line(self, text: str = "") -> None:
        self.text(text + "\n")

    def text(self, text: str) -> None:
        self._clear_status()
        self._write(lambda: self.file.write(text))

    def bytes(self, data: bytes) -> None:
        """Bytes as they are, after whatever text was printed before."""
        self._clear_status()

        def write() -> None:
            binary: BinaryIO | None = getattr(self.file, "buffer", None)
            if binary is None:  # a StringIO in a test
                self.file.write(data.decode("utf-8", "surrogateescape"))
            else:
                self.file.flush()
                binary.write(data)

        self._write(write)

    def flush(self) -> None:
        self._write(self.file.flush)

    def _write(self, write: Callable[[], object]) -> None:
        if self.closed:
            return
        self.busy = True
        try:
            write()
        except OSError as error:
            self.closed = True
            self.trouble = None if isinstance(error, BrokenPipeError) else error
            # Python flushes the stream once more at exit: let that go nowhere.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)
        finally:
            self.busy = False


def standard(choice: str = "auto") -> tuple[Stream, Stream]:
    out, err = (Stream.open(file or _nowhere(), choice) for file in (sys.stdout, sys.stderr))
    if out.is_terminal and err.is_terminal:
        out.beside = err
    return out, err


def _nowhere() -> TextIO:
    """For a stream that was closed before the program began, which is None."""
    return open(os.devnull, "w", encoding="utf-8")
