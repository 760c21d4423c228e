"""Evenly spaced numbers, tables of powers: `numpy.linspace`, `geomspace`, `logspace`, `vander`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.kernels.others import like
from rules_runtime.tangents import AbstractZero

# -- from one number to another --------------------------------------------------------------------


def _shares(num: int, endpoint: bool, ndim: int) -> Any:
    """How far each of `num` numbers is on the way, along the first of 1 + ndim axes."""
    steps = max(num - 1 if endpoint else num, 1)
    return (np.arange(num) / steps).reshape((-1,) + (1,) * ndim)


def _linspace_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        retstep: bool = False,
        dtype: Any = None,
        axis: int = 0,
        *,
        device: Any = None,
    ) -> Any:
        points, step = (g[0], g[1]) if retstep else (g, None)
        ndim = max(np.ndim(start), np.ndim(stop))
        found: Any = 0.0
        if not isinstance(points, AbstractZero):
            t = _shares(num, endpoint, ndim)
            found = np.sum(np.moveaxis(points, axis, 0) * (1 - t if which == 0 else t), axis=0)
        if step is not None and not isinstance(step, AbstractZero):
            per_step = step / max(num - 1 if endpoint else num, 1)
            found = found + (per_step if which else -per_step)
        return unbroadcast(found, np.shape((start, stop)[which]))

    return vjp


def _logspace_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        base: Any = 10.0,
        dtype: Any = None,
        axis: int = 0,
    ) -> Any:
        shape = np.broadcast_shapes(np.shape(start), np.shape(stop), np.shape(base))
        t = _shares(num, endpoint, len(shape))
        g, y = np.moveaxis(g, axis, 0), np.moveaxis(y, axis, 0)
        if which == 2:
            exponent = start + (stop - start) * t
            found = g * np.conj(exponent * y / base)
        else:
            found = g * np.conj(y * np.log(base)) * (t if which else 1 - t)
        return unbroadcast(np.sum(found, axis=0), np.shape((start, stop, base)[which]))

    return vjp


def _geomspace_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        dtype: Any = None,
        axis: int = 0,
    ) -> Any:
        t = _shares(num, endpoint, max(np.ndim(start), np.ndim(stop)))
        end = (start, stop)[which]
        share = t if which else 1 - t
        moved = np.moveaxis(g, axis, 0) * np.conj(np.moveaxis(y, axis, 0) / end) * share
        return unbroadcast(np.sum(moved, axis=0), np.shape(end))

    return vjp


derivative(np.linspace, _linspace_vjp(0), _linspace_vjp(1), needs="")
derivative(np.logspace, _logspace_vjp(0), _logspace_vjp(1), None, None, _logspace_vjp(2))
derivative(np.geomspace, _geomspace_vjp(0), _geomspace_vjp(1))


# -- powers ----------------------------------------------------------------------------------------


def vander_vjp(g: Any, y: Any, x: Any, N: int | None = None, increasing: bool = False) -> Any:
    n = x.shape[0] if N is None else N
    exponents = like(np.arange(n) if increasing else np.arange(n)[::-1], x)
    lower = np.maximum(exponents - 1, 0)
    slopes = exponents * np.power(x[:, None], lower)
    return np.sum(g * np.conj(slopes), axis=1)


derivative(np.vander, vander_vjp, needs="0")
