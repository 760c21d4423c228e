"""`rrule`: the table of rules, and how the rule of a call is found.

What `rrule(f, *args)` does, in order: find the key of the callee (`callees`), collect the rules with that
key, dispatch on the positional arguments (`signatures`), call the rule, wrap its pullback (`pullbacks`).

Of the rules that match, these come first:

1. the program's own, before those of the rule library of this package, which never change what a program's
   rules do;
2. those that match exactly, before those where a number stands for a wider one;
3. those with a config, before those without; then the one with the more specific config;
4. the one whose parameters are the more specific; where they are the same, the one that leaves fewer
   parameters unfilled;
5. the later one.

Where this leaves two, the call is ambiguous, which is an error. An opt-out takes part as a rule does, but
its parameters alone decide, and it wins against a rule that is as specific.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from .callees import Call, call_of, name_of, target_of
from .config import HasReverseMode, RuleConfig, satisfies, set_default_ad
from .errors import AmbiguousRuleError, ConfigError, RuleError
from .forms import FORMS, Form
from .kernels.broadcast import unbroadcast
from .projection import ProjectTo
from .pullbacks import Pullback
from .signatures import (
    ANYTHING,
    Scope,
    Signature,
    Unresolved,
    check_rule,
    configs_of,
    location_of,
    parameters_of,
    pattern_of,
    signature_of,
)
from .structure import can_be_perturbed, zero_of
from .tangents import NoTangent, ZeroTangent
from .thunks import unthunk

R = TypeVar("R", bound=Callable[..., Any])

_LIBRARY = "rules_runtime.rules"


class RuleForm:
    """How a rule that is not written as an rrule function is called and dispatched on; `from_legacy_rule`
    makes these.

    `parameters` are those that stand for the positional arguments, in functor form the instance's too.
    Where `runs_on_zero`, the pullback is called with zero cotangents as well. `config` is what its caller
    must be able to do; such a rule may be called without a config, with `None` for it. `as_functor()`
    is the same rule in functor form.
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


class Rule:
    """One registered rule: the function, what it matches, and how it is called."""

    __slots__ = (
        "_parameters",
        "_scope",
        "built_in",
        "function",
        "functor",
        "is_non_differentiable",
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
        self.order = 0
        self.built_in = _is_library(getattr(function, "__module__", None) or "")
        form = getattr(function, "rule_form", None)
        if isinstance(form, RuleForm):
            configs: tuple[type, ...] = (form.config,)
            parameters, self._scope = form.parameters, form.scope
            if functor and not form.functor and form.as_functor is not None:
                self.function = form.as_functor()
            self.functor = functor or form.functor
            self.runs_on_zero = form.runs_on_zero
        else:
            check_rule(function)
            parameters, self._scope = _parameters(function), Scope(function, frame)
            configs = configs_of(parameters[0], self._scope) if parameters else ()
            self.needs_config = bool(configs)
            parameters = self._without_callee(parameters, 1 if configs else 0)
        self.takes_config = bool(configs)
        self._parameters = parameters
        self.signature: Signature = Signature((), configs=configs)
        self._read(final=False)

    def _without_callee(
        self, parameters: list[inspect.Parameter], skip: int
    ) -> list[inspect.Parameter]:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if len(parameters) > skip and parameters[skip].kind in positional:
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

    def __str__(self) -> str:
        return f"the rule for {self.name} ({location_of(self.function)})"

    def __repr__(self) -> str:
        return f"<rule for {self.name}{self.signature} at {location_of(self.function)}>"


def _is_library(module: str) -> bool:
    return module == _LIBRARY or module.startswith(_LIBRARY + ".")


def _parameters(function: Any) -> list[inspect.Parameter]:
    found = parameters_of(function)
    return [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)] if found is None else found


class _Rules:
    """The rules with one key, and which of them calls with certain types were found to have."""

    __slots__ = ("by_type", "found", "keep", "rules", "settled")

    def __init__(self, keep: Any) -> None:
        self.keep = keep  # as long as it lives its id is its own
        self.rules: list[Rule] = []
        self.found: dict[Any, Rule | None] = {}
        self.by_type = True
        self.settled = True

    def change(self, rules: Iterable[Rule]) -> None:
        self.rules = list(rules)
        self.settled = False
        self.found = {}

    def settle(self) -> None:
        for rule in self.rules:
            rule.settle()
        self.by_type = all(rule.signature.by_type for rule in self.rules)
        self.settled = True
        self.found = {}


_MOST_FOUND = 4096  # kinds of calls remembered for one callee
_unknown: Any = object()


class Registry:
    """A table of rules, called as `rrule` is. There is one default instance; tests make their own.

    >>> registry = Registry()
    >>> @registry.register(abs)
    ... def rrule_abs(_, x: float):
    ...     return abs(x), lambda dy: (NoTangent(), dy if x > 0 else -dy)
    >>> y, pullback = registry(abs, -2.0)
    >>> y, pullback(1.0)
    (2.0, (NoTangent(), -1.0))
    """

    def __init__(self, *, library: bool = False) -> None:
        self._tables: dict[Any, _Rules] = {}
        self._library_is_due = library
        self._uses_library = library
        self._waiting: Callable[[], None] | None = None
        self._lock = threading.RLock()
        self._count = 0
        self._listeners: list[Callable[[Any, Rule], None]] = []

    # -- asking ----------------------------------------------------------------------------------

    def __call__(self, /, *call: Any, **kwargs: Any) -> Any:
        """`rrule(f, *args, **kwargs)` or `rrule(config, f, *args, **kwargs)`: `(y, pullback)`, or `None`.

        `y` is what the rule computes for `f(*args, **kwargs)`. `pullback(dy)` takes the cotangent of `y`,
        thunked or not, and gives a tuple with one tangent for `f` and one for each of `args`; of a bound
        method `obj.m` the first is that of `obj`. Without a rule for this call the result is `None`.

        Raises `AmbiguousRuleError` where no rule is the most specific, `RuleError` where the rule returned
        something else than `(y, pullback)`, and the pullback raises it where it has another number of
        tangents.

        >>> import numpy as np
        >>> y, pullback = rrule(np.multiply, 2.0, 3.0)
        >>> float(y), pullback(1.0)
        (6.0, (NoTangent(), 3.0, 2.0))
        """
        if call and isinstance(call[0], RuleConfig):
            config, *call = call  # type: ignore[assignment]
        else:
            config = None
        if not call:
            raise TypeError("rrule(f, *args) or rrule(config, f, *args): there is no f")
        f, *args = call
        return self.apply(config, f, tuple(args), kwargs)

    def apply(self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`rrule(config, f, *args, **kwargs)`, with `None` for no config.

        >>> rrule.apply(None, print, ("no rule",), {}) is None
        True
        """
        if self._library_is_due:
            self._load_library()
        elif self._waiting is not None:
            self._waiting()
        call = call_of(f, args, self._tables)
        rule = self._find(config, call, kwargs)
        if rule is None:
            return self._apply_form(f, args, kwargs)
        if rule.opt_out:
            return None
        return _call_rule(rule, config, f, call, kwargs)

    def find(
        self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Rule | None:
        """The rule that a call has, without calling it; `None` where it has none, or only a static form.

        >>> rrule.find(None, print, (), {}) is None
        True
        """
        if self._library_is_due:
            self._load_library()
        rule = self._find(config, call_of(f, args, self._tables), kwargs)
        return None if rule is None or rule.opt_out else rule

    def rules_for(self, target: Any) -> tuple[Rule, ...]:
        """All rules that are registered for a callable, opt-outs included.

        >>> rrule.rules_for(print)
        ()
        """
        if self._library_is_due:
            self._load_library()
        table = self._tables.get(target_of(target).key)
        return () if table is None else tuple(table.rules)

    def _find(self, config: Any, call: Call, kwargs: dict[str, Any]) -> Rule | None:
        table = self._tables.get(call.key)
        if table is None:
            return None
        if not table.settled:
            with self._lock:
                table.settle()
        if not table.by_type:
            return _select(table.rules, config, call, kwargs)
        kinds = (type(config), *[x.__class__ for x in call.args], *kwargs)
        found = table.found  # which a registration replaces
        rule: Rule | None = found.get(kinds, _unknown)
        if rule is _unknown:
            rule = _select(table.rules, config, call, kwargs)
            if len(found) >= _MOST_FOUND:
                found.clear()
            found[kinds] = rule
        return rule

    def _apply_form(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._uses_library:
            return None
        try:
            form = FORMS.get(f)
        except TypeError:  # not hashable
            return None
        return None if form is None else _call_form(form, args, kwargs)

    # -- registering -----------------------------------------------------------------------------

    def register(self, target: Any) -> Callable[[R], R]:
        """`@rrule.register(target)` on a function `(callee, *args) -> (y, pullback)`, or `(config, callee,
        *args)`.

        `target` is any callable: a function, ufunc, builtin, method, static or class method, a class (the
        rule for its constructor) or `Cls.__call__` (calling an instance: the first parameter is the
        instance, its tangent is explicit). Annotations dispatch. The function is returned as it is.

        Raises `RuleError` where `target` cannot be called, or the function can be no rule.

        >>> registry = Registry()
        >>> @registry.register(max)
        ... def rrule_max(_, x, y):
        ...     return max(x, y), lambda dz: (NoTangent(), dz * (x >= y), dz * (x < y))
        """
        found = target_of(target)
        frame = sys._getframe(1)
        if frame.f_locals.get("__call__") is target:  # in a class body, under another name
            found = found._replace(functor=True)

        def decorate(rule: R) -> R:
            self._add(found, Rule(rule, target, found.functor, frame))
            return rule

        return decorate

    def add_rule(
        self,
        target: Any,
        function: Any,
        signature: Signature | None = None,
        *,
        opt_out: bool = False,
        non_differentiable: bool = False,
        module: str | None = None,
        frame: types.FrameType | None = None,
    ) -> Rule:
        """Register a function that a tool of this package made, with a signature of its own. Gives the `Rule`.

        `module` is the name of the module that the rule belongs to, where it is not the function's.

        >>> Registry().add_rule(len, lambda _, x: (len(x), lambda dy: (NoTangent(), NoTangent())))
        ... # doctest: +ELLIPSIS
        <rule for len...
        """
        found = target_of(target)
        rule = Rule(function, target, found.functor, frame)
        if signature is not None:
            rule.signature, rule._parameters = signature, []
        rule.opt_out = opt_out
        rule.is_non_differentiable = non_differentiable
        if module is not None:
            rule.built_in = _is_library(module)
        self._add(found, rule)
        return rule

    def remove_rule(self, rule: Rule) -> None:
        """Take a rule out again; nothing happens where it is not registered.

        >>> registry = Registry()
        >>> rule = registry.add_rule(len, lambda _, x: None)
        >>> registry.remove_rule(rule)
        >>> registry.rules_for(len)
        ()
        """
        with self._lock:
            for table in self._tables.values():
                if rule in table.rules:
                    table.change(r for r in table.rules if r is not rule)

    def _add(self, target: Any, rule: Rule) -> None:
        with self._lock:
            self._count += 1
            rule.order = self._count
            table = self._tables.get(target.key)
            if table is None:
                table = self._tables[target.key] = _Rules(target.keep)
            table.change([*table.rules, rule])
            listeners = list(self._listeners)
        for listener in listeners:
            listener(target.keep, rule)

    def on_register(self, listener: Callable[[Any, Rule], None]) -> None:
        """Call `listener(target, rule)` for every rule registered so far and from now on.

        >>> Registry().on_register(print)
        """
        with self._lock:
            self._listeners.append(listener)
            known = [(table.keep, rule) for table in self._tables.values() for rule in table.rules]
        for target, rule in known:
            listener(target, rule)

    def _load_library(self) -> None:
        with self._lock:
            if not self._library_is_due:
                return
            self._library_is_due = False
            try:
                library = importlib.import_module(_LIBRARY)
            except BaseException:
                self._library_is_due = True
                raise
            self._waiting = getattr(library, "import_waiting_areas", None)


# -- choosing --------------------------------------------------------------------------------------


def _select(rules: list[Rule], config: Any, call: Call, kwargs: dict[str, Any]) -> Rule | None:
    for built_in in (False, True):
        layer = [rule for rule in rules if rule.built_in is built_in]
        for loose in (False, True):
            matching = [rule for rule in layer if rule.applies(config, call.args, kwargs, loose)]
            if matching:
                return _most_specific(matching, config, len(call.args))
    return None


def _most_specific(rules: list[Rule], config: Any, n: int) -> Rule:
    if len(rules) == 1:
        return rules[0]
    for rule in reversed(rules):
        if all(rule is other or _beats(rule, other, config, n) for other in rules):
            return rule
    best = [
        r
        for r in rules
        if not any(_beats(other, r, config, n) for other in rules if other is not r)
    ]
    listed = "\n".join(
        f"    {rule.signature} at {location_of(rule.function)}" for rule in best or rules
    )
    raise AmbiguousRuleError(
        f"several rules for {rules[0].name} apply and none is the most specific:\n{listed}\n"
        "Add a rule that is more specific than these, or make one of them less general."
    )


def _beats(a: Rule, b: Rule, config: Any, n: int) -> bool:
    if config is not None and not _is_bare_opt_out(a) and not _is_bare_opt_out(b):
        if a.takes_config != b.takes_config:
            return a.takes_config
        if a.takes_config:
            forth, back = _config_within(a, b, config), _config_within(b, a, config)
            if forth != back:
                return forth
    tighter = a.signature.tighter(b.signature, n)
    if tighter is not None:
        return tighter
    if not a.signature.same(b.signature, n):
        return False
    return a.opt_out if a.opt_out != b.opt_out else a.order > b.order


def _is_bare_opt_out(rule: Rule) -> bool:
    return rule.opt_out and not rule.takes_config


def _config_within(a: Rule, b: Rule, config: Any) -> bool:
    """Whether the configs of `a` that are met are all configs of `b`."""
    met = [c for c in a.signature.configs if satisfies(type(config), c)]
    return all(any(satisfies(c, wider) for wider in b.signature.configs) for c in met)


# -- calling ---------------------------------------------------------------------------------------


def _call_rule(rule: Rule, config: Any, f: Any, call: Call, kwargs: dict[str, Any]) -> Any:
    args = call.args
    if rule.functor:
        lead, given = (0 if call.bound else -1), args
    else:
        lead, given = (1 if call.bound else 0), (call.function, *args)
    if rule.takes_config:
        result = rule.function(config, *given, **kwargs)
    else:
        result = rule.function(*given, **kwargs)
    if result is None:
        return None
    if type(result) is not tuple or len(result) != 2 or not callable(result[1]):
        raise RuleError(
            f"{rule} returned {_shown(result)}, not a value and a pullback: (y, pullback)"
        )
    signature = rule.signature
    count = len(given)
    at_most = max(count, len(signature.patterns) + count - len(args))
    head = ZeroTangent() if call.bound else NoTangent()
    pullback = Pullback(result[1], rule, head, lead, count, count, at_most, rule.runs_on_zero)
    return result[0], pullback


def _shown(result: Any) -> str:
    if type(result) is tuple:
        return (
            f"a tuple of {len(result)}"
            if len(result) != 2
            else "a tuple whose second is no function"
        )
    return f"a {type(result).__name__}"


def _call_form(form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    y = form.forward(*args, **kwargs)
    vjps = form.vjps

    def pullback(dy: Any) -> tuple[Any, ...]:
        tangents: list[Any] = [_no_tangent]
        for k, x in enumerate(args):
            vjp = vjps[k] if k < len(vjps) else None
            tangents.append(_no_tangent if vjp is None else _fitted(vjp, x, dy, y, args, kwargs))
        return tuple(tangents)

    count = 1 + len(args)
    return y, Pullback(pullback, form, NoTangent(), 0, count, count, count)


def _fitted(
    vjp: Any, x: Any, dy: Any, y: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The cotangent of one argument: a zero where it cannot be perturbed, else summed to its shape and projected."""
    if not can_be_perturbed(x) and not hasattr(type(x), "__traced_value__"):
        return _no_tangent
    dx = vjp(dy, y, *args, **kwargs)
    if not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return ProjectTo(x)(dx)
    return ProjectTo(x)(unbroadcast(unthunk(dx), np.shape(x)))


_no_tangent = NoTangent()


# -- the default instance --------------------------------------------------------------------------

rrule = Registry(library=True)


class OptOuts:
    """`no_rrule`: the calls that are to have no rule, though one would match.

    >>> no_rrule
    <opt-outs of rules>
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def register(self, target: Any, *signature: Any) -> Callable[[R], R]:
        """Opt out of the rules for a call that matches a signature; more specific rules still apply.

        `no_rrule.register(f, str, int)` gives the signature as types, `no_rrule.register(f)` opts out
        altogether. As a decorator the function below gives it with its annotations, callee first, as for a
        rule, perhaps a config before it; it is never called.

        >>> registry = Registry()
        >>> @OptOuts(registry).register(abs)
        ... def _(_, x: int): ...
        >>> registry(abs, 1) is None
        True
        """
        frame = sys._getframe(1)
        given = signature_from(signature, frame) if signature else Signature((), rest=ANYTHING)
        whole = self._registry.add_rule(target, _never, given, opt_out=True)

        def decorate(rule: R) -> R:
            self._registry.remove_rule(whole)
            self._registry.add_rule(target, rule, opt_out=True, frame=frame)
            return rule

        return decorate

    def __repr__(self) -> str:
        return "<opt-outs of rules>"


no_rrule = OptOuts(rrule)


def _never(*args: Any, **kwargs: Any) -> None:
    return None


def signature_from(annotations: Iterable[Any], frame: types.FrameType | None = None) -> Signature:
    """The signature of calls with exactly these types of positional arguments.

    >>> print(signature_from((str, int)))
    (arg1: str, arg2: int)
    """
    scope = Scope.of_frame(frame) if frame is not None else Scope(_never, None)
    patterns = []
    for annotation in annotations:
        try:
            patterns.append(pattern_of(annotation, scope))
        except Unresolved as error:
            raise RuleError(f"a type of a signature is not known: {error}") from None
    return Signature(patterns)


# -- calling back into the AD ----------------------------------------------------------------------


def rrule_via_ad(config: RuleConfig[Any], f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`(y, pullback)` of any call, by the AD that `config` belongs to; the shape is that of `rrule`.

    A rule for a function that calls functions it was given uses this: it takes the config as its first
    parameter and asks the AD that called it. The pullback gives the tangent of `f` first, then one for each
    of `args`.

    Raises `ConfigError` where the AD has no reverse mode.

    >>> from rules_runtime import TapeConfig
    >>> y, pullback = rrule_via_ad(TapeConfig(), lambda x: x * x, 3.0)
    >>> y, pullback(1.0)
    (9.0, (NoTangent(), 6.0))
    """
    if not isinstance(config, RuleConfig):
        raise ConfigError(
            f"rrule_via_ad(config, f, *args) takes the rule's config first, not {config!r}"
        )
    if not config.has(HasReverseMode):
        raise ConfigError(
            f"{type(config).__name__} has no reverse mode to call back into (HasReverseMode)"
        )
    result = config.rrule_via_ad(f, *args, **kwargs)
    if type(result) is not tuple or len(result) != 2 or not callable(result[1]):
        raise ConfigError(f"{type(config).__name__}.rrule_via_ad returned no (y, pullback)")
    y, pullback = result
    if isinstance(pullback, Pullback):
        return result
    n = 1 + len(args)
    name = f"{type(config).__name__}.rrule_via_ad of {name_of(f)}"
    return y, Pullback(pullback, name, zero_of(f), 0, n, n, n)


def _differentiate(config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not config.has(HasReverseMode):
        raise ConfigError(
            f"{type(config).__name__} has no reverse mode to call back into (HasReverseMode)"
        )
    found = rrule.apply(config, f, args, kwargs)
    if found is not None:
        return found
    from .tape import trace_pullback

    if type(f) is types.MethodType and not isinstance(f.__self__, type):
        y, pullback = trace_pullback(config, f.__func__, (f.__self__, *args), kwargs)
        return y, lambda dy: pullback(dy)[1:]
    return trace_pullback(config, f, args, kwargs)


set_default_ad(_differentiate)
