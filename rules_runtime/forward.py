"""The forward mode: `frule`, `frule_via_ad`, `no_frule`, `jvp`, `hvp`.

An frule gives the value of a function and how it moves when the arguments do. Where nobody
registered one, the rrule of the call serves: its pullback is transposed (`tape.transpose`). So does
the tape, for what has no rule.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from .callees import call_of, name_of
from .config import HasForwardMode, RuleConfig
from .errors import ConfigError, RuleError
from .explaining import Explanation
from .readonly import read_only
from .registry import OptOuts, Registry, rrule
from .rule import Rule
from .structure import zero_tangent
from .tangents import AbstractZero, NoTangent
from .tape import TapeConfig, gradient, trace_pullback, vjp
from .tape.intercept import without_rule
from .tape.transpose import pushforward
from .thunks import unthunk


class ForwardRule(Rule):
    """A registered frule."""

    __slots__ = ()
    takes_tangents = True

    def push(self, config: Any, tangents: tuple[Any, ...], call: Any, kwargs: Any) -> Any:
        """`(y, dy)` of a call that this rule applies to; `None` where the rule declines."""
        if call.bound and not self.functor:
            tangents = (NoTangent(), *tangents)
        elif self.functor and not call.bound:
            tangents = tangents[1:]
        given = [read_only(x) for x in call.args]
        if not self.functor:
            given.insert(0, call.function)
        lead = (config, tangents) if self.takes_config else (tangents,)
        result = self.function(*lead, *given, **kwargs)
        if result is not None and (type(result) is not tuple or len(result) != 2):
            raise RuleError(f"{self}, an frule, returned no (y, dy)")
        return result


class ForwardRegistry(Registry):
    """A table of frules, called as `frule` is. There is one default instance.

    >>> registry = ForwardRegistry()
    >>> @registry.register(abs)
    ... def frule_abs(tangents, _, x: float):
    ...     return abs(x), tangents[1] if x > 0 else -tangents[1]
    >>> registry((None, 1.0), abs, -2.0)
    (2.0, -1.0)
    """

    rule_type = ForwardRule

    def __call__(self, /, *call: Any, **kwargs: Any) -> Any:
        """`frule((df, *dargs), f, *args, **kwargs)`, with a config before it or not:
        `(y, dy)`, or `None`.

        `df` and `dargs` are the tangents of `f` (of a bound method: of its instance) and of each of
        `args`; `None` is a zero. `dy` is that of `y`. Of a function that has an rrule alone it is
        the transpose of its pullback.

        Raises `AmbiguousRuleError`, `RuleError` where the rule returns something else, and
        `TangentError` for what is no tangent of its argument.

        >>> import numpy as np
        >>> y, dy = frule((None, 1.0, 10.0), np.multiply, 2.0, 3.0)
        >>> float(y), float(dy)
        (6.0, 23.0)
        """
        config = None
        if call and isinstance(call[0], RuleConfig):
            config, *call = call  # type: ignore[assignment]
        if len(call) < 2 or not isinstance(call[0], (tuple, list)):
            raise TypeError("frule((df, *dargs), f, *args): the tangents come first, then f")
        return self.push(config, _tangents(call), call[1], tuple(call[2:]), kwargs)

    def push(
        self,
        config: Any,
        tangents: tuple[Any, ...],
        f: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """`frule(config, tangents, f, *args, **kwargs)`, with `None` for no config.

        >>> frule.push(None, (None, None), print, ("no rule",), {}) is None
        True
        """
        call = call_of(f, args, self._tables)
        rule = self._find(config, call, kwargs)
        if isinstance(rule, ForwardRule):
            return None if rule.opt_out else rule.push(config, tangents, call, kwargs)
        found = rrule.apply(config, f, args, kwargs)
        return None if found is None else _pushed(found, tangents, f, args)

    def explain(self, /, *call: Any, **kwargs: Any) -> Explanation:
        """As `rrule.explain`, without tangents;
        of a call with no frule it explains the rrule of which one is derived.

        >>> frule.explain(print, 1.0).used
        ''
        """
        own = super().explain(*call, **kwargs)
        return own if own.used else rrule.explain(*call, **kwargs)

    def register(self, target: Any) -> Callable[[Any], Any]:
        """`@frule.register(target)` on a function `(tangents, callee, *args) -> (y, dy)`, or
        `(config, tangents, callee, *args)`.

        `tangents` has one tangent for the callee and one for each positional argument. Everything
        else is as with `rrule.register`.

        >>> ForwardRegistry().register(abs)  # doctest: +ELLIPSIS
        <function ...
        """
        return super().register(target)


def _tangents(call: Sequence[Any]) -> tuple[Any, ...]:
    """The tangents of a call `(tangents, f, *args)`, one for `f` and one for each argument."""
    given = tuple(NoTangent() if v is None else unthunk(v) for v in call[0])
    if len(given) != len(call) - 1:
        raise TypeError(
            f"{len(given)} tangents for {name_of(call[1])} and {len(call) - 2} arguments: one for the function comes first"
        )
    return given


def _pushed(found: Any, tangents: tuple[Any, ...], f: Any, args: tuple[Any, ...]) -> Any:
    """`(y, dy)` from `(y, pullback)`."""
    y, pullback = found
    if type(f) is types.MethodType and not isinstance(f.__self__, type):
        f = f.__self__
    return y, pushforward(y, pullback, (f, *args), tangents)


frule = ForwardRegistry()

no_frule = OptOuts(frule)


def frule_via_ad(
    config: RuleConfig[*tuple[Any, ...]],
    tangents: Any,
    f: Any,
    /,
    *args: Any,
    skip_rule: bool = False,
    **kwargs: Any,
) -> Any:
    """`(y, dy)` of any call, by the AD that `config` belongs to; the shape is that of `frule`.

    `skip_rule` is as with `rrule_via_ad`.

    Raises `ConfigError` where the AD has no forward mode.

    >>> y, dy = frule_via_ad(TapeConfig(), (None, 1.0), lambda x: x * x, 3.0)
    >>> float(y), float(dy)
    (9.0, 6.0)
    """
    if not isinstance(config, RuleConfig):
        raise ConfigError(
            f"frule_via_ad(config, tangents, f, *args) takes the rule's config first, not {config!r}"
        )
    if skip_rule:
        f = without_rule(f)
    return config.frule_via_ad(_tangents((tangents, f, *args)), f, *args, **kwargs)


def differentiate(
    config: Any, tangents: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What `RuleConfig.frule_via_ad` does:
    by an frule or an rrule where there is one, else by the tape.

    >>> y, dy = differentiate(TapeConfig(), (None, 1.0), lambda x: x * x, (3.0,), {})
    >>> float(dy)
    6.0
    """
    if not config.has(HasForwardMode):
        raise ConfigError(
            f"{type(config).__name__} has no forward mode to call back into (HasForwardMode)"
        )
    found = frule.push(config, tangents, f, args, kwargs)
    if found is not None:
        return found
    if type(f) is types.MethodType and not isinstance(f.__self__, type):
        f, args = f.__func__, (f.__self__, *args)
        tangents = (NoTangent(), *tangents)
    return _pushed(trace_pullback(config, f, args, kwargs), tangents, f, args)


def jvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, Any]:
    """`(y, dy)`: the value `f(*xs)`, and how it moves where each
    argument moves along its tangent in `vs`.

    Tangents are numbers and arrays of the shape of their argument, `Tangent`s or plain containers
    for structures, and `NoTangent()`, `ZeroTangent()` or `None` for what does not move. `dy` is as
    long as `y`, zeros written out.

    It is one pass forwards and one back, and the transpose of that. An frule of `f` itself is used;
    functions that `f` calls are differentiated by their rrules.

    Raises `TangentError` where a tangent does not belong to its argument,
    and whatever `pullback` does.

    >>> y, dy = jvp(lambda x, n: x**n, (3.0, 2), (1.0, None))
    >>> float(y), float(dy)
    (9.0, 6.0)
    """
    y, dy = frule_via_ad(TapeConfig(), (None, *vs), f, *xs)
    dy = unthunk(dy)
    return y, zero_tangent(y) if isinstance(dy, AbstractZero) else dy


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of `f` at `x` times the tangent `v`:
    the gradient of the gradient along `v`, without the matrix.

    `f` gives one real number. Of a structure the result is a `Tangent`.

    >>> import numpy as np
    >>> hvp(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([4., 2.])
    """
    # the Hessian is its own transpose, so the way back is as good as the way forwards, and shorter
    return vjp(lambda x: gradient(f, x, argnums=0), (x,), v)[1][0]


__all__ = ["differentiate", "frule", "frule_via_ad", "hvp", "jvp", "no_frule"]
