"""What cannot be done says so, and nothing is kept."""

from __future__ import annotations

import gc
import math
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, pullback, value_and_gradient
from rules_runtime.forms import FORMS
from rules_runtime.tape import FinishedTrace, MissingRuleError


def test_a_function_without_a_rule_says_how_to_add_one(monkeypatch: Any) -> None:
    monkeypatch.delitem(FORMS, np.tril)
    with pytest.raises(MissingRuleError, match=r"np\.tril[\s\S]*rrule\.register"):
        gradient(lambda x: np.sum(np.tril(x)), np.ones((3, 3)))
    special = pytest.importorskip("scipy.special")
    with pytest.raises(MissingRuleError, match=r"no rule for .*kolmogorov"):
        gradient(lambda x: np.sum(special.kolmogorov(x)), np.ones(3))


@pytest.mark.parametrize(
    "f", [math.sin, float, lambda x: math.sqrt(x) + 1, lambda x: complex(x).real]
)
def test_what_loses_the_derivative_is_an_error(f: Any) -> None:
    with pytest.raises(TypeError, match="ignore_derivatives"):
        gradient(lambda x: f(x * 1.0), 0.5)


def test_writing_into_plain_arrays_is_an_error() -> None:
    out = np.zeros(2)

    def f(x: Any) -> Any:
        out[0] = x[0]
        return np.sum(out)

    with pytest.raises((TypeError, ValueError)):
        gradient(f, np.ones(2))
    with pytest.raises(TypeError, match=r"np\.stack"):
        gradient(lambda x: np.float64(x), np.ones(()))
    with pytest.raises(TypeError, match=r"ignore_derivatives"):
        gradient(lambda x: bytes(x.tobytes()), np.ones(3))


def test_arrays_of_traced_numbers_are_right() -> None:
    f = lambda x: np.sum(
        np.array([x[0] * x[1], np.sin(x[2]), 3.0]) ** 2 * np.array([x[0], 1.0, x[1]])
    )
    x = np.array([1.0, 2.0, 0.5])
    (g,) = gradient(f, x)
    h = 1e-6
    for k in range(3):
        e = np.eye(3)[k] * h
        assert g[k] == pytest.approx((f(x + e) - f(x - e)) / (2 * h), rel=1e-5)
    _, back = pullback(lambda x: np.array([x[1], x[0] * 2.0]), x)
    np.testing.assert_array_equal(back(np.array([1.0, 10.0]))[0], [20.0, 1.0, 0.0])


def test_a_value_that_outlives_its_trace_says_so() -> None:
    kept = []
    gradient(lambda x: kept.append(x) or x * 2.0, 1.0)
    with pytest.raises(FinishedTrace, match="ignore_derivatives"):
        kept[0] * 3.0


def test_an_error_in_the_function_leaves_nothing_open() -> None:
    from rules_runtime.tape.tracer import OPEN

    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: x / (1 // 0), 1.0)
    assert not OPEN


class Watched(np.ndarray):
    """An array that can be referred to weakly."""


def test_saved_arrays_die_with_the_gradient() -> None:
    refs: list[Any] = []

    def f(x: Any) -> Any:
        y = np.sin(x) * x
        refs.append(weakref.ref(y))
        return np.sum(y)

    gc.disable()
    try:
        value_and_gradient(f, np.ones(3))
        assert refs[0]() is None, "no cycle holds the tape"
        _, back = pullback(f, np.ones(3))
        back(1.0)
        del back
        assert refs[1]() is None
    finally:
        gc.enable()


def test_ten_thousand_gradients_leave_nothing() -> None:
    f = lambda x, p: np.sum(np.tanh(x @ p["W"]) ** 2) + p["b"] * x[0]
    x, p = np.ones(3), {"W": np.eye(3), "b": 0.5}
    for _ in range(100):
        gradient(f, x, p)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000):
            gradient(f, x, p)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


def test_memory_is_released_on_the_way_back() -> None:
    n = 200_000

    def f(x: Any) -> Any:
        y = x
        for _ in range(20):
            y = np.sin(y)
        return np.sum(y)

    x = np.ones(n)
    value_and_gradient(f, x)
    tracemalloc.start()
    try:
        value_and_gradient(f, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (20 + 3) * 8 * n


def test_threads_do_not_meet() -> None:
    results: dict[int, float] = {}

    def run(k: int) -> None:
        for _ in range(50):
            (g,) = gradient(lambda x: np.sum(np.sin(x * k) ** 2), np.full(3, 0.1))
        results[k] = float(g[0])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(1, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, g in results.items():
        assert g == pytest.approx(k * math.sin(0.2 * k))
