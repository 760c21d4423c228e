"""What a user asks for on the command line, as one value;
the other options are in migrate/options.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.options import (
    DO,
    FILES,
    HELP,
    PROOF,
    REPORT,
    SAFETY,
    Declared,
    Settings,
    declared,
    flags_of,
    option,
)

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False, repr=False)  # each method that is made for it delays every start
class Request:
    """`given` holds what the command line says of the options that a settings file may set too."""

    paths: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    diff: bool = option(False, DO, "Print a unified diff, which git apply takes; write nothing.")
    check: bool = option(False, DO, "Write nothing; exit 1 if something would change.")
    interactive: bool = option(
        False,
        DO,
        "Ask about each rule; what is accepted is written at the end.",
        "-i",
        "--interactive",
    )
    fresh: bool = option(
        False, DO, "With --interactive: forget the answers of a review that was broken off."
    )
    report: str | None = option(
        None,
        DO,
        "Write a page to look through in a browser; rewrite nothing.",
        metavar="PAGE",
        path="any",
    )
    plan: str | None = option(
        None,
        DO,
        "Keep what would be done, or what --interactive accepted, in FILE; rewrite nothing.",
        metavar="FILE",
        path="any",
    )
    apply: str | None = option(
        None,
        DO,
        "Do what such a plan says, on the files that are as they were.",
        metavar="FILE",
        path="any",
    )
    only: tuple[str, ...] = option(
        (),
        DO,
        "Convert only the rules with these ids, which --plan, --report and --format json give. "
        "Repeatable.",
        metavar="ID,...",
        word="id",
    )

    files_from: str | None = option(
        None,
        FILES,
        "Read paths from FILE (- for standard input), one a line or parted by null bytes.",
        metavar="FILE",
        path="any",
        repeated=True,
    )
    stdin_filename: str | None = option(
        None,
        FILES,
        "With -: the file that it is, for messages, settings and imports.",
        metavar="PATH",
        path="any",
    )
    config: str | None = option(
        None,
        FILES,
        "Read settings from FILE instead of the nearest pyproject.toml or rrule-migrate.toml.",
        metavar="FILE",
        path="existing",
        repeated=True,
    )

    verify: bool = option(
        False,
        PROOF,
        "Run each rule beside its legacy self and compare values and gradients; a file with a rule "
        "that differs is not written (exit 1). This imports your code.",
    )
    cases: str | None = option(
        None,
        PROOF,
        "With --verify: take inputs from cases() in FILE too: "
        "(label, callable, arguments, keywords).",
        metavar="FILE",
        path="existing",
    )
    time_limit: float = option(
        60.0, PROOF, "With --verify: for each variant of a file.  [60]", metavar="SECONDS"
    )

    allow_dirty: bool = option(
        False, SAFETY, "Rewrite files with uncommitted changes too.", repeated=True
    )
    jobs: int | None = option(
        None,
        SAFETY,
        "Convert in this many processes.  [the number of cores]",
        "-j",
        "--jobs",
        metavar="N",
    )
    executor: str | None = option(
        None,
        SAFETY,
        "Convert elsewhere: dask://HOST:PORT, or MODULE:FUNCTION that returns an executor.",
        metavar="WHERE",
    )

    format: str = option(
        "text",
        REPORT,
        "How to print the report.  [text]",
        choices=("text", "json", "sarif", "github"),
    )
    output: str | None = option(
        None,
        REPORT,
        "Put the report into FILE, not on standard output.",
        "-o",
        "--output",
        metavar="FILE",
        path="any",
    )
    strict: bool = option(False, REPORT, "Exit 1 also when rules are left.")
    statistics: bool = option(False, REPORT, "Count the messages by code.")
    quiet: bool = option(False, REPORT, "Print errors only.", "-q", "--quiet")
    verbose: bool = option(
        False,
        REPORT,
        "Also say what was converted, and why files were skipped.",
        "-v",
        "--verbose",
    )
    color: str = option(
        "auto",
        REPORT,
        "Colours; auto: on a terminal, unless NO_COLOR is set.",
        choices=("auto", "always", "never"),
    )

    explain: str | None = option(
        None, HELP, "Say what a code means, with an example.", metavar="CODE", word="code"
    )
    list_codes: bool = option(False, HELP, "List all codes.")
    list_dialects: bool = option(False, HELP, "List the legacy languages that are read.")

    @property
    def mode(self) -> str:
        """What happens to a file that something is found in: rewrite, check or diff."""
        if self.diff:
            return "diff"
        return "check" if self.check or self.plan or self.report else "rewrite"

    @property
    def writes(self) -> bool:
        """Whether files are rewritten."""
        return self.mode == "rewrite"

    @property
    def filters(self) -> bool:
        """From standard input to standard output."""
        return self.paths == ("-",)

    def words(self) -> list[str]:
        """The options that a command needs to find and convert again what this one does."""
        said = dict(self.given)
        for name, _, default, _ in declared(Request):
            if getattr(self, name) != default:
                said[name] = getattr(self, name)
        return [
            word
            for name, _, _, option in (*declared(Settings), *declared(Request))
            if option.repeated and name in said
            for word in _spelled(name, option, said[name])
        ]


def _spelled(name: str, option: Declared, value: Any) -> list[str]:
    flag = flags_of(name, option)[-1]
    if isinstance(value, bool):
        return [flag]
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (flag, one)]
