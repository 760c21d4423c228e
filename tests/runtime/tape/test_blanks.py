"""`c = np.zeros(2); c[0] = x[0] * x[1]` in a traced function."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, gradient, pullback, rrule, value_and_gradient
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

X = np.array([0.3, 0.7, 1.1])


def zeros(x: Any) -> Any:
    c = np.zeros(2)
    c[0] = x[0] * x[0]
    c[1] = x[1]
    return np.sum(c**2)


def a_matrix(x: Any) -> Any:
    c = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            c[i, j] = x[i] * np.sin(x[j])
    return np.sum(np.linalg.inv(c + np.eye(3)))


def like(x: Any) -> Any:
    a, b, c, d = np.empty_like(x), np.ones_like(x), np.full_like(x, 2.0), np.zeros_like(x)
    a[:] = x * 2
    b *= x
    c[1:] += x[1:]
    d[-1] = x[0]
    return np.sum(a * b * c + d)


def rows(x: Any) -> Any:
    c = np.zeros((3, 3))
    for k, row in enumerate(c):
        row[:] = x * k
        row[0] = x[1]
    return np.sum(c**2)


def views(x: Any) -> Any:
    c = np.full(4, 0.5)
    part = c[1:]
    inner = part[1:]
    part[0] = x[0]
    part += x[1]
    inner[-1] = 3.0
    c[0] = c[1] * inner[0]
    return np.sum(c**2) + np.sum(part * inner[0])


def by_functions(x: Any) -> Any:
    a, b, c, d = np.zeros(3), np.zeros(4), np.zeros((3, 3)), np.ones(3)
    np.multiply(x, x, out=a)
    np.add.at(b, [0, 0, 2], x)
    np.fill_diagonal(c, x)
    np.copyto(d, x, where=X > 0.5)
    return np.sum(a * a) + np.sum(b**3) + np.sum(c @ c) + np.sum(d**2)


def plain_before(x: Any) -> Any:
    c = np.zeros(3)
    c[0] = 5.0
    s = math.sqrt(c[0])
    c += 1.0
    y = c * x  # with c as it is now
    c[1] = x[0]
    return np.sum(y * c) + s


def masks_and_indices(x: Any) -> Any:
    c = np.zeros(3)
    c[x > 0.5] = x[1:]
    c[[0]] = x[2] * 2.0
    return np.sum(c**3)


def complex_numbers(x: Any) -> Any:
    c = np.zeros(2, complex)
    c[0] = x[0] * (1 + 2j)
    c[1] = x[1]
    return np.sum(np.abs(c * c))


def never_filled(x: Any) -> Any:
    h = np.zeros(3)
    for _ in range(3):
        h = np.tanh(np.outer(x, x) @ h + x)
    return np.sum(h * np.ones(3)) + np.sum(np.where(x > 0.5, x, np.zeros(3)))


FUNCTIONS = [
    zeros, a_matrix, like, rows, views, by_functions, plain_before, masks_and_indices, complex_numbers, never_filled
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients(f: Callable[[Any], Any]) -> None:
    assert value_and_gradient(f, X)[0] == pytest.approx(f(X), rel=1e-14)
    assert_gradient(f, X)
    assert_second_order(f, X)


def test_it_is_an_array_until_then() -> None:
    def f(x: Any) -> Any:
        c, m = np.zeros(3), np.ones((3, 3))
        assert isinstance(c, np.ndarray)
        assert (c.shape, c.ndim, c.size, len(c), c.dtype) == ((3,), 1, 3, 3, float)
        c[0] = 2.0
        c[1:] = [3.0, 4.0]
        c += 1
        c *= 2.0
        assert c.tolist() == list(c) == [6.0, 8.0, 10.0]
        assert float(c[0]) == 6.0
        assert c.sum() == np.sum(c) == 24.0
        assert (c > 7).tolist() == [False, True, True]
        assert (c / 2)[0] == (12 / c)[1] * 2 == 3.0
        assert (divmod(c, 4)[1][0], (-c)[0], abs(-c)[0], (c**2)[0], (2**c)[0]) == (2, -6, 6, 36, 64)
        assert c @ c == 200.0
        assert type(np.exp(c)) is type(c * 2) is type(m @ c) is np.ndarray
        assert np.linalg.solve(m + np.eye(3), c).shape == (3,)
        assert pickle.loads(pickle.dumps(c)).tolist() == copy.deepcopy(c).tolist() == c.tolist()
        assert c.reshape(3, 1).T[0, ::-1].tolist() == [10.0, 8.0, 6.0]
        assert np.random.default_rng(0).normal(c).shape == (3,)
        assert np.array([c, x]).shape == np.stack([c, x]).shape == (2, 3)
        assert f"{c} {c[0]}" == "[ 6.  8. 10.] 6.0"
        assert 8.0 in c
        np.multiply(np.ones(3), 3.0, out=c)
        np.cumsum(np.ones(3), out=c)
        c.fill(4.0)
        assert c.copy().tolist() == [4.0] * 3
        assert type(np.zeros(3, int)) is np.ndarray
        with pytest.raises(TypeError, match="unhashable"):
            hash(c)
        return np.sum(x * x)

    assert gradient(f, X)[0].tolist() == (2 * X).tolist()


def test_what_leaves_a_traced_function_is_plain() -> None:
    y, back = pullback(lambda x: [np.ones(2), np.zeros_like(x), x], X)
    assert [type(part) for part in y] == [np.ndarray] * 3
    assert back((NoTangent(), NoTangent(), X))[0].tolist() == X.tolist()
    assert type(value_and_gradient(lambda x: (np.ones(3) * x).sum(), X)[1][0]) is np.ndarray


def _by_c(x: Any) -> Any:
    out = np.zeros(3)
    assert type(out) is np.ndarray  # as compiled code must have it
    out[:] = [math.sin(v) for v in x]
    return out


@rrule.register(_by_c)
def rrule_by_c(_: Any, x: Any) -> Any:
    def back(dy: Any) -> Any:
        dx = np.zeros(3)
        dx[:] = dy * np.cos(x)
        return NoTangent(), dx

    return _by_c(x), back


def test_rules_make_plain_arrays() -> None:
    f = lambda x: np.sum(_by_c(x) ** 2)
    np.testing.assert_allclose(gradient(f, X)[0], np.sin(2 * X))


def test_the_cotangent_of_a_rule_is_filled_in_on_an_outer_trace() -> None:
    def inner(x: Any, scale: Any) -> Any:
        return gradient(lambda x: np.sum(_by_c(x) * scale), x)[0]

    (d,) = gradient(lambda s: np.sum(inner(X, s)), 2.0)
    assert d == pytest.approx(np.sum(np.cos(X)))


def test_arrays_of_an_inner_function_take_values_of_the_outer() -> None:
    def f(a: Any) -> Any:
        def g(x: Any) -> Any:
            c = np.zeros(2)
            c[0] = a * a
            c[1] = x * x * a
            return np.sum(c**2)

        _, back = pullback(lambda x: x * a, np.ones(2))
        return gradient(g, 2.0)[0] + np.sum(back(np.ones(2))[0])

    assert_gradient(f, 1.5)


def test_views_that_are_not_slices_are_errors() -> None:
    def into_it(x: Any) -> Any:
        c = np.zeros((2, 2))
        c.T[0, 0] = x[0]
        return np.sum(c)

    def while_it_is_in_use(x: Any) -> Any:
        c = np.zeros((2, 2))
        t = np.transpose(c)
        c[0, 0] = x[0]
        return np.sum(c) + np.sum(t)

    def copied(x: Any) -> Any:
        c = np.zeros((2, 2))
        t = c.T.copy()
        c[0, 0] = x[0]
        t[1, 0] = x[1]
        return np.sum(c) + 2.0 * np.sum(t)

    for f in (into_it, while_it_is_in_use):
        with pytest.raises(TypeError, match="view"):
            gradient(f, X)
    assert gradient(copied, X)[0].tolist() == [1.0, 2.0, 0.0]


def test_arrays_that_are_kept() -> None:
    kept: list[Any] = []
    gradient(lambda x: (kept.append(np.zeros(3)), np.sum(x))[1], X)
    assert (kept[0] + 1.0).tolist() == [1.0] * 3

    def f(x: Any) -> Any:
        kept[0][0] = x[0] ** 2
        return np.sum(kept[0])

    assert gradient(f, X)[0].tolist() == [0.6, 0.0, 0.0]


def test_another_thread_that_traces_nothing_has_arrays() -> None:
    found: list[Any] = []

    def f(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(np.zeros(3)))
        thread.start()
        thread.join()
        return np.sum(x)

    gradient(f, X)
    assert type(found[0]) is np.ndarray
