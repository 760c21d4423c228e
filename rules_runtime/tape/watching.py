"""A tape that is watched: what each entry was, where it came from,
and watchers around each pullback of the sweep.

`trace`, `profile` and `debug_mode` (`tools.py`) are watchers. Those of the running context
(`trace.watching`) are asked when a function is traced; where there are none nothing of this is on
the way. What an entry is is read off the frames of the code that records it,
so that recording code does not have to say it.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import types
import zlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..pullbacks import Pullback
from . import operators
from .calls import name_of
from .intercept import is_asking
from .structures import is_leaf
from .sweep import FORM, PART, SUM, TIMES, sweep
from .tracer import Tape, Tracer, primal

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep


class Step(NamedTuple):
    """One entry of a tape: the operation, the shape and dtype of its value, the bytes of the arrays
    that it keeps and no step before it does, where in the source it is,
    and the steps whose values it was given."""

    operation: str
    shape: tuple[int, ...]
    dtype: str
    kept: int
    source: str
    parents: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.operation} ({self.source})" if self.source else self.operation


class Call(NamedTuple):
    """A pullback that is about to run, `vjp(*args)`:
    that of `step`, for the cotangents of `parents`."""

    step: Step
    parents: tuple[Step, ...]
    vjp: Callable[..., Any]
    args: tuple[Any, ...]
    changed: bool  # whether an array that was kept for it has another content by now

    def __call__(self) -> Any:
        return self.vjp(*self.args)


class Watcher:
    """What is done when a trace begins, around each pullback of its sweep, and after the sweep;
    by itself, nothing."""

    fingerprints = (
        False  # whether arrays that entries keep are to be told from what becomes of them
    )

    def begins(self, tape: WatchedTape) -> None:
        """A function is about to be traced."""

    def around(self, call: Call) -> Any:
        """Gives what `call()` gives."""
        return call()

    def swept(self, between: float) -> None:
        """A backward sweep is over; it took so many seconds between the pullbacks, adding up."""


class WatchedTape(Tape):
    """A tape that notes for each entry what a `Step` says."""

    __slots__ = ("fingerprints", "inside", "kept", "lock", "steps", "watchers")

    def __init__(self, config: Any, watchers: tuple[Watcher, ...]) -> None:
        super().__init__(config)
        self.watchers = watchers
        self.lock = threading.RLock()
        self.steps: list[Step] = []
        self.kept: set[int] = set()
        self.inside = 0.0  # seconds in pullbacks and their watchers
        self.fingerprints: list[int] | None = [] if any(w.fingerprints for w in watchers) else None
        for watcher in watchers:
            watcher.begins(self)

    def append(self, entry: Any) -> None:
        with self.lock:
            self._append(entry, *_recorded(sys._getframe(1)))

    def _append(self, entry: Any, operation: str, source: str, value: Any) -> None:
        if entry is None:
            operation, source = "argument", ""
        elif entry[3] == PART:
            operation += f"[{entry[2][0]}]"
        shape = np.shape(value) if is_leaf(value) else ()
        dtype = str(getattr(value, "dtype", type(value).__name__))
        self.steps.append(Step(operation, shape, dtype, self._kept(entry), source, _parents(entry)))
        if self.fingerprints is not None:
            self.fingerprints.append(fingerprint(entry))
        super().append(entry)

    def _kept(self, entry: Any) -> int:
        found = 0
        for x in arrays_of(entry):
            while isinstance(x.base, np.ndarray):
                x = x.base
            if id(x) not in self.kept:
                self.kept.add(id(x))
                found += x.nbytes
        return found

    def sweep(self, entries: list[Any], *rest: Any) -> None:
        """The backward sweep, with the watchers around each pullback."""
        for k in range(len(entries)):
            if entries[k] is not None:
                entries[k] = self._watched(k, _with_vjp(entries[k]))
        # The sweep asks how many refer to an entry before it computes in the memory of what that
        # keeps. These are copies: where the tape still has the originals,
        # somebody has to refer to them.
        held = entries[:] if len(self) else None
        inside, self.inside = self.inside, 0.0
        start = perf_counter()
        try:
            sweep(entries, *rest)
        finally:
            del held
            between = perf_counter() - start - self.inside
            self.inside = inside
            for watcher in self.watchers:
                watcher.swept(between)

    def _watched(self, k: int, entry: Any) -> Any:
        places, vjp, saved, mode = entry
        return entry if vjp is None else (places, _Around(self, k, vjp), saved, mode)


def _parents(entry: Any) -> tuple[int, ...]:
    places = () if entry is None else entry[0]
    return (places,) if type(places) is int else places


def _with_vjp(entry: Any) -> Any:
    """An entry that the sweep computes by itself, as one with a pullback."""
    places, _, saved, mode = entry
    if mode == SUM:
        return (places, _same_to_both, None, FORM)
    if mode == TIMES:
        return (places, _multiple if type(places) is int else _multiples, saved, FORM)
    return entry


def _multiple(g: Any, factor: Any) -> Any:
    return g * factor


def _same_to_both(g: Any, saved: None) -> Any:
    return g, g


def _multiples(g: Any, factors: Any) -> Any:
    return g * factors[0], g * factors[1]


class _Around:
    """The pullback of entry `k` with watchers around it;
    equal to the pullback, so that the sweep takes it for that."""

    __slots__ = ("k", "tape", "vjp")

    def __init__(self, tape: WatchedTape, k: int, vjp: Any) -> None:
        self.tape, self.k, self.vjp = tape, k, vjp

    def __call__(self, *args: Any) -> Any:
        tape, start = self.tape, perf_counter()
        step = tape.steps[self.k]
        parents = tuple([tape.steps[i] for i in step.parents])
        known = tape.fingerprints
        changed = known is not None and fingerprint((self.vjp, args[1])) != known[self.k]
        run: Callable[..., Any] = self.vjp
        for watcher in tape.watchers:
            run = functools.partial(_around, watcher, Call(step, parents, run, args, changed))
        try:
            return run(*args)
        finally:
            tape.inside += perf_counter() - start

    def __eq__(self, other: object) -> bool:
        return bool(self.vjp == other)

    def __hash__(self) -> int:
        return hash(self.vjp)


def _around(watcher: Watcher, call: Call, *args: Any) -> Any:
    return watcher.around(call._replace(args=args))


# ---- what was recorded ---------------------------------------------------------------------


def _recorded(frame: Any) -> tuple[str, str, Any]:
    """The operation, the user's line and the value, from the frames of the recording code."""
    value: Any = None
    operation = ""
    while frame is not None:
        code, names = frame.f_code, frame.f_locals
        file = code.co_filename
        if not file.startswith((_PACKAGE, _NUMPY)) and not is_asking(frame):
            return operation, f"{os.path.basename(file)}:{frame.f_lineno}", primal(value)
        if value is None:
            t = names.get("t")
            value = t.value if type(t) is Tracer else _first(names, "leaf", "y", "value", "x")
        function = names.get("ufunc", names.get("function"))
        if function is None:
            form = names.get("form")
            function = form.function if form is not None else None
        if callable(function):
            operation = name_of(function)
        elif not operation:
            name = code.co_name.strip("_")
            operation = _OPERATORS.get(name, name)
        frame = frame.f_back
    return operation, "", primal(value)


_OPERATORS = {
    operators.FAST[method].__name__: name_of(ufunc)
    for ufunc, methods in operators.METHODS.items()
    for method, _ in methods
} | {"replaced": "setitem", "appended": ""}


def _first(names: dict[str, Any], *wanted: str) -> Any:
    return next((names[name] for name in wanted if name in names), None)


# ---- what is kept --------------------------------------------------------------------------


def arrays_of(entry: Any, depth: int = 6) -> Iterator[np.ndarray]:
    """The arrays that an entry keeps, also those that its pullback closes over."""
    entry = primal(entry)
    if isinstance(entry, np.ndarray):
        yield entry
    elif depth == 0 or isinstance(entry, Tape):
        return
    elif isinstance(entry, (tuple, list)):
        for part in entry:
            yield from arrays_of(part, depth - 1)
    elif isinstance(entry, dict):
        for part in entry.values():
            yield from arrays_of(part, depth - 1)
    elif isinstance(entry, types.FunctionType):
        for cell in entry.__closure__ or ():
            try:
                held = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            yield from arrays_of(held, depth - 1)
    elif isinstance(entry, functools.partial):
        yield from arrays_of((entry.func, entry.args, entry.keywords), depth - 1)
    elif isinstance(entry, Pullback):
        yield from arrays_of(entry.inner, depth - 1)


def fingerprint(entry: Any) -> int:
    """A number that changes when an array that an entry keeps does."""
    found = 0
    for x in arrays_of(entry):
        if x.dtype.kind in "biufc" and x.dtype.char not in "gG":  # long doubles have padding
            found = zlib.crc32(np.ascontiguousarray(x).reshape(-1).view(np.uint8).data, found)
    return found
