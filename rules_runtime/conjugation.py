"""`@unconjugated`: rules of ADs that pair complex cotangents without conjugation.

Here the cotangent of a complex `z` is `dL/dx + i dL/dy` of its parts, and a pullback applies the
adjoint of the Jacobian, which conjugates. HIPS autograd and JAX apply its transpose to the
conjugated cotangent. A rule that was written for them is right here between two conjugations. Real
values are their own conjugates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .tangents import AbstractZero, NotImplementedTangent, Tangent
from .thunks import InplaceableThunk, Thunk


def unconjugated(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, whose pullback takes and gives complex cotangents as HIPS autograd's and JAX's do.

    It stands below `@rrule.register(f)`. Thunks stay thunks, parts of a `Tangent` are conjugated
    each; real numbers and zeros pass.

    >>> from rules_runtime import NoTangent, rrule
    >>> def square(z): return z * z
    >>> @rrule.register(square)
    ... @unconjugated
    ... def rrule_square(_, z):
    ...     return square(z), lambda g: (NoTangent(), g * 2 * z)
    >>> print(rrule(square, 1j)[1](1.0)[1])
    -2j
    """

    @functools.wraps(rule)
    def paired(*args: Any, **kwargs: Any) -> Any:
        result = rule(*args, **kwargs)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            return result  # none for this call, or a mistake that the registry names
        y, back = result

        @functools.wraps(back)
        def unconjugated_pullback(dy: Any) -> Any:
            tangents = back(_conjugate(dy))
            return tuple(map(_conjugate, tangents)) if isinstance(tangents, tuple) else tangents

        return y, unconjugated_pullback

    return paired


def _conjugate(t: Any) -> Any:
    if isinstance(t, InplaceableThunk):
        return InplaceableThunk(lambda total: _add_to(total, t), lambda: _conjugate(t.unthunk()))
    if isinstance(t, Thunk):
        return Thunk(lambda: _conjugate(t.unthunk()))
    if isinstance(t, Tangent):
        return t.map(_conjugate)
    if t is None or isinstance(t, (AbstractZero, NotImplementedTangent)):
        return t
    return np.conj(t) if np.iscomplexobj(t) else t


def _add_to(total: Any, t: InplaceableThunk) -> Any:
    if not np.iscomplexobj(total):
        return t.add_to(total)
    total += _conjugate(t.unthunk())
    return total
