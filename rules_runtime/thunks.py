"""Thunks: cotangents that are computed when somebody needs them, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .tangents import AbstractThunk, Tangent

_NOT_RUN: Any = object()


class Thunk(AbstractThunk):
    """A cotangent that has not been computed: `f()` gives it, and is called at most once.

    Arithmetic computes it, and so does reading it as the value is read (`thunk.shape`, `thunk[0]`,
    `len(thunk)`); `unthunk` gives the value.
    What is returned is shared by all who ask, so it must not be changed in place.

    >>> unthunk(Thunk(lambda: 2.0)) + 1.0, Thunk(lambda: 2.0) * 3.0
    (3.0, 6.0)
    """

    __slots__ = ("_f", "_value")

    def __init__(self, f: Callable[[], Any]) -> None:
        self._f: Callable[[], Any] | None = f
        self._value: Any = _NOT_RUN

    def unthunk(self) -> Any:
        """The cotangent; never a thunk itself."""
        if self._value is _NOT_RUN:
            assert self._f is not None
            self._value = unthunk(self._f())
            self._f = None  # what the computation held on to can go
        return self._value

    def __call__(self) -> Any:
        return self.unthunk()

    def __repr__(self) -> str:
        value = self._value
        return f"{type(self).__name__}({'...' if value is _NOT_RUN else repr(value)})"

    def __add__(self, other: Any) -> Any:
        return self.unthunk() + unthunk(other)

    def __radd__(self, other: Any) -> Any:
        return other + self.unthunk()

    def __sub__(self, other: Any) -> Any:
        return self.unthunk() - unthunk(other)

    def __rsub__(self, other: Any) -> Any:
        return other - self.unthunk()

    def __mul__(self, other: Any) -> Any:
        return self.unthunk() * unthunk(other)

    def __rmul__(self, other: Any) -> Any:
        return other * self.unthunk()

    def __matmul__(self, other: Any) -> Any:
        return self.unthunk() @ unthunk(other)

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.unthunk()

    def __truediv__(self, other: Any) -> Any:
        return self.unthunk() / unthunk(other)

    def __neg__(self) -> Any:
        return -self.unthunk()

    def conj(self) -> Any:
        """The conjugate, computed."""
        return np.conj(self.unthunk())

    def __eq__(self, other: Any) -> Any:
        return self.unthunk() == unthunk(other)

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what is looked for by protocols, and not in the value
            raise AttributeError(name)
        return getattr(self.unthunk(), name)

    def __getitem__(self, key: Any) -> Any:
        return self.unthunk()[key]

    def __len__(self) -> int:
        return len(self.unthunk())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.unthunk())

    def __float__(self) -> float:
        return float(self.unthunk())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.unthunk(), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*map(unthunk, inputs), **kwargs)


class InplaceableThunk(Thunk):
    """A thunk that can also be added to an array in place, for less than computing and adding cost.

    `add_to(accumulator)` adds the cotangent to an array and returns that array; `thunk`, a callable
    or a `Thunk`, gives the cotangent alone. Both must stand for the same cotangent.

    >>> dx = InplaceableThunk(lambda acc: np.add(acc, 1.0, out=acc), lambda: np.ones(2))
    >>> dx.add_to(np.zeros(2)), unthunk(dx)
    (array([1., 1.]), array([1., 1.]))
    """

    __slots__ = ("add_to",)

    def __init__(self, add_to: Callable[[Any], Any], thunk: Callable[[], Any]) -> None:
        super().__init__(thunk)
        self.add_to = add_to


def unthunk(x: Any) -> Any:
    """`x`, computed where it is a thunk, also where parts of a `Tangent` are;
    anything else is returned as it is.

    >>> unthunk(Tangent[tuple](Thunk(lambda: 1.0), 2.0))
    Tangent[tuple](1.0, 2.0)
    """
    if isinstance(x, Thunk):
        return x.unthunk()
    if isinstance(x, Tangent):
        parts = x._parts
        if isinstance(parts, tuple):
            old, made = parts, [unthunk(part) for part in parts]
        else:
            old, made = parts.values(), [unthunk(part) for part in parts.values()]
        for part, new in zip(old, made):
            if new is not part:
                return x._of(tuple(made) if old is parts else dict(zip(parts, made)))
    return x
