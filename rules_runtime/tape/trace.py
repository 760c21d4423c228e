"""Running a function on traced arguments, and the pullback that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..config import HasReverseMode, RuleConfig
from ..tangents import AbstractZero, NoTangent, NotImplementedTangent, ZeroTangent
from ..thunks import unthunk
from .cotangents import Fill, Pieces
from .record import gather, has_rule, try_rule
from .structures import Path, is_leaf, leaves, parts, rebuild, tangent_at, tangent_of, untraced
from .sweep import _merge, sweep
from .tracer import Tape, Tracer, primal, tracer

ndarray = np.ndarray
float64 = np.float64


class TapeConfig(RuleConfig[HasReverseMode]):
    """The config of the built-in reverse mode: what `pullback` and `gradient` look rules up with."""


class Trace:
    """A function that has run on traced arguments: its result, and the entries from which cotangents come."""

    __slots__ = ("args", "entries", "f", "first", "outputs", "places", "tape", "y")

    def __init__(self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tape = tape = Tape(config)
        self.f, self.args = f, args
        traced: list[Any] = []

        def leaf(x: Any) -> Any:
            t = tracer(x, tape, len(tape))
            tape.append(None)
            return t

        try:
            callee = f
            if parts(f):
                callee = rebuild(f, leaf)
            traced.append(callee)
            for x in args:
                kind = type(x)
                if (kind is ndarray and x.dtype.kind == "f") or kind is float64 or kind is float:
                    traced.append(leaf(x))
                else:
                    traced.append(rebuild(x, leaf))
            self.first = len(tape)
            # The tracers themselves hold values that nobody may need; their places are enough.
            self.places = [
                x.index if type(x) is Tracer and x.tape is tape else _places(x) for x in traced
            ]
            y = NotImplemented
            if has_rule(f):
                y = try_rule(tape, callee, tuple(traced[1:]), kwargs)
            if y is NotImplemented:
                y = callee(*traced[1:], **kwargs)
            if type(y) is ndarray and y.dtype.kind == "O" and y.size:
                y = gather(y)
            if type(y) is Tracer:
                if y.tape is tape:
                    self.outputs = [((), y.index, y.value)]
                    y = y.value
                else:
                    self.outputs = []
            else:
                found = leaves(y, lambda x: type(x) is Tracer and x.tape is tape)
                self.outputs = [(path, t.index, t.value) for path, t in found]
                y = untraced(y, tape)
            self.y = y
        finally:
            tape.close()

    def cotangents(self, dy: Any, once: bool = False) -> tuple[list[Any], set[int]]:
        """The cotangents of the inputs by place, and which of those places are shared. `once` empties the tape."""
        tape = self.tape
        grads: list[Any] = [None] * len(tape)
        shared: set[int] = set()
        dy = unthunk(dy)
        for path, place, value in self.outputs:
            g = seed(tangent_at(dy, path), value)
            if g is not None:
                _merge(grads, place, g, shared)
                shared.add(place)
        entries: Any = tape if once else list(tape)
        before = tape.sweeping()
        try:
            sweep(entries, grads, shared, self.first)
        finally:
            tape.swept(before)
        return grads, shared

    def tangents(
        self, dy: Any, *, once: bool = False, written_out: bool = False
    ) -> tuple[Any, ...]:
        """The tangents of the function and its arguments; `written_out` has arrays of zeros for nothing."""
        grads, shared = self.cotangents(dy, once)
        out = []
        for x, place in zip((self.f, *self.args), self.places, strict=True):
            if type(place) is int:
                out.append(finished(x, grads[place], place in shared, written_out))
            elif not place:
                out.append(NoTangent())
            else:
                out.append(_structured(x, place, grads, shared, written_out))
        return tuple(out)


def _places(x: Any) -> dict[Path, int]:
    """The places of the tracers within a structured argument, by path."""
    return {path: t.index for path, t in leaves(x, lambda t: type(t) is Tracer)} if parts(x) else {}


def _structured(
    x: Any, places: dict[Path, int], grads: list[Any], shared: set[int], written_out: bool
) -> Any:
    def leaf(value: Any, path: Path) -> Any:
        place = places.get(path)
        if place is None:  # a second way to an object that was met before
            return ZeroTangent()
        return finished(value, grads[place], place in shared, written_out)

    return tangent_of(x, leaf)


def seed(dy: Any, value: Any) -> Any:
    """The cotangent of a leaf of the result, with its shape and dtype checked; None for a zero."""
    dy = unthunk(dy)
    if isinstance(dy, AbstractZero) or dy is None:
        return None
    if isinstance(dy, NotImplementedTangent):
        dy + 1.0  # says why
    shape = np.shape(primal(value))
    if type(dy) is not Tracer and not isinstance(dy, (ndarray, np.generic)):
        if not hasattr(type(dy), "__array_function__"):
            dy = np.asarray(dy, dtype=None)[()]
    if np.shape(dy) != shape:
        raise ValueError(f"a cotangent of shape {np.shape(dy)} for a result of shape {shape}")
    if np.iscomplexobj(dy) and not np.iscomplexobj(value):
        dy = np.real(dy)
    kind = np.result_type(primal(dy)).kind
    return dy if kind in "fc" else dy * 1.0


def finished(x: Any, g: Any, is_shared: bool, written_out: bool) -> Any:
    """The gradient of an argument as the user expects it: an array for an array, its dtype, real for real."""
    kind = type(x)
    if g is None:
        if not written_out:
            return ZeroTangent()
        if kind is ndarray:
            return np.zeros(x.shape, x.dtype)
        return x * 0.0 if kind is Tracer else np.zeros_like(x) if np.shape(x) else type(x)(0)
    if type(g) is Pieces:
        g = g.dense()
    elif type(g) is Fill:
        g = np.full(g.shape, g.value)
        is_shared = False
    if type(g) is Tracer or kind is Tracer:
        return np.real(g) if np.iscomplexobj(g) and not np.iscomplexobj(x) else g
    if kind is ndarray:
        if type(g) is ndarray:
            if g.dtype != x.dtype:
                return (g.real if x.dtype.kind == "f" and g.dtype.kind == "c" else g).astype(
                    x.dtype
                )
            if is_shared or not g.flags.writeable:
                return g.copy()
            return g
        return np.asarray(g, x.dtype) if isinstance(g, np.generic) else g
    if isinstance(x, (float, complex, np.inexact)) and np.ndim(g) == 0:
        if isinstance(g, ndarray):
            g = g[()]
        if not np.iscomplexobj(x) and np.iscomplexobj(g):
            g = g.real
        return kind(g)
    return g


def trace_pullback(
    config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """`(y, pullback)` by running `f` on tracers; `pullback(dy)` gives the tangent of `f` and of each argument.

    The rules that are met on the way are looked up with `config`. The pullback can be called any number of times.
    """
    trace = Trace(config, f, args, kwargs)
    return trace.y, trace.tangents


__all__ = ["TapeConfig", "Trace", "finished", "is_leaf", "trace_pullback"]
