"""Rules derived from static forms: what the registry falls back to where nobody registered a rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from .forms import Form, Unknown
from .kernels.broadcast import unbroadcast
from .projection import ProjectTo
from .pullbacks import Handover, Pullback
from .structure import can_be_perturbed
from .tangents import NoTangent, NotImplementedTangent
from .thunks import unthunk

_no_tangent = NoTangent()


def call_form(form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` of a call of a function that has a static form; the tangents are projected."""
    y = form.forward(*args, **kwargs)
    vjps = form.vjps

    def pullback(dy: Any) -> tuple[Any, ...]:
        tangents: list[Any] = [_no_tangent]
        for k, x in enumerate(args):
            vjp = vjps[k] if k < len(vjps) else None
            tangents.append(_no_tangent if vjp is None else _fitted(vjp, x, dy, y, args, kwargs))
        return tuple(tangents)

    count = 1 + len(args)
    return y, Pullback(pullback, Handover(form, _no_tangent, 0, count, count))


def _fitted(
    vjp: Any, x: Any, dy: Any, y: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The cotangent of one argument: a zero where it cannot be perturbed, else summed to its shape and projected."""
    if not can_be_perturbed(x) and not hasattr(type(x), "__traced_value__"):
        return _no_tangent
    if isinstance(vjp, Unknown):
        return NotImplementedTangent(vjp.why)
    dx = vjp(dy, y, *args, **kwargs)
    if not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return ProjectTo(x)(dx)
    return ProjectTo(x)(unbroadcast(unthunk(dx), np.shape(x)))
