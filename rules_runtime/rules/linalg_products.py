"""Products of matrices beyond `matmul`: `multi_dot`, `matrix_power`, `cross`,
and tensor equations."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from rules_runtime.forms import derivative
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.kernels.products import adjoint

# -- chains ----------------------------------------------------------------------------------------


def multi_dot_vjp(g: Any, y: Any, arrays: Any, *, out: Any = None) -> Any:
    """Each factor gets what the product of those before and of
    those behind it make of the cotangent."""
    rows = arrays[0] if arrays[0].ndim == 2 else arrays[0][None, :]
    columns = arrays[-1] if arrays[-1].ndim == 2 else arrays[-1][:, None]
    chain = [rows, *arrays[1:-1], columns]
    g = np.reshape(g, (rows.shape[0], columns.shape[1]))
    found = []
    for k, factor in enumerate(arrays):
        dx = g
        if k:
            dx = adjoint(functools.reduce(np.matmul, chain[:k])) @ dx
        if k + 1 < len(chain):
            dx = dx @ adjoint(functools.reduce(np.matmul, chain[k + 1 :]))
        found.append(np.reshape(dx, factor.shape))
    return found


derivative(np.linalg.multi_dot, multi_dot_vjp, needs="0")


def matrix_power_vjp(g: Any, y: Any, a: Any, n: int) -> Any:
    """The power of ``[[a, g], [0, a]]`` has the sum of all ``a^i g a^(n-1-i)`` in its corner."""
    if n == 0:
        return np.zeros(a.shape, g.dtype)
    if n < 0:
        inverse = np.linalg.inv(a)
        back = adjoint(inverse)
        return -(back @ matrix_power_vjp(g, y, inverse, -n) @ back)
    ah, size = adjoint(a), a.shape[-1]
    top = np.concatenate([ah, g], axis=-1)
    bottom = np.concatenate([np.zeros_like(g), ah], axis=-1)
    power = np.linalg.matrix_power(np.concatenate([top, bottom], axis=-2), n)
    return power[..., :size, size:]


derivative(np.linalg.matrix_power, matrix_power_vjp, needs="0")


# -- cross -----------------------------------------------------------------------------------------


def _three(x: Any) -> Any:
    """Vectors of the plane with a third component 0; the last axis holds the components."""
    if x.shape[-1] == 3:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1)


def _cross_vjp(which: int) -> Any:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        b: Any,
        axisa: int = -1,
        axisb: int = -1,
        axisc: int = -1,
        axis: int | None = None,
    ) -> Any:
        if axis is not None:
            axisa = axisb = axisc = axis
        a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
        if a.shape[-1] == b.shape[-1] == 2:
            g = g[..., None] * np.array([0.0, 0.0, 1.0])
        else:
            g = np.moveaxis(g, axisc, -1)
        mine, other = (a, b) if which == 0 else (b, a)
        product = np.cross(np.conj(_three(other)), g)
        found = product if which == 0 else -product
        found = unbroadcast(found[..., : mine.shape[-1]], mine.shape)
        return np.moveaxis(found, -1, axisa if which == 0 else axisb)

    return vjp


derivative(np.cross, _cross_vjp(0), _cross_vjp(1), needs="01")


def _linalg_cross_vjp(which: int) -> Any:
    rule = _cross_vjp(which)

    def vjp(g: Any, y: Any, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        return rule(g, y, x1, x2, axis=axis)

    return vjp


if hasattr(np.linalg, "cross"):
    derivative(np.linalg.cross, _linalg_cross_vjp(0), _linalg_cross_vjp(1), needs="01")


# -- tensor equations ------------------------------------------------------------------------------


def tensorinv_vjp(g: Any, y: Any, a: Any, ind: int = 2) -> Any:
    size = int(np.prod(np.shape(a)[ind:]))
    inverse, g = np.reshape(y, (size, size)), np.reshape(g, (size, size))
    return np.reshape(-(adjoint(inverse) @ g @ adjoint(inverse)), np.shape(a))


def _tensorsolve_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, a: Any, b: Any, axes: Any = None) -> Any:
        order = list(range(a.ndim))
        if axes is not None:
            order = [k for k in order if k not in axes] + list(axes)
        moved = np.transpose(a, order)
        n = np.size(b)
        solved = np.linalg.solve(adjoint(np.reshape(moved, (n, n))), np.reshape(g, (n,)))
        if which == 1:
            return np.reshape(solved, np.shape(b))
        found = -np.reshape(solved[:, None] * np.conj(np.reshape(y, (1, n))), moved.shape)
        return np.transpose(found, tuple(np.argsort(order)))

    return vjp


derivative(np.linalg.tensorinv, tensorinv_vjp, needs="y")
derivative(np.linalg.tensorsolve, _tensorsolve_vjp(0), _tensorsolve_vjp(1), needs="y0")
