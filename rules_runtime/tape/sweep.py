"""The backward sweep: from the last entry of a tape to the first,
each cotangent into its parents' places.

An entry is a tuple; its length says what it is (`i`, `j` are places on the tape,
`g` the cotangent of the entry itself):

    (i, j)                              both parents are given g                        (a sum)
    (i, vjp, saved)                     vjp(g, saved), an array that nobody else has
    (i, vjp, saved, mode)               see the modes
    (i, p, j, q, None)                  g * p and g * q                                 (numbers)
    (i, j, vjp, saved, mode, None)      vjp gives a pair
    (parents, vjp, saved, mode, None, None, None)   vjp gives one for each parent, None for nothing

    SHARED      what vjp gives may be held by others, too
    VIEW        it is g, or a view of g: as shared as g is
    OVERWRITE   vjp(g, saved, mine); where `mine` is true it may use g's memory for the result,
                which nobody else has
    VIEW_OR_NEW vjp(g, saved, mine); what it gives is g itself, or an array that nobody else has
    INTO        of several parents: vjp(g, saved, olds); of `olds` it may add to those that are no
                None, arrays of the tape's own, and return them
    FORM        what vjp gives is nobody else's if it is an array with memory of its own,
                and not g; None for nothing
    SCATTER     saved is (index, shape, dtype): g goes to x[index]
    PART        saved is (number, count, build): g is one leaf of the structured result at place i

Ownership. A place whose number is in `shared` holds a cotangent that others may hold, too: `x + y`
hands one array to both. Adding to such a place makes a new array, adding to any other is done in
place. A cotangent is dropped as soon as it is used, an entry as soon as it is passed, so the arrays
saved by the forward pass die on the way.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..kernels.fill import TAKES_FILL, Fill, Scaled
from ..kernels.low_rank import LowRank
from ..kernels.others import is_recorded
from ..kernels.scatter import scatter
from .cotangents import Parts, Pieces
from .tracer import Tracer

SHARED, VIEW, OVERWRITE, SCATTER, PART, VIEW_OR_NEW, INTO, FORM = range(8)
TAKES_LOW_RANK: set[Any] = set()  # functions that are given a `LowRank`

ndarray = np.ndarray
float64 = np.float64
_add = np.add
times = operator.mul  # the entry of a number times a constant: (i, times, c)


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
            if kind is Pieces:
                g = g.dense()
            elif kind is LowRank:
                if len(entry) != 4 or entry[1] not in TAKES_LOW_RANK:
                    g = g.dense()
                    shared.discard(k)
            elif kind is Fill:
                if len(entry) > 2 and entry[2 if len(entry) == 6 else 1] not in TAKES_FILL:
                    g = g.dense()
                    shared.add(k)
            elif kind is Scaled:
                if len(entry) != 4 or entry[1] is not scatter:
                    g = g.dense()
                    shared.discard(k)
            elif kind is Parts:
                g = g.build(g.items)
        n = len(entry)
        if n == 3:
            i, vjp, saved = entry
            dx = g * saved if vjp is times else vjp(g, saved)
            old = grads[i]
            if old is None:
                grads[i] = dx
            elif type(old) is ndarray and i not in shared and type(dx) is ndarray:
                _add(old, dx, old)
            else:
                _merge(grads, i, dx, shared)
            dx = None
        elif n == 4:
            i, vjp, saved, mode = entry
            if mode == 3:
                old = grads[i]
                if (
                    type(old) is ndarray
                    and (type(g) is ndarray or type(g) is float64)
                    and vjp is None
                    and i not in shared
                ):
                    old[saved[0]] += g
                else:
                    _scatter(grads, i, vjp, saved, g, shared)
                continue
            if mode == 4:
                if grads[i] is None:
                    grads[i] = Parts(saved[1], saved[2])
                grads[i].items[saved[0]] = g
                continue
            mine = k not in shared
            dx = vjp(g, saved, mine) if mode == 2 or mode == 5 else vjp(g, saved)
            old = grads[i]
            if old is None:
                grads[i] = dx
                if mode == 7:
                    if type(dx) is not ndarray or dx.base is not None or dx is g:
                        shared.add(i)
                elif mode == 0 or (not mine and (mode == 1 or (mode == 5 and dx is g))):
                    shared.add(i)
            elif type(old) is ndarray and i not in shared and type(dx) is ndarray:
                _add(old, dx, old)
            else:
                _merge(grads, i, dx, shared)
            dx = None
        elif n == 2:
            i, j = entry
            if i == j:
                _merge(grads, i, 2.0 * g, shared)
                continue
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
        elif n == 5:
            i, p, j, q, _ = entry
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
        elif n == 6:
            i, j, vjp, saved, mode, _ = entry
            shares_x = shares_y = mode == 0
            if mode == 2:
                dx, dy = vjp(g, saved, k not in shared)
            elif mode == 5:
                mine = k not in shared
                dx, dy = vjp(g, saved, mine)
                if not mine or dx is dy:
                    shares_x, shares_y = dx is g, dy is g
            else:
                dx, dy = vjp(g, saved)
                if mode == 7:
                    shares_x = type(dx) is not ndarray or dx.base is not None or dx is g or dx is dy
                    shares_y = type(dy) is not ndarray or dy.base is not None or dy is g or dx is dy
            g = entry = saved = None
            old = grads[i]
            if old is None:
                grads[i] = dx
                if shares_x:
                    shared.add(i)
            elif type(old) is ndarray and i not in shared and type(dx) is ndarray:
                _add(old, dx, old)
            else:
                _merge(grads, i, dx, shared)
            dx = None
            old = grads[j]
            if old is None:
                grads[j] = dy
                if shares_y:
                    shared.add(j)
            elif type(old) is ndarray and j not in shared and type(dy) is ndarray:
                _add(old, dy, old)
            else:
                _merge(grads, j, dy, shared)
            dy = None
        else:
            parents, vjp, saved, mode = entry[:4]
            if mode == 6:
                olds = [
                    grads[i] if type(grads[i]) is ndarray and i not in shared else None
                    for i in parents
                ]
                given = vjp(g, saved, olds)
                given = [None if dx is old else dx for dx, old in zip(given, olds, strict=True)]
            else:
                given = vjp(g, saved)
            for i, dx in zip(parents, given, strict=True):
                if dx is not None:
                    if grads[i] is None:
                        grads[i] = dx
                        if mode != 7 or type(dx) is not ndarray or dx.base is not None:
                            shared.add(i)
                    else:
                        _merge(grads, i, dx, shared)
    written_out(grads, shared, first)


def written_out(grads: list[Any], shared: set[int], first: int) -> None:
    """Multiply out what the sweep has left as factors at the places of the inputs."""
    for k in range(first):
        if type(grads[k]) is LowRank:
            grads[k] = grads[k].dense()
            shared.discard(k)


def _merge(grads: list[Any], i: int, dx: Any, shared: set[int]) -> None:
    """Add `dx` to what is at place `i`, in whatever form either is."""
    old = grads[i]
    if old is None:
        grads[i] = dx
        shared.add(i)
        return
    if dx is None:
        return
    if type(old) is type(dx) is ndarray and old.dtype is dx.dtype and old.shape == dx.shape:
        if i in shared:
            grads[i] = old + dx
            shared.discard(i)
        else:
            _add(old, dx, old)
        return
    if type(dx) is LowRank:
        if type(old) is LowRank:
            old.add(dx)
            return
        if type(old) is ndarray:
            dx.total, dx.owned = old, i not in shared
            grads[i] = dx
            return
        dx = dx.dense()
    if type(old) is LowRank and type(dx) is ndarray:
        old.absorb(dx)
        return
    if type(old) is Pieces or type(old) is LowRank:
        grads[i] = old = old.dense()
        shared.discard(i)
    if type(dx) is Pieces or type(dx) is Scaled:
        dx = dx.dense()
    if type(old) is Scaled:
        grads[i] = old = old.dense()
        shared.discard(i)
    if type(old) is Fill and type(dx) is Fill:
        grads[i] = Fill(old.value + dx.value, old.shape)
        return
    if type(dx) is Fill:
        dx = dx.value if type(old) is ndarray and old.shape == dx.shape else dx.dense()
    elif type(old) is Fill:
        old = old.value if type(dx) is ndarray and old.shape == dx.shape else old.dense()
        shared.add(i)
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


def _scatter(grads: list[Any], i: int, add_at: Any, saved: Any, g: Any, shared: set[int]) -> None:
    """Add `g` to `x[index]` for the array at place `i`;
    slices wait as `Pieces`, numbers and gathers do not."""
    index, shape, dtype = saved
    old = grads[i]
    factor = None
    if type(g) is Scaled:
        if add_at is not None and type(g.array) is ndarray:
            g, factor = g.array, g.factor
        else:
            g = g.dense()
    elif type(g) is Fill:
        g = g.dense()
    if type(old) is Pieces:
        if add_at is None:
            old.items.append((index, g))
            return
        old = grads[i] = old.dense()
        shared.discard(i)
    if add_at is not None:
        dx = add_at(g, index, shape, dtype)
        if factor is not None:
            dx = dx * factor
        if old is None:
            grads[i] = dx
        else:
            _merge(grads, i, dx, shared)
        return
    if old is None:
        if type(g) is float64 and len(shape) == 1:
            grads[i] = buffer = np.zeros(shape)
            buffer[index] = g
        else:
            grads[i] = Pieces(index, g, shape, dtype)
        return
    if (
        type(g) is Tracer
        or type(old) is not ndarray
        or is_recorded(g)
        or old.dtype.kind != np.result_type(g).kind
    ):
        _merge(grads, i, Pieces(index, g, shape, dtype).dense(), shared)
        return
    if i in shared:
        grads[i] = old = old.copy()
        shared.discard(i)
    old[index] += g
