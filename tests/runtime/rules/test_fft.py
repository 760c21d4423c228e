"""Fourier transforms: every kind, length, axis and normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import check_rule, check_second_order, few, numbers, seeds, strided

ONE_AXIS = [np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft]
SEVERAL = [np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn]
NORMS = st.sampled_from([None, "backward", "ortho", "forward"])
REAL = {np.fft.rfft, np.fft.ihfft, np.fft.rfftn, np.fft.rfft2}


def signal(f, rng, shape, dtype="c16"):
    return numbers(
        rng, shape, dtype.replace("c16", "f8").replace("c8", "f4") if f in REAL else dtype
    )


@pytest.mark.parametrize("f", ONE_AXIS, ids=lambda f: f.__name__)
@few
@given(
    seed=seeds, n=st.sampled_from([None, 2, 3, 7]), axis=st.sampled_from([0, -1]), norm=NORMS,
    view=st.booleans(),
)  # fmt: skip
def test_along_one_axis(f, seed, n, axis, norm, view):
    x = signal(f, np.random.default_rng(seed), (4, 5))
    check_rule(f, strided(x) if view else x, fkwargs={"n": n, "axis": axis, "norm": norm})


@pytest.mark.parametrize("f", SEVERAL, ids=lambda f: f.__name__)
@few
@given(
    seed=seeds,
    s_axes=st.sampled_from(
        [
            (None, None),
            (None, (0, 2)),
            ((3, 5), (0, 1)),
            ((4, 2), (2, 0)),
            ((4, -1), (1, 0)),
            (None, (1,)),
        ]
    ),
    norm=NORMS,
)
def test_along_several_axes(f, seed, s_axes, norm):
    x = signal(f, np.random.default_rng(seed), (3, 2, 4))
    check_rule(f, x, fkwargs={"s": s_axes[0], "axes": s_axes[1], "norm": norm})


@pytest.mark.parametrize(
    "f", [np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2], ids=lambda f: f.__name__
)
def test_two_axes(f):
    check_rule(f, signal(f, np.random.default_rng(1), (2, 3, 4)))


@pytest.mark.parametrize("f", [np.fft.fft, np.fft.rfft, np.fft.irfft], ids=lambda f: f.__name__)
def test_single_precision_and_real_input(f):
    rng = np.random.default_rng(2)
    check_rule(f, signal(f, rng, (6,), "c8"))
    check_rule(f, numbers(rng, (6,)))


def test_order_of_the_spectrum():
    x = numbers(np.random.default_rng(3), (4, 5))
    check_rule(np.fft.fftshift, x)
    check_rule(np.fft.ifftshift, x, fkwargs={"axes": (1,)})


@pytest.mark.parametrize("f", [*ONE_AXIS, *SEVERAL], ids=lambda f: f.__name__)
def test_second_order(f):
    check_second_order(f, signal(f, np.random.default_rng(4), (2, 3)))
