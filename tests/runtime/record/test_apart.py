"""Small arrays that are taken apart: random programs of two numbers, and what stays."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from rules_runtime import compiled, value_and_gradient
from rules_runtime.record.results import is_close

STEPS: list[Any] = [
    lambda v, w, m, n, a, b: np.sin(v) * a,
    lambda v, w, m, n, a, b: m @ v,
    lambda v, w, m, n, a, b: np.tanh(m @ n),
    lambda v, w, m, n, a, b: v[1],
    lambda v, w, m, n, a, b: np.tanh(np.sum(v)),
    lambda v, w, m, n, a, b: np.tanh(v @ w),
    lambda v, w, m, n, a, b: np.array([a, b]),
    lambda v, w, m, n, a, b: np.array([[a, -b], [b, a]]),
    lambda v, w, m, n, a, b: np.where(v > w, v, a),
    lambda v, w, m, n, a, b: m.T + v,
    lambda v, w, m, n, a, b: np.concatenate([v[:1], w[1:]]),
    lambda v, w, m, n, a, b: v[::-1] - m[:, 0],
    lambda v, w, m, n, a, b: np.max(v) + np.min(m),
    lambda v, w, m, n, a, b: np.linalg.solve(np.tanh(m) + 4 * np.eye(2), v),
    lambda v, w, m, n, a, b: np.outer(np.tanh(v), np.tanh(w)),
    lambda v, w, m, n, a, b: np.tanh(np.prod(m)),
    lambda v, w, m, n, a, b: np.maximum(v, 0.1) * np.minimum(w, a),
    lambda v, w, m, n, a, b: np.sum(m, axis=0) * 0.3,
    lambda v, w, m, n, a, b: np.exp(-(v**2)),
    lambda v, w, m, n, a, b: np.stack([v, w]),
    lambda v, w, m, n, a, b: v / (2.0 + np.sum(w**2)),
    lambda v, w, m, n, a, b: np.cos(m[0, 1]),
    lambda v, w, m, n, a, b: np.diag(v) @ w,
    lambda v, w, m, n, a, b: -v * 2 - w,
    lambda v, w, m, n, a, b: np.linalg.norm(v + 3),
    lambda v, w, m, n, a, b: _filled(a, v),
]


def _filled(a: Any, v: Any) -> Any:
    z = np.zeros(2)
    z[0] = a
    z[1] = v[0] * 0.5
    return z


def small_program(seed: int) -> Any:
    draw = random.Random(seed)
    steps = [draw.choice(STEPS) for _ in range(draw.randrange(4, 16))]
    places = [[draw.randrange(100) for _ in range(6)] for _ in steps]

    def f(x: Any, y: Any, s: Any) -> Any:
        known: dict[Any, list[Any]] = {
            (): [s, x[1]],
            (2,): [x, y, np.array([s, x[0]])],
            (2, 2): [np.array([[x[0], y[1]], [s * 2, x[1]]])],
        }
        for step, at in zip(steps, places):
            kinds = [(2,), (2,), (2, 2), (2, 2), (), ()]
            made = step(*[known[kind][k % len(known[kind])] for kind, k in zip(kinds, at)])
            known[np.shape(made)].append(made)
        return sum(np.sum(np.tanh(z)) for found in known.values() for z in found[-2:])

    return f


@pytest.mark.parametrize("seed", range(60))
def test_small_programs(seed: int) -> None:
    f, rng = small_program(seed), np.random.default_rng(seed)
    fast = compiled(f)
    for _ in range(5):
        args = (rng.normal(size=2), rng.normal(size=2), rng.normal())
        want, found = value_and_gradient(f, *args), fast(*args)
        assert is_close(want, found), (want, found)
    assert fast.refused is None


def test_what_is_taken_apart() -> None:
    def turned(x: Any, t: Any) -> Any:
        for _ in range(5):
            x = np.array([x[0] * np.cos(t) - x[1] * np.sin(t), x[1] + x[0]])
        return np.sum(x**2)

    def kept(x: Any, m: Any) -> Any:
        for _ in range(5):
            x = np.tanh(m @ x)
        return np.sum(x**2)

    fast, whole = compiled(turned), compiled(kept)
    for _ in range(3):
        fast(np.ones(2), 0.3)
        whole(np.ones(4), np.eye(4))
    assert "copyto" not in fast.explain()
    assert "tanh" in whole.explain() and "m_tanh" not in whole.explain()


def test_numbers_without_a_result_go_the_eager_way() -> None:
    f = lambda x: np.sum(np.array([x[0] / x[1], x[1]]) ** 2)
    fast = compiled(f)
    for _ in range(3):
        fast(np.ones(2))
    with np.errstate(all="ignore"):
        want = value_and_gradient(f, np.array([1.0, 0.0]))[0]
    with pytest.warns(RuntimeWarning):
        assert fast(np.array([1.0, 0.0]))[0] == want == np.inf


def test_numbers_chosen_are_of_the_kind_of_the_result() -> None:
    def f(x: Any) -> Any:
        return np.sin(np.std(x))

    fast = compiled(f)
    for scale in (1, 2, 3, 0):
        x = (scale * np.arange(6)).astype("f")
        assert fast(x)[1][0].dtype == value_and_gradient(f, x)[1][0].dtype == np.float32
    assert fast._program.replays == 2


def test_arrays_of_what_was_compared_are_recorded() -> None:
    def f(x: Any, s: float) -> Any:
        return np.sum(np.array([s > 0, s < 1]) * x)

    fast = compiled(f)
    for s in (0.5, 0.6, 0.7, -1.0):
        x = np.array([s, 2.0])
        assert is_close(value_and_gradient(f, x, s), fast(x, s))
    assert fast.refused is None
