"""Polynomials as vectors of coefficients."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_polyval(dtype):
    check_rule(np.polyval, some(4, dtype=dtype), some(3, 2, seed=1, dtype=dtype))
    check_rule(np.polyval, some(4, dtype=dtype), some(seed=1, dtype=dtype)[()])
    check_rule(np.polyval, some(1), 1.5)
    for x in (some(2, seed=1, dtype=dtype), some(4, 2, seed=1, dtype=dtype), some(dtype=dtype)[()]):
        check_rule(np.polyval, some(3, 2, dtype=dtype), x)  # coefficients that are vectors
    check_rule(np.polyval, some(3, 4, 1, dtype=dtype), some(2, seed=1, dtype=dtype))
    check_second_order(np.polyval, some(4), some(3, seed=1))


@pytest.mark.parametrize("f", [np.polyadd, np.polysub, np.polymul], ids=lambda f: f.__name__)
@pytest.mark.parametrize("sizes", [(3, 5), (4, 2), (3, 3)], ids=str)
def test_arithmetic(f, sizes):
    check_rule(f, some(sizes[0]), some(sizes[1], seed=1))
    check_rule(f, some(sizes[0], dtype="c16"), some(sizes[1], seed=1, dtype="c16"))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_derivatives_and_integrals(m):
    check_rule(np.polyder, some(4), m)
    check_rule(np.polyder, some(2), m)
    check_rule(np.polyint, some(3), m)
    check_rule(np.polyint, some(3), m, some(m, seed=1))
    check_rule(np.polyint, some(3), m, list(some(m, seed=1)))
    check_rule(np.polyint, some(3), m, 1.5)


def test_roots_and_back():
    check_rule(np.roots, some(4))
    check_rule(np.roots, some(4, dtype="c16"))
    check_rule(np.poly, some(4))
    check_rule(np.poly, some(3, dtype="c16"))
    check_second_order(np.roots, some(4))
    with pytest.raises(NotImplementedError, match="matrix"):
        gradient(lambda a: np.sum(np.poly(a)), some(3, 3))


def test_polyfit():
    x = np.linspace(-1, 1, 6) + 0.1 * some(6)
    check_rule(np.polyfit, x, some(6, seed=1), 2)
    check_rule(np.polyfit, x, some(6, 2, seed=1), 1)
    check_rule(np.polyfit, x + 0.3j * some(6, seed=2), some(6, seed=1, dtype="c16"), 2)
    check_rule(np.polyfit, x, some(6, seed=1), 2, fkwargs={"w": np.abs(some(6, seed=3)) + 0.5})
    check_second_order(lambda x, y: np.polyfit(x, y, 2), x, some(6, seed=1))
    with pytest.raises(NotImplementedError, match="full"):
        gradient(lambda y: np.polyfit(x, y, 1, full=True)[0][0], some(6))


@pytest.mark.parametrize("sizes", [(5, 3), (4, 4), (6, 2), (3, 1), (2, 4)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_division(sizes, dtype):
    check_rule(np.polydiv, some(sizes[0], dtype=dtype), some(sizes[1], seed=1, dtype=dtype))
