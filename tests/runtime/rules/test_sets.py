"""Arrays as sets, windows."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0):
    return numbers(np.random.default_rng(seed), shape)


def test_unique():
    check_rule(np.unique, some(3, 2))
    check_rule(np.unique, some(4, 2), fkwargs={"axis": 0})
    check_rule(np.unique, some(5), fkwargs={"return_counts": True, "return_inverse": True})
    (dx,) = gradient(lambda x: np.unique(x) @ np.array([1.0, 10.0]), np.array([3.0, 2.0, 3.0]))
    assert dx.tolist() == [10.0, 1.0, 0.0]


@pytest.mark.skipif(not hasattr(np, "unique_all"), reason="numpy before 2.0")
def test_names_of_the_array_api():
    for f in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
        check_rule(f, some(3))


def test_unions_and_differences():
    check_rule(np.union1d, some(3), some(2, 2, seed=1))
    a = some(4)
    check_rule(np.setdiff1d, a, np.array([3.0, 4.0]))
    check_second_order(lambda x: np.setdiff1d(x, np.array([3.0])) ** 2, a)


@pytest.mark.parametrize("x", [1.7, np.array([0.0, 1e-3, 20.0, -15.0]), np.ones((2, 2))], ids=str)
def test_i0(x):
    check_rule(np.i0, x)
    check_second_order(np.i0, x)


def test_kaiser():
    for m, beta in ((5, 1.7), (4, 8.6), (1, 1.0)):
        check_rule(np.kaiser, m, beta)
