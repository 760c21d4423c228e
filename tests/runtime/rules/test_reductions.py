"""Sums, products, extremes, variances."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers, strided


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


SUMS = [np.sum, np.mean, np.prod, np.var, np.std]
EXTREMES = [np.max, np.min]


@pytest.mark.parametrize("f", SUMS + EXTREMES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 1)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes(f, axis, keepdims):
    check_rule(f, some(2, 3, 4), fkwargs={"axis": axis, "keepdims": keepdims})


@pytest.mark.parametrize("f", SUMS + EXTREMES, ids=lambda f: f.__name__)
def test_any_array(f):
    for x in (1.5, np.array(1.5), some(3, dtype="f4"), strided(some(3, 4))):
        check_rule(f, x)
    check_second_order(f, some(3, 2), axis=0)


@pytest.mark.parametrize("f", SUMS, ids=lambda f: f.__name__)
def test_where_and_complex(f):
    where = np.array([[True, False, True], [True, True, False]])
    check_rule(f, some(2, 3), fkwargs={"axis": 1, "where": where})
    check_rule(f, some(2, 3, dtype="c16"), fkwargs={"axis": 1})


def test_other_options():
    check_rule(np.sum, np.zeros((0, 3)), fkwargs={"axis": 0})
    check_rule(np.sum, some(3), fkwargs={"initial": 2.0})
    check_rule(np.prod, some(3), fkwargs={"initial": 2.0})
    check_rule(np.max, some(3), fkwargs={"initial": 0.1})
    check_rule(np.var, some(4), fkwargs={"ddof": 1})
    check_rule(np.cumsum, some(3, 2))
    check_rule(np.cumsum, some(3, 2), fkwargs={"axis": 1})
    check_rule(np.cumsum, 1.5)


def test_products_with_zeros():
    check_rule(np.prod, np.array([1.0, 0.0, 2.0]))
    check_rule(np.prod, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]]), fkwargs={"axis": 1})
    check_second_order(np.prod, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]]), axis=1)
