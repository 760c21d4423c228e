"""Tools for authors of rules: what was recorded, what each rule gave,
where the backward sweep spends its time.

Each is a context manager, for whatever is differentiated within the block by the same thread (or
task), and they nest: all that are open watch.
What was traced within the block stays watched where its pullback is called later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar, Token
from itertools import chain
from time import perf_counter
from types import MethodType
from typing import Any, Literal, TypeVar

import numpy as np

from ..errors import ChangedArrayError, WrongTangentError
from ..kernels.fill import Fill, Unwritten
from ..structure import is_namedtuple
from ..tangents import AbstractZero, Tangent
from ..thunks import Thunk, unthunk
from .by_rule import as_number, parts_for_leaves, rule_vjp, which_argument
from .structures import Tree
from .trace import TapeConfig, Trace, watching
from .tracer import primal
from .watching import Call, Step, WatchedTape, Watcher

W = TypeVar("W", bound="_Open")
_open: ContextVar[tuple[Watcher, ...]] = ContextVar("open watchers", default=())


class _Open(Watcher):
    """A watcher that watches within `with`, as often as wanted."""

    def __init__(self) -> None:
        self._tokens: list[tuple[Token[Any], Token[Any]]] = []

    def __enter__(self: W) -> W:
        # the outer watchers last: they see what the inner ones make of a call
        watchers: tuple[Watcher, ...] = (self, *_open.get())
        make = watching.set(lambda config: WatchedTape(config, watchers))
        self._tokens.append((_open.set(watchers), make))
        return self

    def __exit__(self, *error: object) -> None:
        opened, make = self._tokens.pop()
        _open.reset(opened)
        watching.reset(make)


def _table(rows: Sequence[tuple[str, ...]], right: Sequence[int] = ()) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024 or unit == "MiB":
            return f"{n:.4g} {unit}"
        n /= 1024
    raise AssertionError


# ---- trace ---------------------------------------------------------------------------------


class Listing(_Open):
    """What was recorded, one `Step` a line; `trace` makes these."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[list[Step]] = []

    def begins(self, tape: WatchedTape) -> None:
        self.traces.append(tape.steps)

    @property
    def steps(self) -> list[Step]:
        """The steps of all traces, one after the other."""
        return list(chain.from_iterable(self.traces))

    def __str__(self) -> str:
        return "\n\n".join(map(_listed, self.traces))

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return sum(map(len, self.traces))


def _listed(steps: list[Step]) -> str:
    rows = [("", "operation", "of", "shape", "dtype", "keeps", "source")]
    for k, s in enumerate(steps):
        of = ", ".join(map(str, s.parents))
        rows.append((str(k), s.operation, of, str(s.shape), s.dtype, _bytes(s.kept), s.source))
    return _table(rows, right=(0, 5))


def trace(*call: Any) -> Listing:
    """What the tape records: `trace(f, *args)` runs `f` as a gradient would, `with trace() as
    listing:` lists all that is traced there.

    `print(listing)` shows for each entry the operation, the entries that it was given, the shape
    and dtype of its value, the bytes of the arrays that it keeps for the way back, and the line of
    the source. `listing.steps` has the same as values. What needs no entry (`x + 1.0`) has none.

    >>> listing = trace(lambda x: np.sum(np.sin(x) * x), np.ones(3))
    >>> [(step.operation, step.parents, step.kept) for step in listing.steps]
    [('argument', (), 0), ('np.sin', (0,), 24), ('np.multiply', (1, 0), 48), ('np.sum', (2,), 0)]
    """
    listing = Listing()
    if call:
        f, *args = call
        with listing:
            Trace(TapeConfig(), f, tuple(args), {})
        del listing.traces[1:]  # traces that `f` itself made
    return listing


# ---- profile -------------------------------------------------------------------------------


class Profile(_Open):
    """Time and calls of each operation's pullback; `profile` makes these."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.between = 0.0
        self._inner = 0.0  # time of pullbacks that ran within the one that is running
        self._depth = 0

    def around(self, call: Call) -> Any:
        before, self._inner = self._inner, 0.0
        self._depth += 1
        start = perf_counter()
        try:
            return call()
        finally:
            spent = perf_counter() - start
            name = call.step.operation
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inner
            self.calls[name] = self.calls.get(name, 0) + 1
            self._inner = before + spent
            self._depth -= 1

    def swept(self, between: float) -> None:
        if not self._depth:
            self.between += between

    def __str__(self) -> str:
        spent = [(seconds, name, str(self.calls[name])) for name, seconds in self.seconds.items()]
        spent = [*sorted(spent, reverse=True), (self.between, "(between rules: adding up)", "")]
        total = sum(seconds for seconds, _, _ in spent) or 1.0
        rows = [("rule", "calls", "microseconds", "share")]
        rows += [(name, n, f"{t * 1e6:.1f}", f"{t / total:.0%}") for t, name, n in spent]
        return _table(rows, right=(1, 2, 3))


def profile(*call: Any) -> Profile:
    """Where the backward sweep spends its time: `profile(f, *args)` runs a gradient, `with
    profile() as found:` takes all that is swept.

    `print(found)` shows calls and time for each rule, most time first; `found.seconds` and
    `found.calls` have the same by name.

    >>> profile(lambda x: np.sum(np.sin(x) * np.sin(2.0 * x)), np.ones(3)).calls["np.sin"]
    2
    """
    from .derivatives import value_and_gradient

    found = Profile()
    if call:
        with found:
            value_and_gradient(*call)
    return found


# ---- debug mode ----------------------------------------------------------------------------


class Checker(_Open):
    """Tells of each tangent and checks it; `debug_mode` makes these."""

    fingerprints = True

    def __init__(self, tell: Callable[[str], None] | None, finite: bool) -> None:
        super().__init__()
        self.tell = tell
        self.finite = finite

    def around(self, call: Call) -> Any:
        step = call.step
        if call.changed:
            raise ChangedArrayError(
                f"an array that {step} was given, or gave, was changed in place afterwards: its pullback would compute with "
                "other numbers. Change a copy, or give the operation one."
            )
        finite = self.finite and _is_finite(call.args[0])  # asked before its memory is used
        try:
            if getattr(call.vjp, "func", call.vjp) is rule_vjp:
                result = self._by_rule(call)
            else:
                result = call()
        except Exception as error:
            error.add_note(f"in the pullback of {step}")
            raise
        given = list(result) if isinstance(result, (tuple, list)) else [result]
        for parent, dx in zip(call.parents, given):
            self._check(call, parent, dx, finite)
        return result

    def _check(self, call: Call, parent: Step, dx: Any, finite: bool) -> None:
        if dx is None or isinstance(dx, AbstractZero):
            return
        what = f"{call.step} gave for {parent.operation} of shape {parent.shape}"
        self._say(f"{what}: {described(dx)}")
        _check_space(what, dx, parent.shape, parent.dtype.startswith("complex"))
        if finite and not _is_finite(dx):
            raise WrongTangentError(f"{what} infinite or undefined numbers, for a finite cotangent")

    def _by_rule(self, call: Call) -> Any:
        """As the tape calls a rule's pullback,
        with a look at what that gives before anything is made to fit."""
        g, (pullback, routes, tape), *rest = call.args
        rule = getattr(getattr(pullback, "handover", None), "rule", pullback)

        def looked_at(dy: Any) -> Any:
            tangents = pullback(dy)
            self._say(f"{rule}, called at {call.step.source}, was given {described(dy)} and gave:")
            for k, tangent in enumerate(tangents):
                self._say(f"    for {which_argument(k)}: {described(tangent)}")
            for k, tree, operand in routes:
                what = f"{rule}, called at {call.step.source}, gave for {which_argument(k)}"
                if operand is not None:
                    _check_type(what, unthunk(tangents[k]), operand)
                found = parts_for_leaves(looked_at, k, tangents[k], tree, operand, strict=True)
                for (path, _), ((_, (shape, is_complex)), part) in zip(_paths(tree), found):
                    dx = unthunk(part)
                    if not isinstance(dx, AbstractZero):
                        dx = as_number(dx, looked_at, k)
                        _check_space(f"{what}{path} of shape {shape}", dx, shape, is_complex)
            return tangents

        looked_at.rule = f"{rule}, called at {call.step.source},"  # type: ignore[attr-defined]
        return call._replace(args=(g, (looked_at, routes, tape), *rest))()

    def _say(self, what: str) -> None:
        if self.tell is not None:
            self.tell(what)


def _paths(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree in order, each with the way to it as it is written."""
    if type(tree) is not dict:
        yield path, tree
        return
    for key, part in tree.items():
        yield from _paths(part, f"{path}[{key!r}]")


def _check_space(what: str, dx: Any, shape: tuple[int, ...], is_complex: bool) -> None:
    found = dx.shape if isinstance(dx, Unwritten) else np.shape(primal(dx))
    if found != shape:
        raise WrongTangentError(f"{what} a tangent of shape {found}")
    if not is_complex and _kind(dx) == "c":
        raise WrongTangentError(f"{what}, which is real, a complex tangent")
    if _kind(dx) not in "biufc":
        raise WrongTangentError(f"{what} {described(dx)}")


def _check_type(what: str, tangent: Any, x: Any) -> None:
    """The tangent of a structure must be one of its class;
    that of a bound method is its instance's."""
    if isinstance(x, MethodType):
        x = x.__self__
    if not isinstance(tangent, Tangent) or isinstance(x, tangent.primal_type):
        return
    if not (is_namedtuple(x) and issubclass(tangent.primal_type, tuple)):
        raise WrongTangentError(
            f"{what}, which is a {type(x).__name__}, a {type(tangent).__name__}"
        )


def _kind(dx: Any) -> str:
    dtype = getattr(primal(dx), "dtype", None)
    return str((np.result_type(primal(dx)) if dtype is None else dtype).kind)


def _is_finite(dx: Any) -> bool:
    if isinstance(dx, Unwritten):
        dx = dx.dense()
    dx = primal(dx)
    return not hasattr(dx, "dtype") or bool(np.all(np.isfinite(dx)))


def described(dx: Any) -> str:
    """A tangent in a message: what it is, its dtype and shape; thunks stay thunks."""
    if isinstance(dx, Thunk):
        return f"a {type(dx).__name__}"
    if isinstance(dx, (Tangent, AbstractZero)) or not hasattr(primal(dx), "shape"):
        text = repr(dx)
        return text if len(text) < 80 else f"{text[:75]}…"
    if isinstance(dx, Fill):
        return f"one {np.result_type(primal(dx.value))} for all of shape {dx.shape}"
    kind = getattr(primal(dx), "dtype", "")
    return f"{kind} of shape {tuple(dx.shape)}".strip()


def debug_mode(
    tell: Callable[[str], None] | Literal[False] | None = print, *, finite: bool = False
) -> Checker:
    """`with debug_mode():` tells which rule gave which tangent as it comes (to `tell`;
    None for silence), and checks each.

    Checked are the shape of a tangent, that it is real for a real argument, that it is of the class
    of a structure, and that no array which a pullback still needs was changed in place since; with
    `finite` also that finite cotangents give finite tangents. Errors in a pullback say to which
    operation and line it belongs. Gradients are slow within.

    Raises `WrongTangentError` and `ChangedArrayError`.

    >>> from rules_runtime import gradient
    >>> with debug_mode():  # doctest: +ELLIPSIS
    ...     _ = gradient(lambda x: np.exp(x) * 2.0, 1.0)
    np.multiply (...) gave for np.exp of shape (): float64 of shape ()
    np.exp (...) gave for argument of shape (): float64 of shape ()
    """
    return Checker(tell or None, finite)
