"""Sums: `add` changes nothing, `add_inplace` only what the caller owns; both give the same."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rules_runtime.arithmetic import add, add_inplace
from rules_runtime.errors import TangentError
from rules_runtime.tangents import NoTangent, NotImplementedTangent, Tangent, ZeroTangent, same
from rules_runtime.thunks import InplaceableThunk, Thunk, unthunk

ZERO, NONE = ZeroTangent(), NoTangent()


class Pair(NamedTuple):
    a: Any
    b: Any


@pytest.mark.parametrize(
    ("tangents", "total"),
    [
        ((), ZERO),
        ((None,), ZERO),
        ((None, None), ZERO),
        ((ZERO, NONE), NONE),
        ((1.0,), 1.0),
        ((1.0, None, ZERO, NONE, 2), 3.0),
        ((Thunk(lambda: 1.0), Thunk(lambda: 2.0)), 3.0),
        ((1.0, np.ones(3)), np.full(3, 2.0)),
        ((np.ones((3, 1)), np.ones(3)), np.full((3, 3), 2.0)),
        ((np.ones(2), 1j), np.array([1 + 1j, 1 + 1j])),
        (((1.0, None), (None, 2.0)), (1.0, 2.0)),
        (([1.0, ZERO], [1.0, 2.0]), [2.0, 2.0]),
        ((Pair(1.0, None), Pair(1.0, 2.0)), Pair(2.0, 2.0)),
        (({"a": 1.0, "b": None}, {"a": 2.0, "c": 3.0}), {"a": 3.0, "b": None, "c": 3.0}),
        (({"a": (1.0, None)}, {"a": (2.0, {"x": 1.0})}), {"a": (3.0, {"x": 1.0})}),
        ((Tangent[dict](a=1.0), {"a": 1.0, "b": 2.0}), Tangent[dict](a=2.0, b=2.0)),
        (((1.0, 2.0), Tangent[tuple](1.0, ZERO)), Tangent[tuple](2.0, 2.0)),
        ((Tangent[Pair](a=1.0), {"b": 2.0}), Tangent[Pair](1.0, 2.0)),
        (
            (Tangent[tuple](1.0, ZERO), Tangent[tuple](1.0, Thunk(lambda: 2.0))),
            Tangent[tuple](2.0, 2.0),
        ),
        ((1.0, NotImplementedTangent("x")), NotImplementedTangent("x")),
    ],
    ids=repr,
)
def test_add(tangents: tuple[Any, ...], total: Any) -> None:
    found = add(*tangents)
    assert type(found) is type(total)
    assert same(found, total)


def test_one_tangent_is_its_own_sum() -> None:
    x = np.ones(2)
    assert add(x) is x
    assert add(x, ZERO) is x
    assert add(None, x) is x


def test_what_cannot_be_added() -> None:
    with pytest.raises(TangentError, match="2 and 1 parts"):
        add((1.0, 2.0), (1.0,))
    with pytest.raises(TangentError, match="cannot be added"):
        add(Tangent[dict](a=1.0), Tangent[tuple](1.0))
    with pytest.raises(TangentError, match="a dict cannot be added"):
        add(Tangent[tuple](1.0), {"a": 1.0})


arrays = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.complex128]),
    st.sampled_from([(), (3,), (2, 3), (2, 1)]),
    elements=st.integers(-9, 9),
)
tangents = st.recursive(
    arrays | st.sampled_from([ZERO, NONE]) | st.integers(-9, 9).map(float),
    lambda parts: st.tuples(parts, parts).map(lambda ab: Tangent[tuple](*ab)),
    max_leaves=4,
)


def thunked(x: Any) -> st.SearchStrategy[Any]:
    """`x`, or a thunk of it of either kind."""

    def add_to(acc: Any) -> Any:
        acc += x
        return acc

    return st.sampled_from([x, Thunk(lambda: x), InplaceableThunk(add_to, lambda: x)])


@given(arrays, arrays)
def test_add_changes_nothing(a: Any, b: Any) -> None:
    before = copy.deepcopy((a, b))
    total = add(a, b)
    assert same(total, before[0] + before[1])
    total = np.array(total)  # and the result is not written to here
    assert same(a, before[0])
    assert same(b, before[1])


@given(arrays, arrays, st.data())
def test_add_inplace_gives_the_same_and_changes_only_its_own(a: Any, b: Any, data: Any) -> None:
    expected, kept = add(a, b), copy.deepcopy(b)
    if expected.shape == a.shape and np.result_type(a, b) == a.dtype and a.dtype.kind in "fc":
        b = data.draw(thunked(b))
    found = add_inplace(a.copy(), b)
    assert found.dtype == expected.dtype
    assert same(found, expected)
    assert same(unthunk(b), kept)


@given(tangents)
def test_zero_is_neutral_in_place(x: Any) -> None:
    assert same(add_inplace(x, ZERO), x)
    assert same(add_inplace(ZERO, x), x)


def test_in_place_means_in_place() -> None:
    buffer = np.zeros(3)
    for tangent in (np.ones(3), 1.0, np.float32(1), np.ones(3, int), Thunk(lambda: np.ones(3))):
        assert add_inplace(buffer, tangent) is buffer
    assert buffer.tolist() == [5.0, 5.0, 5.0]


def test_an_inplaceable_thunk_is_added_without_being_computed() -> None:
    def add_to(acc: Any) -> Any:
        acc[1] += 4.0
        return acc

    def compute() -> Any:
        raise AssertionError("computed")

    buffer = np.zeros(3)
    assert add_inplace(buffer, InplaceableThunk(add_to, compute)) is buffer
    assert buffer.tolist() == [0.0, 4.0, 0.0]


@pytest.mark.parametrize(
    "accumulator",
    [
        np.broadcast_to(np.zeros(1), (3,)),  # all elements share memory
        np.zeros(3, int),
        np.zeros(3, np.float32),  # not wide enough
        np.zeros(1),
        0.0,
        Tangent[tuple](0.0),
        ZERO,
    ],
    ids=repr,
)
def test_what_cannot_hold_the_sum_is_left_alone(accumulator: Any) -> None:
    before = copy.deepcopy(accumulator)
    tangent = Tangent[tuple](1.5) if isinstance(accumulator, Tangent) else np.full(3, 1.5)
    found = add_inplace(accumulator, tangent)
    assert found is not accumulator
    assert same(found, tangent)
    assert same(accumulator, before)


def test_a_read_only_array_is_left_alone() -> None:
    x = np.zeros(3)
    x.flags.writeable = False
    assert add_inplace(x, np.ones(3)).tolist() == [1.0, 1.0, 1.0]
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_an_array_with_overlapping_memory_is_left_alone() -> None:
    base = np.zeros(4)
    windows = np.lib.stride_tricks.as_strided(base, (3, 2), (8, 8))
    found = add_inplace(windows, np.ones((3, 2)))
    assert found.tolist() == np.ones((3, 2)).tolist()


def test_parts_of_a_structure_are_added_to_in_place() -> None:
    weights, biases = np.zeros(3), np.zeros(2)
    total: Any = Tangent[dict]({"w": weights, "layers": [{"b": biases}, 1.0]})

    def never() -> Any:
        raise AssertionError

    row = InplaceableThunk(lambda acc: np.add(acc, [1.0, 0.0, 2.0], out=acc), never)
    more = Thunk(lambda: np.ones(2))
    for _ in range(2):
        total = add_inplace(total, Tangent[dict]({"w": row, "layers": [{"b": more}, 2.0]}))
    np.testing.assert_array_equal(weights, [2.0, 0.0, 4.0])
    np.testing.assert_array_equal(biases, [2.0, 2.0])
    assert total["w"] is weights
    assert total["layers"][0]["b"] is biases
    assert total["layers"][1] == 5.0


def test_what_was_added_is_not_added_to() -> None:
    """The sum of a zero and an array is that array, and not the caller's."""
    x = np.ones(2)
    for zero, tangent in (
        (ZERO, x),
        (None, Thunk(lambda: x)),
        (Tangent[dict](), Tangent[dict]({"a": x})),
        ({"a": None}, {"a": x}),
        ((ZERO,), (x,)),
    ):
        total = add_inplace(zero, tangent)
        add_inplace(total, unthunk(tangent))
        np.testing.assert_array_equal(x, [1.0, 1.0])


def test_structures_of_different_kinds_are_added_as_before() -> None:
    assert add_inplace((1.0, 2.0), Tangent[tuple](1.0, ZERO)) == Tangent[tuple](2.0, 2.0)
    assert add_inplace(Tangent[Pair](1.0, 2.0), {"b": 1.0}) == Tangent[Pair](1.0, 3.0)
    assert add_inplace(Pair(1.0, None), Pair(1.0, 2.0)) == Pair(2.0, 2.0)
    with pytest.raises(TangentError):
        add_inplace([1.0], [1.0, 2.0])
