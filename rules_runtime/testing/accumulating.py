"""Whether a tangent can be accumulated: `add` and `add_inplace` give
the sum and leave it as it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.arithmetic import add, add_inplace
from rules_runtime.thunks import unthunk

from .comparing import Tolerance
from .cotangents import SEED, random_tangent
from .failures import Problem, shown
from .parts import spoken
from .reading import Reading, read_tangent


def accumulation_problems(
    where: str, primal: Any, tangent: Any, tolerance: Tolerance
) -> list[Problem]:
    """What goes wrong when `tangent`, thunk or not, is added to others of its primal."""
    other = random_tangent(primal, np.random.default_rng(SEED + 2))
    alone = _kept(read_tangent(primal, tangent, where))
    start = _kept(read_tangent(primal, other, where))
    problems: list[Problem] = []

    def check(name: str, accumulate: Any, expected: Reading) -> None:
        try:
            total = unthunk(accumulate())
        except Exception as error:
            what = f"{name} raised {type(error).__name__}: {error}"
            problems.append(Problem(where, what, (("the rule gave", shown(tangent)),)))
            return
        found = read_tangent(primal, total, where)
        problems.extend(
            Problem(p.where, f"{p.what} (after {name})", p.facts) for p in found.problems
        )
        for path, value in expected.numbers.items():
            given = found.numbers.get(path)
            if given is not None and not np.all(tolerance.allows(given, value)):
                facts = (("it gave", shown(given)), ("the sum is", shown(value)))
                problems.append(
                    Problem(where + spoken(path), f"{name} did not give the sum", facts)
                )

    check("add(other, tangent)", lambda: add(other, tangent), _sum(start, alone))
    check("add(tangent, tangent)", lambda: add(tangent, tangent), _sum(alone, alone))
    check(
        "add_inplace(other, tangent)",
        lambda: add_inplace(random_tangent(primal, np.random.default_rng(SEED + 2)), tangent),
        _sum(start, alone),
    )
    check("the tangent itself, once it was added,", lambda: tangent, alone)
    return problems


def _kept(reading: Reading) -> Reading:
    """A reading whose numbers no longer share memory with the tangent."""
    return Reading({path: np.array(value) for path, value in reading.numbers.items()})


def _sum(a: Reading, b: Reading) -> Reading:
    both = a.numbers.keys() & b.numbers.keys()
    return Reading({path: np.asarray(a.numbers[path] + b.numbers[path]) for path in both})
