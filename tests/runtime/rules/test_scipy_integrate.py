"""`scipy.integrate`, the area that waits for scipy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, hessian
from tests.runtime.tape.derivatives import numeric_gradient
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


@dataclass
class Linear:
    W: Any
    b: Any
    steps: int = 2

    def __call__(self, y: Any, t: Any) -> Any:
        return np.tanh(y @ self.W + self.b)

    def velocity(self, y: Any, t: Any) -> Any:
        return self(y, t)


WHOLE = {
    "a tuple": lambda W, b: si.odeint(lambda y, t, p: Linear(*p)(y, t), Y0, T, ((W, b),)),
    "a dict in a list": lambda W, b: si.odeint(
        lambda y, t, p: Linear(p[0]["W"], p[1])(y, t), Y0, T, ([{"W": W}, b],)
    ),
    "an object": lambda W, b: si.odeint(lambda y, t, p: p(y, t), Y0, T, (Linear(W, b),)),
    "a callable with fields": lambda W, b: si.odeint(Linear(W, b), Y0, T),
    "a method": lambda W, b: si.odeint(Linear(W, b).velocity, Y0, T),
    "twice the same": lambda W, b: (
        lambda p: si.odeint(lambda y, t, p, q: Linear(p[0], q[1])(y, t), Y0, T, (p, p))
    )((W, b)),
}


@pytest.mark.parametrize("call", WHOLE.values(), ids=WHOLE)
def test_parameters_with_parts(call: Any) -> None:
    W, b = np.array([[0.1, -0.3], [0.2, 0.4]]), np.array([0.1, 0.2])
    found = gradient(lambda W, b: np.sum(call(W, b) ** 2), W, b)
    flat = lambda W, b: si.odeint(lambda y, t, W, b: Linear(W, b)(y, t), Y0, T, (W, b))
    expected = numeric_gradient(lambda W, b: np.sum(flat(W, b) ** 2), W, b)
    for dx, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(dx, wanted, rtol=1e-4)


def test_second_order_of_parameters_with_parts() -> None:
    times = np.array([0.0, 0.5])

    def slope(k: Any) -> Any:
        end = lambda k: si.odeint(lambda y, t, p: -p["k"] * y, np.ones(1), times, ({"k": k},))[1, 0]
        return gradient(end, k)[0]

    (found,) = gradient(slope, 0.7)
    assert found == pytest.approx(0.25 * np.exp(-0.35), rel=1e-4)
