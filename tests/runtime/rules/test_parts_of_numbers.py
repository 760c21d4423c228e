"""Functions with several results of which not all have a derivative:
what is used of them is what counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, hessian
from tests.runtime.tape.derivatives import assert_gradient

SQUARE = np.array([[2.0, 0.3], [0.1, 1.0]])
X = np.array([1.3, -2.7, 0.4])
# name -> (function of an array, a place where it is smooth,
# the parts of its result that do not move)
CASES: dict[str, tuple[Callable[[Any], Any], Any, tuple[int, ...]]] = {
    "modf": (np.modf, X, (1,)),
    "divmod": (lambda x: np.divmod(x, 2.0), X, (0,)),
    "divmod, the other": (lambda x: np.divmod(7.5, x), X, (0,)),
    "divmod, both": (lambda x: np.divmod(x * x[0], x + 5.0), X, (0,)),
    "frexp": (np.frexp, X, (1,)),
    "unique": (lambda x: np.unique(x, return_index=True, return_counts=True), X, (1, 2)),
    "slogdet": (np.linalg.slogdet, SQUARE, (0,)),
    "average": (lambda x: np.average(x, weights=[1.0, 2.0, 3.0], returned=True), X, (1,)),
    "lstsq": (lambda x: np.linalg.lstsq(SQUARE, x[:2], rcond=None), X, (1, 2, 3)),
}


@pytest.mark.parametrize("before", ["nothing", "an array", "a view"])
@pytest.mark.parametrize("name", CASES)
def test_each_part_alone(name: str, before: str) -> None:
    function, x, constant = CASES[name]
    enter: Callable[[Any], Any] = {
        "nothing": lambda x: x,
        "an array": lambda x: np.cumsum(x, axis=0) - np.cumsum(x, axis=0) + x,
        "a view": lambda x: x[:],
    }[before]
    for part in range(len(function(x))):
        f = lambda x, part=part: np.sum(function(enter(x))[part])
        assert_gradient(f, x)
        if part in constant:
            (dx,) = gradient(f, x)
            assert type(dx) is np.ndarray
            assert not dx.any()
            if x.ndim == 1:
                assert not hessian(f, x).any()


def test_with_other_ways_to_the_same_argument() -> None:
    for f in (
        lambda x: np.sum(np.modf(x)[1]) + np.sum(x * x),
        lambda x: np.sum(x * x) + np.sum(np.modf(x)[1]),
        lambda x: np.sum(np.divmod(np.sin(x), 0.3)[0] * x),
    ):
        assert_gradient(f, X)
