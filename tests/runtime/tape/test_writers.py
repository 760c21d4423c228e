"""Functions that write into their first argument do so to a traced array too."""

import numpy as np
import pytest

from rules_runtime import gradient

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 4))
CASES = {
    "put_along_axis": lambda x, v: np.put_along_axis(x, np.array([[0], [2], [1]]), v[:, :1], 1),
    "put_along_axis, flat": lambda x, v: np.put_along_axis(x, np.array([5, 0]), v[0, :2], None),
    "fill_diagonal": lambda x, v: np.fill_diagonal(x, v[0, 0]),
    "fill_diagonal, vector": lambda x, v: np.fill_diagonal(x, v[0, :2]),
    "copyto": lambda x, v: np.copyto(x, v),
    "copyto, where": lambda x, v: np.copyto(x, v[0], where=WEIGHTS > 0),
    "putmask": lambda x, v: np.putmask(x, WEIGHTS > 0, v),
    "putmask, repeated": lambda x, v: np.putmask(x, WEIGHTS > 0, v[0]),
    "place": lambda x, v: np.place(x, WEIGHTS > 0, v[0, :2]),
    "put": lambda x, v: np.put(x, [1, -2], v[0, :2]),
    "put, clip": lambda x, v: np.put(x, [1, 50], v[0, :2], mode="clip"),
}


def fail_unless_like_differences(f, args):
    found = gradient(f, *args)
    h = 1e-6
    for k, (x, dx) in enumerate(zip(args, found)):
        for index in np.ndindex(x.shape):
            up, down = [a.copy() for a in args], [a.copy() for a in args]
            up[k][index] += h
            down[k][index] -= h
            slope = (f(*up) - f(*down)) / (2 * h)
            assert dx[index] == pytest.approx(slope, abs=1e-7), (k, index)


@pytest.mark.parametrize("name", CASES)
def test_the_value_and_the_gradient(name):
    def f(x, v):
        y = x * 2.0
        CASES[name](y, v)
        return np.sum(WEIGHTS * y)

    fail_unless_like_differences(f, [RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))])


def test_a_plain_array_cannot_take_a_traced_value():
    y = np.zeros(3)

    def f(v):
        np.put(y, [1], v)
        return np.sum(y)

    with pytest.raises(TypeError, match=r"np\.put of a traced value into a plain array"):
        gradient(f, np.ones(1))
