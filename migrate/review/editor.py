"""Lets the user change a new rule in an editor, and puts what came of it into the file."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from io import BytesIO
from tokenize import detect_encoding

from migrate.model import FileConverted, RuleConverted


class BadEdit(Exception):
    """The edit cannot be used; the message says why and what to do."""


def edited_in_editor(text: str) -> str:
    """What the user makes of the text in $VISUAL or $EDITOR."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise BadEdit(
            "no editor is known: set EDITOR (for example: export EDITOR=nano) and answer again"
        )
    descriptor, path = tempfile.mkstemp(prefix="rrule-migrate-", suffix=".py")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            done = subprocess.run([*shlex.split(editor), path], check=False)
        except OSError as error:
            raise BadEdit(
                f"{editor} could not be started ({error.strerror}); set EDITOR to another"
            ) from None
        if done.returncode:
            raise BadEdit(f"{editor} ended with {done.returncode}; nothing was taken over")
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise BadEdit("the edited text is not UTF-8; nothing was taken over") from None
    finally:
        os.unlink(path)


def with_text(outcome: FileConverted, rule: RuleConverted, text: str) -> bytes:
    """The new file with `text` in the place of the new rule; it must still be Python."""
    encoding = detect_encoding(BytesIO(outcome.after).readline)[0]
    whole = outcome.after.decode(encoding)
    end = "\r\n" if "\r\n" in whole else "\n" if "\n" in whole or "\r" not in whole else "\r"
    old = _with_ends(rule.after, end)
    start = _place(whole, old, rule.new_line, end)
    replaced = whole[:start] + _with_ends(text, end) + whole[start + len(old) :]
    try:
        data = replaced.encode(encoding)
        compile(data, outcome.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise BadEdit(f"with that text the file is not Python: {error}") from None
    return data


def _place(whole: str, text: str, line: int, end: str) -> int:
    """Where the text stands; of several places, the one nearest to the line."""
    places = []
    at = whole.find(text)
    while at >= 0:
        places.append(at)
        at = whole.find(text, at + 1)
    if not places:
        raise BadEdit(
            "the rule's lines have mixed ends, so it cannot be edited here; accept it and edit the file"
        )
    return min(places, key=lambda place: abs(whole.count(end, 0, place) + 1 - line))


def _with_ends(text: str, end: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return text.replace("\n", end)
