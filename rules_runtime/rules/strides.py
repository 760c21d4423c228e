"""`as_strided`: by where the elements lie in memory, for it knows nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rules_runtime.forms import primal
from rules_runtime.kernels.scatter import scatter
from rules_runtime.registry import rrule
from rules_runtime.tangents import NoTangent


def _offsets(shape: Any, strides: Any) -> Any:
    """How many bytes each element lies from the first."""
    total: Any = np.zeros((), np.intp)
    for n, step in zip(shape, strides, strict=True):
        total = total[..., None] + np.arange(n) * step
    return total


def _places(x: Any, shape: Any, strides: Any) -> Any:
    """The numbers of the elements of `x` that an array of this shape
    and these strides is made of."""
    mine, theirs = _offsets(x.shape, x.strides).ravel(), _offsets(shape, strides)
    order = np.argsort(mine, kind="stable")
    at = np.searchsorted(mine, theirs, sorter=order)
    found = order[np.minimum(at, mine.size - 1)] if mine.size else np.zeros(theirs.shape, int)
    if theirs.size and (not mine.size or np.any(mine[found] != theirs)):
        raise ValueError(
            "as_strided of a traced array reads memory that is none of its elements; np.lib.stride_tricks.sliding_window_view "
            "and np.broadcast_to cannot"
        )
    return found


def _layout(value: Any, shape: Any = None, strides: Any = None, *options: Any, **also: Any) -> Any:
    shape = value.shape if shape is None else tuple(np.atleast_1d(shape))
    return shape, value.strides if strides is None else tuple(np.atleast_1d(strides))


@rrule.register(as_strided)
def rrule_as_strided(_: Any, x: Any, *layout: Any, **also: Any) -> Any:
    value = primal(x)
    places = _places(value, *_layout(value, *layout, **also))

    def as_strided_pullback(dy: Any) -> Any:
        flat = scatter(np.reshape(dy, (-1,)), places.ravel(), (value.size,), value.dtype)
        return NoTangent(), np.reshape(flat, value.shape), *([NoTangent()] * len(layout))

    return as_strided(x, *layout, **also), as_strided_pullback
