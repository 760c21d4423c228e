"""The modified Bessel function of order 0 and the window made of it: `numpy.i0`, `kaiser`.

Its derivative is that of order 1, which numpy does not have: the mean of ``sinh(x cos t) cos t``
over the circle (of ``exp(x cos t) cos t``, too, but the terms of that cancel where x is tiny). The
mean over n points leaves out terms of the size of the Bessel function of order n alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import derivative, primal
from rules_runtime.kernels.others import like
from rules_runtime.rules.python_functions import python_function


def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 1."""
    size = float(np.max(np.abs(primal(x)), initial=0.0))
    cosines = like(np.cos(2 * np.pi * np.arange(n := 24 + int(np.sqrt(80 * size))) / n), x)
    return np.sum(np.sinh(np.expand_dims(x, -1) * cosines) * cosines, axis=-1) / n


derivative(np.i0, lambda g, y, x: g * i1(x), needs="0")


def kaiser_vjp(g: Any, y: Any, M: int, beta: Any) -> Any:
    middle = (M - 1) / 2
    heights = np.sqrt(1 - ((np.arange(M) - middle) / middle) ** 2) if M > 1 else np.zeros(M)
    moved = heights * i1(beta * heights) - y * i1(beta)
    return np.sum(g * moved) / np.i0(beta) if M > 1 else 0.0 * beta


python_function(np.kaiser, None, kaiser_vjp)
