"""Roots, logarithms and powers beyond the real ones; functions that take numbers apart."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers

m = np.emath
ONE = [m.sqrt, m.log, m.log2, m.log10, m.arcsin, m.arccos, m.arctanh]


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize("f", ONE, ids=lambda f: f.__name__)
def test_on_both_sides_of_where_the_real_ones_end(f):
    check_rule(f, 2 * some(4))
    check_rule(f, np.abs(some(3)) / 2)
    check_rule(f, some(3, dtype="c16"))
    check_rule(f, -1.7)
    check_second_order(f, 2 * some(3))


def test_two_arguments():
    check_rule(m.logn, 2.5, some(3))
    check_rule(m.logn, np.abs(some(3)) + 1, some(3, seed=1, dtype="c16"))
    check_rule(m.power, some(4), 1.5)
    check_rule(m.power, some(4), some(4, seed=1))


def test_parts_of_numbers():
    check_rule(np.divmod, 3 * some(5), 0.7)
    check_rule(np.divmod, 3 * some(2, 1), np.abs(some(3, seed=1)) + 0.3)
    check_rule(np.modf, 3 * some(4))
    check_rule(np.frexp, 5 * some(4))
    check_second_order(lambda x: np.modf(x)[0], 3 * some(4))


def test_nothing_flows_back():
    check_rule(np.isin, some(3), some(2))
    check_rule(np.gcd, 4, 6)
