"""The cotangent of a matrix that takes part in many small products:
its factors, multiplied out together.

A weight that is used in each step of a loop gets `x.T @ g` from each. One by one these are products
with a short inner side, and as many passes over the whole matrix to add them up.
Put side by side they are one product.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .fill import Unwritten

ndarray = np.ndarray


class LowRank(Unwritten):
    """`sum(x.T @ g)` over pairs of matrices of as many rows, or vectors,
    which are one row each; and an array besides."""

    __slots__ = ("left", "owned", "right", "rows", "shape", "total")
    takes: ClassVar[set[Any]] = set()

    def __init__(self, left: list[Any], right: list[Any], shape: tuple[int, ...]) -> None:
        self.left, self.right = left, right
        self.rows = 1 if left[0].ndim == 1 else len(left[0])
        self.shape = shape
        self.total: Any = None
        self.owned = False

    @property
    def dtype(self) -> Any:
        return np.result_type(self.left[0], self.right[0]) if self.left else self.total.dtype

    @property
    def T(self) -> LowRank:
        """The transpose; the original is not to be used again."""
        made = LowRank(self.right, self.left, self.shape[::-1])
        made.rows, made.owned = self.rows, self.owned
        made.total = None if self.total is None else self.total.T
        return made

    def __mul__(self, factor: Any) -> LowRank:
        """A fresh one, times a number."""
        return LowRank(self.left, [g * factor for g in self.right], self.shape)

    def add(self, other: Any) -> None:
        """Add another one, or an array, which others may hold; the factors are multiplied out when
        they are more than the matrix is worth."""
        if type(other) is ndarray:
            self._absorb(other)
            return
        if other.total is not None:
            self._absorb(other.total)
        self.left += other.left
        self.right += other.right
        self.rows += other.rows
        if self.rows > max(self.shape):
            self.total, self.owned = self.dense(), True
            self.left, self.right, self.rows = [], [], 0

    def _absorb(self, dx: Any) -> None:
        if self.total is None:
            self.total = dx
        elif self.owned:
            np.add(self.total, dx, self.total)
        else:
            self.total, self.owned = self.total + dx, True

    def dense(self) -> Any:
        """The matrix."""
        if not self.left:
            return self.total
        if len(self.left) == 1:
            x, g = self.left[0], self.right[0]
            made = x[:, None] * g if x.ndim == 1 else x.T @ g
        else:
            made = _stacked(self.left).T @ _stacked(self.right)
        return made if self.total is None else np.add(self.total, made, made)


def worth(rows: int, m: int, n: int) -> bool:
    """Whether to keep the factors of a product of shape (m, n):
    copying them must cost less than passes over the product."""
    return 4 * rows * (m + n) < m * n


def _stacked(rows: list[Any]) -> Any:
    if rows[0].ndim == 1:
        for x in rows:
            if x.ndim != 1:
                break
        else:
            return np.array(rows)
    return np.concatenate([x[None] if x.ndim == 1 else x for x in rows])
