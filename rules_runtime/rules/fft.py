"""Fourier transforms: `numpy.fft`.

The adjoint of a transform is the transform in the other direction with the other normalisation:
without a factor where the transform has none, with 1/n where it has 1/n. A transform that pads or
crops its input has an adjoint that crops or pads its output. The real transforms leave out half the
spectrum, so their adjoints count what stands for two frequencies once (`rfft`) or twice (`irfft`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rules_runtime.forms import derivative
from rules_runtime.kernels.others import like

_OTHER: dict[Any, Any] = {
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def resized(g: Any, length: int, axis: int) -> Any:
    """`g` cropped or padded with zeros at the end of one axis."""
    have = g.shape[axis]
    if have == length:
        return g
    axis %= g.ndim
    if have > length:
        return g[(slice(None),) * axis + (slice(0, length),)]
    shape = (*g.shape[:axis], length - have, *g.shape[axis + 1 :])
    return np.concatenate([g, np.zeros(shape, dtype=g.dtype)], axis=axis)


def _along(weights: Any, ndim: int, axis: int) -> Any:
    """A vector of weights, shaped to broadcast along one axis."""
    return weights.reshape((-1,) + (1,) * (ndim - 1 - axis % ndim))


def _doubled(n: int, dtype: Any) -> Any:
    """How many frequencies of a real signal of length n each entry
    of the half spectrum stands for."""
    weights = np.full(n // 2 + 1, 2.0)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights.astype(np.empty(0, dtype).real.dtype)


# -- one axis: g, the length of the input, the length of the transform -----------------------------


def _fft_adjoint(g: Any, length: int, n: int, axis: int, norm: str | None) -> Any:
    return resized(np.fft.ifft(g, n, axis, norm=_OTHER[norm]), length, axis)


def _ifft_adjoint(g: Any, length: int, n: int, axis: int, norm: str | None) -> Any:
    return resized(np.fft.fft(g, n, axis, norm=_OTHER[norm]), length, axis)


def _rfft_adjoint(g: Any, length: int, n: int, axis: int, norm: str | None) -> Any:
    weights = like(_along(1 / _doubled(n, g.dtype), g.ndim, axis), g)
    return resized(np.fft.irfft(g * weights, n, axis, norm=_OTHER[norm]), length, axis)


def _irfft_adjoint(g: Any, length: int, _: int, axis: int, norm: str | None) -> Any:
    n = g.shape[axis]
    weights = like(_along(_doubled(n, g.dtype), g.ndim, axis), g)
    return resized(np.fft.rfft(g, n, axis, norm=_OTHER[norm]) * weights, length, axis)


def _one_axis(adjoint: Callable[..., Any]) -> Callable[..., Any]:
    def vjp(
        g: Any,
        y: Any,
        a: Any,
        n: int | None = None,
        axis: int = -1,
        norm: Any = None,
        out: Any = None,
    ) -> Any:
        return adjoint(g, a.shape[axis], a.shape[axis] if n is None else n, axis, norm)

    return vjp


def _hfft_adjoint(g: Any, length: int, n: int, axis: int, norm: str | None) -> Any:
    """`hfft(a)` is `irfft(conj(a))` with the other normalisation."""
    return np.conj(_irfft_adjoint(g, length, n, axis, _OTHER[norm]))


def _ihfft_adjoint(g: Any, length: int, n: int, axis: int, norm: str | None) -> Any:
    """`ihfft(a)` is `conj(rfft(a))` with the other normalisation."""
    return _rfft_adjoint(np.conj(g), length, n, axis, _OTHER[norm])


derivative(np.fft.fft, _one_axis(_fft_adjoint), needs="")
derivative(np.fft.ifft, _one_axis(_ifft_adjoint), needs="")
derivative(np.fft.rfft, _one_axis(_rfft_adjoint), needs="")
derivative(np.fft.irfft, _one_axis(_irfft_adjoint), needs="")
derivative(np.fft.hfft, _one_axis(_hfft_adjoint), needs="")
derivative(np.fft.ihfft, _one_axis(_ihfft_adjoint), needs="")


# -- several axes ----------------------------------------------------------------------------------


def _axes(undone: Callable[..., Any], default: Sequence[int] | None) -> Callable[..., Any]:
    """The rule from what undoes transforms along some axes,
    each with the length that was asked for or None."""

    def vjp(
        g: Any,
        y: Any,
        a: Any,
        s: Any = None,
        axes: Any = default,
        norm: Any = None,
        out: Any = None,
    ) -> Any:
        if axes is None:
            axes = range(a.ndim) if s is None else range(-len(s), 0)
        found = [axis % a.ndim for axis in axes]
        asked = [None] * len(found) if s is None else s
        return undone(g, a, found, [None if n in (None, -1) else n for n in asked], norm)

    return vjp


def _undone(
    adjoint: Callable[..., Any],
    g: Any,
    a: Any,
    axes: Sequence[int],
    lengths: Sequence[int | None],
    norm: Any,
) -> Any:
    """The adjoints of complex transforms along `axes`, which ran from the last to the first."""
    shapes = _lengths_before(a.shape, axes, lengths)
    for axis, asked, length in zip(axes, lengths, shapes):
        g = adjoint(g, length, length if asked is None else asked, axis, norm)
    return g


def _lengths_before(
    shape: Sequence[int], axes: Sequence[int], lengths: Sequence[int | None]
) -> list[int]:
    """How long each axis is before its transform; an axis may be named twice."""
    now = list(shape)
    found = []
    for axis, asked in zip(reversed(axes), reversed(lengths)):
        found.append(now[axis])
        now[axis] = now[axis] if asked is None else asked
    return found[::-1]


def _undone_rfft(g: Any, a: Any, axes: list[int], lengths: list[int | None], norm: Any) -> Any:
    last, asked = axes[-1], lengths[-1]
    length = a.shape[last]
    # the other axes ran last to first, after the real one
    half = _Shape((*a.shape[:last], g.shape[last], *a.shape[last + 1 :]))
    g = _undone(_fft_adjoint, g, half, axes[:-1], lengths[:-1], norm)
    return _rfft_adjoint(g, length, length if asked is None else asked, last, norm)


def _undone_irfft(g: Any, a: Any, axes: list[int], lengths: list[int | None], norm: Any) -> Any:
    last = axes[-1]
    g = _irfft_adjoint(g, a.shape[last], g.shape[last], last, norm)
    return _undone(_ifft_adjoint, g, a, axes[:-1], lengths[:-1], norm)


class _Shape:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


for _undo, _of_two, _of_all in (
    (functools.partial(_undone, _fft_adjoint), np.fft.fft2, np.fft.fftn),
    (functools.partial(_undone, _ifft_adjoint), np.fft.ifft2, np.fft.ifftn),
    (_undone_rfft, np.fft.rfft2, np.fft.rfftn),
    (_undone_irfft, np.fft.irfft2, np.fft.irfftn),
):
    derivative(_of_two, _axes(_undo, (-2, -1)), needs="")
    derivative(_of_all, _axes(_undo, None), needs="")


# -- order of the spectrum -------------------------------------------------------------------------


derivative(np.fft.fftshift, lambda g, y, x, axes=None: np.fft.ifftshift(g, axes), needs="")
derivative(np.fft.ifftshift, lambda g, y, x, axes=None: np.fft.fftshift(g, axes), needs="")


def _frequencies_vjp(g: Any, y: Any, n: int, d: Any = 1.0, device: Any = None) -> Any:
    """They go by the inverse of the spacing."""
    return -np.sum(g * y) / d


derivative(np.fft.fftfreq, None, _frequencies_vjp)
derivative(np.fft.rfftfreq, None, _frequencies_vjp)
