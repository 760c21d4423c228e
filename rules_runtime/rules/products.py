"""Rules of products of vectors, matrices and more: matmul, dot, einsum and their kin."""

from __future__ import annotations

import functools
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from ..forms import derivative
from ..kernels.einsum import einsum, einsum_vjp, pair, plan
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
        text = _plan_of(x, y, (-1, axis if np.ndim(y) > 1 else -1)).text
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


class _Tensordot(NamedTuple):
    """The axes that are summed over; `np.tensordot` as an Einstein sum,
    as a product of matrices, and so its two derivatives."""

    axes: tuple[tuple[int, int], ...]
    text: str
    product: Any
    back: tuple[Any, Any]


@functools.lru_cache(maxsize=512)
def _planned(n: int, m: int, left: tuple[int, ...], right: tuple[int, ...]) -> _Tensordot:
    """Raises IndexError or ValueError where these are no axes of such arrays."""
    axes = tuple(zip(left, right, strict=True))
    x, y = list(ascii_letters[:n]), list(ascii_letters[n : n + m])
    for i, j in axes:
        y[j] = x[i]
    free = [c for k, c in enumerate(x + y) if (x + y).count(c) == 1]
    if len(free) != n + m - 2 * len(axes):
        raise ValueError("an axis is named twice")
    a, b, out = "".join(x), "".join(y), "".join(free)
    back = plan(out, b, a), plan(a, out, b)
    return _Tensordot(axes, f"{a},{b}->{out}", plan(a, b, out), back)


def _plan_of(x: Any, y: Any, axes: Any) -> _Tensordot:
    n, m = np.ndim(x), np.ndim(y)
    if type(axes) is not tuple and type(axes) is not list and np.ndim(axes) == 0:
        axes = (range(n - int(axes), n), range(int(axes)))
    left, right = axes
    return _planned(n, m, _as_tuple(left), _as_tuple(right))


def _as_tuple(axes: Any) -> tuple[int, ...]:
    if type(axes) is int:
        return (axes,)
    return tuple(axes) if type(axes) in (list, range, tuple) else tuple(np.ravel(axes).tolist())


def _tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """As `numpy.tensordot`, without its detours."""
    if type(x) is type(y) is np.ndarray and x.dtype.char == y.dtype.char == "d":
        try:
            planned = _plan_of(x, y, axes)
        except (IndexError, ValueError):
            return np.tensordot(x, y, axes)  # which says what is wrong
        xs, ys = x.shape, y.shape
        for i, j in planned.axes:
            if xs[i] != ys[j]:
                return np.tensordot(x, y, axes)
        return pair(x, y, planned.product)
    return np.tensordot(x, y, axes)


def _tensordot_vjp(which: int) -> Any:
    def vjp(g: Any, z: Any, x: Any, y: Any, axes: Any = 2) -> Any:
        planned = _plan_of(x, y, axes)
        first, second = (g, conj(y)) if which == 0 else (conj(x), g)
        if type(first) is type(second) is np.ndarray:
            return pair(first, second, planned.back[which])
        return einsum_vjp(g, which, planned.text, (x, y))

    return vjp


derivative(np.tensordot, _tensordot_vjp(0), _tensordot_vjp(1), needs="01", forward=_tensordot)


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
