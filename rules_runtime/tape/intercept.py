"""Calls of a user's own functions that have a rule, made inside traced code.

Numpy's functions hand traced arguments over by protocol; a plain Python function does not know about tracing, and its body might
not survive it (`math.sin`), or the rule might be another derivative on purpose. So the code of a Python function is replaced,
once, when the first rule is registered for it: the new code asks whether a trace is open and one of the arguments is traced,
and else calls the code as it was. The function object stays the same, with its defaults, attributes, signature and
closure, so every reference to it, in every module, is served.

How: the original code object moves to a twin function with the same globals, defaults and closure. The new code is compiled for the
occasion with the same signature shape `(*args, **kwargs)` and the same free variables (a function's code can only be replaced by one
with as many), and finds the twin in its constants. `__wrapped__` shows the twin, so `inspect.signature` and `inspect.getsource`
see the original.

Coroutines and generators are left alone: they return before they have computed.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from .structures import inner_tape
from .tracer import OPEN

_skipped = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
    | inspect.CO_ITERABLE_COROUTINE
)
_CALL = "<call that looks for a rule>"
_built: dict[
    int, Any
] = {}  # objects that the rule of a constructor has made and Python has not yet passed to __init__
_twins: dict[types.FunctionType, types.FunctionType] = {}


def intercept(function: Any, dispatch: Callable[..., Any]) -> bool:
    """Have calls of `function` with traced arguments go by `dispatch(function, args, kwargs)`; False where that cannot be.

    `dispatch` returns NotImplemented where no rule applies; then the function itself runs.
    """
    if type(function) is not types.FunctionType or function in _twins:
        return False
    code = function.__code__
    if code.co_flags & _skipped:
        return False
    twin = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__qualname__ = function.__qualname__
    twin.__module__ = function.__module__
    twin.__annotations__ = function.__annotations__
    twin.__doc__ = function.__doc__
    _twins[function] = twin

    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _built and args and _built.pop(id(args[0]), None) is not None:
            return None  # the constructor's rule has made the object; this is its __init__
        if OPEN and (inner_tape(args) is not None or (kwargs and inner_tape(kwargs) is not None)):
            y = dispatch(function, args, kwargs)
            if y is not NotImplemented:
                return y
        return twin(*args, **kwargs)

    function.__code__ = _trampoline(code, call)
    if not hasattr(function, "__wrapped__"):
        function.__wrapped__ = twin  # type: ignore[attr-defined]
    return True


def _trampoline(code: types.CodeType, call: Any) -> types.CodeType:
    """Code of the shape `def f(*args, **kwargs): return call(args, kwargs)` with the free variables of `code`."""
    free = code.co_freevars
    if free:
        names = ", ".join(free)
        source = (
            f"def outer({names}):\n def f(*args, **kwargs):\n  if 0: ({names},)\n"
            f"  return {_PLACE!r}(args, kwargs)\n return f"
        )
    else:
        source = f"def f(*args, **kwargs):\n return {_PLACE!r}(args, kwargs)"
    module = _compiled(source)
    made = _inner_code(module, "f")
    constants = tuple(call if c == _PLACE else c for c in made.co_consts)
    made = made.replace(
        co_consts=constants,
        co_name=code.co_name,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_qualname=code.co_qualname,
    )
    _trampolines[id(made)] = made
    return made


_trampolines: dict[int, types.CodeType] = {}


def is_trampoline(code: types.CodeType) -> bool:
    """Whether a frame with this code is one that looks for a rule, and no line of the user's."""
    return id(code) in _trampolines


_PLACE = "the function that is called goes here"


def _compiled(source: str) -> types.CodeType:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", SyntaxWarning
        )  # a string is called; its place is filled in afterwards
        return compile(source, _CALL, "exec")


def _inner_code(code: types.CodeType, name: str) -> types.CodeType:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            return constant if constant.co_name == name else _inner_code(constant, name)
    raise AssertionError(f"no code of {name}")


def intercept_class(cls: type, dispatch: Callable[..., Any]) -> bool:
    """Have `cls(...)` with traced arguments go by `dispatch(cls, args, kwargs)`; False where that cannot be.

    Python calls `__new__` and then, with the same arguments, `__init__`. The first asks for the rule, and where there was one
    the second is left out. A subclass is another class, and has no part in it.
    """
    kind: Any = cls
    init, new = kind.__init__, kind.__new__
    if "__new__" in cls.__dict__ and hasattr(new, "__constructor_hook__"):
        return False
    if init is not object.__init__:
        if type(init) is not types.FunctionType:
            return False
        if init not in _twins:
            intercept(init, _no_rule)

    def __new__(kind: type, /, *args: Any, **kwargs: Any) -> Any:
        if (
            kind is cls
            and OPEN
            and (inner_tape(args) is not None or inner_tape(kwargs) is not None)
        ):
            y = dispatch(cls, args, kwargs)
            if y is not NotImplemented:
                if isinstance(y, cls) and init is not object.__init__:
                    _built[id(y)] = y
                return y
        return new(kind) if new is object.__new__ else new(kind, *args, **kwargs)

    __new__.__constructor_hook__ = True  # type: ignore[attr-defined]
    if new is not object.__new__:
        __new__.__wrapped__ = new  # type: ignore[attr-defined]
    try:
        cls.__new__ = __new__  # type: ignore[method-assign]
    except TypeError:  # an extension type
        return False
    return True


def _no_rule(function: Any, args: Any, kwargs: Any) -> Any:
    return NotImplemented
