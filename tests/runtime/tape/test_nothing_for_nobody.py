"""A cotangent that nobody asks for is never computed, structural zeros are never written out: by
counting calls and allocations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import (
    HasReverseMode,
    NoTangent,
    RuleConfig,
    Tangent,
    TapeConfig,
    Thunk,
    ZeroTangent,
    gradient,
    pullback,
    rrule,
    rrule_via_ad,
    unthunk,
)
from rules_runtime.forms import FORMS, Form
from rules_runtime.testing import test_rrule as check_rule

pytestmark = pytest.mark.usefixtures("forget_rules")
A, B = np.diag([1.0, 2.0, 4.0]), np.arange(6.0).reshape(3, 2)


@pytest.fixture
def calls(monkeypatch: Any) -> Counter[Any]:
    """Counts the calls of each vjp of each static form, by function and number of the argument."""
    counted: Counter[Any] = Counter()

    def counting(key: Any, vjp: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            counted[key] += 1
            return vjp(*args, **kwargs)

        return run

    def of(form: Form) -> Form:
        name = getattr(form.function, "__name__", "")
        new = object.__new__(Form)
        for slot in Form.__slots__:
            setattr(new, slot, getattr(form, slot))
        new.vjps = tuple(vjp and counting((name, k), vjp) for k, vjp in enumerate(form.vjps))
        new.joint = form.joint and counting((name, "joint"), form.joint)
        return new

    rrule._load_library()
    for function, form in list(FORMS.items()):
        monkeypatch.setitem(FORMS, function, of(form))
    return counted


# ---- rules that are derived from static forms --------------------------------------------


def test_of_the_tangents_of_a_derived_rule_those_are_computed_that_are_asked_for(
    calls: Any,
) -> None:
    y, back = rrule(np.matmul, A, B)
    _, da, db = back(np.ones(y.shape))
    assert not calls
    np.testing.assert_array_equal(unthunk(db), A.T @ np.ones(y.shape))
    unthunk(db)
    assert calls == {("matmul", 1): 1}
    np.testing.assert_array_equal(np.asarray(da), np.ones(y.shape) @ B.T)
    assert calls == {("matmul", 0): 1, ("matmul", 1): 1}


def test_shared_work_is_done_once(calls: Any) -> None:
    y, back = rrule(np.linalg.solve, A, B)
    _, da, db = back(np.ones(y.shape))
    assert not calls
    np.testing.assert_allclose(unthunk(da), -np.linalg.solve(A.T, np.ones(y.shape)) @ y.T)
    np.testing.assert_allclose(unthunk(db), np.linalg.solve(A.T, np.ones(y.shape)))
    assert calls == {("solve", "joint"): 1}


def test_arguments_without_a_tangent_cost_nothing(calls: Any) -> None:
    _, back = rrule(np.multiply, np.arange(3), np.ones(3))
    _, da, db = back(np.ones(3))
    assert da == NoTangent()
    assert isinstance(db, np.ndarray), "a single one is computed: nobody calls for nothing"
    assert calls == {("multiply", 1): 1}


def test_numbers_are_computed_at_once() -> None:
    assert rrule(np.multiply, 2.0, 3.0)[1](1.0) == (NoTangent(), 3.0, 2.0)
    assert type(rrule(np.multiply, 2.0, 3.0)[1](1.0)[1]) is float


def test_a_zero_cotangent_calls_nothing(calls: Any) -> None:
    _, back = rrule(np.matmul, A, B)
    assert back(ZeroTangent()) == (NoTangent(), ZeroTangent(), ZeroTangent())
    assert back(Thunk(lambda: NoTangent())) == (NoTangent(), ZeroTangent(), ZeroTangent())
    assert not calls


def test_thunks_of_derived_rules_read_as_their_values_do() -> None:
    y, back = rrule(np.matmul, A, B)
    _, da, db = back(np.ones(y.shape))
    assert (da.shape, db.T.shape, len(db), db.sum()) == ((3, 3), (2, 3), 3, 14.0)
    assert [row.shape for row in db] == [(2,)] * 3
    assert float(rrule(np.dot, np.ones(2), np.ones(2))[1](1.0)[1][0]) == 1.0
    with pytest.raises(AttributeError, match="no_such"):
        _ = da.no_such


def test_what_calls_back_into_the_ad_hands_out_is_computed() -> None:
    y, back = rrule_via_ad(TapeConfig(), np.matmul, A, B)
    assert [type(t) for t in back(np.ones(y.shape))[1:]] == [np.ndarray, np.ndarray]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20), name=st.sampled_from("matmul multiply hypot solve".split()))
def test_derived_rules_with_thunks_are_right(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    f = getattr(np.linalg if name == "solve" else np, name)
    check_rule(f, rng.normal(size=(3, 3)) + 3.0 * np.eye(3), rng.normal(size=(3, 3)))


# ---- the tape ----------------------------------------------------------------------------


def test_constants_have_no_cotangents(calls: Any) -> None:
    gradient(lambda b: np.sum(np.linalg.solve(A, b) + np.hypot(A, b)), np.ones((3, 3)))
    assert calls == {("solve", 1): 1, ("hypot", 1): 1, ("sum", 0): 1}


def test_a_result_that_is_not_used_has_none(calls: Any) -> None:
    def f(x: Any) -> Any:
        np.linalg.inv(x)
        u, _, vh = np.linalg.svd(x)
        np.hypot(u, vh)
        return np.linalg.det(x)

    gradient(f, A)
    assert calls == {("det", 0): 1}


def test_parts_that_are_not_used_are_zeros(monkeypatch: Any) -> None:
    given: list[Any] = []
    form = FORMS[np.linalg.qr]

    def vjp(g: Any, *rest: Any, **kwargs: Any) -> Any:
        given.append(g)
        return form.vjps[0](g, *rest, **kwargs)  # type: ignore[misc]

    monkeypatch.setitem(FORMS, np.linalg.qr, Form(np.linalg.qr, [vjp], None, None, False))
    gradient(lambda x: np.sum(np.linalg.qr(x)[1]), A)
    q, r = given[0]
    assert type(q) is ZeroTangent
    assert r.shape == (3, 3)


@dataclass
class Pair:
    a: Any
    b: Any


def test_rules_compute_what_is_asked_for() -> None:
    counted: Counter[str] = Counter()

    def product(a: Any, b: Any) -> Any:
        return a * b

    def thunk(name: str, value: Any) -> Thunk:
        def compute() -> Any:
            counted[name] += 1
            return value

        return Thunk(compute)

    @rrule.register(product)
    def rrule_product(_: Any, a: Any, b: Any) -> Any:
        def back(dy: Any) -> Any:
            counted["pullback"] += 1
            return NoTangent(), thunk("a", dy * b), thunk("b", dy * a)

        return product(a, b), back

    gradient(lambda a: np.sum(product(a, B)), B)
    assert counted == {"pullback": 1, "a": 1}
    counted.clear()

    @rrule.register(np.positive)
    def rrule_stop(_: Any, x: Any) -> Any:
        return np.positive(x), lambda dy: (NoTangent(), ZeroTangent())

    _, back = pullback(lambda a, b: np.positive(product(a, b)) + 0.0 * a, B, B)
    assert np.array_equal(back(B)[1], 0 * B)
    assert not counted, "nothing flows into the product"
    _, back = pullback(lambda a, b: Pair(product(a, b), b), B, B)
    assert np.array_equal(back(Tangent[Pair](b=B))[0], 0 * B)
    assert np.array_equal(back(ZeroTangent())[0], 0 * B)
    assert not counted


def test_a_structure_reaches_a_rule_with_zeros_for_what_was_not_used() -> None:
    given: list[Any] = []

    def pair(x: Any) -> Pair:
        return Pair(2.0 * x, 3.0 * x)

    @rrule.register(pair)
    def rrule_pair(config: RuleConfig[HasReverseMode], _: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            given.append((type(dy.a), type(dy.b)))
            return NoTangent(), 2.0 * dy.a + 3.0 * dy.b

        return pair(x), back

    assert np.array_equal(gradient(lambda x: np.sum(pair(x).a), np.ones(3))[0], [2.0, 2.0, 2.0])
    assert given == [(np.ndarray, ZeroTangent)]


@pytest.fixture
def zeros_made(monkeypatch: Any) -> list[Any]:
    """The shapes of the arrays of zeros that are written out."""
    made: list[Any] = []
    for name in ("zeros", "zeros_like", "full", "full_like"):
        function = getattr(np, name)

        def counting(shape: Any, *args: Any, function: Any = function, **kwargs: Any) -> Any:
            y = function(shape, *args, **kwargs)
            made.append(y.shape)
            return y

        monkeypatch.setattr(np, name, counting)
    return made


@pytest.mark.parametrize("cut", [np.split, np.array_split, np.vsplit])
def test_one_part_of_many_costs_one_array_of_zeros(cut: Any, zeros_made: list[Any]) -> None:
    x = np.arange(300.0).reshape(100, 3)
    (dx,) = gradient(lambda x: np.sum(cut(x, 100)[7] ** 2), x)
    assert np.array_equal(dx[7], 2 * x[7])
    assert zeros_made == [(100, 3)]


def test_parts_that_cover_an_array_cost_one_array_of_zeros(zeros_made: list[Any]) -> None:
    x = np.arange(12.0).reshape(3, 4)
    (dx,) = gradient(lambda x: sum(np.sum(part**2) for part in np.split(x, 2, axis=1)), x)
    assert np.array_equal(dx, 2 * x)
    assert zeros_made == [(3, 4)]


def test_arguments_that_are_not_used_cost_their_gradient_alone(zeros_made: list[Any]) -> None:
    weights = {"a": np.ones(3), "b": np.ones((5, 5)), "c": (np.ones(7), "text")}
    (d,) = gradient(lambda w: np.sum(w["a"] ** 2), weights)
    assert np.array_equal(d["a"], [2.0, 2.0, 2.0])
    assert sorted(zeros_made) == [(5, 5), (7,)]
    zeros_made.clear()
    _, back = rrule_via_ad(TapeConfig(), lambda w: np.sum(w["a"] ** 2), weights)
    assert isinstance(back(1.0)[1]["b"], ZeroTangent)
    assert not zeros_made
