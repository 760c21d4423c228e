"""A traced function may compute in several threads:
what each records has its own place on the tape."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, Tangent, gradient, rrule
from rules_runtime.tape import jacobian
from rules_runtime.tape.tools import trace
from rules_runtime.tape.trace import watching
from rules_runtime.tape.tracer import Tape

pytestmark = pytest.mark.usefixtures("forget_rules")
X = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -0.4]])
BIG = np.linspace(-1.0, 1.0, 40_000)


class Interrupted(Tape):
    """A tape on which another thread records something before each entry, and after it."""

    __slots__ = ()

    def append(self, entry: Any) -> None:
        super().append(None)
        super().append(entry)
        super().append(None)


@pytest.fixture
def interrupted() -> Iterator[None]:
    token = watching.set(lambda config: Interrupted(config))
    yield
    watching.reset(token)


def pair(x: Any) -> Any:
    return x * 2.0, {"a": np.sin(x)}


def with_rule(x: Any) -> Any:
    return np.cos(x)


def in_place(x: Any) -> Any:
    y = x * 1.0
    y[0] = x[1]
    y[1] = 2.0
    y *= x
    return y


def structured(x: Any) -> Any:
    first, rest = pair(x)
    return first * rest["a"] + with_rule(x)


PROGRAMS: list[Callable[[Any], Any]] = [
    lambda x: x + x * x - x / (1.0 + x * x),
    lambda x: 1.0 / (2.0 + x) - (3.0 - x) ** 2 + (-x) ** 3 + 2.0 ** (x * 0.1),
    lambda x: x[0] + x[1:] * 2.0 + x[:, None, 1],
    lambda x: x[np.array([1, 0, 1])] @ x.T @ np.ones((2, 3)) + (np.ones((3, 2)) @ x),
    lambda x: np.sin(x) * np.exp(x) + np.tanh(x) + np.sqrt(x * x + 1.0),
    lambda x: np.where(x > 0.0, x, x * 0.5) * np.maximum(x, 0.1),
    lambda x: np.outer(x[0], x[1]) + np.tensordot(x, x, axes=(0, 0)),
    lambda x: np.concatenate([x, x * 2.0]) + np.stack([x, x])[0, 0],
    lambda x: np.mean(x, axis=0) * np.max(x, axis=1, keepdims=True) + np.linalg.norm(x),
    lambda x: np.linalg.svd(x)[1] * np.sum(x[0] + 0.0),
    lambda x: x * np.ones((4, 1, 1)) + np.arctan2(x, 2.0),
    lambda x: np.array([x[0, 0], x[1, 1] * 2.0]),
    lambda x: np.split(x, 3, axis=1)[1] * x[0, 0],
    in_place,
    structured,
]


def register() -> None:
    @rrule.register(pair)
    def rule(_: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            return NoTangent(), 2.0 * dy[0] + dy[1]["a"] * np.cos(x)

        return pair(x), back

    rrule.register(with_rule)(lambda _, x: (np.cos(x), lambda dy: (NoTangent(), -np.sin(x) * dy)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_entries_of_others_between_ones_own(program: Callable[[Any], Any]) -> None:
    register()

    def loss(x: Any) -> Any:
        return np.sum(program(x) * 1.5)

    def norm(x: Any) -> Any:
        (g,) = gradient(loss, x)
        return np.sum(g * g)

    def all_of_it() -> list[Any]:
        return [gradient(loss, X)[0], jacobian(program, X), gradient(norm, X)[0]]

    plain = all_of_it()
    token = watching.set(lambda config: Interrupted(config))
    try:
        found = all_of_it()
    finally:
        watching.reset(token)
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_large_arrays_with_others_entries_between(interrupted: None) -> None:
    (g,) = gradient(lambda x: np.sum(np.sin(x * x) + np.exp(x) * x[::-1]), BIG)
    np.testing.assert_allclose(
        g, 2 * BIG * np.cos(BIG**2) + np.exp(BIG) * BIG[::-1] + np.exp(BIG[::-1])
    )


def test_threads() -> None:
    index = np.array([1, 0, 2, 1])
    register()

    def part(v: Any) -> Any:
        for _ in range(40):
            v = np.tanh(v[index] * 0.9 + 0.1) + v * v * 0.1 - structured(v) * 0.01
        return np.sum(v)

    def loss(x: Any, each: Any) -> Any:
        return sum(each(part, [x[k] for k in range(8)]))

    x = np.random.default_rng(0).normal(size=(8, 4))
    (right,) = gradient(lambda x: loss(x, map), x)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(10):
                np.testing.assert_allclose(gradient(lambda x: loss(x, pool.map), x)[0], right)
            steps = trace(lambda x: loss(x, pool.map), x).steps
    finally:
        sys.setswitchinterval(before)
    assert len(steps) == len(trace(lambda x: loss(x, map), x).steps)
    assert isinstance(rrule(pair, x)[1](Tangent[tuple](x, {"a": x})), tuple)
