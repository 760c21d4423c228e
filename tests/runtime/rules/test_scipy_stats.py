"""`scipy.stats`, the area that waits for scipy."""

import numpy as np
import pytest

from rules_runtime import HasReverseMode, RuleConfig, gradient, hessian, rrule, rrule_via_ad
from tests.support.rules import check_rule, numbers

st = pytest.importorskip("scipy.stats")

METHODS = ["pdf", "logpdf", "cdf", "sf", "logcdf", "logsf"]
LINES = ["norm", "cauchy", "laplace", "logistic"]


def some(*shape, seed=0):
    return numbers(np.random.default_rng(seed), shape)


def positive(*shape, seed=1):
    return np.abs(some(*shape, seed=seed)) + 0.5


def parameter(method, *shape):
    """Derivatives of distribution functions by their shape have no closed form."""
    return positive(*shape, seed=5) + 1 if method in ("pdf", "logpdf") else 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LINES)
def test_on_the_line(name, method):
    f = getattr(getattr(st, name), method)
    check_rule(f, some(3))
    check_rule(f, 0.4, 0.3, 1.5)
    check_rule(f, some(2, 1), some(3, seed=2), positive(3))


@pytest.mark.parametrize("method", METHODS)
def test_with_shapes(method):
    check_rule(getattr(st.t, method), some(3), parameter(method, 3), some(3, seed=2), positive(3))
    for family in (st.gamma, st.chi2):
        check_rule(getattr(family, method), positive(3) + 0.2, parameter(method, 3), 0.1, 1.3)
    check_rule(getattr(st.expon, method), positive(3), 0.1, 1.3)
    check_rule(getattr(st.lognorm, method), positive(3), positive(3, seed=3), 0.1, 1.3)
    check_rule(
        getattr(st.beta, method), positive(3) / 4, parameter(method), parameter(method), 0.01, 1.2
    )
    check_rule(getattr(st.uniform, method), positive(3), -0.5, 7.3)


def test_counts():
    k = np.array([1, 3])
    for method in ("pmf", "logpmf"):
        check_rule(getattr(st.poisson, method), k, positive(2))
        check_rule(getattr(st.binom, method), k, 5, np.array([0.3, 0.6]))
    check_rule(st.poisson.cdf, k, positive(2))
    check_rule(st.poisson.sf, k, positive(2))


def test_several_variables():
    a = some(3, 3)
    cov = a @ a.T + np.eye(3)
    check_rule(st.multivariate_normal.logpdf, some(3), some(3, seed=2), cov)
    check_rule(st.multivariate_normal.pdf, some(4, 3), some(3, seed=2), cov)
    check_rule(st.multivariate_normal.logpdf, some(3), some(3, seed=2), 1.5)
    check_rule(st.multivariate_normal.logpdf, some(3), some(3, seed=2), positive(3))
    check_rule(st.multivariate_normal.logpdf, 0.5, 0.3, 1.5)
    check_rule(st.multivariate_normal.entropy, some(3), cov)
    x = np.array([0.2, 0.3, 0.5])
    (da,) = gradient(lambda a: st.dirichlet.logpdf(x, a), np.array([1.5, 2.0, 0.7]))
    h = 1e-6
    for i in range(3):
        step = h * np.eye(3)[i]
        a = np.array([1.5, 2.0, 0.7])
        slope = (st.dirichlet.logpdf(x, a + step) - st.dirichlet.logpdf(x, a - step)) / (2 * h)
        assert da[i] == pytest.approx(slope, rel=1e-6)


def composed(f, *args):
    """Check what the built-in reverse mode makes of `f`."""

    def g(*args):
        return f(*args)

    @rrule.register(g)
    def rrule_g(config: RuleConfig[HasReverseMode], _, *args):
        return rrule_via_ad(config, f, *args)

    check_rule(g, *args)


def test_singular_covariance():
    """On the plane that it allows."""
    basis = np.linalg.qr(some(4, 4))[0][:, :2]
    cov = basis @ np.diag([2.0, 0.5]) @ basis.T

    def logpdf(u, mean):
        return st.multivariate_normal.logpdf(u @ basis.T, basis @ mean, cov, allow_singular=True)

    composed(logpdf, some(3, 2), some(2, seed=3))
    x = some(2)

    def by_scale(s):
        return st.multivariate_normal.logpdf(x @ basis.T, np.zeros(4), s * cov, allow_singular=True)

    composed(by_scale, 1.7)
    (dx,) = gradient(lambda x: st.multivariate_normal.pdf(x, None, cov, True), some(4, seed=9))
    assert not np.any(dx)
    regular = np.diag([1.0, 2.0])
    check_rule(st.multivariate_normal.logpdf, x, x + 0.3, regular, True)


def test_parameters_that_have_no_derivative_may_be_constants():
    for f, x in (
        (lambda x: st.beta.cdf(x, np.array([1.2, 2.0]), 0.7), np.array([0.2, 0.6])),
        (lambda x: st.t.logcdf(x, 3.3), np.array([0.2, 0.6])),
        (lambda x: st.gamma.sf(x, 3.3), np.array([0.2, 0.6])),
    ):
        slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert gradient(lambda x, f=f: np.sum(f(x)), x)[0] == pytest.approx(slope, rel=1e-6)


def test_a_method_as_the_function():
    assert gradient(st.poisson.pmf, 3, 2.0)[1] == pytest.approx(st.poisson.pmf(3, 2.0) * 0.5)
    assert gradient(st.norm.logpdf, 0.3)[0] == pytest.approx(-0.3)


def test_parameters_by_name():
    """As most people write it."""

    def loss(mean, scale):
        return -np.sum(st.norm.logpdf(np.array([0.3, 1.2]), loc=mean, scale=scale))

    dm, ds = gradient(loss, 0.5, 2.0)
    assert dm == pytest.approx((0.5 - 0.3 + 0.5 - 1.2) / 4)
    assert ds == pytest.approx(1.0 - (0.2**2 + 0.7**2) / 8)
    (da,) = gradient(lambda a: st.gamma.logpdf(1.3, a, scale=2.0), 1.5)
    (db,) = gradient(lambda s: st.gamma.logpdf(1.3, a=1.5, scale=s), 2.0)
    h = 1e-6
    assert da == pytest.approx(
        (st.gamma.logpdf(1.3, 1.5 + h, scale=2) - st.gamma.logpdf(1.3, 1.5 - h, scale=2)) / 2 / h
    )
    assert db == pytest.approx(
        (st.gamma.logpdf(1.3, 1.5, scale=2 + h) - st.gamma.logpdf(1.3, 1.5, scale=2 - h)) / 2 / h
    )


def test_second_order():
    second = hessian(lambda p: st.norm.logpdf(1.0, p[0], p[1]), np.array([0.5, 2.0]))
    assert second == pytest.approx(np.array([[-0.25, -0.125], [-0.125, 0.25 - 3 * 0.25 / 16]]))


def test_outside_of_the_support():
    (dx,) = gradient(lambda x: np.sum(st.expon.cdf(x)), np.array([-1.0, 1.0]))
    assert dx == pytest.approx([0.0, np.exp(-1.0)])


def test_bernoulli_is_not_the_binomial_that_it_is_made_of():
    for k in (0, 1, 2):
        assert_like_differences(lambda p, k=k: st.bernoulli.pmf(k, p) + st.bernoulli(p).pmf(k))
    assert gradient(lambda p: st.bernoulli.logpmf(1, p=p), 0.4)[0] == pytest.approx(2.5)


def assert_like_differences(f, x=0.4, h=1e-6):
    assert gradient(f, x)[0] == pytest.approx((f(x + h) - f(x - h)) / (2 * h), abs=1e-8)
