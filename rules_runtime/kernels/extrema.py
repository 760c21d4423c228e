"""The adjoint of a maximum or minimum: to the elements that attain it, in equal shares."""

from __future__ import annotations

from typing import Any

import numpy as np

ndarray = np.ndarray


def _unwrapped(x: Any) -> Any:
    while hasattr(type(x), "__traced_value__"):
        x = x.__traced_value__()
    return x


def extremum_cotangent(g: Any, x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """The cotangent of `x` from `g`, that of its extremum `y` over `axes` (kept as ones or not).

    Where no two elements are equal, which one comparison and one count tell, it is written into zeros.
    """
    shape = np.shape(x)
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    hits = _unwrapped(x) == np.reshape(_unwrapped(y), kept)
    g = np.reshape(g, kept)
    if np.count_nonzero(hits) == g.size:
        if type(g) is ndarray and axes == (len(shape) - 1,):
            out = np.zeros(shape, g.dtype)
            out.reshape(-1)[np.flatnonzero(hits)] = g.reshape(-1)
            return out
        return g * hits
    counts = np.sum(hits, axis=axes, keepdims=True)
    return g * (hits / np.maximum(counts, 1))
