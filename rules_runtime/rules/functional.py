"""Functions that call functions: `map`, `functools.reduce`, `numpy.vectorize`, `apply_along_axis`,
`apply_over_axes`, `piecewise`.

Their rules call back into the AD, so they ask for a config that has a reverse mode. What they call
may be an object with fields; its tangent is the sum over all calls.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.arithmetic import add
from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.forms import primal
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.kernels.others import is_lazy
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


# -- maps ------------------------------------------------------------------------------------------


@rrule.register(map)
def rrule_map(config: Config, _: Any, f: Any, *xs: Any) -> Any:
    """`map(f, *xs)` over tuples, lists or the rows of arrays.
    Its value is a list, which can be read more than once."""
    rows = [list(x) for x in xs]
    outcomes = [rrule_via_ad(config, f, *items) for items in zip(*rows)]

    def map_pullback(dy: Any) -> Any:
        of_f, of_xs = [], []
        for k, (_, back) in enumerate(outcomes):
            df, *dxs = back(dy[k])
            of_f.append(df)
            of_xs.append(dxs)
        found = zip(*of_xs) if of_xs else [()] * len(xs)
        return NoTangent(), _total(of_f), *map(_collected, found, rows, xs)

    return [y for y, _ in outcomes], map_pullback


def _collected(tangents: Any, items: list[Any], xs: Any) -> Any:
    """The tangent of a tuple, a list or an array from those of its first elements."""
    missing = [ZeroTangent()] * (len(items) - len(tangents))
    every = [*tangents, *missing]
    if isinstance(xs, (list, tuple)):
        return Tangent[type(xs)](*every)  # type: ignore[misc, operator]
    if all(isinstance(d, AbstractZero) for d in every):
        return ZeroTangent()
    return np.stack([_dense(d, item) for d, item in zip(every, items)])


# -- folds -----------------------------------------------------------------------------------------


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
        return (
            NoTangent(),
            _total(of_f),
            _collected(of_items, items, xs),
            *((dy,) if initial else ()),
        )

    return state, reduce_pullback


# -- one call for each element ---------------------------------------------------------------------


@rrule.register(np.vectorize.__call__)
def rrule_vectorize(config: Config, self: np.vectorize, *args: Any, **kwargs: Any) -> Any:
    """An instance of `np.vectorize`; keywords are not differentiated."""
    count = len(args)
    cores = _cores(self.signature, count)
    excluded = {k for k in range(count) if k in self.excluded}
    excluded_names = {name: x for name, x in kwargs.items() if name in self.excluded}
    names = [name for name in kwargs if name not in excluded_names]
    if names and self.signature is not None:
        raise NotImplementedError("np.vectorize with a signature has no rule for keywords")
    every = (*args, *(kwargs[name] for name in names))
    cores += [0] * len(names)
    lead = [x.shape[: x.ndim - core] for x, core in zip(map(_shaped, every), cores)]
    shape = np.broadcast_shapes(*(s for k, s in enumerate(lead) if k not in excluded))

    def inputs(place: tuple[int, ...]) -> list[Any]:
        return [
            x if k in excluded else x[_place_in(lead[k], place)] if np.ndim(x) else x
            for k, x in enumerate(every)
        ]

    def call(*items: Any) -> Any:
        named = dict(zip(names, items[count:]))
        return rrule_via_ad(config, self.pyfunc, *items[:count], **named, **excluded_names)

    outcomes = [call(*inputs(place)) for place in np.ndindex(shape)]
    if not outcomes:
        return self(*args, **kwargs), lambda dy: (NoTangent(), *(ZeroTangent() for _ in args))
    values = [y for y, _ in outcomes]
    several = isinstance(values[0], tuple)
    result: Any
    if several:
        result = tuple(_stacked(part, shape) for part in zip(*values))
    else:
        result = _stacked(values, shape)

    def vectorize_pullback(dy: Any) -> Any:
        of_f, of_args = [], []
        for place, (_, back) in zip(np.ndindex(shape), outcomes):
            here: Any
            if several:
                here = Tangent[_Tuple](*(_part(part, place) for part in dy))
            else:
                here = dy[place]
            df, *dargs = back(here)
            of_f.append(df)
            of_args.append(dargs)
        dself: Any = _total(of_f)
        if not isinstance(dself, AbstractZero):
            dself = Tangent[type(self)](pyfunc=dself)  # type: ignore[misc, operator]
        dargs = []
        for k, (ds, arg) in enumerate(zip(zip(*of_args), args)):
            if k in excluded:
                dargs.append(_total(ds))
            elif not _is_number(arg):
                dargs.append(NoTangent())
            else:
                core = np.shape(arg)[np.ndim(arg) - cores[k] :]
                wide = np.stack([_dense(d, np.empty(core)) for d in ds])
                dargs.append(unbroadcast(np.reshape(wide, shape + core), np.shape(arg)))
        return dself, *dargs

    return result, vectorize_pullback


def _shaped(x: Any) -> Any:
    return x if hasattr(x, "ndim") else np.asarray(x)


def _part(dy: Any, place: tuple[int, ...]) -> Any:
    return dy if isinstance(dy, AbstractZero) else dy[place]


def _place_in(lead: tuple[int, ...], place: tuple[int, ...]) -> tuple[int, ...]:
    """Where in an array with the leading axes `lead` the element
    is that was broadcast to a place."""
    return tuple(
        0 if n == 1 else k for n, k in zip(lead, place[len(place) - len(lead) :], strict=True)
    )


def _stacked(values: Any, shape: tuple[int, ...]) -> Any:
    stacked = np.stack(values)
    return np.reshape(stacked, shape + stacked.shape[1:])


def _cores(signature: str | None, count: int) -> list[int]:
    """How many axes of each argument one call takes:
    as many as there are names between its parentheses."""
    if signature is None:
        return [0] * count
    given = re.findall(r"\(([^)]*)\)", signature.replace(" ", "").split("->")[0])
    return [len(axes.split(",")) if axes else 0 for axes in given]


_Tuple: Any = tuple


# -- one call for each row -------------------------------------------------------------------------


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


# -- one call for each piece -----------------------------------------------------------------------


@rrule.register(np.piecewise)
def rrule_piecewise(
    config: Config, _: Any, x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any
) -> Any:
    """`np.piecewise(x, condlist, funclist)`:
    a function or a number for each condition, maybe one for the rest."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    if np.ndim(x) == 0:  # as an array of one element
        masks = [np.reshape(mask, (1,)) for mask in _masks(x, condlist, len(funclist))]
        whole = np.reshape(x, (1,))
        one, back = rrule_piecewise(config, _, whole, masks, funclist, *args, **kwargs)

        def back_to_number(dy: Any) -> Any:
            df, dx, *rest = back(np.reshape(dy, (1,)))
            return df, np.reshape(dx, ()), *rest

        return np.reshape(one, ()), back_to_number
    if is_lazy(primal(x)):
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
