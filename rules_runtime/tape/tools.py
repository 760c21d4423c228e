"""Tools for authors of rules: what was recorded, what each rule gave, where the backward sweep spends its time.

All three watch a tape from outside: `WatchedTape` notes for each entry where it came from, and `watch` puts a function around each of
its pullbacks. Nothing of this is on the way of an ordinary gradient.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import RulesError
from ..kernels.fill import Fill
from .cotangents import Pieces
from .record import name_of
from .structures import is_leaf
from .trace import TapeConfig, Trace, watchers
from .tracer import Tape, Tracer, primal

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep


class WrongTangentError(RulesError, ValueError):
    """A rule gave a tangent that cannot be one of its argument; `debug_mode` looks for these."""


class Step(NamedTuple):
    """One entry of a tape: the operation, the shape and dtype of its value, the bytes it keeps, where in the source it is."""

    operation: str
    shape: tuple[int, ...]
    dtype: str
    kept: int
    source: str


class WatchedTape(Tape):
    """A tape that notes for each entry what a `Step` says."""

    __slots__ = ("steps",)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.steps: list[Step] = []

    def append(self, entry: Any) -> None:
        operation, source, value = _caller(sys._getframe(1))
        if entry is None:
            operation, source = "argument", ""
        elif len(entry) == 4 and entry[3] == 4:
            operation += f"[{entry[2][0]}]"
        self.steps.append(
            Step(
                operation,
                np.shape(value) if is_leaf(value) else (),
                str(getattr(value, "dtype", type(value).__name__)),
                _bytes(entry),
                source,
            )
        )
        super().append(entry)


def _caller(frame: Any) -> tuple[str, str, Any]:
    """The operation, the user's line and the value, from the frames of the recording code."""
    value: Any = None
    operation = ""
    while frame is not None:
        file, names = frame.f_code.co_filename, frame.f_locals
        if not file.startswith((_PACKAGE, _NUMPY)):
            return operation, f"{os.path.basename(file)}:{frame.f_lineno}", primal(value)
        if value is None:
            t = names.get("t")
            value = t.value if type(t) is Tracer else _first(names, "leaf", "y", "value", "x")
        function = names.get("ufunc", names.get("function"))
        if function is None:
            form = names.get("form")
            function = form.function if form is not None else None
        operation = name_of(function) if callable(function) else operation or frame.f_code.co_name
        frame = frame.f_back
    return operation, "", primal(value)


def _first(names: dict[str, Any], *wanted: str) -> Any:
    return next((names[name] for name in wanted if name in names), None)


def _bytes(entry: Any) -> int:
    """The memory of the arrays that an entry keeps alive, each once."""
    found: dict[int, int] = {}

    def look(x: Any, depth: int) -> None:
        if isinstance(x, np.ndarray):
            found[id(x)] = x.nbytes
        elif isinstance(x, (tuple, list)) and depth:
            for part in x:
                look(part, depth - 1)

    look(entry, 4)
    return sum(found.values())


class Listing:
    """What a function recorded, one `Step` a line: `str(trace(f, *args))`."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def __str__(self) -> str:
        rows = [("", "operation", "shape", "dtype", "kept", "source")]
        rows += [
            (str(k), s.operation, str(s.shape), s.dtype, f"{s.kept} B", s.source)
            for k, s in enumerate(self.steps)
        ]
        return _table(rows)

    def __len__(self) -> int:
        return len(self.steps)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def trace(f: Callable[..., Any], *args: Any) -> Listing:
    """Run `f` as a gradient would and list what was recorded: operation, shape, bytes kept, line of the source.

    >>> print(trace(lambda x: np.sum(np.sin(x)), np.ones(3)).steps[1].operation)
    np.sin
    """
    with _watching(_Watcher()):
        tape: Any = Trace(TapeConfig(), f, args, {}).tape
        return Listing(list(tape.steps))


class _Watcher:
    """What to do around each pullback of a watched tape; by itself, nothing."""

    def around(self, step: Step, parents: list[Step], vjp: Any, args: Any) -> Any:
        return vjp(*args)


class _Around:
    """A pullback of an entry with a watcher around it; equal to the pullback, so that it is taken for it."""

    __slots__ = ("parents", "step", "vjp", "watcher")

    def __init__(self, watcher: _Watcher, step: Step, parents: list[Step], vjp: Any) -> None:
        self.watcher, self.step, self.parents, self.vjp = watcher, step, parents, vjp

    def __call__(self, *args: Any) -> Any:
        return self.watcher.around(self.step, self.parents, self.vjp, args)

    def __eq__(self, other: object) -> bool:
        return self.vjp is other

    def __hash__(self) -> int:
        return hash(self.vjp)


def watch(tape: Tape, watcher: _Watcher) -> None:
    """Put `watcher.around` around every pullback of a watched tape."""
    steps: list[Step] = tape.steps  # type: ignore[attr-defined]
    for k, entry in enumerate(tape):
        if entry is None or len(entry) in (2, 5):
            continue
        at = 2 if len(entry) == 6 else 1
        if entry[at] is None:
            continue
        if len(entry) == 7:
            parents = [steps[i] for i in entry[0]]
        else:
            parents = [steps[i] for i in entry[:at]]
        wrapped = _Around(watcher, steps[k], parents, entry[at])
        tape[k] = (*entry[:at], wrapped, *entry[at + 1 :])


@contextlib.contextmanager
def _watching(watcher: _Watcher) -> Iterator[None]:
    made = (WatchedTape, lambda tape: watch(tape, watcher))
    watchers.append(made)
    try:
        yield
    finally:
        watchers.remove(made)


# ---- debug mode ------------------------------------------------------------------------


class _Checker(_Watcher):
    def __init__(self, tell: Callable[[str], None] | None) -> None:
        self.tell = tell

    def around(self, step: Step, parents: list[Step], vjp: Any, args: Any) -> Any:
        result = vjp(*args)
        given = list(result) if isinstance(result, (tuple, list)) else [result]
        for parent, dx in zip(parents, given):
            self._check(step, parent, dx)
        return result

    def _check(self, step: Step, parent: Step, dx: Any) -> None:
        if dx is None or isinstance(dx, Pieces):
            return
        shape = dx.shape if isinstance(dx, Fill) else np.shape(primal(dx))
        what = (
            f"{step.operation} ({step.source}) gave for {parent.operation} of shape {parent.shape}"
        )
        if self.tell is not None:
            self.tell(f"{what}: {type(primal(dx)).__name__} of shape {shape}")
        if shape != parent.shape:
            raise WrongTangentError(f"{what} a tangent of shape {shape}")
        if np.iscomplexobj(getattr(dx, "value", dx)) and "complex" not in parent.dtype:
            raise WrongTangentError(f"{what}, which is real, a complex tangent")


@contextlib.contextmanager
def debug_mode(tell: Callable[[str], None] | None = print) -> Iterator[None]:
    """Within this context each tangent is told as it comes (to `tell`; None for silence) and its shape and realness are checked.

    It holds for the whole process, and makes gradients slow. Raises `WrongTangentError` where a rule gives a tangent that cannot
    be one of its argument.

    >>> from rules_runtime import gradient
    >>> with debug_mode():  # doctest: +ELLIPSIS
    ...     _ = gradient(lambda x: np.exp(x) * 2.0, 1.0)
    mul (...) gave for np.exp of shape (): ...
    np.exp (...) gave for argument of shape (): ...
    """
    with _watching(_Checker(tell)):
        yield


# ---- profile ---------------------------------------------------------------------------


class Profile(_Watcher):
    """Time and calls of each operation's pullback, most time first: `str(profile(f, *args))`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def around(self, step: Step, parents: list[Step], vjp: Any, args: Any) -> Any:
        start = time.perf_counter()
        result = vjp(*args)
        name = step.operation
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self.calls[name] = self.calls.get(name, 0) + 1
        return result

    def __str__(self) -> str:
        rows = [("rule", "calls", "microseconds")]
        for name in sorted(self.seconds, key=self.seconds.__getitem__, reverse=True):
            rows.append((name, str(self.calls[name]), f"{self.seconds[name] * 1e6:.1f}"))
        return _table(rows)


def profile(f: Callable[..., Any], *args: Any) -> Profile:
    """Run a gradient of `f` and time the pullback of each operation.

    >>> profile(lambda x: np.sum(np.sin(x) * np.sin(2.0 * x)), np.ones(3)).calls["np.sin"]
    2
    """
    from .derivatives import value_and_gradient

    found = Profile()
    with _watching(found):
        value_and_gradient(f, *args)
    return found
