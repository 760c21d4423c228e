"""Matrices in many small products: one product at the end, whatever else uses the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, hessian, value_and_gradient
from rules_runtime.kernels import low_rank

A = np.random.default_rng(0).normal(size=(40, 30)) / 6
V = np.random.default_rng(1).normal(size=30)


def power(a: Any, v: Any, steps: int = 6) -> Any:
    for _ in range(steps):
        v = np.tanh(a.T @ np.sin(a @ v))
    return np.sum(v**2)


def pairs(a: Any, v: Any) -> Any:
    """Products of a few rows and columns, sums and slices besides."""
    b = np.stack([v, 2 * v])
    total = np.sum(a[:, 0]) + np.sum(a**2)
    for _ in range(3):
        b = np.tanh(np.cos(b @ a.T) @ a)
        total = total + np.sum(a @ b.T)
    return total + np.sum(2.0 * a) + np.sum(a @ a.T)


def many(a: Any, v: Any) -> Any:
    return power(a, v, 70)  # more factors than the matrix is worth


@pytest.mark.parametrize("f", [power, pairs, many])
def test_against_differences(f: Any) -> None:
    value, (da, dv) = value_and_gradient(f, A, V)
    assert value == f(A, V)
    rng = np.random.default_rng(2)
    for _ in range(3):
        ea, ev = rng.normal(size=A.shape), rng.normal(size=V.shape)
        h = 1e-6
        slope = (f(A + h * ea, V + h * ev) - f(A - h * ea, V - h * ev)) / (2 * h)
        assert np.sum(da * ea) + np.sum(dv * ev) == pytest.approx(slope, rel=1e-6)


def test_below_squares() -> None:
    a, v = np.ones((600, 40)), V.repeat(2)[:40]
    (da,) = gradient(lambda a: np.sum((a @ v) ** 2) + np.sum((v @ a.T) ** 2), a)
    np.testing.assert_allclose(da, 4 * np.outer(a @ v, v))
    da, db = gradient(lambda a, b: np.sum((a @ b) ** 2), a, v)
    np.testing.assert_allclose(da, 2 * np.outer(a @ v, v))
    np.testing.assert_allclose(db, 2 * a.T @ (a @ v))
    b = np.stack([v, v + 1.0])
    (da,) = gradient(lambda a: np.sum((b @ a.T) ** 2) + np.sum((a @ b.T) ** 2), a)
    np.testing.assert_allclose(da, 4 * (a @ b.T) @ b)


def test_second_order() -> None:
    u = V[:9]

    def f(x: Any) -> Any:
        return power(A[:9, :9] * x, u, 2)

    slope = (gradient(f, 1.0 + 1e-5)[0] - gradient(f, 1.0 - 1e-5)[0]) / 2e-5
    assert hessian(f, 1.0) == pytest.approx(slope, rel=1e-6)


def test_one_product_for_all_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    dense = low_rank.LowRank.dense
    monkeypatch.setattr(
        low_rank.LowRank, "dense", lambda self: (made.append(self.rows), dense(self))[1]
    )
    gradient(lambda a: power(a, V), A)
    assert made == [12]  # those of the transposes are among them
    made.clear()
    gradient(lambda a: many(a, V), A)
    assert len(made) == 4 and max(made) <= 42


def test_arrays_that_others_hold_are_not_added_to() -> None:
    kept = np.ones_like(A)

    def f(a: Any, b: Any) -> Any:
        c = a + b  # one cotangent for both
        return np.sum(c * kept) + np.sum(a @ V) + np.sum(np.sin(a @ V))

    da, db = gradient(f, A, A)
    assert np.array_equal(db, kept) and np.array_equal(kept, np.ones_like(A))
    np.testing.assert_allclose(da, kept + np.outer(1 + np.cos(A @ V), V))
