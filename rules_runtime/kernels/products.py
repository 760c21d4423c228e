"""The cotangents of `x @ y`, for every number of dimensions, and of the other products by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .broadcast import unbroadcast
from .low_rank import LowRank, worth

ndarray = np.ndarray
F8 = np.dtype(float)


def conj(x: Any) -> Any:
    """The conjugate; the array itself where it is real."""
    kind = type(x)
    if kind is float or kind is np.float64 or (kind is ndarray and x.dtype.kind != "c"):
        return x
    return np.conj(x) if np.iscomplexobj(x) else x


def transposed(x: Any) -> Any:
    """The last two axes swapped."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """The conjugate transpose of a stack of matrices."""
    return transposed(conj(x))


def matmul_left(g: Any, y: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of `x` in `x @ y`, where `shape` is that of `x`."""
    y = conj(y)
    n, m = len(shape), y.ndim
    if n == 2 and m == 2:
        return g @ y.T
    if m == 1:
        return g * y if n == 1 else g[..., None] * y
    if n == 1:
        dx = np.matmul(y, g[..., None])[..., 0]
    elif m == 2 and n > 2:
        return _rows(g, y.T)
    else:
        dx = np.matmul(g, transposed(y))
    return unbroadcast(dx, shape) if dx.shape != shape else dx


def matmul_right(g: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of `y` in `x @ y`, where `shape` is that of `y`."""
    x = conj(x)
    n, m = x.ndim, len(shape)
    if n == 2 and m == 2:
        return x.T @ g
    if n == 1:
        if m == 1:
            return g * x
        dy = x[..., None] * g[..., None, :]
    elif m == 1:
        if n == 2:
            return g @ x
        return np.reshape(g, -1) @ np.reshape(x, (-1, shape[0]))
    elif m == 2:
        return np.reshape(x, (-1, shape[0])).T @ np.reshape(g, (-1, shape[1]))
    else:
        dy = np.matmul(transposed(x), g)
    return unbroadcast(dy, shape) if dy.shape != shape else dy


def _rows(x: Any, y: Any) -> Any:
    """`x @ y` for a stack `x` and one matrix `y`, as one product where `x` is contiguous."""
    if type(x) is ndarray and type(y) is ndarray and x.flags.c_contiguous:
        made = x.reshape(-1, x.shape[-1]) @ y
        return made.reshape(x.shape[:-1] + y.shape[-1:])
    return np.matmul(x, y)


def matmul(x: Any, y: Any) -> Any:
    """`x @ y`; a stack times one matrix as one product,
    which is faster than numpy's loop over the stack."""
    if type(x) is ndarray and type(y) is ndarray and y.ndim == 2 and x.ndim > 2:
        return _rows(x, y)
    return np.matmul(x, y)


def matmul_vjp(g: Any, saved: Any) -> Any:
    """Both cotangents of `x @ y`."""
    x, y = saved
    if type(g) is ndarray and x.ndim == 1 and y.ndim == 2 and worth(1, *y.shape):
        return y @ g, LowRank([x], [g], y.shape)
    return matmul_left(g, y, x.shape), matmul_right(g, x, y.shape)


def matmul_left_vjp(g: Any, saved: Any) -> Any:
    y, shape = saved
    if type(g) is ndarray and y.ndim == 1 and len(shape) == 2 and worth(1, *shape):
        return LowRank([g], [y], shape)
    return matmul_left(g, y, shape)


def matmul_right_vjp(g: Any, saved: Any) -> Any:
    x, shape = saved
    if type(g) is ndarray and x.ndim == 1 and len(shape) == 2 and worth(1, *shape):
        return LowRank([x], [g], shape)
    return matmul_right(g, x, shape)


# ---- the commonest cases, real and of fixed dimensions; `saved` is the other operand ---------


def matrix_left_vjp(g: Any, y: Any) -> Any:
    """The cotangent of `x` in `x @ y` for two matrices."""
    k, n = y.shape
    if type(g) is ndarray and worth(n, len(g), k):
        return LowRank([g.T], [y.T], (len(g), k))
    return g @ y.T


def matrix_right_vjp(g: Any, x: Any) -> Any:
    """The cotangent of `y` in `x @ y` for two matrices."""
    m, k = x.shape
    if type(g) is ndarray and worth(m, k, g.shape[1]):
        return LowRank([x], [g], (k, g.shape[1]))
    return x.T @ g


def matrices_vjp(g: Any, saved: Any) -> Any:
    """Both cotangents of the product of two matrices;
    a matrix that is large for such a product may take part in many."""
    x, y = saved
    (m, k), n = x.shape, y.shape[1]
    if type(g) is not ndarray:
        return g @ y.T, x.T @ g
    dx = LowRank([g.T], [y.T], (m, k)) if worth(n, m, k) else g @ y.T
    return dx, LowRank([x], [g], (k, n)) if worth(m, k, n) else x.T @ g


def vector_right_vjp(g: Any, x: Any) -> Any:
    """The cotangent of the vector in matrix @ vector."""
    return g @ x


def matrix_vector_vjp(g: Any, saved: Any) -> Any:
    """Both cotangents of matrix @ vector."""
    x, y = saved
    if type(g) is ndarray and worth(1, *x.shape):
        return LowRank([g], [y], x.shape), g @ x
    return g[:, None] * y, g @ x
