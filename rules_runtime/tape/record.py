"""What happens to a call with traced arguments that has no fast path of its own:
find the rule, compute, make an entry.

`apply` takes any function. The innermost tape among the arguments records; tracers of outer tapes
are constants to it and stay where they are,
so that computing the value records on the outer tape in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..callees import call_of
from ..errors import MissingRuleError
from ..forms import FORMS, Form
from ..registry import rrule
from .by_form import record_form, record_plain
from .by_rule import try_rule
from .calls import (
    by_position,
    is_foreign,
    name_of,
    out_error,
    plain_options,
    tape_of,
)
from .structures import (
    check_array,
    inner_tape,
    plain,
    untraced,
)
from .tracer import Blank, Tape, Tracer, primal

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


def gather(objects: Any) -> Any:
    """An object array of traced and plain numbers, as one traced array."""
    elements = [objects[place] for place in np.ndindex(objects.shape)]
    if not elements:
        return np.zeros(objects.shape)
    stacked = apply(np.stack, (elements,), {})
    return stacked.reshape(objects.shape + np.shape(elements[0]))


def _is_objects(x: Any) -> bool:
    return type(x) is ndarray and x.dtype.kind == "O" and inner_tape(x) is not None


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function with traced arguments:
    by its static form, or by the rule that the registry has for it.

    Raises `MissingRuleError` where there is neither.
    A ufunc of a value that is foreign to us is left to that value.
    """
    form = FORMS.get(function)
    if form is not None and not form.constant and function not in OVERRIDDEN:
        if not kwargs or type(function) is not np.ufunc:
            y = record_plain(form, args, kwargs)
            if y is not NotImplemented:
                return y
    if any(type(x) is Blank for x in args):
        return function(*map(plain, args), **kwargs)
    if type(function) is np.ufunc:
        if any(map(is_foreign, args)):
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
        return function(*[untraced(x, tape) for x in args], **plain_options(kwargs))
    if kwargs and any(inner_tape(v) is not None for v in kwargs.values()):
        if kwargs.get("out") is not None:
            raise out_error(function)
        args, kwargs = by_position(function, args, kwargs)
        tape = tape_of(args, kwargs) or tape
    if kwargs and kwargs.get("out") is not None:
        raise out_error(function)
    return record_form(tape, form, args, kwargs)


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
