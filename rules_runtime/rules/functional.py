"""Functions that call functions: `functools.reduce`, `numpy.vectorize`, `apply_along_axis`, `apply_over_axes`, `piecewise`.

Their rules call back into the AD, so they ask for a config that has a reverse mode. What they call may be an
object with fields; its tangent is the sum over all calls.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.accumulate import add
from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.forms import primal
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.kernels.others import is_other
from rules_runtime.kernels.scatter import scatter
from rules_runtime.registry import rrule
from rules_runtime.tangents import AbstractZero, NoTangent, Tangent, ZeroTangent
from rules_runtime.thunks import unthunk
from rules_runtime.via_ad import rrule_via_ad

Config = RuleConfig[HasReverseMode]


def _is_number(x: Any) -> bool:
    """Whether x is, or holds, numbers that can be perturbed."""
    return not callable(x) and np.asarray(primal(x)).dtype.kind in "fc"


def _total(tangents: Any) -> Any:
    return functools.reduce(add, tangents, ZeroTangent())


def _dense(dx: Any, like: Any) -> Any:
    """A cotangent as an array, to be written into another."""
    dx = unthunk(dx)
    return np.zeros(np.shape(like)) if isinstance(dx, AbstractZero) else dx


# -- folds ---------------------------------------------------------------------------------------------------------


@rrule.register(functools.reduce)
def rrule_reduce(config: Config, _: Any, f: Any, xs: Any, *initial: Any) -> Any:
    """`functools.reduce(f, xs, initial)` over a tuple, a list or the rows of an array."""
    items = list(xs)
    if not initial and not items:
        raise TypeError("reduce() of empty iterable with no initial value")
    state, rest = (initial[0], items) if initial else (items[0], items[1:])
    backs = []
    for item in rest:
        state, back = rrule_via_ad(config, f, state, item)
        backs.append(back)

    def reduce_pullback(dy: Any) -> Any:
        of_f, of_items = [], []
        for back in reversed(backs):
            df, dy, ditem = back(dy)
            of_f.append(df)
            of_items.append(ditem)
        of_items.reverse()
        if not initial:
            of_items.insert(0, dy)
        dxs: Any
        if not isinstance(xs, (list, tuple)):
            dxs = np.stack([_dense(d, item) for d, item in zip(of_items, items)])
        else:
            dxs = Tangent[type(xs)](*of_items)  # type: ignore[misc, operator]
        return NoTangent(), _total(of_f), dxs, *((dy,) if initial else ())

    return state, reduce_pullback


# -- one call for each element -------------------------------------------------------------------------------------


@rrule.register(np.vectorize.__call__)
def rrule_vectorize(config: Config, self: np.vectorize, *args: Any, **kwargs: Any) -> Any:
    """An instance of `np.vectorize` without a signature, called by position."""
    if self.signature is not None or kwargs or self.excluded:
        raise NotImplementedError(
            "np.vectorize has a rule for calls without signature, excluded and keywords"
        )
    arrays = np.broadcast_arrays(*args)
    shape = arrays[0].shape
    outcomes = [
        rrule_via_ad(config, self.pyfunc, *(a[place] for a in arrays))
        for place in np.ndindex(shape)
    ]
    if not outcomes:
        return self(*args), lambda dy: (NoTangent(), *(ZeroTangent() for _ in args))
    values = [y for y, _ in outcomes]
    several = isinstance(values[0], tuple)
    y: Any
    if several:
        y = tuple(np.reshape(np.stack(part), shape) for part in zip(*values))
    else:
        y = np.reshape(np.stack(values), shape)

    def vectorize_pullback(dy: Any) -> Any:
        of_f, of_args = [], []
        for place, (_, back) in zip(np.ndindex(shape), outcomes):
            here: Any = dy[place] if not several else Tangent[_Tuple](*(part[place] for part in dy))
            df, *dargs = back(here)
            of_f.append(df)
            of_args.append(dargs)
        dself: Any = _total(of_f)
        if not isinstance(dself, AbstractZero):
            dself = Tangent[type(self)](pyfunc=dself)  # type: ignore[misc, operator]
        return dself, *(_gathered(ds, arg, shape) for ds, arg in zip(zip(*of_args), args))

    return y, vectorize_pullback


_Tuple: Any = tuple


def _gathered(tangents: Any, arg: Any, shape: tuple[int, ...]) -> Any:
    """The cotangents of all calls, summed to the shape of what was broadcast to them."""
    if not _is_number(arg):
        return NoTangent()
    return unbroadcast(
        np.reshape(np.stack([_dense(d, 0.0) for d in tangents]), shape), np.shape(arg)
    )


# -- one call for each row -----------------------------------------------------------------------------------------


@rrule.register(np.apply_along_axis)
def rrule_apply_along_axis(
    config: Config, _: Any, func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """`np.apply_along_axis(func1d, axis, arr)`; further arguments of `func1d` are given on."""
    axis = axis % arr.ndim
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    outcomes = {
        place: rrule_via_ad(config, func1d, rows[place], *args, **kwargs)
        for place in np.ndindex(lead)
    }
    values = np.stack([y for y, _ in outcomes.values()])
    inner = values.shape[1:]
    moved = np.reshape(values, lead + inner)
    at = tuple(range(len(lead), len(lead) + len(inner)))
    y = np.moveaxis(moved, at, tuple(range(axis, axis + len(inner))))

    def apply_along_axis_pullback(dy: Any) -> Any:
        dy = np.moveaxis(dy, tuple(range(axis, axis + len(inner))), at)
        of_f, of_rows, of_args = [], [], []
        for place, (_, back) in outcomes.items():
            df, drow, *dargs = back(dy[place])
            of_f.append(df)
            of_args.append(dargs)
            of_rows.append(_dense(drow, rows[place]))
        totals = [_total(one) for one in zip(*of_args)] if of_args else [ZeroTangent()] * len(args)
        drows = np.reshape(np.stack(of_rows), rows.shape)
        return NoTangent(), _total(of_f), NoTangent(), np.moveaxis(drows, -1, axis), *totals

    return y, apply_along_axis_pullback


@rrule.register(np.apply_over_axes)
def rrule_apply_over_axes(config: Config, _: Any, func: Any, a: Any, axes: Any) -> Any:
    """`np.apply_over_axes(func, a, axes)`: func is called on one axis after the other."""
    shape = np.shape(a)
    steps = []
    value = a
    for axis in np.atleast_1d(np.asarray(axes)):
        axis = int(axis) % len(shape)
        result, back = rrule_via_ad(config, func, value, axis)
        steps.append((back, np.shape(result)))
        value = result if np.ndim(result) == len(shape) else np.expand_dims(result, axis)

    def apply_over_axes_pullback(dy: Any) -> Any:
        of_f = []
        for back, before in reversed(steps):
            df, dy, _ = back(np.reshape(_dense(dy, np.empty(before)), before))
            of_f.append(df)
        return NoTangent(), _total(of_f), dy, NoTangent()

    return value, apply_over_axes_pullback


# -- one call for each piece ---------------------------------------------------------------------------------------


@rrule.register(np.piecewise)
def rrule_piecewise(
    config: Config, _: Any, x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any
) -> Any:
    """`np.piecewise(x, condlist, funclist)`: a function or a number for each condition, maybe one for the rest."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    if is_other(primal(x)):
        raise NotImplementedError(
            f"np.piecewise of a {type(primal(x)).__module__} array: which elements each function is given is not known; use np.where"
        )
    places = [np.nonzero(mask) for mask in _masks(x, condlist, len(funclist))]
    y: Any = np.zeros(x.shape, x.dtype)
    backs: list[Callable[..., Any] | None] = []
    for place, f in zip(places, funclist):
        value, back = f + np.zeros(place[0].shape) if not callable(f) else None, None
        if callable(f) and place[0].size:
            value, back = rrule_via_ad(config, f, x[place], *args, **kwargs)
        backs.append(back)
        if place[0].size:
            y = y + scatter(value, place, x.shape, x.dtype)

    def piecewise_pullback(dy: Any) -> Any:
        dx: Any = np.zeros(x.shape, x.dtype)
        of_pieces: list[Any] = []
        of_args: list[Any] = [ZeroTangent()] * len(args)
        for place, f, back in zip(places, funclist, backs):
            if back is not None:
                df, dpiece, *dargs = back(dy[place])
                dx = dx + scatter(_dense(dpiece, dy[place]), place, x.shape, x.dtype)
                of_pieces.append(df)
                of_args = [add(a, b) for a, b in zip(of_args, dargs)]
            else:
                of_pieces.append(np.sum(dy[place]) if _is_number(f) else NoTangent())
        dfunclist: Any = Tangent[type(funclist)](*of_pieces)  # type: ignore[misc, operator]
        return NoTangent(), dx, NoTangent(), dfunclist, *of_args

    return y, piecewise_pullback


def _masks(x: Any, condlist: Any, pieces: int) -> list[Any]:
    """Where each piece counts: where its condition holds and no later one does."""
    first = condlist[0] if len(condlist) else condlist
    if np.ndim(condlist) == 0 or (np.ndim(first) == 0 and x.ndim != 0):
        condlist = [condlist]
    found = [np.asarray(condition, dtype=bool) for condition in condlist]
    if pieces == len(found) + 1:
        found.append(~np.any(found, axis=0))
    later = np.zeros(x.shape, dtype=bool)
    masks = []
    for mask in reversed(found):
        masks.append(mask & ~later)
        later = later | mask
    return masks[::-1]
