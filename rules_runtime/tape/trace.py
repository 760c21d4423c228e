"""Running a function on traced arguments, and the pullback that comes of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from sys import modules
from types import FunctionType
from typing import Any

import numpy as np

from ..config import HasForwardMode, HasReverseMode, RuleConfig
from ..errors import TangentError
from ..kernels.others import is_other, like
from ..registry import rrule
from ..tangents import AbstractZero, NotImplementedTangent, ZeroTangent
from ..thunks import unthunk
from . import getters
from .arguments import place_on, traced
from .by_rule import has_rule, try_rule
from .complaints import explained
from .other_arrays import tell_dask
from .record import gather
from .structures import (
    Tree,
    is_leaf,
    parts,
    plain,
    spread,
    tangent_of,
    tree_of,
    untraced,
)
from .sweep import _merge, sweep
from .tracer import OPEN, Tape, Tracer, primal

ndarray = np.ndarray
float64 = np.float64
F8 = np.dtype(float)


class TapeConfig(RuleConfig[HasReverseMode, HasForwardMode]):
    """The config of the built-in AD: what `pullback`, `gradient` and `jvp` look rules up with."""


class Trace:
    """A function that has run on traced arguments:
    its result, and the entries from which cotangents come."""

    __slots__ = ("args", "callee_places", "f", "first", "outputs", "places", "tape", "y")

    def __init__(
        self,
        config: Any,
        f: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        refuse: Callable[[tuple[Any, ...]], None] | None = None,
    ) -> None:
        """`refuse(args)` is called where there is nothing to differentiate by, before `f` is;
        with it nobody asks for the tangent of `f`, and what `f` holds are constants."""
        make = watching.get()
        self.tape = tape = Tape(config) if make is None else make(config)
        if len(OPEN) > 1:
            args = plain(args)
        self.f, self.args = f, args
        if getters.pending:
            getters.settle()
        if "scipy" in modules and rrule._waiting is not None:
            # its functions are plain Python: a rule must be there before they are called
            rrule._waiting()
        if "dask.array" in modules:
            tell_dask()
        self.callee_places: Tree
        self.outputs: Tree  # the places of the leaves of the result
        try:
            callee, self.callee_places = f, None
            is_function = type(f) is FunctionType
            if not is_function and (refuse is None or getters.watches(f)) and parts(f):
                callee, self.callee_places = traced(f, tape)
            start = len(tape)
            made = []
            self.places: list[Tree] = []  # of the arguments' leaves on the tape
            for x in args:
                kind = type(x)
                if (kind is ndarray and x.dtype is F8) or kind is float64 or kind is float:
                    t = Tracer()
                    t.value = x
                    t.tape = tape
                    t.index = len(tape)
                    tape.append(None)
                    self.places.append(t.index)
                    made.append(t)
                else:
                    x, places = traced(x, tape)
                    self.places.append(places)
                    made.append(x)
            self.first = len(tape)
            if self.first == start and refuse is not None:
                refuse(args)
            y = NotImplemented
            if id(f) in _rules if is_function else has_rule(f):
                y = try_rule(tape, callee, tuple(made), kwargs, f if id(f) in _rules else None)
            if y is NotImplemented:
                y = callee(*made, **kwargs)
            if type(y) is ndarray and y.dtype.kind == "O" and y.size:
                y = gather(y)
            if type(y) is Tracer:
                if y.tape is tape:
                    self.outputs = y.index
                    y = y.value
                else:
                    self.outputs = None
            else:
                self.outputs = tree_of(y, functools.partial(place_on, tape))
                y = untraced(y, tape)
            self.y = y
        except Exception as error:
            better = explained(error, f)
            if better is None:
                raise
            raise better from error
        finally:
            tape.close()

    def cotangents(self, dy: Any, once: bool = False) -> tuple[list[Any], set[int]]:
        """The cotangents of the inputs by place, and which of those places are shared.
        `once` empties the tape."""
        tape = self.tape
        grads: list[Any] = [None] * len(tape)
        shared: set[int] = set()
        for place, part, value in spread(self.outputs, dy, self.y, strict=True):
            g = seed(part, value)
            if g is not None:
                _merge(grads, place, g, shared)
                shared.add(place)
        entries = list(tape)
        if once:
            tape.clear()
        before, tape.swept = tape.swept, True
        try:
            tape.sweep(entries, grads, shared, self.first)
        finally:
            tape.swept = before
        return grads, shared

    def tangents(
        self, dy: Any, *, once: bool = False, written_out: bool = False
    ) -> tuple[Any, ...]:
        """The tangents of the function and its arguments;
        `written_out` has arrays of zeros for nothing."""
        grads, shared = self.cotangents(dy, once)
        out = [_structured(self.f, self.callee_places, grads, shared, written_out)]
        for x, place in zip(self.args, self.places):
            if type(place) is int:
                out.append(finished(x, grads[place], place in shared, written_out))
            else:
                out.append(_structured(x, place, grads, shared, written_out))
        return tuple(out)

    def gradients_of_number(self) -> tuple[Any, ...]:
        """The gradients of the arguments where the result is one real number;
        the tape is empty afterwards."""
        tape = self.tape
        grads: list[Any] = [None] * len(tape)
        shared: set[int] = set()
        if self.outputs is not None:
            grads[self.outputs] = _one if type(self.y) is float64 else seed(1.0, self.y)
        entries = list(tape)
        tape.clear()
        tape.swept = True
        try:
            tape.sweep(entries, grads, shared, self.first)
        finally:
            tape.swept = False
        return tuple(
            [
                finished(x, grads[place], place in shared, True)
                if type(place) is int
                else _structured(x, place, grads, shared, True)
                for x, place in zip(self.args, self.places)
            ]
        )


# what makes the tapes of the running context, where tools watch them
watching: ContextVar[Callable[[Any], Tape] | None] = ContextVar("watching", default=None)
Tape.sweep = staticmethod(sweep)
_one = float64(1.0)
_rules = rrule._tables


def _structured(x: Any, places: Tree, grads: list[Any], shared: set[int], written_out: bool) -> Any:
    def leaf(value: Any, place: int) -> Any:
        return finished(value, grads[place], place in shared, written_out)

    return tangent_of(x, places, leaf, whole=not written_out)  # rules see what they may pass on


def seed(dy: Any, value: Any) -> Any:
    """The cotangent of a leaf of the result, with its shape and dtype checked; None for a zero."""
    dy = plain(unthunk(dy))
    if isinstance(dy, AbstractZero) or dy is None:
        return None
    if isinstance(dy, NotImplementedTangent):
        float(dy)  # raises, and says why
    shape = np.shape(primal(value))
    if type(dy) is not Tracer and not isinstance(dy, (ndarray, np.generic)):
        if not hasattr(type(dy), "__array_function__"):
            dy = np.asarray(dy, dtype=None)[()]
    if np.shape(dy) != shape:
        raise ValueError(f"a cotangent of shape {np.shape(dy)} for a result of shape {shape}")
    if np.iscomplexobj(dy) and not np.iscomplexobj(value):
        dy = np.real(dy)
    if type(dy) is not Tracer and not is_other(dy):
        if is_other(primal(value)):  # what comes of it is to be of that library, and as precise
            dy = like(np.asarray(dy, value.dtype), value)
        elif getattr(primal(value), "dtype", F8).char in "fF":  # and so is the whole way back
            dy = np.asarray(dy, primal(value).dtype)[()]
    if type(dy) is Tracer:
        return dy
    kind = getattr(getattr(dy, "dtype", None), "kind", "O")
    if kind not in "biufc":
        raise TangentError(f"{dy!r} cannot be the tangent of a number or an array")
    return dy if kind in "fc" else dy * 1.0


def finished(x: Any, g: Any, is_shared: bool, written_out: bool) -> Any:
    """The gradient of an argument as the user expects it:
    an array for an array, its dtype, real for real."""
    kind = type(x)
    if kind is float64 and type(g) is float64:
        return g
    if kind is ndarray and type(g) is ndarray and g.dtype is x.dtype:
        return g.copy() if is_shared or (g.base is not None and not g.flags.writeable) else g
    if g is None:
        if not written_out:
            return ZeroTangent()
        if kind is ndarray:
            return np.zeros(x.shape, x.dtype)
        return x * 0.0 if kind is Tracer else np.zeros_like(x) if np.shape(x) else type(x)(0)
    if kind is float and type(g) is float64:
        return float(g)
    if is_other(x) and type(g) is not Tracer:
        g = g if is_other(g) else np.zeros_like(x) + g
        g = np.real(g) if g.dtype.kind == "c" != x.dtype.kind else g
        return g if g.dtype == x.dtype else g.astype(x.dtype)
    if type(g) is Tracer or kind is Tracer:
        return np.real(g) if np.iscomplexobj(g) and not np.iscomplexobj(x) else g
    if kind is ndarray:
        if type(g) is ndarray:
            return (g.real if x.dtype.kind == "f" and g.dtype.kind == "c" else g).astype(x.dtype)
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
    """`(y, pullback)` by running `f` on tracers;
    `pullback(dy)` gives the tangent of `f` and of each argument.

    The rules that are met on the way are looked up with `config`.
    The pullback can be called any number of times.
    """
    trace = Trace(config, f, args, kwargs)
    return trace.y, trace.tangents


__all__ = ["TapeConfig", "Trace", "finished", "is_leaf", "trace_pullback"]
