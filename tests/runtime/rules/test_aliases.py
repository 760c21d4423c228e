"""Second names, and products of stacks of vectors."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


def test_extremes():
    check_rule(np.amax, some(2, 3), fkwargs={"axis": 1})
    check_rule(np.amin, some(2, 3))
    check_rule(np.around, np.array([0.3, 1.6]))


@pytest.mark.skipif(not hasattr(np.linalg, "vecdot"), reason="numpy before 2.0")
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_names_of_the_array_api(dtype):
    a, b = some(2, 3, dtype=dtype), some(3, 2, seed=1, dtype=dtype)
    check_rule(np.linalg.matmul, a, b)
    check_rule(np.linalg.tensordot, a, b, fkwargs={"axes": 1})
    check_rule(np.linalg.outer, a[0], b[:, 0])
    check_rule(np.linalg.matrix_transpose, some(2, 3, 4, dtype=dtype))
    check_rule(np.linalg.diagonal, some(2, 3, 4, dtype=dtype), fkwargs={"offset": 1})
    check_rule(np.linalg.trace, some(2, 3, 4, dtype=dtype), fkwargs={"offset": -1})
    check_rule(
        np.linalg.vecdot,
        some(3, 2, dtype=dtype),
        some(3, 2, seed=1, dtype=dtype),
        fkwargs={"axis": 0},
    )
    check_rule(np.vecdot, a, some(3, seed=1, dtype=dtype))


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="numpy before 2.2")
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_matrices_with_vectors(dtype):
    check_rule(np.matvec, some(2, 3, 4, dtype=dtype), some(4, seed=1, dtype=dtype))
    check_rule(np.matvec, some(3, 4, dtype=dtype), some(2, 4, seed=1, dtype=dtype))
    check_rule(np.vecmat, some(2, 3, dtype=dtype), some(3, 4, seed=1, dtype=dtype))
    check_rule(np.vecmat, some(3, dtype=dtype), some(2, 3, 4, seed=1, dtype=dtype))
    check_second_order(np.matvec, some(2, 3), some(3, seed=1))
    check_second_order(np.vecmat, some(3), some(3, 2, seed=1))
