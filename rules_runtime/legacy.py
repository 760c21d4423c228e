"""The legacy language, ZygoteRules in Python:
`from rules_runtime.legacy import adjoint, pullback ...`.

Rules written in it go to the same table as those of `rrule.register`, so unconverted and converted
files work side by side. A pullback takes the cotangent of the result and returns a tuple with one
entry for each positional parameter, or `None`;
an entry is `None`, a number or array, or a tuple, list or dict of entries.

    @adjoint
    def f(x, y):                                    # a rule for what `f` is bound to here
        return f(x, y), lambda dz: (y * dz, None)
"""

from __future__ import annotations

import bisect
import dis
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from .annotations import defined_in
from .bridge import Fields, NamedParts, from_legacy, to_legacy
from .callees import target_of
from .config import HasReverseMode, RuleConfig
from .define import ignore_derivatives, non_differentiable
from .errors import RuleError
from .legacy_rules import Context, LegacyRule, active_config
from .reads import is_being_read
from .registry import rrule
from .signatures import parameters_of
from .structure import zero_of
from .tangents import AbstractTangent, NoTangent, ZeroTangent, tangent_type
from .via_ad import rrule_via_ad

__all__ = [
    "Context",
    "Val",
    "_pullback",
    "accum",
    "adjoint",
    "dropgrad",
    "gradient",
    "hook",
    "ignore",
    "literal_getfield",
    "literal_getproperty",
    "nograd",
    "pullback",
]

_ABSENT: Any = object()


# -- rules -----------------------------------------------------------------------------------------


def adjoint(target: Any = _ABSENT, /, *, mutating: bool = False) -> Any:
    """Define a legacy rule.

    `@adjoint` on `def f(...)` is a rule for the callable that the name `f` is bound to in the
    enclosing scope at that moment; afterwards `f` is still that callable. `@adjoint(target)` on any
    `def`, or `adjoint(target)(rule)`, is a rule for `target`; the name of the `def` is bound to the
    rule. For `__call__`, in a class body or as `Cls.__call__`, the pullback returns the tangent of
    the instance first. With `mutating=True` the pullback also runs on a `None` cotangent.

    Raises `NameError` where `f` is not bound to anything,
    `RuleError` where it is bound to what cannot be called.

    >>> def square(x): return x * x
    >>> @adjoint(square)
    ... def square_rule(x):
    ...     return x * x, lambda dy: (2 * x * dy,)
    >>> gradient(square, 3.0)
    (6.0,)
    """
    frame = sys._getframe(1)
    if target is _ABSENT:
        return functools.partial(_define_here, mutating=mutating)
    name = _name_being_defined(frame)
    if name is not None:
        return _define(target, name, frame, mutating)
    target_of(target)  # an error now rather than later

    def decorate(rule: Any) -> Any:
        _register(target, rule, mutating, frame)
        return rule

    return decorate


def _define_here(rule: Any, *, mutating: bool) -> Any:
    frame = sys._getframe(1)
    name = _name_being_defined(frame) or inspect.unwrap(rule).__name__
    return _define(rule, name, frame, mutating)


def _name_being_defined(frame: types.FrameType) -> str | None:
    """The name of the `def` whose decorator `frame` is applying;
    None where it makes an ordinary call.

    `@g` above a `def` and `g(x)` call the same way, and only the instructions tell them apart: a
    decorator is called with its argument in place (`CALL 0`), and what follows are further
    decorators and the assignment to the name.
    """
    instructions = list(dis.get_instructions(frame.f_code))
    here = bisect.bisect_right([i.offset for i in instructions], frame.f_lasti) - 1
    if not _applies_decorator(instructions[here]):
        return None
    for instruction in instructions[here + 1 :]:
        if instruction.opname.startswith("STORE_"):
            name = instruction.argval
            return str(name[0] if isinstance(name, tuple) else name)
        if not _applies_decorator(instruction) and instruction.opname not in _BETWEEN:
            return None
    return None


_BETWEEN = ("PRECALL", "EXTENDED_ARG", "NOP", "CACHE")


def _applies_decorator(instruction: dis.Instruction) -> bool:
    return instruction.opname == "CALL" and instruction.arg == 0


def _define(rule: Any, name: str, frame: types.FrameType, mutating: bool) -> Any:
    """The bare form: a rule for what its name is bound to, which is given back."""
    target = _bound_to(name, frame)
    if target is _ABSENT:
        raise NameError(
            f"@adjoint on def {name}: the name {name!r} is not bound to a callable here; "
            "write @adjoint(target) to say what the rule is for"
        )
    _register(target, rule, mutating, frame)
    return _bound_to(name, frame)  # of a builtin something that asks for the rule, by now


def _bound_to(name: str, frame: types.FrameType) -> Any:
    inner, scope = frame, frame.f_locals
    while True:
        if name in scope:
            return scope[name]
        # the enclosing function, where it is still running
        outer = inner.f_back
        while outer is not None and not defined_in(inner.f_code, outer.f_code):
            outer = outer.f_back
        if outer is None:
            break
        inner, scope = outer, outer.f_locals
    for scope in (frame.f_globals, frame.f_builtins):
        if name in scope:
            return scope[name]
    return _ABSENT


def _register(target: Any, rule: Any, mutating: bool, frame: types.FrameType) -> None:
    if target is literal_getproperty or target is literal_getfield:
        target, legacy = getattr, _getattr_rule(rule, mutating, frame)
    else:
        functor = target_of(target).functor or frame.f_locals.get("__call__", _ABSENT) is target
        legacy = LegacyRule(rule, functor=functor, mutating=mutating, frame=frame)
    rrule.add_rule(target, legacy)


def nograd(*functions: Any) -> Any:
    """Declare that these callables are not differentiated: `nograd(f, g)`, or `@nograd` on a `def`.

    >>> import math
    >>> nograd(math.floor, math.ceil)
    >>> gradient(math.floor, 2.5)
    (None,)
    """
    for f in functions:
        non_differentiable(f)
    return functions[0] if len(functions) == 1 else None


# -- calling the AD --------------------------------------------------------------------------------


def _legacy_back(config: Any, f: Any, args: Any, kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
    y, target_back = rrule_via_ad(config, f, *args, **kwargs)

    def back(dy: Any) -> tuple[Any, ...]:
        tangents = target_back(ZeroTangent() if dy is None else from_legacy(dy, y))
        return tuple(to_legacy(t, x) for t, x in zip(tangents, (f, *args)))

    return y, back


def pullback(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`(y, back)` of a call, by the AD that asked for the running rule, else by the built-in one.

    `back(dy)` gives a tuple with one gradient for each of `args`, and none for `f`.

    >>> y, back = pullback(lambda x, y: x * y, 2.0, 3.0)
    >>> float(y), back(1.0)
    (6.0, (3.0, 2.0))
    """
    y, back = _legacy_back(active_config(), f, args, kwargs)
    return y, lambda dy: back(dy)[1:]


def _pullback(context: Any, f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Like `pullback`, but `back(dy)` gives the gradient of `f` first: `(df, *dargs)`.

    `context` is the rule's `__context__`, or anything at all.

    >>> y, back = _pullback(None, lambda x: 2 * x, 3.0)
    >>> back(1.0)
    (None, 2.0)
    """
    config = context.config if isinstance(context, Context) else active_config()
    return _legacy_back(config, f, args, kwargs)


def gradient(f: Any, /, *args: Any) -> Any:
    """`pullback(f, *args)[1](1.0)`: the gradients of a function with a number for a result.

    >>> gradient(lambda x, name: x ** 2, 3.0, "name")
    (6.0, None)
    """
    return pullback(f, *args)[1](1.0)


# -- reading fields --------------------------------------------------------------------------------


class Val:
    """A value as a type parameter: `Val("a")` names the field that `literal_getproperty` reads.

    >>> Val("a") == Val("a"), Val("a").value
    (True, 'a')
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: Any) -> Any:
        return self.value == other.value if isinstance(other, Val) else NotImplemented

    def __hash__(self) -> int:
        return hash((Val, self.value))

    def __repr__(self) -> str:
        return f"Val({self.value!r})"


def _name_in(name: Any) -> str:
    return str(name.value if isinstance(name, Val) else name)


def literal_getproperty(x: Any, name: Any) -> Any:
    """`getattr(x, "a")` for `name == Val("a")`;
    rules for it are rules for `getattr`, and it uses them.

    >>> literal_getproperty(1 + 2j, Val("imag"))
    2.0
    """
    return _read_field(x, _name_in(name))


def literal_getfield(x: Any, name: Any) -> Any:
    """The same as `literal_getproperty`.

    >>> literal_getfield(1 + 2j, Val("real"))
    1.0
    """
    return _read_field(x, _name_in(name))


def _read_field(x: Any, name: str) -> Any:
    if not hasattr(type(x), "__traced_value__") and not is_being_read(x, name):
        found = rrule(active_config(), getattr, x, name)
        if found is not None:
            return found[0]
    return getattr(x, name)


def _rrule_read_field(config: RuleConfig[HasReverseMode], _: Any, x: Any, name: Any) -> Any:
    name = _name_in(name)
    found = rrule(config, getattr, x, name)
    if found is not None:
        return found
    y = getattr(x, name)

    def getattr_pullback(dy: Any) -> Any:
        if isinstance(zero_of(x), NoTangent):
            return NoTangent(), NoTangent(), NoTangent()
        return NoTangent(), tangent_type(type(x))(**{name: dy}), NoTangent()

    return y, getattr_pullback


def _getattr_rule(rule: Any, mutating: bool, frame: types.FrameType) -> LegacyRule:
    """A rule for `literal_getproperty` as one for `getattr`:
    it is overloaded by the class of `x`."""
    parameters = parameters_of(rule) or []
    positional = [p for p in parameters if p.name != "__context__" and p.kind in _POSITIONAL]
    if len(positional) != 2:
        raise RuleError(
            "a rule for literal_getproperty has two parameters, the object and Val(name)"
        )
    positional[1] = positional[1].replace(annotation=str)

    def getattr_rule(x: Any, name: Any, **kwargs: Any) -> Any:
        return rule(x, Val(name), **kwargs)

    getattr_rule.__wrapped__ = rule  # type: ignore[attr-defined]
    return LegacyRule(getattr_rule, mutating=mutating, frame=frame, parameters=positional)


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


# -- what goes through a pullback ------------------------------------------------------------------


def hook(f: Callable[[Any], Any], x: Any) -> Any:
    """`x`; the cotangent goes through `f` on its way back.

    >>> gradient(lambda x: hook(lambda dx: -dx, x) * 3.0, 2.0)
    (-3.0,)
    """
    return x


def dropgrad(x: Any) -> Any:
    """`x`; nothing flows back through it.

    >>> dropgrad(2.0)
    2.0
    """
    return ignore_derivatives(x)


def ignore(f: Callable[[], Any]) -> Any:
    """`f()`; nothing flows back through it.

    >>> ignore(lambda: 2.0)
    2.0
    """
    return ignore_derivatives(f())


def accum(*tangents: Any) -> Any:
    """The sum of legacy tangents: `None` is zero, dicts, tuples and lists add by element.
    Nothing is changed in place.

    >>> accum(None, {"a": 1.0, "b": None}, {"a": 2.0, "c": 3.0})
    {'a': 3.0, 'b': None, 'c': 3.0}
    """
    total: Any = None
    for tangent in tangents:
        if isinstance(tangent, AbstractTangent):
            tangent = to_legacy(tangent)
        total = _accum(total, tangent)
    return total


def _accum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, NamedParts) and isinstance(b, (tuple, list)):
        b = NamedParts(zip(a.keys(), b, strict=True))
    elif isinstance(b, NamedParts) and isinstance(a, (tuple, list)):
        a = NamedParts(zip(b.keys(), a, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        kind = (
            NamedParts if isinstance(a, NamedParts) else Fields if isinstance(a, Fields) else dict
        )
        keys = dict.fromkeys((*a.keys(), *b.keys()))
        return kind((key, _accum(dict.get(a, key), dict.get(b, key))) for key in keys)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        if len(a) != len(b):
            raise ValueError(f"accum: tangents of {len(a)} and {len(b)} parts cannot be added")
        both = map(_accum, a, b)
        return list(both) if isinstance(a, list) else tuple(both)
    return a + b


def _hook_rule(f: Any, x: Any) -> Any:
    return x, lambda dx: (None, f(dx))


def _register_own_rules() -> None:
    rrule.add_rule(hook, LegacyRule(_hook_rule))
    rrule.add_rule(dropgrad, LegacyRule(lambda x: (dropgrad(x), lambda dx: None)))
    rrule.add_rule(ignore, LegacyRule(lambda f: (ignore(f), lambda dy: None)))
    for read in (literal_getproperty, literal_getfield):
        rrule.register(read)(_rrule_read_field)


_register_own_rules()
