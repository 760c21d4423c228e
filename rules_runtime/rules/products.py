"""Rules of products of vectors, matrices and more: matmul, dot, einsum and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..forms import derivative
from ..kernels.einsum import einsum, einsum_vjp
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


def dot_left(g: Any, z: Any, x: Any, y: Any, out: Any = None) -> Any:
    y = conj(y)
    if not _shape(x) or not _shape(y):
        return np.sum(g * y) if not _shape(x) else g * y
    if np.ndim(y) == 1:
        return np.expand_dims(g, -1) * y
    return np.tensordot(g, y, (list(range(np.ndim(x) - 1, np.ndim(g))), _all_but(np.ndim(y), -2)))


def dot_right(g: Any, z: Any, x: Any, y: Any, out: Any = None) -> Any:
    x = conj(x)
    if not _shape(x) or not _shape(y):
        return np.sum(g * x) if not _shape(y) else g * x
    lead = list(range(np.ndim(x) - 1))
    dy = np.tensordot(x, g, (lead, lead))  # (contracted, *rest of y)
    return np.moveaxis(dy, 0, -2) if np.ndim(y) > 1 else dy


def _all_but(ndim: int, axis: int) -> list[int]:
    return [k for k in range(ndim) if k != axis % ndim]


derivative(np.dot, dot_left, dot_right, needs="01")
derivative(
    np.vdot,
    lambda g, z, x, y: np.reshape((np.conj(g) if np.iscomplexobj(g) else g) * y, _shape(x)),
    lambda g, z, x, y: np.reshape(g * x, _shape(y)),
    needs="01",
)
derivative(
    np.inner,
    lambda g, z, x, y: _inner_vjp(g, x, y)[0],
    lambda g, z, x, y: _inner_vjp(g, x, y)[1],
    needs="01",
)
derivative(
    np.outer,
    lambda g, z, x, y, out=None: np.reshape(g @ np.ravel(conj(y)), _shape(x)),
    lambda g, z, x, y, out=None: np.reshape(np.ravel(conj(x)) @ g, _shape(y)),
    needs="01",
)


def _inner_vjp(g: Any, x: Any, y: Any) -> tuple[Any, Any]:
    if not np.ndim(x) or not np.ndim(y):
        return dot_left(g, None, x, y), dot_right(g, None, x, y)
    axes = (-1, -1)
    return _tensordot_left(g, None, x, y, axes), _tensordot_right(g, None, x, y, axes)


def _contracted(x: Any, y: Any, axes: Any) -> tuple[list[int], list[int]]:
    n, m = np.ndim(x), np.ndim(y)
    try:
        left, right = axes
    except TypeError:
        return list(range(n - axes, n)), list(range(axes))
    left = [left] if np.ndim(left) == 0 else list(left)
    right = [right] if np.ndim(right) == 0 else list(right)
    return [int(k) % n for k in left], [int(k) % m for k in right]


def _tensordot_left(g: Any, z: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    left, right = _contracted(x, y, axes)
    free_x = [k for k in range(np.ndim(x)) if k not in left]
    free_y = [k for k in range(np.ndim(y)) if k not in right]
    dx = np.tensordot(g, conj(y), (list(range(len(free_x), np.ndim(g))), free_y))
    order = np.argsort(right)  # the axes of y that remain come in their order in y
    return np.transpose(dx, np.argsort(free_x + [left[k] for k in order]).tolist())


def _tensordot_right(g: Any, z: Any, x: Any, y: Any, axes: Any = 2) -> Any:
    left, right = _contracted(x, y, axes)
    free_x = [k for k in range(np.ndim(x)) if k not in left]
    free_y = [k for k in range(np.ndim(y)) if k not in right]
    dy = np.tensordot(conj(x), g, (free_x, list(range(len(free_x)))))
    order = np.argsort(left)
    return np.transpose(dy, np.argsort([right[k] for k in order] + free_y).tolist())


derivative(np.tensordot, _tensordot_left, _tensordot_right, needs="01")


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
