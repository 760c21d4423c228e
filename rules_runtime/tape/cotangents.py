"""Cotangents that are not written out yet: slices of an array, parts of a result (and
`kernels.fill`: one number for all)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.fill import Fill
from ..kernels.others import is_other
from ..kernels.scatter import is_basic, scatter, scattered

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
        for _, g in items:
            if type(g) is not ndarray and hasattr(type(g), "__traced_value__"):
                return self._traced()
            if is_other(g):
                return self._of_others()
        if len(items) > 1:
            tiled = self._tiled()
            if tiled is not None:
                return tiled
        dtype = self.dtype
        for _, g in items:
            if g.dtype is not dtype:
                dtype = np.result_type(dtype, g.dtype)
        out = np.zeros(self.shape, dtype)
        out[items[0][0]] = items[0][1]
        for index, g in items[1:]:
            out[index] += g
        return out

    def _traced(self) -> Any:
        index, g = self.items[0]
        total = scatter(g, index, self.shape, self.dtype)
        for index, g in self.items[1:]:
            total = total + scatter(g, index, self.shape, self.dtype)
        return total

    def _of_others(self) -> Any:
        """For arrays of another library, which may not be written into:
        zeros around each slice, and their sum."""
        indices, parts = zip(*self.items)
        return scattered(parts, indices, self.shape, self.dtype)

    def _tiled(self) -> Any:
        """The slices side by side, where each is `(:, ...,
        a:b)` and together they cover the array once."""
        spans = []
        axis = -1
        shape = self.shape
        for index, g in self.items:
            cut = None
            for k, part in enumerate(index if type(index) is tuple else (index,)):
                if type(part) is not slice or (part.step is not None and part.step != 1):
                    return None
                start, stop = part.start, part.stop
                if start is None:
                    if stop is None:
                        continue
                    start = 0
                elif stop is None:
                    stop = shape[k]
                if (
                    cut is not None
                    or (axis != k and axis >= 0)
                    or not 0 <= start < stop <= shape[k]
                ):
                    return None
                axis = k
                cut = (start, stop, g)
            if cut is None:
                return None
            spans.append(cut)
        spans.sort(key=_start)
        end = 0
        for start, stop, _ in spans:
            if start != end:
                return None
            end = stop
        if end != shape[axis]:
            return None
        return np.concatenate([span[2] for span in spans], axis)


def _start(span: tuple[int, int, Any]) -> int:
    return span[0]


class Parts:
    """The cotangents of the leaves of a structured result, until its pullback is reached."""

    __slots__ = ("build", "items")

    def __init__(self, count: int, build: Callable[[list[Any]], Any]) -> None:
        self.items: list[Any] = [None] * count
        self.build = build


__all__ = ["Fill", "Parts", "Pieces", "is_basic"]
