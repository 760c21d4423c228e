"""Triangular systems and the adjoint of the Cholesky factor, in blocks,
so that matrix products do the work.

The adjoint: with A = L Lᵀ and the cotangent G of L, the symmetric cotangent of A is  S = L⁻ᵀ Φ(Lᵀ
G) L⁻¹, symmetrised, where Φ takes the lower triangle and halves the diagonal (Murray 2016,
"Differentiation of the Cholesky decomposition", which is also the source of the blocked form: the
unblocked rule on each diagonal block, products for the rest).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .others import like, send

ndarray = np.ndarray
BLOCK = 48
_above = np.triu(np.ones((BLOCK, BLOCK), bool), 1)
_lower = np.tril(np.ones((BLOCK, BLOCK)))
_half = _lower - 0.5 * np.eye(BLOCK)


def triangle(a: Any) -> str:
    """ "lower", "upper" or "" for a plain real matrix that is large enough to care."""
    if a.shape[0] < 24 or a.dtype.kind != "f":
        return ""
    if _is_lower(a):
        return "lower"
    return "upper" if _is_lower(a.T) else ""


def _is_lower(a: Any) -> bool:
    """Whether all above the diagonal is zero;
    a look at the corner first, for most matrices are dense."""
    n = a.shape[0]
    if a[0, n - 1] != 0.0:
        return False
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        if stop < n and (a[start:stop, stop:] != 0.0).any():
            return False
        corner = a[start:stop, start:stop]
        if (corner[_above[: stop - start, : stop - start]] != 0.0).any():
            return False
    return True


def solve(a: Any, b: Any) -> Any:
    """`np.linalg.solve(a, b)`, by substitution where `a` is triangular."""
    if (
        type(a) is ndarray
        and type(b) is ndarray
        and a.ndim == 2
        and b.ndim in (1, 2)
        and b.dtype.kind == "f"
    ):
        if a.shape[0] == a.shape[1] == b.shape[0]:
            shape = triangle(a)
            if shape:
                return substitute(a, b, shape == "lower")
    done = send(solve, (a, b))
    return np.linalg.solve(a, b) if done is NotImplemented else done


def substitute(a: Any, b: Any, lower: bool) -> Any:
    """Solve a triangular system by blocks."""
    n = a.shape[0]
    if not np.all(np.diagonal(a)):
        raise np.linalg.LinAlgError("Singular matrix")
    x = np.array(b, dtype=np.result_type(a, b))
    starts = range(0, n, BLOCK)
    for start in starts if lower else reversed(starts):
        stop = min(start + BLOCK, n)
        part = x[start:stop]
        if lower and start:
            part -= a[start:stop, :start] @ x[:start]
        elif not lower and stop < n:
            part -= a[start:stop, stop:] @ x[stop:]
        x[start:stop] = np.linalg.solve(a[start:stop, start:stop], part)
    return x


def _phi(x: Any) -> Any:
    """The lower triangle with the diagonal halved."""
    n = x.shape[-1]
    if type(x) is ndarray:
        x = np.tril(x)
        x[..., range(n), range(n)] *= 0.5
        return x
    return np.tril(x) * like(1.0 - 0.5 * np.eye(n), x)


def cholesky_vjp(g: Any, factor: Any) -> Any:
    """The symmetric cotangent of a matrix from that of its lower Cholesky factor."""
    if type(g) is ndarray and type(factor) is ndarray and g.ndim == 2 and g.dtype.kind == "f":
        return _blocked(g, factor)
    done = send(cholesky_vjp, (g, factor))
    if done is not NotImplemented:
        return done
    adjoint = np.swapaxes(np.conj(factor), -1, -2)
    middle = _phi(adjoint @ g)
    s = np.linalg.solve(
        adjoint,
        np.swapaxes(
            np.conj(np.linalg.solve(adjoint, np.swapaxes(np.conj(middle), -1, -2))), -1, -2
        ),
    )
    return 0.5 * (s + np.swapaxes(np.conj(s), -1, -2))


def _inverse(low: Any) -> Any:
    """The inverse of a small lower triangular matrix, by halves."""
    n = low.shape[0]
    if n <= 24:
        return np.linalg.inv(low)
    h = n // 2
    out = np.zeros_like(low)
    first, second = np.linalg.inv(low[:h, :h]), np.linalg.inv(low[h:, h:])
    out[:h, :h], out[h:, h:] = first, second
    out[h:, :h] = -(second @ low[h:, :h] @ first)
    return out


def _blocked(g: Any, factor: Any) -> Any:
    n = factor.shape[0]
    a = np.array(g)  # of which only the lower triangle is looked at
    a *= 0.5
    for stop in range(n, 0, -BLOCK):
        start = max(0, stop - BLOCK)
        size = stop - start
        d = factor[start:stop, start:stop]
        inverse = _inverse(d)
        ga = a[start:stop, start:stop]
        ga *= _lower[:size, :size]
        if stop < n:
            gc = a[stop:, start:stop]
            gc[...] = gc @ inverse
            ga -= (gc.T @ factor[stop:, start:stop]) * _lower[:size, :size]
            if start:
                a[stop:, :start] -= gc @ factor[start:stop, :start]
                a[start:stop, :start] -= gc.T @ factor[stop:, :start]
            a[start:stop, stop:] = gc.T
        # the unblocked rule, for a diagonal block
        s = inverse.T @ ((d.T @ ga) * _half[:size, :size]) @ inverse
        s = s + s.T
        if start:
            a[start:stop, :start] -= s @ factor[start:stop, :start]
        ga[...] = s
    return a
