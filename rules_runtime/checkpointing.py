"""`checkpoint`: what a call computes is not kept for the way back, but computed again there."""

from __future__ import annotations

from typing import Any

from .config import HasReverseMode, RuleConfig
from .leaves import is_number, is_traced, take_apart
from .registry import rrule
from .tangents import NoTangent
from .via_ad import rrule_via_ad


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


__all__ = ["checkpoint"]
