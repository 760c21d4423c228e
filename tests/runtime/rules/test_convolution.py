"""Convolution and correlation in every mode, whichever factor is longer."""

import numpy as np
import pytest

from tests.support.rules import check_rule, check_second_order, numbers


@pytest.mark.parametrize("f", [np.convolve, np.correlate], ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    "sizes", [(5, 3), (3, 5), (4, 4), (5, 2), (2, 5), (1, 3), (6, 4), (4, 6)], ids=str
)
def test_modes_and_sizes(f, mode, sizes):
    rng = np.random.default_rng(0)
    for dtype in ("f8", "c16"):
        a, v = (numbers(rng, (n,), dtype) for n in sizes)
        check_rule(f, a, v, mode)
    check_second_order(f, *(numbers(rng, (n,)) for n in sizes), mode=mode)


def test_real_with_complex():
    rng = np.random.default_rng(0)
    check_rule(np.convolve, numbers(rng, (4,)), numbers(rng, (3,), "c16"))
    check_rule(np.correlate, numbers(rng, (4,)), numbers(rng, (3,), "c16"), "full")
