"""Functions that call functions."""

import functools
import math

import numpy as np
import pytest

from rules_runtime import Tangent, TapeConfig, ZeroTangent, gradient, rrule, rrule_via_ad, unthunk
from rules_runtime.rules.functional import rrule_map
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


def mapped(f, *xs):
    return list(map(f, *xs))  # an iterator has no tangent


rrule.register(mapped)(rrule_map)


def test_map():
    config = TapeConfig()
    check_rule(mapped, lambda a: a * a, [1.5, 2.0])
    check_rule(mapped, Scale(1.5), (1.5, 2.0), [0.5, 0.7, 0.9])
    check_rule(mapped, np.sin, some(3, 2))
    y, back = rrule_via_ad(config, map, lambda a, b: a * b, (2.0, 3.0), [5.0, 7.0, 9.0])
    assert y == [10.0, 21.0]
    assert back(Tangent[list](1.0, 10.0))[2:] == (
        Tangent[tuple](5.0, 70.0),
        Tangent[list](2.0, 30.0, ZeroTangent()),
    )


def test_builtins_through_the_ad():
    config = TapeConfig()
    x = [1.5, -0.5, 2.5]
    for f, want in (
        (sum, [1.0, 1.0, 1.0]),
        (max, [0.0, 0.0, 1.0]),
        (min, [0.0, 1.0, 0.0]),
        (math.prod, [-1.25, 3.75, -0.75]),
    ):
        y, back = rrule_via_ad(config, f, x)
        assert float(y) == f(x)
        assert [float(unthunk(d)) if d != ZeroTangent() else 0.0 for d in back(1.0)[1]] == want


def test_vectorize():
    check_rule(np.vectorize(np.sin), some(2, 3))
    check_rule(np.vectorize(lambda a, b: a * b), some(2, 1), some(3, seed=1))
    check_rule(np.vectorize(Scale(1.5)), some(3))
    check_rule(np.vectorize(lambda a: (a * a, 2 * a)), some(3))
    check_rule(np.vectorize(lambda a, n: a**n), np.abs(some(3)), 2)
    check_second_order(np.vectorize(lambda a, b: a * b * b), some(2, 1), some(3, seed=1))
    check_rule(np.vectorize(np.sum, signature="(n)->()"), some(2, 3))
    check_rule(np.vectorize(lambda a, b: a @ b, signature="(m,n),(n)->(m)"), some(4, 2, 3), some(3))
    check_rule(np.vectorize(lambda v: (v[0] * v, v.sum()), signature="(n)->(n),()"), some(2, 3))
    check_rule(np.vectorize(lambda a, k=2.0: a**k), np.abs(some(3)), fkwargs={"k": 3.0})
    check_rule(np.vectorize(lambda a, p: a * p[0] + p[1] ** 2, excluded={1}), some(3), some(2))
    check_rule(np.vectorize(np.sin), 0.3)
    with pytest.raises(NotImplementedError, match="signature"):
        gradient(lambda x: np.vectorize(np.sum, signature="(n)->()")(x, axis=0), some(3))


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
    check_rule(np.piecewise, np.array(0.7), [np.array(True)], [np.sin])
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
