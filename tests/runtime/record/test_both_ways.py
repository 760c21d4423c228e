"""What is replayed beside what the tape gives: functions of every area, random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import compiled, gradient, value_and_gradient
from rules_runtime.record.guards import is_close
from tests.runtime.tape.test_random_programs import program
from tests.support.array_functions import FUNCTIONS


def compare(f: Any, calls: list[Any]) -> None:
    fast = compiled(f)
    for args in calls:
        want, found = value_and_gradient(f, *args), fast(*args)
        assert is_close(want, found), (want, found)
    assert fast.refused is None
    assert fast._program.replays == len(calls) - 2, fast.explain()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    f, args = FUNCTIONS[name]
    moved = tuple([x * 1.01 for x in args])
    compare(f, [args, args, moved, args])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_single_precision(name: str) -> None:
    f, args = FUNCTIONS[name]
    args = tuple([x.astype("f4") for x in args])
    try:
        value_and_gradient(f, *args)
    except Exception:
        pytest.skip("not a function of such numbers")
    compare(f, [args, args, args])


@pytest.mark.parametrize("shape", [(4,), (3, 2), (40, 20)], ids=str)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1000 + seed)
    compare(program(seed, 12), [[rng.normal(size=shape) for _ in range(2)] for _ in range(4)])


@pytest.mark.parametrize("seed", range(12))
def test_second_order_of_random_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, c = program(seed, 6), rng.normal(size=4)
    g = lambda *xs: sum(np.sum(d * c) for d in gradient(f, *xs))
    compare(g, [[rng.normal(size=4) for _ in range(2)] for _ in range(4)])
