"""`scipy.signal`, the area that waits for scipy."""

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order, numbers

sg = pytest.importorskip("scipy.signal")

SHAPES = [
    ((5, 4), (2, 3)),
    ((4, 4), (4, 4)),
    ((6,), (3,)),
    ((3, 4, 2), (2, 2, 2)),
    ((2, 3), (5, 4)),
]


def some(*shape, seed=0, dtype="f8"):
    return numbers(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize(
    "f", [sg.convolve, sg.fftconvolve, sg.oaconvolve, sg.correlate], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_convolution(f, mode, shapes):
    if mode == "same" and shapes[0] < shapes[1]:
        pytest.skip("same shape as the first, which is the smaller")
    for dtype in ("f8", "c16"):
        check_rule(f, some(*shapes[0], dtype=dtype), some(*shapes[1], seed=1, dtype=dtype), mode)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_in_the_plane(mode):
    check_rule(sg.convolve2d, some(5, 4), some(2, 3, seed=1), mode)
    check_second_order(lambda a, b: sg.convolve2d(a, b, mode), some(4, 3), some(2, 2, seed=1))


def test_what_has_no_rule_is_refused_and_not_wrong():
    with pytest.raises(NotImplementedError, match="boundary"):
        gradient(lambda a: np.sum(sg.convolve2d(a, np.ones((2, 2)), boundary="wrap")), some(3, 3))
    with pytest.raises(NotImplementedError, match="zi"):
        gradient(lambda x: np.sum(sg.lfilter([1.0], [1.0, 0.5], x, zi=np.zeros(1))[0]), some(4))


def test_filters():
    check_rule(sg.lfilter, some(3), np.abs(some(3, seed=1)) + 0.5, some(6))
    check_rule(sg.lfilter, some(2), np.abs(some(3, seed=1)) + 0.5, some(2, 6), 0)
    check_rule(sg.lfilter, some(3), np.array([2.0]), some(6))
    check_rule(sg.lfilter, some(3, dtype="c16"), np.array([1.0 + 0j, 0.3j]), some(5, dtype="c16"))
    check_rule(sg.detrend, some(3, 6))
    check_rule(sg.detrend, some(6), fkwargs={"type": "constant"})
    check_second_order(lambda b, x: sg.lfilter(b, [1.0, 0.5], x), some(2), some(4))
