"""Derivatives by central differences, with an estimate of their error.

The difference quotient ``(f(h) - f(-h)) / 2h`` has an error that is a series in h². Halving h and
extrapolating to h = 0 (Richardson's deferred approach to the limit, in the tableau of Neville that
Ridders, *Adv. Eng. Software* 4 (1982), uses for derivatives) removes one term of it per step, until
rounding takes over. Every entry of the tableau is compared with its neighbours, and the entry that
differs least is kept, for each component of f by itself: so a large step serves where rounding
matters and a small one where a kink or a pole is near. What two steps agree on by chance, on both
sides of a kink or a jump, is found by the second difference and forgotten.

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
    bend: Vector | None = None
    best = smooth = Estimate(np.zeros_like(at_zero), np.full_like(at_zero, np.inf))
    for _ in range(LEVELS):
        found = _central(f, at_zero, step)
        if found is None:  # beyond the domain: begin again, closer
            row, bend, step = [], None, step / 8
            continue
        quotient, new_bend = found
        above, row = row, [quotient]
        entries = []
        for k, old in enumerate(above):
            new = row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1)
            entries.append(Estimate(new, np.maximum(np.abs(new - row[k]), np.abs(new - old))))
            row.append(new)
        for entry in entries:
            best, smooth = _better(best, entry), _better(smooth, entry)
        if bend is not None:
            slight = 1e-3 * np.abs(quotient) + 25 * rounding / step
            smooth = _forgotten(smooth, bend, new_bend, slight / step)
        bend = new_bend
        floor = rounding / step
        if np.all(smooth.error <= RELATIVE_GOAL * np.abs(smooth.value) + floor):
            return Estimate(smooth.value, smooth.error + floor), True
        step /= 2
    if at_zero.size and not np.all(np.isfinite(best.error)):
        return None, False
    known = np.isfinite(smooth.error)
    return Estimate(
        np.where(known, smooth.value, best.value), np.where(known, smooth.error, best.error)
    ), False


def _better(a: Estimate, b: Estimate) -> Estimate:
    """Of two estimates the one with the smaller error, component by component."""
    closer = b.error < a.error
    return Estimate(np.where(closer, b.value, a.value), np.where(closer, b.error, a.error))


def _forgotten(estimate: Estimate, bend: Vector, new_bend: Vector, slight: Vector) -> Estimate:
    """The estimate without the components that turned out not to be smooth at this step.

    The second difference over h² tends to f'' where f is smooth. Where there is a kink or a jump
    between the points, it doubles or quadruples as the step is halved,
    and what agreed did so by chance.
    """
    grew = np.abs(new_bend) > 1.5 * np.abs(bend) + slight
    return Estimate(estimate.value, np.where(grew, np.inf, estimate.error))


def _central(
    f: Callable[[float], Vector | None], at_zero: Vector, step: float
) -> tuple[Vector, Vector] | None:
    """The first and the second central quotient,
    or `None` where f has no finite value that it has at zero."""
    up, down = f(step), f(-step)
    if up is None or down is None or up.shape != at_zero.shape or down.shape != at_zero.shape:
        return None
    with np.errstate(invalid="ignore"):
        difference = up - down
        second = (up - at_zero) + (down - at_zero)
    same = _same(up, at_zero) & _same(down, at_zero)
    if not np.all(np.isfinite(difference) | same):
        return None
    return (
        np.where(same, 0.0, difference) / (2 * step),
        np.where(same, 0.0, second) / (step * step),
    )


def _same(a: Vector, b: Vector) -> NDArray[np.bool_]:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
