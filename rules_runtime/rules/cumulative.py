"""Running products, and running sums that leave out not-a-numbers:
`numpy.cumprod`, `nancumsum`, `nancumprod`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, has_no_zero, primal
from rules_runtime.kernels.others import is_lazy, like
from rules_runtime.rules.reductions import along, running_sum_back


def running_product_adjoint(g: Any, y: Any, x: Any, axis: int) -> Any:
    """The first zero of a row stops what is before it, and gets what would be there without it."""
    if type(x) is np.ndarray and has_no_zero(x):
        whole, factors = (y, x) if x.dtype.kind == "f" else (np.conj(y), np.conj(x))
        return running_sum_back(g * whole, axis) / factors
    is_zero = primal(x) == 0
    zeros = np.cumsum(is_zero, axis=axis)
    if is_lazy(primal(x)):
        return _one_left_out(g, x, axis)
    if hasattr(type(x), "__traced_value__") and np.any(is_zero):
        return _one_left_out(g, x, axis)
    found = running_sum_back(g * np.conj(y), axis) / np.conj(np.where(is_zero, 1.0, x))
    if not np.any(is_zero):
        return found
    first = is_zero & (zeros == 1)
    without = np.cumprod(np.where(first, 1.0, x), axis=axis)
    of_first = running_sum_back(g * np.conj(without), axis)
    return np.where(first, of_first, np.where(zeros == 0, found, 0.0))


def _one_left_out(g: Any, x: Any, axis: int) -> Any:
    """The same for higher orders: every product without one of its factors, written out."""
    g, x = np.moveaxis(g, axis, -1), np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    without = np.cumprod(np.where(like(np.eye(n, dtype=bool), x), 1.0, x[..., None, :]), axis=-1)
    found = np.sum(np.triu(np.conj(without)) * g[..., None, :], axis=-1)
    return np.moveaxis(found, -1, axis)


def _without_nan(x: Any, fill: float) -> tuple[Any, Any]:
    mask = ~np.isnan(primal(x))
    return mask, np.where(mask, x, fill)


def _nancumsum_adjoint(g: Any, y: Any, a: Any, axis: int) -> Any:
    mask, _ = _without_nan(a, 0.0)
    return np.where(mask, running_sum_back(g, axis), 0.0)


def _nancumprod_adjoint(g: Any, y: Any, a: Any, axis: int) -> Any:
    mask, values = _without_nan(a, 1.0)
    return np.where(mask, running_product_adjoint(g, y, values, axis), 0.0)


derivative(np.cumprod, along(running_product_adjoint))
derivative(np.nancumsum, along(_nancumsum_adjoint), needs="0")
derivative(np.nancumprod, along(_nancumprod_adjoint))


if hasattr(np, "cumulative_sum"):  # the names of the array API
    derivative(np.cumulative_sum, along(lambda g, y, x, axis: running_sum_back(g, axis)), needs="")
    derivative(np.cumulative_prod, along(running_product_adjoint))
