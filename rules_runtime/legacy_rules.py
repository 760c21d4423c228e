"""Whole legacy rules as rrule functions.

A legacy rule's pullback gives no tangent for the function, unless the rule is in functor form; its
cotangent and its entries are legacy ones. While the rule runs, and while its pullback does, the
config of the AD that asked for it is the active one: that is what the shim's `pullback`, called
inside the rule, goes back to.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from .annotations import Scope
from .bridge import check_entries, from_legacy, to_legacy
from .config import RuleConfig
from .errors import RuleError
from .rule import RuleForm
from .signatures import location_of, parameters_of
from .structure import zero_of
from .tangents import NoTangent

_active: ContextVar[Any] = ContextVar("active_config", default=None)


def active_config() -> RuleConfig[Any]:
    """The config of the AD that asked for the legacy rule that is running;
    `TapeConfig()` where none is.

    >>> active_config()
    TapeConfig()
    """
    found = _active.get()
    if found is None:
        from .tape import TapeConfig

        found = TapeConfig()
    return found  # type: ignore[no-any-return]


class Context:
    """What a legacy rule gets for its `__context__` parameter;
    it knows the config that asked for the rule.

    >>> Context().config
    TapeConfig()
    """

    __slots__ = ("_config",)

    def __init__(self, config: Any = None) -> None:
        self._config = config

    @property
    def config(self) -> RuleConfig[Any]:
        """The config that the rule is to call back into."""
        return active_config() if self._config is None else self._config

    def __repr__(self) -> str:
        return "Context()"


class LegacyRule:
    """A legacy rule as an rrule function `(config, callee, *args, **kwargs)`;
    `from_legacy_rule` makes it.

    `rule` is the legacy function.
    """

    def __init__(
        self,
        rule: Callable[..., Any],
        *,
        functor: bool = False,
        mutating: bool = False,
        frame: Any = None,
        parameters: list[inspect.Parameter] | None = None,
    ) -> None:
        if not callable(rule):
            raise RuleError(f"a legacy rule is a function, not {rule!r}")
        self.rule = rule
        self.functor = functor
        self.mutating = mutating
        self._given = parameters
        own = parameters_of(rule)
        if own is None:
            own = [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]
        self._takes_context = any(p.name == "__context__" for p in own)
        if parameters is None:
            parameters = [p for p in own if p.name != "__context__"]
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._fixed = sum(p.kind in positional for p in parameters)
        self.rule_form = RuleForm(
            parameters,
            Scope(rule, frame),
            functor=functor,
            runs_on_zero=mutating,
            as_functor=lambda: LegacyRule(
                rule, functor=True, mutating=mutating, frame=frame, parameters=parameters
            ),
        )
        self.__wrapped__ = rule
        self.__name__ = getattr(rule, "__name__", "rule")
        self.__qualname__ = getattr(rule, "__qualname__", self.__name__)
        self.__module__ = getattr(rule, "__module__", None) or __name__
        self.__doc__ = rule.__doc__

    def __call__(self, config: Any, /, *call: Any, **kwargs: Any) -> Any:
        args = call if self.functor else call[1:]
        if config is None:
            config = _active.get()
        result = self._run(config, args, kwargs)
        try:
            y, back = result
        except (TypeError, ValueError):
            back = None
        if not callable(back):
            raise RuleError(
                f"a legacy rule returns (y, pullback); {location_of(self.rule)} returned {result!r}"
            )
        shown = None if isinstance(y, (float, np.ndarray, np.generic)) else y

        def legacy_pullback(dy: Any) -> tuple[Any, ...]:
            return self._pull(config, back, dy, shown, args)

        return y, legacy_pullback

    def _run(self, config: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._takes_context:
            kwargs = {**kwargs, "__context__": Context(config)}
        token = _active.set(config)
        try:
            return self.rule(*args, **kwargs)
        finally:
            _active.reset(token)

    def _pull(
        self, config: Any, back: Any, dy: Any, y: Any, args: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        token = _active.set(config)
        try:
            result = back(to_legacy(dy, y))
        finally:
            _active.reset(token)
        check_entries(result, max(self._fixed, len(args)), self.rule)
        if result is None:
            entries = tuple(map(zero_of, args))
        else:
            entries = tuple(from_legacy(entry, x) for entry, x in zip(result, args))
        return entries if self.functor else (NoTangent(), *entries)

    def __reduce__(self) -> Any:  # without the frame, in which names were looked up
        return _made_again, (self.rule, self.functor, self.mutating, self._given)

    def __repr__(self) -> str:
        return f"<legacy rule {self.__qualname__} at {location_of(self.rule)}>"


def _made_again(rule: Any, functor: bool, mutating: bool, parameters: Any) -> LegacyRule:
    return LegacyRule(rule, functor=functor, mutating=mutating, parameters=parameters)


def from_legacy_rule(rule: Callable[..., Any], functor: bool = False) -> LegacyRule:
    """A whole legacy rule as an rrule function, to be registered:
    `rrule.register(f)(from_legacy_rule(rule))`.

    It dispatches on the annotations of the legacy rule and ranks like a rule without a config; only
    ADs that have `HasReverseMode` use it, for it may call back. The cotangent that the legacy
    pullback receives is a legacy one; what it returns is checked and converted. In functor form,
    for `Cls.__call__`, nothing is inserted:
    the legacy pullback gives the tangent of the instance first.

    Raises `RuleError` where `rule` cannot be a rule.

    >>> def cube(x): return x ** 3
    >>> from rules_runtime import rrule
    >>> _ = rrule.register(cube)(from_legacy_rule(lambda x: (x ** 3, lambda d: (3 * x ** 2 * d,))))
    >>> rrule(cube, 2.0)[1](1.0)
    (NoTangent(), 12.0)
    """
    if isinstance(rule, LegacyRule):
        return rule
    return LegacyRule(rule, functor=functor, frame=sys._getframe(1))
