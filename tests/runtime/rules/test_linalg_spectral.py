"""Eigenvalue problems and singular values.

Where vectors have a phase that numpy does not fix, functions that do not depend on it are tested.
"""

import numpy as np
import pytest

from rules_runtime import HasReverseMode, RuleConfig, gradient, rrule, rrule_via_ad
from tests.support.rules import check_rule, check_second_order, numbers


def hermitian(n, *stack, dtype="f8", seed=0):
    a = numbers(np.random.default_rng(seed), (*stack, n, n), dtype)
    return a @ np.conj(np.swapaxes(a, -1, -2)) + np.diag(np.arange(1.0, n + 1)).astype(dtype)


def general(*shape, dtype="f8", seed=0):
    return numbers(np.random.default_rng(seed), shape, dtype)


def check_composed(f, x):
    """Check what the built-in reverse mode makes of `f`."""

    def composed(x):
        return f(x)

    @rrule.register(composed)
    def rrule_composed(config: RuleConfig[HasReverseMode], _, x):
        return rrule_via_ad(config, f, x)

    check_rule(composed, x)


@pytest.mark.parametrize("uplo", ["L", "U", "l"])
@pytest.mark.parametrize("stack", [(), (2,)])
def test_eigh(uplo, stack):
    check_rule(np.linalg.eigh, hermitian(3, *stack), fkwargs={"UPLO": uplo})
    check_rule(np.linalg.eigvalsh, hermitian(3, *stack), fkwargs={"UPLO": uplo})


def test_eigvalsh_of_a_complex_matrix():
    check_rule(np.linalg.eigvalsh, hermitian(3, dtype="c16"))
    check_rule(np.linalg.eigvalsh, hermitian(3, dtype="c16"), fkwargs={"UPLO": "U"})


def test_functions_of_complex_eigenvectors_that_do_not_depend_on_their_phase():
    def root(a):
        w, v = np.linalg.eigh(a)
        return (v * np.sqrt(w)) @ np.conj(v.T)

    check_composed(root, hermitian(3, dtype="c16"))


def test_equal_eigenvalues_do_no_harm_to_functions_of_the_eigenvalues():
    def spread(a):
        w, _ = np.linalg.eigh(a)
        return np.sum(w**2)

    (da,) = gradient(spread, np.eye(3))
    assert np.allclose(da, 2 * np.eye(3))


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (2, 3, 3)], ids=str)
def test_eig(dtype, shape):
    check_rule(np.linalg.eig, general(*shape, dtype=dtype, seed=3))
    check_rule(np.linalg.eigvals, general(*shape, dtype=dtype, seed=3))


SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_singular_values(shape, dtype):
    check_rule(np.linalg.svd, general(*shape, dtype=dtype), fkwargs={"compute_uv": False})
    if hasattr(np.linalg, "svdvals"):
        check_rule(np.linalg.svdvals, general(*shape, dtype=dtype))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_vectors(shape):
    check_rule(np.linalg.svd, general(*shape), fkwargs={"full_matrices": False})


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_functions_of_singular_vectors_that_do_not_depend_on_their_phase(shape, full, dtype):
    c = general(shape[0], shape[0], seed=5)

    def f(a):
        u, s, vh = np.linalg.svd(a, full_matrices=full)
        k = s.shape[-1]
        between = u[:, :k] @ np.diag(s**2) @ vh[:k]
        outside = u[:, k:] @ np.conj(u[:, k:].T)  # depends on the subspace alone
        return between + c @ outside @ between

    check_composed(f, general(*shape, dtype=dtype))


def test_hermitian_svd():
    check_rule(np.linalg.svd, hermitian(3), fkwargs={"hermitian": True})


def test_single_precision():
    check_rule(np.linalg.eigh, hermitian(3, dtype="f4"))
    check_rule(np.linalg.svd, general(4, 2, dtype="f4"), fkwargs={"full_matrices": False})


def test_second_order():
    check_second_order(np.linalg.eigh, hermitian(3))
    check_second_order(np.linalg.eigvalsh, hermitian(3))
    check_second_order(np.linalg.eig, general(3, 3, seed=3))
    check_second_order(np.linalg.eigvals, general(3, 3, seed=3))
    for shape in SHAPES:
        check_second_order(np.linalg.svd, general(*shape), full_matrices=False)
