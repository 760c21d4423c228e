"""One-dimensional convolution and correlation: `numpy.convolve`, `numpy.correlate`.

Both are a slice of the full result. Its cotangent is placed in zeros of the full length; the
adjoint of the full convolution with one factor is then the valid
correlation with the conjugate of the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative
from rules_runtime.kernels.others import like


def _full(g: Any, m: int, n: int, mode: Any, turned: bool) -> Any:
    """The cotangent of the full convolution of lengths m and n. `turned`:
    numpy swapped the factors."""
    whole, shorter = m + n - 1, min(m, n)
    mode = {0: "valid", 1: "same", 2: "full"}.get(mode, mode)
    start = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[mode]
    if turned:
        start = whole - start - g.shape[0]
    before, after = np.zeros(start, g.dtype), np.zeros(whole - start - g.shape[0], g.dtype)
    return np.concatenate([like(before, g), g, like(after, g)])


def _convolve_vjp(which: int) -> Any:
    def vjp(g: Any, y: Any, a: Any, v: Any, mode: Any = "full") -> Any:
        other = (v, a)[which]
        full = _full(g, np.size(a), np.size(v), mode, turned=False)
        found = np.correlate(full, np.reshape(other, (-1,)), "valid")
        return np.reshape(found, np.shape((a, v)[which]))

    return vjp


def _correlate_vjp(which: int) -> Any:
    """`correlate(a, v)` is `convolve(a, conj(v[::-1]))`."""

    def vjp(g: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
        full = _full(g, np.size(a), np.size(v), mode, turned=np.size(v) > np.size(a))
        if which == 0:
            return np.convolve(full, v, "valid")
        return np.conj(np.correlate(full, a, "valid"))[::-1]

    return vjp


derivative(np.convolve, _convolve_vjp(0), _convolve_vjp(1), needs="01")
derivative(np.correlate, _correlate_vjp(0), _correlate_vjp(1), needs="01")
