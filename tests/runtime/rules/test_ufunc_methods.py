"""Methods of ufuncs, called directly and under the built-in reverse mode."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers


def positive(*shape, seed=0):
    return np.abs(numbers(np.random.default_rng(seed), shape)) + 0.3


BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.arctan2, np.hypot, np.maximum, np.minimum,
    np.logaddexp,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda f: f.__name__)
def test_outer(ufunc):
    check_rule(ufunc.outer, positive(2), positive(3, 2, seed=1))
    check_rule(ufunc.outer, positive(2, 2), positive(2, seed=1))
    check_rule(ufunc.outer, 1.5, positive(2, seed=1))
    check_second_order(ufunc.outer, positive(2), positive(3, seed=1))


def test_outer_of_complex_numbers():
    z = numbers(np.random.default_rng(0), (3,), "c16")
    check_rule(np.multiply.outer, z, numbers(np.random.default_rng(1), (2,)))


RUNNING = [np.add, np.multiply, np.maximum, np.minimum, np.logaddexp]


@pytest.mark.parametrize("ufunc", RUNNING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_accumulate_and_reduce(ufunc, axis):
    x = numbers(np.random.default_rng(0), (3, 4))
    check_rule(ufunc.accumulate, x, axis)
    check_rule(ufunc.reduce, x, axis)
    check_rule(ufunc.reduce, x, axis, fkwargs={"keepdims": True})
    check_second_order(ufunc.accumulate, x, axis)
    check_second_order(ufunc.reduce, x, axis)


def test_reduce_of_everything_and_without_an_axis():
    x = numbers(np.random.default_rng(0), (3, 4))
    for ufunc in RUNNING:
        check_rule(ufunc.reduce, x)
        check_rule(ufunc.reduce, x, None)
    check_rule(np.hypot.reduce, x)


def test_running_maximum_goes_to_the_first_of_equals():
    (dx,) = gradient(lambda x: np.sum(np.maximum.accumulate(x)), np.array([1.0, 3.0, 3.0, 2.0]))
    assert dx.tolist() == [1.0, 3.0, 0.0, 0.0]


def test_reduceat():
    check_rule(np.add.reduceat, numbers(np.random.default_rng(0), (6,)), [0, 2, 2, 4])
    check_rule(np.add.reduceat, numbers(np.random.default_rng(0), (3, 6)), np.array([4, 1, 3]), 1)
