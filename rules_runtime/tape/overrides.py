"""What the tape does when somebody registers a rule: fast paths step aside, Python functions are intercepted."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from ..define import ignore_derivatives
from ..forms import FORMS
from ..registry import rrule
from . import operators, protocols
from .intercept import intercept, intercept_class
from .record import OVERRIDDEN, tape_of, try_rule
from .structures import rebuild
from .tracer import primal


def _dispatch(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tape = tape_of(args, kwargs)
    return NotImplemented if tape is None else try_rule(tape, function, args, kwargs)


def _dispatch_class_method(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args or not isinstance(args[0], type):
        return NotImplemented
    return _dispatch(types.MethodType(function, args[0]), args[1:], kwargs)


def _plain(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return rebuild(args[0] if args else kwargs["x"], primal)


def override(target: Any, rule: Any = None) -> None:
    """A rule was registered for `target`."""
    kind = type(target)
    if target is ignore_derivatives:
        intercept(target, _plain)
    elif kind is types.FunctionType:
        if not hasattr(target, "_implementation"):
            intercept(target, _dispatch)
    elif kind is types.MethodType or kind is classmethod:
        intercept(target.__func__, _dispatch_class_method)
    elif isinstance(target, type):
        if target.__flags__ & _HEAP_TYPE:
            intercept_class(target, _dispatch)
    try:
        if target not in FORMS and not isinstance(target, np.ufunc):
            return
    except TypeError:
        return
    OVERRIDDEN.add(target)
    protocols.FAST_UNARY.pop(target, None)
    protocols.FAST_BINARY.pop(target, None)
    protocols.FAST_FUNCTIONS.pop(target, None)
    operators.go_the_long_way(target)


_HEAP_TYPE = 1 << 9

rrule._load_library()
rrule.on_register(override)
