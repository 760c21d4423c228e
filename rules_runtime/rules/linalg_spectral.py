"""Eigenvalue problems and singular values: `numpy.linalg.eigh`, `eig`, `svd` and what is read off them.

Eigenvectors and singular vectors are fixed by numpy only up to a phase (and, for equal eigenvalues, up to
a rotation). The rules hold that freedom still: a perturbation turns no vector within itself. That is
right for every function of them that does not depend on the phase, and equals what numpy computes for
real matrices. For `eig` the phase that LAPACK chooses (the largest component is real) is followed.

Where eigenvalues coincide, differences of them are never divided by: nothing flows through the mixing of
their vectors, which is right for functions of the subspace. Formulas: Giles, "An extended collection of
matrix derivative results", 2008; Townsend, "Differentiating the singular value decomposition", 2016;
Wan and Zhang, arXiv 1909.02659, for the complex case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import like
from rules_runtime.tangents import AbstractZero


def adjoint(x: Any) -> Any:
    """The conjugate transpose of a stack of matrices."""
    return np.conj(np.swapaxes(x, -1, -2))


def diagonal_matrix(d: Any) -> Any:
    """A stack of diagonal matrices from a stack of vectors."""
    return d[..., None] * like(np.eye(d.shape[-1]), d)


def safe_inverse(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    is_zero = primal(x) == 0
    return np.where(is_zero, 0.0, 1 / np.where(is_zero, 1.0, x))


def gaps(w: Any) -> Any:
    """``1 / (w[j] - w[i])`` at ``[i, j]``, and 0 where they coincide."""
    return safe_inverse(w[..., None, :] - w[..., :, None])


def from_triangle(c: Any, lower: bool) -> Any:
    """The cotangent of a Hermitian matrix moved to the triangle that numpy reads."""
    both = c + adjoint(c)
    triangle = np.tril(both, -1) if lower else np.triu(both, 1)
    diagonal = np.real(np.diagonal(c, axis1=-2, axis2=-1))
    return triangle + diagonal_matrix(diagonal)


# -- Hermitian matrices --------------------------------------------------------------------------------------------


def eigh_vjp(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    w, v = y[0], y[1]
    gw, gv = g[0], g[1]
    inner: Any = 0.0
    if not isinstance(gw, AbstractZero):
        inner = diagonal_matrix(np.real(gw))
    if not isinstance(gv, AbstractZero):
        inner = inner + gaps(w) * (adjoint(v) @ gv)
    return from_triangle(v @ inner @ adjoint(v), UPLO.upper() == "L")


def eigvalsh_vjp(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    v = np.linalg.eigh(a, "L" if UPLO.upper() == "L" else "U")[1]
    return from_triangle((v * np.real(g)[..., None, :]) @ adjoint(v), UPLO.upper() == "L")


derivative(np.linalg.eigh, eigh_vjp, needs="y")
derivative(np.linalg.eigvalsh, eigvalsh_vjp, needs="0")


# -- general matrices ----------------------------------------------------------------------------------------------


def eig_vjp(g: Any, y: Any, a: Any) -> Any:
    w, v = y[0], y[1]
    gw, gv = g[0], g[1]
    inner: Any = 0.0
    if not isinstance(gw, AbstractZero):
        inner = diagonal_matrix(gw)
    if not isinstance(gv, AbstractZero):
        inner = inner + np.conj(gaps(w)) * (adjoint(v) @ _without_scaling(gv, v))
    return np.linalg.solve(adjoint(v), inner @ adjoint(v))


def _without_scaling(gv: Any, v: Any) -> Any:
    """The cotangent of eigenvectors before they were scaled to length one and a real largest component."""
    along = np.sum(np.conj(gv) * v, axis=-2, keepdims=True)
    gv = gv - v * np.real(along)
    if np.iscomplexobj(primal(v)):
        size = np.abs(primal(v))
        largest = size == np.max(size, axis=-2, keepdims=True)
        largest = largest & (np.cumsum(largest, axis=-2) == 1)
        gv = gv + np.where(largest, 1j * np.imag(along) / np.where(largest, v, 1.0), 0.0)
    return gv


def eigvals_vjp(g: Any, y: Any, a: Any) -> Any:
    v = np.linalg.eig(a)[1]
    return np.linalg.solve(adjoint(v), g[..., :, None] * adjoint(v))


derivative(np.linalg.eig, eig_vjp, needs="y")
derivative(np.linalg.eigvals, eigvals_vjp, needs="0")


# -- singular values -----------------------------------------------------------------------------------------------


def svd_vjp(
    g: Any,
    y: Any,
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
) -> Any:
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        found = (u * np.real(g)[..., None, :]) @ vh
    else:
        found = _svd_adjoint(g, y)
    return from_triangle(found, lower=True) if hermitian else found


def _svd_adjoint(g: Any, y: Any) -> Any:
    u, s, vh = y[0], y[1], y[2]
    v = adjoint(vh)
    k = s.shape[-1]
    gv = g[2] if isinstance(g[2], AbstractZero) else adjoint(g[2])
    gu, u = _thin(g[0], u, k)
    gv, v = _thin(gv, v, k)
    f = gaps(s * s)
    row, column = s[..., None, :], s[..., :, None]
    inner: Any = 0.0 if isinstance(g[1], AbstractZero) else diagonal_matrix(np.real(g[1]))
    outside: Any = 0.0
    if not isinstance(gu, AbstractZero):
        x = adjoint(u) @ gu
        inner = inner + f * (x - adjoint(x)) * row
        if np.iscomplexobj(primal(u)):
            turning = np.imag(np.diagonal(x, axis1=-2, axis2=-1))
            inner = inner + 1j * diagonal_matrix(turning * safe_inverse(s))
        if u.shape[-2] > k:
            outside = outside + ((gu - u @ x) * safe_inverse(row)) @ adjoint(v)
    if not isinstance(gv, AbstractZero):
        x = adjoint(v) @ gv
        inner = inner + column * f * (x - adjoint(x))
        if v.shape[-2] > k:
            outside = outside + (u * safe_inverse(row)) @ adjoint(gv - v @ x)
    return u @ (inner @ adjoint(v)) + outside


def _thin(gu: Any, u: Any, k: int) -> tuple[Any, Any]:
    """The first k columns of an orthogonal matrix, with what the rest of its cotangent says about them."""
    if u.shape[-1] == k:
        return gu, u
    u1, u2 = u[..., :k], u[..., k:]
    if not isinstance(gu, AbstractZero):
        gu = gu[..., :k] - u2 @ (adjoint(gu[..., k:]) @ u1)
    return gu, u1


def svdvals_vjp(g: Any, y: Any, x: Any) -> Any:
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return (u * np.real(g)[..., None, :]) @ vh


derivative(np.linalg.svd, svd_vjp)
if hasattr(np.linalg, "svdvals"):
    derivative(np.linalg.svdvals, svdvals_vjp, needs="0")
