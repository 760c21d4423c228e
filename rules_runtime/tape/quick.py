"""Calls by the quick forms of `rules/`: values in the place of tracers, and one entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import Quick
from .sweep import FORM
from .tracer import Tracer, appended, place_of

ndarray = np.ndarray
F8 = np.dtype(float)


def by_quick(quick: Quick, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call by its quick form; NotImplemented where it is not the common case."""
    if len(args) == 1 and type(args[0]) is Tracer and not quick.joins:
        return _of_one(quick, args[0], kwargs)
    if not quick.least <= len(args) <= quick.most or (
        kwargs and not quick.names.issuperset(kwargs)
    ):
        return NotImplemented
    if quick.joins:
        return _joined(quick, args, kwargs)
    tape = None
    values: list[Any] = []
    numbers: list[int] = []
    for k, x in enumerate(args):
        if type(x) is Tracer:
            if tape is None:
                tape = x.tape
            elif x.tape is not tape:
                return NotImplemented
            numbers.append(k)
            x = x.value
            if type(x) is not ndarray or x.dtype.char not in quick.kinds:
                return NotImplemented
        values.append(x)
    if tape is None:
        return NotImplemented
    for x in kwargs.values():
        if type(x) is Tracer:
            return NotImplemented
    found = quick.function(*values, **kwargs)
    if found is None:
        return NotImplemented
    y, vjps = found[0], [found[k + 1] for k in numbers]
    if None in vjps:
        return NotImplemented
    entry: Any
    if len(numbers) == 1:
        entry = (args[numbers[0]].index, *vjps[0], FORM)
    elif len(numbers) == 2:
        a, b = numbers
        entry = ((args[a].index, args[b].index), _both_vjp, vjps, FORM)
    else:
        entry = (tuple([args[k].index for k in numbers]), _each_vjp, vjps, FORM)
    return appended(y, tape, entry)


def _of_one(quick: Quick, x: Tracer, kwargs: dict[str, Any]) -> Any:
    """The commonest of all: one argument, and options."""
    v = x.value
    if type(v) is not ndarray or (v.dtype is not F8 and v.dtype.char not in quick.kinds):
        return NotImplemented
    if kwargs:
        if not quick.names.issuperset(kwargs):
            return NotImplemented
        for option in kwargs.values():
            if type(option) is Tracer:
                return NotImplemented
    elif quick.least > 1:
        return NotImplemented
    found = quick.function(v, **kwargs)
    if found is None:
        return NotImplemented
    y, (vjp, saved) = found
    tape = x.tape
    t = Tracer()
    t.value = y
    t.tape = tape
    t.index = i = len(tape)
    tape.append(entry := (x.index, vjp, saved, FORM))
    if len(tape) - i != 1:
        t.index = place_of(entry, tape, i)
    return t


def _both_vjp(g: Any, saved: Any) -> tuple[Any, Any]:
    (left, x), (right, y) = saved
    return left(g, x), right(g, y)


def _each_vjp(g: Any, saved: Any) -> list[Any]:
    return [vjp(g, of_one) for vjp, of_one in saved]


def _joined(quick: Quick, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call of a function of a list of arrays."""
    parts = args[0]
    if type(parts) is not list and type(parts) is not tuple:
        return NotImplemented
    tape = None
    values: list[Any] = []
    for x in parts:
        if type(x) is Tracer:
            if tape is None:
                tape = x.tape
            elif x.tape is not tape:
                return NotImplemented
            x = x.value
        if type(x) is ndarray:
            if x.dtype.char != "d":
                return NotImplemented
        elif type(x) is not np.float64 and type(x) is not float:
            return NotImplemented
        values.append(x)
    if tape is None:
        return NotImplemented
    found = quick.function(values, *args[1:], **kwargs)
    if found is None:
        return NotImplemented
    y, pieces = found
    wanted = [(x.index, piece) for x, piece in zip(parts, pieces) if type(x) is Tracer]
    places, indices = tuple([place for place, _ in wanted]), [piece for _, piece in wanted]
    return appended(y, tape, (places, _pieces_vjp, indices, FORM))


def _pieces_vjp(g: Any, saved: Any) -> list[Any]:
    return [g[index] if shape is None else g[index].reshape(shape) for index, shape in saved]
