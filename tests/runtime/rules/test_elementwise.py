"""Elementwise functions: shapes, precisions, broadcasting, branches of the complex ones."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers, strided


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


def positive(*shape, seed=1, dtype="f8"):
    return np.abs(some(*shape, seed=seed, dtype=dtype)) + np.dtype(dtype).type(0.3)


ENTIRE = [
    np.sin, np.cos, np.tan, np.tanh, np.exp, np.expm1, np.exp2, np.sinh, np.cosh, np.arctan, np.arcsinh,
    np.negative, np.square, np.conjugate, np.positive, np.reciprocal,
]  # fmt: skip
LOGARITHMS = [np.log, np.log2, np.log10, np.log1p, np.sqrt]
REAL = [
    np.cbrt,
    np.deg2rad,
    np.rad2deg,
    np.degrees,
    np.radians,
    np.fabs,
    np.absolute,
    np.sinc,
    np.nan_to_num,
]


@pytest.mark.parametrize("f", ENTIRE + REAL, ids=lambda f: f.__name__)
def test_of_one_argument(f):
    for x in (
        some(3),
        strided(some(2, 3)),
        1.3,
        some(3, dtype="f4"),
        np.float32(0.7),
        np.array(0.7),
    ):
        check_rule(f, x)
    check_rule(f, np.zeros((0, 2)))
    check_second_order(f, some(3))


@pytest.mark.parametrize("f", LOGARITHMS, ids=lambda f: f.__name__)
def test_of_positive_numbers(f):
    for x in (positive(3), 1.3, positive(3, dtype="f4"), np.array(0.7), some(3, dtype="c16")):
        check_rule(f, x)
    check_second_order(f, positive(3))


@pytest.mark.parametrize(
    "f", [*ENTIRE, np.arcsin, np.arccos, np.arctanh, np.arccosh], ids=lambda f: f.__name__
)
def test_of_complex_numbers(f):
    check_rule(f, some(4, dtype="c16"))
    check_rule(f, 0.4 - 0.3j)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctanh], ids=lambda f: f.__name__)
def test_between_minus_one_and_one(f):
    check_rule(f, some(3) / 3)
    check_second_order(f, some(3) / 3)


def test_complex_parts():
    z = some(4, dtype="c16")
    for f in (np.absolute, np.angle, np.real, np.imag, np.real_if_close):
        check_rule(f, z)
    check_rule(np.angle, z, True)
    for f in (np.real, np.imag):
        check_rule(f, some(3))
        check_rule(f, 1.5)
    check_rule(np.sinc, np.array([0.0, 0.5]))
    check_rule(np.arccosh, positive(3) + 1)


PAIRS = [
    pytest.param(some(3), positive(3), id="same shape"),
    pytest.param(some(2, 1), positive(3), id="broadcast"),
    pytest.param(1.5, positive(3), id="number first"),
    pytest.param(some(3), 2.5, id="number second"),
    pytest.param(some(3, dtype="f4"), positive(3, dtype="f4"), id="float32"),
    pytest.param(np.array(1.5), 2.5, id="0-d"),
    pytest.param(np.zeros((0, 3)), positive(3), id="empty"),
    pytest.param(some(3), 2, id="integer"),
]
FIELD = [np.add, np.subtract, np.multiply, np.divide]
OTHER = [
    np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.maximum, np.minimum, np.fmax, np.fmin, np.remainder,
    np.fmod, np.copysign, np.heaviside,
]  # fmt: skip


@pytest.mark.parametrize("f", FIELD + OTHER, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_of_two_arguments(f, a, b):
    check_rule(f, a, b)


@pytest.mark.parametrize("f", FIELD, ids=lambda f: f.__name__)
def test_complex_with_real(f):
    check_rule(f, some(3, dtype="c16"), positive(3))
    check_rule(f, some(3), some(2, 3, dtype="c16"))
    check_second_order(f, some(3), positive(2, 1))


@pytest.mark.parametrize("f", [np.power, np.float_power], ids=lambda f: f.__name__)
def test_powers(f):
    check_rule(f, positive(3), some(3))
    check_rule(f, positive(2, 1), some(3))
    check_rule(f, 1.5, some(3))
    check_rule(f, some(3), 2)
    check_rule(f, some(3, dtype="c16"), some(3, seed=2, dtype="c16"))
    check_rule(f, np.array([0.0, 1.0]), 2)
    check_rule(f, np.array([0.0, 1.0]), 1)
    check_second_order(f, positive(3), some(3))


def test_choices_and_limits():
    x = some(5)
    check_rule(np.clip, x, -0.5, 0.5)
    check_rule(np.clip, x, None, 0.5)
    check_rule(np.clip, x, x - 1, 2.0)
    check_rule(np.where, some(3) > 0, some(3, seed=1), 2.0)
    check_rule(np.where, some(2, 3) > 0, some(3, seed=1), some(2, 1, seed=2))
    check_rule(np.where, True, some(3), some(3, dtype="c16"))
    check_rule(np.ldexp, x, 2)


@pytest.mark.parametrize(
    "f", [np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round], ids=lambda f: f.__name__
)
def test_steps_have_no_slope(f):
    check_rule(f, 3 * some(4))
    (dx,) = gradient(lambda x: np.sum(x * f(x)), 3 * some(4))
    assert np.allclose(dx, f(3 * some(4)))
