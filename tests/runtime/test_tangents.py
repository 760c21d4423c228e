"""Zeros, structural tangents and their arithmetic:
a vector space, with numbers and arrays in it."""

from __future__ import annotations

import copy
import pickle
import typing
from collections import OrderedDict, deque
from dataclasses import dataclass
from types import MethodType
from typing import Annotated, Any, NamedTuple, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime.errors import NotImplementedTangentError, TangentError
from rules_runtime.tangents import (
    AbstractZero,
    NoTangent,
    NotImplementedTangent,
    Tangent,
    ZeroTangent,
    same,
    tangent_type,
)
from rules_runtime.thunks import Thunk

ZERO, NONE = ZeroTangent(), NoTangent()
ZEROS = pytest.mark.parametrize("zero", [ZERO, NONE], ids=repr)


@dataclass
class Foo:
    a: float
    b: Any = 0.0
    name: str = ""


class SubFoo(Foo):
    extra = 1.0


class Bar:
    def __init__(self, items: float, get: float) -> None:
        self.items, self.get = items, get


class State(NamedTuple):
    h: Any
    c: Any


# Zeros


@ZEROS
def test_zeros_are_singletons_also_when_copied(zero: Any) -> None:
    assert type(zero)() is zero
    assert pickle.loads(pickle.dumps(zero)) is zero
    assert copy.copy(zero) is zero
    assert copy.deepcopy([zero])[0] is zero


@ZEROS
def test_zeros_are_false_and_show_as_their_call(zero: Any) -> None:
    assert not zero
    assert repr(zero) == f"{type(zero).__name__}()"
    assert isinstance(zero, AbstractZero)


VALUES = [
    2.0,
    3,
    1 + 2j,
    np.float32(1.5),
    np.arange(3.0),
    np.ones((2, 2)),
    Tangent[Foo](a=1.0),
    Tangent[tuple](1.0, np.ones(2)),
]


@ZEROS
@pytest.mark.parametrize("x", VALUES, ids=repr)
def test_zeros_are_neutral_for_sums(zero: Any, x: Any) -> None:
    for total in (x + zero, zero + x, x - zero):
        assert type(total) is type(x)
        assert same(total, x)
    assert same(zero - x, -x)


@ZEROS
@pytest.mark.parametrize("x", VALUES, ids=repr)
def test_zeros_absorb_products(zero: Any, x: Any) -> None:
    assert x * zero is zero
    assert zero * x is zero


@ZEROS
def test_zeros_are_linear(zero: Any) -> None:
    x = np.ones((2, 2))
    for found in (-zero, +zero, zero / 2, zero / x, x @ zero, zero @ x, zero.conj(), zero.real):
        assert found is zero
    for found in (zero.T, zero.imag, zero.sum(axis=0), zero.reshape(2, 2), zero.copy()):
        assert found is zero
    for found in (np.conj(zero), np.negative(zero), np.sum(zero, axis=0), np.real(zero)):
        assert found is zero


def test_no_tangent_wins_sums_and_loses_products() -> None:
    assert ZERO + NONE is NONE
    assert NONE + ZERO is NONE
    assert ZERO - NONE is NONE
    assert ZERO * NONE is ZERO
    assert NONE * ZERO is ZERO
    assert NONE * NONE is NONE
    assert NONE + NONE is NONE
    assert ZERO + ZERO is ZERO


def test_the_two_zeros_are_not_equal_to_each_other() -> None:
    assert ZERO != NONE
    assert NONE != ZERO
    assert NONE != 0.0
    assert len({ZERO, NONE, ZeroTangent()}) == 2


def test_zero_equals_what_is_zero() -> None:
    assert ZERO == 0.0
    assert np.zeros(3) == ZERO  # one bool, not three
    assert (np.zeros(3) == ZERO) is True
    assert (np.array([0.0, 1.0]) == ZERO) is False
    assert Tangent[Foo](a=0.0, b=NONE) == ZERO
    assert Tangent[Foo](a=1.0) != ZERO
    assert ZERO != "a"
    assert hash(ZERO) == hash(0.0)


@ZEROS
def test_a_part_of_a_zero_is_a_zero(zero: Any) -> None:
    assert zero["a"] is ZERO
    assert zero[0] is ZERO
    assert zero[1:] is ZERO
    assert zero.weight is ZERO
    assert zero.get("a") is ZERO
    assert zero.get("a", 1.0) == 1.0
    assert zero.get("a", None) is None
    assert "a" not in zero
    assert list(zero.keys()) == list(zero.values()) == list(zero.items()) == []


@ZEROS
def test_a_zero_has_no_length_and_does_not_unpack(zero: Any) -> None:
    with pytest.raises(TypeError):
        len(zero)
    with pytest.raises(TypeError):
        _, _ = zero
    assert not isinstance(zero, typing.Iterable)
    assert not hasattr(zero, "shape")
    assert not hasattr(zero, "_private")
    assert np.shape(zero) == ()


@ZEROS
def test_zeros_can_be_written_into_arrays(zero: Any) -> None:
    x = np.ones(3)
    x[1] = zero
    assert x.tolist() == [1.0, 0.0, 1.0]
    x += zero
    assert x.tolist() == [1.0, 0.0, 1.0]
    x *= zero
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert float(zero) == 0.0
    assert complex(zero) == 0
    assert np.asarray(zero) == 0.0


@ZEROS
def test_linear_functions_of_numpy_keep_zeros(zero: Any) -> None:
    x = np.ones(3)
    for found in (
        np.reshape(zero, 3),
        np.broadcast_to(zero, (2, 3)),
        np.cumsum(zero),
        np.flip(zero),
    ):
        assert found is zero
    for found in (np.dot(x, zero), np.outer(zero, x), np.einsum("i,i", x, zero), np.vdot(zero, x)):
        assert found is ZERO
    assert np.stack([zero, zero]) is ZERO
    assert np.stack([x, zero], axis=1).tolist() == [[1.0, 0.0]] * 3
    assert np.where(x > 0, zero, x).tolist() == [0.0, 0.0, 0.0]


@ZEROS
def test_numpy_computes_with_zeros_as_with_numbers(zero: Any) -> None:
    """A rule may ask `if np.any(dy[1])` of a part of its cotangent."""
    x = np.array([1.0, -2.0, 3.0])
    for whether in (np.any(zero), np.all(zero), zero.any(), zero.all(), np.any([zero, zero])):
        assert not whether
    for reduction in (np.max, np.min, np.prod, np.std, np.var, np.median, np.ptp, np.linalg.norm):
        assert reduction(zero) == 0.0
    assert np.max(np.abs(zero)) == 0.0
    assert np.isclose(zero, 0.0)
    assert not np.allclose(x, zero)
    assert np.block([[zero, 1.0], [zero, 2.0]]).tolist() == [[0.0, 1.0], [0.0, 2.0]]
    assert np.clip(x, zero, None).tolist() == [1.0, 0.0, 3.0]


@ZEROS
def test_functions_that_are_not_linear_refuse_zeros(zero: Any) -> None:
    with pytest.raises(TypeError):
        np.exp(zero)
    with pytest.raises(TypeError):
        np.float64(1.0) / zero


# Derivatives that nobody has written


def test_not_implemented_goes_through_sums_and_products() -> None:
    t = NotImplementedTangent("the order")
    for found in (t + 1.0, 1.0 + t, np.ones(2) + t, t + ZERO, ZERO + t, 2 * t, np.ones(2) * t, -t):
        assert found is t
    assert t * ZERO is ZERO
    assert ZERO * t is ZERO
    assert t == NotImplementedTangent("the order")
    assert t != NotImplementedTangent("something else")


@pytest.mark.parametrize(
    "use",
    [float, np.asarray, bool, list, len, lambda t: t - 1.0, lambda t: 1.0 - t, lambda t: np.exp(t)],
)
def test_not_implemented_says_why_where_a_number_is_needed(use: Any) -> None:
    with pytest.raises(NotImplementedTangentError, match="the order of a Bessel function"):
        use(NotImplementedTangent("the order of a Bessel function"))


# Structural tangents: making them


def test_each_primal_type_has_one_tangent_type() -> None:
    assert Tangent[Foo] is Tangent[Foo]
    assert Tangent[list[float]] is Tangent[list]
    assert Tangent[Optional[Foo]] is Tangent[Foo]  # noqa: UP045
    assert Tangent[Foo | None] is Tangent[Foo]
    assert Tangent[Annotated[Foo, "x"]] is Tangent[Foo]
    assert Tangent[Any] is Tangent[object]
    assert Tangent[Foo].primal_type is Foo
    assert issubclass(Tangent[Foo], Tangent)
    assert isinstance(Tangent[Foo](), Tangent[Foo])
    assert tangent_type(Foo) is Tangent[Foo]


@pytest.mark.parametrize("wrong", [3, int | str, "Foo"])
def test_a_primal_type_is_a_class(wrong: Any) -> None:
    with pytest.raises(TangentError, match="primal type"):
        tangent_type(wrong)


def test_the_bare_tangent_makes_nothing() -> None:
    with pytest.raises(TangentError, match="primal type"):
        Tangent(a=1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tangent[tuple](a=1.0), "by position"),
        (lambda: Tangent[list](1.0, b=2.0), "by position"),
        (lambda: Tangent[Foo](1.0), "keywords"),
        (lambda: Tangent[dict](1.0), "one mapping"),
        (lambda: Tangent[dict]({}, {}), "one mapping"),
        (lambda: Tangent[State](1.0, 2.0, 3.0), "2 fields"),
        (lambda: Tangent[State](1.0, h=2.0), "twice"),
        (lambda: Tangent[State](zz=2.0), "no field 'zz'"),
        (lambda: Tangent[Foo]({1: 2.0}), "strings"),
    ],
)
def test_arguments_that_do_not_fit_the_primal_type(make: Any, message: str) -> None:
    with pytest.raises(TangentError, match=message):
        make()
    assert issubclass(TangentError, TypeError)


def test_fields_may_have_any_name() -> None:
    t = Tangent[Foo](self=1.0, cls=2.0, args=3.0)
    assert (t["self"], t["cls"], t["args"]) == (1.0, 2.0, 3.0)


def test_a_mapping_serves_for_objects_and_mixes_with_keywords_for_dicts() -> None:
    assert Tangent[Foo]({"a": 1.0}) == Tangent[Foo](a=1.0)
    assert Tangent[dict]({1: 2.0}, a=3.0) == Tangent[dict]({1: 2.0, "a": 3.0})
    assert Tangent[dict](OrderedDict(a=1.0)) == Tangent[dict](a=1.0)


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (Tangent[Foo](a=1.0, b=ZERO), "Tangent[Foo](a=1.0, b=ZeroTangent())"),
        (Tangent[Foo](), "Tangent[Foo]()"),
        (Tangent[tuple](1.0, NONE), "Tangent[tuple](1.0, NoTangent())"),
        (Tangent[list](), "Tangent[list]()"),
        (Tangent[State](c=2.0), "Tangent[State](c=2.0)"),
        (Tangent[dict]({1: 2.0}), "Tangent[dict]({1: 2.0})"),
    ],
)
def test_a_tangent_shows_as_the_call_that_makes_it(t: Any, text: str) -> None:
    assert repr(t) == text
    assert eval(text, globals()) == t


def test_a_tangent_cannot_be_changed() -> None:
    t: Any = Tangent[Foo](a=1.0)
    with pytest.raises(AttributeError):
        t.a = 2.0
    with pytest.raises(AttributeError):
        del t.a
    with pytest.raises(TypeError):
        t["a"] = 2.0
    with pytest.raises(TypeError):
        hash(t)
    source = {"a": 1.0}
    t = Tangent[dict](source)
    source["a"] = 5.0
    assert t.a == 1.0


@pytest.mark.parametrize(
    "t",
    [
        Tangent[Foo](a=1.0),
        Tangent[tuple](1.0, ZERO),
        Tangent[State](h=1.0),
        Tangent[dict]({1: 2.0}),
    ],
)
def test_tangents_can_be_pickled_and_copied(t: Any) -> None:
    for other in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t)):
        assert other == t
        assert type(other) is type(t)


# Structural tangents: reading them


def test_an_object_is_read_by_field() -> None:
    t = Tangent[Foo](a=1.0, zz=3.0)
    assert t.a == t["a"] == 1.0
    assert t.zz == 3.0  # a field that only a subclass has
    assert t.b is ZERO
    assert t["b"] is ZERO
    assert t.never_heard_of is ZERO
    assert len(t) == 2
    assert list(t) == ["a", "zz"]
    assert "a" in t
    assert "b" not in t
    assert t.get("a", 5.0) == 1.0
    assert t.get("b") is ZERO
    assert t.get("b", 5.0) == 5.0
    assert t.get("b", None) is None
    assert list(t.items()) == [("a", 1.0), ("zz", 3.0)]
    assert list(t.keys()) == ["a", "zz"]
    assert list(t.values()) == [1.0, 3.0]
    with pytest.raises(TypeError):
        t[0]


def test_attributes_that_no_tangent_has() -> None:
    assert not hasattr(Tangent[Foo](a=1.0), "__wrapped__")
    assert not hasattr(Tangent[Foo](a=1.0), "_repr_html_")
    assert not hasattr(Tangent[Foo](a=1.0), "shape")  # or numpy would take it for an array
    assert Tangent[Foo](shape=1.0).shape == 1.0
    assert not hasattr(Tangent[tuple](1.0), "shape")
    assert not hasattr(Tangent[State](1.0), "zz")
    assert Tangent[Bar](_hidden=1.0)._hidden == 1.0


def test_fields_named_like_methods_are_read_by_key() -> None:
    t = Tangent[Bar](items=1.0, get=2.0)
    assert t["items"] == 1.0
    assert t["get"] == 2.0
    assert callable(t.items)


def test_a_dict_is_read_by_key() -> None:
    t = Tangent[dict]({0: 1.0, "a": 2.0, (1, 2): 3.0})
    assert t[0] == 1.0
    assert t["a"] == t.a == 2.0
    assert t[1, 2] == 3.0
    assert t[7] is ZERO
    assert t["zz"] is ZERO
    assert t[-1] is ZERO
    assert list(t) == [0, "a", (1, 2)]
    assert len(t) == 3
    assert 0 in t
    assert 1 not in t
    assert dict(t) == {0: 1.0, "a": 2.0, (1, 2): 3.0}
    assert {**Tangent[dict](a=1.0)} == {"a": 1.0}


@pytest.mark.parametrize("kind", [tuple, list, deque])
def test_a_sequence_is_read_by_position(kind: type) -> None:
    t = tangent_type(kind)(1.0, ZERO, 3.0)
    a, b, c = t
    assert (a, b, c) == (1.0, ZERO, 3.0)
    assert t[0] == 1.0
    assert t[-1] == 3.0
    assert t[np.int64(2)] == 3.0
    assert t[1:] == (ZERO, 3.0)
    assert t[::-1] == (3.0, ZERO, 1.0)
    assert list(reversed(t)) == [3.0, ZERO, 1.0]
    assert len(t) == 3
    assert list(zip(t, "abc")) == [(1.0, "a"), (ZERO, "b"), (3.0, "c")]
    assert list(t.items()) == [(0, 1.0), (1, ZERO), (2, 3.0)]
    assert 0 in t
    assert 3 not in t
    assert "a" not in t
    assert t.get(1) is ZERO
    assert t.get(5, 7.0) == 7.0
    assert t[5] is ZERO  # what was not given
    with pytest.raises(IndexError):
        t[-4]
    with pytest.raises(TypeError):
        t["a"]


def test_a_named_tuple_is_read_by_name_and_by_position() -> None:
    t = Tangent[State](c=2.0)
    assert t.c == t["c"] == t[1] == t[-1] == 2.0
    assert t.h is ZERO
    assert t["h"] is ZERO
    assert t[0] is ZERO
    h, c = t
    assert (h, c) == (ZERO, 2.0)
    assert t[:1] == (ZERO,)
    assert len(t) == 2
    assert "c" in t
    assert "h" not in t
    assert 1 in t
    assert 0 not in t
    assert t.get("h", 5.0) == 5.0
    assert t.get(1) == 2.0
    assert list(t.keys()) == ["c"]
    assert Tangent[State](1.0, 2.0) == Tangent[State](c=2.0, h=1.0)
    with pytest.raises(IndexError):
        t[2]
    with pytest.raises(KeyError):
        t["zz"]


def test_tangents_match_patterns() -> None:
    match Tangent[tuple](1.0, 2.0):
        case (a, b):
            assert (a, b) == (1.0, 2.0)
        case _:
            raise AssertionError
    match Tangent[Foo](a=1.0):
        case {"a": a}:
            assert a == 1.0
        case _:
            raise AssertionError


def test_reading_a_part_runs_its_thunk() -> None:
    t = Tangent[Foo](a=Thunk(lambda: 1.0))
    assert type(t.a) is type(t["a"]) is type(t.get("a")) is float
    assert [type(x) for x in t.values()] == [float]
    assert [type(x) for x in Tangent[tuple](Thunk(lambda: 1.0))] == [float]


def test_the_tangent_of_a_bound_method_is_that_of_its_instance() -> None:
    inner = Tangent[Foo](a=1.0)
    assert Tangent[MethodType](__self__=inner) is inner
    assert inner["__self__"] is inner
    assert Tangent[tuple](1.0)["__self__"] == Tangent[tuple](1.0)


# numpy


def test_numpy_takes_sequences() -> None:
    rows = Tangent[list](np.ones(2), np.zeros(2))
    assert np.stack(rows).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert np.concatenate(rows).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert np.asarray(Tangent[tuple](1.0, ZERO, 3.0)).tolist() == [1.0, 0.0, 3.0]
    assert np.array(Tangent[State](1.0, 2.0), dtype=np.float32).dtype == np.float32
    assert np.sum(Tangent[tuple](1.0, 2.0)) == 3.0
    assert np.shape(Tangent[tuple](1.0, 2.0)) == (2,)
    assert sum(Tangent[tuple](1.0, 2.0)) == 3.0


def test_arrays_and_sequences_of_numbers_compute() -> None:
    t, x = Tangent[list](1.0, 2.0), np.array([10.0, 20.0])
    assert (x * t).tolist() == (t * x).tolist() == [10.0, 40.0]
    assert (x + t).tolist() == (t + x).tolist() == [11.0, 22.0]
    assert np.sqrt(t).tolist() == np.sqrt([1.0, 2.0]).tolist()


def test_what_is_read_by_name_is_no_array() -> None:
    with pytest.raises(TypeError):
        np.asarray(Tangent[Foo](a=1.0))
    with pytest.raises(TypeError):
        np.ones(2) * Tangent[Foo](a=1.0)
    with pytest.raises(TypeError):
        np.ones(2) + Tangent[Foo](a=1.0)


@pytest.mark.parametrize("k", [2, 2.0, 2j, np.float64(2), np.float32(2), np.array(2.0)], ids=repr)
def test_scalars_multiply_from_both_sides(k: Any) -> None:
    t = Tangent[Foo](a=1.0, b=Tangent[tuple](np.ones(2), ZERO))
    for found in (k * t, t * k, np.multiply(k, t)):
        assert found == Tangent[Foo](a=k, b=Tangent[tuple](k * np.ones(2), ZERO))
    assert t * k / k == t


def test_two_structures_do_not_multiply() -> None:
    with pytest.raises(TypeError):
        Tangent[Foo](a=1.0) * Tangent[Foo](a=1.0)
    with pytest.raises(TypeError):
        Tangent[Foo](a=1.0) + 1.0


# Sums and equality


def test_missing_parts_are_zero_in_sums() -> None:
    assert Tangent[Foo](a=1.0) + Tangent[Foo](b=2.0) == Tangent[Foo](a=1.0, b=2.0)
    assert Tangent[tuple](1.0) + Tangent[tuple](1.0, 2.0) == Tangent[tuple](2.0, 2.0)
    assert Tangent[tuple](1.0, 2.0) + Tangent[tuple](1.0) == Tangent[tuple](2.0, 2.0)
    assert Tangent[dict]({1: 1.0}) + Tangent[dict]({2: 1.0}) == Tangent[dict]({1: 1.0, 2: 1.0})


def test_tangents_of_a_class_and_a_subclass_add() -> None:
    for total in (
        Tangent[Foo](a=1.0) + Tangent[SubFoo](extra=2.0),
        Tangent[SubFoo](extra=2.0) + Tangent[Foo](a=1.0),
    ):
        assert type(total) is Tangent[SubFoo]
        assert total == Tangent[SubFoo](a=1.0, extra=2.0)


def test_a_tuple_may_stand_for_a_named_tuple() -> None:
    for total in (
        Tangent[State](c=1.0) + Tangent[tuple](1.0, 2.0),
        Tangent[tuple](1.0, 2.0) + Tangent[State](c=1.0),
    ):
        assert type(total) is Tangent[State]
        assert total == Tangent[State](h=1.0, c=3.0)
    assert Tangent[tuple](1.0, 2.0) == Tangent[State](1.0, 2.0)


@pytest.mark.parametrize(
    "pair",
    [
        (Tangent[Foo](a=1.0), Tangent[Bar](items=1.0)),
        (Tangent[dict](a=1.0), Tangent[tuple](1.0)),
        (Tangent[dict](a=1.0), Tangent[Foo](a=1.0)),
    ],
)
def test_tangents_of_different_values_neither_add_nor_are_equal(pair: tuple[Any, Any]) -> None:
    a, b = pair
    with pytest.raises(TangentError, match="cannot be added"):
        a + b
    assert a != b


def test_parts_that_are_plain_containers_add_by_element() -> None:
    a = Tangent[Foo](a=[1.0, None], b={"x": 1.0})
    assert a + a == Tangent[Foo](a=[2.0, None], b={"x": 2.0})
    assert -a == Tangent[Foo](a=[-1.0, None], b={"x": -1.0})


def test_equality_is_one_bool_and_goes_by_shape() -> None:
    assert Tangent[Foo](a=np.ones(2)) == Tangent[Foo](a=np.ones(2))
    assert Tangent[Foo](a=np.ones(2)) != Tangent[Foo](a=np.ones(3))
    assert Tangent[Foo](a=np.ones(2)) != Tangent[Foo](a=np.array([1.0, 2.0]))
    assert Tangent[Foo](a=1.0) == Tangent[Foo](a=1.0, b=ZERO, name=NONE)
    assert Tangent[Foo](a=1.0, b=np.zeros(2)) == Tangent[Foo](a=1.0)
    assert Tangent[tuple](1.0) == Tangent[tuple](1.0, ZERO)
    assert Tangent[tuple](1.0) != (1.0,)
    assert Tangent[tuple]() == ZERO
    assert Tangent[Foo](a=1.0) != 1.0


def test_sum_starts_with_zero() -> None:
    assert sum([Tangent[Foo](a=1.0), Tangent[Foo](a=2.0)]) == Tangent[Foo](a=3.0)


def test_conjugates_go_to_the_parts() -> None:
    t = Tangent[Foo](a=1j, b=Tangent[tuple](np.array([1 + 1j]), ZERO))
    assert t.conj() == Tangent[Foo](a=-1j, b=Tangent[tuple](np.array([1 - 1j]), ZERO))
    assert np.conj(t) == t.conj()


def test_a_tangent_is_true_if_it_has_parts() -> None:
    assert Tangent[Foo](a=0.0)
    assert not Tangent[Foo]()
    assert not Tangent[tuple]()


# The laws of a vector space

integers = st.integers(-8, 8).map(float)  # whose sums and products are exact
numbers_or_arrays = integers | st.lists(integers, min_size=3, max_size=3).map(np.array)


def structures() -> st.SearchStrategy[Any]:
    """Tangents of one value: `Foo(number, (array, number), "")`, whatever parts of it are given."""
    array = st.lists(integers, min_size=3, max_size=3).map(np.array)
    zero = st.sampled_from([ZERO, NONE])
    inner = st.builds(lambda *parts: Tangent[tuple](*parts), array | zero, integers | zero) | zero
    fields = st.fixed_dictionaries({}, optional={"a": integers | zero, "b": inner, "name": zero})
    return fields.map(lambda parts: Tangent[Foo](**parts)) | zero


@given(structures(), structures(), structures())
def test_sums_are_commutative_and_associative(a: Any, b: Any, c: Any) -> None:
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c))


@given(structures(), structures(), integers, integers)
def test_products_with_scalars_distribute(a: Any, b: Any, k: float, m: float) -> None:
    assert same(k * (a + b), k * a + k * b)
    assert same((k + m) * a, k * a + m * a)
    assert same((k * m) * a, k * (m * a))
    assert same(a * k, k * a)
    assert same(1.0 * a, a)


@given(structures(), structures())
def test_every_tangent_has_a_negative(a: Any, b: Any) -> None:
    assert same(a - a, ZERO)
    assert same(a + (-a), ZERO)
    minus = -a
    assert same(-minus, a)
    assert same(a - b, -(b - a))
    assert same(0.0 * a, ZERO)


@given(structures(), structures())
def test_sums_change_nothing(a: Any, b: Any) -> None:
    before = copy.deepcopy((a, b))
    a + b, a - b, 2 * a, -b
    assert same(before[0], a)
    assert same(before[1], b)


@given(st.lists(numbers_or_arrays, max_size=4), integers)
def test_map_applies_to_every_part(parts: list[Any], k: float) -> None:
    t = Tangent[list](*parts)
    assert list(map(np.shape, t.map(lambda x: k * x))) == list(map(np.shape, parts))
    assert t.map(lambda x: k * x) == k * t


def test_dir_lists_the_fields() -> None:
    assert {"a", "b", "keys"} <= set(dir(Tangent[Foo](a=1.0)))
    assert {"a", "items"} <= set(dir(Tangent[dict]({"a": 1.0, 3: 2.0})))
    assert "a" not in dir(Tangent[tuple](1.0))


def test_numpy_is_given_zeros_of_a_shape_or_says_what_is_missing() -> None:
    parts = Tangent[tuple](np.ones(2), ZeroTangent())
    assert np.array_equal(np.stack(parts), [[1.0, 1.0], [0.0, 0.0]])
    for function in (np.concatenate, np.hstack, np.vstack):
        for pieces in (parts, [np.ones(2), ZeroTangent()]):
            with pytest.raises(TangentError, match=r"filled\(dy, y\)"):
                function(pieces)
    with pytest.raises(TangentError, match="no shape"):
        np.append(np.ones(2), ZeroTangent())


def test_a_zero_that_numpy_cannot_take_is_an_error_and_no_endless_recursion() -> None:
    with pytest.raises(TypeError, match="no implementation"):
        np.stack(deque([np.ones(2), ZeroTangent()]))  # type: ignore[call-overload]
