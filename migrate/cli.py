"""The command line of rrule-migrate: options are declared here, and nothing else is done here."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate import __version__
from migrate.command.help import GroupedCommand, GroupedOption

if TYPE_CHECKING:
    from migrate.command.request import Request
    from migrate.command.terminal import Stream

F = TypeVar("F", bound=Callable[..., Any])

_EXAMPLES = """\b
Examples:
  rrule-migrate src/                   rewrite the rules under src/
  rrule-migrate --diff src/            show what would change, write nothing
  rrule-migrate --diff src/ | git apply
  rrule-migrate --check src/           exit 1 if something would change
  rrule-migrate --interactive src/     decide rule by rule
  rrule-migrate --report page.html src/  a page to look through in a browser
  rrule-migrate --verify src/          run each rule beside its old self first
  rrule-migrate - < old.py > new.py

\b
Exit codes:
  0    done, or nothing to do; rules that are left do not change it
  1    --check or --diff found something to change; --strict: rules were left;
       --verify: a rule differs from its old self
  2    a mistake on the command line or in a settings file, or a file that could not be
       read, converted or written; the other files are done
  130  Ctrl-C; every file is either old or new
"""


def _option(group: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*declarations, cls=GroupedOption, group=group, **attributes)


def _split(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """`--select RM1,RM2` is `--select RM1 --select RM2`."""
    return tuple(word for value in values for word in value.split(",") if word)


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion."""
    from migrate.codes import CODES

    return [code for code in CODES if code.startswith(incomplete.upper())]


_DO, _CONVERT, _FILES, _PROOF, _SAFETY, _REPORT, _HELP = (
    "What to do (default: rewrite in place)",
    "How to convert",
    "Which files",
    "Proof",
    "Safety and speed",
    "What to report",
    "Help",
)


@click.command(
    cls=GroupedCommand,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path())
@_option(
    _DO, "--diff", is_flag=True, help="Print a unified diff, which git apply takes; write nothing."
)
@_option(_DO, "--check", is_flag=True, help="Write nothing; exit 1 if something would change.")
@_option(
    _DO,
    "-i",
    "--interactive",
    is_flag=True,
    help="Ask about each rule; what is accepted is written at the end.",
)
@_option(
    _DO,
    "--fresh",
    is_flag=True,
    help="With --interactive: forget the answers of a review that was broken off.",
)
@_option(
    _DO,
    "--report",
    metavar="PAGE",
    type=click.Path(),
    help="Write a page to look through in a browser; rewrite nothing.",
)
@_option(
    _DO,
    "--plan",
    metavar="FILE",
    type=click.Path(),
    help="Keep what would be done, or what --interactive accepted, in FILE; rewrite nothing.",
)
@_option(
    _DO,
    "--apply",
    metavar="FILE",
    type=click.Path(),
    help="Do what such a plan says, on the files that are as they were.",
)
@_option(
    _DO,
    "--only",
    multiple=True,
    callback=_split,
    metavar="ID,...",
    help="Convert only the rules with these ids, which --plan, --report and --format json give. Repeatable.",
)
@_option(
    _CONVERT,
    "--legacy-module",
    multiple=True,
    metavar="NAME",
    help="A module whose adjoint, pullback ... are the legacy ones, beside zygote_rules and zygote. Repeatable.",
)
@_option(
    _CONVERT, "--runtime", metavar="NAME", help="Import the runtime by this name.  [rules_runtime]"
)
@_option(_CONVERT, "--advise", is_flag=True, help="Also report what could be better style.")
@_option(_CONVERT, "--fix-style", is_flag=True, help="Also apply such advice where it is safe.")
@_option(
    _CONVERT, "--mark", is_flag=True, help="Leave a TODO line at each rule that needs a person."
)
@_option(
    _FILES,
    "--files-from",
    metavar="FILE",
    type=click.Path(),
    help="Read paths from FILE (- for standard input), one a line or parted by null bytes.",
)
@_option(
    _FILES,
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what matches this .gitignore pattern. Repeatable.",
)
@_option(
    _FILES,
    "--force-exclude",
    is_flag=True,
    help="Leave that out even where it is named (for hooks).",
)
@_option(_FILES, "--no-gitignore", is_flag=True, help="Also look at files that git ignores.")
@_option(
    _FILES,
    "--stdin-filename",
    metavar="PATH",
    type=click.Path(),
    help="With -: the file that it is, for messages, settings and imports.",
)
@_option(
    _FILES,
    "--config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Read settings from FILE instead of the nearest pyproject.toml or rrule-migrate.toml.",
)
@_option(
    _PROOF,
    "--verify",
    is_flag=True,
    help="Run each rule beside its legacy self and compare values and gradients; a file with a rule that "
    "differs is not written (exit 1). This imports your code.",
)
@_option(
    _PROOF,
    "--cases",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="With --verify: take inputs from cases() in FILE too: (label, callable, arguments, keywords).",
)
@_option(
    _PROOF,
    "--time-limit",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    help="With --verify: for each variant of a file.  [60]",
)
@_option(_SAFETY, "--allow-dirty", is_flag=True, help="Rewrite files with uncommitted changes too.")
@_option(
    _SAFETY,
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Convert in this many processes.  [the number of cores]",
)
@_option(
    _SAFETY,
    "--executor",
    metavar="WHERE",
    help="Convert elsewhere: dask://HOST:PORT, or MODULE:FUNCTION that returns an executor.",
)
@_option(
    _REPORT,
    "--select",
    multiple=True,
    callback=_split,
    shell_complete=_codes,
    metavar="CODE,...",
    help="Report only codes that begin so. Repeatable.",
)
@_option(
    _REPORT,
    "--ignore",
    multiple=True,
    callback=_split,
    shell_complete=_codes,
    metavar="CODE,...",
    help="Do not report codes that begin so. Repeatable.",
)
@_option(
    _REPORT,
    "--format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="How to print the report.  [text]",
)
@_option(
    _REPORT,
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Put the report into FILE, not on standard output.",
)
@_option(_REPORT, "--strict", is_flag=True, help="Exit 1 also when rules are left.")
@_option(_REPORT, "--statistics", is_flag=True, help="Count the messages by code.")
@_option(_REPORT, "-q", "--quiet", is_flag=True, help="Print errors only.")
@_option(
    _REPORT,
    "-v",
    "--verbose",
    is_flag=True,
    help="Also say what was converted, and why files were skipped.",
)
@_option(
    _REPORT,
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colours; auto: on a terminal, unless NO_COLOR is set.",
)
@_option(
    _HELP,
    "--explain",
    metavar="CODE",
    shell_complete=_codes,
    help="Say what a code means, with an example.",
)
@_option(_HELP, "--list-codes", is_flag=True, help="List all codes.")
@click.version_option(__version__, "-V", "--version", prog_name="rrule-migrate")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Rewrite legacy @adjoint rules into explicit rrule functions.

    PATH is a file, a folder (its .py, .pyi and .ipynb files), or - to read standard input and write the
    result to standard output.
    """
    try:
        code = _run(context, options)
    except KeyboardInterrupt:  # before there was anything to do
        click.echo("interrupted: nothing was written", err=True)
        code = 130
    context.exit(code)


def _run(context: click.Context, options: dict[str, Any]) -> int:
    from migrate.command.errors import Stop
    from migrate.command.request import Request
    from migrate.command.run import FAILED, run
    from migrate.command.terminal import standard

    # A Ctrl-C that comes when everything is done must not turn the exit code into that of a killed program.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    request = Request(**options)
    out, err = standard(request.color)
    try:
        if request.explain or request.list_codes:
            code = _tell(request, out)
        else:
            _refuse_nonsense(context, request)
            if request.select or request.ignore:
                from migrate.command.selection import check_codes

                check_codes(request.select, "--select")
                check_codes(request.ignore, "--ignore")
            code = run(request, out, err)
    except Stop as stop:
        err.line(f"{err.paint('error:', 'red bold')} {stop}")
        code = FAILED
    except click.ClickException:
        raise
    except Exception as error:
        err.line(
            f"{err.paint('error:', 'red bold')} rrule-migrate failed: {type(error).__name__}: {error}"
        )
        err.line(
            "       this is a bug: report it with what follows; every file is either old or new"
        )
        import traceback

        err.text(traceback.format_exc())
        code = FAILED
    out.flush()
    if out.trouble is not None:
        reason = out.trouble.strerror or out.trouble
        err.line(f"{err.paint('error:', 'red bold')} standard output: cannot be written: {reason}")
        err.line("       what it holds is not complete; see to the cause and run again")
        code = FAILED
    err.flush()
    return code


def _tell(request: Request, out: Stream) -> int:
    from migrate.command.explain import explain, list_codes

    if request.explain:
        explain(request.explain, out)
    else:
        list_codes(out)
    return 0


def _refuse_nonsense(context: click.Context, request: Request) -> None:
    if not request.paths and request.files_from is None and request.apply is None:
        raise click.UsageError(
            "Name a file or a folder, such as: rrule-migrate --diff src/", context
        )
    if request.filters and (
        request.interactive or request.plan or request.report or request.apply or request.verify
    ):
        raise click.UsageError("- (standard input) only goes with --diff and --check.", context)
    if request.plan and (request.apply or request.diff):
        raise click.UsageError("--plan does not go with --apply or --diff.", context)
    if request.report and (request.interactive or request.diff):
        raise click.UsageError("--report does not go with --interactive or --diff.", context)
    if (request.check or request.diff) and request.interactive:
        mode = "--check" if request.check else "--diff"
        raise click.UsageError(
            f"{mode} does not go with --interactive; --plan FILE keeps the answers, --apply FILE {mode} goes on.",
            context,
        )
    for option, path in (
        ("--report", request.report),
        ("--plan", request.plan),
        ("--output", request.output),
    ):
        if path is not None and path.endswith((".py", ".pyi", ".ipynb")):
            raise click.UsageError(
                f"{option} {path} would put what it writes in the place of a file to convert; "
                f"say {option} FILE {path}",
                context,
            )
    _refuse_what_would_do_nothing(context, request)
    if "-" in request.paths and request.paths != ("-",):
        raise click.UsageError("- (standard input) cannot be mixed with other paths.", context)
    talks = request.diff or request.interactive
    if request.format != "text" and request.output is None and (talks or request.filters):
        mode = "--diff" if request.diff else "--interactive" if request.interactive else "-"
        message = (
            f"Standard output belongs to {mode}: say --output FILE for --format {request.format}."
        )
        raise click.UsageError(message, context)
    if request.executor and request.jobs:
        raise click.UsageError("--jobs and --executor exclude each other.", context)
    if request.quiet and request.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.", context)


def _refuse_what_would_do_nothing(context: click.Context, request: Request) -> None:
    """An option without the one that it belongs to is most often a slip, and the run would write files."""
    if request.fresh and not request.interactive:
        raise click.UsageError("--fresh belongs to --interactive.", context)
    if request.cases and not request.verify:
        raise click.UsageError("--cases belongs to --verify.", context)
    if request.stdin_filename and not request.filters:
        raise click.UsageError("--stdin-filename belongs to - (standard input).", context)
    from migrate.command.config import is_module_name

    for option, names in (
        ("--legacy-module", request.legacy_module),
        ("--runtime", (request.runtime,) if request.runtime is not None else ()),
    ):
        for name in names:
            if not is_module_name(name):
                raise click.UsageError(
                    f"{option} {name!r}: say the name of a module, such as mylib.compat.", context
                )
