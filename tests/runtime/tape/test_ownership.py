"""Random programs, with cotangents that the sweep adds to and writes over where they are its own,
and without: the same numbers.

Programs use arrays many times, update them in place, keep views of them, go through rules of the
user that keep what they are given or give back the very array that they got, and the user keeps
what he can see of them, in many ways: that stays what it was.
"""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules_runtime import (
    NoTangent,
    gradient,
    ignore_derivatives,
    jacobian,
    pullback,
    rrule,
    vjp,
)
from rules_runtime.tape.sweep import sweep
from rules_runtime.tape.tracer import Tape

SIZES = (12, 60, 130, 700, 2050)
Kept = list[tuple[Callable[[], Any], Any]]  # what gives an array that somebody holds, and a copy
kept: Kept = []


def keep(x: Any) -> None:
    kept.append((lambda: x, x.copy()))


# ---- functions of the user, with rules that keep arrays and hand on the ones they have -----------


def same(x: Any) -> Any:
    return x


def total(x: Any, y: Any) -> Any:
    return x + y


def product(x: Any, y: Any) -> Any:
    return x * y


def half_of_squares(x: Any) -> Any:
    return np.sum(x * x) * 0.5


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    @rrule.register(same)
    def _(_: Any, x: Any) -> Any:
        return x, lambda dy: (NoTangent(), dy)

    @rrule.register(total)
    def _(_: Any, x: Any, y: Any) -> Any:
        return x + y, lambda dy: (NoTangent(), dy, dy)

    @rrule.register(product)
    def _(_: Any, x: Any, y: Any) -> Any:
        z = x * y

        def back(dy: Any) -> Any:
            dx = dy * y
            for array in (x, z, dy, dx):
                if type(array) is np.ndarray:
                    keep(array)
            return NoTangent(), dx, dy * x

        return z, back

    @rrule.register(half_of_squares)
    def _(_: Any, x: Any) -> Any:
        return np.sum(x * x) * 0.5, lambda dy: (NoTangent(), x if dy == 1.0 else x * dy)

    yield
    kept.clear()
    earlier.clear()


UNARY: list[Any] = [
    np.sin, np.cos, np.tanh, np.arctan, np.square, abs, same, lambda v: v + v, lambda v: np.exp(-v * v), lambda v: np.log(v * v + 1.5),
    lambda v: np.sqrt(v * v + 0.5), lambda v: 1.0 / (v * v + 1.2), lambda v: 2.0 - v, lambda v: v + 1.0, lambda v: v * 0.5,
    lambda v: np.tanh(v.T).T, lambda v: np.tanh(v.reshape(-1)).reshape(v.shape), lambda v: v[::-1], lambda v: v - np.mean(v),
    lambda v: np.where(v > 0.5, v, v * 0.3), lambda v: np.clip(v, 0.1, 1.3), lambda v: np.concatenate([v[1:], v[:1]]),
    lambda v: v * v, lambda v: total(v, v), lambda v: product(v, v), lambda v: v * half_of_squares(v) / v.size,
    lambda v: np.abs(v + 1j), lambda v: np.tanh(v).astype(np.float32).astype(float), lambda v: np.tanh(v)[...],
]  # fmt: skip
BINARY: list[Any] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 2.0), np.maximum, np.hypot,
    lambda a, b: a * b * a, lambda a, b: (a.T * b.T).T, lambda a, b: a * b[:1], lambda a, b: a + np.sum(b) / b.size,
    lambda a, b: np.tanh(a) * np.tanh(b), lambda a, b: a[::-1] * b, total, product,
]  # fmt: skip


def _added(v: Any, b: Any) -> Any:
    v += b
    return v


def _set(v: Any, b: Any) -> Any:
    w = np.tanh(v)
    v[0] = 0.5
    v[1:] *= b[:-1]
    return v * w


def _through_a_view(v: Any, b: Any) -> Any:
    part = v[1:]
    part += b[1:]
    return v * np.exp(-v * v)


def _scaled_after_use(v: Any, b: Any) -> Any:
    w = np.sin(v)
    u = w * b
    w *= b
    return u * w


UPDATES: list[Any] = [_added, _set, _through_a_view, _scaled_after_use]


def _generator(x: Any) -> Any:
    def numbers() -> Iterator[Any]:
        held = x
        yield None
        yield held

    made = numbers()
    next(made)
    return lambda: next(made)


class Box:
    def __init__(self, x: Any) -> None:
        self.x = x


def _in(holder: Any, get: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: get(holder)


HOLDERS: list[Callable[[Any], Callable[[], Any]]] = [
    lambda x: _in(x, lambda x: x),
    lambda x: _in([x], lambda box: box[0]),
    lambda x: _in(Box(x), lambda box: box.x),
    lambda x: _in(x.T, lambda view: view.T),
    lambda x: _in(memoryview(x), np.asarray),
    lambda x: _in(weakref.ref(x), lambda reference: reference()),
    lambda x: _in(np.nditer(x), lambda it: it.operands[0]),
    lambda x: _in(x.flat, lambda flat: flat.base),
    lambda x: _in(np.lib.stride_tricks.as_strided(x), lambda view: view),
    lambda x: _in(np.from_dlpack(x), lambda view: view),
    _generator,
]

Step = tuple[int, int, int, int]


def program(steps: list[Step], constant: Any, weights: Any) -> Callable[..., Any]:
    """An array of arrays by some steps; what a step keeps is noted in `kept`."""

    def f(*args: Any) -> Any:
        values = [*args, constant]
        for what, k, i, j in steps:
            a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
            if what < 4:
                values.append(UNARY[k % len(UNARY)](a))
            elif what < 8:
                values.append(BINARY[k % len(BINARY)](a, b))
            elif what < 9:
                values.append(UPDATES[k % len(UPDATES)](a * 1.0 + 0.0 * args[0], b))
            else:
                x = ignore_derivatives(a)
                while hasattr(type(x), "__traced_value__"):
                    x = x.value
                kept.append((HOLDERS[k % len(HOLDERS)](x), x.copy()))
        return values[-1] * weights + np.tanh(values[-2]) * args[0]

    return f


def _second(f: Any, args: Any, dy: Any) -> list[Any]:
    def inner(*args: Any) -> Any:
        return sum(np.sum(g * dy) for g in gradient(lambda *args: np.sum(f(*args)), *args))

    return list(gradient(inner, *args))


def _pullback(f: Any, args: Any, dy: Any) -> list[Any]:
    def with_more(*args: Any) -> Any:
        y = f(*args)
        t = np.tanh(y)
        return y, [t, np.exp(-t * t)]

    y, back = pullback(with_more, *args)
    first = back((dy, [dy, y[1][0]]))
    for x in (y[0], *y[1], *first):
        keep(x)
    return [y[0], *y[1], *first, *back((y[0], [dy, dy])), *back((dy, [dy, y[1][0]]))]


MODES: list[Any] = [
    lambda f, args, dy: list(gradient(lambda *args: np.sum(f(*args)), *args)),
    lambda f, args, dy: [(y := vjp(f, args, dy))[0], *y[1]],
    lambda f, args, dy: [jacobian(lambda x: f(x, *args[1:]).reshape(-1)[[1, 5]], args[0])],
    _pullback,
    _second,
]


class Everything(set[int]):
    """The places whose cotangents others may hold, too: all of them."""

    def __contains__(self, place: object) -> bool:
        return True


earlier: Kept = []  # results of the programs before


def run(steps: list[Step], mode: Any, args: Any, constant: Any, w: Any) -> list[Any]:
    kept.clear()
    inputs = [*args, constant, w]
    copies = [x.copy() for x in inputs]
    results: list[Any] = mode(program(steps, constant, w), args, w)
    for get, copy in [*kept, *earlier, *[((lambda x=x: x), c) for x, c in zip(inputs, copies)]]:
        found = get()
        if found is not None:  # a weak reference may find nothing
            assert np.array_equal(found, copy, equal_nan=True)
    earlier[:] = [*earlier, *[((lambda x=x: x), x.copy()) for x in results]][-4:]
    kept.clear()
    return results


@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    size=st.sampled_from(SIZES),
    columns=st.sampled_from([0, 0, 2, 64]),
    order=st.sampled_from(["C", "C", "F", "sliced"]),
    steps=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 4), st.integers(0, 4)),
        min_size=2,
        max_size=10,
    ),
    mode=st.sampled_from(MODES),
    single=st.sampled_from([False, False, False, True]),
    seed=st.integers(0, 1000),
)
def test_the_same_numbers_and_nothing_changed_that_somebody_holds(
    size: int, columns: int, order: str, steps: list[Step], mode: Any, single: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (max(size // columns, 6), columns) if columns else (size,)

    def array() -> Any:
        x = rng.uniform(0.2, 1.2, shape)
        if order == "sliced":
            return np.repeat(x, 2, axis=0)[::2]
        return np.asfortranarray(x) if order == "F" else x

    args, constant, w = (array(), array()), array(), array()
    if single:
        args = (args[0].astype(np.float32), args[1])
    got = run(steps, mode, args, constant, w)
    with pytest.MonkeyPatch.context() as patch:
        careful = lambda entries, grads, _, first: sweep(entries, grads, Everything(), first)
        patch.setattr(Tape, "sweep", staticmethod(careful))
        expected = run(steps, mode, args, constant, w)
    assert len(got) == len(expected)
    for x, y in zip(got, expected):
        assert x.dtype == y.dtype
        rtol = 1e-11 if x.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(x, y, rtol, 0.1 * rtol * (1.0 + np.max(np.abs(y))))


def test_results_and_gradients_stay_what_they_are() -> None:
    """What the user holds is not written over by the next gradient."""
    x = np.linspace(0.1, 1.0, 1000)

    def f(x: Any) -> Any:
        return np.sum(np.tanh(np.exp(x * 2.0) + 1.0) ** 2)

    y, back = pullback(lambda x: np.exp(x * 2.0), x)
    expected = np.exp(x * 2.0)
    first = gradient(f, x)[0]
    copy = first.copy()
    for k in range(3):
        gradient(f, x + k)
    assert np.array_equal(first, copy)
    assert np.array_equal(y, expected)
    assert np.allclose(back(np.ones_like(x))[0], 2.0 * expected)
    assert np.array_equal(pickle.loads(pickle.dumps(first)), copy)
    first += 1.0
    assert np.array_equal(first, copy + 1.0)
