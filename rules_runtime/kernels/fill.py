"""Cotangents that are less than an array: `Fill`, one number in every place;
`Scaled`, an array times a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .broadcast import full_view

ndarray = np.ndarray
TAKES_FILL: set[Callable[..., Any]] = set()  # functions that know what to do with a `Fill`


def takes_fill(vjp: Any) -> Any:
    """Mark a function that can be given a `Fill`."""
    TAKES_FILL.add(vjp)
    return vjp


class Fill:
    """The cotangent of a sum: `value` in every place of `shape`.
    Products with arrays take one pass."""

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


class Scaled:
    """`array * factor`, not multiplied out:
    of what is gathered the places are added up first, which may be fewer."""

    __slots__ = ("array", "factor")
    __array_ufunc__ = None

    def __init__(self, array: Any, factor: Any) -> None:
        self.array = array
        self.factor = factor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape  # type: ignore[no-any-return]

    def dense(self) -> Any:
        """The product, a new array."""
        return self.array * self.factor
