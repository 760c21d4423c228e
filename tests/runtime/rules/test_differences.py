"""Differences, slopes, areas, interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, few, numbers, seeds, strided

trapezoid = getattr(np, "trapezoid", None) or np.trapz


@few
@given(
    seed=seeds, n=st.integers(0, 3), axis=st.sampled_from([0, 1, -1]),
    dtype=st.sampled_from(["f8", "c16", "f4"]), view=st.booleans(),
)  # fmt: skip
def test_diff(seed, n, axis, dtype, view):
    x = numbers(np.random.default_rng(seed), (4, 5), dtype)
    check_rule(np.diff, strided(x) if view else x, fkwargs={"n": n, "axis": axis})


@pytest.mark.parametrize("n", [0, 1, 2])
def test_diff_with_ends(n):
    rng = np.random.default_rng(0)
    x = numbers(rng, (3, 4))
    check_rule(np.diff, x, n, -1, numbers(rng, (3, 2)), numbers(rng, (3, 1)))
    check_rule(np.diff, x, n, 0, numbers(rng, (1, 4)))
    check_rule(np.diff, numbers(rng, (4,)), n, 0, 1.5, 2.5)


def test_ediff1d():
    rng = np.random.default_rng(0)
    check_rule(np.ediff1d, numbers(rng, (2, 3)))
    check_rule(np.ediff1d, numbers(rng, (4,)), numbers(rng, (2,)), 3.0)
    check_rule(np.ediff1d, np.zeros(0))


def test_unwrap():
    check_rule(np.unwrap, np.array([0.1, 3.0, 6.4, 9.9, 0.3]))
    check_rule(np.unwrap, 5 * numbers(np.random.default_rng(0), (3, 4)), fkwargs={"axis": 0})


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_gradient(edge_order, axis, dtype):
    x = numbers(np.random.default_rng(0), (4, 3, 3), dtype)
    check_rule(np.gradient, x, fkwargs={"axis": axis, "edge_order": edge_order})
    check_rule(np.gradient, x, 0.3, fkwargs={"axis": axis, "edge_order": edge_order})


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_by_its_spacing(edge_order):
    rng = np.random.default_rng(0)
    f, at = numbers(rng, (4, 5)), np.cumsum(rng.uniform(0.4, 1.0, 5))
    check_rule(np.gradient, f, 0.3, at, fkwargs={"edge_order": edge_order})
    check_rule(np.gradient, f, at, fkwargs={"axis": 1, "edge_order": edge_order})
    check_second_order(np.gradient, f, 0.3, at, edge_order=edge_order)


def test_trapezoid():
    rng = np.random.default_rng(0)
    for dtype in ("f8", "c16"):
        y = numbers(rng, (4, 3), dtype)
        check_rule(trapezoid, y)
        check_rule(trapezoid, y, None, 0.3, 0)
        check_rule(trapezoid, y, numbers(rng, (3,)))
        check_rule(trapezoid, y, numbers(rng, (4,)), fkwargs={"axis": 0})
        check_rule(trapezoid, y, numbers(rng, (4, 3)))
    check_second_order(trapezoid, numbers(rng, (4, 3)), numbers(rng, (3,)))


GRID = np.array([0.0, 0.5, 1.2, 2.0, 3.3])
AT = np.array([-1.0, 0.2, 0.7, 1.9, 3.0, 5.0])


def test_interp():
    rng = np.random.default_rng(0)
    check_rule(np.interp, AT, GRID, numbers(rng, (5,)))
    check_rule(np.interp, AT.reshape(2, 3), GRID, numbers(rng, (5,), "c16"))
    check_rule(np.interp, AT, GRID, numbers(rng, (5,)), 1.5, 2.5)
    check_rule(np.interp, 0.7, GRID, numbers(rng, (5,)))
    check_second_order(np.interp, AT, GRID, numbers(rng, (5,)))


def test_interp_with_a_period_is_refused_and_not_wrong():
    with pytest.raises(NotImplementedError, match="period"):
        gradient(lambda x: np.interp(x, GRID, GRID, period=4.0), 0.7)


def test_second_order():
    x = numbers(np.random.default_rng(0), (3, 4))
    check_second_order(np.diff, x, n=2)
    check_second_order(np.ediff1d, x)
    check_second_order(np.gradient, x, edge_order=2)
