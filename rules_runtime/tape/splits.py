"""Functions that cut a traced array into parts, as slices of it: a part that nobody uses costs
nothing, and an update of one in place is one of the array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .protocols import FAST_FUNCTIONS
from .tracer import Tracer


def _cut(x: Tracer, axis: int, lengths: list[int]) -> list[Any]:
    before = (slice(None),) * (axis % x.ndim)
    parts, start = [], 0
    for n in lengths:
        parts.append(x[(*before, slice(start, start + n))])
        start += n
    return parts


def _splitter(function: Callable[..., Any], axis_of: Callable[[int], int]) -> Callable[..., Any]:
    def call(args: Any, kwargs: Any) -> Any:
        if not args or type(args[0]) is not Tracer:
            return NotImplemented
        x, *rest = args
        value = np.broadcast_to(0.0, x.shape)
        parts = function(value, *rest, **kwargs)  # which checks the arguments, too
        axis = axis_of(value.ndim)
        if function in (np.split, np.array_split):
            axis = rest[1] if len(rest) > 1 else kwargs.get("axis", 0)
        lengths = [part.shape[axis] for part in parts]
        if sum(lengths) != value.shape[axis]:
            return NotImplemented  # indices that are not in order
        return _cut(x, axis, lengths)

    return call


def _unstack(args: Any, kwargs: Any) -> Any:
    x = args[0] if args else None
    if type(x) is not Tracer:
        return NotImplemented
    parts = np.unstack(np.broadcast_to(0.0, x.shape), **kwargs)
    before = (slice(None),) * (kwargs.get("axis", 0) % x.ndim)
    return tuple([x[(*before, k)] for k in range(len(parts))])


for _function, _axis in (
    (np.split, lambda ndim: 0),
    (np.array_split, lambda ndim: 0),
    (np.vsplit, lambda ndim: 0),
    (np.hsplit, lambda ndim: min(1, ndim - 1)),
    (np.dsplit, lambda ndim: 2),
):
    FAST_FUNCTIONS[_function] = _splitter(_function, _axis)
if hasattr(np, "unstack"):
    FAST_FUNCTIONS[np.unstack] = _unstack
