"""`as_strided` of arrays however they lie in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

from rules_runtime import gradient, value_and_gradient
from tests.runtime.tape.derivatives import assert_gradient, assert_second_order

ARRAYS = {
    "contiguous": lambda: np.arange(12.0),
    "a view": lambda: np.arange(60.0)[::5],
    "backwards": lambda: np.arange(12.0)[::-1],
    "single": lambda: np.arange(12, dtype="f4"),
    "complex": lambda: np.arange(12) * (1 + 0.5j),
    "repeated": lambda: np.broadcast_to(np.array(3.0), (12,)),
}


def windows(x, n):
    return as_strided(x, (x.size - n + 1, n), x.strides * 2)


@pytest.mark.parametrize("name", ARRAYS)
def test_windows(name):
    x = ARRAYS[name]()
    w = np.random.default_rng(0).normal(size=(10, 3))
    f = lambda x: np.sum(np.real(windows(x, 3)) ** 2 * w)
    y, (dx,) = value_and_gradient(f, x)
    assert y == f(x)
    want = np.zeros(12)
    for k in range(3):
        want[k : k + 10] += 2 * np.real(x[k : k + 10]) * w[:, k]
    if name == "repeated":  # it is one number in memory, and any of its places will do
        dx, want = np.sum(dx), np.sum(want)
    np.testing.assert_allclose(np.real(dx), want, 1e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_layout_that_stays_inside(data):
    x = np.random.default_rng(0).normal(size=(4, 6))
    x = data.draw(st.sampled_from([x, x.T, x[::2], x[:, ::-1], np.asfortranarray(x), x[1:3, 2:]]))
    steps = [data.draw(st.integers(1, 3)) for _ in x.shape]
    shape = tuple(data.draw(st.integers(0, (n - 1) // k + 1)) for n, k in zip(x.shape, steps))
    repeats, turned = data.draw(st.booleans()), data.draw(st.booleans())

    def f(x):
        layout = [(n, k * step) for n, k, step in zip(shape, steps, x.strides)]
        layout += [(3, 0)] * repeats
        lengths, strides = zip(*layout[:: -1 if turned else 1])
        return np.sum(np.sin(as_strided(x, shape=lengths, strides=strides)) ** 2)

    assert_gradient(f, x)


def test_second_order_and_what_comes_before():
    f = lambda x: np.sum(windows(np.sin(x) * x[0], 4) ** 3)
    assert_gradient(f, np.arange(6.0) / 5 + 0.1)
    assert_second_order(f, np.arange(6.0) / 5 + 0.1)
    g = lambda x: np.sum(as_strided(np.asarray(x), x.shape[::-1], x.strides[::-1]) ** 2)
    assert_gradient(g, np.arange(6.0).reshape(2, 3))


def test_what_is_outside_and_what_is_written_to():
    x = np.arange(10.0)
    for part in (x[1:5], x[::2]):
        with pytest.raises(ValueError, match="sliding_window_view"):
            gradient(lambda x: np.sum(as_strided(x, (5,), (8,))), part)

    def update(x):
        y = x * 1.0
        rows = as_strided(y, (2, 5), (40, 8))
        rows[0, 0] = 3.0
        return np.sum(y)

    with pytest.raises(TypeError, match="copy it first"):
        gradient(update, x)
