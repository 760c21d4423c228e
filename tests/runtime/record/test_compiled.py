"""`compiled`: what it gives, what it notices, and what its page says that it does not."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    NoTangent,
    compiled,
    debug_mode,
    gradient,
    pullback,
    release_memory,
    rrule,
    value_and_gradient,
)
from rules_runtime.record.results import is_close

rng = np.random.default_rng(0)


def some(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def recorded(f: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """`f`, compiled for such arguments, and not refused."""
    fast = compiled(f, **settings)
    for _ in range(2):
        fast(*args)
    assert fast.refused is None
    return fast


def replays(fast: Any) -> int:
    return int(fast._program.replays)


def same(fast: Any, f: Callable[..., Any], *args: Any) -> None:
    """That a call is a replay, and gives what the tape gives."""
    before = replays(fast)
    found, want = fast(*args), value_and_gradient(f, *args)
    assert replays(fast) == before + 1, fast.explain()
    assert is_close(want, found), (want, found)


# ---- what it gives ---------------------------------------------------------------------------


class Layer(NamedTuple):
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Model:
    layers: list[Any]
    scale: float
    name: str = "model"


def predict(model: Model, x: Any) -> Any:
    for layer in model.layers:
        x = np.tanh(x @ layer.w + layer.b)
    return model.scale * np.sum(x)


def test_structures() -> None:
    def model(k: int) -> Model:
        layers = [Layer(some(3, 3) * k, some(3)), Layer(some(3, 2), some(2))]
        return Model(layers, 0.5 * k)

    fast = recorded(predict, model(1), some(4, 3))
    for k in (1, 2):
        same(fast, predict, model(k), some(4, 3) + k)
    f = lambda p: np.sum(p["a"] * p["b"][0]) + p["b"][1]
    fast = recorded(f, {"a": some(3), "b": (2.0, 3.0), "c": None})
    same(fast, f, {"a": some(3), "b": (5.0, 3.0), "c": None})


def test_numbers_are_of_their_kind() -> None:
    for x in (1.5, np.float64(1.5), np.array(1.5), np.float32(1.5), 1.5 + 2j):
        f = lambda x: np.real(x * x * 3.0) + abs(x)
        fast = recorded(f, x)
        same(fast, f, np.array(x * 2) if isinstance(x, np.ndarray) else x * 2)
        value, (slope,) = fast(x)
        want, (want_slope,) = value_and_gradient(f, x)
        assert type(value) is type(want) and type(slope) is type(want_slope)


def test_numbers_that_nothing_depends_on() -> None:
    f = lambda x, c: np.sum(x**2)
    for c in (2.0, np.float64(2.0), np.float32(2.0), 2.0 + 1j):
        same(recorded(f, some(3), c), f, some(3) + 1, c * 3)


def test_some_arguments() -> None:
    f = lambda x, y, n: np.sum((x * y) ** n)
    fast = recorded(f, some(3), some(3), 2, wrt=(0,))
    value, found = fast(some(3), some(3) + 1, 2)
    want, slopes = value_and_gradient(f, some(3), some(3) + 1, 2, argnums=(0,))
    assert replays(fast) == 1 and len(found) == 1
    np.testing.assert_allclose(found[0], slopes[0])
    np.testing.assert_allclose(value, want)
    only = recorded(f, some(3), some(3), 2, wrt=0)
    np.testing.assert_allclose(only(some(3), some(3), 2)[1], some(3) ** 2 * some(3) * 2)
    assert is_close(recorded(f, some(3), some(3), 2)(some(3), some(3), 2)[1][2], NoTangent())


def test_keywords_and_methods() -> None:
    class Line:
        def __init__(self, slope: Any) -> None:
            self.slope = slope

        def at(self, x: Any, shift: float = 0.0) -> Any:
            return np.sum(self.slope * x + shift)

    line = Line(some(3))
    fast = compiled(line.at)
    for k in range(4):
        line.slope = some(3) + k  # what an object holds is read anew
        found = fast(some(3), shift=1.0 * k)
        assert is_close(value_and_gradient(line.at, some(3), shift=1.0 * k), found)
    assert replays(fast) == 2


def test_results_have_memory_of_their_own() -> None:
    f = lambda x, y: np.sum(x) + np.sum(y * y)
    fast = recorded(f, some(3), some(3))
    first = fast(some(3), some(3))[1]
    kept = [g.copy() for g in first]
    x = some(3) + 1
    second = fast(x, x)[1]
    for g, was in zip(first, kept):
        np.testing.assert_array_equal(g, was)
        g[...] = 7.0
    for g in second:
        assert g.flags.writeable and not np.shares_memory(g, x)
    same(fast, f, some(3), some(3))
    f = lambda x, y: np.sum(x * y)  # the gradients are the arguments
    fast = recorded(f, some(3), some(3))
    a, b = some(3), some(3) + 1
    for g in fast(a, b)[1]:
        assert not np.shares_memory(g, a) and not np.shares_memory(g, b)
        g += 1.0
    same(fast, f, a, b)


def test_gradient_pullback_and_second_order() -> None:
    f = lambda x, y: np.sum(np.sin(x) * y)
    fast = compiled(f)
    for k in range(4):
        x = some(3) + k
        assert is_close(gradient(f, x, x), fast.gradient(x, x))
    many = lambda x, y: {"a": np.sin(x) * y, "b": np.sum(x)}
    fast = compiled(many)
    for k in range(4):
        dy = {"a": some(3) * k, "b": 2.0}
        y, back = fast.pullback(some(3), some(3) + k)
        want, want_back = pullback(many, some(3), some(3) + k)
        assert is_close(want, y) and is_close(want_back(dy), back(dy))
    assert fast._forward is not None and fast._forward.replays == 2
    second = lambda x: np.sum(gradient(lambda x: np.sum(np.sin(x) ** 3), x)[0] ** 2)
    same(recorded(second, some(3)), second, some(3) + 1)


def test_updates_in_place() -> None:
    def f(x: Any, y: Any) -> Any:
        u = x * 1.0
        u[1:] -= 0.1 * u[:-1]
        part = u[2:]
        part *= y[2:]
        v = y.copy()  # y gets no gradient
        v[0] = 5.0
        v += 1.0
        buffer = np.zeros(4)
        buffer[1:3] = u[:2]
        return np.sum(u * v) + np.sum(buffer**2)

    fast = recorded(f, some(4), some(4), wrt=(0,))
    found = fast(some(4) + 1, some(4))
    assert is_close(value_and_gradient(f, some(4) + 1, some(4), argnums=(0,)), found)
    assert replays(fast) == 1


def test_what_was_in_an_array_that_is_filled_does_not_matter() -> None:
    def f(x: Any) -> Any:
        # as with np.empty nobody knows what they hold
        u, v = np.full(3, time.perf_counter()), np.full((2, 3), time.perf_counter())
        u[:] = x
        v[...] = x * 2.0
        u -= 1.0
        return np.sum(u**2) + np.sum(v * x)

    same(recorded(f, some(3)), f, some(3) + 1.0)


def test_arrays_and_numbers_say_what_they_are() -> None:
    def f(x: Any, y: Any, c: Any) -> Any:
        assert isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        assert isinstance(c, float) and not isinstance(c, np.ndarray)
        return np.sum(x * y) * c

    same(recorded(f, some(3), some(3), 2.0), f, some(3), some(3) + 1, 3.0)


def test_functions_with_several_results() -> None:
    f = lambda a: (
        np.sum(np.linalg.qr(a)[1] ** 2) + np.sum(np.linalg.svd(a, full_matrices=False)[0] ** 3)
    )
    same(recorded(f, some(4, 3)), f, some(4, 3) + 0.1)
    f = lambda x, y: np.sum(np.multiply(*np.meshgrid(x, y)) ** 2) + np.sum(np.kron(x, y))
    same(recorded(f, some(4), some(3)), f, some(4) + 1, some(3))


def test_users_rules(forget_rules: None) -> None:
    def cube(x: Any) -> Any:
        return x**3

    @rrule.register(cube)
    def rule(_: Any, x: Any) -> Any:
        return x**3, lambda dy: (NoTangent(), 10.0 * dy * x)  # to be told apart

    f = lambda x: np.sum(cube(x))
    fast = recorded(f, some(3))
    same(fast, f, some(3) + 1)
    np.testing.assert_allclose(fast(np.ones(3))[1][0], 10.0)
    rrule.remove_rule(next(iter(rrule.rules_for(cube))))
    np.testing.assert_allclose(fast(np.ones(3))[1][0], 3.0)


# ---- guards ------------------------------------------------------------------------------------


def test_shapes_types_and_layouts() -> None:
    f = lambda x: np.sum(np.tanh(x) * 2.0)
    fast = recorded(f, some(4, 3))
    same(fast, f, np.asfortranarray(some(4, 3)))
    same(fast, f, some(8, 6)[::2, ::2])
    others = [
        some(3, 4),
        some(4, 3).astype("f4"),
        some(3),
        2.0,
        some(4, 3) * 1j + 1.0,
        [some(4, 3)],
    ]
    for x in others[:4]:
        assert is_close(value_and_gradient(f, x), fast(x))
    with pytest.raises(TypeError):
        fast(others[4])
    assert fast.refused is None


def test_branches_are_variants() -> None:
    def f(x: Any) -> Any:
        if x[0] > 0:
            return np.sum(x**2)
        return np.sum(x) * float(int(x[1] > 0) + 1)

    fast = compiled(f)
    for k in range(60):
        x = np.random.default_rng(k).normal(size=3)
        assert is_close(value_and_gradient(f, x), fast(x))
    assert fast.refused is None and len(fast._program.variants) == 3 and replays(fast) > 40


def test_numbers_that_are_read_by_what_is_called() -> None:
    def f(x: Any) -> Any:
        scale = 1.0 if x[0] > 0 else 2.0
        return x[np.argmax(x)] ** 2 * scale + np.sum(np.roll(x, np.argmin(x)) * np.arange(4.0))

    fast = compiled(f, variants=20)
    for k in range(200):
        x = np.random.default_rng(k % 40).normal(size=4)
        assert is_close(value_and_gradient(f, x), fast(x))
    assert fast.refused is None and replays(fast) > 100


@pytest.mark.parametrize("order", ["C", "F", "A"])
def test_orders_of_elements(order: Any) -> None:
    w = np.arange(12.0)
    for f in (
        lambda x: np.sum(np.ravel(np.sin(x), order) * w),
        lambda x: np.sum(np.reshape(np.sin(x), -1, order) * w),
        lambda x: np.sum(np.ravel(x.T, order=order) * w),
    ):
        fast = compiled(f)
        for k in range(6):
            x = some(4, 3) if k % 3 < 2 else np.asfortranarray(some(4, 3))
            assert is_close(value_and_gradient(f, x), fast(x))
        assert (fast.refused is None) is (order != "A")


def test_sizes_and_dtypes_that_depend_on_numbers() -> None:
    f = lambda x: np.sum(x[x > 0] ** 2) + np.sum(np.ones(2) * x[np.nonzero(x < -5.0)])
    fast = recorded(f, np.array([1.0, 2.0, -1.0, -6.0, -7.0]))
    for x in (
        [3.0, 1.0, -1.0, -8.0, -7.0],
        [1.0, -2.0, -1.0, -6.0, -9.0],
        [1.0, 1.0, 2.0, -6.0, -1.0],
    ):
        assert is_close(value_and_gradient(f, np.array(x)), fast(np.array(x)))
    assert replays(fast) == 1
    f = lambda a: np.sum(np.abs(np.linalg.eigvals(a)) ** 2)
    fast = recorded(f, np.array([[2.0, 1.0], [1.0, 3.0]]))
    turn = np.array([[0.0, -1.0], [1.0, 0.5]])  # whose eigenvalues are complex
    assert is_close(value_and_gradient(f, turn), fast(turn))


def test_too_many_branches() -> None:
    def f(x: Any) -> Any:
        return np.sum(x) * np.float64(np.round(np.max(np.abs(x)), 2).tolist())

    fast = compiled(f, variants=3)
    for k in range(30):
        x = np.random.default_rng(k).normal(size=3)
        try:
            want = value_and_gradient(f, x)
        except Exception as error:
            with pytest.raises(type(error)):
                fast(x)
        else:
            assert is_close(want, fast(x))


def test_calls_beyond_the_variants_are_eager() -> None:
    f = lambda x: np.sum(np.sin(x))
    fast = compiled(f, variants=2)
    for _ in range(3):
        for size in (2, 3, 4):
            assert is_close(value_and_gradient(f, some(size)), fast(some(size)))
    for size in (2, 3):
        same(fast, f, some(size) + 1)
    assert fast.refused is None and "more than 2 variants" in fast.explain()
    for _ in range(100):  # until what is compiled is seldom asked for
        assert is_close(value_and_gradient(f, some(4)), fast(some(4)))
    assert "more than 2 variants" in str(fast.refused) and not fast._program.variants


def test_a_call_that_cannot_be_recorded_stays_alone() -> None:
    f = lambda x, y: np.sum(x * np.size(y))
    fast = recorded(f, some(3), 1)
    odd = np.array(["a", None])
    assert is_close(value_and_gradient(f, some(3), odd), fast(some(3), odd))
    same(fast, f, some(3) + 1, 1)
    assert fast.refused is None and "not recorded: an array of object" in fast.explain()


def test_atoms_keys_and_identity() -> None:
    f = lambda p, n, how: np.sum(p["x"][0] ** n) * (2.0 if how == "twice" else 1.0)
    fast = recorded(f, {"x": [some(3)]}, 2, "once")
    for args in (
        ({"x": [some(3)]}, 3, "once"),
        ({"x": [some(3)]}, True, "once"),
        ({"x": [some(3)]}, 2, "twice"),
        ({"x": [some(3), some(3)]}, 2, "once"),
        ({"x": (some(3),)}, 2, "once"),
        ({"x": [some(3)], "y": some(2)}, 2, "once"),
    ):
        assert is_close(value_and_gradient(f, *args), fast(*args))
    f = lambda a, b: np.sum(a[0] * b[0])
    fast = recorded(f, [some(3)], [some(3)])
    shared = [some(3)]
    assert is_close(value_and_gradient(f, shared, shared), fast(shared, shared))
    fast = recorded(f, shared, shared)
    assert is_close(value_and_gradient(f, [some(3)], [some(3)]), fast([some(3)], [some(3)]))


def test_the_order_of_keys() -> None:
    f = lambda p: sum((k + 1.0) * np.sum(x) for k, x in enumerate(p.values()))
    fast = recorded(f, {"a": some(3), "b": some(2)})
    other = {"b": some(2), "a": some(3)}
    assert is_close(value_and_gradient(f, other), fast(other))


def make(data: Any, power: Any, inner: Any) -> Any:
    def f(x: Any) -> Any:
        return np.sum(inner(x) * data[0] * 2.0) ** power

    return f


def test_closures() -> None:
    data, factor = [some(3)], some(3)
    f = make(data, 2.0, lambda x: x * factor)
    fast = recorded(f, some(3))
    data[0] = some(3) + 1
    same(fast, f, some(3))
    data[0][1] = 7.0  # in place
    same(fast, f, some(3))
    factor[0] = 9.0
    same(fast, f, some(3))
    f.__closure__[2].cell_contents = 3.0  # the power
    assert is_close(value_and_gradient(f, some(3)), fast(some(3)))


scale = 2.0
table = np.array([1.0, 2.0, 3.0])
settings = {"n": 2.0}


def scaled(x: Any) -> Any:
    return x * scale


def test_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    f = lambda x: np.sum(scaled(x) * table)
    fast = recorded(f, some(3))
    monkeypatch.setitem(globals(), "scale", 3.0)
    assert is_close(value_and_gradient(f, some(3)), fast(some(3)))
    monkeypatch.setitem(globals(), "scaled", lambda x: x * 7.0)
    assert is_close(value_and_gradient(f, some(3)), fast(some(3)))
    monkeypatch.setitem(globals(), "table", table + 1.0)
    assert is_close(value_and_gradient(f, some(3)), fast(some(3)))


def test_runs_of_calls_are_tables() -> None:
    def f(x: Any, w: Any) -> Any:
        for _ in range(40):
            x = np.tanh(x * w + x[::-1])
        return np.sum(x)

    fast = recorded(f, some(40), some(40))
    text = fast.explain()
    assert "for f, x in RUN0: f(*x)" in text and text.count("# tanh") == 40
    assert len(fast._program.variants[0]._lines) < 60
    for w in (some(40) + 1, np.repeat(some(40), 3)[::3], some(40).astype("f4").astype("f8")):
        same(fast, f, some(40), w)
    x = some(40)
    held = fast(x, x)
    x[...] = 7.0
    assert is_close(value_and_gradient(f, some(40), some(40)), held)


def test_numbers_in_one_expression() -> None:
    def f(x: Any, y: Any) -> Any:
        for k in range(30):
            x, y = x * 0.9 - y * np.sin(x) / (k + 2.0), -(x - y) * 0.3 + max(x, y) ** 2 * 0.01
        return x * y

    same(recorded(f, 0.5, 0.2), f, 0.4, 0.1)
    same(recorded(f, np.float64(0.5), 0.2), f, np.float64(0.6), 0.3)


def test_constants_alike() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * np.array([1.0, 2.0, 3.0])) + np.sum(
            x**2 * np.array([1.0, 2.0, 3.0]) * table
        )

    fast = recorded(f, some(3))
    same(fast, f, some(3) + 1)
    counter = iter(range(9))
    fast = compiled(lambda x: np.sum(x * np.full(3, next(counter))))
    for _ in range(3):
        fast(some(3))
    assert fast.refused is not None


def test_constants_that_are_made_anew() -> None:
    f = lambda x: np.sum(np.tril(np.outer(x, x)) @ np.eye(3) * np.arange(3.0) + np.eye(3))
    same(recorded(f, some(3)), f, some(3) + 1)


def test_constants_that_change_while_recording() -> None:
    def f(x: Any) -> Any:
        buffer = np.ones(3)
        y = np.sum(x * buffer)
        buffer[0] = 5.0
        return y + np.sum(x**2 * buffer)

    same(recorded(f, some(3)), f, some(3) + 1)


def doubled(x: Any) -> Any:
    return np.sum(x**2 * table) * settings["n"]


def test_global_arrays_that_change_in_place() -> None:
    f = lambda x: np.sum(x * (table * 2.0)) + doubled(x)
    fast = recorded(f, some(3))
    try:
        table[0] = 10.0
        same(fast, f, some(3))
    finally:
        table[0] = 1.0


# ---- where it is eager ---------------------------------------------------------------------


def test_watchers_traces_and_errors() -> None:
    f = lambda x: np.sum(np.log(x))
    fast = recorded(f, np.ones(3))
    with debug_mode():
        fast(np.ones(3))
    assert replays(fast) == 0 and any("watcher" in why for why in fast._program.reasons)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        fast(np.zeros(3))
    assert replays(fast) == 0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        fast(np.zeros(3))
    outer = lambda x: fast(x)[0] ** 2
    assert is_close(gradient(lambda x: f(x) ** 2, np.ones(3) * 2), gradient(outer, np.ones(3) * 2))
    fast_outer = compiled(lambda x: np.sum(fast(x)[1][0] * x))
    for k in range(4):
        x = np.ones(3) + k
        assert is_close(
            gradient(lambda x: np.sum(gradient(f, x)[0] * x), x), fast_outer.gradient(x)
        )


def test_numbers_raise_as_they_do() -> None:
    f = lambda x, y: x / y + np.sqrt(x)
    fast = recorded(f, 1.0, 2.0)
    with pytest.raises(ZeroDivisionError):
        fast(1.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want, found = value_and_gradient(f, -1.0, 2.0), fast(-1.0, 2.0)
    assert is_close(want, found)
    for _ in range(40):  # which is no reason to record again, or to give up
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fast(-1.0, 2.0)
    assert fast.refused is None and len(fast._program.variants) == 1
    same(fast, f, 4.0, 2.0)


def test_singular_matrices_raise_as_they_do() -> None:
    f = lambda a, b: np.sum(np.linalg.solve(a, b)) + np.sum(np.linalg.inv(a))
    fast = recorded(f, some(3, 3), some(3))
    same(fast, f, some(3, 3).T.copy(), some(3))
    with pytest.raises(np.linalg.LinAlgError):
        fast(np.zeros((3, 3)), some(3))
    same(fast, f, some(3, 3), some(3))


def test_within_itself() -> None:
    calls = []

    def f(x: Any) -> Any:
        if len(calls) < 1:
            calls.append(1)
            fast(np.ones(3))
        return np.sum(x**2)

    fast = compiled(f)
    for k in range(5):
        assert is_close(fast(some(3) + k)[1][0], 2.0 * (some(3) + k))


@pytest.mark.parametrize(
    ("size", "each"),
    [(5, 400), (3000, 40), pytest.param(5, 2500, marks=pytest.mark.nightly)],  # 10 s: many calls
)
def test_four_threads_replay_at_once(size: int, each: int) -> None:
    def f(x: Any, w: Any) -> Any:
        y = np.concatenate([np.ones(2), np.tanh(x * w), w[1:]])
        return np.sum(y**2) + np.sum(np.pad(x, 1)[:-2] * w) + np.sum(np.diag(x[:4]) @ w[:4])

    fast = recorded(f, np.ones(size), np.ones(size))
    wrong: list[Any] = []

    def work(seed: int) -> None:
        r = np.random.default_rng(seed)
        x, w = r.normal(size=size), r.normal(size=size)
        want = value_and_gradient(f, x, w)
        for _ in range(each):
            if not is_close(want, fast(x, w)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and replays(fast) > 3.9 * each  # threads may lose a count
    assert [*fast._program.reasons] == ["recording"]


def test_more_threads_than_sets_of_buffers() -> None:
    x = some(300)
    fast = recorded(lambda x: np.sum(np.sin(x) ** 2), x)
    (variant,) = fast._program.variants
    taken = [variant.free.pop()]  # as if other threads were in them
    want = value_and_gradient(lambda x: np.sum(np.sin(x) ** 2), x)
    for _ in range(6):
        assert is_close(want, fast(x))
        if variant.free:
            taken.append(variant.free.pop())
    assert variant.count == len(taken) == 4 and replays(fast) == 3
    assert fast._program.reasons["other calls were under way"] == 3


def test_memory_is_bounded_and_let_go_of() -> None:
    f = lambda x: np.sum(np.sin(x) ** 2)
    x = some(3000)
    small = compiled(f, memory=10_000)
    for _ in range(3):
        assert is_close(value_and_gradient(f, x), small(x))
    assert "more than memory=10000" in str(small.refused)
    fast = recorded(f, x)
    (variant,) = fast._program.variants
    assert variant.count == 1 and variant.nbytes >= x.nbytes
    release_memory()
    assert variant.count == 0 and not variant.free
    same(fast, f, x + 1.0)
    assert variant.count == 1


def test_it_is_not_copied() -> None:
    fast = recorded(lambda x: np.sum(x), some(3))
    for f in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            f(fast)
    with pytest.raises(TypeError, match="compiled already"):
        compiled(fast)


def test_it_explains() -> None:
    fast = recorded(lambda x: np.sum(np.sin(x)), some(3))
    fast(some(3))
    text = fast.explain()
    for part in ("1 replays", "eager, recording: 2", "variant 0", "def replay", "bytes of buffers"):
        assert part in text
    fast = compiled(lambda x: np.sum(x * np.random.default_rng().normal(size=3)))
    for _ in range(2):
        fast(some(3))
    assert "refused: two recordings" in fast.explain()
