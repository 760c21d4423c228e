"""Which values patterns match, exactly or loosely, and which is the more specific."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rules_runtime.patterns import ANYTHING, within
from tests.support.annotated import SAMPLES, Base, Child, pattern


@pytest.mark.parametrize(
    ("annotation", "stands_for_it"),
    [
        (complex, [1, True, 1.0, 1j, np.float64(1), np.float32(1), np.int32(1), np.bool_(True)]),
        (float, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1), np.bool_(True)]),
        (int, [1, True, np.int32(1), np.bool_(True)]),
        (bool, [True, np.bool_(True)]),
        (np.float64, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1), np.bool_(True)]),
        (np.float32, [1, True, np.float32(1), np.int32(1), np.bool_(True)]),
        (np.floating, [1, True, 1.0, np.float64(1), np.float32(1), np.int32(1), np.bool_(True)]),
        (np.integer, [1, True, np.int32(1), np.bool_(True)]),
        (
            float | None,
            [1, True, 1.0, None, np.float64(1), np.float32(1), np.int32(1), np.bool_(True)],
        ),
        (str, ["a"]),
    ],
    ids=repr,
)
def test_a_number_may_stand_for_a_wider_one(annotation: Any, stands_for_it: list[Any]) -> None:
    found = [x for x in SAMPLES if pattern(annotation).loose(x)]
    assert [repr(x) for x in found] == [repr(x) for x in stands_for_it]


PATTERNS = [
    ANYTHING,
    *map(
        pattern,
        [
            bool,
            int,
            float,
            complex,
            np.float64,
            np.float32,
            np.floating,
            np.ndarray,
            str,
            None,
            Base,
            Child,
            Sequence,
            list,
            type,
            type[Base],
            type[Child],
            int | str,
            float | None,
            Optional[Base],  # noqa: UP045
            Literal["a"],
            Literal["a", "b"],
            Callable,
        ],
    ),
]
patterns = st.sampled_from(PATTERNS)


@given(patterns, patterns, st.sampled_from(SAMPLES))
def test_within_means_a_smaller_set(a: Any, b: Any, x: Any) -> None:
    if within(a, b) and a.exact(x):
        assert b.loose(x)


@given(patterns, patterns, patterns)
def test_within_is_an_order(a: Any, b: Any, c: Any) -> None:
    assert within(a, a)
    assert within(a, ANYTHING)
    if within(a, b) and within(b, c):
        assert within(a, c)
    if within(a, b) and within(b, a):
        assert a == b or {repr(a), repr(b)} <= {"float", "float64"}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (Child, Base),
        (bool, int),
        (int, float),
        (float, complex),
        (int, int | str),
        (int | str, int | str | None),
        (list, Sequence),
        (Literal["a"], str),
        (Literal["a"], Literal["a", "b"]),
        (type[Child], type[Base]),
        (type[Base], type),
        (Base, Optional[Base]),  # noqa: UP045
        (np.ndarray, Any),
        (NDArray[np.float32], Any),
    ],
)
def test_the_more_specific_of_two(narrow: Any, wide: Any) -> None:
    assert within(pattern(narrow), pattern(wide))
    assert not within(pattern(wide), pattern(narrow))
