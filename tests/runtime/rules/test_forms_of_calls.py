"""Forms of calls that a search over generated ones found wrong once: orders of memory, lists for
arrays, keywords of ufuncs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, hessian, pullback
from tests.support.rules import check_rule, numbers

windows = np.lib.stride_tricks.sliding_window_view


def some(*shape: int, dtype: str = "f8", seed: int = 0) -> Any:
    return numbers(np.random.default_rng(seed), shape, dtype)


def layouts() -> list[Any]:
    x = some(2, 3, 4)
    return [
        x,
        np.asfortranarray(x),
        some(4, 2, 3).transpose(1, 2, 0),
        some(2, 3, 8)[..., ::2],
        x[0].T,
    ]


@pytest.mark.parametrize("order", "CFAK")
@pytest.mark.parametrize("k", range(5))
def test_orders_go_by_the_memory_of_the_argument(order: Any, k: int) -> None:
    x = layouts()[k]
    places = np.empty_like(x)  # the number of each element, in the same layout
    places[...] = np.arange(x.size).reshape(x.shape)
    w = np.arange(1.0, x.size + 1)
    for f in (
        lambda x: np.ravel(x, order=order),
        lambda x: x.ravel(order),
        lambda x: x.flatten(order),
        lambda x: np.reshape(x, (-1,), order="A" if order == "K" else order),
    ):
        y, back = pullback(f, x)
        assert np.array_equal(y, f(x))
        wanted = np.zeros(x.size)
        wanted[f(places).astype(int)] = w
        assert np.array_equal(back(w)[0].ravel(), wanted)

        def slope(x: Any, f: Any = f) -> Any:
            return gradient(lambda x: np.sum(w * f(x) ** 2), x)[0]

        assert np.array_equal(gradient(lambda x: np.sum(slope(x)), x)[0].ravel(), 2 * wanted)


def test_flatten_is_a_copy() -> None:
    def f(x: Any) -> Any:
        y = x.flatten()
        y *= 2.0
        return np.sum(x * y.reshape(2, 2))

    assert np.array_equal(gradient(f, np.ones((2, 2)))[0], np.full((2, 2), 4.0))


def test_windows() -> None:
    check_rule(windows, some(5), 2)
    check_rule(windows, some(4, 5, dtype="c16"), (2, 3))
    check_rule(windows, some(4, 5), (2,), 0)
    check_rule(windows, some(6), (2, 3), (0, 0))
    second = hessian(lambda x: np.sum(np.prod(windows(x, 2), axis=-1)), np.array([1.0, 2.0, 4.0]))
    assert np.array_equal(second, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])


def test_an_update_under_a_window_is_an_error() -> None:
    def f(x: Any) -> Any:
        x = x * 1.0
        seen = windows(x, 2)
        x[0] = 5.0
        return np.sum(seen)

    with pytest.raises(TypeError, match="copy it first"):
        gradient(f, some(4))


@pytest.mark.parametrize(
    "f", [np.arctan2, np.power, np.float_power, np.hypot, np.logaddexp, np.fmax]
)
def test_lists_for_arrays(f: Any) -> None:
    x = np.array([0.5, 1.5, 2.5])
    for g in (
        lambda x: f(x, [1.0, 2.0, 3.0]),
        lambda x: f([1.0, 2.0, 3.0], x),
        lambda x: f(x, (2, 1, 1)),
    ):
        wanted = (g(x + 1e-6) - g(x - 1e-6)) / 2e-6
        assert gradient(lambda x, g=g: np.sum(g(x)), x)[0] == pytest.approx(wanted, rel=1e-6)
    for f_of_number in (
        lambda v: np.sum(np.add(v, [1.0, 2.0])),
        lambda v: np.sum(np.multiply([1, 1], v)),
    ):
        assert gradient(f_of_number, 3.0) == gradient(f_of_number, np.float64(3.0)) == (2.0,)
    (dx,) = gradient(lambda x: np.sum(f(x[1], [x[0], 1.0, x[2]])), x)
    wanted = gradient(lambda x: np.sum(f(x[1], np.stack([x[0], 1.0, x[2]]))), x)[0]
    assert np.array_equal(dx, wanted)


def test_keywords_of_ufuncs() -> None:
    x, y = some(3, 3), some(3, 3, seed=1)
    if hasattr(np, "vecdot"):
        dx, dy = gradient(lambda x, y: np.sum(np.vecdot(x, y, axis=0) * np.arange(3)), x, y)
        assert np.allclose(dx, y * np.arange(3)) and np.allclose(dy, x * np.arange(3))
    with pytest.raises(TypeError, match=r"np\.moveaxis"):
        gradient(lambda x: np.sum(np.matmul(x, y, axes=[(0, 1), (1, 0), (0, 1)])), x)
    (dx,) = gradient(lambda x: np.sum(np.sin(x, dtype="f4")), x)
    assert dx == pytest.approx(np.cos(x), rel=1e-5)


def test_others() -> None:
    _, back = pullback(lambda x: np.repeat(x, [1, 0, 2]), some(3, dtype="c16"))
    assert np.array_equal(back(np.array([1j, 2.0, 3j]))[0], [1j, 0.0, 2 + 3j])
    assert np.array_equal(gradient(lambda x: np.sum(np.heaviside(x, 0.5)), some(3))[0], np.zeros(3))
    assert gradient(lambda x: np.sum(np.full_like(np.ones(3), x)), 2.0) == (3.0,)
    (dx,) = gradient(lambda x: np.var(x, mean=np.mean(x)), some(3))
    assert np.allclose(dx, gradient(np.var, some(3))[0])
    assert gradient(lambda x: np.sum(np.full(3, x)), 2.0) == (3.0,)


@pytest.mark.parametrize("transposed", [False, True])
def test_ties_beside_what_is_not_attained(transposed: bool) -> None:
    """As many elements as there are extrema equal one; still not each equals its own."""
    x = np.array([[np.nan, 1.0, 0.0], [2.0, 2.0, 1.0], [0.0, 1.0, 3.0]])
    x, axis = (x.T, 0) if transposed else (x, 1)
    shares = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])

    def rows(dx: Any) -> Any:
        return dx.T if transposed else dx

    for f in (np.max, lambda x, axis: -np.min(-x, axis=axis)):
        _, back = pullback(lambda x, f=f: f(x, axis=axis), x)
        assert np.array_equal(rows(back(np.ones(3))[0])[1:], shares)
    (dx,) = gradient(lambda x: np.sum(np.max(np.nan_to_num(x), axis=axis, initial=1.5)), x)
    assert np.array_equal(rows(dx), [[0, 0, 0], *shares])
    empty = x.copy()
    rows(empty)[0] = np.nan
    (dx,) = gradient(lambda x: np.nansum(np.nanmax(x, axis=axis)), empty)
    assert np.array_equal(rows(dx)[1:], shares)
