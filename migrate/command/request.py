"""What a user asks for on the command line, as one value. Each field is the option of that name in cli.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, repr=False)  # each method that is made for it delays every start
class Request:
    """Options that a settings file may set too are empty here where the user did not give them."""

    paths: tuple[str, ...] = ()
    # what to do
    diff: bool = False
    check: bool = False
    interactive: bool = False
    fresh: bool = False
    plan: str | None = None
    report: str | None = None
    apply: str | None = None
    only: tuple[str, ...] = ()
    # the conversion
    legacy_module: tuple[str, ...] = ()
    runtime: str | None = None
    advise: bool = False
    fix_style: bool = False
    mark: bool = False
    # which files
    files_from: str | None = None
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    no_gitignore: bool = False
    stdin_filename: str | None = None
    config: str | None = None
    # proof
    verify: bool = False
    cases: str | None = None
    time_limit: float = 60.0
    # safety and speed
    allow_dirty: bool = False
    jobs: int | None = None
    executor: str | None = None
    # the report
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False
    format: str = "text"
    output: str | None = None
    statistics: bool = False
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    # help
    explain: str | None = None
    list_codes: bool = False

    @property
    def mode(self) -> str:
        if self.diff:
            return "diff"
        return "check" if self.check or self.plan or self.report else "rewrite"

    @property
    def writes(self) -> bool:
        return self.mode == "rewrite"

    @property
    def filters(self) -> bool:
        """From standard input to standard output."""
        return self.paths == ("-",)
