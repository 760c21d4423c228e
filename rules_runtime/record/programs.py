"""`compiled(f)`: value and gradient of a function by code that was made of two recordings of it.

The first call with arguments of a kind records, the second records again and compiles where both
are the same, later ones replay. Whatever does not fit goes the eager way, and `explain` says why.
"""

from __future__ import annotations

import collections
import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import rule as rules
from ..kernels.memory import KEEPERS
from ..registry import rrule
from ..tape.derivatives import value_and_gradient, vjp
from ..tape.structures import inner_tape
from ..tape.trace import watching
from . import functions as functions
from .apart import take_apart
from .blocks import Blocks
from .graph import Elsewhere, Graph, Node, Unrecordable, errors
from .memory import Arena, Copies, Names
from .plan import live
from .reading import Reading
from .results import Result, is_close, owned, recorded_in
from .roll import rolled
from .sums import planned
from .tiles import tiled


class Miss(Exception):
    """A replay is none: something is not as it was when the code was recorded."""


class _Invalid(ArithmeticError):
    """LAPACK met a singular matrix, or another operation an invalid number."""


def _invalid(kind: str, flag: int) -> None:
    raise _Invalid


_DEFAULT_ERRORS = errors()


_lock = threading.Lock()


def evaluate_gradient(f: Any, args: Any, kwargs: Any, wrt: Any) -> Any:
    if wrt is None:
        return value_and_gradient(f, *args, **kwargs)
    return value_and_gradient(f, *args, argnums=wrt, **kwargs)


class Recording:
    """One recording of a call, and what the eager call gave."""

    def __init__(self, program: Program, args: Any, kwargs: Any) -> None:
        self.graph = graph = Graph()
        self.reading = Reading(graph, program.f, args, kwargs)
        self.kind = self.reading.signature
        for other in program.pending:
            if other.kind == self.kind:
                self.reading.join(other.reading)
                break
        reading, called = self.reading, set[Any]()
        try:
            with _lock:
                rules.CALLED += (called,)
            self.result = program.evaluate(reading.f, reading.args, reading.kwargs, program.wrt)
        finally:
            with _lock:
                rules.CALLED = tuple([c for c in rules.CALLED if c is not called])
            graph.settle()
            is_changed = reading.restored()
        of_users = sorted([r for r in called if not r.built_in], key=lambda r: r.order)
        reading.watch([r.function for r in of_users])
        self.signature = reading.signature if of_users else self.kind
        if is_changed:
            raise Unrecordable(
                "it changes what it is given, names or closes over, or draws random numbers"
            )
        if graph.caught is not None:
            raise Unrecordable(f"it catches an exception of numpy's: {graph.caught}")
        self.roots = list(recorded_in(self.result))

    def differs(self, other: Recording) -> str | None:
        """Why two recordings of one graph cannot be one: None where they are, "" where they branch
        on values."""
        mine, others = self.graph.guards, other.graph.guards
        for (n, kind, value), (m, _, was) in zip(mine, others):
            if n is not m:
                break
            if type(value) is not type(was) or (value != was and value == value):
                return ""
            if kind == "list" and value != was:
                return ""
        if len(mine) == len(others) and self.roots == other.roots:
            if all(a[0] is b[0] for a, b in zip(mine, others)):
                return None
        first, second = self.needed(), other.needed()
        for a, b in zip(
            [n for n in first.values() if n.i not in second],
            [n for n in second.values() if n.i not in first],
        ):
            # as many elements as a mask has, or an eigenvalue's dtype
            if a.op == b.op != "const" and (a.f, a.args) == (b.f, b.args):
                return ""
            break
        return (
            "two recordings of calls with arguments of one kind differ (random numbers, a counter, "
            "the clock, something that changes between calls?)"
        )

    def needed(self) -> dict[float, Node]:
        return {n.i: n for n in live([*self.roots, *[n for n, *_ in self.graph.guards]])}


class Variant:
    """The code for calls of one kind."""

    def __init__(self, recording: Recording, eager: Any) -> None:
        graph, reading = recording.graph, recording.reading
        names, arena = Names(), Arena()
        result = Result(names)
        template = result.text(eager, recording.result)
        roots = [*result.nodes, *[n for n, *_ in graph.guards]]
        take_apart(roots)
        calls = planned(roots)
        order = tiled(calls, result.nodes, [n for n, *_ in graph.guards])
        head, inputs = reading.code(names)
        emitter = Blocks(names, arena, graph.guards)
        emitter.plan(order, result.nodes)
        read = collections.Counter([a.i for n in calls for a in n.args if a.op == "in"])
        for n in graph.inputs:
            emitter.begin(n, inputs[n.i], read[n.i])
        for n in order:
            emitter.do(n)
            if graph.guards:
                emitter.check(n)
        template = result.filled(template, emitter)
        names.space.update(
            Miss=Miss,
            watching=watching.get,
            errors=errors,
            default=_DEFAULT_ERRORS,
            rules=rrule,
            version=rrule._count,
            owned=owned,
        )
        lines, self._loops = rolled(emitter.lines, names.space)
        body = [*lines, f"return {template}"]
        if emitter.calls_lapack:
            names.space["errstate"] = np.errstate
            names.space["invalid"] = _invalid
            within = 'with errstate(call=invalid, invalid="call"):'
            body = [within, *[f"    {line}" for line in body]]
        lines = ["if watching() is not None or errors() is not default or rules._count != version:"]
        lines += ["    raise Miss", *head, *body]
        self._lines = ["def replay(args, kwargs):", *[f"    {line}" for line in lines]]
        self.guards = len(head) + len(graph.guards)
        self.operations = sum(n.op not in ("in", "const", "view") for n in calls)
        self.nbytes = arena.nbytes
        self._code = compile("\n".join(self._lines), "<compiled>", "exec")
        self._first: Any = (dict(names.space), arena)
        self._copies: Copies | None = None
        # the code, each time with buffers of its own: those that no call is in, and how many
        self.free = [self._run(names.space)]
        self.count = 1

    def made(self) -> Callable[[Any, Any], Any]:
        """The code with buffers of its own."""
        assert self._copies is not None
        return self._run(self._copies.make())

    def prepare(self) -> None:
        """Get ready for further buffers, and let go of the first ones, which most variants never
        need others beside. What a buffer holds for good stays in it through all replays."""
        if self._copies is None:
            self._copies, self._first = Copies(*self._first), None

    def _run(self, space: dict[str, Any]) -> Callable[[Any, Any], Any]:
        exec(self._code, space)
        replay: Callable[[Any, Any], Any] = space["replay"]
        return replay

    @property
    def source(self) -> str:
        """The text of the code, with the calls of each loop as a comment under it."""
        lines = []
        for line in self._lines:
            lines.append(line)
            for call in self._loops.get(line.strip(), ()):
                lines.append(f"{line[: -len(line.strip())]}    # {call}")
        return "\n".join(lines)


_MOST_BUFFERS = 4  # sets of them for one variant: so many threads replay it at once
_PATIENCE = 64  # eager calls more than replays, until variants that rarely fit are let go


class Program:
    """One way to evaluate a function, with the code for calls of each kind."""

    def __init__(
        self, f: Any, evaluate: Any, wrt: Any, verify: int, limit: int, memory: int
    ) -> None:
        self.f, self.evaluate, self.wrt, self.verify = f, evaluate, wrt, verify
        self.limit, self.memory = limit, memory
        self.variants: tuple[Variant, ...] = ()  # the last one that was replayed first
        self.pending: list[Recording] = []
        self.refused: str | None = None
        self.closed: str | None = None  # why no further calls are recorded
        self.reasons: dict[str, int] = {}
        self.replays = 0
        self._lock = threading.Lock()  # of the variants
        self._counting = threading.Lock()  # of how many buffers there are
        _programs.add(self)

    def eager(self, args: Any, kwargs: Any, why: str) -> Any:
        self.reasons[why] = self.reasons.get(why, 0) + 1
        return self.evaluate(self.f, args, kwargs, self.wrt)

    def __call__(self, args: Any, kwargs: Any) -> Any:
        if self.refused is not None:
            return self.eager(args, kwargs, "refused")
        is_busy = False
        for k, variant in enumerate(self.variants):
            try:
                replay = variant.free.pop()
            except IndexError:
                another = self._another(variant)
                if another is None:
                    is_busy = True
                    continue
                replay = another
            try:
                value = replay(args, kwargs)
            except (ArithmeticError, ValueError) as error:
                # a number that has no result: the eager way warns of it, or raises
                return self.eager(args, kwargs, f"a replay raised {type(error).__name__}")
            except Exception:
                continue  # a guard failed
            finally:
                variant.free.append(replay)
            if k and self._lock.acquire(False):
                rest = [v for v in self.variants if v is not variant]
                if len(rest) < len(self.variants):
                    self.variants = (variant, *rest)
                self._lock.release()
            self.replays += 1
            if self.verify and self.replays % self.verify == 0:
                self._verify(value, args, kwargs)
            return value
        if is_busy or not self._lock.acquire(False):
            return self.eager(args, kwargs, "other calls were under way")
        try:
            return self._miss(args, kwargs)
        finally:
            self._lock.release()

    def _another(self, variant: Variant) -> Callable[[Any, Any], Any] | None:
        """The code of a variant with further buffers, for another thread;
        None where that were too many."""
        with self._counting:
            held = sum(v.nbytes * v.count for v in self.variants)
            if variant.count >= _MOST_BUFFERS or held + variant.nbytes > self.memory:
                return None
            variant.count += 1
            variant.prepare()
        return variant.made()

    def release(self) -> None:
        """Let go of the buffers that no call is in; the next call makes new ones."""
        with self._counting:
            for variant in self.variants:
                variant.prepare()
                while variant.free:
                    variant.free.pop()
                    variant.count -= 1

    def _verify(self, value: Any, args: Any, kwargs: Any) -> None:
        if not is_close(self.evaluate(self.f, args, kwargs, self.wrt), value):
            raise RuntimeError(
                f"compiled({_name(self.f)}): the replay differs from the eager gradient. The function depends on "
                "something that is neither an argument nor closed over; docs/compiled.md says what that may be"
            )

    def _miss(self, args: Any, kwargs: Any) -> Any:
        if self.closed is not None:
            if self.reasons.get(self.closed, 0) > self.replays + _PATIENCE:
                self._refuse(self.closed)
            return self.eager(args, kwargs, self.closed)
        if watching.get() is not None:
            return self.eager(args, kwargs, "a watcher is open (debug_mode, trace, profile)")
        if errors() is not _DEFAULT_ERRORS:
            return self.eager(args, kwargs, "np.errstate is in force")
        values = (*args, *kwargs.values())
        if inner_tape((self.f, *values)) is not None:
            return self.eager(args, kwargs, "the call is part of another trace")
        eager = self.eager(args, kwargs, "recording")
        collects = gc.isenabled()
        gc.disable()  # all that is made here is kept
        try:
            self._record(args, kwargs, eager)
        except Elsewhere:
            self.reasons["the call is part of another recording"] = 1
        except Unrecordable as error:
            self._close(str(error))
        except Exception as error:
            self._close(f"recording it raised {type(error).__name__}: {error}")
        finally:
            if collects:
                gc.enable()
        return eager

    def _close(self, why: str) -> None:
        """Record no further calls; what is compiled stays in use."""
        self.closed = why
        self.pending.clear()
        if not self.variants:
            self._refuse(why)

    def _refuse(self, why: str) -> None:
        self.refused = why
        self.variants = ()
        self.pending.clear()

    def _record(self, args: Any, kwargs: Any, eager: Any) -> None:
        if len(self.variants) >= self.limit:
            self._close(
                f"more than {self.limit} variants: it branches on values, or is called in too many ways"
            )
            return
        recording = Recording(self, args, kwargs)
        for other in self.pending:
            if other.signature != recording.signature:
                continue
            difference = recording.differs(other)
            if difference == "":
                continue
            if difference is not None:
                self._refuse(difference)
                return
            # the planner changes the nodes: what shares them is recorded anew
            nodes = recording.graph.nodes
            self.pending = [r for r in self.pending if r.graph.nodes is not nodes]
            variant = Variant(recording, eager)
            needed = variant.nbytes + sum(v.nbytes for v in self.variants)
            if needed > self.memory:
                self._close(f"its buffers take {needed} bytes, more than memory={self.memory}")
                return
            try:
                is_same = is_close(eager, variant.free[0](args, kwargs))
            except (ArithmeticError, ValueError) as error:
                # a number that has no result: such arguments tell nothing, others may
                why = f"the first replay raised {type(error).__name__}"
                self.reasons[why] = self.reasons.get(why, 0) + 1
                if self.reasons[why] > self.limit:
                    self._refuse(why)
                return
            if not is_same:
                self._refuse("the first replay differs from the eager gradient")
                return
            self.variants = (variant, *self.variants)
            return
        self.pending.append(recording)
        if len(self.pending) > 2 * self.limit:
            self._close("no two calls are alike: it branches on values each time")


_programs: weakref.WeakSet[Program] = weakref.WeakSet()


def _release() -> None:
    for program in [*_programs]:
        program.release()


KEEPERS.append(_release)


def _name(f: Any) -> str:
    return getattr(f, "__qualname__", None) or repr(f)


class Compiled:
    """A function whose value and gradient are recorded once and replayed; see `compiled`."""

    def __init__(self, f: Any, wrt: Any, verify: int, variants: int, memory: int) -> None:
        self._f = f
        self._settings = (wrt, verify, variants, memory)
        self._program = Program(f, evaluate_gradient, *self._settings)
        self._forward: Program | None = None
        self._backward: Program | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._program(args, kwargs)

    def gradient(self, *args: Any, **kwargs: Any) -> Any:
        """The gradients alone: what `rules_runtime.gradient(f, ...)` gives."""
        return self._program(args, kwargs)[1]

    def pullback(self, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """`(y, back)`, as `rules_runtime.pullback(f, ...)` gives; `back` computes `y` once more."""
        if self._forward is None or self._backward is None:
            wrt, *rest = self._settings
            self._forward = Program(self._f, _value, None, *rest)
            self._backward = Program(self._f, _cotangents, wrt, *rest)
        backward = self._backward
        return self._forward(args, {}), lambda dy: backward((dy, *args), {})

    @property
    def refused(self) -> str | None:
        """Why the function stays with the eager tape; None where it does not."""
        return self._program.refused

    def explain(self) -> str:
        """What was compiled: for each variant its guards, operations,
        memory and source; and why calls went the eager way."""
        program = self._program
        lines = [f"compiled({_name(self._f)}): {program.replays} replays"]
        if program.refused is not None:
            lines.append(f"refused: {program.refused}")
        elif program.closed is not None:
            lines.append(f"other calls are not recorded: {program.closed}")
        lines += [f"eager, {why}: {count}" for why, count in program.reasons.items()]
        for k, v in enumerate(program.variants):
            lines.append(
                f"\nvariant {k}: {v.operations} operations, {v.guards} guards, "
                f"{v.count} times {v.nbytes} bytes of buffers"
            )
            lines.append(v.source)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"compiled({_name(self._f)})"

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} cannot be pickled or copied: pickle the function, and compile it where it is used"
        )


def _value(f: Any, args: Any, kwargs: Any, wrt: Any) -> Any:
    return f(*args, **kwargs)


def _cotangents(f: Any, args: Any, kwargs: Any, wrt: Any) -> Any:
    dy, *rest = args
    return vjp(f, tuple(rest), dy)[1]


def compiled(
    f: Callable[..., Any],
    *,
    wrt: int | Sequence[int] | None = None,
    verify: int = 0,
    variants: int = 8,
    memory: int = 64 << 20,
) -> Compiled:
    """`f` with its gradient, recorded: called as `f`
    is, it gives what `value_and_gradient(f, ...)` gives.

    Two calls record, later ones with arguments of the same types, shapes and structure replay numpy
    calls. `wrt` names the arguments that get a gradient, as `argnums` does. With `verify=n` each
    n-th replay is compared with the eager gradient, and raises `RuntimeError` where they differ.
    Beyond so many `variants` (of shapes, of branches), or bytes of `memory` for their buffers,
    other calls stay eager. What a replay does not notice is on the page "Compiled gradients".

    >>> fast = compiled(lambda x, y: np.sum(x * y))
    >>> for _ in range(3):
    ...     value, (dx, dy) = fast(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> dx, fast.refused
    (array([3., 4.]), None)
    """
    if isinstance(f, Compiled):
        raise TypeError(f"{f!r} is compiled already")
    return Compiled(f, wrt, verify, variants, memory)


__all__ = ["Compiled", "compiled"]
