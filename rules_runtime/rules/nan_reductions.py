"""Reductions that leave out not-a-numbers:
`numpy.nansum`, `nanmean`, `nanvar`, `nanmax` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.broadcast import expand, normal_axes
from rules_runtime.kernels.others import as_array
from rules_runtime.rules.reductions import prod_vjp

_DEFAULT: Any = getattr(np, "_NoValue", None)


def _is_number(a: Any, where: Any) -> Any:
    """Which values take part: those that are numbers, and chosen by `where`."""
    mask = ~np.isnan(as_array(primal(a)))
    return mask if where is _DEFAULT or where is True else mask & where


class _Rows:
    """What a reduction over `axis` needs: the mask, how many values take part, and the way back."""

    def __init__(self, a: Any, axis: Any, where: Any) -> None:
        self.shape = np.shape(a)
        self.axes = normal_axes(axis, len(self.shape))
        self.mask = _is_number(a, where)
        self.count = np.sum(self.mask, axis=self.axes, keepdims=True)
        self.values = np.where(self.mask, a, 0.0)

    def back(self, g: Any) -> Any:
        """A cotangent of the result, repeated along the axes."""
        return expand(g, self.shape, self.axes)

    def total(self, x: Any) -> Any:
        return np.sum(x, axis=self.axes, keepdims=True)


def _reduction(adjoint: Callable[[Any, _Rows], Any]) -> Callable[..., Any]:
    """The rule of a reduction from ``adjoint(g, rows)``, in which g is repeated."""

    def vjp(
        g: Any,
        y: Any,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = _DEFAULT,
        where: Any = _DEFAULT,
    ) -> Any:
        rows = _Rows(a, axis, where)
        return np.where(rows.mask, adjoint(rows.back(g), rows), 0.0)

    return vjp


def nanprod_vjp(
    g: Any,
    y: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = _DEFAULT,
    where: Any = _DEFAULT,
) -> Any:
    """Not-a-numbers count as ones."""
    mask = _is_number(a, where)
    start = 1 if initial is _DEFAULT else initial
    ones = np.where(mask, a, 1.0)
    return np.where(mask, prod_vjp(g, y, ones, axis, initial=start), 0.0)


derivative(np.nansum, _reduction(lambda g, rows: g), needs="0")
derivative(np.nanmean, _reduction(lambda g, rows: g / np.maximum(rows.count, 1)), needs="0")
derivative(np.nanprod, nanprod_vjp)


# -- spread ----------------------------------------------------------------------------------------


def _spread_vjp(adjoint: Callable[..., Any]) -> Callable[..., Any]:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = False,
        *,
        where: Any = _DEFAULT,
        mean: Any = _DEFAULT,
        correction: Any = _DEFAULT,
    ) -> Any:
        rows = _Rows(a, axis, where)
        freedom = rows.count - (ddof if correction is _DEFAULT else correction)
        if mean is _DEFAULT:
            mean = rows.total(rows.values) / np.maximum(rows.count, 1)
        apart = np.where(rows.mask, rows.values - mean, 0.0) / np.where(freedom > 0, freedom, 1)
        return adjoint(rows.back(g), y, rows, apart)

    return vjp


def _std_adjoint(g: Any, y: Any, rows: _Rows, apart: Any) -> Any:
    y = rows.back(y)
    still = primal(y) == 0
    return np.where(still, 0.0, g / np.where(still, 1.0, y)) * apart


derivative(np.nanvar, _spread_vjp(lambda g, y, rows, apart: 2 * g * apart), needs="0")
derivative(np.nanstd, _spread_vjp(_std_adjoint))
