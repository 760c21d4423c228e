"""Annotations as dispatch patterns: what a rule's parameter matches, and which of two patterns is more
specific.

A pattern is a set of values, and the more specific pattern is the smaller set. Two things are not sets: a
number may stand for a wider one, and a value outside a `Literal` for one in it, but only where nothing else
matches. So each pattern matches twice, `exact` and `loose`, and a rule that matches loosely is asked only
after all that match exactly.
"""

from __future__ import annotations

import abc
import ast
import inspect
import math
import numbers
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .config import (
    HasForwardMode,
    HasReverseMode,
    NoForwardMode,
    NoReverseMode,
    RuleConfig,
    satisfies,
)
from .errors import RuleError

# -- patterns --------------------------------------------------------------------------------------


class Pattern:
    """What one parameter of a rule matches. Patterns are values: equal ones match the same."""

    __slots__ = ("what",)
    by_type = True  # whether the type of an argument decides

    def __init__(self, what: Any = None) -> None:
        self.what = what

    def exact(self, x: Any) -> bool:
        """Whether `x` belongs to the pattern."""
        return True

    def loose(self, x: Any) -> bool:
        """Whether `x` may stand for something that does."""
        return self.exact(x)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and bool(self.what == other.what)

    def __hash__(self) -> int:
        return hash((type(self), self.what))

    def __repr__(self) -> str:
        return "Any"


class Instance(Pattern):
    """Instances of a class; of a class of numbers also, loosely, the narrower numbers."""

    __slots__ = ("_rank", "by_type")

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self._rank = _rank(cls)
        # an isinstance of somebody's own may look at the value
        self.by_type = type(cls).__instancecheck__ in _TYPE_CHECKS and not _is_data_protocol(cls)

    def exact(self, x: Any) -> bool:
        return isinstance(x, self.what)

    def loose(self, x: Any) -> bool:
        if isinstance(x, self.what):
            return True
        rank = self._rank and _rank(type(x))
        return bool(rank) and _is_narrower_number(rank, self._rank)

    def __repr__(self) -> str:
        return str(getattr(self.what, "__name__", self.what))


class OneOf(Pattern):
    """A union: any of several patterns."""

    __slots__ = ("by_type",)

    def __init__(self, members: frozenset[Pattern]) -> None:
        super().__init__(members)
        self.by_type = all(member.by_type for member in members)

    def exact(self, x: Any) -> bool:
        return any(member.exact(x) for member in self.what)

    def loose(self, x: Any) -> bool:
        return any(member.loose(x) for member in self.what)

    def __repr__(self) -> str:
        return " | ".join(sorted(map(repr, self.what)))


class Exactly(Pattern):
    """A `Literal`: its values, and loosely everything, since a `Literal` is no type."""

    __slots__ = ()
    by_type = False

    def exact(self, x: Any) -> bool:
        return any(type(x) is type(value) and x == value for value in self.what)

    def loose(self, x: Any) -> bool:
        return True

    def __hash__(self) -> int:
        return hash((Exactly, len(self.what)))

    def __repr__(self) -> str:
        return f"Literal[{', '.join(map(repr, self.what))}]"


class Subclass(Pattern):
    """`type[X]`: X and its subclasses."""

    __slots__ = ()
    by_type = False

    def exact(self, x: Any) -> bool:
        return isinstance(x, type) and issubclass(x, self.what)

    def __repr__(self) -> str:
        return f"type[{getattr(self.what, '__name__', self.what)}]"


ANYTHING = Pattern()

_TYPE_CHECKS: tuple[Any, ...] = (type.__instancecheck__, abc.ABCMeta.__instancecheck__)


def _is_data_protocol(cls: type) -> bool:
    return bool(getattr(cls, "_is_protocol", False))


def within(a: Pattern, b: Pattern) -> bool:
    """Whether everything that `a` matches is matched by `b` too: `a` is as specific as `b`, or more.

    >>> within(Instance(bool), Instance(int)), within(ANYTHING, Instance(int))
    (True, False)
    """
    if a == b or b == ANYTHING:
        return True
    if a == ANYTHING:
        return False
    if isinstance(a, OneOf):
        return all(within(member, b) for member in a.what)
    if isinstance(b, OneOf):
        return any(within(a, member) for member in b.what)
    if isinstance(a, Exactly):
        return all(b.exact(value) for value in a.what)
    if isinstance(a, Subclass):
        if isinstance(b, Subclass):
            return issubclass(a.what, b.what)
        return isinstance(b, Instance) and issubclass(type, b.what)
    if isinstance(a, Instance) and isinstance(b, Instance):
        try:
            if issubclass(a.what, b.what):
                return True
        except TypeError:  # a protocol with attributes
            return False
        narrow, wide = _rank(a.what), _rank(b.what)
        return bool(narrow and wide) and _is_narrower_number(narrow, wide) and narrow != wide
    return False


# Numbers by kind (boolean, integer, real, complex) and width in bits.
_ABSTRACT_NUMBERS: dict[type, tuple[int, float]] = {
    bool: (0, 1),
    int: (1, 64),
    float: (2, 64),
    complex: (3, 128),
    np.integer: (1, math.inf),
    np.signedinteger: (1, math.inf),
    np.unsignedinteger: (1, math.inf),
    np.floating: (2, math.inf),
    np.inexact: (3, math.inf),
    np.complexfloating: (3, math.inf),
    np.number: (3, math.inf),
    numbers.Integral: (1, math.inf),
    numbers.Rational: (2, math.inf),
    numbers.Real: (2, math.inf),
    numbers.Complex: (3, math.inf),
    numbers.Number: (3, math.inf),
}


def _rank(cls: type) -> tuple[int, float] | None:
    found = _ABSTRACT_NUMBERS.get(cls)
    if found is None and isinstance(cls, type):
        if issubclass(cls, (np.bool_, np.number)):
            dtype = np.dtype(cls)
            return _KINDS[dtype.kind], 8.0 * dtype.itemsize
        for base in (bool, int, float, complex):
            if issubclass(cls, base):
                return _ABSTRACT_NUMBERS[base]
    return found


_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


def _is_narrower_number(a: tuple[int, float] | None, b: tuple[int, float] | None) -> bool:
    assert a is not None
    assert b is not None
    return a[0] < b[0] or (a[0] == b[0] and a[1] <= b[1])


# -- from annotations to patterns ------------------------------------------------------------------


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
    """Where the names in the string annotations of a rule are looked up, as far as that can be known.

    These are the rule's own globals, what it closes over, its type parameters, and the variables of the enclosing
    functions and class bodies that were running when it was registered.
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
    """The frames of the functions and class bodies around some code, innermost first, as far as they are running."""
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

    What cannot be evaluated for another reason (it is prose, say) is no type, and given back as `Any`.
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
        if head not in _READ_INSIDE:
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
    """The pattern of an annotation. Raises `Unresolved` for a string with a name that is not known yet.

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
    if behind is None and type(annotation).__name__ == "TypeAliasType":
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
    if type(origin).__name__ == "TypeAliasType":
        return pattern_of(origin.__value__, scope)
    if isinstance(origin, type):
        return _pattern_of_class(origin)
    return ANYTHING


def _one_of(patterns: Sequence[Pattern]) -> Pattern:
    members: set[Pattern] = set()
    for pattern in patterns:
        if pattern == ANYTHING:
            return ANYTHING
        members |= pattern.what if isinstance(pattern, OneOf) else {pattern}
    return members.pop() if len(members) == 1 else OneOf(frozenset(members))


# -- signatures of rules ---------------------------------------------------------------------------


class Signature:
    """What a rule matches: a config or none, and a pattern for each positional parameter.

    `required` parameters must be given (by position, or by name); `rest` is the pattern of what `*args`
    receives.
    """

    __slots__ = ("configs", "names", "patterns", "positional_only", "required", "rest")

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        names: Sequence[str] = (),
        required: int | None = None,
        positional_only: int = 0,
        rest: Pattern | None = None,
        configs: tuple[type, ...] = (),
    ) -> None:
        self.patterns = tuple(patterns)
        self.names = tuple(names)
        self.required = len(self.patterns) if required is None else required
        self.positional_only = positional_only
        self.rest = rest
        self.configs = configs

    @property
    def by_type(self) -> bool:
        """Whether the types of the arguments decide if this signature matches."""
        return all(p.by_type for p in self.patterns) and (self.rest is None or self.rest.by_type)

    def accepts_config(self, config_type: type | None) -> bool:
        """Whether a rule with this signature may be used by the AD with that config."""
        if not self.configs:
            return True
        return config_type is not None and any(satisfies(config_type, c) for c in self.configs)

    def matches(self, args: Sequence[Any], keywords: Any, loose: bool) -> bool:
        """Whether a call with these positional arguments and these names of keywords matches."""
        n, patterns = len(args), self.patterns
        if n > len(patterns) and self.rest is None:
            return False
        if n < self.required:
            for i in range(n, self.required):
                if (
                    i < self.positional_only
                    or i >= len(self.names)
                    or self.names[i] not in keywords
                ):
                    return False
        if loose:
            return all(self.at(i).loose(x) for i, x in enumerate(args))
        return all(self.at(i).exact(x) for i, x in enumerate(args))

    def at(self, i: int) -> Pattern:
        """The pattern of the positional argument `i`."""
        if i < len(self.patterns):
            return self.patterns[i]
        return ANYTHING if self.rest is None else self.rest

    def tighter(self, other: Signature, n: int) -> bool | None:
        """Of two that match `n` arguments: whether this is more specific, None where neither is.

        The patterns decide; where they are the same, the fewer parameters are left unfilled.
        """
        forth = all(within(self.at(i), other.at(i)) for i in range(n))
        back = all(within(other.at(i), self.at(i)) for i in range(n))
        if forth != back:
            return forth
        if not forth or self._slack(n) == other._slack(n):
            return None
        return self._slack(n) < other._slack(n)

    def same(self, other: Signature, n: int) -> bool:
        """Whether two signatures that match `n` arguments are equally specific."""
        return self._slack(n) == other._slack(n) and all(
            within(self.at(i), other.at(i)) and within(other.at(i), self.at(i)) for i in range(n)
        )

    def _slack(self, n: int) -> tuple[bool, int]:
        return self.rest is not None, max(len(self.patterns) - n, 0)

    def __str__(self) -> str:
        shown = [f"{name}: {p!r}" for name, p in zip(self._shown_names(), self.patterns)]
        shown[self.required :] = [f"{text} = ..." for text in shown[self.required :]]
        if self.rest is not None:
            shown.append(f"*args: {self.rest!r}")
        if self.configs:
            shown.insert(0, f"config: {' | '.join(c.__name__ for c in self.configs)}")
        return f"({', '.join(shown)})"

    def _shown_names(self) -> list[str]:
        return [*self.names, *(f"arg{i + 1}" for i in range(len(self.names), len(self.patterns)))]


def parameters_of(rule: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters of a rule function, `None` where they cannot be known."""
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            form = annotationlib.Format.FORWARDREF
            return list(inspect.signature(rule, annotation_format=form).parameters.values())
        return list(inspect.signature(rule).parameters.values())
    except (TypeError, ValueError):
        return None


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def configs_of(parameter: inspect.Parameter, scope: Scope) -> tuple[type, ...]:
    """The configs that a parameter is annotated with; empty where it is not annotated with configs."""
    if parameter.kind not in _POSITIONAL:
        return ()
    try:
        annotation = resolved(parameter.annotation, scope)
        if annotation is inspect.Parameter.empty or annotation is Any:
            return ()
        pattern = pattern_of(annotation, scope)
    except Unresolved:
        pattern = _config_by_name(parameter.annotation)
    members = pattern.what if isinstance(pattern, OneOf) else [pattern]
    if all(isinstance(m, Instance) and issubclass(m.what, RuleConfig) for m in members):
        return tuple(sorted((m.what for m in members), key=lambda c: c.__name__))
    return ()


_CONFIG_NAMES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (RuleConfig, HasReverseMode, NoReverseMode, HasForwardMode, NoForwardMode)
}


def _config_by_name(annotation: Any) -> Pattern:
    """`"RuleConfig[HasReverseMode]"` where the names were imported for the type checker only."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__forward_arg__", "")
    try:
        node = ast.parse(text.strip().strip("\"'"), mode="eval").body
    except (SyntaxError, ValueError):
        return ANYTHING
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            return _config_by_name(".".join(text.split(".")[1:])) if text.count(".") else ANYTHING
        if isinstance(part, ast.Name) and part.id not in _CONFIG_NAMES:
            return ANYTHING
    try:
        found = eval(ast.unparse(node), dict(_CONFIG_NAMES))
    except Exception:
        return ANYTHING
    return Instance(found) if isinstance(found, type) else ANYTHING


def signature_of(
    parameters: Sequence[inspect.Parameter],
    scope: Scope,
    configs: tuple[type, ...] = (),
    *,
    final: bool = False,
) -> Signature:
    """The signature of a rule from its parameters, without those of the config and of the callee.

    Raises `Unresolved` where a string annotation has a name that is not known yet; with `final` such a
    parameter matches everything instead.
    """

    def pattern(parameter: inspect.Parameter) -> Pattern:
        try:
            return pattern_of(parameter.annotation, scope)
        except Unresolved:
            if final:
                return ANYTHING
            raise

    positional = [p for p in parameters if p.kind in _POSITIONAL]
    rest = [p for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
    return Signature(
        [pattern(p) for p in positional],
        names=[p.name for p in positional],
        required=sum(p.default is inspect.Parameter.empty for p in positional),
        positional_only=sum(p.kind is inspect.Parameter.POSITIONAL_ONLY for p in positional),
        rest=pattern(rest[0]) if rest else None,
        configs=configs,
    )


def location_of(rule: Any) -> str:
    """`file:line` of a rule function, for messages; its repr where it has none.

    >>> location_of(len)
    '<built-in function len>'
    """
    function = inspect.unwrap(getattr(rule, "func", rule))
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return repr(rule)
    return f"{code.co_filename}:{code.co_firstlineno}"


def check_rule(rule: Any) -> None:
    """Raise `RuleError` for what can be no rule: what is not callable, a coroutine, a generator."""
    if not callable(rule):
        raise RuleError(f"a rule is a function, not {rule!r}")
    function = inspect.unwrap(rule)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise RuleError(f"a rule cannot be a coroutine: {location_of(rule)}")
    if inspect.isgeneratorfunction(function):
        raise RuleError(f"a rule cannot be a generator: {location_of(rule)}")
