"""Recording a call by a static form, and results with parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import MissingRuleError
from ..forms import Form, Spec
from ..kernels.others import is_other, is_recorded
from ..tangents import AbstractZero, NoTangent, ZeroTangent
from ..thunks import unthunk
from .broadcasting import fitted as fit_to
from .calls import check_other, name_of
from .sharing import note_if_view, note_views
from .structures import (
    Tree,
    inner_tape,
    is_leaf,
    leaves,
    numbered,
    rebuild,
    tangent_at,
    tangent_of,
    untraced,
)
from .sweep import FORM, PART, SUM
from .tracer import Tape, Tracer, appended, primal, record, tracer

ndarray = np.ndarray


def record_form(tape: Tape, form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute by a static form and record one entry."""
    values: list[Any] = []
    places: list[int] = []
    numbers: list[Any] = []
    vjps = form.vjps
    for k, x in enumerate(args):
        kind = type(x)
        if kind is Tracer:
            if x.tape is tape:
                if k < len(vjps) and vjps[k] is not None:
                    places.append(x.index)
                    numbers.append(k)
                elif is_leaf(x.value):
                    raise MissingRuleError(
                        f"{name_of(form.function)} has no derivative with respect to argument {k}, which is traced"
                    )
                x = x.value
                if type(x) not in _NUMBERS and is_other(primal(x)):
                    check_other(form.function, primal(x))
                    if is_recorded(primal(x)):
                        recorded = type(primal(x))
                        y = recorded.__written__(form.function, args, kwargs)
                        if y is not NotImplemented:
                            return y
                        form = recorded.__recorded__(form)
                        vjps = form.vjps
        elif (kind is list or kind is tuple) and inner_tape(x) is not None:
            for path, t in leaves(x, lambda leaf: type(leaf) is Tracer and leaf.tape is tape):
                places.append(t.index)
                numbers.append((k, path))
            x = untraced(x, tape)
        values.append(x)
    if kwargs and isinstance(form.function, np.ufunc):
        y = form.function(*values, **kwargs)
        kwargs = _of_ufunc(form.function, kwargs)
    else:
        y = form.forward(*values, **kwargs)
    if len(places) == 1 and type(numbers[0]) is int and y is values[numbers[0]]:
        if type(y) is ndarray or type(y) is Tracer:
            return args[numbers[0]]  # np.squeeze(x) where there is nothing to squeeze: x itself
    keeps = form.keeps
    if keeps is None:
        kept, kept_y = values, y
    else:
        kept = [x if k in keeps else _spec(x) for k, x in enumerate(values)]
        kept_y = y if form.keeps_result else _spec(y)
    entry: Any
    count = len(places)
    if count == 1 and type(numbers[0]) is int:
        k = numbers[0]
        entry = (places[0], one_vjp, (vjps[k], kept_y, kept, kwargs, space_of(values[k])), FORM)
    else:
        saved = (form, kept_y, kept, kwargs, numbers, [_fit_of(values, k) for k in numbers])
        entry = (tuple(places), form_vjp, saved, FORM)
    if is_leaf(y):
        t = appended(y, tape, entry)
        if count == 1 and (type(y) is Tracer or (type(y) is ndarray and y.base is not None)):
            note_if_view(args, numbers[0], t)
        return t
    if isinstance(y, (tuple, list)) and _NUMBERS.issuperset(map(type, y)):
        made = _record_parts(tape, entry, y)
        return note_views(made, tape, args) if any(map(_has_base, y)) else made
    return note_views(record_structure(tape, entry, y, as_tuple), tape, args)


_NUMBERS = frozenset((ndarray, np.float64, float, np.float32, complex, np.complex128))


def _has_base(x: Any) -> bool:
    return type(x) is ndarray and x.base is not None


def _record_parts(tape: Tape, entry: Any, y: Any) -> Any:
    """`record_structure` of a tuple or list of arrays and numbers."""
    place = record(tape, entry)
    traced = [is_leaf(part) for part in y]
    count, build = sum(traced), functools.partial(as_tuple, y, None)
    parts: list[Any] = []
    number = 0
    for leaf, is_traced in zip(y, traced):
        if is_traced:
            leaf = appended(leaf, tape, (place, None, (number, count, build), PART))
            number += 1
        parts.append(leaf)
    return parts if type(y) is list else tuple.__new__(type(y), parts)


def _of_ufunc(ufunc: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What a derivative of a ufunc must know of its keyword arguments."""
    if kwargs.get("where", True) is not True:
        raise TypeError(f"{name_of(ufunc)}(..., where=...) leaves elements unset; use np.where")
    axes = {k: v for k, v in kwargs.items() if k in ("axis", "axes", "keepdims")}
    if axes and (ufunc is not _vecdot or "axis" not in axes or len(axes) > 1):
        raise TypeError(
            f"{name_of(ufunc)}(..., {', '.join(axes)}=...) has no rule; move the axes with np.moveaxis"
        )
    return axes


_vecdot = getattr(np, "vecdot", None)


def _spec(x: Any) -> Any:
    kind = type(x)
    # arrays of integers and of booleans stay: they may be axes, widths, masks
    if kind is Tracer or (kind is ndarray and x.dtype.kind in "fc"):
        return Spec(x.shape, x.dtype)
    if kind is list or kind is tuple:
        return kind(map(_spec, x)) if not hasattr(kind, "_fields") else tuple(map(_spec, x))
    return x


def _fit_of(values: list[Any], number: Any) -> tuple[tuple[int, ...], bool]:
    """Shape of an argument and whether it is complex: what its cotangent must be."""
    if type(number) is int:
        return space_of(values[number])
    x = values[number[0]]
    for key in number[1]:
        x = x[key]
    return space_of(x)


def space_of(x: Any) -> tuple[tuple[int, ...], bool]:
    if type(x) is ndarray:
        return x.shape, x.dtype.kind == "c"
    x = primal(x)
    if is_recorded(x):
        return x.shape, x.dtype.kind == "c"
    return np.shape(x), np.iscomplexobj(x)


def one_vjp(g: Any, saved: Any) -> Any:
    """The cotangent of the one traced argument:
    g, a view of something, an array that nobody else has; None for a zero."""
    vjp, y, args, kwargs, fit = saved
    dx = vjp(g, y, *args, **kwargs)
    if type(dx) is not ndarray or dx.shape != fit[0] or (dx.dtype.kind == "c") is not fit[1]:
        if dx is None or isinstance(dx, AbstractZero):
            return None
        dx = fitted(dx, fit)
    return _unlike(dx, y, args)


def _unlike(dx: Any, y: Any, args: Any) -> Any:
    """A cotangent that is none of the arrays of the forward pass;
    those are not the tape's to add to."""
    if type(dx) is ndarray:
        for x in (y, *args):
            if dx is x or (isinstance(x, (tuple, list)) and any(dx is part for part in x)):
                return dx.copy()
    return dx


def form_vjp(g: Any, saved: Any) -> list[Any]:
    """The cotangents of all traced arguments;
    an argument that is a list has its function called once.

    Arrays that have memory of their own are nobody else's, as with `one_vjp`.
    """
    form, y, args, kwargs, numbers, fits = saved
    made: dict[int, Any] = {}
    if form.joint is not None and len(numbers) > 1:
        made = dict(enumerate(form.joint(g, y, *args, **kwargs)))
    out: list[Any] = []
    for number, fit in zip(numbers, fits, strict=True):
        k, path = (number, ()) if type(number) is int else number
        if k not in made:
            made[k] = form.vjps[k](g, y, *args, **kwargs)
        dx = tangent_at(made[k], path) if path else made[k]
        if dx is None or isinstance(dx, AbstractZero):
            out.append(None)
            continue
        dx = _unlike(fitted(dx, fit), y, args)
        for other in out:
            if dx is other and type(dx) is ndarray:
                dx = dx.copy()
        out.append(g[...] if dx is g and type(g) is ndarray else dx)
    return out


def fitted(dx: Any, fit: tuple[tuple[int, ...], bool]) -> Any:
    """A cotangent summed to the shape of its primal,
    real where that is real and complex where that is complex."""
    if type(dx) is ndarray:
        if dx.shape == fit[0] and (dx.dtype.kind == "c") is fit[1]:
            return dx
    else:
        dx = unthunk(dx)
        if type(dx) is list:  # an array in the place of a list of arrays: np.vstack(x)
            dx = np.stack(dx)
        elif isinstance(dx, int):
            dx = float(dx)
    return fit_to(dx, *fit)


def as_tuple(y: Any, tree: Tree, items: list[Any]) -> Any:
    """The cotangent that a static form is given for a tuple of results."""
    given = iter(items)
    return tuple((NoTangent() if not is_leaf(part) else _zero_for_none(next(given))) for part in y)


def _zero_for_none(g: Any) -> Any:
    return ZeroTangent() if g is None else g


def as_tangent(y: Any, tree: Tree, items: list[Any]) -> Any:
    """The cotangent that a rule is given for a structured result: a `Tangent`, or a zero."""
    return tangent_of(y, tree, lambda _, number: _zero_for_none(items[number]), whole=True)


def record_structure(
    tape: Tape, entry: Any, y: Any, build: Callable[[Any, Tree, list[Any]], Any]
) -> Any:
    """Record a call with a structured result:
    an entry for the call, and one for each leaf of the result.

    A leaf that is itself traced on this tape (a rule that calls a
    closure) gets its cotangent from both.
    """
    place = record(tape, entry)
    found: list[Any] = []
    tree = numbered(y, found, once=True)
    plain = untraced(y, tape) if any(type(x) is Tracer and x.tape is tape for x in found) else y
    made = functools.partial(build, plain, tree)
    count = len(found)
    numbers = iter(range(count))

    def traced(leaf: Any) -> Any:
        here = record(tape, (place, None, (next(numbers), count, made), PART))
        return traced_as(tape, leaf, here)

    return rebuild(y, traced)


def traced_as(tape: Tape, value: Any, place: int) -> Tracer:
    """A tracer of `value` at `place`, which is given to that value's
    own place too where it is traced here already."""
    if type(value) is Tracer and value.tape is tape:
        return appended(value.value, tape, ((place, value.index), None, None, SUM))
    return tracer(value, tape, place)
