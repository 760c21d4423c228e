"""What the tape does when somebody registers a rule:
fast paths step aside, Python functions are intercepted."""

from __future__ import annotations

import inspect
import sys
import types
import warnings
from typing import Any

import numpy as np

from ..callees import look_up
from ..define import ignore_derivatives
from ..forms import FORMS, PYTHON
from ..kernels.others import send
from ..registry import rrule
from ..rule import Rule
from ..ties import only_subspaces_matter
from . import operators, protocols
from .by_form import record_plain
from .by_rule import try_rule
from .calls import tape_of
from .getters import watch
from .intercept import built, intercept, intercept_class
from .names import asking, bind, is_own
from .record import OVERRIDDEN
from .structures import rebuild
from .tracer import OPEN, primal


def _dispatch(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tape = tape_of(args, kwargs)
    if tape is None:
        # scipy would take the numbers of an array that records calls; a user's function would not
        is_library = function.__module__.startswith("scipy.")
        return send(function, args, kwargs) if is_library else NotImplemented
    form = PYTHON.get(function)
    if form is not None and function not in OVERRIDDEN and not only_subspaces_matter():
        y = record_plain(form, args, kwargs)
        if y is not NotImplemented:
            return y
    return try_rule(tape, function, args, kwargs)


def _takes(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether there is a rule for a call in which these arguments are given by these names."""
    tape = tape_of(args, kwargs)
    if tape is None:
        return True
    rule = rrule.find(tape.config, function, args, kwargs)
    return rule is not None and rule.takes_keywords(kwargs)


def _callee(function: Any, args: tuple[Any, ...]) -> Any:
    """What is being called through `function`:
    a class, a class method, or an instance with rules of its own."""
    first = args[0] if args else None
    if isinstance(first, type) and function is not first.__new__:
        return types.MethodType(function, first)
    return first if id(first) in rrule._tables else None


def _dispatch_callee(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    callee = _callee(function, args)
    if callee is None:
        return NotImplemented
    y = _dispatch(callee, args[1:], kwargs)
    if y is not NotImplemented and isinstance(callee, type):
        return built(y, callee)
    return y


def _takes_callee(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    callee = _callee(function, args)
    return callee is not None and _takes(callee, args[1:], kwargs)


def _plain(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return rebuild(args[0] if args else kwargs["x"], primal)


def _bind(target: Any) -> bool:
    """Have calls of a function that is not written in Python ask for its rules,
    by the names that modules have for it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if OPEN and not is_own(sys._getframe(1)):
            y = _dispatch(target, args, kwargs)
            if y is not NotImplemented:
                return y
        return target(*args, **kwargs)

    if bind({id(target): asking(target, call)}, ("rules_runtime",)):
        _bound.add(target)
    return target in _bound


_bound: set[Any] = set()


def _is_seen(target: Any) -> bool:
    """See to it that calls of `target` in a trace ask for its rules; False where that cannot be."""
    kind = type(target)
    if target is ignore_derivatives:
        return intercept(target, _plain)
    if kind is types.FunctionType:
        return hasattr(target, "_implementation") or intercept(target, _dispatch, _takes)
    if kind is types.MethodType or kind is classmethod:
        return intercept(target.__func__, _dispatch_callee, _takes_callee)
    if isinstance(target, type):
        return intercept_class(target, _dispatch_callee, _takes_callee)
    if kind is types.BuiltinFunctionType:
        if isinstance(target.__self__, types.ModuleType):
            return _bind(target)
        return isinstance(target.__self__, np.ufunc)
    return (
        hasattr(target, "_implementation")
        or isinstance(target, np.ufunc)
        or intercept(look_up(kind, "__call__"), _dispatch_callee, _takes_callee)
    )


def _what(target: Any) -> str:
    return "generator or a coroutine" if inspect.isfunction(target) else type(target).__name__


def override(target: Any, rule: Rule) -> None:
    """A rule was registered for `target`."""
    if target is getattr:
        seen = watch(rule)
    else:
        seen = (rule.built_in and type(target) is types.BuiltinFunctionType) or _is_seen(target)
    if not seen:
        if not rule.built_in:
            warnings.warn(
                f"{rule} is used where {rule.name} is what is differentiated, and not where traced code calls it: it is a "
                f"{_what(target)}, of which calls cannot be seen. Give the rule to a Python function that calls it",
                RuntimeWarning,
                stacklevel=2,
            )
    try:
        has_short = target in FORMS or (target in PYTHON and not rule.built_in)
        if not has_short and not isinstance(target, np.ufunc):
            return
    except TypeError:
        return
    OVERRIDDEN.add(target)
    protocols.FAST_UNARY.pop(target, None)
    protocols.FAST_BINARY.pop(target, None)
    protocols.FAST_FUNCTIONS.pop(target, None)
    operators.go_the_long_way(target)


rrule._load_library()
rrule.on_register(override)
