"""`scipy.linalg`, the area that waits for scipy."""

import subprocess
import sys

import numpy as np
import pytest

from rules_runtime import HasReverseMode, RuleConfig, gradient, rrule, rrule_via_ad
from tests.support.rules import check_rule, check_second_order, numbers

sl = pytest.importorskip("scipy.linalg")
pytestmark = pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


def square(n=3, dtype="f8"):
    return some(n, n, dtype=dtype) + np.diag(np.arange(2.0, 2.0 + n)).astype(dtype)


def hermitian(dtype="f8"):
    a = square(dtype=dtype)
    return a @ np.conj(a.T)


@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_solve_triangular(trans, lower, unit):
    check_rule(sl.solve_triangular, square(), some(3), trans, lower, unit)
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
    check_rule(sl.solve_triangular, square(dtype="c16"), some(3, 2, dtype="c16"), fkwargs=options)
    check_second_order(lambda a, b: sl.solve_triangular(a, b, **options), square(), some(3))


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_cholesky(lower, dtype):
    a = hermitian(dtype)
    low = np.linalg.cholesky(a)
    check_rule(sl.cholesky, a, lower)
    check_rule(sl.cho_factor, a, fkwargs={"lower": lower})
    factor = low if lower else np.conj(low.T).copy()
    check_rule(sl.cho_solve, (factor, lower), some(3, dtype=dtype))
    check_rule(sl.cho_solve, (factor, lower), some(3, 2, dtype=dtype))


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_systems(dtype):
    check_rule(sl.solve, square(dtype=dtype), some(3, dtype=dtype))
    check_rule(sl.solve, square(dtype=dtype), some(3, 2, dtype=dtype))
    check_rule(sl.inv, square(dtype=dtype))
    check_rule(sl.det, square(dtype=dtype))
    for lower, upper in ((1, 1), (0, 2), (2, 1), (1, 0)):
        ab = some(lower + upper + 1, 4, dtype=dtype) + 2
        check_rule(sl.solve_banded, (lower, upper), ab, some(4, dtype=dtype))
        check_rule(sl.solve_banded, (lower, upper), ab, some(4, 2, dtype=dtype))


FUNCTIONS = "expm sinm cosm tanm sinhm coshm tanhm".split()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_matrices(name):
    f = getattr(sl, name)
    check_rule(f, some(3, 3) / 2)
    check_rule(f, some(2, 2, dtype="c16") / 2)
    check_second_order(f, some(2, 2) / 2)


def test_logarithm_and_root_and_stacks():
    for f in (sl.logm, sl.sqrtm):
        check_rule(f, hermitian())
        check_rule(f, hermitian("c16"))
    check_rule(sl.expm, some(2, 2, 2))
    indefinite = np.array([[0.5, -0.1, 0.6], [-0.1, -0.9, 0.3], [0.6, 0.3, -0.4]])
    check_rule(sl.sqrtm, indefinite)  # its root is complex
    check_second_order(sl.sqrtm, indefinite)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_matrix_equations(dtype):
    a, b = square(dtype=dtype), square(2, dtype=dtype)
    check_rule(sl.solve_sylvester, a, b, some(3, 2, dtype=dtype))
    check_rule(sl.solve_continuous_lyapunov, a, some(3, 3, dtype=dtype))
    check_second_order(sl.solve_sylvester, square(), square(2), some(3, 2))


def test_block_diag():
    check_rule(sl.block_diag, some(2, 2), some(3), 1.5, some(1, 2))


def check_composed(f, x):
    """Check what the built-in reverse mode makes of `f`."""

    def composed(x):
        return f(x)

    @rrule.register(composed)
    def rrule_composed(config: RuleConfig[HasReverseMode], _, x):
        return rrule_via_ad(config, f, x)

    check_rule(composed, x)


@pytest.mark.parametrize("lower", [True, False])
def test_eigh(lower):
    """Signs of vectors are as scipy likes, so they must not matter."""

    def root(a):
        w, v = sl.eigh(a, lower=lower)
        return (v * np.sqrt(w)) @ np.conj(v.T)

    check_composed(root, hermitian())
    check_composed(root, hermitian("c16"))
    check_rule(sl.eigvalsh, hermitian(), fkwargs={"lower": lower})


def test_other_factorisations():
    check_rule(sl.svdvals, some(3, 4, dtype="c16"))
    check_rule(sl.svd, some(4, 3), fkwargs={"compute_uv": False})
    check_composed(lambda a: sl.qr(a, mode="economic")[1] ** 2, some(4, 3))
    check_rule(sl.lu, square())
    check_rule(sl.lu, square(dtype="c16"))
    assert not gradient(lambda a: np.sum(sl.lu(a)[0]), square())[0].any()
    check_rule(sl.norm, some(3, 4))
    check_rule(sl.norm, some(3, 4), 1, 0)
    check_second_order(lambda a: sl.lu(a)[1:], square())


def test_what_has_no_rule_is_refused_and_not_wrong():
    with pytest.raises(NotImplementedError, match="general"):
        gradient(lambda a: np.sum(sl.solve(a, np.ones(3), assume_a="pos")), hermitian())
    with pytest.raises(NotImplementedError, match="pivoting"):
        gradient(lambda a: np.sum(sl.qr(a, pivoting=True)[1]), square())


def test_scipy_may_be_imported_after_the_first_gradient():
    code = """
import numpy as np, rules_runtime
rules_runtime.gradient(lambda x: np.sum(np.sin(x)), np.ones(2))
import scipy.linalg
(dx,) = rules_runtime.gradient(lambda a: np.sum(scipy.linalg.expm(a)), np.zeros((2, 2)))
assert np.allclose(dx, 1.0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
