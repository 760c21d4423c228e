"""The command line of rrule-migrate, made from the declared options;
says which do not go together."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from migrate import __version__
from migrate.command.help import GroupedCommand, GroupedOption
from migrate.command.request import Request
from migrate.options import Declared, Settings, declared, flags_of

if TYPE_CHECKING:
    from migrate.command.terminal import Stream

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
  1    --check or --diff found something to change; --strict: rules were left,
       or not tried; --verify: a rule differs from its old self
  2    a mistake on the command line or in a settings file, or a file that could not be
       read, converted or written; the other files are done
  130  Ctrl-C; every file is either old or new
"""


def _split(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """`--select RM1,RM2` is `--select RM1 --select RM2`."""
    return tuple(word for value in values for word in value.split(",") if word)


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion."""
    from migrate.codes import CODES

    return [code for code in CODES if code.startswith(incomplete.upper())]


#: What cannot be read is told when its turn comes, and stops nothing else.
_ANY_PATH = click.Path(readable=False)
_TYPES: dict[str, Any] = {
    "int": click.IntRange(min=1),
    "float": click.FloatRange(min=0, min_open=True),
    "str": click.STRING,
}


def _parameters() -> Iterator[click.Parameter]:
    """The options as they are declared. One that a settings file may
    set is None where it is not said."""
    yield click.Argument(["paths"], metavar="PATH...", nargs=-1, type=_ANY_PATH)
    for holder in (Settings, Request):
        for name, kind, default, option in declared(holder):
            if option.group:
                said = default if holder is Request else None
                yield _parameter(name, kind, default, said, option)


def _parameter(name: str, kind: str, default: Any, said: Any, option: Declared) -> GroupedOption:
    more: dict[str, Any] = {"default": said, "metavar": option.metavar}
    if kind == "bool":
        more |= {"is_flag": True, "flag_value": not default}
    elif option.choices:
        more["type"] = click.Choice(option.choices)
    elif option.path:
        more["type"] = (
            click.Path(exists=True, dir_okay=False) if option.path == "existing" else _ANY_PATH
        )
    else:
        more["type"] = _TYPES.get(kind.split(" |")[0], click.STRING)
    if kind.startswith("tuple"):
        more["multiple"] = True
        if option.word in ("code", "id", "dialect"):
            more["callback"] = _split
    if option.word == "code":
        more["shell_complete"] = _codes
    declarations = (*flags_of(name, option), name)
    return GroupedOption(declarations, group=option.group, help=option.help, **more)


@click.command(
    cls=GroupedCommand,
    epilog=_EXAMPLES,
    params=list(_parameters()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="rrule-migrate")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Rewrite legacy rules (@adjoint, defvjp) into explicit rrule functions.

    PATH is a file, a folder (its .py, .pyi and .ipynb files), or - to read standard input and write
    the result to standard output.
    """
    try:
        code = _run(context, options)
    except KeyboardInterrupt:  # before there was anything to do
        click.echo("interrupted: nothing was written", err=True)
        code = 130
    context.exit(code)


def _run(context: click.Context, options: dict[str, Any]) -> int:
    from migrate.command.errors import Stop
    from migrate.command.run import FAILED, run
    from migrate.command.terminal import standard

    # A Ctrl-C that comes when everything is done must not turn the exit
    # code into that of a killed program.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    given = {name: options.pop(name) for name, _, _, one in declared(Settings) if one.group}
    given = {name: value for name, value in given.items() if value not in (None, ())}
    request = Request(given=given, **options)
    out, err = standard(request.color)
    try:
        if request.explain or request.list_codes or request.list_dialects:
            code = _tell(request, out)
        else:
            _refuse_nonsense(context, request)
            _check_words(request)
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
    from migrate.command.explain import explain, list_codes, list_dialects

    if request.explain:
        explain(request.explain, out)
    elif request.list_codes:
        list_codes(out)
    else:
        list_dialects(out)
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
    """An option without the one that it belongs to is most often a slip,
    and the run would write files."""
    if request.fresh and not request.interactive:
        raise click.UsageError("--fresh belongs to --interactive.", context)
    if request.cases and not request.verify:
        raise click.UsageError("--cases belongs to --verify.", context)
    if request.stdin_filename and not request.filters:
        raise click.UsageError("--stdin-filename belongs to - (standard input).", context)


def _check_words(request: Request) -> None:
    """Codes and names of modules, before anything is done."""
    for name, _, _, option in declared(Settings):
        if option.word and name in request.given:
            from migrate.command.config import check_words

            check_words(option, request.given[name], flags_of(name, option)[-1])
