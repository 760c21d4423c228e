"""`scipy.linalg`: triangular, banded and Cholesky solves, functions of matrices,
matrix equations, factorisations.

For an analytic function f of a matrix, ``f([[X, E], [0, X]])`` holds the derivative of f at X along
E in its corner (Mathias, SIAM J. Matrix Anal. 17, 1996);
its adjoint is the same at the adjoint of X.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.linalg

from rules_runtime.kernels.products import adjoint
from rules_runtime.rules import linalg_norms, linalg_spectral
from rules_runtime.rules.linalg_least_squares import qr_vjp
from rules_runtime.rules.linalg_spectral import from_triangle
from rules_runtime.rules.python_functions import python_function
from rules_runtime.rules.solves import cholesky_of_triangle_vjp, det_vjp, inv_vjp
from rules_runtime.tangents import AbstractZero, NoTangent, Tangent, ZeroTangent

sl: Any = scipy.linalg
_Tuple: Any = tuple


def _columns(x: Any) -> Any:
    return x[:, None] if np.ndim(x) == 1 else x


def _outer(gb: Any, x: Any) -> Any:
    return _columns(gb) @ adjoint(_columns(x))


# -- triangular systems ----------------------------------------------------------------------------


def _triangular_adjoint(g: Any, a: Any, trans: Any, lower: bool, unit_diagonal: bool) -> Any:
    number = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    matrix = np.conj(a) if number == 1 else a
    return sl.solve_triangular(matrix, g, 2 if number == 0 else 0, lower, unit_diagonal)


def solve_triangular_vjp_a(
    g: Any, x: Any, a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    found = -_outer(_triangular_adjoint(g, a, trans, lower, unit_diagonal), x)
    if trans in (1, "T"):
        found = found.T
    elif trans in (2, "C"):
        found = adjoint(found)
    edge = 1 if unit_diagonal else 0
    return np.tril(found, -edge) if lower else np.triu(found, edge)


def solve_triangular_vjp_b(
    g: Any, x: Any, a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    return _triangular_adjoint(g, a, trans, lower, unit_diagonal)


python_function(sl.solve_triangular, solve_triangular_vjp_a, solve_triangular_vjp_b)


# -- Cholesky --------------------------------------------------------------------------------------


def cholesky_vjp(g: Any, y: Any, a: Any, lower: bool = False, *options: Any, **also: Any) -> Any:
    return cholesky_of_triangle_vjp(g, y, a, upper=not lower)


def cho_factor_vjp(
    g: Any,
    y: Any,
    a: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    *options: Any,
    **also: Any,
) -> Any:
    """The other triangle of the result is that of `a`, as it was;
    from scipy 1.18 on, zeros where `a` is not overwritten."""
    if isinstance(g[0], AbstractZero):
        return ZeroTangent()
    g, factor = g[0], y[0]
    keep = np.tril if lower else np.triu
    inside = keep(g)
    da = cholesky_of_triangle_vjp(inside, keep(factor), a, upper=not lower)
    return da if not overwrite_a and _other_triangle_is_zero() else da + (g - inside)


@functools.cache
def _other_triangle_is_zero() -> bool:
    return bool(sl.cho_factor(np.array([[2.0, 1.0], [1.0, 2.0]]))[0][1, 0] == 0.0)


def cho_solve_vjp_c(g: Any, x: Any, c_and_lower: Any, b: Any, *options: Any, **also: Any) -> Any:
    c, lower = c_and_lower
    u, x = _columns(sl.cho_solve((c, lower), g)), _columns(x)
    # the product of the factor with u x* + x u*, which are few columns
    if lower:
        factor = np.tril(c)
        dc = -np.tril(u @ (adjoint(x) @ factor) + x @ (adjoint(u) @ factor))
    else:
        factor = np.triu(c)
        dc = -np.triu((factor @ u) @ adjoint(x) + (factor @ x) @ adjoint(u))
    return Tangent[_Tuple](dc if np.iscomplexobj(c) else np.real(dc), NoTangent())


def cho_solve_vjp_b(g: Any, x: Any, c_and_lower: Any, b: Any, *options: Any, **also: Any) -> Any:
    return sl.cho_solve(c_and_lower, g)


python_function(sl.cholesky, cholesky_vjp)
python_function(sl.cho_factor, cho_factor_vjp)
python_function(sl.cho_solve, cho_solve_vjp_c, cho_solve_vjp_b)


# -- general and banded systems --------------------------------------------------------------------


def _check_general(assume_a: Any, transposed: bool) -> None:
    if assume_a not in (None, "gen", "general") or transposed:
        raise NotImplementedError(
            "scipy.linalg.solve has a rule for general matrices, not transposed"
        )


def solve_vjp_a(
    g: Any, x: Any, a: Any, b: Any, lower: Any = False, overwrite_a: Any = False, overwrite_b: Any = False,
    check_finite: Any = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    _check_general(assume_a, transposed)
    return -_outer(np.linalg.solve(adjoint(a), g), x)


def solve_vjp_b(
    g: Any, x: Any, a: Any, b: Any, lower: Any = False, overwrite_a: Any = False, overwrite_b: Any = False,
    check_finite: Any = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    _check_general(assume_a, transposed)
    return np.linalg.solve(adjoint(a), g)


python_function(sl.solve, solve_vjp_a, solve_vjp_b)


def scipy_inv_vjp(
    g: Any, y: Any, a: Any, overwrite_a: Any = False, check_finite: Any = True, *,
    assume_a: Any = None, lower: bool = False,
) -> Any:  # fmt: skip
    """What is assumed of the matrix says which part of it is read."""
    found = inv_vjp(g, y, a)
    if assume_a in (None, "gen", "general"):
        return found
    if assume_a in ("pos", "positive definite", "her", "hermitian") or (
        assume_a in ("sym", "symmetric") and not np.iscomplexobj(a)
    ):
        return from_triangle(found, lower)
    keep = {"upper triangular": np.triu, "lower triangular": np.tril}.get(assume_a)
    if keep is None:
        raise NotImplementedError(f"scipy.linalg.inv(assume_a={assume_a!r}) has no rule")
    return keep(found)


python_function(sl.inv, scipy_inv_vjp)
python_function(sl.det, lambda g, y, a, *options, **also: det_vjp(g, y, a))


def _bands(lower: int, upper: int, n: int) -> Any:
    """The places of a banded matrix: row and column in the matrix,
    row in its diagonal form; `inside` it or not."""
    row_of_form, column = np.indices((lower + upper + 1, n))
    row = row_of_form - upper + column
    return row, column, (row >= 0) & (row < n)


def _banded_adjoint(g: Any, l_and_u: Any, ab: Any) -> Any:
    lower, upper = l_and_u
    row, column, inside = _bands(upper, lower, np.shape(ab)[1])
    # the element at [row, column] of the adjoint is the conjugate of that at [column, row]
    taken = np.conj(ab[np.where(inside, upper + column - row, 0), np.where(inside, row, 0)])
    return sl.solve_banded((upper, lower), np.where(inside, taken, 0.0), g)


def solve_banded_vjp_ab(
    g: Any, x: Any, l_and_u: Any, ab: Any, b: Any, *options: Any, **also: Any
) -> Any:
    gb, x = _columns(_banded_adjoint(g, l_and_u, ab)), _columns(x)
    lower, upper = l_and_u
    row, column, inside = _bands(lower, upper, np.shape(ab)[1])
    moved = np.sum(gb[np.where(inside, row, 0)] * np.conj(x[column]), axis=-1)
    return -np.where(inside, moved, 0.0)


def solve_banded_vjp_b(
    g: Any, x: Any, l_and_u: Any, ab: Any, b: Any, *options: Any, **also: Any
) -> Any:
    return _banded_adjoint(g, l_and_u, ab)


python_function(sl.solve_banded, None, solve_banded_vjp_ab, solve_banded_vjp_b)


# -- functions of matrices -------------------------------------------------------------------------


def _function_vjp(function: Any) -> Any:
    def vjp(g: Any, y: Any, a: Any, *options: Any, **also: Any) -> Any:
        ah, n = adjoint(a), np.shape(a)[-1]
        top = np.concatenate([ah, g + np.zeros(np.shape(a))], axis=-1)
        bottom = np.concatenate([np.zeros(np.shape(a)), ah], axis=-1)
        found = function(np.concatenate([top, bottom], axis=-2))[..., :n, n:]
        return found if np.iscomplexobj(a) else np.real(found)

    return vjp


def _sqrtm_vjp(g: Any, y: Any, a: Any, *options: Any, **also: Any) -> Any:
    # by the root itself: on the branch cut (negative eigenvalues) another
    # root could have the other sign
    root = adjoint(y)
    found = sl.solve_sylvester(root, root, g)
    return found if np.iscomplexobj(a) else np.real(found)


python_function(sl.sqrtm, _sqrtm_vjp)
for _name in "expm logm sinm cosm tanm sinhm coshm tanhm".split():
    _function = getattr(sl, _name)
    python_function(_function, _function_vjp(_function))


# -- matrix equations ------------------------------------------------------------------------------


def _sylvester_vjp(which: int) -> Any:
    def vjp(g: Any, x: Any, a: Any, b: Any, q: Any) -> Any:
        gq = sl.solve_sylvester(adjoint(a), adjoint(b), g)
        return (-(gq @ adjoint(x)), -(adjoint(x) @ gq), gq)[which]

    return vjp


def _lyapunov_vjp(which: int) -> Any:
    def vjp(g: Any, x: Any, a: Any, q: Any) -> Any:
        gq = sl.solve_continuous_lyapunov(adjoint(a), g)
        return gq if which == 1 else -(gq @ adjoint(x) + adjoint(gq) @ x)

    return vjp


python_function(sl.solve_sylvester, *map(_sylvester_vjp, range(3)))
python_function(sl.solve_continuous_lyapunov, *map(_lyapunov_vjp, range(2)))


# -- made of blocks --------------------------------------------------------------------------------


def _block_diag_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, *arrays: Any) -> Any:
        shapes = [(1,) * (2 - np.ndim(a)) + np.shape(a) for a in arrays]
        row = sum(shape[0] for shape in shapes[:which])
        column = sum(shape[1] for shape in shapes[:which])
        part = g[row : row + shapes[which][0], column : column + shapes[which][1]]
        return np.reshape(part, np.shape(arrays[which]))

    return vjp


python_function(sl.block_diag, *map(_block_diag_vjp, range(16)))


# -- factorisations --------------------------------------------------------------------------------


def eigh_vjp(
    g: Any, y: Any, a: Any, b: Any = None, *options: Any, lower: bool = True, eigvals_only: bool = False,
    subset_by_index: Any = None, subset_by_value: Any = None, **also: Any,
) -> Any:  # fmt: skip
    if b is not None or options or subset_by_index is not None or subset_by_value is not None:
        raise NotImplementedError(
            "scipy.linalg.eigh has a rule for the whole ordinary problem, options by name"
        )
    side = "L" if lower else "U"
    if eigvals_only:
        return linalg_spectral.eigvalsh_vjp(g, y, a, side)
    return linalg_spectral.eigh_vjp(g, y, a, side)


def scipy_qr_vjp(
    g: Any, y: Any, a: Any, overwrite_a: Any = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: Any = True,
) -> Any:  # fmt: skip
    if pivoting or mode in ("raw", "r"):
        raise NotImplementedError(
            "scipy.linalg.qr has a rule for modes 'full' and 'economic' without pivoting"
        )
    return qr_vjp(g, y, a, "complete" if mode == "full" else "reduced")


def lu_vjp(
    g: Any, y: Any, a: Any, permute_l: bool = False, overwrite_a: Any = False, check_finite: Any = True,
    p_indices: bool = False,
) -> Any:  # fmt: skip
    """Of square matrices. With A = P L U:
    dL = L tril(F, -1), dU = triu(F) U, F = L^-1 P' dA U^-1."""
    if permute_l or p_indices or a.shape[-1] != a.shape[-2]:
        raise NotImplementedError(
            "scipy.linalg.lu has a rule for square matrices and three results"
        )
    if isinstance(g[1], AbstractZero) and isinstance(g[2], AbstractZero):
        return ZeroTangent()
    p, low, up = y
    inner: Any = 0.0
    if not isinstance(g[1], AbstractZero):
        inner = inner + np.tril(adjoint(low) @ g[1], -1)
    if not isinstance(g[2], AbstractZero):
        inner = inner + np.triu(g[2] @ adjoint(up))
    return p @ np.linalg.solve(adjoint(low), adjoint(np.linalg.solve(up, adjoint(inner))))


python_function(sl.eigh, eigh_vjp)
python_function(
    sl.eigvalsh, lambda g, y, a, b=None, *o, **k: eigh_vjp(g, y, a, b, *o, eigvals_only=True, **k)
)
python_function(
    sl.svd,
    lambda g, y, a, full_matrices=True, compute_uv=True, *options, **also: linalg_spectral.svd_vjp(
        g, y, a, full_matrices, compute_uv
    ),
)
python_function(sl.svdvals, lambda g, y, a, *options, **also: linalg_spectral.svdvals_vjp(g, y, a))
python_function(sl.qr, scipy_qr_vjp)
python_function(sl.lu, lu_vjp)
python_function(
    sl.norm,
    lambda g, y, a, ord=None, axis=None, keepdims=False, check_finite=True: linalg_norms.norm_vjp(
        g, y, a, ord, axis, keepdims
    ),
)
