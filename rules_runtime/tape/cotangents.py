"""Cotangents that are not written out yet: slices of an array, parts of a result (and `kernels.fill`: one number for all)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.fill import Fill
from ..kernels.scatter import is_basic, scatter

ndarray = np.ndarray


class Pieces:
    """The cotangent of an array that was read by slices: written once, when somebody asks.

    Slices that tile the array along one axis are concatenated; else each is added into zeros.
    """

    __slots__ = ("dtype", "items", "shape")

    def __init__(self, index: Any, g: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype
        self.items = [(index, g)]

    def dense(self) -> Any:
        items = self.items
        if any(hasattr(type(g), "__traced_value__") for _, g in items):
            total = scatter(items[0][1], items[0][0], self.shape, self.dtype)
            for index, g in items[1:]:
                total = total + scatter(g, index, self.shape, self.dtype)
            return total
        if len(items) > 1:
            tiled = self._tiled()
            if tiled is not None:
                return tiled
        dtype = np.result_type(self.dtype, *{g.dtype for _, g in items})
        out = np.zeros(self.shape, dtype)
        out[items[0][0]] = items[0][1]
        for index, g in items[1:]:
            out[index] += g
        return out

    def _tiled(self) -> Any:
        """The slices side by side, where each is `(:, ..., a:b)` and together they cover the array once."""
        spans = []
        axis = -1
        for index, g in self.items:
            if type(index) is slice:
                index = (index,)
            if type(index) is not tuple or len(index) > len(self.shape):
                return None
            for k, part in enumerate(index):
                if type(part) is not slice or part.step not in (None, 1):
                    return None
                if part.start is None and part.stop is None:
                    continue
                if axis not in (-1, k):
                    return None
                axis = k
                start, stop, _ = part.indices(self.shape[k])
                spans.append((start, stop, g))
        if axis < 0 or len(spans) != len(self.items):
            return None
        spans.sort(key=_start)
        end = 0
        for start, stop, _ in spans:
            if start != end or stop <= start:
                return None
            end = stop
        if end != self.shape[axis]:
            return None
        return np.concatenate([g for _, _, g in spans], axis=axis)


def _start(span: tuple[int, int, Any]) -> int:
    return span[0]


class Parts:
    """The cotangents of the leaves of a structured result, until its pullback is reached."""

    __slots__ = ("build", "items")

    def __init__(self, count: int, build: Callable[[list[Any]], Any]) -> None:
        self.items: list[Any] = [None] * count
        self.build = build


__all__ = ["Fill", "Parts", "Pieces", "is_basic"]
