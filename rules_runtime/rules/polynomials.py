"""Polynomials as vectors of coefficients, the highest power first:
`numpy.polyval`, `polyfit`, `roots` and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.kernels.others import like
from rules_runtime.kernels.products import adjoint
from rules_runtime.tangents import AbstractZero

# -- values ----------------------------------------------------------------------------------------


def polyval_vjp_p(g: Any, y: Any, p: Any, x: Any) -> Any:
    """Coefficients may be arrays, which broadcast against x."""
    n, *rest = np.shape(p)
    ndim = np.ndim(g)
    exponents = like(np.arange(n)[::-1].reshape((-1,) + (1,) * ndim), p)
    powers = np.conj(np.power(np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)), exponents))
    wide = (n, *(1,) * (ndim - len(rest)), *rest)
    return np.reshape(unbroadcast(g * powers, wide), np.shape(p))


def polyval_vjp_x(g: Any, y: Any, p: Any, x: Any) -> Any:
    n = np.shape(p)[0]
    if n < 2:
        return unbroadcast(0.0 * g, np.shape(x))
    exponents = like(np.arange(n - 1, 0, -1).reshape((-1,) + (1,) * (np.ndim(p) - 1)), p)
    return unbroadcast(g * np.conj(np.polyval(p[:-1] * exponents, x)), np.shape(x))


derivative(np.polyval, polyval_vjp_p, polyval_vjp_x, needs="01")


# -- sums, products, derivatives -------------------------------------------------------------------


def _last(g: Any, n: int) -> Any:
    """The coefficients of the n lowest powers;
    what is higher than the result was cut off or is zero."""
    have = g.shape[0]
    return g[have - n :] if have >= n else np.concatenate([np.zeros(n - have, g.dtype), g])


def polyadd_vjp(k: int, sign: float) -> Any:
    return lambda g, y, a, b: np.reshape(_last(sign * g, np.size((a, b)[k])), np.shape((a, b)[k]))


derivative(np.polyadd, polyadd_vjp(0, 1.0), polyadd_vjp(1, 1.0), needs="")
derivative(np.polysub, polyadd_vjp(0, 1.0), polyadd_vjp(1, -1.0), needs="")


def _polymul_vjp(k: int) -> Any:
    def vjp(g: Any, y: Any, a: Any, b: Any) -> Any:
        mine, other = (a, b) if k == 0 else (b, a)
        full = _last(g, np.size(a) + np.size(b) - 1)
        found = np.correlate(full, np.reshape(other, (-1,)), "valid")
        return np.reshape(found, np.shape(mine))

    return vjp


derivative(np.polymul, _polymul_vjp(0), _polymul_vjp(1), needs="01")


def _polydiv_vjp(which: int) -> Any:
    """With u = q v + r: the quotient solves a triangular system,
    the remainder is what it leaves."""

    def vjp(g: Any, y: Any, u: Any, v: Any) -> Any:
        n, m, q = np.size(u), np.size(v), y[0]
        k = n - m + 1
        if k < 1:
            return _last(_part(g[1], y[1]), n) if which == 0 else 0.0 * v
        places = np.arange(n)[:, None] - np.arange(k)[None, :]
        inside = (places >= 0) & (places < m)
        products = np.where(inside, v[np.where(inside, places, 0)], 0.0)
        gr = _last(_part(g[1], y[1]), n - k)
        low = adjoint(products[k:]) @ gr if n > k else 0.0
        high = np.linalg.solve(adjoint(products[:k]), _part(g[0], q) - low)
        moved = np.concatenate([high, gr])
        return moved if which == 0 else -np.correlate(moved, q, "valid")

    return vjp


def _part(g: Any, y: Any) -> Any:
    return np.zeros(np.shape(y)) if isinstance(g, AbstractZero) else g


derivative(np.polydiv, _polydiv_vjp(0), _polydiv_vjp(1))


def _derived(n: int, m: int) -> Any:
    """What the coefficients of a polynomial of n coefficients are
    multiplied with by deriving m times."""
    factors = np.ones(max(n - m, 0))
    for k in range(m):
        factors = factors * (np.arange(n - 1, m - 1, -1) - k)
    return factors


def polyder_vjp(g: Any, y: Any, p: Any, m: int = 1) -> Any:
    n = np.shape(p)[0]
    kept = g[: max(n - m, 0)] * _derived(n, m)
    return np.concatenate([kept, np.zeros(n - kept.shape[0], g.dtype)])


def polyint_vjp(g: Any, y: Any, p: Any, m: int = 1, k: Any = None) -> Any:
    n = np.shape(p)[0]
    return g[:n] / _derived(n + m, m)


def polyint_vjp_k(g: Any, y: Any, p: Any, m: int = 1, k: Any = None) -> Any:
    """The constant of the first integration is integrated m - 1 times more."""
    shares = [g[g.shape[0] - m + j] / math.factorial(m - 1 - j) for j in range(m)]
    if np.ndim(k) == 0 or np.size(k) == 1:
        total = sum(shares)
        return [total] if isinstance(k, (list, tuple)) else np.reshape(total, np.shape(k))
    return shares if isinstance(k, (list, tuple)) else np.stack(shares)


derivative(np.polyder, polyder_vjp, needs="")
derivative(np.polyint, polyint_vjp, None, polyint_vjp_k, needs="2")


# -- roots -----------------------------------------------------------------------------------------


def roots_vjp(g: Any, y: Any, p: Any) -> Any:
    """A root moves so that p(r) stays 0: dr = -dp(r) / p'(r).
    Roots that coincide have no derivative."""
    n = np.shape(p)[0]
    roots = y
    slopes = np.polyval(p[:-1] * np.arange(n - 1, 0, -1), roots)
    powers = np.power(roots[None, :], np.arange(n)[::-1][:, None])
    return np.sum(g * np.conj(-powers / slopes), axis=1)


def _without(roots: Any, k: int) -> Any:
    """The monic polynomial of all roots but one."""
    found = np.ones(1)
    for j in range(np.shape(roots)[0]):
        if j != k:
            found = np.convolve(found, np.stack([1.0 + 0 * roots[j], -roots[j]]))
    return found


def poly_vjp(g: Any, y: Any, seq_of_zeros: Any) -> Any:
    if np.ndim(seq_of_zeros) != 1:
        raise NotImplementedError("np.poly of a matrix has no rule")
    roots = seq_of_zeros
    moved = [-np.sum(g[1:] * np.conj(_without(roots, k))) for k in range(np.shape(roots)[0])]
    return np.stack(moved) if moved else np.zeros(0)


derivative(np.roots, roots_vjp)
derivative(np.poly, poly_vjp, needs="0")


# -- fits ------------------------------------------------------------------------------------------


def _fit(x: Any, deg: int, w: Any) -> tuple[Any, Any]:
    """The weighted matrix of powers and its pseudo-inverse."""
    powers = np.power(x[:, None], np.arange(deg + 1)[::-1])
    if w is not None:
        powers = powers * w[:, None]
    return powers, np.linalg.pinv(powers)


def _polyfit_options(x: Any, deg: int, rcond: Any, full: bool, w: Any, cov: Any) -> None:
    if rcond is not None:
        powers = np.vander(primal(x), deg + 1) * (
            1.0 if w is None else np.asarray(primal(w))[:, None]
        )
        sizes = np.linalg.svd(powers / np.linalg.norm(powers, axis=0), compute_uv=False)
        if sizes[-1] <= rcond * sizes[0]:
            raise NotImplementedError(
                "np.polyfit has no rule for an rcond that leaves out singular values"
            )
    if full or cov:
        raise NotImplementedError(
            "np.polyfit has a rule for the coefficients alone: without full and cov"
        )


def polyfit_vjp_y(
    g: Any, c: Any, x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    _polyfit_options(x, deg, rcond, full, w, cov)
    weights = None if w is None else np.asarray(primal(w))
    found = adjoint(_fit(x, deg, weights)[1]) @ np.reshape(g, (deg + 1, -1))
    if weights is not None:
        found = found * weights[:, None]
    return np.reshape(found, np.shape(y))


def polyfit_vjp_x(
    g: Any, c: Any, x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    """With A = pinv(V) and what the fit misses r: dc = A (-dV c) + (V'V)^-1 dV' r."""
    _polyfit_options(x, deg, rcond, full, w, cov)
    weights = None if w is None else np.asarray(primal(w))
    powers, inverse = _fit(x, deg, weights)
    c, values = np.reshape(c, (deg + 1, -1)), np.reshape(y, (np.shape(y)[0], -1))
    if weights is not None:
        values = values * weights[:, None]
    g = np.reshape(g, (deg + 1, -1))
    missed = values - powers @ c
    moved = -(adjoint(inverse) @ g) @ adjoint(c) + missed @ adjoint(inverse @ adjoint(inverse) @ g)
    exponents = np.arange(deg + 1)[::-1]
    slopes = exponents * np.power(x[:, None], np.maximum(exponents - 1, 0))
    if weights is not None:
        slopes = slopes * weights[:, None]
    return np.sum(moved * np.conj(slopes), axis=1)


derivative(np.polyfit, polyfit_vjp_x, polyfit_vjp_y)
