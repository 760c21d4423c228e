"""`scipy.special`, the area that waits for scipy."""

import subprocess
import sys

import numpy as np
import pytest

from rules_runtime import NotImplementedTangent, gradient, rrule
from tests.support.rules import check_rule, check_second_order, numbers

sp = pytest.importorskip("scipy.special")


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


def positive(*shape, seed=1):
    return np.abs(some(*shape, seed=seed)) + 0.4


def unit(*shape, seed=2):
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


ANYWHERE = """
erf erfc erfi erfcx dawsn ndtr log_ndtr expit log_expit exp2 exp10 expm1 cosm1 cbrt sindg cosdg tandg
cotdg exprel j0 j1 i0 i1 i0e i1e airy shichi fresnel wrightomega
""".split()
BETWEEN = "erfinv erfcinv ndtri logit ellipk ellipkm1 ellipe".split()
POSITIVE = """
log1p exp1 expi entr gamma gammaln loggamma rgamma psi digamma y0 y1 k0 k1 k0e k1e spence sici
""".split()
COMPLEX = """
erf erfc erfi erfcx dawsn wofz log_ndtr expm1 loggamma gamma rgamma exp1 expi spence fresnel airy wrightomega
""".split()
TWO = """
xlogy xlog1py rel_entr kl_div huber pseudo_huber beta betaln poch owens_t boxcox boxcox1p inv_boxcox
inv_boxcox1p
""".split()


@pytest.mark.parametrize(
    ("name", "x"),
    [(name, some(3)) for name in ANYWHERE]
    + [(name, unit(3)) for name in BETWEEN]
    + [(name, positive(3)) for name in POSITIVE],
    ids=str,
)
def test_of_one_argument(name, x):
    f = getattr(sp, name)
    check_rule(f, x)
    check_rule(f, float(x[0]))
    check_second_order(f, x)


@pytest.mark.parametrize("name", COMPLEX)
def test_of_complex_numbers(name):
    check_rule(getattr(sp, name), some(3, dtype="c16"))


@pytest.mark.parametrize("name", TWO)
def test_of_two_arguments(name):
    f = getattr(sp, name)
    check_rule(f, positive(2, 1), positive(3, seed=3))
    check_rule(f, 1.3, positive(3))
    check_second_order(f, positive(2, 1), positive(3, seed=3))


def test_where_a_formula_has_a_gap():
    for f in (sp.boxcox, sp.boxcox1p, sp.inv_boxcox, sp.inv_boxcox1p):
        check_rule(f, positive(3), 0.0)
        check_second_order(f, positive(3), 0.0)
    for f, x in ((sp.exprel, 0.0), (sp.spence, 1.0), (sp.ellipk, 0.0), (sp.ellipe, 0.0)):
        check_rule(f, x)
        check_second_order(f, x)


@pytest.mark.parametrize("name", "gammainc gammaincc chdtr chdtrc stdtr".split())
def test_by_the_last_argument(name):
    check_rule(getattr(sp, name), 2, positive(3))
    check_rule(getattr(sp, name), positive(3), positive(3, seed=3))
    check_second_order(lambda x: getattr(sp, name)(1.7, x), positive(3))


def test_distributions_of_counts_and_inverses():
    check_rule(sp.gammaincinv, positive(3), unit(3))
    check_rule(sp.gammainccinv, positive(3), unit(3))
    for name in ("betainc", "betaincinv", "betaincc", "betainccinv"):
        if hasattr(sp, name):
            check_rule(getattr(sp, name), positive(3), positive(3, seed=3), unit(3))
    for f in (sp.pdtr, sp.pdtrc, sp.expn):
        check_rule(f, 2, positive(3))
    check_second_order(lambda x: sp.expn(1, x), positive(3))
    check_rule(sp.binom, positive(3) + 3, positive(3, seed=3))


@pytest.mark.parametrize("name", "jv yv iv kv ive kve hankel1 hankel2".split())
def test_bessel_functions(name):
    f = getattr(sp, name)
    check_rule(f, 1.5, positive(3))
    check_rule(f, 2, 1.3)
    if name not in ("ive",):
        check_rule(f, 1.5, some(3, dtype="c16"))
    check_second_order(lambda x: f(1.5, x), positive(3))


def test_bessel_functions_of_integer_order():
    for f in (sp.jn, sp.yn, sp.kn):
        check_rule(f, 2, positive(3))


def test_elliptic_and_hypergeometric():
    check_rule(sp.ellipkinc, unit(3), unit(3, seed=4))
    check_rule(sp.ellipeinc, unit(3), unit(3, seed=4))
    check_rule(sp.hyp0f1, 1.5, some(3))
    check_rule(sp.hyp1f1, 1.5, 2.5, some(3))
    check_rule(sp.hyperu, 1.5, 2.5, positive(3))
    check_rule(sp.hyp2f1, 1.5, 0.5, 2.5, unit(3))


POLYNOMIALS = "legendre chebyt chebyu hermite hermitenorm laguerre".split()


@pytest.mark.parametrize("n", [0, 1, 3])
def test_orthogonal_polynomials(n):
    for name in POLYNOMIALS:
        check_rule(getattr(sp, f"eval_{name}"), n, some(3))
    check_rule(sp.eval_genlaguerre, n, 1.5, some(3))
    check_rule(sp.eval_gegenbauer, n, 1.5, some(3))
    check_rule(sp.eval_jacobi, n, 1.5, 0.5, some(3))


def test_functions_that_are_not_ufuncs():
    check_rule(sp.polygamma, 1, positive(3))
    check_rule(sp.polygamma, 0, positive(3))
    check_rule(sp.multigammaln, positive(3) + 2, 2)
    check_rule(sp.lambertw, positive(3))
    check_rule(sp.lambertw, some(3, dtype="c16"))
    check_second_order(lambda x: sp.polygamma(1, x), positive(3))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_logsumexp_and_softmax(axis):
    x = some(3, 4)
    check_rule(sp.logsumexp, x, axis)
    check_rule(sp.logsumexp, x, axis, fkwargs={"keepdims": True})
    check_rule(sp.logsumexp, x, axis, positive(4))
    check_rule(sp.softmax, x, axis)
    check_rule(sp.log_softmax, x, axis)
    check_second_order(lambda x: sp.logsumexp(x, axis=axis), x)
    check_second_order(lambda x: sp.softmax(x, axis=axis), x)


def test_a_parameter_without_a_derivative_is_an_error_and_not_zero():
    _, pullback = rrule(sp.gammainc, 1.5, 2.5)
    assert isinstance(pullback(1.0)[1], NotImplementedTangent)
    with pytest.raises(NotImplementedError, match="parameter"):
        gradient(lambda a: sp.gammainc(a, 2.5), 1.5)
    with pytest.raises(NotImplementedError, match="trigamma"):
        gradient(lambda x: np.real(sp.psi(x * 1j)), 1.5)


def test_scipy_is_not_imported_for_it():
    code = """
import sys, numpy as np, rules_runtime
rules_runtime.gradient(lambda x: np.sum(np.sin(x)), np.ones(2))
assert "scipy" not in sys.modules
import scipy.special
assert rules_runtime.gradient(lambda x: scipy.special.erf(x), 0.0)[0] > 1.1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
