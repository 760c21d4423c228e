"""Chains and powers of matrices, cross products, tensor equations."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers

# Numpy 2.5 has no cross product in the plane any more.
HAS_PLANE = tuple(map(int, np.__version__.split(".")[:2])) < (2, 5)
CHAINS = [
    [(2, 3), (3, 4), (4, 2)],
    [(3,), (3, 4), (4,)],
    [(3,), (3, 2)],
    [(2, 3), (3,)],
    [(2, 3), (3, 3), (3, 1), (1, 4)],
]


@pytest.mark.parametrize("shapes", CHAINS, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_multi_dot(shapes, dtype):
    rng = np.random.default_rng(0)
    check_rule(np.linalg.multi_dot, [numbers(rng, shape, dtype) for shape in shapes])


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, -1, -2])
def test_matrix_power(n):
    rng = np.random.default_rng(0)
    check_rule(np.linalg.matrix_power, numbers(rng, (3, 3)) + np.eye(3), n)
    check_rule(np.linalg.matrix_power, numbers(rng, (2, 3, 3), "c16") + np.eye(3), n)
    check_second_order(lambda a: np.linalg.matrix_power(a, n), numbers(rng, (2, 2)) + 2 * np.eye(2))


@pytest.mark.parametrize(
    "shapes",
    [
        ((3,), (3,)),
        ((4, 3), (3,)),
        ((1, 3), (4, 3)),
        *([((2,), (3,)), ((3,), (2,)), ((4, 2), (5, 1, 3))] if HAS_PLANE else []),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_cross(shapes, dtype):
    rng = np.random.default_rng(0)
    a, b = (numbers(rng, shape, dtype) for shape in shapes)
    check_rule(np.cross, a, b)
    if dtype == "f8":
        check_second_order(np.cross, a, b)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_cross_in_the_plane_and_along_axes():
    rng = np.random.default_rng(0)
    if HAS_PLANE:
        check_rule(np.cross, numbers(rng, (4, 2)), numbers(rng, (2,)))
    check_rule(np.cross, numbers(rng, (3, 4)), numbers(rng, (4, 3)), 0, -1, 0)
    check_rule(np.cross, numbers(rng, (3, 4)), numbers(rng, (3, 4)), fkwargs={"axis": 0})
    if hasattr(np.linalg, "cross"):
        check_rule(np.linalg.cross, numbers(rng, (3, 4)), numbers(rng, (3, 4)), fkwargs={"axis": 0})


def test_tensor_equations():
    rng = np.random.default_rng(0)
    check_rule(np.linalg.tensorinv, numbers(rng, (4, 6, 8, 3)) + np.eye(24).reshape(4, 6, 8, 3))
    check_rule(np.linalg.tensorinv, numbers(rng, (6, 2, 3)), fkwargs={"ind": 1})
    check_rule(np.linalg.tensorsolve, numbers(rng, (2, 3, 6)), numbers(rng, (2, 3)))
    check_rule(
        np.linalg.tensorsolve, numbers(rng, (2, 6, 3), "c16"), numbers(rng, (2, 3), "c16"),
        fkwargs={"axes": (1,)},
    )  # fmt: skip


def test_gradients_through_a_chain():
    a, b, c = (numbers(np.random.default_rng(k), (3, 3)) for k in range(3))
    da, db, dc = gradient(lambda a, b, c: np.sum(np.linalg.multi_dot([a, b, c])), a, b, c)
    ones = np.ones((3, 3))
    assert np.allclose(da, ones @ (b @ c).T)
    assert np.allclose(db, a.T @ ones @ c.T)
    assert np.allclose(dc, (a @ b).T @ ones)
