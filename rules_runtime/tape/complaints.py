"""Errors of functions that were handed a traced value and could not compute with it,
in words that say what to do instead."""

from __future__ import annotations

import linecache
import re
import sysconfig
from types import CodeType, FrameType, TracebackType
from typing import Any

from ..errors import RulesError
from .structures import inner_tape
from .tracer import FinishedTrace

# How numpy, scipy and extension modules put it that they were given a tracer, or an array of such.
_SIGNS = re.compile(
    r"\bTracer\b|dtype\('O'\)|dtype object|object arrays|loop of ufunc|not supported for the input types|REFS_OK"
    r"|proper array of floats|lose the derivative|x\.view\(|unsupported data types in input"
)
_NUMERIC = ("numpy", "scipy")  # whose extension modules name files that are not there
_STANDARD = sysconfig.get_path("stdlib")
_OURS = __name__.partition(".")[0]


class TracedValueError(RulesError, TypeError):
    """A function was given a traced value, which it cannot compute with."""


def explained(error: Exception, of: Any) -> TracedValueError | None:
    """The error to raise in the place of one that a traced function ended with;
    None where it says enough, or is another."""
    if isinstance(error, (RulesError, FinishedTrace)):
        return None
    broken = isinstance(error, SystemError)  # a C function went on with what was no number
    ours = " lose the derivative" in f"{error} {error.__cause__}"
    entered, own, last = _frames(error.__traceback__, _package(of), broken)
    if entered is not None:
        if not (broken or _SIGNS.search(str(error)) or ours):
            if last == _OURS or not _is_given_traced(entered):
                return None
        called: str | None = _name(entered)
    elif own is None or not (_SIGNS.search(str(error)) or ours):
        return None
    else:
        called = _source(own)
        if called is None or str(error).startswith("x."):
            return None
    why = "" if ours else f" ({type(error).__name__}: {error})"
    return TracedValueError(
        f"{called} cannot compute with a traced value{why}. Use numpy's functions on arrays (np.sin, not math.sin), make arrays of "
        "traced numbers with np.stack([...]) or np.array([...]), give the function a rule (@rrule.register), or hand over the plain "
        "value, which has no gradient: ignore_derivatives(x)."
    )


def _name(frame: FrameType) -> str:
    module, name = str(frame.f_globals["__name__"]), frame.f_code.co_qualname
    name = name.removeprefix(f"{module}.")  # extension modules put it there
    return ".".join([*[k for k in module.split(".") if k[0] != "_"], name])


def _is_given_traced(frame: FrameType) -> bool:
    """Whether a function of numpy or scipy that raised some error of
    its own was called with a traced value."""
    code = frame.f_code
    if _package_of(frame) not in _NUMERIC:
        return False
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2]
    return any(inner_tape(frame.f_locals.get(name)) is not None for name in names)


def _package(of: Any) -> str:
    return str(getattr(of, "__module__", None) or "").partition(".")[0]


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _frames(
    traceback: TracebackType | None, users: str, inside: bool
) -> tuple[FrameType | None, TracebackType | None, str]:
    """Where the user's code entered the library in which an error arose (or, `inside`, that called
    it back), the last that was the user's own code, and the package where it arose."""
    package = ""
    entered: FrameType | None = None
    own: TracebackType | None = None
    while traceback is not None:
        frame = traceback.tb_frame
        package, file = _package_of(frame), frame.f_code.co_filename
        if package != _OURS:
            library = package in _NUMERIC or "site-packages" in file or file.startswith(_STANDARD)
            if package == users or not library:
                own = traceback
                entered = entered if inside else None
            elif entered is None or "<locals>" in entered.f_code.co_qualname:
                entered = frame
        traceback = traceback.tb_next
    return entered, own, package


def _source(traceback: TracebackType) -> str | None:
    """The piece of the line that was computed,
    from the positions that Python keeps for its own tracebacks."""
    code: CodeType = traceback.tb_frame.f_code
    for k, (line, last, start, stop) in enumerate(code.co_positions()):
        if k == traceback.tb_lasti // 2:
            text = linecache.getline(code.co_filename, line or 0)
            if line != last or start is None:
                return text.strip() or None
            return text.encode()[start:stop].decode(errors="replace") or None
    return None
