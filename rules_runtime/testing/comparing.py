"""Numbers that a rule gave against numbers from finite differences, and values against values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules_runtime.tangents import AbstractTangent, same

from .differences import Moved
from .failures import Problem, shown
from .parts import Path, is_number, leaves, parts, spoken

# The error that the differences themselves may have, where it decides.
MOST_DOUBT = 1e-3


@dataclass(frozen=True)
class Tolerance:
    """``|a - b| <= atol + rtol * max(|a|, |b|)``."""

    rtol: float
    atol: float

    def allows(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
        a, b = (x.astype(np.float64) if x.dtype.kind in "biu" else x for x in (a, b))
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.maximum(np.abs(a), np.abs(b))
            near = np.abs(a - b) <= self.atol + self.rtol * np.where(np.isfinite(size), size, 0.0)
        return np.asarray(near | (a == b) | (np.isnan(a) & np.isnan(b)))


def tolerance_for(values: Sequence[Any], rtol: float | None, atol: float | None) -> Tolerance:
    """The given tolerances, or such as suit the least precise number in `values`."""
    coarsest = max(
        (
            float(np.finfo(np.asarray(leaf).dtype).eps)
            for value in values
            for _, leaf in leaves(value)
        ),
        default=0.0,
    )
    if coarsest > 1e-4:  # float16
        usual = Tolerance(2e-2, 2e-2)
    elif coarsest > 1e-10:  # float32
        usual = Tolerance(1e-3, 1e-4)
    else:
        usual = Tolerance(1e-6, 1e-8)
    return Tolerance(usual.rtol if rtol is None else rtol, usual.atol if atol is None else atol)


def compare_leaf(
    where: str,
    given: NDArray[Any],
    moved: Sequence[Moved],
    which: int,
    cotangent: Any,
    tolerance: Tolerance,
) -> Problem | None:
    """The numbers of one leaf against the differences for cotangent number `which`."""
    if not moved:
        return None
    expected = np.array([m.value[which] for m in moved])
    error = np.array([m.error[which] for m in moved])
    found = np.array([_along(given, m) for m in moved])
    apart = np.abs(found - expected)
    size = float(np.max(np.abs(expected), initial=0.0))
    unsure = 10 * error
    good = tolerance.allows(found, expected)
    good |= (apart <= unsure) & (error <= MOST_DOUBT * max(1.0, size))
    if np.all(good):
        return None
    worst = int(np.argmax(np.where(good, -1.0, np.where(np.isfinite(apart), apart, np.inf))))
    facts = [
        ("the rule gave", shown(given[()] if given.ndim == 0 else given)),
        ("finite differences gave", _expected_text(given, moved, expected)),
        *_spot(given, moved[worst], found[worst], expected[worst]),
        ("for the cotangent", shown(cotangent)),
    ]
    if apart[worst] <= unsure[worst]:
        what = "finite differences do not decide: is the function smooth at this point?"
        facts.append(("their error is about", f"{error[worst]:.2g}"))
    elif not np.any(given) and np.any(np.abs(expected) > unsure):
        what = "the rule gave a zero, but the function does depend on this"
    else:
        what = "the tangent differs from finite differences"
    return Problem(where, what, tuple(facts))


def _along(given: NDArray[Any], moved: Moved) -> float:
    if moved.index is not None:
        unit = moved.direction[moved.index]
        return float(np.real(np.conj(unit) * given[moved.index]))
    return float(np.real(np.vdot(moved.direction, given)))


def _spot(
    given: NDArray[Any], worst: Moved, found: float, expected: float
) -> list[tuple[str, str]]:
    if given.ndim == 0:
        return []
    if worst.index is None:
        place = "along one direction"
    else:
        place = f"at index {worst.index}"
    return [(place, f"{found:.8g} instead of {expected:.8g}")]


def _expected_text(given: NDArray[Any], moved: Sequence[Moved], expected: NDArray[Any]) -> str:
    """The whole expected tangent where every number of the leaf was moved."""
    if len(moved) == 1 and moved[0].index is None:
        return f"{shown(expected[0])} along the chosen direction"
    units = [(m, value) for m, value in zip(moved, expected) if m.index is not None]
    is_complex = any(np.iscomplexobj(m.direction) for m, _ in units)
    if len({m.index for m, _ in units}) < given.size:
        return f"(sampled at {len(units)} of {given.size} numbers)"
    whole = np.zeros(given.shape, dtype=np.complex128 if is_complex else np.float64)
    for m, value in units:
        whole[m.index] += m.direction[m.index] * value
    return shown(whole[()] if whole.ndim == 0 else whole)


def value_problem(
    expected: Any,
    given: Any,
    where: str,
    tolerance: Tolerance,
    path: Path = (),
    above: frozenset[int] = frozenset(),
) -> Problem | None:
    """How the value that a rule gave differs from the primal value, or `None`.

    `above` are the objects around it: an object that holds itself is not entered twice.
    """

    def differs(what: str) -> Problem:
        facts = (("the rule gave", shown(given)), ("the function gives", shown(expected)))
        return Problem(where + spoken(path), what, facts)

    if isinstance(expected, (bool, int, np.generic, np.ndarray)) or is_number(expected):
        if not isinstance(given, (bool, int, float, complex, np.generic, np.ndarray)):
            return differs(f"a {type(given).__name__} instead of a {type(expected).__name__}")
        if np.shape(given) != np.shape(expected):
            return differs(f"shape {np.shape(given)} instead of {np.shape(expected)}")
        if np.asarray(expected).dtype.kind not in "biufc":
            return None if np.array_equal(given, expected) else differs("another value")
        if np.iscomplexobj(given) != np.iscomplexobj(expected):
            return differs("one is complex, the other is real")
        if np.asarray(given).dtype.kind not in "biufc":
            return differs("another value")
        near = tolerance.allows(np.asarray(given), np.asarray(expected))
        return None if np.all(near) else differs("another value")
    if id(expected) in above:
        return None
    inner = parts(expected)
    if not inner:
        return None if _alike(expected, given) else differs("another value")
    if type(given) is not type(expected):
        return differs(f"a {type(given).__name__} instead of a {type(expected).__name__}")
    other = parts(given) or {}
    if other.keys() != inner.keys():
        return differs("other parts")
    for step, part in inner.items():
        around = above | {id(expected)}
        problem = value_problem(part, other[step], where, tolerance, (*path, step), around)
        if problem is not None:
            return problem
    return None


def _alike(a: Any, b: Any) -> bool:
    """Equal, as far as that can be told:
    objects without an `==` of their own need only one type."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    own_equality: Any = type(a).__eq__
    if own_equality is object.__eq__:
        return True
    try:
        return bool(a == b)
    except Exception:
        return True


def unchanged(snapshot: Any, value: Any, where: str) -> str | None:
    """Where `value` is no longer what its deep copy `snapshot` is, or `None`."""
    if isinstance(snapshot, AbstractTangent):
        return None if same(snapshot, value) else where
    problem = value_problem(snapshot, value, where, Tolerance(0.0, 0.0))
    return None if problem is None else problem.where
