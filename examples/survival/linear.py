"""Linear algebra of covariances, and sums over groups."""

import autograd.numpy as np
from autograd.extend import defvjp, primitive


@primitive
def log_det(A):
    """Of a positive definite matrix."""
    return np.linalg.slogdet(A)[1]


def _log_det_vjp(ans, A):
    inverse = np.linalg.inv(A)
    return lambda g: g * inverse.T


defvjp(log_det, _log_det_vjp)


@primitive
def solve_spd(A, b):
    return np.linalg.solve(A, b)


def _solved(A, g):
    return np.linalg.solve(A.T, g)


defvjp(
    solve_spd,
    lambda x, A, b: lambda g: -np.outer(_solved(A, g), x),
    lambda x, A, b: lambda g: _solved(A, g),
)


@primitive
def quadratic_form(x, A):
    return x @ A @ x


MAKERS = [
    lambda ans, x, A: lambda g: g * ((A + A.T) @ x),
    lambda ans, x, A: lambda g: g * np.outer(x, x),
]
defvjp(quadratic_form, *MAKERS)


@primitive
def moments(x):
    """Mean and variance."""
    return np.mean(x), np.var(x)


def _moments_vjp(ans, x):
    mean, _ = ans

    def vjp(g):
        dmean, dvar = g  # of both results
        return (dmean + 2 * dvar * (x - mean)) / np.size(x)

    return vjp


defvjp(moments, _moments_vjp)


@primitive
def segment_sums(x, groups, number):
    """The sum of x in each of a number of groups."""
    return np.bincount(groups, x, number)


defvjp(segment_sums, lambda ans, x, groups, number: lambda g: g[groups], argnums=(0,))
