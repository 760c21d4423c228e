"""`Fill`: the cotangent of a sum, which is one number in every place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .broadcast import full_view

ndarray = np.ndarray


class Fill:
    """The cotangent of a sum: `value` in every place of `shape`. Products with arrays take one pass."""

    __slots__ = ("shape", "value")
    __array_ufunc__ = None

    def __init__(self, value: Any, shape: tuple[int, ...]) -> None:
        self.value = value
        self.shape = shape

    def dense(self) -> Any:
        """A read-only array of stride zero."""
        return full_view(self.value, self.shape)

    def __mul__(self, other: Any) -> Any:
        if type(other) is ndarray and other.ndim:
            if other.shape == self.shape:
                return other * self.value
            return self.dense() * other
        if type(other) is Fill:
            return Fill(self.value * other.value, self.shape)
        if np.ndim(other) == 0 and not hasattr(type(other), "__traced_value__"):
            return Fill(self.value * other, self.shape)
        return self.dense() * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if type(other) is ndarray and other.shape == self.shape:
            return self.value / other
        return self.dense() / other

    def __neg__(self) -> Fill:
        return Fill(-self.value, self.shape)
