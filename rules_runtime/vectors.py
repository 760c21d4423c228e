"""The tangents of one value as flat vectors of real numbers,
for what computes with vectors: solvers, Jacobians."""

from __future__ import annotations

from typing import Any

import numpy as np

from .structure import can_be_perturbed, parts_of
from .tangent_parts import parts_of_tangent
from .tangents import AbstractZero, NoTangent, tangent_type
from .thunks import Thunk


class TangentSpace:
    """The tangents of `x` as vectors of `size` real numbers; a complex number is two of them.

    >>> from rules_runtime import ZeroTangent
    >>> space = TangentSpace(("a", np.ones(2)))
    >>> space.size, space.tangent(np.array([1.0, 2.0]))
    (2, Tangent[tuple](NoTangent(), array([1., 2.])))
    >>> space.vector(ZeroTangent())
    array([0., 0.])
    """

    __slots__ = ("parts", "shape", "size", "x")

    def __init__(self, x: Any, above: frozenset[int] = frozenset()) -> None:
        self.x = x
        self.parts: dict[Any, TangentSpace] | None = None
        self.shape: tuple[int, ...] = ()
        if is_number(x):
            self.shape = np.shape(x)
            self.size: int = int(np.prod(self.shape)) * (2 if np.iscomplexobj(x) else 1)
            return
        found: dict[Any, Any] | None = None
        if can_be_perturbed(x) and id(x) not in above:
            of_objects = isinstance(x, np.ndarray)
            found = {k: x[k] for k in np.ndindex(x.shape)} if of_objects else parts_of(x)
        above |= {id(x)}
        self.parts = {key: TangentSpace(part, above) for key, part in (found or {}).items()}
        self.size = sum(part.size for part in self.parts.values())

    def vector(self, tangent: Any) -> Any:
        """A tangent of `x` as a vector."""
        pieces = self._pieces(tangent)
        return np.concatenate(pieces) if pieces else np.zeros(0)

    def _pieces(self, tangent: Any) -> list[Any]:
        if isinstance(tangent, Thunk):
            tangent = tangent.unthunk()
        if not self.size or tangent is None or isinstance(tangent, AbstractZero):
            return [np.zeros(self.size)] if self.size else []
        if self.parts is None:
            numbers = np.reshape(np.broadcast_to(tangent, self.shape), -1)
            if not np.iscomplexobj(self.x):
                return [np.real(numbers)]
            return [np.real(numbers), np.imag(numbers)]
        given = parts_of_tangent(tangent, self.x, dict.fromkeys(self.parts))
        return [piece for key, part in self.parts.items() for piece in part._pieces(given.get(key))]

    def tangent(self, vector: Any) -> Any:
        """The tangent of `x` that a vector stands for."""
        if not self.size:
            return NoTangent()
        if self.parts is None:
            if np.iscomplexobj(self.x):
                vector = vector[: self.size // 2] + 1j * vector[self.size // 2 :]
            return np.reshape(vector, self.shape)[()]
        made, start = {}, 0
        for key, part in self.parts.items():
            made[key] = part.tangent(vector[start : start + part.size])
            start += part.size
        if isinstance(self.x, np.ndarray):
            out = np.empty(self.x.shape, object)
            for key, part in made.items():
                out[key] = part
            return out
        typed = tangent_type(type(self.x))
        if typed._kind == "positions":
            return typed(*made.values())
        return typed._of({key: part for key, part in made.items() if part is not NoTangent()})


def is_number(x: Any) -> bool:
    """Whether `x` is a floating point number or an array of such, traced or not.

    >>> is_number(1.0), is_number(1), is_number((1.0,))
    (True, False, False)
    """
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fc"
    return isinstance(x, (float, complex, np.inexact))
