"""Rules of the functions that the tape makes of indexing and of updates in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import derivative
from ..kernels.broadcast import unbroadcast
from ..kernels.scatter import add_at, astype, is_basic, put, scatter

derivative(scatter, lambda g, y, x, index, shape, dtype: g[index], None, None, None, needs="1")


def _put_base(g: Any, y: Any, x: Any, index: Any, v: Any) -> Any:
    return put(g, index, 0.0)


def _put_value(g: Any, y: Any, x: Any, index: Any, v: Any) -> Any:
    dv = g[index]
    if not is_basic(index):
        dv = dv * _lasting(index, np.shape(y))
    return unbroadcast(dv, np.shape(v))


def _lasting(index: Any, shape: tuple[int, ...]) -> Any:
    """1 for what is still there after `x[index] = v`, 0 for what was overwritten:
    of places named twice the last counts."""
    places = np.full(shape, -1)
    numbers = np.arange(places[index].size).reshape(places[index].shape)
    places[index] = numbers
    return (places[index] == numbers).astype(float)


derivative(put, _put_base, None, _put_value, needs="1")
derivative(
    add_at,
    lambda g, y, x, index, v: g,
    None,
    lambda g, y, x, index, v: unbroadcast(g[index], np.shape(v)),
    needs="1",
)
derivative(
    astype,
    lambda g, y, x, dtype: astype(g, getattr(x, "dtype", None) or np.result_type(x)),
    None,
    needs="",
)
