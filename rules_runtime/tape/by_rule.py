"""Recording a call by a rule of the registry."""

from __future__ import annotations

import functools
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..callees import call_of
from ..errors import RuleError, TangentError, WrongTangentError
from ..forms import FORMULAS
from ..readonly import read_only
from ..registry import rrule
from ..tangents import AbstractZero, NotImplementedTangent
from ..thunks import InplaceableThunk, unthunk
from .by_form import as_tangent, fitted, record_structure, space_of, traced_as
from .calls import by_position
from .sharing import note_views
from .structures import (
    inner_tape,
    is_leaf,
    leaves,
    leaves_of,
    plain,
    rebuild,
    spread,
    tree_of,
    untraced,
)
from .sweep import INTO
from .tracer import Blank, Tape, Tracer, record, tracer

ndarray = np.ndarray


_NUMBERS = frozenset((ndarray, np.float64, float, np.float32, complex, np.complex128))


def has_rule(f: Any) -> bool:
    """Whether there are rules for calls of `f`; whether one applies depends on the arguments."""
    tables = rrule._tables
    return call_of(f, (), tables).key in tables


def try_rule(
    tape: Tape, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], original: Any = None
) -> Any:
    """Like `apply_rule`, but NotImplemented where there is no rule.
    `function` may be a traced copy of `original`."""
    if kwargs and any(inner_tape(v) is not None for v in kwargs.values()):
        kwargs_plain = {k: v for k, v in kwargs.items() if inner_tape(v) is None}
        if len(kwargs_plain) != len(kwargs):
            args, kwargs = by_position(function, args, kwargs)
    callee = untraced(function, tape) if original is None else original
    values = [_shown(x, tape) for x in args]
    target = function.__func__ if type(function) is MethodType else function
    if type(target) is FunctionType and target in FORMULAS:
        rule = rrule.find(tape.config, callee, tuple(values), kwargs)
        formula = getattr(getattr(rule, "function", None), "formula", None)
        if formula is not None:
            return formula(*(args if type(function) is MethodType else args[1:]), **kwargs)
    quiet = inner_tape(values) is None
    tape.in_rules += quiet
    try:
        found = rrule.apply(tape.config, callee, tuple(values), kwargs)
    finally:
        tape.in_rules -= quiet
    if found is None:
        return NotImplemented
    y, pullback = plain(found[0]), found[1]
    if getattr(pullback.handover.rule, "is_non_differentiable", False):
        return y
    place_and_fit = functools.partial(_place_and_fit, tape)
    places: list[int] = []
    routes: list[tuple[int, Any, Any]] = []
    for k, x in enumerate((function, *args)):
        tree = tree_of(x, place_and_fit)
        if tree is not None:
            places += [place for place, _ in leaves_of(tree)]
            routes.append((k, tree, (callee, *values)[k] if type(tree) is dict else None))
    entry = (tuple(places), rule_vjp, (pullback, routes, tape), INTO)
    if is_leaf(y):
        place = record(tape, entry)
        return note_views(traced_as(tape, y, place), tape, args)
    if not leaves(y, lambda leaf: True):
        return y
    return note_views(record_structure(tape, entry, y, as_tangent), tape, args)


def _place_and_fit(tape: Tape, x: Any) -> Any:
    return (x.index, space_of(x.value)) if type(x) is Tracer and x.tape is tape else None


def _shown(x: Any, tape: Tape) -> Any:
    """What a rule sees of an argument: its values, of which it may write into none (see
    `readonly.py` for plain arrays)."""
    if type(x) is Tracer:
        return _as_view(x.value) if x.tape is tape else _as_view(x)
    if type(x) in (list, tuple, dict, Blank):
        return untraced(x, tape)
    return (
        rebuild(
            x,
            lambda leaf: read_only(
                leaf.value if type(leaf) is Tracer and leaf.tape is tape else leaf
            ),
        )
        if inner_tape(x) is not None
        else x
    )


def _as_view(x: Any) -> Any:
    """A value of an outer tape as a view of itself,
    so that an update in place is an error there too."""
    if type(x) is not Tracer:
        return x
    view = tracer(x.value, x.tape, x.index)
    view.base = (x, None)
    return view


def rule_vjp(g: Any, saved: Any, olds: list[Any]) -> list[Any]:
    """Run a rule's pullback and hand its tangents to the traced leaves of the arguments.

    An `InplaceableThunk` adds itself to the array in `olds` that is already there, if there is one.
    """
    pullback, routes, tape = saved
    if isinstance(g, AbstractZero):
        return [None] * len(olds)
    if type(g) is ndarray and not _may_write(pullback):
        g = read_only(g)  # others may hold it
    tangents = pullback(g)
    out: list[Any] = []
    for k, tree, operand in routes:
        if type(tree) is tuple and isinstance(tangents[k], InplaceableThunk):
            old = olds[len(out)]
            if old is not None:
                total = tangents[k].add_to(old)
                if total is not old:
                    old[...] = total
                out.append(old)
                continue
        for (_, fit), part in parts_for_leaves(pullback, k, tangents[k], tree, operand):
            dx = unthunk(part)
            if type(dx) is Tracer and dx.tape is tape:
                dx = dx.value
            if isinstance(dx, AbstractZero):
                out.append(None)
                continue
            kind = type(dx)
            if dx.dtype.kind not in "fc" if kind is ndarray else kind not in _NUMBERS:
                dx = as_number(dx, pullback, k)
            if np.shape(dx) != fit[0]:
                dx = _reshaped(dx, fit[0], pullback, k)
            out.append(fitted(dx, fit))
    return out


def parts_for_leaves(
    pullback: Any, k: int, tangent: Any, tree: Any, operand: Any, strict: bool = False
) -> list[tuple[Any, Any]]:
    """What a tree has for each leaf of argument `k`, in order,
    and that leaf's part of the tangent that a rule gave."""
    if type(tree) is tuple:
        return [(tree, tangent)]
    try:
        found = spread(tree, tangent, operand, strict=strict)
    except TangentError as error:
        raise WrongTangentError(f"{told_of(pullback, k)} a wrong tangent: {error}") from error
    return [(leaf, part) for leaf, part, _ in found]


def told_of(pullback: Any, k: int) -> str:
    """The beginning of a message on the tangent that a rule gave for its argument `k`."""
    return f"{getattr(pullback, 'rule', pullback)} gave for {which_argument(k)}"


def which_argument(k: int) -> str:
    """The argument that tangent `k` belongs to, in a message."""
    return "the callee" if k == 0 else f"argument {k}"


def _may_write(pullback: Any) -> bool:
    rule = getattr(getattr(pullback, "handover", None), "rule", None)
    return bool(getattr(rule, "may_write", True))


def _reshaped(dx: Any, shape: tuple[int, ...], pullback: Any, k: int) -> Any:
    """A tangent in the shape of its primal, where they differ in axes of length one only."""
    if [n for n in np.shape(dx) if n != 1] != [n for n in shape if n != 1]:
        rule = getattr(pullback, "rule", pullback)
        raise RuleError(
            f"{rule} gave a tangent of shape {np.shape(dx)} for {which_argument(k)}, which has the shape {shape}"
        )
    return np.reshape(dx, shape)


def as_number(dx: Any, pullback: Any, k: int) -> Any:
    """The tangent that a rule gave for a number or an array;
    it may be a list or a `Tangent` of numbers.

    Raises `WrongTangentError` where it is nothing of the kind.
    """
    made = dx
    if isinstance(dx, (list, tuple)) or hasattr(dx, "_parts"):
        try:
            made = np.asarray(dx)
        except (TypeError, ValueError):
            made = None
    if is_leaf(made) or isinstance(made, (bool, int, np.generic, ndarray, NotImplementedTangent)):
        if not isinstance(made, ndarray) or made.dtype.kind in "biufcO":
            return made
    raise WrongTangentError(
        f"{told_of(pullback, k)}, which is a number or an array, {repr(dx)[:80]} ({type(dx).__name__})"
        + (": a zero is ZeroTangent() or NoTangent()" if dx is None else "")
    )
