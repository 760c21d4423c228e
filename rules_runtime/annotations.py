"""From annotations to patterns: what an annotation means for dispatch, strings included."""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections import ChainMap
from collections.abc import Sequence
from typing import Any

from .config import RuleConfig
from .patterns import ANYTHING, Exactly, Instance, OneOf, Pattern, Subclass


class Unresolved(Exception):
    """A name in an annotation has no value yet."""


def defined_in(code: types.CodeType | None, outer: types.CodeType) -> bool:
    """Whether the `def` that made `code` stands in the body whose code is `outer`.

    The type parameters of PEP 695 put a scope of their own between the two.
    """
    if code in outer.co_consts:
        return True
    return any(
        isinstance(const, types.CodeType)
        and const.co_name.startswith("<generic parameters of")
        and code in const.co_consts
        for const in outer.co_consts
    )


class Scope:
    """Where the names in the string annotations of a rule are looked up,
    as far as that can be known.

    These are the rule's own globals, what it closes over, its type parameters, and the variables of
    the enclosing functions and class bodies that were running when it was registered.
    """

    def __init__(self, rule: Any, frame: types.FrameType | None) -> None:
        function = inspect.unwrap(rule)
        while hasattr(function, "func") and not hasattr(function, "__code__"):
            function = inspect.unwrap(function.func)  # functools.partial
        function = getattr(function, "__func__", function)
        self.globals: dict[str, Any] = getattr(function, "__globals__", {})
        self.own: dict[str, Any] = {p.__name__: p for p in getattr(function, "__type_params__", ())}
        code = getattr(function, "__code__", None)
        for name, cell in zip(
            code.co_freevars if code else (), function.__closure__ or () if code else ()
        ):
            try:
                self.own[name] = cell.cell_contents
            except ValueError:
                continue
        self.frames = _enclosing(code, frame, self.globals)

    @classmethod
    def of_frame(cls, frame: types.FrameType) -> Scope:
        """The names that an expression in a frame sees."""
        self = cls.__new__(cls)
        self.globals, self.own = frame.f_globals, {}
        self.frames = [frame, *_enclosing(frame.f_code, frame.f_back, self.globals)]
        return self

    def evaluate(self, text: str) -> Any:
        """The value of an expression; raises whatever evaluating it raises."""
        local: Any = ChainMap(self.own, *(frame.f_locals for frame in self.frames))
        return eval(text, self.globals, local)

    def forget(self) -> None:
        """Let go of the frames: nothing is to be looked up any more."""
        self.frames.clear()


def _enclosing(
    code: Any, frame: types.FrameType | None, module: dict[str, Any]
) -> list[types.FrameType]:
    """The frames of the functions and class bodies around some code, innermost first,
    as far as they are running."""
    found = []
    while frame is not None:
        if code in frame.f_code.co_consts:
            code = frame.f_code
            if frame.f_locals is not module:
                found.append(frame)
        frame = frame.f_back
    return found


# The heads of subscripts whose arguments matter for dispatch; of all others only the origin does.
_READ_INSIDE: tuple[Any, ...] = (
    typing.Union,
    typing.Optional,
    typing.Annotated,
    typing.Literal,
    typing.Final,
    typing.ClassVar,
    type,
    RuleConfig,
)


def resolved(annotation: Any, scope: Scope) -> Any:
    """An annotation with strings evaluated. Raises `Unresolved` for a name that is not known yet.

    What cannot be evaluated for another reason (it is prose, say) is no type,
    and given back as `Any`.
    """
    if isinstance(annotation, str):
        try:
            tree = ast.parse(annotation.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return Any
        return _evaluated(tree, scope)
    forward = getattr(annotation, "__forward_arg__", None)
    if forward is not None:
        return resolved(forward, scope)
    return annotation


def _evaluated(node: ast.expr, scope: Scope) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return resolved(node.value, scope)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_evaluated(node.left, scope), _evaluated(node.right, scope)])
    if isinstance(node, ast.Subscript):
        head = _evaluated(node.value, scope)
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if head is typing.Union:
            return _union([_evaluated(member, scope) for member in inside])
        if head is typing.Optional:
            return _union([_evaluated(inside[0], scope), None])
        if head is typing.Annotated:
            return _evaluated(inside[0], scope)
        if head not in _READ_INSIDE and not _is_alias(head):
            return head
    try:
        return scope.evaluate(ast.unparse(node))
    except NameError as error:
        raise Unresolved(str(error)) from None
    except Exception:
        return Any


class _Union:
    """A union whose members need not be types."""

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = members


def _union(members: Sequence[Any]) -> Any:
    return _Union(members)


def pattern_of(annotation: Any, scope: Scope) -> Pattern:
    """The pattern of an annotation. Raises `Unresolved` for a string
    with a name that is not known yet.

    >>> pattern_of(int | None, Scope(len, None))
    NoneType | int
    """
    annotation = resolved(annotation, scope)
    if isinstance(annotation, _Union):
        return _one_of([pattern_of(member, scope) for member in annotation.members])
    if annotation is None:
        return Instance(type(None))
    if annotation is Any or annotation is object or annotation is inspect.Parameter.empty:
        return ANYTHING
    if isinstance(annotation, typing.TypeVar):
        if annotation.__constraints__:
            return _one_of([pattern_of(member, scope) for member in annotation.__constraints__])
        return (
            pattern_of(annotation.__bound__, scope)
            if annotation.__bound__ is not None
            else ANYTHING
        )
    if isinstance(annotation, type):
        return _pattern_of_class(annotation)
    if annotation is typing.LiteralString:
        return Instance(str)
    behind = getattr(annotation, "__supertype__", None)  # NewType
    if behind is None and _is_alias(annotation):
        behind = annotation.__value__
    if behind is not None:
        return pattern_of(behind, scope)
    return _pattern_of_subscript(annotation, scope)


def _pattern_of_class(cls: type) -> Pattern:
    if typing.is_typeddict(cls):
        return Instance(dict)
    if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
        return ANYTHING
    return Instance(cls)


def _pattern_of_subscript(annotation: Any, scope: Scope) -> Pattern:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return _one_of([pattern_of(member, scope) for member in args])
    if origin is typing.Annotated or origin in (typing.Final, typing.ClassVar):
        return pattern_of(args[0], scope)
    if origin is typing.Literal:
        return Exactly(args)
    if origin is type and args:
        members = pattern_of(args[0], scope)
        kinds = list(members.what) if isinstance(members, OneOf) else [members]
        if all(isinstance(kind, Instance) for kind in kinds):
            return _one_of([Subclass(kind.what) for kind in kinds])
        return Instance(type)
    if _is_alias(origin):
        return pattern_of(_aliased(origin, args), scope)
    if isinstance(origin, type):
        return _pattern_of_class(origin)
    return ANYTHING


def _is_alias(x: Any) -> bool:
    return type(x).__name__ == "TypeAliasType"


def _aliased(alias: Any, args: tuple[Any, ...]) -> Any:
    """What `Alias[args]` stands for, where `type Alias[T] = ...`."""
    value = alias.__value__
    given = dict(zip(alias.__type_params__, args))
    free = getattr(value, "__parameters__", ())
    return value[tuple(given.get(p, p) for p in free)] if free else given.get(value, value)


def _one_of(patterns: Sequence[Pattern]) -> Pattern:
    members: set[Pattern] = set()
    for pattern in patterns:
        if pattern == ANYTHING:
            return ANYTHING
        members |= pattern.what if isinstance(pattern, OneOf) else {pattern}
    return members.pop() if len(members) == 1 else OneOf(frozenset(members))
