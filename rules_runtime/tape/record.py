"""What happens to a call with traced arguments that has no fast path of its own:
find the rule, compute, make an entry.

`apply` takes any function. The innermost tape among the arguments records; tracers of outer tapes
are constants to it and stay where they are,
so that computing the value records on the outer tape in turn.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable
from numbers import Number
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..callees import call_of
from ..errors import MissingRuleError, RuleError, TangentError, WrongTangentError
from ..forms import FORMS, FORMULAS, POSITIONS, QUICK, Form, Spec
from ..kernels.others import is_other, is_recorded
from ..readonly import read_only
from ..registry import rrule
from ..tangents import AbstractZero, NoTangent, NotImplementedTangent, ZeroTangent
from ..thunks import InplaceableThunk, unthunk
from .broadcasting import binary, unary
from .broadcasting import fitted as fit_to
from .quick import by_quick
from .structures import (
    Tree,
    check_array,
    inner_tape,
    is_leaf,
    leaves,
    leaves_of,
    numbered,
    plain,
    rebuild,
    spread,
    tangent_at,
    tangent_of,
    tree_of,
    untraced,
)
from .sweep import FORM, INTO, PART
from .tracer import Blank, Tape, Tracer, place_of, primal, record, tracer

ndarray = np.ndarray


OVERRIDDEN: set[Any] = (
    set()
)  # functions with a static form for which somebody registered a rule, too


def active_form(function: Any, tape: Tape, args: Any, kwargs: Any) -> Form | None:
    """The static form of a function, unless a rule of the user's comes before it."""
    if function in OVERRIDDEN:
        values = tuple([untraced(x, tape) for x in args])
        if rrule._find(tape.config, call_of(function, values, rrule._tables), kwargs) is not None:
            return None
    form = FORMS.get(function)
    if form is None:
        load_areas()
        form = FORMS.get(function)
    return form


def load_areas() -> None:
    """Import areas of the rule library that wait for a module of scipy which is there by now."""
    from ..rules import import_waiting_areas

    import_waiting_areas()


# ---- the arguments -------------------------------------------------------------------


def tape_of(args: Any, kwargs: Any) -> Tape | None:
    """The innermost tape of the tracers among the arguments."""
    best = None
    for x in args:
        kind = type(x)
        if kind is Tracer:
            if best is None or x.tape.level > best.level:
                best = x.tape
        elif kind is not ndarray or x.dtype.kind == "O":
            best = inner_tape(x, best)
    for x in kwargs.values():
        best = inner_tape(x, best)
    return best


def gather(objects: Any) -> Any:
    """An object array of traced and plain numbers, as one traced array."""
    elements = [objects[place] for place in np.ndindex(objects.shape)]
    if not elements:
        return np.zeros(objects.shape)
    stacked = apply(np.stack, (elements,), {})
    return stacked.reshape(objects.shape + np.shape(elements[0]))


def _is_objects(x: Any) -> bool:
    return type(x) is ndarray and x.dtype.kind == "O" and inner_tape(x) is not None


_vecdot = getattr(np, "vecdot", None)
_known = frozenset((Tracer, ndarray, np.float64, float, int, bool, complex, list, tuple))


def _is_foreign(x: Any) -> bool:
    """Whether `x` has its own idea of arithmetic:
    an array type that is not traced (xarray's), any object with operators.

    Computing with it here would lose the tracer inside of what it gives;
    given the tracer, it computes with that.
    """
    kind = type(x)
    if kind in _known or isinstance(x, (ndarray, np.generic, Number)) or is_leaf(x):
        return False
    if hasattr(kind, "__array_function__"):
        return False
    return hasattr(kind, "__array_ufunc__") or not hasattr(kind, "__array__")


def by_position(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The call with its traced keyword arguments moved to their positions,
    for keywords have no tangent."""
    if function in POSITIONS:
        ordered: tuple[Any, Any] | None = POSITIONS[function](args, kwargs)
        if ordered is not None:
            return ordered
    signature: inspect.Signature | None
    bound: inspect.BoundArguments | None
    try:
        signature = _signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):
        signature = bound = None
    if signature is None or bound is None:
        raise TypeError(
            f"{name_of(function)} was given a traced value by keyword ({', '.join(kwargs)}); pass it by position"
        )
    last = -1
    names = list(signature.parameters)
    for k, name in enumerate(names):
        if name in kwargs and inner_tape(kwargs[name]) is not None:
            last = k
    positional, rest = list(args), dict(kwargs)
    for name in names[len(args) : last + 1]:
        parameter = signature.parameters[name]
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            if inner_tape(rest.get(name)) is None:
                continue
            raise TypeError(
                f"{name_of(function)}: the keyword-only argument {name!r} is traced; no rule can give it a tangent"
            )
        positional.append(rest.pop(name) if name in rest else parameter.default)
    if last < 0:
        raise TypeError(
            f"{name_of(function)}: a traced value within **kwargs cannot have a tangent"
        )
    return tuple(positional), rest


def _signature(function: Any) -> inspect.Signature:
    if type(function) is FunctionType or isinstance(function, type):  # whose defaults may change
        return inspect.signature(function)
    return _unchanging(function)


_unchanging = functools.lru_cache(maxsize=512)(inspect.signature)


def name_of(function: Any) -> str:
    """What to call a function in a message: `np.sort`, `mymodule.f`."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is function:
        module = "numpy"
    if module in (None, "builtins"):
        return str(name)
    return f"{'np' if module == 'numpy' else module.replace('numpy.', 'np.')}.{name}"


# ---- recording -----------------------------------------------------------------------


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`apply`, by the quick form of the function where it has one for this call."""
    quick = QUICK.get(function)
    if quick is not None and function not in OVERRIDDEN:
        y = by_quick(quick, args, kwargs)
        if y is not NotImplemented:
            return y
    return apply(function, args, kwargs)


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function with traced arguments:
    by its static form, or by the rule that the registry has for it.

    Raises `MissingRuleError` where there is neither.
    A ufunc of a value that is foreign to us is left to that value.
    """
    form = FORMS.get(function)
    if form is not None and not form.constant and function not in OVERRIDDEN:
        if form.broadcasts and not kwargs:
            y = NotImplemented
            if len(args) == 2:
                y = binary(form, *args) if len(form.vjps) == 2 else y
            elif len(args) == 1 and type(args[0]) is Tracer:
                y = unary(form, args[0])
            if y is not NotImplemented:
                return y
        tape = _tape_of_plain(args, type(function) is not np.ufunc)
        if tape is not None and (not kwargs or _are_options(form, kwargs)):
            return record_form(tape, form, args, kwargs)
    if any(type(x) is Blank for x in args):
        return function(*map(plain, args), **kwargs)
    if type(function) is np.ufunc:
        if any(map(_is_foreign, args)):
            return NotImplemented
        args = tuple([np.asarray(x) if type(x) in (list, tuple) else x for x in args])
    for x in args:
        check_array(x)
    if any(map(_is_objects, args)):
        args = tuple(gather(x) if _is_objects(x) else x for x in args)
    tape = tape_of(args, kwargs)
    if tape is None:
        return function(*args, **kwargs)
    form = active_form(function, tape, args, kwargs)
    if form is None:
        return apply_rule(tape, function, args, kwargs)
    if form.of_complex is not None and np.iscomplexobj(primal(args[0])):
        form = form.of_complex
    if form.constant:
        return function(*[untraced(x, tape) for x in args], **_plain(kwargs))
    if kwargs and any(inner_tape(v) is not None for v in kwargs.values()):
        if kwargs.get("out") is not None:
            raise out_error(function)
        args, kwargs = by_position(function, args, kwargs)
        tape = tape_of(args, kwargs) or tape
    if kwargs and kwargs.get("out") is not None:
        raise out_error(function)
    return record_form(tape, form, args, kwargs)


_numbers = (ndarray, np.float64, float, int, bool, complex, str, type(None))
_plain_kinds = frozenset(_numbers)


def _tape_of_plain(args: tuple[Any, ...], ints: bool) -> Tape | None:
    """The one tape of arguments that are tracers, plain arrays, numbers and the like;
    None where that is not all."""
    tape = None
    for x in args:
        kind = type(x)
        if kind is Tracer:
            if tape is None:
                tape = x.tape
            elif x.tape is not tape:
                return None
        elif kind is ndarray:
            if x.dtype.hasobject:
                return None
        elif kind not in _plain_kinds and not (ints and _is_tuple_of_ints(x)):
            return None
    return tape


def _is_tuple_of_ints(x: Any) -> bool:
    if type(x) is not tuple:
        return False
    for k in x:
        if type(k) is not int:
            return False
    return True


def _are_options(form: Form, kwargs: dict[str, Any]) -> bool:
    """Whether keyword arguments hold nothing traced and mean nothing
    but what the function's rule knows."""
    if type(form.function) is np.ufunc or kwargs.get("out") is not None:
        return False
    for v in kwargs.values():
        kind = type(v)
        if kind is ndarray:
            if v.dtype.hasobject:
                return False
        elif kind not in _plain_kinds and not _is_tuple_of_ints(v):
            return False
    return True


def _plain(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {k: rebuild(v, primal) for k, v in kwargs.items()} if kwargs else kwargs


def out_error(function: Any) -> Exception:
    return TypeError(
        f"{name_of(function)}(..., out=...) with a traced value: writing into an array would lose its derivative. "
        "Leave `out` out and use the result."
    )


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
                if type(x) not in _plain_kinds and is_other(primal(x)):
                    check_other(form.function, primal(x))
                    if is_recorded(primal(x)):
                        form = type(primal(x)).__recorded__(form)
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
        entry = (places[0], one_vjp, (vjps[k], kept_y, kept, kwargs, _fit(values[k])), FORM)
    else:
        saved = (form, kept_y, kept, kwargs, numbers, [_fit_of(values, k) for k in numbers])
        entry = (places, form_vjp, saved, FORM, None, None, None)
    if is_leaf(y):
        t = Tracer()
        t.value = y
        t.tape = tape
        t.index = i = len(tape)
        tape.append(entry)
        if len(tape) - i != 1:
            t.index = place_of(entry, tape, i)
        if count == 1 and (type(y) is Tracer or (type(y) is ndarray and y.base is not None)):
            note_if_view(args, numbers[0], t)
        return t
    if isinstance(y, (tuple, list)) and _plain_kinds.issuperset(map(type, y)):
        made = _record_parts(tape, entry, y)
        return note_views(made, tape, args) if any(map(_has_base, y)) else made
    return note_views(record_structure(tape, entry, y, as_tuple), tape, args)


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
            leaf = tracer(leaf, tape, record(tape, (place, None, (number, count, build), PART)))
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


_plain_kinds = frozenset((ndarray, np.float64, float, np.float32, complex, np.complex128))


def check_other(function: Any, x: Any) -> None:
    """Raise an error where the library of `x` has no such function:
    dask would load the whole array and go on with numpy's."""
    home: Any = sys.modules.get("dask.array")
    if home is None or not isinstance(x, home.Array) or isinstance(function, np.ufunc):
        return
    path = (getattr(function, "__module__", None) or "").split(".")
    if path[0] != "numpy":
        return
    for name in (*path[1:], function.__name__):
        home = getattr(home, name, None)
    if home is None or home is function:
        raise MissingRuleError(
            f"dask.array has no {name_of(function)}, and would load the whole array to call numpy's. Do so before the gradient is "
            "taken (x.compute()), or write it with functions that dask.array has."
        )


def note_if_view(args: Any, number: Any, view: Tracer) -> None:
    """Where a result is a view of the traced argument, remember so:
    an update in place of either would change both."""
    if type(number) is int:
        x, base = primal(args[number]), getattr(primal(view), "base", None)
        if type(x) is not ndarray or base is None:
            return
        # what as_strided gives has a base of its own
        if (
            base is x
            or base is x.base
            or (type(base) is not ndarray and np.may_share_memory(x, primal(view)))
        ):
            view.base = (args[number], None)
            note_view(args[number], view)


def note_views(y: Any, tape: Tape, args: Any) -> Any:
    """`y`, with what shares memory with a traced argument remembered as a view of it."""
    results = [t for _, t in leaves(y, lambda leaf: type(leaf) is Tracer)]
    results = [t for t in results if type(primal(t)) is ndarray]
    if results:
        for _, x in leaves(args, lambda leaf: type(leaf) is Tracer and leaf.tape is tape):
            value = primal(x)
            for t in results:
                if t is not x and type(value) is ndarray and np.may_share_memory(primal(t), value):
                    t.base = (x, None)
                    note_view(x, t)
    return y


def note_view(base: Tracer, view: Tracer) -> None:
    """Remember a view of a traced array, so that updates in place reach it."""
    try:
        views = base.views
    except AttributeError:
        base.views = [weakref.ref(view)]
        return
    views.append(weakref.ref(view))
    if len(views) > _VIEWS and len(views) & (len(views) - 1) == 0:
        views[:] = [r for r in views if r() is not None]


_VIEWS = 32


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
        return _fit(values[number])
    x = values[number[0]]
    for key in number[1]:
        x = x[key]
    return _fit(x)


def _fit(x: Any) -> tuple[tuple[int, ...], bool]:
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
        return _also(tape, leaf, here)

    return rebuild(y, traced)


def _also(tape: Tape, value: Any, place: int) -> Tracer:
    """A tracer of `value` at `place`, which is given to that value's
    own place too where it is traced here already."""
    if type(value) is Tracer and value.tape is tape:
        return tracer(value.value, tape, record(tape, (place, value.index)))
    return tracer(value, tape, place)


# ---- by a rule of the registry -------------------------------------------------------


def apply_rule(tape: Tape, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute by the rule that the registry finds for the primal values;
    raises `MissingRuleError`."""
    y = try_rule(tape, function, args, kwargs)
    if y is NotImplemented:
        if isinstance(function, np.ufunc) and not kwargs and _is_of_objects(function):
            return _on_objects(function, args)
        raise missing(function)
    return y


def _is_of_objects(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is one that `np.frompyfunc` made of a Python function."""
    return all(set(kinds) <= set("O->") for kinds in ufunc.types)


def _on_objects(ufunc: np.ufunc, args: Any) -> Any:
    """Call the Python function of a ufunc with each traced number."""
    y = ufunc(*[x.__array__() if type(x) is Tracer else x for x in args])
    parts = y if isinstance(y, tuple) else (y,)
    made = tuple([gather(part) if _is_objects(part) else part for part in parts])
    return made if isinstance(y, tuple) else made[0]


def missing(function: Any) -> MissingRuleError:
    name = name_of(function)
    return MissingRuleError(
        f"there is no rule for {name}, which was called with a traced value. Add one:\n\n"
        f"    @rrule.register({name})\n"
        f"    def rrule_{name.rpartition('.')[2]}(_, x):\n"
        f"        def pullback(dy):\n"
        f"            return NoTangent(), ...\n"
        f"        return {name}(x), pullback\n\n"
        f"or, where nothing should flow back, non_differentiable({name}) or ignore_derivatives(x)."
    )


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
    entry = (places, rule_vjp, (pullback, routes, tape), INTO, None, None, None)
    if is_leaf(y):
        place = record(tape, entry)
        return note_views(_also(tape, y, place), tape, args)
    if not leaves(y, lambda leaf: True):
        return y
    return note_views(record_structure(tape, entry, y, as_tangent), tape, args)


def _place_and_fit(tape: Tape, x: Any) -> Any:
    return (x.index, _fit(x.value)) if type(x) is Tracer and x.tape is tape else None


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
            if dx.dtype.kind not in "fc" if kind is ndarray else kind not in _plain_kinds:
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
