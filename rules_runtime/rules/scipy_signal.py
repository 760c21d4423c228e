"""`scipy.signal`: convolution and correlation in any number of dimensions, linear filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from rules_runtime.rules.python_functions import python_function

sg: Any = scipy.signal


# -- convolution -----------------------------------------------------------------------------------


def _in_full(g: Any, first: tuple[int, ...], second: tuple[int, ...], mode: str) -> Any:
    """The cotangent of the full result, zero where the mode leaves it out."""
    whole = [n + m - 1 for n, m in zip(first, second)]
    if mode == "full":
        return g
    if mode == "same":
        starts = [(n - m) // 2 for n, m in zip(whole, g.shape)]
    else:
        starts = [min(n, m) - 1 for n, m in zip(first, second)]
    return np.pad(g, [(s, n - s - m) for s, n, m in zip(starts, whole, g.shape)])


def _turned(x: Any) -> Any:
    return np.conj(np.flip(x))


def _convolve_vjp(which: int) -> Any:
    def vjp(
        g: Any, y: Any, in1: Any, in2: Any, mode: str = "full", *options: Any, **also: Any
    ) -> Any:
        _check(options, also)
        full = _in_full(g, in1.shape, in2.shape, mode)
        return sg.convolve(full, _turned((in2, in1)[which]), "valid")

    return vjp


def _correlate_vjp(which: int) -> Any:
    """`correlate(a, b)` is `convolve(a, conj(b) turned around)`."""

    def vjp(
        g: Any, y: Any, in1: Any, in2: Any, mode: str = "full", *options: Any, **also: Any
    ) -> Any:
        full = _in_full(g, in1.shape, in2.shape, mode)
        if which == 0:
            return sg.convolve(full, in2, "valid")
        return _turned(sg.convolve(full, _turned(in1), "valid"))

    return vjp


def _check(options: Any, also: Any) -> None:
    """Along some axes, or with values beyond the edges, there is no rule."""
    if (
        also.get("axes") is not None
        or also.get("boundary", "fill") != "fill"
        or also.get("fillvalue", 0)
    ):
        raise NotImplementedError("convolution along some axes or with a boundary has no rule")
    if any(option is not None and not isinstance(option, str) for option in options):
        raise NotImplementedError("convolution along some axes or with a boundary has no rule")
    if any(option in ("wrap", "symm") for option in options):
        raise NotImplementedError("convolution along some axes or with a boundary has no rule")


for _name in ("convolve", "fftconvolve", "oaconvolve", "convolve2d"):
    python_function(getattr(sg, _name), _convolve_vjp(0), _convolve_vjp(1))
python_function(sg.correlate, _correlate_vjp(0), _correlate_vjp(1))


# -- filters ---------------------------------------------------------------------------------------


def _backwards(b: Any, a: Any, g: Any, axis: int) -> Any:
    return np.flip(sg.lfilter(np.conj(b), np.conj(a), np.flip(g, axis), axis), axis)


def _delayed_products(v: Any, x: Any, count: int, axis: int) -> Any:
    """The sums of ``v[n] conj(x[n - k])`` for k up to `count`."""
    v, x = np.moveaxis(v, axis, -1), np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    found = []
    for k in range(count):
        cut = min(k, n)
        found.append(np.sum(v[..., cut:] * np.conj(x[..., : n - cut])))
    return np.stack(found)


def lfilter_vjp_b(g: Any, y: Any, b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    _no_state(zi)
    return _delayed_products(_backwards(np.ones(1), a, g, axis), x, np.size(b), axis)


def lfilter_vjp_a(g: Any, y: Any, b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    _no_state(zi)
    return -_delayed_products(_backwards(np.ones(1), a, g, axis), y, np.size(a), axis)


def lfilter_vjp_x(g: Any, y: Any, b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    _no_state(zi)
    return _backwards(b, a, g, axis)


def _no_state(zi: Any) -> None:
    if zi is not None:
        raise NotImplementedError("scipy.signal.lfilter has a rule without zi")


python_function(sg.lfilter, lfilter_vjp_b, lfilter_vjp_a, lfilter_vjp_x)


def detrend_vjp(
    g: Any,
    y: Any,
    data: Any,
    axis: int = -1,
    type: str = "linear",
    bp: Any = 0,
    *options: Any,
    **also: Any,
) -> Any:
    """Taking away the best line or constant is a projection, and its own adjoint."""
    return sg.detrend(g, axis, type, bp)


python_function(sg.detrend, detrend_vjp)
