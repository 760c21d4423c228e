"""Cotangents of large arrays in memory that is there already:
the same numbers, and nothing written that others see."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, jacobian, pullback, value_and_gradient
from rules_runtime.kernels import large, memory
from rules_runtime.kernels.elementwise import UNARY
from rules_runtime.kernels.fill import Fill
from rules_runtime.tape.record import OVERRIDDEN

SIZES = (memory.RESULT, large.IN_PLACE, 3 * large.BLOCK + 17, memory.LARGE + 5)
rng = np.random.default_rng(0)
DOMAIN = {
    np.arccosh: (1.1, 2.0),
    np.arctanh: (-0.8, 0.8),
    np.arcsin: (-0.8, 0.8),
    np.arccos: (-0.8, 0.8),
}


def values(ufunc: Any, size: int) -> Any:
    low, high = DOMAIN.get(ufunc, (0.2, 1.5))
    return rng.uniform(low, high, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ufunc", sorted(large.LARGE_UNARY, key=lambda u: u.__name__))
def test_every_function_gives_what_the_small_one_gives(ufunc: Any, size: int) -> None:
    vjp, saves = UNARY[ufunc]
    x = values(ufunc, size)
    saved = ufunc(x) if saves == "y" else x
    others = [saved, saved, saved]  # more holders than the entry and the sweep
    for g in (
        rng.normal(size=size),
        Fill(np.float64(1.7), (size,)),
        rng.normal(size=2 * size)[::2],
    ):
        expected = vjp(np.full(size, g.value) if type(g) is Fill else g, saved)
        before = saved.copy()
        for own in range(4):
            given = g.copy() if type(g) is np.ndarray else g
            got = large.LARGE_UNARY[ufunc](given, saved, own)
            np.testing.assert_allclose(got, expected, rtol=1e-14)
        assert np.array_equal(others[0], before)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ufunc", sorted(large.LARGE_UNARY, key=lambda u: u.__name__))
def test_gradients_where_nobody_else_holds_what_was_saved(ufunc: Any, size: int) -> None:
    x = values(ufunc, size)
    w = rng.normal(size=size)
    vjp, saves = UNARY[ufunc]

    def f(x: Any, w: Any) -> Any:
        return np.sum(ufunc(x * 1.0) * w)

    dx, dw = gradient(f, x, w)
    np.testing.assert_allclose(dw, ufunc(x), rtol=1e-14)
    np.testing.assert_allclose(dx, vjp(w.copy(), ufunc(x) if saves == "y" else x), rtol=1e-13)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What `alone` says, call for call."""
    if OVERRIDDEN & {np.tanh, np.sin, np.exp, np.add, np.multiply}:
        pytest.skip("a test before this one registered rules for these functions")
    said: list[bool] = []
    alone = large.alone

    def spy(x: Any, holders: int) -> bool:
        answer = alone(x, holders + 1)  # this function is one holder more
        said.append(answer)
        return answer

    monkeypatch.setattr(large, "alone", spy)
    return said


N = large.IN_PLACE


@pytest.mark.skipif(not large.COUNTED, reason="reference counts are not exact here")
def test_what_nobody_holds_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    said = spied(monkeypatch)
    gradient(lambda x: np.sum(np.tanh(x)), np.ones(N))
    assert said == [True]
    said.clear()
    gradient(lambda x: np.sum(np.sin(x + 1.0) * np.exp(x)), np.ones(N))
    assert said == [True, True, True] or said.count(True) >= 3


held: list[Any] = []


def _in_a_list(t: Any) -> None:
    held.append(t.value)


def _a_view(t: Any) -> None:
    held.append(t.value[3:])


def _the_tracer(t: Any) -> None:
    held.append(t)


def _a_memoryview(t: Any) -> None:
    held.append(memoryview(t.value))


def _weakly(t: Any) -> None:
    held.append(weakref.ref(t.value))


@pytest.mark.parametrize("hold", [_in_a_list, _a_view, _the_tracer, _a_memoryview, _weakly])
@pytest.mark.parametrize("ufunc", [np.tanh, np.sin])
def test_what_somebody_holds_is_not(
    hold: Callable[[Any], None], ufunc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = spied(monkeypatch)

    def f(x: Any) -> Any:
        s = x * 1.0
        y = ufunc(s)
        hold(y if ufunc is np.tanh else s)
        return np.sum(y)

    held.clear()
    gradient(f, np.full(N, 0.5))
    assert said == [False]
    held.clear()


def test_constants_of_the_user_are_not_written_over() -> None:
    c = np.linspace(0.1, 1.0, N)
    kept = c.copy()
    table = {"c": c}

    def f(x: Any) -> Any:
        return np.sum(np.sin(x * table["c"]) * np.tanh(x) * table["c"])

    x = np.linspace(0.2, 0.3, N)
    x_kept = x.copy()
    first = gradient(f, x)
    second = gradient(f, x)
    assert np.array_equal(c, kept)
    assert np.array_equal(x, x_kept)
    assert np.array_equal(first[0], second[0])


def test_back_can_be_called_again() -> None:
    x = np.linspace(0.2, 1.3, N)
    _, back = pullback(lambda x: np.tanh(np.exp(x) * np.sin(x)), x)
    first = back(np.ones(N))[0].copy()
    for _ in range(3):
        assert np.array_equal(back(np.ones(N))[0], first)
    small = jacobian(lambda x: np.sum(np.tanh(x).reshape(2, -1), axis=1), x)
    np.testing.assert_allclose(
        np.asarray(small[0] if isinstance(small, tuple) else small).sum(axis=0), 1 - np.tanh(x) ** 2
    )


def test_products_of_one_array_and_of_views_of_it() -> None:
    x = np.linspace(0.2, 1.3, 2 * N)

    def f(x: Any) -> Any:
        s = np.exp(x)
        halves = s[:N] * s[N:]
        return np.sum(s * s) + np.sum(halves * s[::2]) + np.sum(s * np.sin(s))

    value, (dx,) = value_and_gradient(f, x)
    k = np.array([0, 1, N // 2, N - 1, N, 2 * N - 1])
    for i in k:
        e = np.zeros(2 * N)
        e[i] = 1e-4
        assert dx[i] == pytest.approx((f(x + e) - f(x - e)) / 2e-4, rel=1e-6)
    assert value == f(x)


def test_second_order_on_large_arrays() -> None:
    x = np.linspace(0.2, 1.3, N)
    w = np.linspace(1.0, 2.0, N)

    def inner(x: Any) -> Any:
        return np.sum(gradient(lambda x: np.sum(np.tanh(x) * np.exp(x)), x)[0] * w)

    dx = gradient(inner, x)[0]
    t, e = np.tanh(x), np.exp(x)
    d = 1 - t * t
    np.testing.assert_allclose(dx, w * e * (-2 * t * d + 2 * d + t), rtol=1e-12)


def test_counts_are_trusted_only_where_they_are_exact() -> None:
    if sys.version_info >= (3, 14):
        assert not large.COUNTED
    assert large.alone(np.ones(3), 0) is False or not large.COUNTED


@pytest.mark.skipif(not large.COUNTED, reason="reference counts are not exact here")
def test_memory_that_others_may_know_is_not_alone() -> None:
    def alone(x: Any) -> bool:
        return large.alone(x, 4)  # the caller, this function, `alone`, its argument

    x = np.ones(N)
    assert alone(x)
    x.flags.writeable = False
    assert not alone(x)
    raw = np.ones(N)
    view = np.lib.stride_tricks.as_strided(raw)
    assert not alone(view)
    block = memory.empty((N,), N)
    assert alone(block)
    taken = block.base
    assert not alone(block)
    del taken
    assert alone(block)
    block.flags.writeable = False
    assert not alone(block)


@pytest.mark.parametrize("n", [10, N])
def test_a_product_of_two_precisions_has_the_higher_one(n: int) -> None:
    x, y = rng.uniform(0.5, 1.5, n).astype(np.float32), rng.uniform(0.5, 1.5, n)
    w = rng.normal(size=n)
    for swap in (False, True):

        def f(x: Any, y: Any) -> Any:
            x, y = x + x, np.tanh(y)  # nothing keeps the sum but the product
            return np.sum(np.multiply(y, x) * w if swap else np.multiply(x, y) * w)  # noqa: B023

        dx, dy = gradient(f, x, y)
        expected = w * (x + x) * (1.0 - np.tanh(y) ** 2)
        np.testing.assert_allclose(dy, expected, rtol=1e-13)
        assert dx.dtype == np.float32
