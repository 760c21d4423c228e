"""Running products and sums: zeros and not-a-numbers in every place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import check_rule, check_second_order, few, numbers, seeds

axes = st.sampled_from([None, 0, 1, -1])


@few
@given(seed=seeds, axis=axes, zeros=st.integers(0, 4), dtype=st.sampled_from(["f8", "f4", "c16"]))
def test_cumprod(seed, axis, zeros, dtype):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (3, 4), dtype)
    x.flat[rng.choice(12, zeros, replace=False)] = 0
    check_rule(np.cumprod, x, fkwargs={"axis": axis})


@few
@given(seed=seeds, axis=axes, holes=st.integers(0, 4), dtype=st.sampled_from(["f8", "c16"]))
def test_without_not_a_numbers(seed, axis, holes, dtype):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (3, 4), dtype)
    x.flat[rng.choice(12, holes, replace=False)] = np.nan
    check_rule(np.nancumsum, x, fkwargs={"axis": axis})
    check_rule(np.nancumprod, x, fkwargs={"axis": axis})


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="numpy before 2.1")
@pytest.mark.parametrize("initial", [False, True])
def test_names_of_the_array_api(initial):
    x = numbers(np.random.default_rng(0), (3, 4))
    for f in (np.cumulative_sum, np.cumulative_prod):
        check_rule(f, x, fkwargs={"axis": 1, "include_initial": initial})
        check_rule(f, x[0], fkwargs={"include_initial": initial})
        check_second_order(f, x, axis=0, include_initial=initial)


def test_second_order():
    x = numbers(np.random.default_rng(0), (2, 4))
    check_second_order(np.cumprod, x)
    x[0, 1] = x[1, 2] = 0.0
    check_second_order(np.cumprod, x, axis=1)
    check_second_order(np.nancumprod, x, axis=0)
