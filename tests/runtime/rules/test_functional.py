"""Functions that call functions."""

import functools

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


class Scale:
    """A function with a field: its tangent is the sum over all calls."""

    def __init__(self, k):
        self.k = k

    def __call__(self, a, b=1.0):
        return self.k * a * b


def test_reduce():
    check_rule(functools.reduce, lambda a, b: a * b + a, [1.5, 2.0, 3.0])
    check_rule(functools.reduce, Scale(1.5), (1.5, 2.0, 3.0), 0.7)
    check_rule(functools.reduce, np.multiply, some(3, 2))
    check_rule(functools.reduce, np.multiply, [some(2), some(2, seed=1)], some(2, seed=2))
    check_rule(functools.reduce, np.multiply, [], 0.7)


def test_vectorize():
    check_rule(np.vectorize(np.sin), some(2, 3))
    check_rule(np.vectorize(lambda a, b: a * b), some(2, 1), some(3, seed=1))
    check_rule(np.vectorize(Scale(1.5)), some(3))
    check_rule(np.vectorize(lambda a: (a * a, 2 * a)), some(3))
    check_rule(np.vectorize(lambda a, n: a**n), np.abs(some(3)), 2)
    check_second_order(np.vectorize(lambda a, b: a * b * b), some(2, 1), some(3, seed=1))
    with pytest.raises(NotImplementedError, match="signature"):
        gradient(lambda x: np.sum(np.vectorize(np.sum, signature="(n)->()")(x)), some(2, 3))


def test_apply_along_axis():
    check_rule(np.apply_along_axis, lambda v: v * v.sum(), 0, some(3, 2))
    check_rule(np.apply_along_axis, np.sum, 1, some(3, 2))
    check_rule(np.apply_along_axis, lambda v, k: np.outer(v, v) * k, 0, some(3, 2), 1.5)
    check_rule(np.apply_along_axis, Scale(2.5), -1, some(3, 2, 2))
    check_second_order(lambda x: np.apply_along_axis(lambda v: v * v.sum(), 0, x), some(3, 2))


def test_apply_over_axes():
    check_rule(np.apply_over_axes, np.sum, some(3, 2, 4), (0, 2))
    check_rule(np.apply_over_axes, np.mean, some(3, 2), [1])
    check_second_order(lambda x: np.apply_over_axes(np.prod, x, (0, 1)), some(3, 2))


def test_piecewise():
    x = some(6)
    check_rule(np.piecewise, x, [x > 0.5, x < -0.5], [np.sin, lambda v: v * v])
    check_rule(np.piecewise, x, [x > 0.5, x < -0.5], [np.sin, 2.5, lambda v: v * v])
    check_rule(np.piecewise, x, [x > 0, x > 0.5], [np.sin, Scale(2.0)])
    check_rule(np.piecewise, x, [x > 10, x <= 10], [np.sin, np.cos])
    check_rule(np.piecewise, some(2, 3), [some(2, 3) > 0], [lambda v, k: v * k, 3.0], 1.7)
    check_second_order(lambda v: np.piecewise(v, [x > 0, x <= 0], [np.sin, lambda u: u * u]), x)


def test_under_the_built_in_reverse_mode():
    x = np.abs(some(2, 3)) + 0.2
    (dx,) = gradient(lambda x: np.sum(np.vectorize(lambda a: a**3)(x)), x)
    assert np.allclose(dx, 3 * x**2)
    (dx,) = gradient(lambda x: np.sum(np.apply_along_axis(lambda r: r * r.sum(), 1, x)), x)
    assert np.allclose(dx, 2 * x.sum(axis=1, keepdims=True) + 0 * x)
    (dx,) = gradient(lambda x: np.sum(functools.reduce(lambda a, b: a * b, x)), x)
    assert np.allclose(dx, x[::-1])
