"""Products of vectors, matrices and more; systems, determinants, Cholesky."""

import re

import numpy as np
import pytest

from rules_runtime import value_and_gradient
from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


MATMUL = [
    ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 2, 3), (3, 4)),
    ((2, 1, 2, 3), (4, 3, 2)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)),
]  # fmt: skip
DOT = [*MATMUL[:5], ((2, 2, 3), (4, 3, 2)), ((3,), (2, 3, 4)), ((), (3,)), ((2, 3), ()), ((), ())]
INNER = [((2, 3), (4, 3)), ((3,), (4, 3)), ((2, 3), (3,)), ((3,), (3,)), ((2, 2, 3), (4, 3))]
TWO = [(np.matmul, s) for s in MATMUL] + [(np.dot, s) for s in DOT] + [(np.inner, s) for s in INNER]


@pytest.mark.parametrize(("f", "shapes"), TWO, ids=lambda v: getattr(v, "__name__", str(v)))
@pytest.mark.parametrize("dtype", ["f8", "c16", "f4"])
def test_of_two(f, shapes, dtype):
    a, b = some(*shapes[0], dtype=dtype), some(*shapes[1], seed=1, dtype=dtype)
    check_rule(f, a, b)
    if dtype == "f8":
        check_second_order(f, a, b)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_vdot_outer_kron_tensordot(dtype):
    check_rule(np.vdot, some(3, dtype=dtype), some(3, seed=1, dtype=dtype))
    check_rule(np.vdot, some(2, 3, dtype=dtype), some(6, seed=1, dtype=dtype))
    check_rule(np.outer, some(2, 2, dtype=dtype), some(3, seed=1, dtype=dtype))
    check_rule(np.outer, 1.5, some(2, dtype=dtype))
    check_rule(np.tensordot, some(2, 3, 4, dtype=dtype), some(3, 4, 2, seed=1, dtype=dtype))
    axes = ([1, 2], [1, 0])
    check_rule(np.tensordot, some(2, 3, 4, dtype=dtype), some(4, 3, seed=1, dtype=dtype), axes)
    check_rule(np.tensordot, some(2, dtype=dtype), some(3, seed=1, dtype=dtype), 0)
    for shapes in [((2, 3), (4, 2)), ((3,), (2,)), ((2,), (3, 2)), ((2, 2, 2), (3, 2)), ((), (2,))]:
        check_rule(np.kron, some(*shapes[0], dtype=dtype), some(*shapes[1], seed=1, dtype=dtype))


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 2)),
    ("ij,jk", (2, 3), (3, 2)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ij->j", (2, 3)),
    ("i->", (3,)),
    ("i,j,k->kij", (2,), (3,), (2,)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("ij,ij->", (2, 3), (2, 3)),
    ("ij,kj->", (2, 3), (4, 3)),
    ("ijk,il->ljk", (2, 3, 2), (2, 3)),
]


@pytest.mark.parametrize(("subscripts", "shapes"), [(s, shapes) for s, *shapes in EINSUMS])
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_einsum(subscripts, shapes, dtype):
    arrays = [some(*shape, seed=k, dtype=dtype) for k, shape in enumerate(shapes)]
    check_rule(np.einsum, subscripts, *arrays)
    if dtype == "f8":
        check_second_order(lambda *xs: np.einsum(subscripts, *xs), *arrays)


def square(*stack, dtype="f8"):
    return some(*stack, 3, 3, dtype=dtype) + 2 * np.eye(3).astype(dtype)


@pytest.mark.parametrize(
    "f", [np.linalg.inv, np.linalg.det, np.linalg.slogdet], ids=lambda f: f.__name__
)
def test_inverse_and_determinants(f):
    for a in (square(), square(dtype="c16"), square(2)):
        check_rule(f, a)
    check_second_order(f, square())


def test_determinant_of_a_singular_matrix():
    check_rule(np.linalg.det, np.array([[1.0, 2.0], [2.0, 4.0]]))


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_solve(dtype):
    a, stack = square(dtype=dtype), square(2, dtype=dtype)
    check_rule(np.linalg.solve, a, some(3, dtype=dtype))
    check_rule(np.linalg.solve, a, some(3, 2, dtype=dtype))
    check_rule(np.linalg.solve, a, some(2, 3, 2, dtype=dtype))
    check_rule(np.linalg.solve, stack, some(2, 3, 1, dtype=dtype))
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        check_rule(np.linalg.solve, stack, some(3, dtype=dtype))
    check_second_order(np.linalg.solve, square(), some(3))


def test_cholesky():
    """numpy reads the lower triangle, so the cotangent stands there."""
    for dtype in ("f8", "c16", "f4"):
        a = square(dtype=dtype)
        check_rule(np.linalg.cholesky, a @ np.conj(a.T))
    s = square() @ square().T
    check_rule(np.linalg.cholesky, np.stack([s, s + np.eye(3)]))
    check_second_order(np.linalg.cholesky, s)
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        check_rule(np.linalg.cholesky, s, fkwargs={"upper": True})


@pytest.mark.parametrize("axes", [([0, 1], [0, 0]), ([0], [0]), ([7], [0]), ([0, 1], [0]), 9])
def test_tensordot_says_what_numpy_says_of_axes_that_do_not_fit(axes):
    x, y = some(3, 4, 5), some(5, 4, 2)
    with pytest.raises((ValueError, IndexError)) as of_numpy:
        np.tensordot(x, y, axes)
    with pytest.raises(type(of_numpy.value), match=re.escape(str(of_numpy.value))):
        value_and_gradient(lambda x: np.sum(np.tensordot(x, y, axes)), x)
