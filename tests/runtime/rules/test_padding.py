"""Padding in every mode."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers

COPYING = ["constant", "edge", "reflect", "symmetric", "wrap"]
MEASURING = ["maximum", "minimum", "mean", "median", "linear_ramp"]
CASES = [((5,), 2), ((5,), (1, 3)), ((4, 3), ((1, 2), (0, 3))), ((4, 3), ((2, 1),)), ((2, 3, 2), 1)]


@pytest.mark.parametrize("mode", COPYING + MEASURING)
@pytest.mark.parametrize(("shape", "width"), CASES, ids=str)
def test_modes(mode, shape, width):
    check_rule(np.pad, numbers(np.random.default_rng(0), shape), width, mode)


@pytest.mark.parametrize("mode", [*COPYING, "mean", "linear_ramp"])
def test_complex_and_second_order(mode):
    x = numbers(np.random.default_rng(0), (3, 2), "c16")
    check_rule(np.pad, x, 1, mode)
    check_second_order(lambda x: np.pad(x, 1, mode), x.real)


@pytest.mark.parametrize("mode", ["maximum", "minimum", "mean", "median"])
@pytest.mark.parametrize("length", [2, ((1, 2),), ((1, 2), (3, 1))], ids=str)
def test_lengths_that_are_looked_at(mode, length):
    x = numbers(np.random.default_rng(0), (4, 3))
    check_rule(np.pad, x, ((1, 2), (0, 3)), mode, fkwargs={"stat_length": length})


def test_more_than_there_is():
    x = numbers(np.random.default_rng(0), (3,))
    for mode in ("reflect", "symmetric", "wrap", "edge"):
        check_rule(np.pad, x, 7, mode)


def test_other_ways_to_say_it():
    x = numbers(np.random.default_rng(0), (4, 3))
    check_rule(np.pad, x, np.array([[1, 2], [0, 3]]), "edge")
    check_rule(np.pad, x, 1, fkwargs={"constant_values": 3.0})
    ends = ((1.0, 2.0), (3.0, 4.0))
    check_rule(np.pad, x, ((1, 2), (0, 3)), "linear_ramp", fkwargs={"end_values": ends})
    if np.lib.NumpyVersion(np.__version__) >= "2.3.0":
        check_rule(np.pad, x, {0: (1, 2)})


def test_what_has_no_rule_is_refused():
    def corner(x):
        return np.pad(x, 2, "reflect", reflect_type="odd")[0]

    with pytest.raises(NotImplementedError, match="reflect"):
        gradient(corner, np.arange(4.0))
