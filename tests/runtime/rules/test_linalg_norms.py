"""Norms of every order, along every axis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, few, numbers, seeds

VECTOR = [None, 2, 1, 3, 0.5, -1, -2.5, np.inf, -np.inf, 0]
MATRIX = [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf]
dtypes = st.sampled_from(["f8", "c16", "f4"])


@pytest.mark.parametrize("order", VECTOR, ids=str)
@few
@given(seed=seeds, axis=st.sampled_from([0, 1, -1, (2,)]), keepdims=st.booleans(), dtype=dtypes)
def test_of_vectors(order, seed, axis, keepdims, dtype):
    x = numbers(np.random.default_rng(seed), (3, 2, 4), dtype)
    check_rule(np.linalg.norm, x, fkwargs={"ord": order, "axis": axis, "keepdims": keepdims})


@pytest.mark.parametrize("order", MATRIX, ids=str)
@few
@given(
    seed=seeds,
    axis=st.sampled_from([(0, 1), (2, 0), (-1, 1)]),
    keepdims=st.booleans(),
    dtype=dtypes,
)
def test_of_matrices(order, seed, axis, keepdims, dtype):
    x = numbers(np.random.default_rng(seed), (3, 2, 4), dtype)
    check_rule(np.linalg.norm, x, fkwargs={"ord": order, "axis": axis, "keepdims": keepdims})


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 3, 2)], ids=str)
def test_of_everything(shape):
    x = numbers(np.random.default_rng(0), shape)
    check_rule(np.linalg.norm, x)
    check_rule(np.linalg.norm, x, fkwargs={"keepdims": True})
    if hasattr(np.linalg, "vector_norm"):
        check_rule(np.linalg.vector_norm, x, fkwargs={"ord": 3})


@pytest.mark.skipif(not hasattr(np.linalg, "matrix_norm"), reason="numpy before 2.0")
def test_names_of_the_array_api():
    x = numbers(np.random.default_rng(0), (2, 3, 2))
    check_rule(np.linalg.vector_norm, x, fkwargs={"axis": (0, 2), "keepdims": True})
    check_rule(np.linalg.matrix_norm, x, fkwargs={"ord": "nuc"})


def test_kinks():
    assert np.all(gradient(np.linalg.norm, np.zeros(3))[0] == 0)
    (dx,) = gradient(lambda x: np.linalg.norm(x, np.inf), np.array([2.0, -2.0, 1.0]))
    assert dx.tolist() == [0.5, -0.5, 0.0]


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, "fro", np.inf, "nuc"], ids=str)
def test_condition_numbers(p):
    check_rule(np.linalg.cond, numbers(np.random.default_rng(0), (3, 3)), fkwargs={"p": p})
    stack = numbers(np.random.default_rng(0), (2, 3, 3), "c16")
    if np.isrealobj(
        np.linalg.cond(stack, p)
    ):  # older versions of numpy give complex numbers for some p
        check_rule(np.linalg.cond, stack, fkwargs={"p": p})


def test_second_order():
    x = numbers(np.random.default_rng(0), (2, 3))
    for order in (None, 3, 1, np.inf):
        check_second_order(np.linalg.norm, x, ord=order, axis=1)
    for order in ("fro", "nuc", 2, -2):
        check_second_order(np.linalg.norm, x, ord=order)
