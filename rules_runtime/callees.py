"""Which rules belong to a callable: its key, and the arguments that its rules are given.

    a function, ufunc, builtin, class   the object itself
    obj.method                          the function behind it, with obj as first argument
    Cls.make (a class method)           the function together with the class
    obj, called                         the function type(obj).__call__, with obj as first argument

Keys are identities, so what a user's `__eq__` or `__hash__` does is never asked; whoever keeps a
key keeps the object. Builtin methods such as `np.add.reduce` are new objects each time they are
read; they are compared by `==` instead.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Container
from typing import Any, NamedTuple

from .errors import RuleError

Key = Any


class Call(NamedTuple):
    """A call as rules see it. `bound`: the first of `args` is the callee,
    so no tangent stands before it."""

    key: Key
    args: tuple[Any, ...]
    bound: bool
    function: Any


class Target(NamedTuple):
    """What a rule is registered for. `functor`: calling an instance, with the instance as first
    parameter. Of a function with another name than `__call__` the rule says which it is."""

    key: Key
    keep: Any
    functor: bool


def call_of(f: Any, args: tuple[Any, ...], known: Container[Key]) -> Call:
    """The key of a callee and the arguments of its rules; `known` are the keys that have rules.

    >>> call_of(len, ([],), ()).bound
    False
    """
    kind = type(f)
    if kind is types.FunctionType:
        return Call(id(f), args, False, f)
    if kind is types.MethodType:
        return _call_of_method(f, args, known)
    if kind is types.BuiltinFunctionType:
        if f in known:
            return Call(f, args, False, f)
        return _call_of_builtin_method(f, args, known)
    key = id(f)
    if key in known or isinstance(f, type):
        return Call(key, args, False, f)
    if kind is types.GenericAlias:
        return Call(id(f.__origin__), args, False, f)
    if hasattr(kind, "__asks_first__"):
        return call_of(f.function, args, known)
    if kind is types.MethodWrapperType:
        return _call_of_builtin_method(f, args, known)
    if kind is staticmethod:
        return call_of(f.__func__, args, known)
    call = look_up(kind, "__call__")
    if isinstance(call, staticmethod):
        return Call(id(call.__func__), args, False, f)
    return Call(key_of_function(call), (f, *args), True, call)


def _call_of_method(f: Any, args: tuple[Any, ...], known: Container[Key]) -> Call:
    owner, function = f.__self__, f.__func__
    if not isinstance(owner, type):
        return Call(key_of_function(function), (owner, *args), True, function)
    key = (id(function), id(owner))
    if key in known:
        return Call(key, args, False, f)
    # a rule that was written in the class body, where the class did not exist yet
    for name in (getattr(function, "__name__", ""), *owner.__dict__):
        own = owner.__dict__.get(name)
        if isinstance(own, classmethod) and own.__func__ is function:
            return Call((id(function), None), args, False, f)
    return Call(key, args, False, f)


def _call_of_builtin_method(f: Any, args: tuple[Any, ...], known: Container[Key]) -> Call:
    owner = getattr(f, "__self__", None)
    if owner is not None and not isinstance(owner, (type, types.ModuleType)):
        method = look_up(type(owner), f.__name__)
        if id(method) in known:
            return Call(id(method), (owner, *args), True, method)
    return Call(f, args, False, f)


def target_of(target: Any) -> Target:
    """What a rule registered for `target` belongs to. Raises `RuleError` for what cannot be called.

    In a class body, where `target` is the plain name of a method,
    it may be a `staticmethod`, `classmethod` or `property`.

    >>> target_of(len).functor
    False
    """
    if isinstance(target, staticmethod):
        return target_of(target.__func__)
    if isinstance(target, classmethod):
        return Target((id(target.__func__), None), target, False)
    if isinstance(target, property):
        return target_of(target.fget)
    if isinstance(target, functools.cached_property):
        return target_of(target.func)
    if not callable(target):
        raise RuleError(f"a rule is for something that can be called, not for {target!r}")
    kind = type(target)
    if kind is types.MethodType:
        if isinstance(target.__self__, type):
            return Target((id(target.__func__), id(target.__self__)), target, False)
        return target_of(target.__func__)
    if kind is types.BuiltinFunctionType:
        return Target(target, target, False)
    if kind is types.GenericAlias:
        return target_of(target.__origin__)
    if hasattr(kind, "__asks_first__"):  # stands for a function that is not written in Python
        return target_of(target.function)
    functor = kind is types.FunctionType and target.__name__ == "__call__"
    return Target(id(target), target, functor)


def is_call_of_a_class(f: Any) -> bool:
    """Whether a function is what calls the instances of some class, whatever its name is.

    >>> class Layer:
    ...     def forward(self, x): return x
    ...     __call__ = forward
    >>> is_call_of_a_class(Layer.forward), is_call_of_a_class(name_of)
    (True, False)
    """
    todo: list[type] = [object]
    seen: set[type] = set()
    while todo:
        cls = todo.pop()
        if cls.__dict__.get("__call__") is f:
            return True
        child: type
        for child in type.__subclasses__(cls):
            if child not in seen:
                seen.add(child)
                todo.append(child)
    return False


def key_of_function(f: Any) -> Key:
    """The key of the function behind a method or `__call__`."""
    return f if type(f) is types.BuiltinFunctionType else id(f)


def look_up(cls: type, name: str) -> Any:
    """The attribute of a class as a method call finds it:
    along the MRO, as it stands in the class body."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def name_of(f: Any) -> str:
    """A callable's name for messages.

    >>> name_of(len)
    'len'
    """
    name, whole = getattr(f, "__name__", None), getattr(f, "__qualname__", None)
    if name and whole and not whole.endswith(name):
        return str(name)  # a wrapper, which has the name of what it wraps
    return whole or name or repr(f)
