"""The differences themselves: accuracy, kinks, poles,
and an error estimate that can be believed."""

import math

import numpy as np
import pytest

from rules_runtime.testing.finite_differences import derivative

EPS = 2.3e-16


def estimate(f, x, epsilon=EPS):
    def along(t):
        try:
            return np.array([f(x + t)])
        except ValueError:
            return None

    return derivative(along, np.array([f(x)]), abs(x), epsilon)


@pytest.mark.parametrize(
    ("f", "df", "x"),
    [
        pytest.param(math.sin, math.cos, 0.7, id="sin"),
        pytest.param(math.sin, math.cos, 1e6, id="sin, far out"),
        pytest.param(math.exp, math.exp, 20.0, id="exp"),
        pytest.param(math.log, lambda x: 1 / x, 1e-7, id="log near its pole"),
        pytest.param(math.sqrt, lambda x: 0.5 / math.sqrt(x), 1e12, id="sqrt, far out"),
        pytest.param(lambda x: x**3, lambda x: 3 * x**2, 0.0, id="cube at zero"),
        pytest.param(abs, lambda x: 1.0, 1e-3, id="abs near its kink"),
        pytest.param(math.gamma, lambda x: math.gamma(x) * 0.422784335098467, 2.0, id="gamma"),
    ],
)
def test_as_good_as_a_rule_needs(f, df, x):
    found = estimate(f, x)
    assert found.value[0] == pytest.approx(df(x), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("x", [0.3, 1.0, 5.0, 30.0])
def test_the_error_estimate_covers_the_error(x):
    def f(x):
        return math.sin(3 * x) * math.exp(-x / 10)

    def df(x):
        return (3 * math.cos(3 * x) - math.sin(3 * x) / 10) * math.exp(-x / 10)

    found = estimate(f, x)
    assert abs(found.value[0] - df(x)) <= 10 * found.error[0] + 1e-12


def test_single_precision_is_estimated_as_such():
    found = estimate(lambda x: np.float32(math.sin(x)), 0.7, epsilon=1.2e-7)
    assert found.value[0] == pytest.approx(math.cos(0.7), rel=1e-3)
    assert 1e-9 < found.error[0] < 1e-3


def test_at_a_kink_it_is_the_mean_of_both_sides():
    found = estimate(lambda x: x if x > 0 else 0.0, 0.0)
    assert found.value[0] == pytest.approx(0.5)


def test_no_value_anywhere_near():
    def nowhere(t):
        return None

    assert derivative(nowhere, np.zeros(1), 1.0, EPS) is None


def test_components_are_judged_one_by_one():
    def f(t):
        return np.array([math.sin(t), 1e9 * math.cos(t), abs(t - 1e-3), 5.0, np.nan])

    found = derivative(f, f(0.0), 1.0, EPS)
    assert found.value[0] == pytest.approx(1.0, rel=1e-9)
    assert found.value[2:] == pytest.approx([-1.0, 0.0, 0.0])
    assert abs(found.value[1]) < 1e-3


def test_nothing_to_differentiate():
    found = derivative(lambda t: np.zeros(0), np.zeros(0), 1.0, EPS)
    assert found.value.shape == (0,)
