"""Rules of the functions that the tape makes of indexing and of updates in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import derivative
from ..kernels.broadcast import unbroadcast
from ..kernels.scatter import add_at, astype, put, scatter

derivative(scatter, lambda g, y, x, index, shape, dtype: g[index], None, None, None, needs="1")


def _put_base(g: Any, y: Any, x: Any, index: Any, v: Any) -> Any:
    return put(g, index, 0.0)


def _put_value(g: Any, y: Any, x: Any, index: Any, v: Any) -> Any:
    return unbroadcast(g[index], np.shape(v))


derivative(put, _put_base, None, _put_value, needs="1")
derivative(
    add_at,
    lambda g, y, x, index, v: g,
    None,
    lambda g, y, x, index, v: unbroadcast(g[index], np.shape(v)),
    needs="1",
)
derivative(astype, lambda g, y, x, dtype: astype(g, _space(x.dtype, g)), None, needs="")


def _space(dtype: Any, g: Any) -> Any:
    """The dtype of the cotangents of an array of some dtype."""
    return dtype
