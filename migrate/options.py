"""Every option is declared once, by a field:
its flag, its key in a settings file, its kind, its help.

`Options` is what a conversion is told, `Settings` all that a settings file may say, and `Request`
in command/request.py what only a command line says. The command line, the settings file, the jobs
that workers get and the command on a report's page are made from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from migrate.defaults import RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterator

DO = "What to do (default: rewrite in place)"
CONVERT = "How to convert"
FILES = "Which files"
PROOF = "Proof"
SAFETY = "Safety and speed"
REPORT = "What to report"
HELP = "Help"
#: The headings of `--help`, in their order.
GROUPS = (DO, CONVERT, FILES, PROOF, SAFETY, REPORT, HELP)


class Declared(NamedTuple):
    """What there is to know of an option beside its field's name, type and default."""

    group: str  # none: it is not on the command line
    help: str
    flags: tuple[str, ...] = ()  # none: the field's name
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    path: str = ""  # of a path: any, or existing
    word: str = ""  # what each word must be: a code, a module, a dialect, an id
    joins: bool = False  # what is said goes beside what holds already, not in its place
    repeated: bool = False  # it belongs to a command that converts what this run found


def option(default: Any, group: str, help: str, *flags: str, **more: Any) -> Any:
    """A field that is an option."""
    return field(default=default, metadata={"option": Declared(group, help, flags, **more)})


def declared(options: Any) -> Iterator[tuple[str, str, Any, Declared]]:
    """(name, type as it is written, default, declaration) of each option of a dataclass."""
    for one in fields(options):
        if "option" in one.metadata:
            yield one.name, str(one.type), one.default, one.metadata["option"]


def flags_of(name: str, option: Declared) -> tuple[str, ...]:
    """How the option is spelled on a command line."""
    return option.flags or (f"--{name.replace('_', '-')}",)


@dataclass(frozen=True)
class Options:
    """What a user can choose about a conversion; which files, and how to print, is not in here."""

    dialects: tuple[str, ...] = option(
        (),
        CONVERT,
        "Convert rules of this legacy language only; --list-dialects names them. Repeatable.",
        "--dialect",
        metavar="NAME,...",
        word="dialect",
        repeated=True,
    )
    legacy_modules: tuple[str, ...] = option(
        (),
        CONVERT,
        "A module whose adjoint, pullback, defvjp ... are the legacy ones, beside zygote_rules, "
        "autograd ...; DIALECT:NAME for those of one language. Repeatable.",
        "--legacy-module",
        metavar="NAME",
        word="module",
        joins=True,
        repeated=True,
    )
    runtime: str = option(
        RUNTIME,
        CONVERT,
        "Import the runtime by this name.  [rules_runtime]",
        metavar="NAME",
        word="module",
        repeated=True,
    )
    real: bool = option(
        False,
        CONVERT,
        "No rule is called with complex values: write no @unconjugated.",
        repeated=True,
    )
    autograd: str = option(
        "keep",
        CONVERT,
        "Whether rules of autograd's go on serving autograd (keep), or it is used no more (drop).  "
        "[keep]",
        choices=("keep", "drop"),
        metavar="keep|drop",
        repeated=True,
    )
    advise: bool = option(False, CONVERT, "Also report what could be better style.", repeated=True)
    fix_style: bool = option(
        False, CONVERT, "Also apply such advice where it is safe.", repeated=True
    )
    mark: bool = option(
        False, CONVERT, "Leave a TODO line at each rule that needs a person.", repeated=True
    )
    only: frozenset[str] | None = None  # ids of the rules to convert; None converts all

    def modules_of(self, dialect: str = "") -> tuple[str, ...]:
        """The user's legacy modules that speak a dialect; without one, those that speak any."""
        named = (module.rpartition(":") for module in self.legacy_modules)
        return tuple(m for said, _, m in named if not dialect or said in ("", dialect))

    select: tuple[str, ...] = option(
        (),
        REPORT,
        "Report only codes that begin so. Repeatable.",
        metavar="CODE,...",
        word="code",
    )
    ignore: tuple[str, ...] = option(
        (),
        REPORT,
        "Do not report codes that begin so. Repeatable.",
        metavar="CODE,...",
        word="code",
    )


@dataclass(frozen=True)
class Settings(Options):
    """What a settings file may say: its keys are these fields, with `-` for `_`."""

    exclude: tuple[str, ...] = option(
        (),
        FILES,
        "Leave out what matches this .gitignore pattern. Repeatable.",
        metavar="PATTERN",
        repeated=True,
    )
    force_exclude: bool = option(
        False, FILES, "Leave that out even where it is named (for hooks).", repeated=True
    )
    gitignore: bool = option(
        True, FILES, "Also look at files that git ignores.", "--no-gitignore", repeated=True
    )

    def options(self, only: frozenset[str] | None) -> Options:
        """What a conversion is told of these."""
        told = {one.name: getattr(self, one.name) for one in fields(Options)}
        return Options(**{**told, "only": only})
