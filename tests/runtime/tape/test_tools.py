"""Tools for authors of rules: the printed trace, the profile, debug mode."""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import (
    ChangedArrayError,
    NoTangent,
    RuleError,
    Tangent,
    Thunk,
    WrongTangentError,
    debug_mode,
    gradient,
    hessian,
    profile,
    pullback,
    rrule,
    trace,
)
from rules_runtime.forms import FORMS, Form
from rules_runtime.tape.protocols import FAST_UNARY as UNARY
from tests.runtime.tape.test_random_programs import program

pytestmark = pytest.mark.usefixtures("forget_rules")


def loss(x: Any, w: Any) -> Any:
    h = np.tanh(w @ x)
    y = np.concatenate([h, x[:2]])
    return np.sum(y**2) + np.linalg.svd(np.outer(y, y))[1][0]


def test_a_trace_prints_operations_shapes_bytes_and_lines() -> None:
    listing = trace(loss, np.ones(3), np.eye(3))
    by_name = {step.operation: step for step in listing.steps}
    assert by_name["np.tanh"].shape == (3,)
    assert by_name["np.tanh"].kept == 24
    assert by_name["np.concatenate"].source == f"test_tools.py:{loss.__code__.co_firstlineno + 2}"
    assert by_name["np.linalg.svd[1]"].shape == (5,)
    text = str(listing)
    assert len(text.splitlines()) == len(listing) + 1
    assert "matmul" in text
    assert "24 B" in text


def test_a_profile_counts_and_times_rules() -> None:
    found = profile(lambda x: np.sum(np.sin(np.sin(x)) * np.exp(x)), np.ones(4))
    assert found.calls["np.sin"] == 2
    assert found.seconds["np.exp"] > 0
    assert str(found).startswith("rule")


def test_debug_mode_tells_what_each_rule_gave() -> None:
    said: list[str] = []
    with debug_mode(said.append):
        (dx, _) = gradient(loss, np.ones(3), np.eye(3))
    np.testing.assert_allclose(dx, gradient(loss, np.ones(3), np.eye(3))[0])
    assert any("np.tanh" in line and "float64 of shape (3,)" in line for line in said)
    said.clear()
    gradient(loss, np.ones(3), np.eye(3))
    assert not said


def test_debug_mode_finds_wrong_tangents(monkeypatch: Any) -> None:
    wrong = Form(np.tril, [lambda g, y, x, k=0: g[:, :2] * 1j], "", None, broadcasts=False)
    monkeypatch.setitem(FORMS, np.tril, wrong)
    with debug_mode(None), pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)") as caught:
        gradient(lambda x: np.sum(np.tril(x)), np.ones((2, 3)))
    assert caught.value.__notes__[0].startswith("in the pullback of np.tril (test_tools.py:")
    monkeypatch.setitem(UNARY, np.sin, (lambda g, x: g[:1], 0))
    with debug_mode(None), pytest.raises(WrongTangentError, match=r"np\.sin \(test_tools.*\(3,\)"):
        gradient(lambda x: np.sum(np.sin(x)), np.ones(3))
    monkeypatch.setitem(UNARY, np.cos, (lambda g, x: g * 1j, 0))
    with debug_mode(None), pytest.raises(WrongTangentError, match=r"np\.cos.*real.*complex"):
        gradient(lambda x: np.sum(np.cos(x)), np.ones(3))


def test_a_rule_that_gives_another_shape_is_named() -> None:
    def bad(x: Any) -> Any:
        return x * 1.0

    rrule.register(bad)(lambda _, x: (bad(x), lambda dy: (NoTangent(), dy[:2])))
    with pytest.raises(RuleError, match=r"rule for .*bad.*\(2,\) for argument 1.*\(3,\)"):
        gradient(lambda x: np.sum(bad(x)), np.ones(3))
    with (
        debug_mode(None),
        pytest.raises(
            WrongTangentError, match=r"bad \(.*test_tools.py:\d+\), called at test_tools"
        ),
    ):
        gradient(lambda x: np.sum(bad(x)), np.ones(3))


@dataclass
class Point:
    a: float
    b: float


@dataclass
class Other:
    a: float


WRONG: dict[str, tuple[Any, str]] = {
    "complex": (lambda dy: 1j * dy, "real, a complex tangent"),
    "a thunk of another shape": (lambda dy: Thunk(lambda: dy[:1]), r"shape \(1,\)"),
    "a scalar for an array": (lambda dy: 1.0, r"a tangent of shape \(\)"),
    "a string": (lambda dy: np.full(3, "x"), "gave for argument 1.*U1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_debug_mode_looks_before_tangents_are_made_to_fit(name: str) -> None:
    give, message = WRONG[name]

    def bad(x: Any) -> Any:
        return x * 1.0

    rrule.register(bad)(lambda _, x: (bad(x), lambda dy: (NoTangent(), give(dy))))
    with debug_mode(None), pytest.raises(WrongTangentError, match=message):
        gradient(lambda x: np.sum(bad(x)), np.ones(3))


def test_debug_mode_checks_structured_tangents() -> None:
    def length(p: Point) -> Any:
        return np.hypot(p.a, p.b)

    tangent: list[Any] = [Tangent[Point](a=1.0)]
    rrule.register(length)(lambda _, p: (length(p), lambda dy: (NoTangent(), tangent[0])))
    said: list[str] = []
    with debug_mode(said.append):
        assert gradient(lambda p: length(p) * 1.0, Point(3.0, 4.0))[0].a == 1.0
    assert "    for argument 1: Tangent[Point](a=1.0)" in said
    tangent[0] = Tangent[Other](a=1.0)
    with debug_mode(None), pytest.raises(WrongTangentError, match=r"Point, a Tangent\[Other\]"):
        gradient(lambda p: length(p) * 1.0, Point(3.0, 4.0))
    tangent[0] = Tangent[Point](a=np.ones(2))
    with debug_mode(None), pytest.raises(WrongTangentError, match=r"argument 1\['a'\] of shape"):
        gradient(lambda p: length(p) * 1.0, Point(3.0, 4.0))


def test_debug_mode_lets_right_rules_of_structures_and_functors_pass() -> None:
    @dataclass
    class Layer:
        w: Any

        def __call__(self, x: Any) -> Any:
            return self.w[:2] * x

        def scaled(self, x: Any) -> Any:
            return self(x)

    def of_layer(layer: Any, dy: Any, x: Any) -> Any:
        return Tangent[Layer](w=np.concatenate([dy * x, [0.0]]))

    def applied(f: Any, x: Any) -> Any:
        return f(x)

    @rrule.register(Layer.__call__)
    def rrule_call(layer: Layer, x: Any) -> Any:
        return layer.w[:2] * x, lambda dy: (of_layer(layer, dy, x), dy * layer.w[:2])

    @rrule.register(applied)
    def rrule_applied(_: Any, f: Any, x: Any) -> Any:
        layer = getattr(f, "__self__", f)
        return f(x), lambda dy: (NoTangent(), of_layer(layer, dy, x), dy * layer.w[:2])

    layer, x = Layer(np.array([1.0, 2.0, 3.0])), np.array([5.0, 7.0])
    calls: list[Any] = [
        lambda layer, x: layer(x),
        lambda layer, x: layer.scaled(x),
        applied,
        lambda layer, x: applied(layer.scaled, x),
        lambda layer, x: np.stack(list(applied(layer, x))),
        lambda layer, x: np.concatenate([layer(x), layer.w])[:2],
    ]
    for f in calls:
        with debug_mode(None):
            dlayer, dx = gradient(lambda *args, f=f: np.sum(f(*args) ** 2), layer, x)
        np.testing.assert_array_equal(dlayer.w, [50.0, 196.0, 0.0])
        np.testing.assert_array_equal(dx, [10.0, 56.0])


def test_debug_mode_finds_arrays_that_change_under_the_tape() -> None:
    c, index = np.ones(3), np.array([0, 1])

    def constant(x: Any) -> Any:
        y = x * c
        c[0] += 1.0
        return np.sum(y)

    def gathered(x: Any) -> Any:
        y = x[index]
        index[:] = 2
        return np.sum(y**2)

    def closed_over(x: Any) -> Any:
        y = kept(x, c)
        c[1] += 1.0
        return np.sum(y)

    def kept(x: Any, c: Any) -> Any:
        return x * c

    rrule.register(kept)(
        lambda _, x, c: (kept(x, c), lambda dy: (NoTangent(), dy * c, NoTangent()))
    )
    for f in (constant, gathered, closed_over):
        with debug_mode(None), pytest.raises(ChangedArrayError, match=r"test_tools\.py"):
            gradient(f, np.arange(1.0, 4.0))
    with debug_mode(None):
        _, back = pullback(lambda x: x * c, np.ones(3))
    assert np.array_equal(back(np.ones(3))[0], c)
    c *= 2.0
    with pytest.raises(ChangedArrayError):  # traced under debug mode, swept outside of it
        back(np.ones(3))


def test_debug_mode_finds_the_rule_that_is_not_finite() -> None:
    f = lambda x: np.sum(np.sqrt(x) * 1.0)
    with debug_mode(None), np.errstate(divide="ignore"):
        assert gradient(f, np.array([0.0, 1.0]))[0][0] == np.inf
    with (
        debug_mode(None, finite=True),
        np.errstate(divide="ignore"),
        pytest.raises(WrongTangentError, match=r"np\.sqrt.*infinite"),
    ):
        gradient(f, np.array([0.0, 1.0]))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), large=st.booleans())
def test_right_rules_have_nothing_to_fear(seed: int, large: bool) -> None:
    """Also a test of the sweep: no array that an entry keeps may change before it is used."""
    shape = (40, 30) if large else (3, 4)
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=shape) for _ in range(2)]
    f = program(seed, 15)
    with np.errstate(all="ignore"):
        want = gradient(f, *inputs)
        with debug_mode(None), profile(), trace() as listing:
            found = gradient(f, *inputs)
    for a, b in zip(found, want):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    text = str(listing)
    assert len(text.splitlines()) == len(listing) + 1
    assert all(p < k for k, step in enumerate(listing) for p in step.parents)


def test_higher_order_is_watched_too() -> None:
    f = lambda x: np.sum(np.sin(x) ** 3)
    x = np.arange(3.0)
    with debug_mode(None, finite=True), trace() as listing:
        found = hessian(f, x)
    np.testing.assert_allclose(found, hessian(f, x))
    assert len(listing.traces) == 2
    assert str(listing).count("operation") == 2


def test_they_nest_and_end() -> None:
    f = lambda x: np.sum(np.sin(x))
    with trace() as outer:
        gradient(f, np.ones(2))
        with profile() as inner, trace() as second:
            gradient(f, np.ones(2))
        gradient(f, np.ones(2))
    gradient(f, np.ones(2))
    assert (len(outer.traces), len(second.traces), inner.calls["np.sin"]) == (3, 1, 1)
    with pytest.raises(ZeroDivisionError), outer:  # again
        gradient(lambda x: 1 / 0, np.ones(2))
    gradient(f, np.ones(2))
    assert len(outer.traces) == 4


def test_they_hold_for_one_thread_and_one_context() -> None:
    f = lambda x: np.sum(np.sin(x))
    with trace() as listing:
        other = threading.Thread(target=gradient, args=(f, np.ones(2)))
        other.start()
        other.join()
        contextvars.Context().run(gradient, f, np.ones(2))
        assert not listing.traces
        contextvars.copy_context().run(gradient, f, np.ones(2))
        assert len(listing.traces) == 1


def test_a_profile_counts_a_rule_within_a_rule_once() -> None:
    def slow(x: Any) -> Any:
        return np.sum(np.vectorize(lambda v: np.exp(v) * v)(x))

    found = profile(slow, np.ones(5))
    assert found.calls["np.exp"] == 5
    total = sum(found.seconds.values()) + found.between
    assert 0 < total < 1.0
    assert all(seconds >= 0 for seconds in found.seconds.values())
    shares = [line.rsplit(None, 1)[1] for line in str(found).splitlines()[1:]]
    assert 90 <= sum(int(share[:-1]) for share in shares) <= 110


def test_lines_of_the_source_are_the_users_where_a_rule_intercepts() -> None:
    def helper(x: Any) -> Any:
        return x * 2.0

    rrule.register(helper)(lambda _, x: (helper(x), lambda dy: (NoTangent(), 2.0 * dy)))

    def f(x: Any) -> Any:
        return np.sum(helper(x))

    step = trace(f, np.ones(2)).steps[1]
    assert step.operation.endswith("helper")
    assert step.source == f"test_tools.py:{f.__code__.co_firstlineno + 1}"


def test_what_is_kept_is_counted_once() -> None:
    x = np.ones((10, 10))
    listing = trace(lambda x: np.sum(np.arctan(x) + np.arctan(x) + np.arctan(x[::2])[0]), x)
    assert [step.kept for step in listing if step.operation == "np.arctan"] == [x.nbytes, 0, 0]
