"""A question before the body of a Python function:
code that asks, and runs the body as it was where the answer is no.

    if is_open() and ask():
        return answer()

What is put before the body is compiled here, by the Python that runs it, and copied behind the
instruction with which the body begins. Names, arguments, defaults, free variables and jumps (which
are relative) stay what they were; the tables of lines and of exceptions move with the body. The
code needs no other function, so there is nothing of which it could hold an old copy.
"""

from __future__ import annotations

import dis
import functools
import types
import warnings
from collections.abc import Iterator
from typing import Any

_PLACES = ("is_open", "ask", "answer")
_SOURCE = "def f():\n if 'is_open'() and 'ask'():\n  return 'answer'()"


def _template() -> types.CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", SyntaxWarning
        )  # strings are called; what belongs there comes later
        module = compile(_SOURCE, "<prelude>", "exec")
    return next(c for c in module.co_consts if isinstance(c, types.CodeType))


_TEMPLATE = _template()


def _units(code: types.CodeType) -> list[tuple[dis.Instruction, int]]:
    """The instructions of a code object, each with the number of cache entries after it."""
    found = list(dis.get_instructions(code))
    ends = [*(ins.offset for ins in found[1:]), len(code.co_code)]
    return [(ins, (end - ins.offset) // 2 - 1) for ins, end in zip(found, ends)]


def with_prelude(code: types.CodeType, is_open: Any, ask: Any, answer: Any) -> types.CodeType:
    """`code` that first calls `is_open()`; where that is true `ask()`;
    and where that is true gives what `answer()` gives."""
    at = _beginning(code)
    consts = (*code.co_consts, is_open, ask, answer)
    prelude = _assembled(len(code.co_consts))
    first = code.co_firstlineno
    positions = list(code.co_positions())
    added = [(first, first, None, None)] * (len(prelude) // 2)
    return code.replace(
        co_code=code.co_code[:at] + prelude + code.co_code[at:],
        co_consts=consts,
        co_stacksize=max(code.co_stacksize, _TEMPLATE.co_stacksize),
        co_linetable=_lines([*positions[: at // 2], *added, *positions[at // 2 :]], first),
        co_exceptiontable=_moved(code.co_exceptiontable, at // 2, len(prelude) // 2),
    )


def end_of_prelude(code: types.CodeType) -> int:
    """The offset at which the body of a code object that `with_prelude` made begins."""
    return _beginning(code) + len(_assembled(len(code.co_consts) - len(_PLACES)))


def _beginning(code: types.CodeType) -> int:
    """The offset behind the instruction with which the body begins;
    what stands before it makes cells."""
    opcodes = code.co_code[::2]
    return 2 * (opcodes.index(dis.opmap["RESUME"]) + 1 + _AFTER_RESUME)


_AFTER_RESUME = next(n for ins, n in _units(_TEMPLATE) if ins.opname == "RESUME")


@functools.cache
def _assembled(base: int) -> bytes:
    """The instructions of the prelude, whose three constants begin at index `base`;
    where a test fails they go to the end."""
    units = _units(_TEMPLATE)
    begin = next(k for k, (ins, _) in enumerate(units) if ins.opname == "RESUME") + 1
    end = next(k for k, (ins, _) in enumerate(units) if ins.opname == "RETURN_VALUE") + 1
    out: list[tuple[int, int, int]] = []
    for ins, caches in units[begin:end]:
        arg = ins.arg or 0
        if ins.opname == "LOAD_CONST" and ins.argval in _PLACES:
            arg = base + _PLACES.index(ins.argval)
        out.append((ins.opcode, arg, caches))
    sizes = [1 + _extensions(arg) + caches for _, arg, caches in out]
    code = bytearray()
    for k, (opcode, arg, caches) in enumerate(out):
        if dis.opname[opcode].startswith("POP_JUMP"):
            arg = sum(sizes[k + 1 :])
        for byte in range(_extensions(arg), 0, -1):
            code += bytes((dis.EXTENDED_ARG, (arg >> (8 * byte)) & 255))
        code += bytes((opcode, arg & 255)) + bytes(2 * caches)
    return bytes(code)


def _extensions(arg: int) -> int:
    return max((arg.bit_length() - 1) // 8, 0)


# ---- the tables of a code object (Objects/locations.md and
# exception_handling_notes.txt of CPython) ----


def _lines(positions: list[Any], line: int) -> bytes:
    """The table of positions, one for each unit of code."""
    out = bytearray()
    k = 0
    while k < len(positions):
        n = 1
        while n < 8 and k + n < len(positions) and positions[k + n] == positions[k]:
            n += 1
        start, end, column, end_column = positions[k]
        if start is None:
            out.append(0x80 | 15 << 3 | n - 1)
        else:
            delta, line = start - line, start
            signed = -delta << 1 | 1 if delta < 0 else delta << 1
            if column is None or end_column is None or end is None:
                out.append(0x80 | 13 << 3 | n - 1)
                out.extend(_small_end_first(signed))
            else:
                out.append(0x80 | 14 << 3 | n - 1)
                for value in (signed, end - start, column + 1, end_column + 1):
                    out.extend(_small_end_first(value))
        k += n
    return bytes(out)


def _small_end_first(value: int) -> Iterator[int]:
    while value > 63:
        yield value & 63 | 64
        value >>= 6
    yield value


def _moved(table: bytes, at: int, by: int) -> bytes:
    """A table of exceptions in which all that was behind unit `at` is `by` units further."""
    numbers: list[int] = []
    value = 0
    for byte in table:
        value = value << 6 | byte & 63
        if not byte & 64:
            numbers.append(value)
            value = 0
    out = bytearray()
    for k in range(0, len(numbers), 4):
        start, size, target, depth = numbers[k : k + 4]
        for j, number in enumerate(
            (start + by * (start >= at), size, target + by * (target >= at), depth)
        ):
            made = _big_end_first(number)
            out += bytes((made[0] | 128 * (j == 0), *made[1:]))
    return bytes(out)


def _big_end_first(value: int) -> list[int]:
    made = [value & 63]
    while value > 63:
        value >>= 6
        made.insert(0, value & 63 | 64)
    return made
