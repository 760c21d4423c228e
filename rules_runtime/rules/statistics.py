"""Weighted means, covariance and correlation: `numpy.average`, `cov`, `corrcoef`; `ptp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.broadcast import expand, normal_axes
from rules_runtime.kernels.extrema import extremum_cotangent
from rules_runtime.kernels.others import as_array, like
from rules_runtime.kernels.products import adjoint
from rules_runtime.rules.linalg_spectral import diagonal_matrix
from rules_runtime.tangents import AbstractZero

_DEFAULT: Any = getattr(np, "_NoValue", None)


# -- averages --------------------------------------------------------------------------------------


def _spread_weights(weights: Any, shape: tuple[int, ...], axes: tuple[int, ...], axis: Any) -> Any:
    """Weights, shaped to broadcast against the array."""
    if weights is None:
        return np.ones((1,) * len(shape))
    if np.shape(weights) == shape:
        return weights
    given = axes if isinstance(axis, tuple) else (axis,)
    weights = np.transpose(weights, tuple(np.argsort(given)))
    return np.reshape(weights, tuple(n if k in axes else 1 for k, n in enumerate(shape)))


def _average_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        axis: Any = None,
        weights: Any = None,
        returned: bool = False,
        *,
        keepdims: Any = False,
    ) -> Any:
        shape = np.shape(a)
        axes = normal_axes(axis, len(shape))
        w = like(_spread_weights(weights, shape, axes, axis), a)
        total = np.sum(w + like(np.zeros(shape), a), axis=axes, keepdims=True)
        mean_g, total_g = (g[0], g[1]) if returned else (g, None)
        found: Any = 0.0
        if not isinstance(mean_g, AbstractZero):
            mean = expand(y[0] if returned else y, shape, axes)
            share = expand(mean_g, shape, axes) / np.conj(total)
            found = share * np.conj(w if which == 0 else a - mean)
        if which == 1 and total_g is not None and not isinstance(total_g, AbstractZero):
            found = found + expand(total_g, shape, axes)
        if which == 0:
            return found + like(np.zeros(shape), a) if np.shape(found) != shape else found
        return _summed_to_weights(found, weights, axes, axis)

    return vjp


def _summed_to_weights(found: Any, weights: Any, axes: tuple[int, ...], axis: Any) -> Any:
    if np.shape(found) == np.shape(weights):
        return found
    found = np.sum(found, axis=tuple(k for k in range(found.ndim) if k not in axes))
    if isinstance(axis, tuple):
        found = np.transpose(found, tuple(np.argsort(np.argsort(axes))))
    return found


derivative(np.average, _average_vjp(0), None, _average_vjp(1))


def ptp_vjp(
    g: Any, y: Any, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    axes = normal_axes(axis, np.ndim(a))
    high, low = (f(primal(a), axis=axes, keepdims=True) for f in (np.max, np.min))
    return extremum_cotangent(g, a, high, axes) - extremum_cotangent(g, a, low, axes)


derivative(np.ptp, ptp_vjp, needs="0")


# -- covariance ------------------------------------------------------------------------------------


class _Observations:
    """The variables of `cov` as rows, their weights, and the way back to the arguments."""

    def __init__(self, m: Any, y: Any, rowvar: Any, bias: Any, ddof: Any, fw: Any, aw: Any) -> None:
        self.parts = (m, y)
        self.rowvar = rowvar
        rows = [self.as_rows(part) for part in self.parts if part is not None]
        self.x = np.concatenate(rows, axis=0) if len(rows) > 1 else rows[0]
        self.split = rows[0].shape[0]
        n = self.x.shape[1]
        self.ddof = (0 if bias else 1) if ddof is None else ddof
        self.times = like(np.ones(n), self.x) if fw is None else as_array(fw) * 1.0
        self.aweights = None if aw is None else np.asarray(aw) * 1.0
        w = self.times if aw is None else self.times * self.aweights
        self.total = total = np.sum(w)
        if self.ddof == 0 or aw is None:
            self.factor = total - self.ddof
        else:
            self.factor = total - self.ddof * np.sum(w * self.aweights) / total
        self.weights, self.shares = w, w / total
        self.apart = self.x - np.sum(self.x * self.shares, axis=1, keepdims=True)

    def as_rows(self, part: Any) -> Any:
        if np.ndim(part) < 2:
            return np.reshape(part, (1, -1))
        return part if self.rowvar or np.shape(part)[0] == 1 else np.transpose(part)

    def adjoint(self, g: Any, which: int) -> Any:
        """The cotangent of one argument from that of the square matrix of covariances."""
        moved = (g + adjoint(g)) @ (self.apart * self.weights) / self.factor
        moved = moved - np.sum(moved, axis=1, keepdims=True) * self.shares
        part = self.parts[which]
        rows = moved[: self.split] if which == 0 else moved[self.split :]
        if np.ndim(part) < 2:
            return np.reshape(rows, np.shape(part))
        return rows if self.rowvar or np.shape(part)[0] == 1 else np.transpose(rows)

    def weights_adjoint(self, g: Any) -> Any:
        """The cotangent of `aweights`: by the sum of products,
        and by the factor that it is divided by.

        The weighted mean moves too, but the deviations from it have the weighted sum zero.
        """
        a: Any = self.aweights
        of_products = np.sum(np.real(np.conj(self.apart) * (g @ self.apart)), axis=0)
        of_factor = np.sum(of_products * self.weights) / self.factor
        share = np.sum(self.weights * a) / self.total
        slope = 1.0 - self.ddof * (2.0 * a - share) / self.total if self.ddof else 1.0
        return self.times * (of_products - of_factor * slope) / self.factor


def _cov_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        c: Any,
        m: Any,
        y: Any = None,
        rowvar: Any = True,
        bias: Any = False,
        ddof: Any = None,
        fweights: Any = None,
        aweights: Any = None,
        *,
        dtype: Any = None,
    ) -> Any:
        data = _Observations(m, y, rowvar, bias, ddof, fweights, aweights)
        n = data.x.shape[0]
        g = np.reshape(g, (n, n))
        return data.weights_adjoint(g) if which == 6 else data.adjoint(g, which)

    return vjp


def _corrcoef_vjp(which: int) -> Any:
    def vjp(
        g: Any, r: Any, x: Any, y: Any = None, rowvar: Any = True, *ignored: Any, **also: Any
    ) -> Any:
        data = _Observations(x, y, rowvar, False, None, None, None)
        n = data.x.shape[0]
        g, r = np.reshape(g, (n, n)), np.reshape(r, (n, n))
        scaled = data.apart @ adjoint(data.apart) / data.factor
        variances = np.real(np.diagonal(scaled))
        spread = np.sqrt(variances)
        both = np.real(np.conj(g) * r)
        shrink = (np.sum(both, axis=0) + np.sum(both, axis=1)) / (2 * variances)
        inner = g / (spread[:, None] * spread[None, :]) - diagonal_matrix(shrink)
        return data.adjoint(inner, which)

    return vjp


derivative(np.cov, _cov_vjp(0), _cov_vjp(1), *(None,) * 4, _cov_vjp(6), needs="0156")
derivative(np.corrcoef, _corrcoef_vjp(0), _corrcoef_vjp(1))
