"""numpy's functions that make arrays take traced numbers,
and lists of traced numbers stand for arrays."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import gradient, hessian, value_and_gradient
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

c, s = np.cos, np.sin
OF_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "matrix of numbers": lambda t: np.linalg.inv(np.array([[c(t), -s(t)], [s(t), c(t)]]))[0, 1],
    "det": lambda t: np.linalg.det(np.array([[c(t), 2.0], [s(t), c(t)]])),
    "solve": lambda t: np.linalg.solve(np.array(((c(t), -s(t)), (s(t), c(t)))), np.ones(2))[0],
    "plain numbers among them": lambda t: np.sum(np.exp(np.array([1, t, 2.0, np.float64(3)]))),
    "a plain row": lambda t: t + np.sum(np.sin(np.array([[1.0, 0.0], [0.0, t]])[0])),
    "mean": lambda t: np.mean(np.array([t, t * t])),
    "std": lambda t: np.std(np.array([t, 1.0])),
    "hypot": lambda t: np.sum(np.hypot(np.array([t, t * t]), 1.0)),
    "isfinite": lambda t: t * t if np.all(np.isfinite(np.array([t, 1.0]))) else 0.0,
    "a dtype": lambda t: np.sum(np.array([t, 1.0], dtype=float) ** 2),
    "complex": lambda t: np.sum(np.abs(np.array([t, 1j * t * t], dtype=complex)) ** 2),
    "ndmin": lambda t: np.sum(np.array([t, t * t], ndmin=3)[0, 0] ** 2),
    "asarray": lambda t: np.sum(np.asarray([[t], [t * t]]) ** 3),
    "asanyarray": lambda t: np.sum(np.asanyarray((t, t)) * t),
    "ascontiguousarray": lambda t: np.sum(np.ascontiguousarray([[t, 2.0]]).T * t),
    "of a number": lambda t: np.ascontiguousarray(t)[0] * np.array(t) * np.asarray(t),
    "require": lambda t: np.sum(np.require([t, t * t], float, "C") ** 2),
    "asarray_chkfinite": lambda t: np.sum(np.asarray_chkfinite([t, 2.0]) ** 2),
    "full": lambda t: np.sum(np.full((2, 3), t, dtype=float) * t),
    "full of rows": lambda t: np.sum(np.full((2, 3), np.array([t, 1.0, t * t])) * t),
    "full_like": lambda t: np.sum(np.full_like(np.ones(3), t) * np.full_like(t, 2.0)),
    "fromiter": lambda t: np.sum(np.fromiter((t**k for k in range(4)), float) ** 2),
    "arrays in a list": lambda t: np.sum(np.array([t * np.ones(3), np.arange(3.0)]) ** 2 * t),
    "arrays beside lists": lambda t: np.sum(np.array([t * np.ones(2), [1.0, t]]) ** 3),
    "three deep": lambda t: np.sum(np.array([[[t, 1.0]], [[2.0, t * t]]])[:, 0, 1] ** 2),
    "large": lambda t: np.sum(np.array(t * np.ones(5000)) ** 2) / 5000,
    "an array of objects": lambda t: np.sum(np.array(np.array([t, 1.0], dtype=object), float) ** 2),
    "a matrix of blocks": lambda t: np.linalg.det(np.block([[np.array([[t]]), np.ones((1, 1))], [np.ones((1, 2))]]) + np.eye(2)),
}  # fmt: skip
LISTS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda a, b: np.mean([a, b * b]),
    "std": lambda a, b: np.std([[a, b], [1.0, a * b]], axis=0).sum(),
    "median": lambda a, b: np.median([a, b, 0.1]),
    "percentile": lambda a, b: np.percentile([a, b, a * b], 30.0),
    "average": lambda a, b: np.average([a, b], weights=[1.0, 2.0]),
    "average, weights": lambda a, b: np.average([1.0, 2.0], weights=[a, b]),
    "max": lambda a, b: np.max([a, b]) * np.min([[a, b]]),
    "sum": lambda a, b: np.sum([a, b * a]) * np.prod([a, b]),
    "inv": lambda a, b: np.sum(np.linalg.inv([[a, b], [1.0, a + b]])),
    "solve": lambda a, b: np.sum(np.linalg.solve([[a, 1.0], [0.2, b]], [a, b])),
    "norm": lambda a, b: np.linalg.norm([a, b]),
    "fft": lambda a, b: np.sum(np.abs(np.fft.fft([a, b, 1.0])) ** 2 * [1.0, 2.0, 3.0]),
    "interp": lambda a, b: np.interp(0.6, [0.0, 1.0], [a, b]),
    "cov": lambda a, b: np.cov([a, b, 2.0], aweights=[1.0, 2.0, b]),
    "a ufunc": lambda a, b: np.sum(np.hypot([a, b], [b, a])) + np.sum(np.exp([a, b])),
    "times an array": lambda a, b: np.sum([a, b] * (a * np.ones(2))),
}


@pytest.mark.parametrize("name", OF_A_NUMBER)
def test_gradients_of_what_is_made_of_numbers(name: str) -> None:
    f = OF_A_NUMBER[name]
    y, (_,) = value_and_gradient(f, 0.3)
    assert y == pytest.approx(f(0.3), rel=1e-14)
    assert_gradient(f, 0.3)
    assert_second_order(f, 0.3)


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_traced_numbers(name: str) -> None:
    f = lambda x: LISTS[name](x[0], x[1])
    x = np.array([0.8, 1.7])
    y, (_,) = value_and_gradient(f, x)
    assert y == pytest.approx(f(x), rel=1e-14)
    assert_gradient(f, x)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_nested_lists_are_the_arrays_that_numpy_makes(data: Any) -> None:
    """Traced and plain numbers, rows that are arrays, any regular shape."""
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    dtype = data.draw(st.sampled_from([None, float, np.float32, complex]))
    traced = data.draw(st.lists(st.booleans(), min_size=27, max_size=27))
    as_array = data.draw(st.booleans())
    weights = np.random.default_rng(0).normal(size=shape)

    def f(x: Any) -> Any:
        numbers = iter([x[k] * x[k] if traced[k] else float(k) for k in range(27)])

        def nested(depth: int) -> Any:
            if depth == len(shape):
                return next(numbers)
            made = [nested(depth + 1) for _ in range(shape[depth])]
            return np.array(made) if as_array and depth == len(shape) - 1 else made

        y = np.array(nested(0), dtype=dtype)
        assert y.shape == shape
        assert y.dtype == (dtype or float)
        return np.sum(np.real(y * weights))

    x = np.arange(27) / 10 + 0.5
    y, (dx,) = value_and_gradient(f, x)
    assert y == pytest.approx(f(x), rel=1e-6)
    want = np.zeros(27)
    want[: weights.size] = weights.reshape(-1)
    np.testing.assert_allclose(dx, np.where(traced, 2 * x * want, 0.0), 1e-6, 1e-6)


def test_what_is_no_array_of_numbers_is_left_to_numpy() -> None:
    def f(x: Any) -> Any:
        box = np.array([x, "a", None], dtype=object)
        assert box[1] == "a"
        assert np.array([x[0], "a", None])[2] is None
        assert np.array([x[0], x[1]], dtype=int).tolist() == [1, 2]
        assert np.asarray([1, 2]).dtype == int
        return np.sum(box[0] ** 2)

    assert gradient(f, np.array([1.0, 2.0]))[0].tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="different lengths"):
        gradient(lambda x: np.sum(np.array([[x, 1.0], [x]])), 1.0)
    with pytest.raises(ValueError, match="infs or NaNs"):
        gradient(lambda x: np.sum(np.asarray_chkfinite([x, np.inf])), 1.0)


def test_a_copy_is_a_copy_and_an_array_is_itself() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        copied, same = np.array(y), np.asarray(y)
        y[0] = 7.0
        assert same is y
        return np.sum(copied**2) + np.sum(same)

    assert gradient(f, np.array([1.0, 2.0]))[0].tolist() == [2.0, 5.0]
    assert hessian(lambda x: np.sum(np.array([x[0] * x[1], x[0]]) ** 2), np.ones(2)).tolist() == [
        [4.0, 4.0],
        [4.0, 2.0],
    ]


def test_numpy_is_what_it_was() -> None:
    """What is bound to numpy's names equals its functions, in tables too,
    and says the same of itself."""
    gradient(lambda x: x * x, 1.0)
    for name in ("array", "asarray", "full", "ascontiguousarray"):
        found = getattr(np, name)
        assert {found.function: 1}[found] == {found: 1}[found.function] == 1
        assert found.__name__ == name
        assert found.__module__ == "numpy"
        assert found.__doc__ == found.function.__doc__
        assert pickle.loads(pickle.dumps(found)) is found
        assert copy.deepcopy(found) is found
    assert type(np.array([1.0, 2.0])) is np.ndarray
    assert np.array([[1, 2]], dtype="f4", order="F", ndmin=3).shape == (1, 1, 2)
    assert gradient(lambda x: x * np.array([1, 2])[np.array([True, False])][0], 3.0) == (1.0,)
