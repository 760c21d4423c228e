"""`rrule_via_ad`: rules that call back into the AD that asked for them; and one that does,
`checkpoint`: what a call computes is not kept for the way back, but computed again there."""

from __future__ import annotations

import types
from typing import Any

from .callees import name_of
from .config import HasReverseMode, RuleConfig
from .errors import ConfigError
from .leaves import is_number, is_traced, take_apart
from .pullbacks import Handover, Pullback
from .registry import rrule
from .structure import zero_of
from .tangents import NoTangent
from .thunks import unthunk


def rrule_via_ad(
    config: RuleConfig[*tuple[Any, ...]],
    f: Any,
    /,
    *args: Any,
    skip_rule: bool = False,
    **kwargs: Any,
) -> Any:
    """`(y, pullback)` of any call, by the AD that `config` belongs to;
    the shape is that of `rrule`.

    A rule for a function that calls functions it was given uses this: it takes the config as its
    first parameter and asks the AD that called it. The pullback gives the tangent of `f` first,
    then one for each of `args`, all of them computed: a rule may go on with them as with arrays.

    With `skip_rule` the call itself goes by the code of `f`, though `f` has a rule: for a rule of
    `f` that adds something to what the AD would do. Calls within `f` have their rules.

    Raises `ConfigError` where the AD has no reverse mode,
    and `RuleError` where `skip_rule` finds no Python code.

    >>> from rules_runtime import TapeConfig
    >>> y, pullback = rrule_via_ad(TapeConfig(), lambda x: x * x, 3.0)
    >>> float(y), pullback(1.0)
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
    if skip_rule:
        from .tape.intercept import without_rule

        f = without_rule(f)
    result = config.rrule_via_ad(f, *args, **kwargs)
    if type(result) is not tuple or len(result) != 2 or not callable(result[1]):
        raise ConfigError(f"{type(config).__name__}.rrule_via_ad returned no (y, pullback)")
    y, pullback = result
    if isinstance(pullback, Pullback):
        return y, _Computed(pullback.inner, pullback.handover)
    n = 1 + len(args)
    name = f"{type(config).__name__}.rrule_via_ad of {name_of(f)}"
    return y, _Computed(pullback, Handover(name, zero_of(f), 0, n, n))


class _Computed(Pullback):
    """A pullback whose tangents are no thunks."""

    __slots__ = ()

    def __call__(self, dy: Any) -> tuple[Any, ...]:
        return tuple([unthunk(tangent) for tangent in super().__call__(dy)])


def differentiate(config: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `RuleConfig.rrule_via_ad` does: by a rule where there is one, else by the tape.

    >>> from rules_runtime import TapeConfig
    >>> differentiate(TapeConfig(), abs, (-2.0,), {})[1](1.0)
    (NoTangent(), -1.0)
    """
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


def checkpoint(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`f(*args, **kwargs)`; on the way back it is called again, so that only its arguments are
    kept and not what it computed.

    That costs a second run of `f`, which must give the same again, and saves the memory of all
    that happens within it. Where `f` reads traced values from the functions around it, nothing is
    saved: they are to be arguments.

    >>> from rules_runtime import gradient
    >>> gradient(lambda x: checkpoint(lambda y: y * y, x) + x, 3.0)
    (7.0,)
    """
    return f(*args, **kwargs)


@rrule.register(checkpoint)
def _rrule_checkpoint(
    config: RuleConfig[HasReverseMode], _: Any, f: Any, /, *args: Any, **kwargs: Any
) -> Any:
    y = f(*args, **kwargs)
    leaves: list[Any] = []
    take_apart(y, is_number, leaves)
    if any(map(is_traced, leaves)):
        # what f reads from around it is traced, and will not be any more when f is called again;
        # or this is a derivative of a derivative: it is differentiated as it stands
        return None

    def checkpoint_pullback(dy: Any) -> Any:
        return NoTangent(), *rrule_via_ad(config, f, *args, **kwargs)[1](dy)

    return y, checkpoint_pullback
