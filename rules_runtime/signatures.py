"""Signatures of rules: how many arguments they match, of which types, for which configs;
and which is more specific."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .annotations import Scope, Unresolved, pattern_of, resolved
from .config import (
    HasForwardMode,
    HasReverseMode,
    NoForwardMode,
    NoReverseMode,
    RuleConfig,
    satisfies,
)
from .errors import RuleError
from .patterns import ANYTHING, Instance, OneOf, Pattern, within


class Signature:
    """What a rule matches: a config or none, and a pattern for each positional parameter.

    `required` parameters must be given (by position, or by name);
    `rest` is the pattern of what `*args` receives.
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
    """The configs that a parameter is annotated with;
    empty where it is not annotated with configs."""
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
} | {"HasForwardsMode": HasForwardMode, "NoForwardsMode": NoForwardMode}


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

    Raises `Unresolved` where a string annotation has a name that is not known yet; with `final`
    such a parameter matches everything instead.
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
    if hasattr(type(rule), "__asks_first__"):  # stands for a function that is not written in Python
        rule = rule.function
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
