"""Rules of the functions that the tape makes of indexing and of updates in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import derivative, quick
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
derivative(astype, lambda g, y, x, dtype: astype(g, _space(np.result_type(x), g)), None, needs="")


@quick(astype, kinds="dfDF")
def _astype(x: Any, dtype: Any) -> Any:
    y = x.astype(dtype)
    return (y, (_back_to, x.dtype)) if x.dtype.kind == "f" or y.dtype.kind == "c" else None


def _back_to(g: Any, dtype: Any) -> Any:
    is_plain = type(g) is np.ndarray and g.dtype.kind == "f"
    return g.astype(dtype) if is_plain else astype(g, dtype)


def _space(dtype: Any, g: Any) -> Any:
    """The dtype of the cotangents of an array of some dtype."""
    return dtype
