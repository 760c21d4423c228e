"""Arrays as sets: `numpy.unique` and its kin.
A result goes back to the first of the elements that are equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.scatter import scatter
from rules_runtime.tangents import AbstractZero, ZeroTangent


def _at_first(g: Any, x: Any, axis: int | None = None) -> Any:
    """The cotangent of x where the result is its unique elements, or rows along an axis."""
    if isinstance(g, AbstractZero):
        return ZeroTangent()
    values = np.asarray(primal(x))
    numbers = np.arange(values.size).reshape(values.shape)
    _, first = np.unique(values, return_index=True, axis=axis)
    index = np.ravel(numbers)[first] if axis is None else np.take(numbers, first, axis)
    flat = scatter(np.reshape(g, (-1,)), index.ravel(), (values.size,), g.dtype)
    return np.reshape(flat, values.shape)


def unique_vjp(
    g: Any,
    y: Any,
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **options: Any,
) -> Any:
    several = return_index or return_inverse or return_counts
    return _at_first(g[0] if several else g, ar, axis)


derivative(np.unique, unique_vjp, needs="0")
for _name in ("unique_all", "unique_counts", "unique_inverse"):
    if _name in np.__dict__:
        derivative(np.__dict__[_name], lambda g, y, x: _at_first(g[0], x), needs="0")
if hasattr(np, "unique_values"):
    derivative(np.unique_values, lambda g, y, x: _at_first(g, x), needs="0")


def _union1d_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, ar1: Any, ar2: Any) -> Any:
        both = np.concatenate([np.ravel(primal(ar1)), np.ravel(primal(ar2))])
        whole = _at_first(g, both)
        cut = int(np.size(ar1))
        return np.reshape(whole[:cut] if which == 0 else whole[cut:], np.shape((ar1, ar2)[which]))

    return vjp


def _to_found(g: Any, y: Any, ar: Any) -> Any:
    """The cotangent of `ar`, whose first elements that are equal to
    those of the result went into it."""
    values, kept = np.asarray(primal(ar)), np.asarray(primal(y))
    flat = values.ravel()
    order = np.argsort(flat, kind="stable")
    at = np.searchsorted(flat, kept, sorter=order)
    found = at < flat.size
    found[found] = flat[order[at[found]]] == kept[found]
    flat_g = scatter(g[found], order[at[found]], (values.size,), g.dtype)
    return np.reshape(flat_g, values.shape)


def setdiff1d_vjp(g: Any, y: Any, ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    return _to_found(g, y, ar1)


def intersect1d_vjp(
    g: Any, y: Any, ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Of the two that are equal the first is the one that is returned."""
    if return_indices:
        g, y = g[0], y[0]
    return ZeroTangent() if isinstance(g, AbstractZero) else _to_found(g, y, ar1)


def _setxor1d_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
        return _to_found(g, y, (ar1, ar2)[which])

    return vjp


derivative(np.union1d, _union1d_vjp(0), _union1d_vjp(1), needs="01")
derivative(
    np.setdiff1d,
    setdiff1d_vjp,
    lambda g, y, ar1, ar2, assume_unique=False: ZeroTangent(),
    needs="y0",
)
derivative(
    np.intersect1d,
    intersect1d_vjp,
    lambda g, y, ar1, ar2, assume_unique=False, return_indices=False: ZeroTangent(),
    needs="y0",
)
derivative(np.setxor1d, _setxor1d_vjp(0), _setxor1d_vjp(1), needs="y01")
