"""Rules that every host is tried with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    RuleConfig,
    Tangent,
    Thunk,
    gradient,
    hessian,
    hvp,
    rrule,
    rrule_via_ad,
)

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


@pytest.fixture
def calling_back(registered: Any) -> tuple[Any, list[Any]]:
    """`apply(f, x)`, whose rule asks the AD for `f`; and the configs that it has been given."""

    def apply(f: Any, x: Any) -> Any:
        return f(x)

    seen: list[Any] = []

    def rule(config: RuleConfig[HasReverseMode], _: Any, f: Any, x: Any) -> Any:
        seen.append(type(config))
        y, back = rrule_via_ad(config, f, x)
        return y, lambda dy: (NoTangent(), *back(dy))

    registered(apply, rule)
    return apply, seen


def check_second_derivatives(own: Any) -> None:
    """Those of `own`, which a host computes, against those of the same in numpy; and third ones."""

    def plain(p: Any, k: Any) -> Any:
        return p["a"] * np.exp(1j * p["b"]), k * p["a"], np.sum(p["b"] * p["a"])

    def loss(f: Any) -> Any:
        def of(v: Any) -> Any:
            y, z, total = f({"a": v[:2], "b": v[2:]}, 2.0)
            return np.sum(np.abs(y * (1 + 2j) + v[2:]) ** 2) + np.sum(z**3) * total

        return of

    def third(f: Any) -> Any:
        return lambda x: np.sum(hessian(loss(f), x) ** 2)

    def close(got: Any, want: Any) -> None:
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)

    x = np.array([0.3, 0.2, 0.4, 0.1])
    close(hessian(loss(own), x), hessian(loss(plain), x))
    close(gradient(third(own), x)[0], gradient(third(plain), x)[0])
    close(hvp(loss(own), x, x), hvp(loss(plain), x, x))
