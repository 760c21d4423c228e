"""Eigenvalue problems and singular values:
`numpy.linalg.eigh`, `eig`, `svd` and what is read off them.

Eigenvectors and singular vectors are fixed by numpy only up to a phase (and, for equal eigenvalues,
up to a rotation). The rules hold that freedom still: a perturbation turns no vector within itself.
That is right for every function of them that does not depend on the phase, and equals what numpy
computes for real matrices. For `eig` the phase that LAPACK chooses (the
largest component is real) is followed.

Where values coincide, what is known of the mixing of their vectors is in `equal_values.py`.
Formulas: Giles, "An extended collection of matrix derivative results", 2008; Townsend,
"Differentiating the singular value decomposition", 2016; Wan and Zhang, arXiv 1909.02659, for the
complex case. The two rotations of `svd` are written as their mean and their difference: the mean
has the gaps of the singular values, the difference their sums,
so that equal singular values are no obstacle to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import is_lazy, like
from rules_runtime.kernels.products import adjoint
from rules_runtime.rules.equal_values import (
    Cotangent,
    commuted,
    divided,
    is_traced,
    quotient,
    rounding,
    unknown,
)
from rules_runtime.rules.python_functions import python_function
from rules_runtime.tangents import AbstractZero, ZeroTangent
from rules_runtime.ties import only_subspaces_matter


def diagonal_matrix(d: Any) -> Any:
    """A stack of diagonal matrices from a stack of vectors."""
    return d[..., None] * like(np.eye(d.shape[-1]), d)


def safe_inverse(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    is_zero = primal(x) == 0
    return np.where(is_zero, 0.0, 1 / np.where(is_zero, 1.0, x))


def from_triangle(c: Any, lower: bool) -> Any:
    """The cotangent of a Hermitian matrix moved to the triangle that numpy reads."""
    both = c + adjoint(c)
    triangle = np.tril(both, -1) if lower else np.triu(both, 1)
    diagonal = np.real(np.diagonal(c, axis1=-2, axis2=-1))
    return triangle + diagonal_matrix(diagonal)


# -- Hermitian matrices ----------------------------------------------------------------------------


def eigh_vjp(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    lower = UPLO.upper() == "L"
    found = _hermitian_adjoint(a, lower, y[0], y[1], g[0], g[1], "eigh")
    return from_triangle(found, lower)


def whole_matrix(a: Any, lower: bool) -> Any:
    """The Hermitian matrix of which one triangle is read."""
    half = np.tril(a) if lower else np.triu(a)
    return half + adjoint(np.tril(a, -1) if lower else np.triu(a, 1))


def _hermitian_adjoint(a: Any, lower: bool, w: Any, v: Any, gw: Any, gv: Any, function: str) -> Any:
    inner: Any = 0.0
    tied = _tied(w)
    block = None
    if tied is not None and is_traced(a):
        block = adjoint(primal(v)) @ whole_matrix(a, lower) @ primal(v) * tied
    if not isinstance(gw, AbstractZero):
        inner = diagonal_matrix(np.real(gw))
        if block is not None and is_traced(gw):
            inner = inner + unknown(block, tied, function)
    if not isinstance(gv, AbstractZero):
        there = None if tied is None else Cotangent(w, gw, gv)
        inner = inner + _mixing(adjoint(v) @ gv, w, tied, block, there, function)
    return v @ inner @ adjoint(v)


def _off_diagonal(w: Any) -> Any:
    return like(~np.eye(w.shape[-1], dtype=bool), w)


def _tied(w: Any) -> Any:
    """Which pairs of values are equal up to rounding;
    None where none are, or where that cannot be seen."""
    w0 = primal(w)
    if is_lazy(w0):
        return None
    tied = (np.abs(w0[..., None, :] - w0[..., :, None]) <= rounding(w0)) & _off_diagonal(w0)
    return tied if tied.any() else None


def _mixing(x: Any, w: Any, tied: Any, block: Any, there: Any, function: str) -> Any:
    """``x[i, j] / (w[j] - w[i])`` off the diagonal, 0 on it."""
    off = _off_diagonal(w)
    gaps = w[..., None, :] - w[..., :, None] + ~off
    if tied is None:
        return divided(x * off, gaps)
    size = np.abs(primal(x))
    own = np.diagonal(size, axis1=-2, axis2=-1)[..., None, :]
    pair = np.maximum(size, np.swapaxes(size, -1, -2))
    empty = np.maximum(pair, np.maximum(own, np.swapaxes(own, -1, -2))) <= there.nothing
    moved = there.values | np.swapaxes(there.values, -1, -2)
    known = (pair <= there.nothing) & ~(empty & moved)
    if only_subspaces_matter():
        plain = primal(x)
        known = known | (np.abs(plain - adjoint(plain)) <= there.nothing)
    return commuted(x * off, gaps, tied, known, block, function)


def eigvalsh_vjp(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    lower = UPLO.upper() == "L"
    w, v = np.linalg.eigh(a, "L" if lower else "U")
    found = _hermitian_adjoint(a, lower, w, v, g, ZeroTangent(), "eigvalsh")
    return from_triangle(found, lower)


python_function(np.linalg.eigh, eigh_vjp)
derivative(np.linalg.eigvalsh, eigvalsh_vjp, needs="0")


# -- general matrices ------------------------------------------------------------------------------


def eig_vjp(g: Any, y: Any, a: Any) -> Any:
    return _general_adjoint(a, y[0], y[1], g[0], g[1], "eig")


def _general_adjoint(a: Any, w: Any, v: Any, gw: Any, gv: Any, function: str) -> Any:
    inner: Any = 0.0
    tied = _tied(w)
    block = None
    if tied is not None and is_traced(a):
        block = adjoint(np.linalg.solve(primal(v), a @ primal(v)) * tied)
    if not isinstance(gw, AbstractZero):
        inner = diagonal_matrix(gw)
        if block is not None and is_traced(gw):
            inner = inner + unknown(block, tied, function)
    if not isinstance(gv, AbstractZero):
        there = None if tied is None else Cotangent(w, gw, gv)
        x = adjoint(v) @ _without_scaling(gv, v)
        inner = inner + _oblique_mixing(x, w, tied, block, there, function)
    return np.linalg.solve(adjoint(v), inner @ adjoint(v))


def _oblique_mixing(x: Any, w: Any, tied: Any, block: Any, there: Any, function: str) -> Any:
    """The same for vectors that are not orthogonal.
    Here x vanishes within a tie for every function that has a derivative.

    So nothing is known from it; but where both vectors have no cotangent at all,
    neither has their mixing.
    """
    off = _off_diagonal(w)
    gaps = np.conj(w[..., None, :] - w[..., :, None]) + ~off
    if tied is None:
        return divided(x * off, gaps)
    there_or_moved = there.columns | there.values
    known = ~(there_or_moved | np.swapaxes(there_or_moved, -1, -2))
    if only_subspaces_matter():
        known = known | (np.abs(primal(x)) <= there.nothing)
    return commuted(x * off, gaps, tied, known, block, function)


def _without_scaling(gv: Any, v: Any) -> Any:
    """The cotangent of eigenvectors before they were scaled to
    length one and a real largest component."""
    along = np.sum(np.conj(gv) * v, axis=-2, keepdims=True)
    gv = gv - v * np.real(along)
    if np.iscomplexobj(primal(v)):
        size = np.abs(primal(v))
        largest = size == np.max(size, axis=-2, keepdims=True)
        largest = largest & (np.cumsum(largest, axis=-2) == 1)
        gv = gv + np.where(largest, 1j * np.imag(along) / np.where(largest, v, 1.0), 0.0)
    return gv


def eigvals_vjp(g: Any, y: Any, a: Any) -> Any:
    w, v = np.linalg.eig(a)
    return _general_adjoint(a, w, v, g, ZeroTangent(), "eigvals")


python_function(np.linalg.eig, eig_vjp)
derivative(np.linalg.eigvals, eigvals_vjp, needs="0")


# -- singular values -------------------------------------------------------------------------------


def svd_vjp(
    g: Any,
    y: Any,
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
) -> Any:
    if not compute_uv:
        g, y = (ZeroTangent(), g, ZeroTangent()), np.linalg.svd(a, full_matrices=False)
    if hermitian:
        return from_triangle(_hermitian_svd_adjoint(g, y, a), lower=True)
    return _svd_adjoint(g, y, a)


def _hermitian_svd_adjoint(g: Any, y: Any, a: Any) -> Any:
    """By the eigenvalues, which are the singular values with the sign
    that tells the vectors of both sides apart."""
    u, s, v = y[0], y[1], adjoint(y[2])
    sign = np.sign(np.real(np.sum(np.conj(primal(u)) * primal(v), axis=-2)))
    gw = g[1] if isinstance(g[1], AbstractZero) else np.real(g[1]) * sign
    gu = g[0] if isinstance(g[2], AbstractZero) else g[0] + adjoint(g[2]) * sign[..., None, :]
    return _hermitian_adjoint(a, True, s * sign, u, gw, gu, "svd")


def _svd_adjoint(g: Any, y: Any, a: Any) -> Any:
    u, s, vh = y[0], y[1], y[2]
    v = adjoint(vh)
    k = s.shape[-1]
    gv = g[2] if isinstance(g[2], AbstractZero) else adjoint(g[2])
    gu, u = _thin(g[0], u, k)
    gv, v = _thin(gv, v, k)
    gs = g[1] if isinstance(g[1], AbstractZero) else np.real(g[1])
    inner: Any = 0.0 if isinstance(gs, AbstractZero) else diagonal_matrix(gs)
    tied = _tied(s)
    block = None
    if tied is not None and is_traced(a):
        block = adjoint(primal(u)) @ a @ primal(v) * tied
        block = (block + adjoint(block)) / 2
        if is_traced(gs):
            inner = inner + unknown(block, tied, "svd")
    given = [part for part in (gu, gv) if not isinstance(part, AbstractZero)]
    if not given:
        return u @ (inner @ adjoint(v))
    null = None if is_lazy(primal(s)) else primal(s)[..., None, :] <= rounding(s)
    null = None if null is None or not null.any() else null
    there = None if tied is null is None else Cotangent(s, gs, *given)
    x = 0.0 if isinstance(gu, AbstractZero) else adjoint(u) @ gu
    z = 0.0 if isinstance(gv, AbstractZero) else adjoint(v) @ gv
    mean = _mixing(x + z, s, tied, block, there, "svd")
    over = _Over(s, null, block, there)
    inner = inner + (mean + adjoint(mean)) / 2 + over.sums(x - z)
    found = u @ (inner @ adjoint(v))
    if not isinstance(gu, AbstractZero) and u.shape[-2] > k:
        found = found + over.values(gu - u @ x) @ adjoint(v)
    if not isinstance(gv, AbstractZero) and v.shape[-2] > k:
        found = found + u @ adjoint(over.values(gv - v @ z))
    return found if null is None else found + _of_null_vectors(a, u, v, ~null)


class _Over:
    """What is divided by singular values and by their sums.
    Those may be 0, up to rounding, at the `null` columns."""

    def __init__(self, s: Any, null: Any, block: Any, there: Any) -> None:
        self.s, self.null, self.block, self.there = s, null, block, there

    def sums(self, x: Any) -> Any:
        """How the vectors of one side turn against those of the other."""
        sums = self.s[..., None, :] + self.s[..., :, None]
        x = (x - adjoint(x)) / 2
        null = None if self.null is None else self.null & np.swapaxes(self.null, -1, -2)
        if null is not None and not np.iscomplexobj(primal(x)):
            off = _off_diagonal(self.s)  # real vectors do not turn against themselves
            null, sums = null & off, sums + ~off
        found = self._divided(x, sums, null)
        if self.block is None:
            return found
        return found - (self.block @ found + found @ self.block) / sums

    def values(self, gu: Any) -> Any:
        """The part of a cotangent outside of the vectors."""
        found = self._divided(gu, self.s[..., None, :], self.null)
        return found if self.block is None else found - found @ self.block / self.s[..., None, :]

    def _divided(self, x: Any, divisor: Any, null: Any) -> Any:
        if null is None:
            return divided(x, divisor)
        there = self.there
        known = np.abs(primal(x)) <= there.nothing
        if not only_subspaces_matter():
            # the cotangents of the vectors vanish, and that of the value does not:
            # so it is for U f(s) V^H if f(0) = 0
            moved = ~there.columns & there.values
            known = known & ~(
                moved | (np.swapaxes(moved, -1, -2) if divisor.shape[-2] > 1 else False)
            )
        return quotient(x, divisor, null, known, "svd")


def _of_null_vectors(a: Any, u: Any, v: Any, columns: Any) -> Any:
    """Zeros: how the matrix changes outside of the vectors that
    have values is not known to derivatives of this one."""
    if not is_traced(a):
        return 0.0
    u, v = primal(u) * columns, primal(v) * columns
    rest = a - u @ (adjoint(u) @ a)
    rest = rest - (rest @ v) @ adjoint(v)
    many = np.sum(columns, axis=-1, keepdims=True) < max(a.shape[-2:]) - 1
    return unknown(rest, many & np.ones(a.shape, dtype=bool), "svd")


def _thin(gu: Any, u: Any, k: int) -> tuple[Any, Any]:
    """The first k columns of an orthogonal matrix,
    with what the rest of its cotangent says about them."""
    if u.shape[-1] == k:
        return gu, u
    u1, u2 = u[..., :k], u[..., k:]
    if not isinstance(gu, AbstractZero):
        gu = gu[..., :k] - u2 @ (adjoint(gu[..., k:]) @ u1)
    return gu, u1


def svdvals_vjp(g: Any, y: Any, x: Any) -> Any:
    return svd_vjp(g, y, x, compute_uv=False)


python_function(np.linalg.svd, svd_vjp)
if hasattr(np.linalg, "svdvals"):
    derivative(np.linalg.svdvals, svdvals_vjp, needs="0")
