"""`checkpoint`: the same derivatives, to any order; what is within is not kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import Tangent, checkpoint, gradient, hessian, jvp, pullback, trace


class Scale:
    def __init__(self, k: float) -> None:
        self.k = k

    def __call__(self, x: Any) -> Any:
        return self.k * np.sin(x)

    def squared(self, x: Any) -> Any:
        return self.k * x**2


def plain(f: Any, *args: Any, **kwargs: Any) -> Any:
    return f(*args, **kwargs)


PROGRAMS = [
    lambda c, x: np.sum(c(lambda y: np.exp(y) * y, x) * x),
    lambda c, x: np.sum(c(np.sin, x**2)),
    lambda c, x: np.sum(c(lambda y: c(lambda z: np.exp(z) * y, y) * 2.0, x)),
    lambda c, x: np.sum(c(lambda y: np.sin(y) * x**2 + np.exp(x * y), x[::-1] * 2.0)),  # reads x
    lambda c, x: np.sum(c(lambda y, n, k=1.0: {"a": y**n * k, "b": n}, x, 3, k=2.0)["a"]),
    lambda c, x: np.sum(c(Scale(2.0), x) + c(Scale(3.0).squared, x)),
    lambda c, x: np.sum(c(lambda p: p[0] * p[1]["u"], (x, {"u": x[0]}))),
]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("seed", range(4))
def test_the_derivatives_are_the_same(program: Any, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(0.2, 1.2, size=1 + seed)
    v = np.cos(np.arange(1.0 + seed))
    ours, theirs = (lambda x, c=c: program(c, x) for c in (checkpoint, plain))
    np.testing.assert_allclose(gradient(ours, x)[0], gradient(theirs, x)[0])
    np.testing.assert_allclose(hessian(ours, x), hessian(theirs, x))
    np.testing.assert_allclose(jvp(ours, (x,), (v,))[1], jvp(theirs, (x,), (v,))[1])


def test_the_callee_has_a_tangent() -> None:
    ds, dx = gradient(lambda s, x: checkpoint(s, x), Scale(2.0), 0.5)
    assert ds == Tangent[Scale](k=np.sin(0.5)) and dx == 2.0 * np.cos(0.5)


def test_it_is_called_again_for_each_way_back_and_keeps_nothing() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x)
        for _ in range(20):
            x = np.sin(x)
        return x

    x = np.ones(1000)
    assert sum(s.kept for s in trace(lambda x: checkpoint(f, x), x).steps) < x.nbytes * 2
    assert sum(s.kept for s in trace(lambda x: f(x), x).steps) > x.nbytes * 19
    del calls[:]
    _, back = pullback(lambda x: checkpoint(f, x), x)
    assert len(calls) == 1
    first, second = back(x)[0], back(2.0 * x)[0]
    assert len(calls) == 3
    np.testing.assert_allclose(second, 2.0 * first)
    checkpoint(f, x)
    assert len(calls) == 4
