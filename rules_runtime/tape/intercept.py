"""Calls of a user's own functions that have a rule, made inside traced code.

Numpy's functions hand traced arguments over by protocol; a plain Python function does not know
about tracing, and its body might not survive it (`math.sin`), or the rule might be another
derivative on purpose. So, when the first rule is registered for it, a question is put before its
body (`prelude.py`): is a trace open, is one of the arguments traced, and is there a rule? Else the
body runs as it was, in the same frame. The function object stays the same, with its signature,
defaults, attributes and closure, so every reference to it, in every module, is served, and what is
changed of it later is changed.

The question is asked after Python has bound the arguments, and a rule may depend on how many were
given by position. So it is first asked without those that are at their defaults, and with those
after them by name, then with more of them by position or by name, then with the defaults too.

Coroutines and generators are left alone: they return before they have computed.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from ..callees import look_up, name_of
from ..errors import RuleError
from ..kernels.others import recorded_among
from .prelude import end_of_prelude, with_prelude
from .structures import inner_tape
from .tracer import OPEN

Dispatch = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
Takes = Callable[[Any, tuple[Any, ...], dict[str, Any]], bool]

_skipped = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
    | inspect.CO_ITERABLE_COROUTINE
)
_missing: Any = object()


class _Answers(threading.local):
    def __init__(self) -> None:
        self.given: list[Any] = []


_answers = _Answers()

#: Types of values that another AD traces, and what gives the level of the newest tape that was open
#: when the trace of such a value began. A host that is imported puts its own here.
OTHERS: dict[type, Callable[[Any], int]] = {}


def _is_for_another(x: Any, level: int) -> bool:
    """Whether an AD whose trace is within that of a tape is to see this call first."""
    if type(x) in (tuple, list):
        return any(_is_for_another(part, level) for part in x)
    began = OTHERS.get(type(x))
    return began is not None and began(x) >= level


def answer() -> Any:
    """What the hook that has just said yes has found."""
    return _answers.given.pop()


class Hook:
    """What the code of a function with a rule asks. A copy of that code asks the same, and gets no
    answer where it is not the function's own: other globals, another closure, another process."""

    __slots__ = ("asked", "function", "names")

    def __init__(self, function: Any = None) -> None:
        self.function = function
        self.asked: dict[Dispatch, Takes | None] = {}
        self.names = () if function is None else _parameters(function.__code__)

    def __reduce__(self) -> Any:
        return Hook, ()

    def __call__(self) -> bool:
        frame = sys._getframe(1)
        values = frame.f_locals
        given = [values[name] for name in self.names]
        tape = inner_tape(given)
        if tape is None and not _built and recorded_among(given) is None:
            return False
        if OTHERS and tape is not None and _is_for_another(given, tape.level):
            return False
        function = self.function
        if function is None or not _is_own(function, frame):
            return False
        for dispatch, takes in self.asked.items():
            for args, kwargs, is_certain in _shapes(function, frame.f_code, values):
                if is_certain or takes is None or takes(function, args, kwargs):
                    y = dispatch(function, args, kwargs)
                    if y is not NotImplemented:
                        _answers.given.append(y)
                        return True
                if takes is None:
                    break
        return False


def _parameters(code: types.CodeType) -> tuple[str, ...]:
    rest = (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)
    n = code.co_argcount + code.co_kwonlyargcount + sum(bool(code.co_flags & f) for f in rest)
    return code.co_varnames[:n]


def _is_own(function: Any, frame: types.FrameType) -> bool:
    if frame.f_globals is not function.__globals__:
        return False
    if function.__closure__ is None:
        return True
    for name, cell in zip(frame.f_code.co_freevars, function.__closure__):
        try:
            held = cell.cell_contents
        except ValueError:
            held = _missing
        if frame.f_locals.get(name, _missing) is not held:
            return False
    return True


def _shapes(
    function: Any, code: types.CodeType, values: Any
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], bool]]:
    """The ways in which the arguments of a call may have been given, the likeliest first, and
    whether no other is like it."""
    n, at = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    given = [values[name] for name in names[:n]]
    kwargs = {}
    if at > n:
        by_name = function.__kwdefaults__ or {}
        for name in names[n:at]:
            if values[name] is not by_name.get(name, _missing):
                kwargs[name] = values[name]
    rest = ()
    if code.co_flags & inspect.CO_VARARGS:
        rest, at = values[names[at]], at + 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        kwargs.update(values[names[at]])
    if rest:
        yield (*given, *rest), kwargs, True
        return
    defaults = function.__defaults__ or ()
    first = n - len(defaults)
    others = [k for k in range(max(first, 0), n) if given[k] is not defaults[k - first]]
    count = others[-1] + 1 if others else first
    # nobody who leaves one out gives a later one by position
    skipped = next((k for k in range(first, count) if k not in others), count)
    skipped = max(skipped, min(code.co_posonlyargcount, count))
    named = {names[k]: given[k] for k in others if k >= skipped}
    yield tuple(given[:skipped]), {**named, **kwargs}, not named
    if named:
        yield tuple(given[:count]), kwargs, False
    for k in range(skipped - 1, code.co_posonlyargcount - 1, -1):
        if inner_tape(given[k]) is not None:
            break
        yield tuple(given[:k]), {names[k]: given[k], **named, **kwargs}, False
        named[names[k]] = given[k]
    for k in range(count + 1, n + 1):
        yield tuple(given[:k]), kwargs, False


def intercept(function: Any, dispatch: Dispatch, takes: Takes | None = None) -> bool:
    """Have calls of `function` in a trace go by `dispatch(function, args, kwargs)`;
    False where that cannot be.

    `dispatch` returns NotImplemented where it has no answer; then the function itself runs. Where
    `takes` is given, and there was no answer, `dispatch` is asked again for each of the other ways
    to give the arguments which that takes.
    """
    if type(function) is not types.FunctionType or function.__code__.co_flags & _skipped:
        return False
    hook = hook_of(function.__code__)
    if hook is None or hook.function is not function:
        before, hook = hook, Hook(function)
        function.__code__ = _asking(function.__code__, before, hook)
    hook.asked.setdefault(dispatch, takes)
    return True


def without_rule(f: Any) -> Any:
    """A callable that runs the code of `f`, asks no hook,
    and is none that a rule is registered for.

    Raises `RuleError` where `f` is no function,
    method or instance that is called by code in Python.
    """
    if type(f) is types.FunctionType:
        code = f.__code__
        consts = tuple(Hook() if type(c) is Hook else c for c in code.co_consts)
        twin = types.FunctionType(
            code.replace(co_consts=consts), f.__globals__, f.__name__, f.__defaults__, f.__closure__
        )
        twin.__kwdefaults__, twin.__qualname__ = f.__kwdefaults__, f.__qualname__
        return twin
    if type(f) is types.MethodType:
        return types.MethodType(without_rule(f.__func__), f.__self__)
    call = None if isinstance(f, type) else look_up(type(f), "__call__")
    if type(call) is types.FunctionType:
        return types.MethodType(without_rule(call), f)
    raise RuleError(
        f"skip_rule: {name_of(f)} has no code in Python that the AD could take instead of its rule"
    )


def hook_of(code: types.CodeType) -> Hook | None:
    """The hook that a code object asks, None where it asks none."""
    return next((c for c in code.co_consts if type(c) is Hook), None)


def _asking(code: types.CodeType, before: Hook | None, hook: Hook) -> types.CodeType:
    if before is None:
        code = with_prelude(code, OPEN.__len__, hook, answer)
    else:  # of another function: this one's code is a copy, or it has come from another process
        code = code.replace(co_consts=tuple(hook if c is before else c for c in code.co_consts))
    _ends[id(code)] = code, end_of_prelude(code)
    return code


_ends: dict[int, tuple[types.CodeType, int]] = {}


def is_asking(frame: types.FrameType) -> bool:
    """Whether a frame is that of a function whose body has not begun, and no line of the user's."""
    found = _ends.get(id(frame.f_code))
    return found is not None and frame.f_lasti < found[1]


# ---- constructors --------------------------------------------------------------------

# objects that the rule of a constructor has made and Python has not yet passed to __init__
_built: dict[int, Any] = {}


def intercept_class(cls: Any, dispatch: Dispatch, takes: Takes | None = None) -> bool:
    """Have `cls(...)` in a trace go by `dispatch(cls.__new__, (cls, *args), kwargs)`;
    False where that cannot be.

    Python calls `__new__` and then, with the same arguments, `__init__`. The first asks for the
    rule, and where there was one the second is left out.
    """
    new, init = cls.__new__, cls.__init__
    if type(init) is not types.FunctionType and init is not object.__init__:
        return False
    if type(new) is not types.FunctionType:
        try:
            cls.__new__ = staticmethod(_python_new(new, init))
        except TypeError:  # an extension type
            return False
        new = cls.__new__
    return intercept(new, dispatch, takes)


def _python_new(new: Any, init: Any) -> Any:
    takes_no_more = new is object.__new__ and init is not object.__init__

    def __new__(cls: type, /, *args: Any, **kwargs: Any) -> Any:
        return new(cls) if takes_no_more else new(cls, *args, **kwargs)

    if type(init) is types.FunctionType:
        __new__.__wrapped__ = init  # type: ignore[attr-defined]
    return __new__


def built(y: Any, cls: Any) -> Any:
    """`y`, which a rule has made in the place of `cls(...)`,
    and which `__init__` is to leave alone."""
    if isinstance(y, cls):
        kind: Any = type(y)
        if kind.__init__ is not cls.__init__ and not hasattr(kind.__init__, "__leaves_alone__"):
            kind.__init__ = _for_others(kind.__init__)  # it need not take the arguments of cls
        if kind.__init__ is not cls.__init__ or intercept(cls.__init__, _is_built):
            _built[id(y)] = y
    return y


def _is_built(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _built and args and _built.pop(id(args[0]), None) is not None:
        return None
    return NotImplemented


def _for_others(init: Any) -> Any:
    @functools.wraps(init)
    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        if _built.pop(id(self), None) is None:
            init(self, *args, **kwargs)

    __init__.__leaves_alone__ = True  # type: ignore[attr-defined]
    return __init__
