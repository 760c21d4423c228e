"""Rules derived from static forms: what the registry falls back to
where nobody registered a rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from .forms import Form, Unknown
from .kernels.broadcast import unbroadcast
from .projection import ProjectTo
from .pullbacks import Handover, Pullback
from .structure import can_be_perturbed
from .tangents import AbstractZero, NoTangent, NotImplementedTangent
from .thunks import Thunk, unthunk

_no_tangent = NoTangent()


def call_form(form: Form, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`(y, pullback)` of a call of a function that has a static form; the tangents are projected.

    Where several arguments can be perturbed, the tangents of a call with arrays are thunks. Of a
    single one the pullback would not be called if nobody wanted it,
    and numbers cost less than their thunks.
    """
    if form.of_complex is not None and np.iscomplexobj(args[0]):
        form = form.of_complex
    y = form.forward(*args, **kwargs)
    vjps = form.vjps

    def pullback(dy: Any) -> tuple[Any, ...]:
        tangents: list[Any] = [_no_tangent] * (1 + len(args))
        live = [k for k, vjp in enumerate(vjps[: len(args)]) if vjp and _is_active(args[k])]
        lazy = len(live) > 1 and not isinstance(y, (float, complex, np.generic))
        together: Any = None
        if form.joint is not None and len(live) > 1:
            together = Thunk(lambda: form.joint(dy, y, *args, **kwargs))  # type: ignore[misc]
        for k in live:
            vjp: Any = vjps[k]
            if isinstance(vjp, Unknown):
                tangents[k + 1] = NotImplementedTangent(vjp.why)
                continue

            def tangent(k: int = k, vjp: Any = vjp) -> Any:
                dx = vjp(dy, y, *args, **kwargs) if together is None else unthunk(together)[k]
                return _fitted(dx, args[k])

            tangents[k + 1] = Thunk(tangent) if lazy else tangent()
        return tuple(tangents)

    count = 1 + len(args)
    return y, Pullback(pullback, Handover(form, _no_tangent, 0, count, count))


def _is_active(x: Any) -> bool:
    return can_be_perturbed(x) or hasattr(type(x), "__traced_value__")


def _fitted(dx: Any, x: Any) -> Any:
    """The cotangent of one argument, summed to its shape and projected."""
    if isinstance(dx, AbstractZero):
        return dx
    if not isinstance(x, (np.ndarray, np.generic, float, complex)):
        return ProjectTo(x)(dx)
    return ProjectTo(x)(unbroadcast(unthunk(dx), np.shape(x)))
