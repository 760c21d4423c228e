"""Python's own functions, and lists of traced numbers:
they work, or the error says what to write."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import gradient
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

X = np.array([1.5, -0.7, 2.2, 0.3])
squared = np.vectorize(lambda a: a * a)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "map": lambda x: sum(map(lambda a, b: a * b, x, x[::-1])) + np.sum(np.stack(list(map(np.exp, x)))),
    "reduce": lambda x: functools.reduce(operator.mul, list(x)) + functools.reduce(lambda a, b: a * b + b, x),
    "reduce, ufunc": lambda x: np.sum(functools.reduce(np.multiply, [x, x, x[0]])),
    "sum": lambda x: sum(x) * sum([a**2 for a in x], x[0]) + np.sum(sum([x, x * 2])),
    "max, min": lambda x: max(x) * 2 + max([a**2 for a in x]) * min(x[0], x[1]) + max(list(x), key=lambda a: -a),
    "abs": lambda x: abs(x[1]) + np.sum(abs(x) * x),
    "sorted": lambda x: sorted(x)[0] * sorted(x, reverse=True)[1],
    "zip, enumerate, reversed": lambda x: sum(k * a * b for k, (a, b) in enumerate(zip(x, reversed(x)))),
    "filter, any": lambda x: sum(filter(lambda a: a > 0, x)) * (x[0] if any(x > 0) else x[1]),
    "pow, divmod": lambda x: pow(x[0], 2) + pow(2.0, x[1]) + divmod(x[2], 0.4)[1],
    "prod": lambda x: math.prod(x),
    "itertools": lambda x: list(itertools.accumulate(x))[-1] + sum(map(operator.mul, x, x)),
    "round": lambda x: round(x[2], 1) * x[1] + math.floor(x[2]) * x[0] + math.ceil(x[3]) * x[1] + round(x[2]) * x[3],
    # lists of traced numbers
    "np.sum": lambda x: np.sum([a**2 for a in x]) + np.prod([x[0], x[1]]) + np.max([a**2 for a in x]),
    "np.array": lambda x: np.sum(np.array([[x[0], x[1]], [x[2], 1.0]]) @ np.array([x[0], 2.0])),
    "np.asarray": lambda x: np.sum(np.asarray([x[0], 1.0, x[2]]) ** 2) + np.sum(np.exp([x[0], x[1]])),
    "products": lambda x: np.dot([x[0], x[1]], [x[2], x[3]]) + np.linalg.norm([x[0], x[1]]) + np.sum(np.outer([x[0], 1.0], x)),
    "rows": lambda x: np.sum(np.array([x, x * 2]) ** 2) + np.sum(np.array([x[:2], [x[0], 3.0]]) ** 2),
    "nested": lambda x: np.sum(np.array([[a * b for a in x] for b in x]) ** 2),
    "joined": lambda x: np.sum(np.concatenate([[x[0]], x[1:]]) ** 2) + np.sum(np.hstack([x[0], x[1:]]) ** 3),
    "made of it": lambda x: np.sum(np.array([[x[0], x[1]], [x[2], x[3]]]).T @ X[:2]) + np.array([x[0], x[1]])[1:].sum(),
    "elementwise": lambda x: np.sum(np.maximum([x[0], x[1]], 0.1) * np.abs([x[2], x[3]])) + np.sum(np.cumsum([x[0], x[1]])),
    "chosen": lambda x: np.sum(np.where([True, False], [x[0], x[1]], [x[2], x[3]]) ** 2) + x[np.argmax([x[0], x[2]])],
    # functions of functions
    "vectorize": lambda x: np.sum(np.vectorize(lambda a: a if a > 0 else a**2)(x)) + np.sum(squared(x) * x),
    "vectorize, signature": lambda x: np.sum(np.vectorize(lambda v: v * v[0], signature="(n)->(n)")(x.reshape(2, 2))),
    "vectorize, keyword": lambda x: np.sum(np.vectorize(lambda a, k=2: a**k)(x, k=3)),
    "frompyfunc": lambda x: np.sum(np.frompyfunc(lambda a: a**2, 1, 1)(x) * x) + np.frompyfunc(lambda a, b: a * b, 2, 1)(x[0], x[1]),
    "fromfunction": lambda x: np.sum(np.fromfunction(lambda i, j: x[0] * i + j * x[1], (2, 3)) ** 2),
    "apply": lambda x: np.sum(np.apply_along_axis(lambda r: np.cumsum(r) ** 2, 0, x.reshape(2, 2))),
    "piecewise": lambda x: np.sum(np.piecewise(x, [x < 0], [lambda v: v**2, lambda v: v * 3]) * x) + np.piecewise(x[0], [x[0] > 0], [np.sin]) * x[1],
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name: str) -> None:
    assert_gradient(FUNCTIONS[name], X)
    assert_second_order(FUNCTIONS[name], X)


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(sorted(FUNCTIONS)), seed=st.integers(0, 2**20))
def test_gradients_elsewhere(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.permutation(np.array([0.23, 0.91, 1.63, 2.77])) + rng.uniform(0, 0.02)
    assert_gradient(FUNCTIONS[name], x, rtol=1e-4)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.logaddexp([x[0], x[1]], 1.0),
        lambda x: np.exp([x[0], 1.0]),
        lambda x: math.fsum(x),
        lambda x: math.sqrt(x[0]),
    ],
)
def test_what_does_not_work_says_what_does(f: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        gradient(f, X)
    error = caught.value
    said = " ".join([str(error), str(error.__cause__), *getattr(error, "__notes__", [])])
    assert "np.stack" in said


def test_sets() -> None:
    y = np.array([2.2, 5.0, -0.7, 2.2])
    for f in (np.intersect1d, np.setxor1d, np.union1d, np.setdiff1d):
        dx, dy = gradient(lambda x, y, f=f: np.sum(f(x, y) ** 2), X, y)
        values = f(X, y)
        np.testing.assert_allclose(np.sum(dx) + np.sum(dy), 2 * np.sum(values))
        assert all(d in (0.0, 2 * v) for d, v in zip(dx, X))
    dx, _ = gradient(lambda x, y: np.sum(np.setxor1d(x, y) ** 2), X, y)
    np.testing.assert_allclose(dx, [3.0, 0.0, 0.0, 0.6])
    (dx,) = gradient(lambda x: np.sum(np.intersect1d(x, y, return_indices=True)[0] ** 2), X)
    np.testing.assert_allclose(dx, [0.0, -1.4, 4.4, 0.0])
