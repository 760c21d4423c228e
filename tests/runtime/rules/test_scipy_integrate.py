"""`scipy.integrate`, the area that waits for scipy."""

import numpy as np
import pytest

from rules_runtime import gradient, hessian
from tests.support.rules import check_rule

si = pytest.importorskip("scipy.integrate")


def pendulum(y, t, friction, strength):
    return np.stack([y[1], -strength[0] * np.sin(y[0]) - friction * y[1] + strength[1] * np.cos(t)])


Y0, T = np.array([0.3, -0.5]), np.array([0.1, 0.4, 1.0])
ARGS = (0.2, np.array([1.5, 0.4]))


def test_states_times_and_parameters():
    check_rule(si.odeint, pendulum, Y0, T, ARGS, rtol=1e-4, atol=1e-5)
    check_rule(si.odeint, lambda y, t: -y * t, np.array([2.0]), T, rtol=1e-4, atol=1e-5)


def test_of_a_solution_that_is_known():
    def f(rate, start):
        return si.odeint(lambda t, y, k: k * y, start, np.array([0.0, 2.0]), (rate,), tfirst=True)[
            1, 0
        ]

    rate, start = gradient(f, -0.5, 3.0)
    assert rate == pytest.approx(2 * 3 * np.exp(-1), rel=1e-6)
    assert start == pytest.approx(np.exp(-1), rel=1e-6)
    second = hessian(lambda p: f(p[0], p[1]), np.array([-0.5, 3.0]))
    wanted = np.exp(-1) * np.array([[12.0, 2.0], [2.0, 0.0]])
    np.testing.assert_allclose(second, wanted, atol=1e-5)


def test_what_the_rule_does_not_know():
    with pytest.raises(NotImplementedError, match="full_output"):
        gradient(lambda y: si.odeint(lambda y, t: -y, y, T, full_output=True)[0][1, 0], Y0)
