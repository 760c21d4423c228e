"""`rrule`: the table of rules, and how the rule of a call is found.

What `rrule(f, *args)` does, in order: find the key of the callee (`callees`), collect the rules
with that key, choose by the config and the positional arguments (`selection`), call the rule
(`rule`), wrap its pullback (`pullbacks`).
Where nobody registered a rule for a function, its static form serves.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .annotations import Scope, Unresolved, pattern_of
from .arity import warn_of_arity
from .callees import Call, call_of, name_of, target_of
from .config import RuleConfig
from .errors import RuleError
from .explaining import Explanation, explained
from .forms import FORMS, Form, call_form
from .patterns import ANYTHING
from .reads import noting
from .rule import Rule, is_library
from .selection import select
from .signatures import Signature

R = TypeVar("R", bound=Callable[..., Any])

_LIBRARY = "rules_runtime.rules"


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

    >>> from rules_runtime import NoTangent
    >>> registry = Registry()
    >>> @registry.register(abs)
    ... def rrule_abs(_, x: float):
    ...     return abs(x), lambda dy: (NoTangent(), dy if x > 0 else -dy)
    >>> y, pullback = registry(abs, -2.0)
    >>> y, pullback(1.0)
    (2.0, (NoTangent(), -1.0))
    """

    rule_type = Rule

    def __init__(self, *, library: bool = False) -> None:
        self._tables: dict[Any, _Rules] = {}
        self._library_is_due = library
        self._uses_library = library
        self._waiting: Callable[[], None] | None = None
        self._lock = threading.RLock()
        self._count = 0
        self._listeners: list[Callable[[Any, Rule], None]] = []

    def __reduce__(self) -> str:
        if self is not rrule:
            raise TypeError(
                "a Registry of one's own cannot be pickled or copied: its rules are kept by identity"
            )
        return "rrule"

    # -- asking ----------------------------------------------------------------------------------

    def __call__(self, /, *call: Any, **kwargs: Any) -> Any:
        """`rrule(f, *args, **kwargs)` or `rrule(config, f, *args, **kwargs)`:
        `(y, pullback)`, or `None`.

        `y` is what the rule computes for `f(*args, **kwargs)`. `pullback(dy)` takes the cotangent
        of `y`, thunked or not, and gives a tuple with one tangent for `f` and one for each of
        `args`; of a bound method `obj.m` the first is that of `obj`.
        Without a rule for this call the result is `None`.

        Raises `AmbiguousRuleError` where no rule is the most specific, `RuleError` where the rule
        returned something else than `(y, pullback)`,
        and the pullback raises it where it has another number of tangents.

        >>> import numpy as np
        >>> y, pullback = rrule(np.multiply, 2.0, 3.0)
        >>> float(y), pullback(1.0)
        (6.0, (NoTangent(), 3.0, 2.0))
        """
        first = call[0] if call else None
        if isinstance(first, RuleConfig):
            if len(call) > 1:
                return self.apply(first, call[1], call[2:], kwargs)
        elif call:
            return self.apply(None, first, call[1:], kwargs)
        raise TypeError("rrule(f, *args) or rrule(config, f, *args): there is no f")

    def apply(self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`rrule(config, f, *args, **kwargs)`, with `None` for no config.

        >>> rrule.apply(None, print, ("no rule",), {}) is None
        True
        """
        if self._library_is_due:
            self._load_library()
        call = call_of(f, args, self._tables)
        rule = self._find(config, call, kwargs)
        if rule is None:
            return self._apply_form(config, f, args, kwargs) if self._uses_library else None
        return None if rule.opt_out else rule.call(config, call, kwargs)

    def find(
        self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Rule | None:
        """The rule that a call has, without calling it;
        `None` where it has none, or only a static form.

        >>> rrule.find(None, print, (), {}) is None
        True
        """
        if self._library_is_due:
            self._load_library()
        rule = self._find(config, call_of(f, args, self._tables), kwargs)
        return None if rule is None or rule.opt_out else rule

    def opts_out(self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call has no rule because an opt-out says so.

        >>> rrule.opts_out(None, print, (), {})
        False
        """
        rule = self._find(config, call_of(f, args, self._tables), kwargs)
        return rule is not None and rule.opt_out

    def explain(self, /, *call: Any, **kwargs: Any) -> Explanation:
        """Which rule `rrule([config,] f, *args, **kwargs)` would use, where it stands,
        and why the others lose.

        `print` it, or read its fields. Nothing is called, so that a rule which declines by giving
        `None` is not seen to. Raises `AmbiguousRuleError` where no rule is the most specific.

        >>> print(rrule.explain(print, "no rule"))
        print(str): no rule
        """
        config: Any = None
        if call and isinstance(call[0], RuleConfig):
            config, *call = call  # type: ignore[assignment]
        if not call:
            raise TypeError("rrule.explain(f, *args) or rrule.explain(config, f, *args)")
        f, *args = call
        self._load_all()
        found = call_of(f, tuple(args), self._tables)
        chosen = self._find(config, found, kwargs)
        table = self._tables.get(found.key)
        rules = () if table is None else tuple(table.rules)
        form = _form_of(f) if self._uses_library else None
        return explained(name_of(f), rules, chosen, form, config, found, kwargs)

    def rules_for(self, target: Any) -> tuple[Rule, ...]:
        """All rules that are registered for a callable, opt-outs included.

        >>> rrule.rules_for(print)
        ()
        """
        if self._library_is_due:
            self._load_library()
        table = self._tables.get(target_of(target).key)
        return () if table is None else tuple(table.rules)

    def has(self, f: Any) -> bool:
        """Whether there is a rule for calls of `f`, of the library's or one's own;
        whether it applies depends on the call.

        >>> import numpy as np
        >>> rrule.has(np.sin), rrule.has(print)
        (True, False)
        """
        self._load_all()
        table = self._tables.get(call_of(f, (), self._tables).key)
        if table is not None and not all(rule.opt_out for rule in table.rules):
            return True
        return self._uses_library and _form_of(f) is not None

    def rules(self) -> list[tuple[Any, Rule | Form]]:
        """All rules with their targets: those that are registered, opt-outs included,
        and the static forms of the library.

        >>> import numpy as np
        >>> np.sin in [target for target, _ in rrule.rules()]
        True
        """
        self._load_all()
        with self._lock:
            found: list[tuple[Any, Rule | Form]] = [
                (table.keep, rule) for table in self._tables.values() for rule in table.rules
            ]
        return found + (list(FORMS.items()) if self._uses_library else [])

    def _load_all(self) -> None:
        """Load the library, also areas that wait for a module of scipy which is there by now."""
        if self._library_is_due:
            self._load_library()
        if self._waiting is not None:
            self._waiting()

    def _find(self, config: Any, call: Call, kwargs: dict[str, Any]) -> Rule | None:
        table = self._tables.get(call.key)
        if table is None:
            return None
        if not table.settled:
            with self._lock:
                table.settle()
        if not table.by_type:
            return select(table.rules, config, call, kwargs)
        kinds = (type(config), *[x.__class__ for x in call.args], *kwargs)
        found = table.found  # which a registration replaces
        rule: Rule | None = found.get(kinds, _unknown)
        if rule is _unknown:
            rule = select(table.rules, config, call, kwargs)
            if rule is None:
                warn_of_arity(table.rules, len(call.args))
            if len(found) >= _MOST_FOUND:
                found.clear()
            found[kinds] = rule
        return rule

    def _apply_form(
        self, config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        form = _form_of(f)
        if form is None and self._waiting is not None:
            count = self._count
            self._waiting()
            if self._count != count:  # areas of the library that came with their own rules
                return self.apply(config, f, args, kwargs)
            form = _form_of(f)
        return None if form is None else call_form(form, args, kwargs)

    # -- registering -----------------------------------------------------------------------------

    def register(self, target: Any) -> Callable[[R], R]:
        """`@rrule.register(target)` on a function `(callee, *args) -> (y, pullback)`,
        or `(config, callee, *args)`.

        `target` is any callable: a function, ufunc, builtin, method, static or class method, a
        class (the rule for its constructor) or `Cls.__call__` (calling an instance: the first
        parameter is the instance, its tangent is explicit). Annotations dispatch.
        The function is returned as it is.

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
            self._add(found, self.rule_type(rule, target, found.functor, frame))
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
        """Register a function that a tool of this package made, with a signature of its own.
        Gives the `Rule`.

        `module` is the name of the module that the rule belongs to, where it is not the function's.

        >>> Registry().add_rule(len, lambda _, x: (len(x), lambda dy: (NoTangent(), NoTangent())))
        ... # doctest: +ELLIPSIS
        <rule for len...
        """
        found = target_of(target)
        rule = self.rule_type(function, target, found.functor, frame)
        if signature is not None:
            rule.signature, rule._parameters = signature, []
        rule.opt_out = opt_out
        rule.is_non_differentiable = non_differentiable
        if module is not None:
            rule.built_in = is_library(module)
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
                    self._count += 1
                    table.change(r for r in table.rules if r is not rule)

    def _add(self, target: Any, rule: Rule) -> None:
        if target.key is getattr:
            rule.function = noting(rule.function)
        with self._lock:
            self._count += 1
            rule.order = self._count
            table = self._tables.get(target.key)
            if table is None:
                table = self._tables[target.key] = _Rules(target.keep)
            table.change([*table.rules, rule])
            listeners = list(self._listeners)
        if self._uses_library and not rule.built_in:
            carry(target.keep)
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


def carry(target: Any) -> None:
    """Have a function that pickle cannot find by its name take its rules along,
    to whichever process it is sent."""
    target = getattr(target, "__func__", target)
    if type(target) is types.FunctionType and (
        target.__module__ == "__main__" or "<" in target.__qualname__
    ):
        target.__dict__["__rrules__"] = Carried(target)  # functools.wraps copies that of another


class Carried:
    """The rules of a function, as an attribute of it: cloudpickle and dill send those along."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        rules = [rule for rule in rrule.rules_for(self.target) if not rule.built_in]
        return arrived, (self.target, rules)


def arrived(target: Any, rules: Iterable[Rule]) -> Carried:
    """Register the rules of a function that has come from another process,
    or is the copy of one."""
    if not rrule.rules_for(target):
        for rule in rules:
            rrule._add(target_of(target), rule)
    return Carried(target)


def _form_of(f: Any) -> Form | None:
    try:
        return FORMS.get(f)
    except TypeError:  # not hashable
        return None


rrule = Registry(library=True)


class OptOuts:
    """`no_rrule`: the calls that are to have no rule, though one would match.

    >>> no_rrule
    <opt-outs of rules>
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def register(self, target: Any, *signature: Any) -> Callable[[R], R]:
        """Opt out of the rules for a call that matches a signature;
        more specific rules still apply.

        `no_rrule.register(f, str, int)` gives the signature as types, `no_rrule.register(f)` opts
        out of all rules but those with annotations that match. As a decorator the function below
        gives it with its annotations, callee first, as for a rule, perhaps a config before it;
        it is never called.

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

    def __reduce__(self) -> Any:
        return "no_rrule" if self is no_rrule else (OptOuts, (self._registry,))


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
