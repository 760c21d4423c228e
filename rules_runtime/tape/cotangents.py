"""Cotangents that wait for others: parts of a result, and slices of arrays that are not plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernels.fill import Unwritten
from ..kernels.scatter import scattered


class Pieces(Unwritten):
    """The cotangent of an array that was read by slices, whose cotangents may not be written into:
    they are traced, recorded, or another library's."""

    __slots__ = ("dtype", "indices", "parts", "shape")

    def __init__(self, index: Any, g: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.indices, self.parts = [index], [g]
        self.shape, self.dtype = shape, dtype

    def add(self, index: Any, g: Any) -> None:
        """Add `g` at `index`."""
        self.indices.append(index)
        self.parts.append(g)

    def dense(self) -> Any:
        """Zeros with all of them added."""
        return scattered(tuple(self.parts), tuple(self.indices), self.shape, self.dtype)


class Parts(Unwritten):
    """The cotangents of the leaves of a structured result, until its pullback is reached."""

    __slots__ = ("build", "items")

    def __init__(self, count: int, build: Callable[[list[Any]], Any]) -> None:
        self.items: list[Any] = [None] * count
        self.build = build

    def dense(self) -> Any:
        """The cotangent of the result."""
        return self.build(self.items)
