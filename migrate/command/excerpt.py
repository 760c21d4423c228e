"""Shows the lines of a file that a rule stands in, before and after, and the class around them."""

from __future__ import annotations

import ast
import re
from functools import cached_property

from migrate.model import FileConverted, FileUnchanged, RuleConverted, RuleLeft

_LINE_END = re.compile(r"\r\n|\r|\n")


class Excerpts:
    """Of one file: whole lines, so that a method keeps its indentation and a call its statement."""

    def __init__(self, outcome: FileConverted | FileUnchanged) -> None:
        self.outcome = outcome
        # In a notebook the lines of the file are those of JSON: its rules are shown as they are.
        self.notebook = outcome.path.endswith(".ipynb")

    def before(self, rule: RuleConverted | RuleLeft) -> str:
        """The rule as it is; nothing where that is not known."""
        lines = [] if self.notebook else self._old[rule.line - 1 : rule.end_line]
        return "\n".join(lines) or getattr(rule, "before", "")

    def after(self, rule: RuleConverted, text: str | None = None) -> str:
        """What becomes of it: `text`, if the user has made that of it."""
        if text is not None and text != rule.after:
            return self.indentation(rule) + text
        lines = [] if self.notebook else self._new[rule.new_line - 1 : rule.new_end_line]
        return "\n".join(lines) or rule.after

    def indentation(self, rule: RuleConverted) -> str:
        """What stands before the new text, if that is nothing but white space."""
        if self.notebook or not 0 < rule.new_line <= len(self._new):
            return ""
        line = self._new[rule.new_line - 1]
        start, found, _ = line.partition(rule.after.partition("\n")[0])
        return start if found and not start.strip() else ""

    def around(self, rule: RuleConverted | RuleLeft) -> str:
        """`Lens.Inner`, if the rule stands in that class; else nothing."""
        if self.notebook:
            return ""
        return ".".join(
            node.name
            for node in self._classes
            if node.lineno < rule.line <= (node.end_lineno or node.lineno)
        )

    @cached_property
    def _old(self) -> list[str]:
        return _lines(self.outcome.before)

    @cached_property
    def _new(self) -> list[str]:
        return _lines(self.outcome.after if isinstance(self.outcome, FileConverted) else b"")

    @cached_property
    def _classes(self) -> list[ast.ClassDef]:
        """From the outermost to the innermost, as they begin."""
        try:
            tree = ast.parse(self.outcome.before)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        return sorted(found, key=lambda node: node.lineno)


def _lines(data: bytes) -> list[str]:
    from io import BytesIO
    from tokenize import detect_encoding

    try:
        encoding = detect_encoding(BytesIO(data).readline)[0]
    except SyntaxError:
        encoding = "utf-8"
    return _LINE_END.split(data.decode(encoding, "replace"))
