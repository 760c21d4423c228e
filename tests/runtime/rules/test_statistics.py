"""Averages, spread, covariance and correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.tape.derivatives import assert_gradient, assert_second_order
from tests.support.rules import check_rule, check_second_order, few, numbers, seeds


def weights(rng, shape):
    return rng.uniform(0.5, 2.0, shape)


@few
@given(
    seed=seeds, axis=st.sampled_from([None, 0, 1, (0, 1)]), keepdims=st.booleans(),
    returned=st.booleans(), dtype=st.sampled_from(["f8", "c16"]),
)  # fmt: skip
def test_average(seed, axis, keepdims, returned, dtype):
    rng = np.random.default_rng(seed)
    a = numbers(rng, (3, 4), dtype)
    check_rule(np.average, a, fkwargs={"axis": axis, "keepdims": keepdims})
    check_rule(np.average, a, axis, weights(rng, (3, 4)), returned, fkwargs={"keepdims": keepdims})


def test_average_with_weights_along_axes():
    rng = np.random.default_rng(0)
    a = numbers(rng, (4, 5, 3))
    check_rule(np.average, a, 1, weights(rng, 5))
    check_rule(np.average, a, 0, weights(rng, 4), True)
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        check_rule(np.average, a, (2, 0), weights(rng, (3, 4)))
        check_rule(np.average, a, (0, 2), weights(rng, (4, 3)))
    check_second_order(np.average, a, 1, weights(rng, 5))


@few
@given(seed=seeds, axis=st.sampled_from([None, 0, 1, (0, 1)]), keepdims=st.booleans())
def test_ptp(seed, axis, keepdims):
    x = numbers(np.random.default_rng(seed), (3, 4))
    check_rule(np.ptp, x, fkwargs={"axis": axis, "keepdims": keepdims})


OPTIONS = [
    {},
    {"bias": True},
    {"ddof": 2},
    {"aweights": np.array([1.0, 2.0, 0.5, 0.7, 1.0])},
    {"fweights": [1, 2, 1, 3, 1]},
    {"fweights": [1, 2, 1, 3, 1], "aweights": np.array([1.0, 2.0, 0.5, 0.7, 1.0])},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_cov(options):
    rng = np.random.default_rng(0)
    check_rule(np.cov, numbers(rng, (3, 5)), fkwargs=options)
    check_rule(np.cov, numbers(rng, (3, 5), "c16"), fkwargs=options)
    check_rule(np.cov, numbers(rng, (5,)), fkwargs=options)
    check_rule(np.cov, numbers(rng, (2, 5)), numbers(rng, (5,)), fkwargs=options)
    check_rule(np.cov, numbers(rng, (5, 2)), fkwargs={"rowvar": False, **options})
    check_second_order(np.cov, numbers(rng, (2, 5)), **options)


@pytest.mark.parametrize("options", [{}, {"ddof": 0}, {"ddof": 2, "fweights": [1, 2, 1, 3, 1]}])
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_cov_by_its_weights(options, dtype):
    rng = np.random.default_rng(0)
    m, scale = numbers(rng, (3, 5), dtype), numbers(rng, (3, 3), dtype)

    def f(m, w):
        c = np.cov(m, aweights=w, **options)
        by_position = np.cov(
            m[0], None, True, False, options.get("ddof"), options.get("fweights"), w
        )
        return np.real(np.sum(scale * c)) + np.real(by_position)

    weights = np.array([1.0, 2.0, 0.5, 0.7, 1.0])
    assert_gradient(f, m, weights)
    if dtype == "f8":
        assert_second_order(f, m, weights)


def test_corrcoef():
    rng = np.random.default_rng(0)
    check_rule(np.corrcoef, numbers(rng, (3, 5)))
    check_rule(np.corrcoef, numbers(rng, (3, 5), "c16"))
    check_rule(np.corrcoef, numbers(rng, (5,)), numbers(rng, (5,)))
    check_rule(np.corrcoef, numbers(rng, (5, 3)), numbers(rng, (5, 2)), False)
    check_second_order(np.corrcoef, numbers(rng, (2, 5)))
