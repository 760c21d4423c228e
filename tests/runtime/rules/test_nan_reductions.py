"""Reductions without not-a-numbers: axes, keepdims, where, zeros, complex, empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import check_rule, check_second_order, few, numbers, seeds, strided

SUMS = [np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd]
axes = st.sampled_from([None, 0, 1, -1, (0, 1), (1, 0)])


def with_nan(seed, dtype="f8", zeros=0):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (4, 5), dtype)
    x.flat[rng.choice(20, zeros, replace=False)] = 0
    x[0, 1] = x[2, 3:] = x[3, 0] = np.nan
    return x


@pytest.mark.parametrize("f", [*SUMS, np.nanmax, np.nanmin], ids=lambda f: f.__name__)
@few
@given(
    seed=seeds, axis=axes, keepdims=st.booleans(), dtype=st.sampled_from(["f8", "f4", "c16"]),
    view=st.booleans(),
)  # fmt: skip
def test_reductions(f, seed, axis, keepdims, dtype, view):
    if f in (np.nanmax, np.nanmin):
        dtype = "f8"
    x = with_nan(seed, dtype)
    check_rule(f, strided(x) if view else x, fkwargs={"axis": axis, "keepdims": keepdims})


@few
@given(seed=seeds, axis=axes, zeros=st.integers(1, 5))
def test_products_with_zeros(seed, axis, zeros):
    check_rule(np.nanprod, with_nan(seed, zeros=zeros), fkwargs={"axis": axis})


@pytest.mark.parametrize("f", SUMS, ids=lambda f: f.__name__)
def test_other_options(f):
    x = with_nan(0)
    where = numbers(np.random.default_rng(1), (4, 5)) > -0.5
    check_rule(f, x, fkwargs={"axis": 1, "where": where})
    if f in (np.nanvar, np.nanstd):
        check_rule(f, x, fkwargs={"axis": 1, "ddof": 1})
    else:
        check_rule(f, 3.0)
    if f is np.nansum:
        check_rule(f, np.zeros((0, 3)), fkwargs={"axis": 0})
    if f is np.nanprod:
        check_rule(f, x, fkwargs={"initial": 2.5})
    check_second_order(f, x, axis=0)
