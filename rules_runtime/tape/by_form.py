"""Recording a call by a static form, and results with parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import MissingRuleError
from ..forms import Form, Spec
from ..kernels.broadcast import unbroadcast
from ..kernels.fill import Fill
from ..kernels.others import is_other, is_recorded
from ..tangents import AbstractZero, NoTangent, ZeroTangent
from ..thunks import unthunk
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
from .tracer import Tape, Tracer, appended, place_of, primal, record, tracer

ndarray = np.ndarray
float64 = np.float64


def record_plain(form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`record_form` of a call with arrays and numbers of one trace, alone or in a list, and plain
    options; NotImplemented for any other call."""
    x = args[0] if len(args) == 1 else None
    if type(x) is Tracer and type(x.value) is ndarray and form.vjps[0]:
        tape, values, places, numbers = x.tape, [x.value], [x.index], _FIRST
    else:
        found = _collected(form, args)
        if found is None:
            return NotImplemented
        tape, values, places, numbers = found
    for name, option in kwargs.items():
        kind = type(option)
        if kind is ndarray:
            if name == "out" or option.dtype.hasobject:
                return NotImplemented
        elif kind not in _OPTIONS and not isinstance(option, _OTHERS):
            if not _is_of_ints(option):
                return NotImplemented
    y = form.forward(*values, **kwargs)
    if numbers is not _FIRST or type(y) is not float64:
        return _recorded(tape, form, args, kwargs, values, places, numbers, y)
    # what a sum or a mean gives, without what need not be asked of a number
    v = values[0]
    kept = values if form.keeps is None or form.keeps else [Spec(v.shape, v.dtype)]
    saved = (form.vjps[0], y, kept, kwargs, (v.shape, v.dtype.kind == "c"))
    return appended(y, tape, (places[0], one_vjp, saved, FORM))


_FIRST: list[Any] = [0]


def _collected(form: Form, args: tuple[Any, ...]) -> Any:
    """The trace, the values, and the places and numbers of those that are traced."""
    tape: Any = None
    values: list[Any] = []
    places: list[int] = []
    numbers: list[Any] = []
    vjps = form.vjps
    for k, x in enumerate(args):
        kind = type(x)
        if kind is Tracer:
            if x.tape is not tape:
                if tape is not None:
                    return None
                tape = x.tape
            if k >= len(vjps) or vjps[k] is None:
                return None
            places.append(x.index)
            numbers.append(k)
            x = x.value
            if type(x) not in _NUMBERS:
                return None
        elif kind is ndarray:
            if x.dtype.hasobject:
                return None
        elif kind is list or kind is tuple:
            if form.broadcasts:
                return None
            if not _is_of_ints(x):
                if k >= len(vjps) or vjps[k] is None:
                    return None
                parts: list[Any] = []
                for part in x:
                    if type(part) is Tracer:
                        if part.tape is not tape:
                            if tape is not None:
                                return None
                            tape = part.tape
                        places.append(part.index)
                        numbers.append((k, (len(parts),)))
                        part = part.value
                    if type(part) not in _NUMBERS:
                        return None
                    if type(part) is ndarray and part.dtype.hasobject:
                        return None
                    parts.append(part)
                x = parts
        elif kind not in _OPTIONS and not isinstance(x, _OTHERS):
            return None
        values.append(x)
    return None if tape is None else (tape, values, places, numbers)


def _is_of_ints(x: Any) -> bool:
    """Whether this is a tuple or list of integers, or of such: axes, shapes, widths."""
    if type(x) is not tuple and type(x) is not list:
        return False
    for k in x:
        if type(k) is not int and not _is_of_ints(k):
            return False
    return True


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
    return _recorded(tape, form, args, kwargs, values, places, numbers, y)


def _recorded(
    tape: Tape,
    form: Form,
    args: Any,
    kwargs: Any,
    values: list[Any],
    places: list[int],
    numbers: list[Any],
    y: Any,
) -> Any:
    """The tracer of `y`, or its parts as tracers; a view is remembered as one."""
    kind = type(y)
    is_array = kind is ndarray and y.dtype.kind in "fc"
    keeps = form.keeps
    kept, kept_y = values, y
    if keeps is not None:
        if not keeps:
            kept = list(map(_spec, values))
        elif len(keeps) != len(values):
            kept = [x if k in keeps else _spec(x) for k, x in enumerate(values)]
        if not form.keeps_result:
            kept_y = Spec(y.shape, y.dtype) if is_array else _spec(y)
    entry: Any
    number = numbers[0] if len(places) == 1 else None
    if type(number) is int:
        x = values[number]
        if y is x and (kind is ndarray or kind is Tracer):
            return args[number]  # np.squeeze(x) where there is nothing to squeeze: x itself
        entry = (places[0], one_vjp, (form.vjps[number], kept_y, kept, kwargs, space_of(x)), FORM)
    else:
        spaces = [_space_at(values, number) for number in numbers]
        if len(spaces) == 2 and form.broadcasts:
            left, right = form.vjps[numbers[0]], form.vjps[numbers[1]]
            pair = (left, right, kept_y, kept, kwargs, *spaces)
            entry = (tuple(places), pair_vjp, pair, FORM)
        else:
            saved = (form, kept_y, kept, kwargs, numbers, spaces)
            entry = (tuple(places), form_vjp, saved, FORM)
    if is_array or kind is float64 or is_leaf(y):
        t = Tracer()
        t.value = y
        t.tape = tape
        t.index = i = len(tape)
        tape.append(entry)
        if len(tape) - i != 1:
            t.index = place_of(entry, tape, i)
        if (is_array and y.base is not None) or kind is Tracer:
            note_if_view(args, number, t)
        return t
    if isinstance(y, (tuple, list)) and _NUMBERS.issuperset(map(type, y)):
        made = _record_parts(tape, entry, y)
        return note_views(made, tape, args) if any(map(_has_base, y)) else made
    return note_views(record_structure(tape, entry, y, as_tuple), tape, args)


_NUMBERS = frozenset((ndarray, float64, float, np.float32, complex, np.complex128, np.complex64))
_OPTIONS = _NUMBERS | {int, bool, str, type(None)}
_OTHERS = (np.dtype, type)


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
    if kind is ndarray:  # those of integers and of booleans may be axes, widths, masks
        return Spec(x.shape, x.dtype) if x.dtype.kind in "fc" else x
    if kind is Tracer:
        return Spec(x.shape, x.dtype)
    if kind is list or kind is tuple:
        return kind(map(_spec, x)) if not hasattr(kind, "_fields") else tuple(map(_spec, x))
    return x


def _space_at(values: list[Any], number: Any) -> tuple[tuple[int, ...], bool]:
    """`space_of` an argument, or of a part of one."""
    if type(number) is int:
        return space_of(values[number])
    x = values[number[0]]
    for key in number[1]:
        x = x[key]
    return space_of(x)


def space_of(x: Any) -> tuple[tuple[int, ...], bool]:
    """Shape of an argument and whether it is complex: what its cotangent must be."""
    if type(x) is ndarray:
        return x.shape, x.dtype.kind == "c"
    if type(x) is float64 or type(x) is float:
        return (), False
    x = primal(x)
    if is_recorded(x):
        return x.shape, x.dtype.kind == "c"
    return np.shape(x), np.iscomplexobj(x)


def one_vjp(g: Any, saved: Any) -> Any:
    """The cotangent of the one traced argument:
    g, a view of something, an array that nobody else has; None for a zero."""
    vjp, y, args, kwargs, space = saved
    dx = vjp(g, y, *args, **kwargs)
    return dx if type(dx) is Fill else _own(dx, space, y, args)


def pair_vjp(g: Any, saved: Any) -> tuple[Any, Any]:
    """Both cotangents of a function that broadcasts: what it computes is new, or g."""
    left, right, y, args, kwargs, xs, ys = saved
    dx, dy = left(g, y, *args, **kwargs), right(g, y, *args, **kwargs)
    if type(dx) is not ndarray or dx.shape != xs[0] or (dx.dtype.kind == "c") is not xs[1]:
        dx = _fitted_or_none(dx, xs)
    if type(dy) is not ndarray or dy.shape != ys[0] or (dy.dtype.kind == "c") is not ys[1]:
        dy = _fitted_or_none(dy, ys)
    return dx, dy


def form_vjp(g: Any, saved: Any) -> list[Any]:
    """The cotangents of all traced arguments;
    an argument that is a list has its function called once.

    Arrays that have memory of their own are nobody else's, as with `one_vjp`.
    """
    form, y, args, kwargs, numbers, spaces = saved
    made: dict[int, Any] = {}
    if form.joint is not None and len(numbers) > 1:
        made = dict(enumerate(form.joint(g, y, *args, **kwargs)))
    out: list[Any] = []
    for number, space in zip(numbers, spaces):
        k, path = (number, ()) if type(number) is int else number
        if k not in made:
            made[k] = form.vjps[k](g, y, *args, **kwargs)
        dx = made[k]
        if path:
            dx = dx[path[0]] if len(path) == 1 and type(dx) is list else tangent_at(dx, path)
        dx = _own(dx, space, y, args)
        if type(dx) is ndarray and dx.base is None:
            if dx is g:
                dx = g[...]
            else:
                for other in out:
                    if dx is other:
                        dx = dx.copy()
        out.append(dx)
    return out


def _own(dx: Any, space: tuple[tuple[int, ...], bool], y: Any, args: Any) -> Any:
    """A cotangent in the space of its argument, and none of the arrays of the forward pass: those
    are not the tape's to add to. None for a zero."""
    if type(dx) is not ndarray or dx.shape != space[0] or (dx.dtype.kind == "c") is not space[1]:
        dx = _fitted_or_none(dx, space)
    if type(dx) is not ndarray or dx.base is not None:
        return dx
    if dx is y:
        return dx.copy()
    for x in args:
        if dx is x:
            return dx.copy()
        kind = type(x)
        if (kind is list or kind is tuple) and any(dx is part for part in x):
            return dx.copy()
    return dx


def _fitted_or_none(dx: Any, space: tuple[tuple[int, ...], bool]) -> Any:
    return None if dx is None or isinstance(dx, AbstractZero) else fitted(dx, space)


def fitted(dx: Any, space: tuple[tuple[int, ...], bool]) -> Any:
    """A cotangent summed to the shape of its primal,
    real where that is real and complex where that is complex."""
    shape, is_complex = space
    if type(dx) is not ndarray:
        dx = unthunk(dx)
        if type(dx) is list:  # an array in the place of a list of arrays: np.vstack(x)
            dx = np.stack(dx)
        elif isinstance(dx, int):
            dx = float(dx)
    if type(dx) is ndarray:
        if dx.dtype.kind == "c":
            if not is_complex:
                if not shape:  # the sum of the real parts, without a copy of them
                    return np.add.reduce(dx, axis=None).real
                dx = dx.real
        elif is_complex:
            dx = dx + 0j  # to which others can be added
    elif is_recorded(dx) and (dx.dtype.kind == "c") is is_complex:
        return dx if dx.shape == shape else unbroadcast(dx, shape)
    elif not is_complex and np.iscomplexobj(dx):
        dx = np.real(dx)
    return dx if np.shape(dx) == shape else unbroadcast(dx, shape)


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
