"""The backward sweep: from the last entry of a tape to the first,
each cotangent into its parents' places.

An entry is `(places, vjp, saved, mode)`: the place of its parent, or a tuple of them where there
are several; `g` is the cotangent of the entry itself. The mode says how `vjp` is called, and whose
what it gives is (of several parents one for each, None for nothing):

    NEW         vjp(g, saved): arrays that nobody else has
    OVERWRITE   vjp(g, saved, mine): as NEW; where `mine` is true it may use g's memory for one of
                them, which nobody else has
    PASS        vjp(g, saved): g itself, or arrays that nobody else has
    FORM        vjp(g, saved): g itself, views, or arrays of their own; the sweep looks
    INTO        vjp(g, saved, olds): of `olds` it may add to those that are no None, arrays of the
                tape's own, and return them
    SUM         both of two parents are given g
    TIMES       g * saved, for numbers; of two parents g times either of the pair `saved`
    SLICE       saved is (index, shape, dtype): g goes to x[index]; the index is basic
    PART        saved is (number, count, build): g is one leaf of the structured result at the place

Ownership. A place whose number is in `shared` holds a cotangent that others may hold, too: `x + y`
hands one array to both. Adding to such a place makes a new array, adding to any other is done in
place. A cotangent is dropped as soon as it is used, an entry as soon as it is passed, so the arrays
saved by the forward pass die on the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.fill import Unwritten
from ..kernels.low_rank import LowRank
from ..kernels.others import is_recorded
from ..kernels.scatter import scatter
from .cotangents import Parts, Pieces
from .tracer import Tracer

NEW, OVERWRITE, PASS, FORM, INTO, SUM, TIMES, SLICE, PART = range(9)

ndarray = np.ndarray
float64 = np.float64
_add = np.add


def sweep(entries: list[Any], grads: list[Any], shared: set[int], first: int) -> None:
    """Empty the list `entries` down to place `first`;
    afterwards `grads[:first]` holds the cotangents of the inputs."""
    for k in range(len(entries) - 1, first - 1, -1):
        entry = entries[k]
        g = grads[k]
        entries[k] = grads[k] = None
        kind = type(g)
        if kind is not ndarray and kind is not float64:
            if g is None:
                continue
            if isinstance(g, Unwritten) and entry[1] not in g.takes:
                g = _dense(g, k, shared)
        places, vjp, saved, mode = entry
        if type(places) is int:
            i = places
            if mode is NEW:
                dx = vjp(g, saved)
            elif mode is TIMES:
                dx = g * saved
            elif mode is SLICE:
                old = grads[i]
                if (
                    type(old) is ndarray
                    and (type(g) is ndarray or type(g) is float64)
                    and i not in shared
                ):
                    old[saved[0]] += g
                else:
                    _slice(grads, i, saved, g, shared)
                continue
            elif mode is OVERWRITE:
                dx = vjp(g, saved, k not in shared)
            elif mode is PART:
                if grads[i] is None:
                    grads[i] = Parts(saved[1], saved[2])
                grads[i].items[saved[0]] = g
                continue
            else:
                dx = vjp(g, saved)
                if grads[i] is None and (
                    (dx is g and k in shared)
                    if mode is PASS
                    else (type(dx) is not ndarray or dx.base is not None or dx is g)
                ):
                    shared.add(i)
            old = grads[i]
            if old is None:
                grads[i] = dx
            elif type(old) is ndarray and i not in shared and type(dx) is ndarray:
                _add(old, dx, old)
            else:
                _merge(grads, i, dx, shared)
            dx = None
        elif mode is TIMES:
            i, j = places
            p, q = saved
            old = grads[i]
            if old is None:
                grads[i] = g * p
            elif type(old) is float64:
                grads[i] = old + g * p
            else:
                _merge(grads, i, g * p, shared)
            old = grads[j]
            if old is None:
                grads[j] = g * q
            elif type(old) is float64:
                grads[j] = old + g * q
            else:
                _merge(grads, j, g * q, shared)
        elif mode is SUM:
            i, j = places
            old = grads[i]
            if old is None:
                grads[i] = g
                if kind is not float64:
                    shared.add(i)
            elif kind is ndarray and type(old) is ndarray and i not in shared:
                _add(old, g, old)
            else:
                _merge(grads, i, g, shared)
            old = grads[j]
            if old is None:
                grads[j] = g
                if kind is not float64:
                    shared.add(j)
            elif kind is ndarray and type(old) is ndarray and j not in shared:
                _add(old, g, old)
            else:
                _merge(grads, j, g, shared)
        else:
            if mode is OVERWRITE:
                given = vjp(g, saved, k not in shared)
            elif mode is INTO:
                given = _added_into(grads, places, vjp, saved, g, shared)
            else:
                given = vjp(g, saved)
            entry = saved = None
            if mode is NEW or mode is OVERWRITE:
                g = None
            for i, dx in zip(places, given):
                old = grads[i]
                if old is None:
                    grads[i] = dx
                    if (
                        mode is INTO
                        or (mode is PASS and dx is g and (k in shared or given[0] is given[1]))
                        or (
                            mode is FORM
                            and (type(dx) is not ndarray or dx.base is not None or dx is g)
                        )
                    ):
                        shared.add(i)
                elif type(old) is ndarray and i not in shared and type(dx) is ndarray:
                    _add(old, dx, old)
                else:
                    _merge(grads, i, dx, shared)
            dx = given = None
    written_out(grads, shared, first)


def _added_into(grads: Any, places: Any, vjp: Any, saved: Any, g: Any, shared: Any) -> list[Any]:
    """What a rule gives for each of several places, None where it has added to what is there."""
    olds = [grads[i] if type(grads[i]) is ndarray and i not in shared else None for i in places]
    given = vjp(g, saved, olds)
    return [None if dx is old else dx for dx, old in zip(given, olds, strict=True)]


def _dense(g: Any, k: int, shared: set[int]) -> Any:
    """The array of the cotangent at place `k`."""
    if g.is_new:
        shared.discard(k)
    else:
        shared.add(k)
    return g.dense()


def written_out(grads: list[Any], shared: set[int], first: int) -> None:
    """Write out what the sweep has left at the places of the inputs."""
    for k in range(first):
        g = grads[k]
        if type(g) is not ndarray and type(g) is not float64 and isinstance(g, Unwritten):
            grads[k] = _dense(g, k, shared)


def _merge(grads: list[Any], i: int, dx: Any, shared: set[int]) -> None:
    """Add `dx` to what is at place `i`, in whatever form either is."""
    old = grads[i]
    if old is None:
        grads[i] = dx
        shared.add(i)
        return
    if dx is None:
        return
    if type(old) is float64 and type(dx) is float64:
        grads[i] = old + dx
        return
    if type(old) is type(dx) is ndarray and old.dtype is dx.dtype and old.shape == dx.shape:
        if i in shared:
            grads[i] = old + dx
            shared.discard(i)
        else:
            _add(old, dx, old)
        return
    if is_recorded(old) and is_recorded(dx):
        grads[i] = old + dx
        shared.discard(i)
        return
    if type(old) is LowRank and type(dx) in (ndarray, LowRank):
        old.add(dx)
        return
    if type(dx) is LowRank and type(old) is ndarray:
        dx.total, dx.owned = old, i not in shared
        grads[i] = dx
        return
    if isinstance(dx, Unwritten):
        dx = dx.dense()
    if isinstance(old, Unwritten):
        grads[i] = old = _dense(old, i, shared)
    if (
        type(old) is ndarray
        and i not in shared
        and type(dx) is not Tracer
        and not is_recorded(dx)
        and old.dtype.kind != "O"
        and np.can_cast(np.result_type(dx), old.dtype, "same_kind")
        and (type(dx) is not ndarray or dx.shape == old.shape)
    ):
        _add(old, dx, old)
        return
    grads[i] = old + dx
    shared.discard(i)


def _slice(grads: list[Any], i: int, saved: Any, g: Any, shared: set[int]) -> None:
    """Add `g` to `x[index]` for the array at place `i`."""
    index, shape, dtype = saved
    old = grads[i]
    is_plain = issubclass(type(g), (ndarray, np.generic))  # a tracer looks like one
    if old is None and is_plain:
        grads[i] = out = np.zeros(shape, dtype if g.dtype is dtype else np.result_type(dtype, g))
        out[index] = g
    elif type(old) is ndarray and is_plain and old.dtype.kind == g.dtype.kind:
        if i in shared:
            grads[i] = old = old.copy()
            shared.discard(i)
        old[index] += g
    elif type(old) is Pieces:
        old.add(index, g)
    elif old is None:
        grads[i] = Pieces(index, g, shape, dtype)
    else:
        _merge(grads, i, scatter(g, index, shape, dtype), shared)
