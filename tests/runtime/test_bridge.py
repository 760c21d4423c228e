"""from_legacy, to_legacy and entries_from_legacy: tangents across between the two languages."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import (
    RuleError,
    Tangent,
    TangentError,
    Thunk,
    entries_from_legacy,
    from_legacy,
    to_legacy,
)
from rules_runtime.bridge import Fields, NamedParts
from rules_runtime.tangents import same
from tests.support.choosing import NONE, ZERO
from tests.support.points import P, Point, Q, Segment, Slotted, State

pytestmark = pytest.mark.usefixtures("forget_rules")


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


def test_with_the_primal_it_is_the_dict_that_a_legacy_rule_is_given() -> None:
    """A plain dict with what the primal has, in its order, and nothing else."""

    class Plain:
        def __init__(self) -> None:
            self.w, self.b, self.name = 1.0, 2.0, "n"

    for tangent, primal in [
        (Tangent[Plain](b=1.0), Plain()),
        (Tangent[dict](b=1.0), {"w": 1.0, "b": 2.0, "name": "n"}),
        ({"b": 1.0}, {"w": 1.0, "b": 2.0, "name": "n"}),
    ]:
        found = to_legacy(tangent, primal)
        assert type(found) is dict
        assert list(found.items()) == [("w", None), ("b", 1.0), ("name", None)]
        (inner,) = to_legacy((tangent,), (primal,))
        assert type(inner) is dict
        with pytest.raises(KeyError):
            found["zz"]


def test_a_dict_reads_what_is_missing_as_none() -> None:
    found = to_legacy(Tangent[Point](x=1.0))
    assert found["zz"] is None
    assert found["y"] is None
    assert found.get("y") is None
    assert found.get("zz", 5.0) == 5.0
    assert "zz" not in found
    assert isinstance(found, dict)
    assert found == {"x": 1.0} == found
    assert found == {"x": 1.0, "y": None}
    assert found != {"x": 2.0}
    assert found != {"x": 1.0, "zz": 1.0}
    assert found != 1.0
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


def test_reading_a_dict_of_parts() -> None:
    assert Fields(a=1.0)["b"] is None
    assert NamedParts(a=1.0, b=2.0)[1] == 2.0
