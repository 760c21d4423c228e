"""One registered rule: the function, what it matches, and how it is called."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any

from .annotations import Scope, Unresolved
from .arity import check_arity, is_of_a_call
from .callees import Call, name_of
from .config import HasReverseMode, RuleConfig
from .errors import RuleError
from .pullbacks import Handover, Pullback
from .readonly import given_back, is_about_writing, read_only
from .signatures import (
    Signature,
    check_rule,
    configs_of,
    location_of,
    parameters_of,
    signature_of,
)
from .tangents import NoTangent, ZeroTangent

_LIBRARY = "rules_runtime.rules"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class RuleForm:
    """How a rule that is not written as an rrule function is called and dispatched on;
    `from_legacy_rule` makes these.

    `parameters` are those that stand for the positional arguments, in functor form the instance's
    too. Where `runs_on_zero`, the pullback is called with zero cotangents as well. `config` is what
    its caller must be able to do; such a rule may be called without a config, with `None` for it,
    and ranks like one that takes none. `as_functor()` is the same rule in functor form.
    """

    def __init__(
        self,
        parameters: list[inspect.Parameter],
        scope: Scope,
        *,
        functor: bool = False,
        runs_on_zero: bool = False,
        config: type = RuleConfig[HasReverseMode],
        as_functor: Callable[[], Any] | None = None,
    ) -> None:
        self.as_functor = as_functor
        self.parameters = parameters
        self.scope = scope
        self.functor = functor
        self.runs_on_zero = runs_on_zero
        self.config = config


# sets that are told of each rule that is called: one for each recording under way; exchanged whole
CALLED: tuple[set[Any], ...] = ()


class Rule:
    """One registered rule: the function, what it matches, and how it is called."""

    #: Whether its function takes tangents, before the callee.
    takes_tangents = False

    __slots__ = (
        "_handovers",
        "_parameters",
        "_scope",
        "built_in",
        "callee_name",
        "function",
        "functor",
        "is_non_differentiable",
        "keywords",
        "name",
        "needs_config",
        "opt_out",
        "order",
        "runs_on_zero",
        "signature",
        "takes_config",
    )

    def __init__(
        self, function: Any, target: Any, functor: bool, frame: types.FrameType | None
    ) -> None:
        self.function = function
        self.name = name_of(target)
        self.functor = functor
        self.opt_out = False
        self.is_non_differentiable = False
        self.runs_on_zero = False
        self.needs_config = False
        self.callee_name = "_"
        self.order = 0
        self._handovers: dict[tuple[int, bool], Handover] = {}
        self.built_in = is_library(getattr(function, "__module__", None) or "")
        form = getattr(function, "rule_form", None)
        if isinstance(form, RuleForm):
            configs: tuple[type, ...] = (form.config,)
            parameters, self._scope = form.parameters, form.scope
            if functor and not form.functor and form.as_functor is not None:
                self.function = form.as_functor()
            self.functor = functor or form.functor
            self.runs_on_zero = form.runs_on_zero
            check_arity(self, parameters, parameters, target)
        else:
            check_rule(function)
            parameters, self._scope = _parameters(function), Scope(function, frame)
            configs = configs_of(parameters[0], self._scope) if parameters else ()
            self.needs_config = bool(configs)
            if self.takes_tangents and any(
                p.kind in _POSITIONAL for p in parameters[bool(configs) :]
            ):
                del parameters[bool(configs)]
            written = parameters[bool(configs) :]
            self.functor = functor or is_of_a_call(written, target)
            parameters = self._without_callee(parameters, 1 if configs else 0)
            self.callee_name = written[0].name if len(written) > len(parameters) else "_"
            check_arity(self, written, parameters, target)
        self.takes_config = bool(configs)
        self.keywords = _keywords(parameters)
        self._parameters = parameters
        self.signature: Signature = Signature((), configs=configs)
        self._read(final=False)

    def __getstate__(self) -> dict[str, Any]:
        self.settle()
        left_out = ("_handovers", "_parameters", "_scope")
        return {name: getattr(self, name) for name in self.__slots__ if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._handovers, self._parameters = {}, []
        for name, value in state.items():
            setattr(self, name, value)

    def _without_callee(
        self, parameters: list[inspect.Parameter], skip: int
    ) -> list[inspect.Parameter]:
        if len(parameters) > skip and parameters[skip].kind in _POSITIONAL:
            return parameters[skip:] if self.functor else parameters[skip + 1 :]
        if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
            return parameters[skip:]
        first = "the instance" if self.functor else "the callee"
        raise RuleError(f"{self}: the first parameter of a rule is {first}, and this one has none")

    def _read(self, final: bool) -> None:
        try:
            self.signature = signature_of(
                self._parameters, self._scope, self.signature.configs, final=final
            )
        except Unresolved:
            return
        self._parameters = []
        self._scope.forget()

    @property
    def is_settled(self) -> bool:
        """Whether all names in its annotations are known."""
        return not self._parameters

    def settle(self) -> None:
        """Read the annotations whose names were not known when the rule was registered."""
        if self._parameters:
            self._read(final=False)
        if self._parameters:
            self._read(final=True)

    def applies(self, config: Any, args: tuple[Any, ...], keywords: Any, loose: bool) -> bool:
        """Whether this rule is one for the call."""
        if config is None:
            if self.needs_config:
                return False
        elif not self.signature.accepts_config(type(config)):
            return False
        return self.signature.matches(args, keywords, loose)

    def takes_keywords(self, names: Iterable[str]) -> bool:
        """Whether arguments may be passed by these names."""
        return self.keywords is None or self.keywords.issuperset(names)

    def call(self, config: Any, call: Call, kwargs: dict[str, Any]) -> Any:
        """`(y, pullback)` of a call that this rule applies to; `None` where the rule declines.

        Raises `RuleError` where the rule returns something else.
        """
        for noted in CALLED:
            noted.add(self)
        args = shown = call.args
        if not self.may_write:
            shown = tuple([read_only(x) for x in args])
            if kwargs:
                kwargs = {name: read_only(x) for name, x in kwargs.items()}
        given = shown if self.functor else (call.function, *shown)
        try:
            if self.takes_config:
                result = self.function(config, *given, **kwargs)
            else:
                result = self.function(*given, **kwargs)
        except (ValueError, TypeError) as error:
            if self.may_write or isinstance(error, RuleError) or not is_about_writing(error):
                raise
            raise RuleError(
                f"{self}, or {self.name} itself, writes into an argument, where whoever reads that afterwards would get "
                f"a wrong value and a wrong gradient ({error}). Have it make a new array, or give it a copy: x.copy()"
            ) from error
        if result is None:
            return None
        if type(result) is not tuple or len(result) != 2 or not callable(result[1]):
            raise RuleError(
                f"{self} returned {_shown(result)}, not a value and a pullback: (y, pullback)"
            )
        key = (len(call.args), call.bound)
        handover = self._handovers.get(key)
        if handover is None:
            handover = self._handovers[key] = self._handover(*key)
        y = result[0] if shown is args else given_back(result[0], shown, args)
        return y, Pullback(result[1], handover)

    @property
    def may_write(self) -> bool:
        """Whether the function may write into its arguments:
        it is of the library, or says so, or nothing flows back."""
        return self.built_in or self.runs_on_zero or self.is_non_differentiable

    def _handover(self, n: int, bound: bool) -> Handover:
        """Which tangents are handed out of a call with `n` arguments,
        of which the first may be the callee."""
        callee = 0 if self.functor else 1
        lead = callee if bound else callee - 1
        at_most = callee + max(n, len(self.signature.patterns))
        head = ZeroTangent() if bound else NoTangent()
        return Handover(self, head, lead, callee + n, at_most, self.runs_on_zero)

    def __str__(self) -> str:
        return f"the rule for {self.name} ({location_of(self.function)})"

    def __repr__(self) -> str:
        return f"<rule for {self.name}{self.signature} at {location_of(self.function)}>"


def _keywords(parameters: list[inspect.Parameter]) -> frozenset[str] | None:
    """The names by which a rule takes arguments, None where it takes any."""
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return None
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(p.name for p in parameters if p.kind in by_name)


def is_library(module: str) -> bool:
    """Whether a module is one of the rule library.

    >>> is_library("rules_runtime.rules.elementwise"), is_library("numpy")
    (True, False)
    """
    return module == _LIBRARY or module.startswith(_LIBRARY + ".")


def _parameters(function: Any) -> list[inspect.Parameter]:
    found = parameters_of(function)
    return [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)] if found is None else found


def _shown(result: Any) -> str:
    if type(result) is tuple:
        return (
            f"a tuple of {len(result)}"
            if len(result) != 2
            else "a tuple whose second is no function"
        )
    return f"a {type(result).__name__}"
