"""Norms of vectors and matrices, of every order and along every axis:
`numpy.linalg.norm` and its kin.

Where a norm has a kink the rules give the mean or zero: 0 for the vector 0, equal shares for equal
largest entries, no share for entries that are 0 in the norms of order 1 or less.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rules_runtime.forms import constant, derivative, nonzero, primal
from rules_runtime.kernels.broadcast import kept
from rules_runtime.kernels.products import adjoint
from rules_runtime.rules.linalg_spectral import safe_inverse
from rules_runtime.ties import tied_subspaces


def _sign(x: Any) -> Any:
    """x / |x|, and 0 for 0."""
    if np.iscomplexobj(primal(x)):
        return x * safe_inverse(np.abs(x))
    return np.sign(primal(x))


def _shares(mask: Any, axis: Any) -> Any:
    """1 where the mask holds, divided by how often it does along the axes."""
    return mask / np.maximum(np.sum(mask, axis=axis, keepdims=True), 1)


def vector_norm_adjoint(g: Any, y: Any, x: Any, order: Any, axis: Any) -> Any:
    """The cotangent of x; g and y have the reduced axes as ones."""
    if order is None or order == 2:
        return x * (g / nonzero(y))
    if order in (np.inf, -np.inf):
        return g * _sign(x) * _shares(np.abs(primal(x)) == primal(y), axis)
    if order == 0:
        return np.zeros(np.shape(x), x.dtype)
    if order == 1:
        return g * _sign(x)
    size = np.abs(x)
    is_zero = primal(size) == 0
    powers = np.where(is_zero, 0.0, np.where(is_zero, 1.0, size) ** (order - 1))
    scale = np.where(primal(y) == 0, 0.0, np.where(primal(y) == 0, 1.0, y) ** (1 - order))
    return g * scale * powers * _sign(x)


def matrix_norm_adjoint(g: Any, y: Any, x: Any, order: Any) -> Any:
    """The cotangent of a stack of matrices; g and y end in two axes of length one."""
    if order in (None, "fro", "f"):
        return x * (g / nonzero(y))
    if order == "nuc":
        with tied_subspaces():
            u, _, vh = np.linalg.svd(x, full_matrices=False)
        return g * (u @ vh)
    if order in (2, -2):
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        k = 0 if order == 2 else s.shape[-1] - 1
        return g * (u[..., :, k : k + 1] @ vh[..., k : k + 1, :])
    if order in (1, -1):
        sums = np.sum(np.abs(primal(x)), axis=-2, keepdims=True)
        chosen = _shares(sums == _best(sums, -1, order), -1)
    else:
        sums = np.sum(np.abs(primal(x)), axis=-1, keepdims=True)
        chosen = _shares(sums == _best(sums, -2, order), -2)
    return g * _sign(x) * chosen


def _best(sums: Any, axis: int, order: float) -> Any:
    reduce = np.max if order > 0 else np.min
    return reduce(sums, axis=axis, keepdims=True)


def norm_vjp(
    g: Any, y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Any:
    if axis is None and (
        ord is None or (ord in ("fro", "f", 2) and np.ndim(x) <= (2 if ord != 2 else 1))
    ):
        return vector_norm_adjoint(g, y, x, 2, None)
    if axis is None:
        axis = tuple(range(np.ndim(x)))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    axes = tuple(int(a) % np.ndim(x) for a in axes)
    g, y = kept(g, np.shape(x), axes), kept(y, np.shape(x), axes)
    if len(axes) == 1:
        return vector_norm_adjoint(g, y, x, ord, axes)
    return _on_last_axes(g, y, x, axes, ord)


def _on_last_axes(g: Any, y: Any, x: Any, axes: tuple[int, ...], order: Any) -> Any:
    g, y, x = (np.moveaxis(value, axes, (-2, -1)) for value in (g, y, x))
    return np.moveaxis(matrix_norm_adjoint(g, y, x, order), (-2, -1), axes)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """As `numpy.linalg.norm`, without its detours."""
    is_usual = type(x) is np.ndarray and x.dtype.char == "d" and ord is None
    if not is_usual or (keepdims if axis is None else type(axis) is not int):
        return np.linalg.norm(x, ord, axis, keepdims)
    if axis is None:
        flat = x.ravel("K")
        return np.float64(math.sqrt(flat.dot(flat)))
    y = np.add.reduce(x * x, axis=axis, keepdims=keepdims)
    return np.sqrt(y, y) if type(y) is np.ndarray else np.sqrt(y)


derivative(np.linalg.norm, norm_vjp, forward=_norm)


def vector_norm_vjp(
    g: Any, y: Any, x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Any:
    axes = (
        tuple(range(np.ndim(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    )
    axes = tuple(int(a) % np.ndim(x) for a in axes)
    g, y = kept(g, np.shape(x), axes), kept(y, np.shape(x), axes)
    return vector_norm_adjoint(g, y, x, ord, axes)


def matrix_norm_vjp(g: Any, y: Any, x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    g, y = kept(g, np.shape(x), (-2, -1)), kept(y, np.shape(x), (-2, -1))
    return matrix_norm_adjoint(g, y, x, ord)


if hasattr(np.linalg, "vector_norm"):
    derivative(np.linalg.vector_norm, vector_norm_vjp)
    derivative(np.linalg.matrix_norm, matrix_norm_vjp)


# -- condition number ------------------------------------------------------------------------------


def cond_vjp(g: Any, y: Any, x: Any, p: Any = None) -> Any:
    g = np.asarray(g)[..., None, None] if not hasattr(g, "shape") else g[..., None, None]
    if p in (None, 2, -2):
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        last = s.shape[-1] - 1
        first, second = (last, 0) if p == -2 else (0, last)
        up = u[..., :, first : first + 1] @ vh[..., first : first + 1, :]
        down = u[..., :, second : second + 1] @ vh[..., second : second + 1, :]
        over, under = s[..., first, None, None], s[..., second, None, None]
        return g * (up / under - down * over / (under * under))
    inverse = np.linalg.inv(x)
    norms = [np.linalg.norm(m, p, axis=(-2, -1))[..., None, None] for m in (x, inverse)]
    direct = matrix_norm_adjoint(g * norms[1], norms[0], x, p)
    through = matrix_norm_adjoint(g * norms[0], norms[1], inverse, p)
    return direct - adjoint(inverse) @ through @ adjoint(inverse)


derivative(np.linalg.cond, cond_vjp, needs="0")
constant(np.linalg.matrix_rank)
