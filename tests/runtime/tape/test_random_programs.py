"""Random programs of many operations that share, slice, view, join and update arrays: their
gradients by finite differences.

Each program is a list of choices drawn from a seed, so that it computes the same function on plain
and on traced arrays. Sizes are small and large (the tape keeps cotangents in other forms for large
ones); what it looks for is one array in two hands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import checkpoint, gradient, jvp


def squash(v: Any) -> Any:
    """Keeps values near one, so that differences stay exact enough."""
    return v / np.sqrt(1.0 + v * v)


UNARY: list[Any] = [
    np.sin, np.tanh, np.exp, np.square, lambda v: v**3, lambda v: -v, lambda v: 1.0 / (v * v + 1.5), lambda v: v * 0.5,
    lambda v: 2.0 - v, lambda v: v / 3.0, lambda v: v + 1.0, lambda v: np.maximum(v, 0.05), lambda v: np.log(v * v + 1.0),
    lambda v: np.sqrt(v * v + 0.5), lambda v: v[::-1], lambda v: v.copy(), lambda v: np.cumsum(v, axis=0), lambda v: v.T.T,
    lambda v: v.reshape(-1).reshape(v.shape), lambda v: v - np.mean(v), lambda v: v - np.max(v, axis=0), abs,
    lambda v: np.concatenate([v[1:], v[:1]]), lambda v: np.stack([v, v])[1], lambda v: np.where(v > 0.1, v, 0.3 * v),
    lambda v: v / np.sum(v * v + 1.0), lambda v: v * np.sum(v[0]), lambda v: v + np.sum(v**2),
]  # fmt: skip
BINARY: list[Any] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 2.0), lambda a, b: a + b[0],
    lambda a, b: a * b[0], lambda a, b: b[0] - a, lambda a, b: np.maximum(a, b), lambda a, b: a + np.sum(b, axis=0),
    lambda a, b: a * np.mean(b), np.logaddexp, np.arctan2, lambda a, b: a + a + b, lambda a, b: b * a + a,
    lambda a, b: (a.T * b.T).T, lambda a, b: np.concatenate([a[:1], b[1:]]), lambda a, b: np.where(a > b, a, b * 0.5),
]  # fmt: skip


def update(kind: int, a: Any, b: Any) -> Any:
    """Updates in place of a copy of `a`."""
    v = a * 1.0
    if kind == 0:
        v += b
    elif kind == 1:
        v[0] = b[1]
    elif kind == 2:
        v[1:] *= b[:-1]
        v -= 0.1
    elif kind == 3:
        part = v[1:]
        part += b[1:]
        v[0] = np.sum(part)
    elif kind == 4:
        v[b > 0] = 0.2
    else:
        alias = v
        alias *= 0.5
        v[-1] += alias[0]
    return v


def program(seed: int, length: int) -> Any:
    def run(*inputs: Any) -> Any:
        rng = np.random.default_rng(seed)
        pool = list(inputs)
        for _ in range(length):
            a = pool[rng.integers(len(pool))]
            b = pool[rng.integers(len(pool))]
            choice = rng.random()
            if choice < 0.45:
                v = UNARY[rng.integers(len(UNARY))](a)
            elif choice < 0.85:
                v = BINARY[rng.integers(len(BINARY))](a, b)
            else:
                v = update(int(rng.integers(6)), a, b)
            pool.append(squash(v) if rng.random() < 0.6 else 0.5 * v)
        total: Any = 0.0
        for v in pool[-4:]:
            total = total + (
                np.sum(v**2) if rng.random() < 0.5 else np.mean(np.sin(v)) + np.sum(v[0])
            )
        return total

    return run


@pytest.mark.parametrize("shape", [(4,), (3, 2), (40, 20)], ids=str)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1000 + seed)
    inputs = [rng.normal(size=shape) for _ in range(2)]
    f = program(seed, 12)
    grads = gradient(f, *inputs)
    again = gradient(f, *inputs)
    for k, x in enumerate(inputs):
        np.testing.assert_array_equal(grads[k], again[k])
        direction = rng.normal(size=shape)
        h = 1e-6
        moved = [[*inputs[:k], x + s * h * direction, *inputs[k + 1 :]] for s in (1, -1)]
        numeric = (f(*moved[0]) - f(*moved[1])) / (2 * h)
        found = np.sum(grads[k] * direction)
        scale = np.linalg.norm(grads[k]) * np.linalg.norm(direction)
        assert abs(found - numeric) <= 1e-5 * scale + 1e-6, (found, numeric)


@pytest.mark.parametrize("shape", [(4,), (3, 2), (40, 20)], ids=str)
@pytest.mark.parametrize("seed", range(20))
def test_forwards_and_checkpoints_of_random_programs(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2000 + seed)
    inputs, along = ([rng.normal(size=shape) for _ in range(2)] for _ in range(2))
    f = program(seed, 12)
    grads = gradient(f, *inputs)
    backwards = sum(np.sum(g * v) for g, v in zip(grads, along))
    scale = 1.0 + sum(np.linalg.norm(g) * np.linalg.norm(v) for g, v in zip(grads, along))
    assert abs(jvp(f, inputs, along)[1] - backwards) <= 1e-10 * scale
    for again, g in zip(gradient(lambda *xs: checkpoint(f, *xs), *inputs), grads):
        np.testing.assert_allclose(again, g, rtol=1e-10)


@pytest.mark.parametrize("seed", range(12))
def test_second_order_of_random_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=4) for _ in range(2)]
    f = program(seed, 6)
    c = rng.normal(size=4)
    g = lambda *xs: sum(np.sum(d * c) for d in gradient(f, *xs))
    grads = gradient(g, *inputs)
    for k, x in enumerate(inputs):
        direction = rng.normal(size=4)
        h = 1e-5
        moved = [[*inputs[:k], x + s * h * direction, *inputs[k + 1 :]] for s in (1, -1)]
        numeric = (g(*moved[0]) - g(*moved[1])) / (2 * h)
        found = np.sum(grads[k] * direction)
        scale = 1.0 + np.linalg.norm(grads[k]) * np.linalg.norm(direction)
        assert abs(found - numeric) <= 1e-4 * scale, (found, numeric)
