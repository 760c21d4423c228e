"""The frozen values that travel through `migrate`: options in, one outcome per file out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrate.options import Options as Options

#: Given (level, dotted name) of an import in the file, the source of that module,
#: or None where it cannot be found.
ModuleSource = Callable[[int, str], bytes | None]


class Nearby(ABC):
    """A ModuleSource that also knows where a module is, what that one imports, and which names
    other files take from the one that it is for."""

    @property
    @abstractmethod
    def known(self) -> dict[Any, Any]:
        """What was read in modules so far, which need not be read again for each file."""

    @abstractmethod
    def __call__(self, level: int, name: str) -> bytes | None: ...

    @abstractmethod
    def locate(self, level: int, name: str) -> tuple[str, bytes] | None:
        """Where a module is, and its source."""

    @abstractmethod
    def beside(self, path: str) -> Nearby:
        """What finds the modules that another file imports."""

    @abstractmethod
    def taken(self) -> frozenset[str]:
        """The names that other files take from this one."""


@dataclass(frozen=True)
class Note:
    """Something a person should know about one rule or line."""

    code: str
    message: str
    line: int  # 1-based, in the old file


@dataclass(frozen=True)
class RuleConverted:
    """One legacy definition or call that has a counterpart in the new text."""

    id: str  # stable over runs: a hash of target and old text; of a call, with `call-` in front
    name: str  # of the def, or the source of the call
    target: str
    line: int  # of the def or call in the old file, 1-based
    end_line: int
    new_line: int  # in the new file
    new_end_line: int
    before: str
    after: str
    notes: tuple[Note, ...] = ()
    form: str = ""  # which of the forms of its language it has now, where there are several

    @property
    def title(self) -> str:
        """What a person calls it: `rule_of_f, the rule for f`."""
        if self.id.startswith("call-"):
            return self.name
        named = "" if self.name in (self.target, "_") else f"{self.name}, "
        return f"{named}the rule for {self.target}"


@dataclass(frozen=True)
class RuleLeft:
    """One legacy definition or call that stays exactly as it was, and why."""

    id: str
    name: str
    target: str
    line: int
    end_line: int
    code: str
    reason: str


@dataclass(frozen=True)
class FileUnchanged:
    """Nothing to convert, or nothing that can be converted; the bytes stay."""

    path: str
    left: tuple[RuleLeft, ...] = ()
    notes: tuple[Note, ...] = ()
    reason: str = "no legacy rules"  # one line, shown under --verbose
    before: bytes = b""  # where there is something left to show


@dataclass(frozen=True)
class FileConverted:
    """New bytes for a file; they have passed the last gate."""

    path: str
    before: bytes
    after: bytes
    converted: tuple[RuleConverted, ...]
    left: tuple[RuleLeft, ...] = ()
    notes: tuple[Note, ...] = field(default=())  # of the file, not of one rule


@dataclass(frozen=True)
class FileFailed:
    """The file is left as it is because something is wrong with it (or, for RM9xx,
    with this tool)."""

    path: str
    code: str
    reason: str  # what is wrong
    remedy: str  # what to do about it
    line: int | None = None


Outcome = FileUnchanged | FileConverted | FileFailed
