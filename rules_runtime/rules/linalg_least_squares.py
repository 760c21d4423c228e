"""Orthogonal factorisation, pseudo-inverse and least squares: `numpy.linalg.qr`, `pinv`, `lstsq`.

The rules assume that the rank does not change near the point. Formulas: Walter and Lehmann, arXiv
1001.1654, for QR; Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973), for the pseudo-inverse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import is_lazy
from rules_runtime.kernels.products import adjoint
from rules_runtime.rules.linalg_spectral import (
    diagonal_matrix,
    from_triangle,
    svd_vjp,
    svdvals_vjp,
    whole_matrix,
)
from rules_runtime.tangents import AbstractZero

# -- QR --------------------------------------------------------------------------------------------


def qr_vjp(g: Any, y: Any, a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise NotImplementedError(f"np.linalg.qr(mode={mode!r}) has no rule; use mode='reduced'")
    if mode == "r":
        q, r = np.linalg.qr(a)
        return _qr_adjoint(0.0 * q, g, q, r)
    q, r = y[0], y[1]
    gq = 0.0 * q if isinstance(g[0], AbstractZero) else g[0]
    gr = 0.0 * r if isinstance(g[1], AbstractZero) else g[1]
    n = a.shape[-1]
    if mode == "complete" and a.shape[-2] > n:
        q1, q2 = q[..., :n], q[..., n:]
        gq = gq[..., :n] - q2 @ (adjoint(gq[..., n:]) @ q1)
        return _qr_adjoint(gq, gr[..., :n, :], q1, r[..., :n, :])
    return _qr_adjoint(gq, gr, q, r)


def _qr_adjoint(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """The adjoint of the thin factorisation. Of a wide matrix the first columns are factorised."""
    k, n = r.shape[-2], r.shape[-1]
    if n > k:
        rest = r[..., :, k:]
        g_rest = gr[..., :, k:]  # A2 = Q R2
        left = _qr_adjoint(gq + q @ rest @ adjoint(g_rest), gr[..., :, :k], q, r[..., :, :k])
        return np.concatenate([left, q @ g_rest], axis=-1)
    inner = r @ adjoint(gr) - adjoint(gq) @ q
    lower = np.tril(inner, -1)
    diagonal = np.real(np.diagonal(inner, axis1=-2, axis2=-1))
    symmetric = lower + adjoint(lower) + diagonal_matrix(diagonal)
    return adjoint(np.linalg.solve(r, adjoint(gq + q @ symmetric)))


derivative(np.linalg.qr, qr_vjp)


# -- pseudo-inverse --------------------------------------------------------------------------------


def pinv_vjp(
    g: Any, y: Any, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Any:
    if hermitian:
        a = whole_matrix(a, lower=True)
    found = _cut_adjoint(g, y, a, rcond if rtol is None else rtol)
    return from_triangle(found, lower=True) if hermitian else found


def _cut_adjoint(g: Any, p: Any, a: Any, cutoff: Any) -> Any:
    """Where the pseudo-inverse leaves singular values out that are not zero,
    it is one of another matrix."""
    if cutoff is None or is_lazy(primal(a)):
        return _pinv_adjoint(g, p, a)
    s = np.linalg.svd(primal(a), compute_uv=False)
    largest = np.max(s, axis=-1, keepdims=True, initial=0.0)
    kept = s > np.asarray(cutoff)[..., None] * largest
    zero = np.finfo(s.dtype).eps * max(a.shape[-2:]) * largest
    if not np.any(~kept & (s > zero)):
        return _pinv_adjoint(g, p, a)
    y = np.linalg.svd(a, full_matrices=False)
    u, s, v = y[0], y[1], adjoint(y[2])
    inverses = np.where(kept, 1 / np.where(kept, s, 1.0), 0.0)
    gd = np.real(np.diagonal(adjoint(v) @ g @ u, axis1=-2, axis2=-1))
    gu, gv = adjoint(g) @ v * inverses[..., None, :], g @ u * inverses[..., None, :]
    return svd_vjp((gu, -gd * inverses**2, adjoint(gv)), y, a, full_matrices=False)


def _pinv_adjoint(g: Any, p: Any, a: Any) -> Any:
    ph, gh = adjoint(p), adjoint(g)
    found = -(ph @ g @ ph)
    m, n = a.shape[-2:]
    if m > 0:
        found = found + (gh - a @ (p @ gh)) @ p @ ph
    if n > 0:
        found = found + ph @ p @ (gh - (gh @ p) @ a)
    return found


derivative(np.linalg.pinv, pinv_vjp)


# -- least squares ---------------------------------------------------------------------------------


def _lstsq_parts(g: Any, y: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The pseudo-inverse that was used, x, b and their cotangents as matrices,
    the cotangent of the residuals."""
    p = np.linalg.pinv(a, rcond=_cutoff(a, rcond))
    columns = (slice(None), None) if b.ndim == 1 else ...
    x, b = y[0][columns], b[columns]
    gx = None if isinstance(g[0], AbstractZero) else g[0][columns]
    gr = None if isinstance(g[1], AbstractZero) or not y[1].shape[0] else g[1]
    return p, x, b, gx, gr


def _cutoff(a: Any, rcond: Any) -> Any:
    return np.finfo(a.dtype).eps * max(a.shape) if rcond is None else rcond


def lstsq_vjp_a(g: Any, y: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    p, x, columns, gx, gr = _lstsq_parts(g, y, a, b, rcond)
    found: Any = 0.0 * a
    if gx is not None:
        found = found + _cut_adjoint(gx @ adjoint(columns), p, a, _cutoff(a, rcond))
    if gr is not None:
        found = found - 2 * ((columns - a @ x) * np.real(gr)) @ adjoint(x)
    if not isinstance(g[3], AbstractZero):
        found = found + svdvals_vjp(g[3], y[3], a)
    return found


def lstsq_vjp_b(g: Any, y: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    p, x, columns, gx, gr = _lstsq_parts(g, y, a, b, rcond)
    found: Any = 0.0 * columns
    if gx is not None:
        found = found + adjoint(p) @ gx
    if gr is not None:
        found = found + 2 * (columns - a @ x) * np.real(gr)
    return found[:, 0] if b.ndim == 1 else found


derivative(np.linalg.lstsq, lstsq_vjp_a, lstsq_vjp_b)
