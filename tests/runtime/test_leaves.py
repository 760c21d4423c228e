"""Structures taken apart for a host, and tangents put together again."""

from __future__ import annotations

import collections
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import NoTangent, Tangent, Thunk, ZeroTangent, leaves

Pair = collections.namedtuple("Pair", "a b")


@dataclass(frozen=True)
class Frozen:
    x: Any
    name: str = "n"


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def method(self) -> Any:
        return self.x


values = st.recursive(
    st.one_of(st.floats(allow_nan=False), st.integers(), st.text(max_size=2), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.builds(Pair, inner, inner),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.builds(Frozen, inner),
    ),
    max_leaves=8,
)


@given(values)
def test_apart_and_together(value: Any) -> None:
    found: list[Any] = []
    structure = leaves.take_apart(value, leaves.is_number, found)
    assert structure.size == len(found)
    again = leaves.put_together(structure, iter(found))
    assert again == value
    assert type(again) is type(value)


@given(values)
def test_every_leaf_gets_its_own_part_of_a_tangent(value: Any) -> None:
    found: list[Any] = []
    structure = leaves.take_apart(value, leaves.is_number, found)
    own = [float(k) for k in range(len(found))]
    dx = leaves.tangent(structure, iter(own))
    back: list[Any] = []
    leaves.tangents_of_leaves(structure, dx, lambda _: True, back)
    assert back == own


@pytest.mark.parametrize(
    "value", [Slotted(2.0), functools.partial(max, 2.0), Slotted(2.0).method], ids=repr
)
def test_objects_are_copied_and_not_changed(value: Any) -> None:
    found: list[Any] = []
    structure = leaves.take_apart(value, leaves.is_number, found)
    assert found == [2.0]
    again = leaves.put_together(structure, iter([5.0]))
    assert type(again) is type(value)
    other: list[Any] = []
    leaves.take_apart(again, leaves.is_number, other)
    assert other == [5.0]
    leaves.take_apart(value, leaves.is_number, other)
    assert other == [5.0, 2.0]


def test_only_what_is_wanted_is_computed() -> None:
    found: list[Any] = []
    structure = leaves.take_apart({"a": 1.0, "b": 2.0}, leaves.is_number, found)
    dx = Tangent[dict](a=Thunk(lambda: 1 / 0), b=Thunk(lambda: 3.0))
    back: list[Any] = []
    leaves.tangents_of_leaves(structure, dx, lambda place: place == 1, back)
    assert back == [None, 3.0]


def test_zeros_are_none() -> None:
    structure = leaves.take_apart((1.0, "x", 2.0), leaves.is_number, [])
    assert leaves.tangent(structure, iter([None, 5.0])) == Tangent[tuple](
        ZeroTangent(), NoTangent(), 5.0
    )
    back: list[Any] = []
    leaves.tangents_of_leaves(structure, ZeroTangent(), lambda _: True, back)
    assert back == [None, None]


def test_a_cycle_ends() -> None:
    loop: list[Any] = [1.0]
    loop.append(loop)
    found: list[Any] = []
    leaves.take_apart(loop, leaves.is_number, found)
    assert found == [1.0]


def test_arrays_of_objects_hide_values() -> None:
    hidden = np.array([object()])
    assert leaves.hides_values(leaves.take_apart((1.0, hidden), leaves.is_number, []))
    assert not leaves.hides_values(leaves.take_apart((1.0, "x"), leaves.is_number, []))
