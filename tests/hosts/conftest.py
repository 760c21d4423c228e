"""Rules that every host is tried with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, Tangent, Thunk, rrule

os.environ.setdefault("JAX_PLATFORMS", "cpu")


class Affine:
    """A rule for structures: `affine(p, x)` with a dict of parameters gives two results."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.rule = rrule.register(affine)(self.rrule_affine)

    def rrule_affine(self, _: Any, p: Any, x: Any) -> Any:
        def weight(dy: Any) -> Any:
            self.ran.append("w")
            return np.sum(dy * x)

        def back(dy: Any) -> Any:
            first, second = dy[0], dy[1]
            dp = Tangent[dict](w=Thunk(lambda: weight(first)), b=np.sum(second * 1.0))
            return NoTangent(), dp, first * p["w"] + second

        return affine(p, x), back


def affine(p: Any, x: Any) -> Any:
    return p["w"] * x, p["b"] + x


@pytest.fixture
def ran() -> Iterator[list[str]]:
    """`affine` has its rule; the list says which of its thunks ran."""
    made = Affine()
    yield made.ran
    for rule in rrule.rules_for(affine):
        rrule.remove_rule(rule)


@pytest.fixture
def registered() -> Iterator[Callable[..., None]]:
    """`registered(f, rule)` registers a rule for the time of one test."""
    targets: list[Any] = []

    def register(f: Any, rule: Any) -> None:
        targets.append(f)
        rrule.register(f)(rule)

    yield register
    for f in targets:
        for rule in rrule.rules_for(f):
            rrule.remove_rule(rule)
