"""Evenly spaced numbers and tables of powers."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace(endpoint):
    check_rule(np.linspace, 1.5, 2.5, 5, endpoint)
    check_rule(np.linspace, some(3), 2.5, 4, endpoint)
    check_rule(np.linspace, some(3), some(2, 1), 4, endpoint, fkwargs={"axis": 1})
    check_rule(np.linspace, 1.5, some(2), 4, endpoint, True)
    check_rule(np.linspace, some(2, dtype="c16"), some(2, seed=1, dtype="c16"), 3, endpoint)


def test_linspace_of_one():
    check_rule(np.linspace, 1.5, 2.5, 1)


@pytest.mark.parametrize("endpoint", [True, False])
def test_logspace_and_geomspace(endpoint):
    check_rule(np.logspace, 0.1, 0.5, 4, endpoint)
    check_rule(np.logspace, some(2), 0.5, 4, endpoint, 2.5)
    check_rule(np.geomspace, 1.5, 7.0, 4, endpoint)
    ends = np.abs(some(2)) + 0.5, np.abs(some(2, seed=1)) + 2
    check_rule(np.geomspace, *ends, 4, endpoint, fkwargs={"axis": -1})


def test_vander():
    check_rule(np.vander, some(3))
    check_rule(np.vander, some(3), 2)
    check_rule(np.vander, some(3, dtype="c16"), 4, True)
    check_second_order(np.vander, some(3))


def test_second_order():
    check_second_order(lambda a, b: np.linspace(a, b, 4), some(2), some(2, seed=1))
    check_second_order(lambda a, b: np.geomspace(a, b, 4), 1.5, 7.0)
    check_second_order(lambda a, b: np.logspace(a, b, 4), 0.1, 0.4)
