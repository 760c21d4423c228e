"""Functions that choose elements."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers


def some(*shape, dtype="f8", seed=0):
    return numbers(np.random.default_rng(seed), shape, dtype)


REPEATED = np.array([[0, 2, 2], [1, 1, 0]])


def test_take_along_axis():
    check_rule(np.take_along_axis, some(2, 3), REPEATED, 1)
    check_rule(np.take_along_axis, some(3, 3, dtype="c16"), REPEATED, 0)
    check_rule(np.take_along_axis, some(6), np.array([1, 1, -1]), None)
    check_second_order(lambda x: np.take_along_axis(x, REPEATED, 1), some(2, 3))


def test_compress_and_extract():
    check_rule(np.compress, [True, False, True], some(3, 4), 0)
    check_rule(np.compress, [0, 1, 1, 0], some(3, 4))
    check_rule(np.extract, some(3, 4) > 0, some(3, 4, seed=1))
    check_second_order(lambda x: np.compress([0, 1, 1], x, 0), some(3, 4))


@pytest.mark.parametrize(
    ("obj", "axis"), [(1, 0), ([0, 2], 1), (slice(1, 5), None), (np.array([0, -1]), 0)], ids=str
)
def test_delete(obj, axis):
    check_rule(np.delete, some(3, 4), obj, axis)
    check_second_order(lambda x: np.delete(x, obj, axis), some(3, 4))


def test_insert():
    check_rule(np.insert, some(3, 4), 1, some(4), 0)
    check_rule(np.insert, some(3, 4), [0, 2], some(3, 2), 1)
    check_rule(np.insert, some(5), 2, 3.0)
    check_rule(np.insert, some(5), np.array([1, 1, 3]), some(3))
    check_rule(np.insert, some(3, 4), 1, 2.0, 1)
    check_second_order(lambda x, v: np.insert(x, 1, v, 0), some(3, 4), some(4))


def test_resize_repeats():
    check_rule(np.resize, some(2, 3), (3, 4))
    check_rule(np.resize, some(5), 3)
    check_second_order(lambda x: np.resize(x, (3, 4)), some(2, 3))


def test_trim_zeros():
    weights = np.array([1.0, 10.0, 100.0])
    (dx,) = gradient(lambda x: np.trim_zeros(x) @ weights, np.array([0, 0, 1.5, 0, 2.0, 0]))
    assert dx.tolist() == [0, 0, 1, 10, 100, 0]
    (dx,) = gradient(lambda x: np.trim_zeros(x, "b") @ weights, np.array([0, 1.5, 2.0, 0]))
    assert dx.tolist() == [1, 10, 100, 0]


def test_select():
    x = some(4, 3)
    choices = [some(4, 3, seed=1), some(3, seed=2)]
    check_rule(np.select, [x > 0.5, x < -0.5], choices, some(4, 1))
    check_rule(np.select, [x > 0.5, x < -0.5], choices)
    check_second_order(lambda a, b: np.select([x > 0.5, x < -0.5], [a, b], 2.0), *choices)


def test_choose():
    number = np.array([[0, 1], [2, 1]])
    choices = [some(2, 2), some(2, seed=1), 1.5]
    check_rule(np.choose, number, choices)
    check_rule(np.choose, number + 2, choices, fkwargs={"mode": "wrap"})
    check_rule(np.choose, 5 * number - 3, choices, fkwargs={"mode": "clip"})
    check_rule(np.choose, number, some(3, 2, 2))
    check_second_order(lambda x: np.choose(number, x), some(3, 2, 2))


def test_block():
    check_rule(np.block, [[some(2, 2), some(2, 3)], [some(1, 2), some(1, 3)]])
    check_rule(np.block, [some(2), some(3)])
    check_rule(np.block, [1.0, some(3)])
    check_rule(np.block, some(3))
    check_second_order(lambda a, b: np.block([[a, b], [b, a @ b]]), some(2, 2), some(2, 2, seed=1))


def test_broadcast_arrays_and_meshgrid():
    check_rule(np.broadcast_arrays, some(3), some(2, 1), 1.5)
    for indexing in ("xy", "ij"):
        for sparse in (False, True):
            options = {"indexing": indexing, "sparse": sparse}
            check_rule(np.meshgrid, some(3), some(2), some(4, dtype="c16"), fkwargs=options)
    check_rule(np.meshgrid, some(3))
    check_rule(np.meshgrid, 1.5, some(2))
    check_second_order(lambda a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1], some(3), some(2))


@pytest.mark.skipif(not hasattr(np, "unstack"), reason="numpy before 2.1")
def test_unstack():
    check_rule(np.unstack, some(3, 2), fkwargs={"axis": 1})
