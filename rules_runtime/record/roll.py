"""Runs of calls whose operands are all known when the code is made, as a table and a loop.

Python compiles a line in 5 to 10 us, and runs it once in a replay; a loop over a table is as fast,
and costs nothing to compile.
"""

from __future__ import annotations

import re
from typing import Any

_CALL = re.compile(r"(\w+)(?:\.(\w+))?\((\w+(?:, \w+)*)\)")
_FEWEST = 4  # calls that are worth a loop
_LITERALS = {"None": None, "True": True, "False": False, **{str(k): k for k in range(33)}}


def rolled(lines: list[str], space: dict[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """The lines with loops for runs of such calls, whose tables are
    added to the names in `space`; and the lines that each loop stands for."""
    out: list[str] = []
    loops: dict[str, list[str]] = {}
    calls: list[Any] = []
    start = 0

    def close(stop: int) -> None:
        run = lines[start:stop]
        if len(run) < _FEWEST:
            out.extend(run)
        else:
            name = f"RUN{len(loops)}"
            space[name] = tuple(calls)
            out.append(f"for f, x in {name}: f(*x)")
            loops[out[-1]] = run

    for k, line in enumerate(lines):
        call = _call_of(line, space)
        if call is None:
            close(k)
            calls = []
            start = k + 1
            out.append(line)
        else:
            calls.append(call)
    close(len(lines))
    return out, loops


def _call_of(line: str, space: dict[str, Any]) -> Any:
    """A line as a function and its arguments; None where it is more, or names a local."""
    found = _CALL.fullmatch(line)
    if found is None:
        return None
    name, method, operands = found.groups()
    f = space.get(name)
    if f is None:
        return None
    values = []
    for operand in operands.split(", "):
        if operand in space:
            values.append(space[operand])
        elif operand in _LITERALS:
            values.append(_LITERALS[operand])
        else:
            return None
    return (f if method is None else getattr(f, method)), tuple(values)
