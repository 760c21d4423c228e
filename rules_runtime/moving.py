"""Values moved along their tangents: what `p - 0.1 * g` is for a structure `p`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .arithmetic import add
from .errors import TangentError
from .tangent_parts import parts_of_tangent
from .tangents import AbstractZero
from .tape.structures import is_leaf, numbered, parts, rebuild, spread
from .thunks import unthunk


def moved(x: Any, tangent: Any) -> Any:
    """`x + tangent`, of the type of `x`, for a structure;
    `NotImplemented` for what has no parts. Nothing is changed in place.

    An object that occurs twice in `x` occurs twice in the result, moved by the sum of its tangents.

    Raises `TangentError` where `tangent` is no tangent of `x`.

    >>> from rules_runtime import Tangent
    >>> moved({"a": 1.0, "n": 3}, Tangent[dict](a=0.5))
    {'a': 1.5, 'n': 3}
    """
    if parts(x) is None:
        return NotImplemented
    _check_parts(x, tangent)
    steps: dict[int, Any] = {}
    for number, step, _ in spread(numbered(x), tangent, x):
        steps[number] = add(steps.get(number), step)
    numbers = itertools.count()
    return rebuild(x, lambda leaf: _moved_number(leaf, steps.get(next(numbers))))


def _check_parts(x: Any, tangent: Any) -> None:
    """Raise where there is a tangent of what cannot be moved."""
    tangent = unthunk(tangent)
    if tangent is None or isinstance(tangent, AbstractZero) or is_leaf(x):
        return
    known = parts(x)
    if known is None:
        raise TangentError(f"a {type(x).__name__} cannot be moved: {x!r}")
    for key, part in parts_of_tangent(tangent, x, known, strict=True).items():
        _check_parts(known.get(key), part)


def _moved_number(x: Any, step: Any) -> Any:
    if step is None or isinstance(step, AbstractZero):
        return x
    y = x + step
    if np.shape(y) != np.shape(x):
        raise TangentError(
            f"an array of shape {np.shape(x)} cannot be moved by one of shape {np.shape(step)}"
        )
    if hasattr(type(y), "__traced_value__") or np.iscomplexobj(y) != np.iscomplexobj(x):
        return y
    if not hasattr(x, "shape") or isinstance(x, np.generic):
        return type(x)(y)
    if not hasattr(y, "astype") or isinstance(y, np.generic):  # of a 0-d array
        y = np.asarray(y)
    return y if y.dtype == x.dtype else y.astype(x.dtype)
