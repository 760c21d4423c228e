"""Triangular systems and the adjoint of the Cholesky factor, in blocks, so that matrix products do the work.

The adjoint: with A = L Lᵀ and the cotangent G of L, the symmetric cotangent of A is  S = L⁻ᵀ Φ(Lᵀ G) L⁻¹, symmetrised, where
Φ takes the lower triangle and halves the diagonal (Murray 2016, "Differentiation of the Cholesky decomposition", which is
also the source of the blocked form: the unblocked rule on each diagonal block, products for the rest).
"""

from __future__ import annotations

from typing import Any

import numpy as np

ndarray = np.ndarray
BLOCK = 48


def triangle(a: Any) -> str:
    """ "lower", "upper" or "" for a plain real matrix."""
    n = a.shape[0]
    if n < 24 or a.dtype.kind != "f":
        return ""
    # a look at a corner first, for most matrices are dense
    if a[0, -1] == 0.0 and not np.triu(a, 1).any():
        return "lower"
    if a[-1, 0] == 0.0 and not np.tril(a, -1).any():
        return "upper"
    return ""


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
    return np.linalg.solve(a, b)


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
    return np.tril(x) * (1.0 - 0.5 * np.eye(n))


def cholesky_vjp(g: Any, factor: Any) -> Any:
    """The symmetric cotangent of a matrix from that of its lower Cholesky factor."""
    if type(g) is ndarray and type(factor) is ndarray and g.ndim == 2 and g.dtype.kind == "f":
        return _blocked(g, factor)
    adjoint = np.swapaxes(np.conj(factor), -1, -2)
    middle = _phi(adjoint @ g)
    s = np.linalg.solve(
        adjoint,
        np.swapaxes(
            np.conj(np.linalg.solve(adjoint, np.swapaxes(np.conj(middle), -1, -2))), -1, -2
        ),
    )
    return 0.5 * (s + np.swapaxes(np.conj(s), -1, -2))


def _unblocked(g: Any, factor: Any) -> Any:
    """The lower-triangular cotangent of a diagonal block: twice the symmetric one, its diagonal once."""
    inverse = np.linalg.inv(factor)
    middle = _phi(factor.T @ g)
    s = inverse.T @ middle @ inverse
    s = s + s.T
    return _phi(s)


def _blocked(g: Any, factor: Any) -> Any:
    n = factor.shape[0]
    a = np.tril(g)
    for stop in range(n, 0, -BLOCK):
        start = max(0, stop - BLOCK)
        b, d = factor[stop:, :start], factor[start:stop, start:stop]
        r, c = factor[start:stop, :start], factor[stop:, start:stop]
        ga, gc = a[start:stop, start:stop], a[stop:, start:stop]
        if stop < n:
            gc[...] = np.linalg.solve(d.T, gc.T).T
            if start:
                a[stop:, :start] -= gc @ r
                a[start:stop, :start] -= gc.T @ b
            ga -= np.tril(gc.T @ c)
        ga[...] = _unblocked(ga, d)
        if start:
            a[start:stop, :start] -= (ga + ga.T) @ r
    half = a
    half *= 0.5
    out = half + half.T
    return out
