"""What the tangent of one leaf should be: finite differences of the function in that leaf.

The function is seen as a map between real vectors. Its result is flattened (complex numbers as real
and imaginary part), the leaf is moved along one real direction at a time, and the difference of the
flattened results is weighed with the cotangent. For a complex leaf the derivatives along 1 and i
are put together as ``df/dx + i df/dy``, which is the conjugate transpose applied to the cotangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules_runtime.tangents import AbstractZero

from .cotangents import SEED, cotangent_along
from .finite_differences import Vector, derivative
from .parts import leaves

# Leaves with more numbers are sampled, and moved as a whole along a few random directions.
MOST_NUMBERS = 160
DIRECTIONS = 3

Real: TypeAlias = NDArray[np.float64]


class NoDerivative(Exception):
    """The function has no finite value near the point."""


@dataclass(frozen=True)
class Moved:
    """One direction in a leaf, and the derivative of ``<cotangent,
    f>`` along it for each cotangent."""

    direction: NDArray[Any]
    index: tuple[int, ...] | None  # where `direction` is a unit vector
    value: Real
    error: Real


def flat(y: Any) -> Vector:
    """Every differentiable number in a result, as one real vector."""
    found = [_as_real(leaf) for _, leaf in leaves(y)]
    return np.concatenate(found) if found else np.zeros(0)


def flat_cotangent(y: Any, cotangent: Any) -> Vector:
    """The cotangent of `y` in the layout of `flat(y)`; zeros are filled in."""
    found = [_spread(leaf, cotangent_along(cotangent, path)) for path, leaf in leaves(y)]
    return np.concatenate(found) if found else np.zeros(0)


def _spread(leaf: Any, cotangent: Any) -> Vector:
    values = np.asarray(0.0 if isinstance(cotangent, AbstractZero) else cotangent)
    if np.iscomplexobj(leaf):
        values = values.astype(np.complex128)
    return _as_real(np.broadcast_to(values, np.shape(leaf)))


def _as_real(leaf: Any) -> Vector:
    values = np.asarray(leaf).ravel()
    if np.iscomplexobj(values):
        return np.concatenate([values.real, values.imag]).astype(np.float64)
    return values.astype(np.float64)


def moved_leaf(
    f: Callable[[Any], Any],
    leaf: Any,
    weights: Real,
    at_zero: Vector,
    epsilon: float,
    chosen: Any = None,
) -> list[Moved]:
    """Derivatives of ``weights @ flat(f(leaf))`` along the directions of `leaf`,
    or the `chosen` one.

    `weights` has shape ``(cotangents, numbers in the result)``, `at_zero` is ``flat(f(leaf))`` and
    `epsilon` the rounding unit that f computes with. Raises `NoDerivative`.
    """
    return [
        _moved(f, leaf, direction, index, weights, at_zero, epsilon)
        for direction, index in (
            _directions(leaf)
            if chosen is None
            else [(np.broadcast_to(np.asarray(chosen), np.shape(leaf)), None)]
        )
    ]


def shifted(leaf: Any, step: Any) -> Any:
    """`leaf + step`, of the type and precision of `leaf`."""
    with np.errstate(all="ignore"):
        moved = leaf + np.asarray(step).astype(np.asarray(leaf).dtype)
    if isinstance(leaf, np.ndarray):
        return np.asarray(moved)
    if isinstance(leaf, (float, complex)) and not isinstance(leaf, np.generic):
        return moved.item()
    return moved


def _moved(
    f: Callable[[Any], Any],
    leaf: Any,
    direction: NDArray[Any],
    index: tuple[int, ...] | None,
    weights: Real,
    at_zero: Vector,
    epsilon: float,
) -> Moved:
    def along(t: float) -> Vector | None:
        moved = shifted(leaf, t * direction)
        try:
            with np.errstate(all="ignore"):
                return flat(f(moved))
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None

    numbers = np.asarray(leaf)
    size = float(np.abs(numbers[index])) if index is not None else 1.0
    found = derivative(along, at_zero, size if np.isfinite(size) else 1.0, epsilon)
    if found is None:
        raise NoDerivative
    return Moved(
        direction,
        index,
        np.asarray(weights @ found.value),
        np.asarray(np.abs(weights) @ found.error),
    )


def _directions(leaf: Any) -> Sequence[tuple[NDArray[Any], tuple[int, ...] | None]]:
    rng = np.random.default_rng(SEED)
    shape = np.shape(leaf)
    size = int(np.prod(shape))
    is_complex = np.iscomplexobj(leaf)
    kind = np.complex128 if is_complex else np.float64
    numbers = np.arange(size)
    dense: list[tuple[NDArray[Any], tuple[int, ...] | None]] = []
    if size > MOST_NUMBERS:
        numbers = np.sort(rng.choice(size, MOST_NUMBERS // 4, replace=False))
        for _ in range(DIRECTIONS):
            drawn = rng.uniform(-1, 1, size=shape)
            dense.append(
                (drawn + 1j * rng.uniform(-1, 1, size=shape) if is_complex else drawn, None)
            )
    units: list[tuple[NDArray[Any], tuple[int, ...] | None]] = []
    for number in numbers:
        index = tuple(int(i) for i in np.unravel_index(number, shape)) if shape else ()
        for unit in (1.0, 1j) if is_complex else (1.0,):
            direction = np.zeros(shape, dtype=kind)
            direction[index] = unit
            units.append((direction, index))
    return dense + units
