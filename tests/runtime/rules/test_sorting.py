"""Sorting and quantiles: every method, axis and shape of q; not-a-numbers left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, few, numbers, seeds, strided

QUANTILES = [np.quantile, np.nanquantile]
axes = st.sampled_from([None, 0, 1, (0, 1), (1, 0), -1])


@few
@given(
    seed=seeds, axis=st.sampled_from([None, 0, 1, -1]), dtype=st.sampled_from(["f8", "f4", "c16"]),
    view=st.booleans(),
)  # fmt: skip
def test_sort_and_partition(seed, axis, dtype, view):
    x = numbers(np.random.default_rng(seed), (4, 3), dtype)
    x = strided(x) if view else x
    check_rule(np.sort, x, fkwargs={"axis": axis})
    check_rule(np.sort_complex, x)
    check_rule(np.partition, x, 1, fkwargs={"axis": axis})


def test_empty_and_repeated():
    check_rule(np.sort, np.zeros(0))
    (dx,) = gradient(lambda x: np.sort(x) @ np.array([1.0, 2.0, 4.0]), np.array([3.0, 1.0, 1.0]))
    assert dx.tolist() == [4.0, 1.0, 2.0]


def with_nan(seed):
    x = numbers(np.random.default_rng(seed), (4, 5))
    x[0, 1] = x[2, 3:] = x[3, 0] = np.nan
    return x


@few
@given(seed=seeds, axis=axes, keepdims=st.booleans())
def test_median(seed, axis, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    check_rule(np.median, numbers(np.random.default_rng(seed), (4, 5)), fkwargs=options)
    check_rule(np.nanmedian, with_nan(seed), fkwargs=options)


def test_median_of_a_number_and_of_three_axes():
    check_rule(np.median, 3.0)
    check_rule(np.median, numbers(np.random.default_rng(0), (2, 3, 4)), fkwargs={"axis": (0, 2)})


@few
@given(
    seed=seeds, axis=axes, keepdims=st.booleans(),
    q=st.sampled_from([0.31, np.array([0.13, 0.77]), np.array([[0.13, 0.53], [0.21, 0.93]])]),
)  # fmt: skip
def test_quantiles_of_any_shape(seed, axis, keepdims, q):
    options = {"axis": axis, "keepdims": keepdims}
    x = numbers(np.random.default_rng(seed), (4, 5))
    check_rule(np.quantile, x, q, fkwargs=options)
    check_rule(np.percentile, x, 100 * q, fkwargs=options)
    check_rule(np.nanquantile, with_nan(seed), q, fkwargs=options)
    check_rule(np.nanpercentile, with_nan(seed), 100 * q, fkwargs=options)


STEADY = ["linear", "hazen", "weibull", "median_unbiased", "normal_unbiased"]
OTHER = """
inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf
lower higher midpoint nearest
""".split()


@pytest.mark.parametrize("method", STEADY)
def test_methods_that_are_steady_in_q(method):
    x = numbers(np.random.default_rng(0), (7,))
    check_rule(np.quantile, x, np.array([0.04, 0.33, 0.61]), fkwargs={"method": method})
    check_second_order(np.quantile, x, np.array([0.33, 0.61]), method=method)


@pytest.mark.parametrize("method", OTHER)
def test_other_methods(method):
    x = numbers(np.random.default_rng(0), (7,))

    def f(x):
        return np.sum(np.quantile(x, [0.33, 0.61], method=method) * np.array([1.0, 10.0]))

    (dx,) = gradient(f, x)
    h = 1e-6
    for i in range(7):
        step = h * np.eye(7)[i]
        assert dx[i] == pytest.approx((f(x + step) - f(x - step)) / (2 * h), abs=1e-6)
    with pytest.raises(NotImplementedError, match=method):
        gradient(lambda q: np.quantile(x, q, method=method), 0.33)


def test_weights_are_refused_and_not_wrong():
    with pytest.raises(NotImplementedError, match="weights"):
        gradient(
            lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=np.ones(3)), np.arange(3.0)
        )


def test_second_order():
    x = numbers(np.random.default_rng(0), (3, 4))
    check_second_order(np.sort, x)
    check_second_order(np.sort, x, axis=None)
    check_second_order(np.median, x, axis=0)
    check_second_order(np.nanquantile, with_nan(0), 0.31, axis=1)
