"""`numpy.emath`: roots, logarithms and powers that turn complex where the real ones end."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import elementwise

_m: Any = np.emath

elementwise(_m.sqrt, lambda g, y, x: g * np.conj(0.5 / y), needs="y")
elementwise(_m.log, lambda g, y, x: g * np.conj(1 / x), needs="0")
elementwise(_m.log2, lambda g, y, x: g * np.conj(1 / (x * np.log(2))), needs="0")
elementwise(_m.log10, lambda g, y, x: g * np.conj(1 / (x * np.log(10))), needs="0")
elementwise(
    _m.logn,
    lambda g, y, n, x: g * np.conj(-y / (n * _m.log(n))),
    lambda g, y, n, x: g * np.conj(1 / (x * _m.log(n))),
)
elementwise(
    _m.power,
    lambda g, y, x, p: g * np.conj(p * _m.power(x, p - 1)),
    lambda g, y, x, p: g * np.conj(y * _m.log(x)),
)
elementwise(_m.arcsin, lambda g, y, x: g * np.conj(1 / np.cos(y)), needs="y")
elementwise(_m.arccos, lambda g, y, x: g * np.conj(-1 / np.sin(y)), needs="y")
elementwise(_m.arctanh, lambda g, y, x: g * np.conj(1 / (1 - x * x)), needs="0")
