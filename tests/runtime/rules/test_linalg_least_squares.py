"""QR, pseudo-inverse and least squares: tall, wide, square; real and complex; stacks."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers

SHAPES = [(3, 3), (4, 2), (2, 4), (1, 3), (3, 1)]


def matrix(*shape, dtype="f8", seed=0):
    return numbers(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 2), (2, 2, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_qr(shape, dtype):
    check_rule(np.linalg.qr, matrix(*shape, dtype=dtype))
    check_rule(np.linalg.qr, matrix(*shape, dtype=dtype), fkwargs={"mode": "r"})


def test_complete_qr():
    check_rule(np.linalg.qr, matrix(3, 3), fkwargs={"mode": "complete"})

    def distance(a):
        """From a fixed vector to the columns of a: depends on the subspace alone."""
        q, r = np.linalg.qr(a, mode="complete")
        outside = q[:, 2:].T @ np.arange(1.0, 5.0)
        return np.sum(outside**2) + r[0, 0] ** 2 + r[0, 1] ** 2

    a, h = matrix(4, 2), 1e-6
    (da,) = gradient(distance, a)
    for index in np.ndindex(a.shape):
        step = np.zeros(a.shape)
        step[index] = h
        slope = (distance(a + step) - distance(a - step)) / (2 * h)
        assert da[index] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_pinv(shape, dtype):
    check_rule(np.linalg.pinv, matrix(*shape, dtype=dtype))


def test_hermitian_pinv():
    a = matrix(3, 3)
    check_rule(np.linalg.pinv, a @ a.T + np.eye(3), fkwargs={"hermitian": True})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("columns", [(), (2,)], ids=["vector", "matrix"])
def test_lstsq(shape, dtype, columns):
    b = matrix(shape[0], *columns, dtype=dtype, seed=1)
    check_rule(np.linalg.lstsq, matrix(*shape, dtype=dtype), b)


def test_second_order():
    for shape in SHAPES:
        check_second_order(np.linalg.qr, matrix(*shape))
        check_second_order(np.linalg.pinv, matrix(*shape))
        check_second_order(np.linalg.lstsq, matrix(*shape), matrix(shape[0], seed=1))
