"""Says what may be meant where a run finds nothing to convert, or less than the user thinks.

What is looked for must not delay a run over a large tree: names of other languages in the first
megabytes only, and imports in the few files that have a decorator of the legacy name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from migrate.command.terminal import safe
from migrate.dialects import modules_of, names
from migrate.reports.tally import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrate.command.discover import Skipped
    from migrate.command.reexports import Reexports
    from migrate.command.terminal import Stream
    from migrate.command.unknown_modules import Unknown
    from migrate.options import Settings


class Language(NamedTuple):
    """Another language, and what its rules cannot do without."""

    name: str
    word: str
    dialect: str  # that would read it
    part: bytes  # what a file has in which the sign is worth looking for
    sign: bytes  # an expression


# Expressions are compiled when they are asked for: most runs have nothing to ask them.

#: In this order: JAX's rules have a method `defvjp`.
OTHERS = (
    Language(
        "JAX",
        "custom_vjp",
        "jax",
        b"custom_",
        rb"(?m)^[ \t]*@.*\bcustom_[jv][jv]p\b|\bcustom_vjp\(",
    ),
    Language("HIPS autograd", "defvjp", "autograd", b"defvjp", rb"\bdefvjp\w*\("),
    Language(
        "PyTorch",
        "autograd.Function",
        "torch",
        b"autograd",
        rb"(?m)^[ \t]*class .*\bautograd\.Function\b"
        rb"|^[ \t]*from torch\.autograd(?:\.function)? import\b.*\bFunction\b",
    ),
)
NOT_JULIA = "rrule-migrate reads the Python spelling of @adjoint rules, not Julia"
_BUDGET = 8 << 20  # bytes in which they are looked for
#: A use as a decorator, as `adjoint(f)(rule)`, or as a statement.
_USE = (
    rb"(?m)^[ \t]*@[\w.]*\b(?:adjoint|nograd)\b|\badjoint\([^()\n]*\)\(|^[ \t]*[\w.]*\bnograd\("
    rb"|\badjoint[ \t]+as\b|\b(?:dropgrad|literal_get\w+)\("
)
_JULIA = rb"(?m)^[ \t]*@adjoint!?[ \t]+(?:function\b|[\w.]+\()"
_FROM = rb"from\s+([\w.]+)\s+import\s+(\([^)]*|(?:[^\n(\\]|\\\r?\n)*)"
_RARER = (b"nograd", b"dropgrad")
_TAKES = rb"\b(?:adjoint|nograd|dropgrad|literal_get\w+)\b|\*"
_OF_A_MODULE = rb"\.(?:adjoint|nograd|dropgrad|literal_get\w+)\b"


class Hints:
    """One run's. It is shown each file and each thing that is passed over, and asked at the end."""

    def __init__(self, named_modules: tuple[str, ...], paths: tuple[str, ...]) -> None:
        self.named_modules = named_modules  # on the command line
        self.paths = paths
        self.unmet = dict.fromkeys(named_modules)
        self.unknown: list[Unknown] = []
        self.others: dict[str, list[str]] = {}
        self.excluded: list[Skipped] = []
        self.julia = 0
        self._budget = _BUDGET

    def file(self, path: str, source: bytes, settings: Settings, reexports: Reexports) -> None:
        """Any file that may hold rules by its words, whether it is a candidate or not."""
        for module in list(self.unmet):
            if module.rpartition(".")[2].encode() in source:
                del self.unmet[module]
        if re.search(_JULIA, source):
            self.julia += 1
        elif re.search(_USE, source) and _takes_from_elsewhere(source, modules_of(settings)):
            from migrate.command.unknown_modules import unknown_modules

            self.unknown += unknown_modules(path, source, settings, reexports)

    def may_name(self, source: bytes) -> bool:
        """Whether a file that has none of the rarer words is worth showing to `file`."""
        if self._budget <= 0 or b"grad" not in source:
            return False
        return any(word in source for word in _RARER)

    def other(self, path: str, source: bytes) -> None:
        """A file without rules."""
        if self._budget > 0:
            self._budget -= len(source)
            if b"grad" not in source and b"vjp" not in source:
                return
            for language in OTHERS:
                if language.part in source and re.search(language.sign, source):
                    self.others.setdefault(language.name, []).append(path)
                    break

    def skipped(self, skipped: Skipped) -> None:
        if skipped.reason.startswith(("excluded by", "ignored by")):
            self.excluded.append(skipped)

    def lines(self, looked_at: int, found: bool) -> Iterator[str]:
        """`found`: there was something to convert, or a rule that is left."""
        by_module: dict[str, list[Unknown]] = {}
        for one in self.unknown:
            by_module.setdefault(one.module, []).append(one)
        for module, all_of in by_module.items():
            first = all_of[0]
            more = f" (and {counted(len(all_of) - 1, 'more file')})" if all_of[1:] else ""
            yield (
                f"{safe(first.path)}:{first.line}{more} takes {' and '.join(first.names)} from "
                f"{module}, which is not known as a legacy module. If its rules are legacy rules: "
                f"rrule-migrate --legacy-module {module} {self._paths()}"
            )
        for module in self.unmet:
            yield f"--legacy-module {module}: no file here takes a legacy name from it{self._close(module)}"
        if found:
            return
        for language, word, dialect, *_ in OTHERS:
            if files := self.others.get(language):
                more = f" (and {counted(len(files) - 1, 'more file')})" if files[1:] else ""
                what = "a language that is not read yet"
                if dialect in names():
                    what = (
                        f"which --dialect {dialect} reads where it comes from that package, or from "
                        f"a module that --legacy-module {dialect}:NAME names"
                    )
                yield f"{safe(files[0])}{more} has rules of {language} ({word}), {what}"
        if self.julia:
            yield f"{counted(self.julia, 'Julia file')} passed over: {NOT_JULIA}"
        if self.excluded and not looked_at:
            out = self.excluded[0]
            more = f", and {len(self.excluded) - 1} more like it" if self.excluded[1:] else ""
            yield f"nothing is left to look at: {safe(out.path)} is {out.reason}{more}"

    def show(self, err: Stream, looked_at: int, found: bool) -> None:
        for line in self.lines(looked_at, found):
            err.line(f"{err.paint('hint:', 'cyan')} {line}")

    def _paths(self) -> str:
        return safe(" ".join(self.paths)) if 0 < len(self.paths) < 4 else "PATH..."

    def _close(self, module: str) -> str:
        from difflib import get_close_matches

        close = get_close_matches(module, sorted({one.module for one in self.unknown}), n=1)
        return f"; did you mean {close[0]}?" if close else "; is its name spelled so?"


def _takes_from_elsewhere(source: bytes, legacy: tuple[str, ...]) -> bool:
    """By the text; to parse every file for this would double the cost of a conversion's start."""
    return re.search(_OF_A_MODULE, source) is not None or any(
        re.search(_TAKES, names) and module.decode() not in legacy
        for module, names in re.findall(_FROM, source)
    )
