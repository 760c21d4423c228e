"""Cotangents that are less than an array: `Fill`, one number in every place;
`Scaled`, an array times a number."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .broadcast import full_view
from .scatter import scatter

ndarray = np.ndarray


class Unwritten:
    """A cotangent that is not written out yet; functions that it does not know get `dense()`."""

    __slots__ = ()
    __array_ufunc__ = None
    shape: tuple[int, ...]
    takes: ClassVar[set[Any]] = set()  # functions that are given it as it is
    is_new: ClassVar[bool] = True  # whether nobody else has what `dense` gives

    def dense(self) -> Any:
        """The array."""
        raise NotImplementedError


def takes_fill(vjp: Any) -> Any:
    """Mark a function that can be given a `Fill`."""
    Fill.takes.add(vjp)
    return vjp


class Fill(Unwritten):
    """The cotangent of a sum: `value` in every place of `shape`.
    Products with arrays take one pass."""

    __slots__ = ("shape", "value")
    takes: ClassVar[set[Any]] = set()
    is_new = False

    def __init__(self, value: Any, shape: tuple[int, ...]) -> None:
        self.value = value
        self.shape = shape

    @property
    def dtype(self) -> Any:
        return np.result_type(self.value)

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


class Scaled(Unwritten):
    """`array * factor`, not multiplied out:
    of what is gathered the places are added up first, which may be fewer."""

    __slots__ = ("array", "factor", "shape")
    takes: ClassVar[set[Any]] = set()

    def __init__(self, array: Any, factor: Any) -> None:
        self.array = array
        self.shape = array.shape
        self.factor = factor

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    def dense(self) -> Any:
        """The product, a new array."""
        return self.array * self.factor


def gather_vjp(g: Any, saved: Any) -> Any:
    """The cotangent of `x[index]` for arrays of places; `saved` is the index, and the shape and
    dtype of `x`."""
    if type(g) is Scaled:
        return scatter(g.array, *saved) * g.factor
    return scatter(g, *saved)


Scaled.takes.add(gather_vjp)
