"""A rule's call as a function of leaves, with the functions that its derivatives are:
what every host bridges.

`RuleCall` is the call itself. Its pullback is a function of leaves and cotangents, `PullbackCall`;
a pullback is linear, so its own pullback is the way forwards, `PushforwardCall`. Each is a `Call`,
so that a host which can bridge one bridges all, to any order;
and none of them is made before a host asks for that order.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..callees import name_of
from ..config import HasReverseMode, RuleConfig
from ..errors import RuleError
from ..leaves import (
    LEAF,
    Structure,
    hides_values,
    is_number,
    is_traced,
    put_together,
    take_apart,
    tangent,
    tangents_of_arguments,
    tangents_of_leaves,
)
from ..registry import rrule
from ..tangents import NoTangent, Tangent
from ..tape import TapeConfig, trace_pullback
from ..tape.transpose import fitted, transpose, written_out

#: From cotangents of the results (`None` is zero) to gradients of the
#: leaves in `wanted` (`None` is zero).
Back = Callable[[Sequence[Any], Sequence[int]], list[Any]]


class Evaluation:
    """What a call gave: the leaves of its result, what they are leaves of, and the way back."""

    __slots__ = ("back", "structure", "ys")  # no dataclass: one is made at every call

    def __init__(self, ys: tuple[Any, ...], structure: Structure, back: Back) -> None:
        self.ys = ys
        self.structure = structure
        self.back = back


class Call(Protocol):
    """A function of leaves."""

    def run(self, leaves: Sequence[Any]) -> Evaluation:
        """Compute with numpy arrays and numbers, or with what the tape traces."""


class Job:
    """One call on its way through a host:
    what was computed is kept beside it, for the way back."""

    __slots__ = ("call", "evaluation")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.evaluation: Evaluation | None = None


class NoRuleError(RuleError):
    """A function was given to a host, but has no rule for this call."""


class OptedOut(NoRuleError):
    """The AD of a host is to differentiate this call by itself (`no_rrule`)."""


@dataclass(frozen=True, eq=False, slots=True)
class RuleCall:
    """`f(*args, **kwargs)` by the rule that `config` finds; `structure` is that of `(f, *args)`.

    Where `structure` is `None` the leaves are the arguments:
    most calls are of arrays, and need not be taken apart.
    """

    config: RuleConfig[Any]
    f: Any
    structure: Structure | None
    kwargs: dict[str, Any]

    is_value = staticmethod(is_number)
    fit = staticmethod(fitted)

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        """The function and its arguments."""
        if self.structure is None:
            return self.f, tuple(leaves)
        f, *rest = put_together(self.structure, iter(leaves))
        return f, tuple(rest)

    def run(self, leaves: Sequence[Any]) -> Evaluation:
        """Call the rule. Raises `NoRuleError` where there is none."""
        structure, fit = self.structure, self.fit
        f, args = (self.f, tuple(leaves)) if structure is None else self.arguments(leaves)
        found = rrule.apply(self.config, f, args, self.kwargs)
        if found is None:
            if rrule.opts_out(self.config, f, args, self.kwargs):
                raise OptedOut(f"{name_of(f)} has opted out of rules")
            kinds = ", ".join(type(x).__name__ for x in args)
            raise NoRuleError(
                f"{name_of(f)} has no rrule for ({kinds}) that {type(self.config).__name__} may use: register one "
                f"(@rrule.register), or use a function of the host's own in its place"
            )
        y, pullback = found
        if (type(y) is np.ndarray and y.dtype.kind != "O") or self.is_value(y):
            ys, result = (y,), LEAF
        else:
            parts: list[Any] = []
            result = take_apart(y, self.is_value, parts)
            ys = tuple(parts)

        def back(gs: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
            if result is LEAF:
                dy = as_number(gs[0])
            elif all(g is None for g in gs):
                dy = None
            else:
                dy = tangent(result, map(as_number, gs))
            if dy is None:
                return [None] * len(wanted)
            own = pullback(dy)
            if structure is None:
                return [fit(own[1 + k], leaves[k]) for k in wanted]
            dx: list[Any] = []
            for part, own_part in zip((structure.parts or {}).values(), own, strict=True):
                tangents_of_leaves(part, own_part, wanted.__contains__, dx)
            return [fit(dx[k], leaves[k]) for k in wanted]

        return Evaluation(ys, result, back)


class Caller:
    """A host's calls of `f`. `is_array` says what the host differentiates; where it has containers
    of its own, `opened` gives them as Python's, and `is_leaf` says what is in them."""

    def __init__(
        self,
        config: RuleConfig[Any],
        f: Any,
        is_array: Callable[[Any], bool],
        is_leaf: Callable[[Any], bool] | None = None,
        opened: Callable[[Any], Any] | None = None,
    ) -> None:
        self.config, self.f = config, f
        self.is_array, self.is_leaf, self.opened = is_array, is_leaf or is_array, opened
        # of arrays alone, as most calls are, all are the same
        self.flat = RuleCall(config, f, None, {}) if type(f) in _PLAIN else None

    def __call__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[RuleCall, Sequence[Any]]:
        """A call, and the leaves that the host differentiates."""
        if kwargs:
            args, kwargs = by_position(self.f, args, kwargs, self.is_leaf)
        elif self.flat is not None and all(map(self.is_array, args)):
            return self.flat, args
        leaves: list[Any] = []
        structure = take_apart((self.f, *args), self.is_leaf, leaves, self.opened)
        return RuleCall(self.config, self.f, structure, kwargs), leaves


def uses_namespace(call: RuleCall, leaves: Sequence[Any]) -> bool:
    """Whether the rule of a call computes with the array-API namespace of its arguments, whatever
    arrays they are: its code, or that of its pullback, asks for `array_namespace`."""
    f, args = call.arguments(leaves)
    rule = rrule.find(call.config, f, args, call.kwargs)
    return rule is not None and _asks_for_namespace(getattr(rule.function, "__code__", None))


@functools.cache
def _asks_for_namespace(code: types.CodeType | None) -> bool:
    if code is None:
        return False
    if not {"array_namespace", "__array_namespace__"}.isdisjoint(code.co_names):
        return True
    return any(_asks_for_namespace(c) for c in code.co_consts if isinstance(c, types.CodeType))


#: Functions that hold nothing which could be differentiated.
_PLAIN = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.sum))


@dataclass(frozen=True, eq=False)
class PullbackCall:
    """The pullback of `call`, as a function of its `count` leaves and of cotangents of its results.

    It gives the gradients of the leaves in `wanted`. With `conjugated` it is in the convention of
    hosts that pair complex cotangents without conjugation.
    """

    call: Call
    count: int
    wanted: tuple[int, ...]
    conjugated: bool

    def pull(self, *values: Any) -> tuple[Any, ...]:
        """The gradients, zeros written out."""
        leaves, gs = values[: self.count], values[self.count :]
        if self.conjugated:
            gs = tuple([conjugate(g) for g in gs])
        ds = written_out(
            self.call.run(leaves).back(gs, self.wanted), [leaves[k] for k in self.wanted]
        )
        return tuple([conjugate(d) for d in ds]) if self.conjugated else ds

    def run(self, leaves: Sequence[Any]) -> Evaluation:
        """The gradients, and by the tape their own pullback."""
        return traced(self.pull, leaves)


@dataclass(frozen=True, eq=False)
class PushforwardCall:
    """The pushforward of `call`, as a function of its `count` leaves
    and of tangents of those in `moved`."""

    call: Call
    count: int
    moved: tuple[int, ...]

    def push(self, *values: Any) -> tuple[Any, ...]:
        """The tangents of the results: the transpose of the pullback, which is linear."""
        leaves, vs = values[: self.count], values[self.count :]
        evaluation = self.call.run(leaves)

        def pull(*gs: Any) -> tuple[Any, ...]:
            ds = evaluation.back(gs, self.moved)
            return written_out(ds, [leaves[k] for k in self.moved])

        return transpose(pull, evaluation.ys)(vs)

    def run(self, leaves: Sequence[Any]) -> Evaluation:
        """The tangents of the results, and by the tape their pullback."""
        return traced(self.push, leaves)


_tape = TapeConfig()


def traced(f: Callable[..., tuple[Any, ...]], leaves: Sequence[Any]) -> Evaluation:
    """`f(*leaves)`, whose pullback is the tape's, made when it is first asked for."""
    values = tuple(leaves)
    ys = f(*values)
    made: list[Any] = []

    def back(gs: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        if not made:
            # a function of its own: the tape would look for numbers in what a method is bound to
            made.append(trace_pullback(_tape, lambda *xs: f(*xs), values, {})[1])
        dy: Any = Tangent[tuple](*written_out(gs, ys))  # type: ignore[type-arg]
        dx = made[0](dy)
        return [fitted(dx[1 + k], values[k]) for k in wanted]

    structure = Structure(len(ys), ys, dict.fromkeys(range(len(ys)), LEAF))
    return Evaluation(ys, structure, back)


def as_number(g: Any) -> Any:
    """A 0-d array as a number, which is what rules dispatch on, whatever the host has for it."""
    return g[()] if type(g) is np.ndarray and not g.ndim else g


def conjugate(x: Any) -> Any:
    """The complex conjugate; `x` itself where it is real, which costs nothing."""
    if type(x) is np.ndarray:
        return x.conj() if x.dtype.kind == "c" else x
    return np.conj(x) if x is not None and np.iscomplexobj(x) else x


def by_position(
    f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], is_leaf: Callable[[Any], bool]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with the host's values in positions, where rules have entries for them.

    Raises `RuleError` where a keyword-only argument holds one: no rule gives a tangent for it.
    """
    held: list[Any] = []
    take_apart(kwargs, is_leaf, held)
    if not held:
        return args, kwargs
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except (TypeError, ValueError):
        pass
    else:
        args, kwargs = bound.args, bound.kwargs
        held.clear()
        take_apart(kwargs, is_leaf, held)
        if not held:
            return args, kwargs
    raise RuleError(
        f"{name_of(f)}: a differentiable argument is passed by a keyword ({', '.join(kwargs)}), for which rules have no "
        "tangents: pass it by position, or as a plain numpy array if it is a constant"
    )


#: `(y, pullback)` of a call by the AD of a host itself,
#: `None` where the function does not take what it traces.
ByHost = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class HostConfig(RuleConfig[HasReverseMode]):
    """The config of a host: a rule that is addressed to its own is for that host alone."""

    @staticmethod
    def by_host(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`(y, pullback)` by the host itself, `None` where `f` does not take what it traces."""
        raise NotImplementedError

    def rrule_via_ad(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """By a rule, else by the host, else (where `f` speaks only numpy) by the tape."""
        found = rrule.apply(self, f, args, kwargs)
        if found is None:
            found = self.by_host(f, args, kwargs)
        return super().rrule_via_ad(f, *args, **kwargs) if found is None else found


class Crossing(NamedTuple):
    """How arrays and numbers become a host's, what are its own, and how those become numpy's."""

    to_host: Callable[[Any], Any]
    is_own: Callable[[Any], bool]
    to_numpy: Callable[[Any], Any]

    def is_value(self, y: Any) -> bool:
        """Whether a result of a function of the host is a leaf."""
        return self.is_own(y) or is_number(y)

    def call(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a function of the host, for numpy."""
        leaves: list[Any] = []
        structure = take_apart(args, is_number, leaves)
        y = f(*put_together(structure, map(self.to_host, leaves)), **kwargs)
        parts: list[Any] = []
        result = take_apart(y, self.is_own, parts)
        return put_together(result, map(self.to_numpy, parts))


def with_rule(f: Any, call: Callable[..., Any], by_host: ByHost, host: str) -> Any:
    """A function of numpy, `call(f, args, kwargs)`, with the rule that `by_host` gives for `f`."""

    @functools.wraps(f, updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        return call(f, args, kwargs)

    @rrule.register(function)
    def rrule_function(_: Any, *args: Any, **kwargs: Any) -> Any:
        found = by_host(f, args, kwargs)
        if found is None:
            raise TypeError(f"{host} cannot differentiate {name_of(f)} here")
        return found

    return function


#: A function of leaves, as a host computes it.
OnLeaves = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, eq=False, slots=True)
class HostFunction:
    """A function of leaves that a host computes, as one of numpy's arrays, and so is its pullback.

    `run(f, leaves)` calls it, `pull(f, leaves, gs)` gives the gradients, both of the host's values.
    """

    f: OnLeaves
    run: Callable[[OnLeaves, Sequence[Any]], tuple[Any, ...]]
    pull: Callable[[OnLeaves, Sequence[Any], Sequence[Any]], tuple[Any, ...]]

    def pulled(self, count: int) -> HostFunction:
        """The pullback, as a function of `count` leaves and of cotangents of the results."""

        def pull(*values: Any) -> tuple[Any, ...]:
            return self.pull(self.f, values[:count], values[count:])

        return HostFunction(pull, self.run, self.pull)


def run_by_host(function: HostFunction, *leaves: Any) -> tuple[Any, ...]:
    """The results, as arrays of numpy; what the tape traces has derivatives of any order."""
    return function.run(function.f, leaves)


@rrule.register(run_by_host)
def _rrule_run_by_host(_: Any, function: HostFunction, *leaves: Any) -> Any:
    ys = run_by_host(function, *leaves)

    def run_by_host_pullback(dy: Any) -> tuple[Any, ...]:
        gs = written_out([dy[k] for k in range(len(ys))], ys)
        return NoTangent(), NoTangent(), *run_by_host(function.pulled(len(leaves)), *leaves, *gs)

    return ys, run_by_host_pullback


#: What a host makes of a function at these leaves: the results, as arrays of numpy, and how their
#: cotangents, zeros written out, become gradients; `None` where it cannot trace the function.
Trace = Callable[[OnLeaves, list[Any]], tuple[Sequence[Any], Callable[[Any], Sequence[Any]]] | None]


def through_host(
    call: tuple[Any, tuple[Any, ...], dict[str, Any]],
    trace: Trace,
    is_value: Callable[[Any], bool],
    *,
    opened: Callable[[Any], Any] | None = None,
    function: Callable[[OnLeaves], HostFunction] | None = None,
) -> Any:
    """`(y, pullback)` of a call `(f, args, kwargs)` by a host, `None` where it cannot trace that.

    `is_value` says what are leaves of the result, `opened` is as with `take_apart`. What the tape
    traces is computed by `function`; without one the host itself computes with it.
    """
    f, args, kwargs = call
    leaves: list[Any] = []
    structure = take_apart((f, *args), is_number, leaves)
    results: list[Structure] = []

    def on_leaves(*values: Any) -> tuple[Any, ...]:
        parts: list[Any] = []
        own, *rest = put_together(structure, iter(values))
        results.append(take_apart(own(*rest, **kwargs), is_value, parts, opened))
        return tuple(parts)

    found = trace(on_leaves, leaves)
    if found is None or hides_values(results[0]):
        return None
    result, (ys, pull) = results[0], found
    own = None if function is None else function(on_leaves)

    def pullback(dy: Any) -> tuple[Any, ...]:
        gs: list[Any] = []
        tangents_of_leaves(result, dy, lambda _: True, gs)
        whole = written_out(gs, ys)
        if own is not None and any(map(is_traced, (*leaves, *whole))):
            ds: Sequence[Any] = run_by_host(own.pulled(len(leaves)), *leaves, *whole)
        else:
            ds = pull(whole)
        found = [fitted(d, x) for d, x in zip(ds, leaves, strict=True)]
        return tangents_of_arguments(structure, found)

    if own is not None and any(map(is_traced, leaves)):
        return put_together(result, iter(run_by_host(own, *leaves))), pullback
    return put_together(result, iter(ys)), pullback
