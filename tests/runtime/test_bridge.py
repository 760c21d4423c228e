"""from_legacy, to_legacy, entries_from_legacy and from_legacy_rule: across between the two languages at run time."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import (
    HasForwardMode,
    HasReverseMode,
    NoTangent,
    RuleConfig,
    RuleError,
    Tangent,
    TangentError,
    TapeConfig,
    Thunk,
    ZeroTangent,
    entries_from_legacy,
    from_legacy,
    from_legacy_rule,
    rrule,
    rrule_via_ad,
    to_legacy,
)
from rules_runtime.bridge import Context, Fields, NamedParts, active_config
from rules_runtime.tangents import same

pytestmark = pytest.mark.usefixtures("forget_rules")

ZERO, NONE = ZeroTangent(), NoTangent()


class MyAD(RuleConfig[HasReverseMode]): ...


class Forward(RuleConfig[HasForwardMode]): ...


@dataclass
class Point:
    x: float
    y: float
    name: str = ""

    def scaled(self, k: float) -> Any:
        return k * self.x


@dataclass
class Segment:
    a: Point
    b: Point


class Slotted:
    __slots__ = ("method", "step")

    def __init__(self, step: float) -> None:
        self.step, self.method = step, "euler"


class State(NamedTuple):
    h: Any
    c: Any


P, Q = Point(1.0, 2.0, "p"), Point(3.0, 4.0)


# one legacy tangent


@pytest.mark.parametrize(
    ("value", "primal", "text"),
    [
        (None, 1.0, "ZeroTangent()"),
        (None, np.ones(2), "ZeroTangent()"),
        (None, P, "ZeroTangent()"),
        (None, (1.0, "a"), "ZeroTangent()"),
        (None, "a", "NoTangent()"),
        (None, 3, "NoTangent()"),
        (None, True, "NoTangent()"),
        (None, None, "NoTangent()"),
        (None, abs, "NoTangent()"),
        (None, lambda x: x, "NoTangent()"),
        (None, Point, "NoTangent()"),
        (None, (1, "a"), "NoTangent()"),
        (None, slice(1), "NoTangent()"),
        (2.0, 1.0, "2.0"),
        (2.0, "anything", "2.0"),
        ({"x": 1.0, "y": None}, P, "Tangent[Point](x=1.0)"),
        ({"x": None}, P, "Tangent[Point]()"),
        ({}, P, "Tangent[Point]()"),
        ({"only_a_subclass": 1.0}, P, "Tangent[Point](only_a_subclass=1.0)"),
        ({"step": 1.0, "method": None}, Slotted(0.1), "Tangent[Slotted](step=1.0)"),
        (
            {"a": {"x": 1.0}, "b": None},
            Segment(P, Q),
            "Tangent[Segment](a=Tangent[Point](x=1.0))",
        ),
        ({"u": 1.0, "v": None}, {"u": 0.1, "v": 0.2}, "Tangent[dict]({'u': 1.0})"),
        ({1: {"x": 1.0}}, {1: P}, "Tangent[dict]({1: Tangent[Point](x=1.0)})"),
        ({"u": 1.0}, OrderedDict(u=1.0), "Tangent[OrderedDict]({'u': 1.0})"),
        ({"h": 1.0, "c": None}, State(1.0, 2.0), "Tangent[State](h=1.0)"),
        ({1: 1.0}, State(1.0, 2.0), "Tangent[State](c=1.0)"),
        ((1.0, None), State(1.0, 2.0), "Tangent[State](h=1.0, c=ZeroTangent())"),
        ((1.0, None), (1.0, "a"), "Tangent[tuple](1.0, NoTangent())"),
        ((1.0, None), (1.0, 2.0), "Tangent[tuple](1.0, ZeroTangent())"),
        (
            ({"x": 1.0}, (None,)),
            (P, (1.0,)),
            "Tangent[tuple](Tangent[Point](x=1.0), Tangent[tuple](ZeroTangent()))",
        ),
        ([1.0, None], [1.0, 2.0], "Tangent[list](1.0, ZeroTangent())"),
        ((1.0, 2.0), [1.0, 2.0], "Tangent[list](1.0, 2.0)"),
        ([1.0, 2.0], (1.0, 2.0), "Tangent[tuple](1.0, 2.0)"),
        ([{"x": 1.0}, None], [P, Q], "Tangent[list](Tangent[Point](x=1.0), ZeroTangent())"),
        (ZERO, P, "ZeroTangent()"),
        (NONE, 1.0, "NoTangent()"),
        (Tangent[Point](x=1.0), P, "Tangent[Point](x=1.0)"),
        (
            (ZERO, Tangent[Point](x=1.0)),
            (1.0, P),
            "Tangent[tuple](ZeroTangent(), Tangent[Point](x=1.0))",
        ),
        ({"x": 1.0}, P.scaled, "Tangent[Point](x=1.0)"),
        # nothing is known of the primal, or it has changed meanwhile
        ({"x": {"y": 1.0}}, None, "Tangent[dict]({'x': Tangent[dict]({'y': 1.0})})"),
        ((1.0, None), None, "Tangent[tuple](1.0, ZeroTangent())"),
        ([1.0, (2.0,)], None, "Tangent[list](1.0, Tangent[tuple](2.0))"),
        (
            {"gone": (1.0, None)},
            {"u": 1.0},
            "Tangent[dict]({'gone': Tangent[tuple](1.0, ZeroTangent())})",
        ),
        ((1.0, 2.0), iter(()), "Tangent[tuple](1.0, 2.0)"),
    ],
    ids=repr,
)
def test_from_legacy(value: Any, primal: Any, text: str) -> None:
    assert repr(from_legacy(value, primal)) == text


def test_arrays_and_thunks_pass_as_they_are() -> None:
    for value in (np.ones(2), Thunk(lambda: 1.0), 1j):
        assert from_legacy(value, np.ones(2)) is value


def test_rows_of_an_array_become_an_array() -> None:
    x = np.ones((2, 3))
    found = from_legacy([np.ones(3), None], x)
    assert found.tolist() == [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    assert from_legacy((1.0, 2.0, None), np.ones(3)).tolist() == [1.0, 2.0, 0.0]
    assert from_legacy([1.0], np.arange(1)).tolist() == [1.0]
    assert from_legacy([], np.ones(0)).shape == (0,)


@pytest.mark.parametrize(
    ("value", "primal", "message"),
    [
        ({"a": 1.0}, np.ones(2), "a dict cannot be the tangent of a ndarray"),
        ({"a": 1.0}, 1.0, "a dict cannot be the tangent of a float"),
        ({"a": 1.0}, "name", "a dict cannot be the tangent of a str"),
        ({"a": 1.0}, (1.0,), "a dict cannot be the tangent of a tuple"),
        ({"a": 1.0}, [1.0], "a dict cannot be the tangent of a list"),
        ((1.0,), 1.0, "a tuple of 1 cannot be the tangent of a float"),
        ([1.0], {"a": 1.0}, "a list of 1 cannot be the tangent of a dict"),
        ((1.0, 2.0), (1.0,), "a tuple of 2 cannot be the tangent of a tuple of 1"),
        ((1.0, 2.0, 3.0), State(1.0, 2.0), "a tuple of 3 cannot be"),
        ([1.0, 2.0], np.ones(3), r"an array of shape \(3,\)"),
        ({"zz": 1.0}, State(1.0, 2.0), "no field 'zz'"),
        (({"a": 1.0},), (1.0,), "a dict cannot be the tangent of a float"),
    ],
)
def test_a_value_that_cannot_be_the_tangent(value: Any, primal: Any, message: str) -> None:
    with pytest.raises(TangentError, match=message):
        from_legacy(value, primal)


def test_properties_are_read_carefully() -> None:
    class Grumpy:
        @property
        def w(self) -> Any:
            raise RuntimeError

    assert repr(from_legacy({"w": (1.0, None)}, Grumpy())).endswith(
        "(w=Tangent[tuple](1.0, ZeroTangent()))"
    )


# and back


@pytest.mark.parametrize(
    ("tangent", "expected"),
    [
        (ZERO, None),
        (NONE, None),
        (1.0, 1.0),
        (Thunk(lambda: ZERO), None),
        (Thunk(lambda: Tangent[tuple](Thunk(lambda: 1.0))), (1.0,)),
        (Tangent[tuple](1.0, ZERO), (1.0, None)),
        (Tangent[list](1.0, ZERO), [1.0, None]),
        (Tangent[dict]({"a": 1.0, 2: ZERO}), {"a": 1.0, 2: None}),
        (Tangent[State](h=1.0), {"h": 1.0, "c": None}),
        (Tangent[Point](y=1.0), {"x": None, "y": 1.0, "name": None}),
        (Tangent[Slotted](step=1.0), {"method": None, "step": 1.0}),
        (
            Tangent[tuple](Tangent[list](ZERO), Tangent[Point]()),
            ([None], {"x": None, "y": None, "name": None}),
        ),
        ((1.0, ZERO), (1.0, None)),
        ([Tangent[tuple](ZERO)], [(None,)]),
        ({"a": ZERO}, {"a": None}),
    ],
    ids=repr,
)
def test_to_legacy(tangent: Any, expected: Any) -> None:
    found = to_legacy(tangent)
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert dict(found.items()) == expected
    else:
        assert type(found) is type(expected)
        assert repr(found) == repr(expected)


def test_the_primal_fills_in_what_is_missing() -> None:
    class Plain:
        def __init__(self) -> None:
            self.w, self.b = 1.0, None

    assert to_legacy(Tangent[Plain](w=1.0), Plain()) == {"w": 1.0, "b": None}
    assert to_legacy(Tangent[dict](a=1.0), {"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": None}
    assert to_legacy(Tangent[tuple](1.0), (1.0, 2.0)) == (1.0, None)
    assert to_legacy(Tangent[list](), [1.0]) == [None]
    found = to_legacy(Tangent[tuple](1.0), State(1.0, 2.0))
    assert (found["h"], found["c"]) == (1.0, None)
    nested = to_legacy(Tangent[tuple](Tangent[dict]()), ({"a": 1.0},))
    assert nested == ({"a": None},)


def test_a_dict_reads_what_is_missing_as_none() -> None:
    found = to_legacy(Tangent[Point](x=1.0))
    assert found["zz"] is None
    assert found["y"] is None
    assert found.get("y") is None
    assert found.get("zz", 5.0) == 5.0
    assert "zz" not in found
    assert isinstance(found, dict)
    inner = to_legacy(Tangent[dict](a=Tangent[dict](b=1.0)))
    assert inner["a"]["c"] is None


def test_the_dict_of_a_named_tuple_takes_positions_too() -> None:
    found = to_legacy(Tangent[State](c=2.0))
    assert isinstance(found, dict)
    dh, dc = found
    assert (dh, dc) == (None, 2.0)
    assert (found[0], found[1], found[-1]) == (None, 2.0, 2.0)
    assert found[:1] == (None,)
    assert found["c"] == 2.0
    assert found["h"] is None
    assert found["zz"] is None
    assert found.get("c") == found.get(1) == 2.0
    assert found.get(5, 7.0) == 7.0
    assert list(found) == [None, 2.0]
    assert list(reversed(found)) == [2.0, None]
    assert list(found.items()) == [("h", None), ("c", 2.0)]
    assert "h" in found
    assert len(found) == 2
    assert {**found} == dict(found) == {"h": None, "c": 2.0}
    assert {k: v for k, v in found.items() if v is not None} == {"c": 2.0}
    with pytest.raises(IndexError):
        found[2]
    assert pickle.loads(pickle.dumps(found)).items() == found.items()


def legacy_tangents(depth: int = 2) -> st.SearchStrategy[tuple[Any, Any]]:
    """A primal together with a legacy tangent of it."""
    number = st.tuples(st.just(1.0), st.integers(-5, 5).map(float) | st.none())
    atom = st.tuples(st.sampled_from(["a", 3, None, abs]), st.none())
    leaf = number | atom
    if depth == 0:
        return leaf
    inner = legacy_tangents(depth - 1)
    several = st.lists(inner, min_size=1, max_size=3)

    def zipped(kind: Any) -> Any:
        return lambda pairs: (kind(p for p, _ in pairs), kind(t for _, t in pairs))

    def named(pair: Any) -> Any:
        (a, da), (b, db) = pair
        return Segment(a, b), {"a": da, "b": db}

    def keyed(pairs: Any) -> Any:
        return dict(enumerate(p for p, _ in pairs)), dict(enumerate(t for _, t in pairs))

    return (
        leaf
        | several.map(zipped(tuple))
        | several.map(zipped(list))
        | several.map(keyed)
        | st.tuples(inner, inner).map(named)
    )


@given(legacy_tangents())
def test_there_and_back(pair: tuple[Any, Any]) -> None:
    primal, value = pair
    assert to_legacy(from_legacy(value, primal), primal) == value


@given(legacy_tangents())
def test_back_and_there(pair: tuple[Any, Any]) -> None:
    primal, value = pair
    tangent = from_legacy(value, primal)
    again = from_legacy(to_legacy(tangent, primal), primal)
    assert same(again, tangent) or (tangent is NONE and again is NONE)
    assert None not in _leaves(tangent)


def _leaves(tangent: Any) -> list[Any]:
    if isinstance(tangent, Tangent):
        return [leaf for part in tangent.values() for leaf in _leaves(part)]
    return [tangent]


# entries


def test_the_entries_of_a_legacy_result() -> None:
    assert entries_from_legacy(None, 1.0, "a", P) == (ZERO, NONE, ZERO)
    assert entries_from_legacy((1.0, None), 1.0, "a") == (1.0, NONE)
    assert entries_from_legacy(({"x": 1.0},), P) == (Tangent[Point](x=1.0),)
    assert entries_from_legacy((ZERO, Tangent[Point](x=1.0)), 1.0, P) == (
        ZERO,
        Tangent[Point](x=1.0),
    )
    assert entries_from_legacy(None) == entries_from_legacy(()) == ()


@pytest.mark.parametrize(
    "result", [2.0, [1.0, 2.0], {"a": 1.0}, np.ones(2), (1.0,), (1.0, 2.0, 3.0)], ids=repr
)
def test_entries_that_are_no_tuple_of_the_right_length(result: Any) -> None:
    with pytest.raises(RuleError, match=r"(?s)Gradient .* should be a tuple"):
        entries_from_legacy(result, 1.0, 2.0)


# whole rules


def fresh() -> Any:
    """A function that nobody has a rule for."""

    def f(*args: Any, **kwargs: Any) -> Any:
        return args

    return f


def test_a_whole_rule() -> None:
    f, seen = fresh(), []

    def rule(p: Point, k: float = 2.0, *, mode: str = "") -> Any:
        """Scaled."""

        def back(dy: Any) -> Any:
            seen.append(dy)
            return {"x": k * dy, "y": None}, p.x * dy

        return (k * p.x, mode), back

    made = from_legacy_rule(rule)
    assert rrule.register(f)(made) is made
    assert made.__wrapped__ is made.rule is rule
    assert made.__doc__ == "Scaled."
    assert "test_bridge" in repr(made)
    y, pullback = rrule(MyAD(), f, P, 3.0, mode="m")
    assert y == (3.0, "m")
    assert pullback(1.0) == (NONE, Tangent[Point](x=3.0), 1.0)
    assert rrule(MyAD(), f, P)[1](1.0) == (NONE, Tangent[Point](x=2.0))
    assert pullback(ZERO) == (NONE, ZERO, ZERO)
    assert seen == [1.0, 1.0]
    assert rrule(MyAD(), f, 1.0) is None
    assert rrule(MyAD(), f, P, "a") is None


def test_it_counts_as_a_rule_with_a_config_and_works_without_one() -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x: ("legacy", lambda dy: (dy,))))

    @rrule.register(f)
    def special(_: Any, x: float) -> Any:
        return "native", lambda dy: (NONE, dy)

    assert rrule(MyAD(), f, 1.0)[0] == "legacy"
    assert rrule(f, 1.0)[0] == "native"
    assert rrule(f, "a")[0] == "legacy"
    assert rrule(Forward(), f, "a") is None


def test_the_functor_form_inserts_nothing() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        def __call__(self, x: float) -> float:
            return self.k * x

    def rule(scale: Scale, x: float) -> Any:
        return scale.k * x, lambda dy: ({"k": dy * x}, dy * scale.k)

    for made in (from_legacy_rule(rule, functor=True), from_legacy_rule(rule)):
        rrule.register(Scale.__call__)(made)
        y, pullback = rrule(MyAD(), Scale(2.0), 3.0)
        assert y == 6.0
        assert pullback(1.0) == (Tangent[Scale](k=3.0), 2.0)
        assert rrule(Scale.__call__, Scale(2.0), 3.0)[1](1.0) == (NONE, Tangent[Scale](k=3.0), 2.0)


def test_a_method_has_its_instance_first() -> None:
    class Line:
        def __init__(self, k: float) -> None:
            self.k = k

        def at(self, x: float) -> float:
            return self.k * x

    rrule.register(Line.at)(
        from_legacy_rule(lambda self, x: (self.k * x, lambda dy: ({"k": dy * x}, dy * self.k)))
    )
    assert rrule(Line(2.0).at, 3.0)[1](1.0) == (Tangent[Line](k=3.0), 2.0)
    assert rrule(Line.at, Line(2.0), 3.0)[1](1.0) == (NONE, Tangent[Line](k=3.0), 2.0)


def test_the_legacy_pullback_gets_a_legacy_cotangent() -> None:
    f, seen = fresh(), []

    def rule(x: Any) -> Any:
        return (P, [x, State(1.0, 2.0)]), lambda dy: seen.append(dy)

    rrule.register(f)(from_legacy_rule(rule))
    _, pullback = rrule(f, 1.0)
    dy = Tangent[tuple](Tangent[Point](x=1.0), Tangent[list](ZERO, Tangent[tuple](1.0, ZERO)))
    assert pullback(dy) == (NONE, ZERO)
    (found,) = seen
    dp, (dx, ds) = found
    assert dp == {"x": 1.0, "y": None, "name": None}
    assert dx is None
    assert (ds["h"], ds["c"]) == (1.0, None)
    pullback(Tangent[tuple](ZERO, ZERO))
    assert seen[1] == (None, None)


@pytest.mark.parametrize("result", [2.0, [1.0], {"x": 1.0}, np.ones(1), (), (1.0, 2.0)], ids=repr)
def test_a_legacy_pullback_returns_a_tuple_with_all_its_entries(result: Any) -> None:
    f = fresh()

    def rule(x: Any) -> Any:
        return x, lambda dy: result

    rrule.register(f)(from_legacy_rule(rule))
    _, pullback = rrule(f, 1.0)
    with pytest.raises(RuleError, match=r"(?s)Gradient .* should be a tuple") as caught:
        pullback(1.0)
    assert f"{__file__}:{rule.__code__.co_firstlineno}" in str(caught.value)


def test_parameters_with_defaults_have_entries_whether_passed_or_not() -> None:
    f = fresh()

    def rule(x: Any, y: Any = 1.0, *rest: Any, k: Any = 2) -> Any:
        return x, lambda dy: (dy, None, *(dy for _ in rest))

    rrule.register(f)(from_legacy_rule(rule))
    assert rrule(f, 1.0)[1](1.0) == (NONE, 1.0)
    assert rrule(f, 1.0, 2.0)[1](1.0) == (NONE, 1.0, ZERO)
    assert rrule(f, 1.0, "a", 3.0, 4.0)[1](1.0) == (NONE, 1.0, NONE, 1.0, 1.0)
    assert rrule(f, 1.0, y=3.0, k=5)[1](1.0) == (NONE, 1.0)


def test_plain_none_is_zero_for_all() -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x, name="": (x, lambda dy: None)))
    assert rrule(f, 1.0, "a")[1](1.0) == (NONE, ZERO, NONE)


@pytest.mark.parametrize("result", [3.0, None, (1.0,), (1.0, 2.0, 3.0)], ids=repr)
def test_a_legacy_rule_returns_a_value_and_a_pullback(result: Any) -> None:
    f = fresh()
    rrule.register(f)(from_legacy_rule(lambda x: result))
    with pytest.raises(RuleError, match=r"\(y, pullback\)"):
        rrule(f, 1.0)


def test_what_is_no_rule() -> None:
    with pytest.raises(RuleError, match="a function"):
        from_legacy_rule(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("keyword_only", [True, False])
def test_the_context_has_no_entry_and_knows_the_config(keyword_only: bool) -> None:
    f, contexts = fresh(), []

    def by_keyword(g: Any, x: Any, *, __context__: Any) -> Any:
        contexts.append(__context__)
        return x, lambda dy: (None, dy)

    def by_position(g: Any, x: Any, __context__: Any = None) -> Any:
        return by_keyword(g, x, __context__=__context__)

    rrule.register(f)(from_legacy_rule(by_keyword if keyword_only else by_position))
    config = MyAD()
    assert rrule(config, f, abs, 2.0)[1](1.0) == (NONE, NONE, 1.0)
    assert contexts[0].config is config
    assert isinstance(contexts[0], Context)
    rrule(f, abs, 2.0)
    assert type(contexts[1].config) is TapeConfig
    assert rrule(config, f, abs, 2.0, "one too many") is None


def test_the_active_config_is_the_one_that_asked_also_during_the_pullback() -> None:
    f, g, seen = fresh(), fresh(), []

    def inner(x: Any) -> Any:
        seen.append(active_config())
        return x, lambda dy: (dy,)

    def outer(x: Any) -> Any:
        seen.append(active_config())
        rrule_via_ad(TapeConfig(), g, x)
        seen.append(active_config())

        def back(dy: Any) -> Any:
            seen.append(active_config())
            return (dy,)

        return x, back

    rrule.register(f)(from_legacy_rule(outer))
    rrule.register(g)(from_legacy_rule(inner))
    config = MyAD()
    _, pullback = rrule(config, f, 1.0)
    pullback(1.0)
    assert [type(c) for c in seen] == [MyAD, TapeConfig, MyAD, MyAD]
    assert type(active_config()) is TapeConfig


def test_an_error_in_a_rule_leaves_no_config_behind() -> None:
    f = fresh()

    def rule(x: Any) -> Any:
        raise ZeroDivisionError

    rrule.register(f)(from_legacy_rule(rule))
    with pytest.raises(ZeroDivisionError):
        rrule(MyAD(), f, 1.0)
    assert type(active_config()) is TapeConfig


def test_the_rule_itself_can_still_be_called() -> None:
    made = from_legacy_rule(lambda x: (x, lambda dy: (2 * dy,)))
    y, back = made.rule(3.0)
    assert (y, back(1.0)) == (3.0, (2.0,))
    y, back = made(MyAD(), None, 3.0)
    assert (y, back(1.0)) == (3.0, (NONE, 2.0))
    assert from_legacy_rule(made) is made


def test_reading_a_dict_of_parts() -> None:
    assert Fields(a=1.0)["b"] is None
    assert NamedParts(a=1.0, b=2.0)[1] == 2.0
