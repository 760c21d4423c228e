"""Rules of products of vectors, matrices and more: matmul, dot, einsum and their kin."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, NamedTuple

import numpy as np

from ..forms import derivative, quick
from ..kernels.broadcast import unbroadcast
from ..kernels.einsum import adjoints, einsum, einsum_vjp, parsed
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


class _Plan(NamedTuple):
    """How `np.tensordot` becomes a product of matrices: orders of axes, and what undoes them."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    order_x: tuple[int, ...]
    order_y: tuple[int, ...]
    back_x: tuple[int, ...]
    back_y: tuple[int, ...]


@functools.lru_cache(maxsize=512)
def _plan(n: int, m: int, left: tuple[int, ...], right: tuple[int, ...]) -> _Plan:
    free_x = tuple(k for k in range(n) if k not in left)
    free_y = tuple(k for k in range(m) if k not in right)
    order_x, order_y = free_x + left, right + free_y
    back_x = tuple(sorted(range(n), key=order_x.__getitem__))
    back_y = tuple(sorted(range(m), key=order_y.__getitem__))
    return _Plan(left, right, order_x, order_y, back_x, back_y)


def _axes_of(axes: Any, n: int, m: int) -> Any:
    """The axes that are summed over, as two tuples; None where they are given in another form."""
    if type(axes) is int:
        return (tuple(range(n - axes, n)), tuple(range(axes))) if 0 <= axes <= min(n, m) else None
    if type(axes) not in (tuple, list) or len(axes) != 2:
        return None
    pair = []
    for given, ndim in zip(axes, (n, m)):
        given = (given,) if type(given) is int else given
        if type(given) not in (tuple, list) or any(type(k) is not int for k in given):
            return None
        if any(not -ndim <= k < ndim for k in given) or len({k % ndim for k in given}) != len(
            given
        ):
            return None
        pair.append(tuple([k % ndim for k in given]))
    return pair if len(pair[0]) == len(pair[1]) else None


@quick(np.tensordot)
def _tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """As a product of matrices, which are kept for the way back."""
    if not _are_real(x, y):
        return None
    pair = _axes_of(axes, x.ndim, y.ndim)
    if pair is None:
        return None
    plan = _plan(x.ndim, y.ndim, *pair)
    x_moved, y_moved = x.transpose(plan.order_x), y.transpose(plan.order_y)
    count = len(plan.left)
    inner = y_moved.shape[:count]
    if x_moved.shape[x.ndim - count :] != inner:
        return None
    k = math.prod(inner)
    rows, columns = x_moved.shape[: x.ndim - count], y_moved.shape[count:]
    x_matrix = x_moved.reshape(math.prod(rows), k)
    y_matrix = y_moved.reshape(k, math.prod(columns))
    z = np.dot(x_matrix, y_matrix).reshape(rows + columns)
    to_x, to_y = (y_matrix, x_moved.shape, plan.back_x), (x_matrix, y_moved.shape, plan.back_y)
    return z, (tensordot_left_vjp, to_x), (tensordot_right_vjp, to_y)


def tensordot_left_vjp(g: Any, saved: Any) -> Any:
    y, shape, back = saved
    return (
        (g.reshape(-1, y.shape[1]) @ y.T).reshape(shape).transpose(back)
        if g.size
        else _none(shape, back)
    )


def tensordot_right_vjp(g: Any, saved: Any) -> Any:
    x, shape, back = saved
    return (
        (x.T @ g.reshape(x.shape[0], -1)).reshape(shape).transpose(back)
        if g.size
        else _none(shape, back)
    )


def _none(shape: tuple[int, ...], back: tuple[int, ...]) -> Any:
    return np.zeros(shape).transpose(back)


@quick(np.outer)
def _outer(x: Any, y: Any) -> Any:
    if not _are_real(x, y) or not x.ndim == y.ndim == 1:
        return None
    return x[:, None] * y, (operator.matmul, y), (_outer_right, x)


def _outer_right(g: Any, x: Any) -> Any:
    return x @ g


def _are_real(x: Any, y: Any) -> bool:
    return type(x) is type(y) is np.ndarray and x.dtype.char == y.dtype.char == "d"


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


@quick(np.einsum)
def _einsum(subscripts: Any, x: Any, y: Any = None, z: Any = None) -> Any:
    operands = [part for part in (x, y, z) if part is not None]
    if type(subscripts) is not str or not all(_are_real(part, part) for part in operands):
        return None
    texts = adjoints(subscripts, tuple([part.ndim for part in operands]))
    result = einsum(subscripts, *operands)
    if texts is None:
        terms = parsed(subscripts, (x.ndim,)) if len(operands) == 1 else None
        if terms is None or terms[1] or result.base is not None:
            return None
        return result, None, (_diagonal_vjp, (subscripts, terms[0][0], x))
    if len(operands) == 1 and result.base is not None:
        return None  # a view
    saved = [(text, k, operands) for k, text in enumerate(texts)]
    return result, None, *[(_einsum_vjp, of_one) for of_one in saved]


def _einsum_vjp(g: Any, saved: Any) -> Any:
    text, k, operands = saved
    others = operands[:k] + operands[k + 1 :]
    plain = type(g) is np.ndarray and others
    dx = einsum(text, g, *others) if plain else np.einsum(text, g, *others)
    return unbroadcast(dx, operands[k].shape)


def _diagonal_vjp(g: Any, saved: Any) -> Any:
    """Of a sum over labels that occur twice, with a number as result."""
    subscripts, labels, x = saved
    if not isinstance(g, np.generic):
        return einsum_vjp(g, 0, subscripts, (x,))
    out = np.zeros(x.shape)
    np.einsum(f"{labels}->{''.join(dict.fromkeys(labels))}", out)[...] = g
    return out
