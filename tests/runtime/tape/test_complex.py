"""Complex numbers: the gradient of a real function of z = x + iy is df/dx + i df/dy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, jacobian
from tests.runtime.tape.derivatives import assert_gradient

Z = np.array([1.0 + 0.5j, -0.3 + 2.0j, 0.7 - 1.1j])
W = np.array([0.2 - 0.4j, 1.3 + 0.1j, -0.8 + 0.9j])
FUNCTIONS: list[Any] = [
    lambda z: np.sum(np.abs(z) ** 2),
    lambda z: np.sum(np.abs(z)),
    lambda z: np.sum(np.real(z * z) + np.imag(z)),
    lambda z: np.real(np.sum(np.exp(z) / (z + 3.0))),
    lambda z: np.sum(np.angle(z)),
    lambda z: np.real(np.vdot(z, W) * np.sum(z**3)),
    lambda z: np.sum((z * np.conj(z)).real) + np.imag(z @ W),
    lambda z: np.abs(np.sin(z[0]) + np.cos(z[1]) * np.tanh(z[2])) ** 2,
    lambda z: np.sum(np.abs(np.outer(z, W) @ z) ** 2),
    lambda z: np.real(np.prod(z)) + np.sum(np.abs(np.sqrt(z) - np.log(z))),
    lambda z: np.abs(np.mean(z * 2j - 1.5)) ** 2 + np.real(z[1] / z[0]),
    lambda z: np.real(np.einsum("i,j,ij->", z, np.conj(z), np.outer(W, W))),
]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_real_functions_of_complex_arrays(f: Any) -> None:
    assert_gradient(f, Z)


def test_real_stays_real() -> None:
    for f in (
        lambda x: np.sum(np.abs(x * W) ** 2),
        lambda x: np.real(np.sum(np.exp(1j * x) * W)),
        lambda x: np.abs(np.sum((x + 1j * x[::-1]) * W)),
        lambda x: np.imag(np.sum(W / x)),
    ):
        x = np.array([0.5, 1.5, -0.7])
        assert gradient(f, x)[0].dtype == float
        assert_gradient(f, x)


def test_numbers() -> None:
    (g,) = gradient(lambda z: abs(z) ** 2, 3.0 + 4.0j)
    assert g == pytest.approx(6.0 + 8.0j)
    assert isinstance(g, complex)


def test_jacobian_of_a_complex_result() -> None:
    J = jacobian(lambda x: np.exp(1j * x), np.array([0.3, 0.4]))
    np.testing.assert_allclose(J, np.diag(1j * np.exp(1j * np.array([0.3, 0.4]))))
