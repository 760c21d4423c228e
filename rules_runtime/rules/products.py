"""Rules of products of vectors, matrices and more: matmul, dot, einsum and their kin."""

from __future__ import annotations

import functools
from string import ascii_letters
from typing import Any

import numpy as np

from ..forms import derivative
from ..kernels.einsum import einsum, einsum_vjp, fits, pair, plan
from ..kernels.products import conj, matmul, matmul_left, matmul_right


def _shape(x: Any) -> tuple[int, ...]:
    return np.shape(x)


derivative(
    np.matmul,
    lambda g, z, x, y: matmul_left(g, y, x.shape),
    lambda g, z, x, y: matmul_right(g, x, y.shape),
    needs="01",
    forward=matmul,
)


def _factor_vjp(which: int, axis: int) -> Any:
    """The rule of a factor of `np.dot` or `np.inner`,
    which sum over the last axis of the first and over `axis` of the second."""

    def vjp(g: Any, z: Any, x: Any, y: Any, out: Any = None) -> Any:
        mine, other = (x, y) if which == 0 else (y, x)
        if not _shape(x) or not _shape(y):
            return np.sum(g * conj(other)) if not _shape(mine) else g * conj(other)
        if np.ndim(x) == np.ndim(y) == 1:
            return g * conj(other)
        text = _subscripts(x, y, (-1, axis if np.ndim(y) > 1 else -1))
        return einsum_vjp(g, which, text, (x, y))

    return vjp


derivative(np.dot, _factor_vjp(0, -2), _factor_vjp(1, -2), needs="01")
derivative(np.inner, _factor_vjp(0, -1), _factor_vjp(1, -1), needs="01")
derivative(
    np.vdot,
    lambda g, z, x, y: np.reshape((np.conj(g) if np.iscomplexobj(g) else g) * y, _shape(x)),
    lambda g, z, x, y: np.reshape(g * x, _shape(y)),
    needs="01",
)


def _outer(x: Any, y: Any, out: Any = None) -> Any:
    """As `numpy.outer`, without its detours."""
    if out is not None:
        return np.outer(x, y, out)
    is_usual = type(x) is type(y) is np.ndarray and x.ndim == y.ndim == 1
    return x[:, None] * y if is_usual else np.outer(x, y)


def outer_left(g: Any, z: Any, x: Any, y: Any, out: Any = None) -> Any:
    y = conj(y)
    return g @ y if np.ndim(x) == np.ndim(y) == 1 else np.reshape(g @ np.ravel(y), _shape(x))


def outer_right(g: Any, z: Any, x: Any, y: Any, out: Any = None) -> Any:
    x = conj(x)
    return x @ g if np.ndim(x) == np.ndim(y) == 1 else np.reshape(np.ravel(x) @ g, _shape(y))


derivative(np.outer, outer_left, outer_right, needs="01", forward=_outer)


@functools.lru_cache(maxsize=512)
def _labels(n: int, m: int, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[str, str, str]:
    x, y = list(ascii_letters[:n]), list(ascii_letters[n : n + m])
    for i, j in zip(left, right, strict=True):
        y[j] = x[i]
    out = [c for k, c in enumerate(x + y) if (x + y).count(c) == 1]
    return "".join(x), "".join(y), "".join(out)


def _terms(x: Any, y: Any, axes: Any) -> tuple[str, str, str]:
    """`np.tensordot` as an Einstein sum: the labels of the factors and of the result."""
    n, m = np.ndim(x), np.ndim(y)
    if np.ndim(axes) == 0:
        axes = (range(n - int(axes), n), range(int(axes)))
    left, right = [(int(k),) if np.ndim(k) == 0 else tuple(map(int, k)) for k in axes]
    return _labels(n, m, left, right)


def _subscripts(x: Any, y: Any, axes: Any) -> str:
    return "{},{}->{}".format(*_terms(x, y, axes))


def _tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """As `numpy.tensordot`, without its detours."""
    if type(x) is type(y) is np.ndarray and x.dtype.char == y.dtype.char == "d":
        try:
            a, b, out = _terms(x, y, axes)
        except (IndexError, ValueError):
            return np.tensordot(x, y, axes)  # which says what is wrong
        planned = plan(a, b, out)
        if planned is not None and fits(x, y, a, b):
            return pair(x, y, planned)
    return np.tensordot(x, y, axes)


derivative(
    np.tensordot,
    lambda g, z, x, y, axes=2: einsum_vjp(g, 0, _subscripts(x, y, axes), (x, y)),
    lambda g, z, x, y, axes=2: einsum_vjp(g, 1, _subscripts(x, y, axes), (x, y)),
    needs="01",
    forward=_tensordot,
)


def _kron(g: Any, x: Any, y: Any) -> tuple[Any, Any]:
    n = max(np.ndim(x), np.ndim(y))
    xs = (1,) * (n - np.ndim(x)) + _shape(x)
    ys = (1,) * (n - np.ndim(y)) + _shape(y)
    split = np.reshape(g, tuple(m for pair in zip(xs, ys, strict=True) for m in pair))
    even, odd = tuple(range(0, 2 * n, 2)), tuple(range(1, 2 * n, 2))
    x_wide = np.reshape(conj(x), tuple(m for s in xs for m in (s, 1)))
    y_wide = np.reshape(conj(y), tuple(m for s in ys for m in (1, s)))
    dx = np.reshape(np.sum(split * y_wide, axis=odd), _shape(x))
    return dx, np.reshape(np.sum(split * x_wide, axis=even), _shape(y))


derivative(
    np.kron, lambda g, z, x, y: _kron(g, x, y)[0], lambda g, z, x, y: _kron(g, x, y)[1], needs="01"
)


def _operand(k: int) -> Any:
    def operand_vjp(g: Any, y: Any, subscripts: Any, *operands: Any, **kwargs: Any) -> Any:
        return einsum_vjp(g, k, subscripts, operands)

    return operand_vjp


derivative(np.einsum, None, *[_operand(k) for k in range(16)], forward=einsum)
