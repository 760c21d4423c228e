"""Gradients of gradients, Jacobians, Hessians, and traces within traces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, hessian, jacobian, pullback
from tests.runtime.tape.derivatives import assert_gradient


def test_any_order_of_a_number() -> None:
    f: Any = lambda x: np.sin(x) * np.exp(2 * x)
    g = f
    for _ in range(4):
        g = (lambda h: lambda x: gradient(h, x)[0])(g)
    z = (2 + 1j) ** 4 * np.exp((2 + 1j) * 0.3)
    assert g(0.3) == pytest.approx(z.imag)


def test_no_confusion_of_perturbations() -> None:
    # d/dx (x * d/dy (x + y)) = 1: the inner derivative is 1, whatever x is
    assert gradient(lambda x: x * gradient(lambda y: x + y, 1.0)[0], 3.0) == (1.0,)
    assert gradient(lambda x: gradient(lambda y: x * y * y, x)[0], 3.0) == (12.0,)


def test_inner_gradients_flow_to_outer_closures() -> None:
    def loss(w: Any) -> Any:
        (g,) = gradient(lambda x: np.sum(np.tanh(w * x) ** 2), np.array([0.3, -0.8]))
        return np.sum(g * g)

    assert_gradient(loss, np.array([0.7, 1.3]))


def test_pullbacks_take_traced_cotangents() -> None:
    x = np.array([0.5, -0.2])

    def f(c: Any) -> Any:
        _, back = pullback(lambda x: np.sin(x) * x[::-1], x)
        return np.sum(back(c)[0] ** 2)

    assert_gradient(f, np.array([1.0, 2.0]))


def test_pullbacks_can_be_called_again() -> None:
    _, back = pullback(lambda x: x * x, np.array([1.0, 2.0]))
    for _ in range(3):
        np.testing.assert_array_equal(back(np.ones(2))[0], [2.0, 4.0])


def test_hessian_and_jacobian() -> None:
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    x = np.array([0.3, 0.7])
    np.testing.assert_allclose(
        hessian(lambda x: 0.5 * x @ A @ x + np.sum(x**3), x), A + np.diag(6 * x)
    )
    J = jacobian(lambda x: np.outer(x, x), x)
    assert J.shape == (2, 2, 2)
    np.testing.assert_allclose(J[0, 1], [x[1], x[0]])
    np.testing.assert_allclose(jacobian(lambda x: np.array(A), x), np.zeros((2, 2, 2)))


def test_second_derivatives_through_every_kind_of_rule() -> None:
    def f(x: Any) -> Any:
        m = np.reshape(x, (2, 2))
        s = m @ m.T + 3.0 * np.eye(2)
        low = np.linalg.cholesky(s)
        y = np.linalg.solve(s, x[:2]) + np.einsum("ij,j->i", low, x[2:])
        z = np.concatenate([y, np.stack([np.max(x), np.mean(x)])])
        return np.sum(np.where(z > 0.2, z**3, z)) + np.log(np.sum(np.exp(z - np.max(z))))

    x = np.array([0.3, -0.4, 0.9, 0.5])
    assert_gradient(f, x)
    assert_gradient(lambda x: np.sum(gradient(f, x)[0] * np.arange(4.0)), x, rtol=1e-4)


def test_three_levels_of_numpy_rules() -> None:
    f = lambda x: np.sum(np.tanh(x) * np.exp(x))
    third = lambda x: gradient(
        lambda x: np.sum(gradient(lambda x: np.sum(gradient(f, x)[0]), x)[0]), x
    )[0]
    x = np.array([0.2])
    want = numeric_third(lambda v: math.tanh(v) * math.exp(v), 0.2)
    np.testing.assert_allclose(third(x), [want], rtol=1e-4)


def numeric_third(f: Any, x: float, h: float = 1e-3) -> float:
    return float((f(x + 2 * h) - 2 * f(x + h) + 2 * f(x - h) - f(x - 2 * h)) / (2 * h**3))
