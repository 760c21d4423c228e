"""Derivatives by central differences, with an estimate of their error.

The difference quotient ``(f(h) - f(-h)) / 2h`` has an error that is a series in h². Halving h and
extrapolating to h = 0 (Richardson's deferred approach to the limit, in the tableau of Neville that
Ridders, *Adv. Eng. Software* 4 (1982), uses for derivatives) removes one term of it per step, until
rounding takes over. Every entry of the tableau is compared with its neighbours, and the entry that
differs least is kept, for each component of f by itself: so a large step serves where rounding
matters and a small one where a kink or a pole is near.

Steps are powers of two, so that ``x + h`` is exact for all but enormous x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]

LEVELS = 18
RELATIVE_GOAL = 1e-10


@dataclass(frozen=True)
class Estimate:
    """A derivative, componentwise, and how far off each component may be."""

    value: Vector
    error: Vector

    def doubt(self) -> float:
        """The largest error relative to its component; what is exactly zero is beyond doubt."""
        size = np.abs(self.value) + np.finfo(np.float64).tiny
        return float(np.max(self.error / size, initial=0.0))


def derivative(
    f: Callable[[float], Vector | None], at_zero: Vector, scale: float, epsilon: float
) -> Estimate | None:
    """d f / dt at t = 0, for a vector-valued f that has the value `at_zero` there.

    `scale` is the size of what is perturbed, `epsilon` the rounding unit of what f computes with.
    f may answer `None` where it has no value. `None` where no step gives one.

    >>> derivative(lambda t: np.array([math.sin(t)]), np.zeros(1), 1.0, 2e-16).value
    array([1.])
    """
    best: Estimate | None = None
    for first_step in _first_steps(scale):
        estimate, reached = _extrapolated(f, at_zero, first_step, epsilon)
        if reached:
            return estimate
        if estimate is not None and (best is None or estimate.doubt() < best.doubt()):
            best = estimate
    return best


def _first_steps(scale: float) -> list[float]:
    """Where to begin: as for a number of size one; failing that, as `scale` suggests."""
    steps = [_power_of_two(0.1 * min(max(scale, 0.1), 8.0))]
    if scale > 0 and not 0.1 <= scale <= 8.0:
        steps.append(_power_of_two(0.1 * scale))
    return steps


def _power_of_two(x: float) -> float:
    return math.ldexp(1.0, math.frexp(x)[1] - 1)


def _extrapolated(
    f: Callable[[float], Vector | None], at_zero: Vector, step: float, epsilon: float
) -> tuple[Estimate | None, bool]:
    """The best entry of one tableau, and whether it is as good as rounding lets it be."""
    rounding = 4 * epsilon * np.abs(np.where(np.isfinite(at_zero), at_zero, 0.0))
    row: list[Vector] = []
    value = np.zeros_like(at_zero)
    error = np.full_like(at_zero, np.inf)
    for _ in range(LEVELS):
        quotient = _central(f, at_zero, step)
        if quotient is None:  # beyond the domain: begin again, closer
            row, step = [], step / 8
            continue
        above, row = row, [quotient]
        for k, old in enumerate(above):
            new = row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1)
            change = np.maximum(np.abs(new - row[k]), np.abs(new - old))
            better = change < error
            value = np.where(better, new, value)
            error = np.where(better, change, error)
            row.append(new)
        floor = rounding / step
        if np.all(error <= RELATIVE_GOAL * np.abs(value) + floor):
            return Estimate(value, error + floor), True
        step /= 2
    if at_zero.size and not np.all(np.isfinite(error)):
        return None, False
    return Estimate(value, error), False


def _central(f: Callable[[float], Vector | None], at_zero: Vector, step: float) -> Vector | None:
    """One central quotient, or `None` where f has no finite value that it has at zero."""
    up, down = f(step), f(-step)
    if up is None or down is None or up.shape != at_zero.shape or down.shape != at_zero.shape:
        return None
    with np.errstate(invalid="ignore"):
        difference = up - down
    if np.all(np.isfinite(difference)):
        return difference / (2 * step)
    same = _same(up, at_zero) & _same(down, at_zero)
    if not np.all(np.isfinite(difference) | same):
        return None
    return np.where(same, 0.0, difference) / (2 * step)


def _same(a: Vector, b: Vector) -> NDArray[np.bool_]:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
