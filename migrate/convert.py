"""The heart: the bytes of a file in, one outcome out. Pure;
nothing that it converts is imported or run.

`source` and `scopes` read the file, `find` lists what there is to convert, `rewrite.cluster` turns
the bodies of rules into edits, `definitions`,
`outside` and `imports` do what stands around them, `gate` has the last word.
"""

from __future__ import annotations

import ast

from migrate.dialects import signs_for
from migrate.model import (
    FileFailed,
    FileUnchanged,
    ModuleSource,
    Options,
    Outcome,
)
from migrate.scan import may_hold_rules


def convert_source(
    source: bytes,
    path: str,
    options: Options,
    module_source: ModuleSource | None = None,
    scanned: bool = False,
) -> Outcome:
    """Convert the legacy rules in a file's bytes.

    `path` is only for the report. `module_source` finds the text of a module that the file imports,
    for legacy names that are re-exported; without it those are not seen. `scanned` says that the
    caller has seen that it may hold rules. Never raises: what goes wrong is a FileFailed.
    """
    if not (scanned or may_hold_rules(source, signs_for(options))):
        return FileUnchanged(path)
    # the rest of the tool, only where needed
    from migrate.conversion.whole_file import rewrite_file
    from migrate.syntax.source import SourceError
    from migrate.write.gate import GateFailure

    try:
        return rewrite_file(source, path, options, module_source)
    except SourceError as error:
        return FileFailed(path, "RM901", error.reason, error.remedy, error.line)
    except GateFailure as error:
        return _never_ran(source, path) or FileFailed(
            path,
            "RM210",
            str(error),
            "please report this with the file: it is a bug of rrule-migrate",
        )
    except RecursionError:
        return FileFailed(
            path, "RM902", "it is nested too deeply for this tool", "split its deepest expression"
        )
    except Exception as error:  # one file must not end the run; the message names the bug
        return FileFailed(
            path,
            "RM902",
            f"{type(error).__name__}: {error}",
            "please report this with the file: it is a bug of rrule-migrate",
        )


def _never_ran(source: bytes, path: str) -> FileFailed | None:
    """A file that parses and yet does not compile,
    such as one with a `return` outside a function."""
    try:
        compile(source, path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = f"it is not Python for this interpreter: {getattr(error, 'msg', error)}"
        return FileFailed(path, "RM901", reason, "correct the syntax", line)
    return None
