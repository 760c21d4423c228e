"""Rules of linear systems and factorisations that other rules lean on:
solve, inv, Cholesky, determinants."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from ..forms import derivative, primal
from ..kernels.broadcast import unbroadcast
from ..kernels.others import is_other, like
from ..kernels.products import adjoint, conj
from ..kernels.triangular import cholesky_vjp, solve
from ..tangents import AbstractZero


def _solve_adjoint(g: Any, a: Any, b: Any) -> Any:
    """One vector may stand for a whole stack of systems."""
    if np.ndim(b) == 1 and np.ndim(g) > 1:
        return solve(adjoint(a), g[..., None])[..., 0]
    return solve(adjoint(a), g)


def solve_vjp(g: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Both cotangents of `solve(a, b)`, by one solve with the adjoint."""
    gb = _solve_adjoint(g, a, b)
    if np.ndim(b) == 1:
        da = gb[..., None] * -conj(x)[..., None, :]
    else:
        da = -gb @ adjoint(x)
    return unbroadcast(da, np.shape(a)), unbroadcast(gb, np.shape(b))


derivative(
    np.linalg.solve,
    lambda g, x, a, b: solve_vjp(g, x, a, b)[0],
    lambda g, x, a, b: unbroadcast(_solve_adjoint(g, a, b), np.shape(b)),
    needs="y01",
    forward=solve,
    joint=solve_vjp,
)


def inv_vjp(g: Any, y: Any, x: Any) -> Any:
    h = adjoint(y)
    return -(h @ g @ h)


derivative(np.linalg.inv, inv_vjp, needs="y")


def cholesky_of_triangle_vjp(g: Any, y: Any, a: Any, /, *, upper: bool = False) -> Any:
    """numpy reads one triangle alone, so what belongs to both halves
    of a symmetric matrix goes there."""
    if upper:
        g, y = adjoint(g), adjoint(y)
    weights = _weights(np.shape(y)[-1])
    return cholesky_vjp(g, y) * like(weights.T if upper else weights, y)


@functools.lru_cache(maxsize=8)
def _weights(n: int) -> Any:
    weights = np.tril(np.full((n, n), 2.0))
    weights[range(n), range(n)] = 1.0
    weights.flags.writeable = False
    return weights


def _cholesky(a: Any, /, **kwargs: Any) -> Any:
    """numpy's; dask's function of that name gives the upper
    factor where numpy's gives the lower."""
    if is_other(a) and hasattr(a, "chunks"):
        upper = kwargs.get("upper", False)
        return sys.modules["dask.array"].linalg.cholesky(a, lower=not upper)
    return np.linalg.cholesky(a, **kwargs)


derivative(np.linalg.cholesky, cholesky_of_triangle_vjp, needs="y", forward=_cholesky)


def det_vjp(g: Any, y: Any, x: Any) -> Any:
    if np.all(np.abs(primal(y)) > 0):
        scaled = np.expand_dims(g * conj(y), (-2, -1))
        return scaled * adjoint(np.linalg.inv(x))
    return np.expand_dims(g, (-2, -1)) * conj(_cofactors(x))


def _cofactors(x: Any) -> Any:
    """The derivative of the determinant of singular matrices:
    u, s, v by SVD, products of all the other s."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, k, -1), axis=-1) for k in range(n)], axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.expand_dims(sign, (-2, -1)) * conj((u * others[..., None, :]) @ vh)


derivative(np.linalg.det, det_vjp)


def slogdet_vjp(g: Any, y: Any, x: Any) -> Any:
    moved: Any = 0.0 if isinstance(g[1], AbstractZero) else g[1]
    if np.iscomplexobj(x) and not isinstance(g[0], AbstractZero):
        moved = moved - 1j * np.imag(np.conj(g[0]) * y[0])  # the sign turns: it is det / |det|
    inverse = adjoint(np.linalg.inv(x))
    return (moved if len(x.shape) == 2 else np.expand_dims(moved, (-2, -1))) * inverse


derivative(np.linalg.slogdet, slogdet_vjp, needs="y0")
