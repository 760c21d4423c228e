"""What values are made of, whether they can be perturbed, and their zeros."""

from __future__ import annotations

import collections
import enum
import functools
import logging
import math
import pathlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime.structure import (
    can_be_perturbed,
    field_names,
    fields_of,
    filled,
    is_namedtuple,
    parts_of,
    zero_of,
    zero_tangent,
)
from rules_runtime.tangents import NoTangent, Tangent, ZeroTangent, same
from rules_runtime.thunks import Thunk


@dataclass
class Foo:
    a: float
    name: str = ""
    w: Any = field(default_factory=lambda: np.ones(2))


class Slotted:
    __slots__ = ("_kept", "never_set", "step", "__private")

    def __init__(self) -> None:
        self.step, self._kept, self.__private = 0.5, "x", 1.0


class Below(Slotted):
    def __init__(self) -> None:
        super().__init__()
        self.extra = 2.0


class Layer:
    def __init__(self, w: Any, inner: Any = None) -> None:
        self.w, self.inner = w, inner

    def apply(self, x: Any) -> Any:
        return self.w * x

    @property
    def size(self) -> int:
        raise AssertionError("properties are not fields")


class State(NamedTuple):
    h: Any
    n: int = 0


class Color(enum.Enum):
    RED = 1.5


def plain(x: Any) -> Any:
    return x


def test_fields() -> None:
    assert list(fields_of(Foo(1.0)) or ()) == ["a", "name", "w"]
    assert fields_of(State(1.0, 2)) == {"h": 1.0, "n": 2}
    assert fields_of(Slotted()) == {"_kept": "x", "step": 0.5, "_Slotted__private": 1.0}
    assert fields_of(Below()) == {"_kept": "x", "step": 0.5, "_Slotted__private": 1.0, "extra": 2.0}
    assert fields_of(functools.partial(plain, 1.0, k=2)) == {
        "func": plain,
        "args": (1.0,),
        "keywords": {"k": 2},
    }
    layer = Layer(1.0)
    assert fields_of(layer.apply) == {"__self__": layer}


@pytest.mark.parametrize(
    "x",
    [
        1.0,
        1,
        "a",
        None,
        np.ones(2),
        np.float64(1),
        (1.0,),
        [1.0],
        {"a": 1.0},
        plain,
        Foo,
        np.sin,
        object(),
        {1.0},
    ],
    ids=repr,
)
def test_what_has_no_named_fields(x: Any) -> None:
    assert fields_of(x) is None


def test_parts() -> None:
    assert parts_of((1.0, 2.0)) == {0: 1.0, 1: 2.0}
    assert parts_of([1.0]) == {0: 1.0}
    assert parts_of(deque([1.0])) == {0: 1.0}
    assert parts_of({"k": 1.0, 2: 3.0}) == {"k": 1.0, 2: 3.0}
    assert parts_of(State(1.0)) == {"h": 1.0, "n": 0}
    assert parts_of(1.0) is None
    assert is_namedtuple(State(1.0))
    assert not is_namedtuple(State)


def test_names_of_fields_also_of_those_not_set() -> None:
    assert set(field_names(Slotted())) >= {"step", "_kept", "never_set"}
    assert set(field_names(Foo(1.0))) == {"a", "name", "w"}
    assert field_names(Layer(1.0)) == ("w", "inner")
    assert field_names(1.0) == ()
    assert field_names("a") == ()


CAN = [
    1.0,
    1j,
    np.float32(1),
    np.complex64(1),
    np.ones(2),
    np.ones(2, complex),
    np.array([1.0, None], dtype=object),
    (1, 2.0),
    [[1.0]],
    {"a": "b", "c": 1.0},
    deque([1.0]),
    Foo(1.0),
    State(1.0),
    State(None, 0.5),
    Slotted(),
    Layer("w", Layer(1.0)),
    Layer(1.0).apply,
    functools.partial(plain, 1.0),
]
CANNOT = [
    "a",
    b"a",
    1,
    True,
    None,
    ...,
    slice(1.0),
    range(3),
    np.int64(1),
    np.bool_(True),
    np.datetime64("2020"),
    np.arange(3),
    np.array(["a"]),
    np.array([True]),
    np.dtype(float),
    np.sin,
    np.sum,
    np,
    int,
    Foo,
    list[float],
    math.sin,
    plain,
    lambda x: x,
    functools.partial(plain, 1),
    Color.RED,
    pathlib.Path("a"),
    object(),
    (),
    [],
    {},
    (1, "a", None),
    {"a": 1},
    {1.0},
    Layer("w"),
    Layer("w").apply,
    np.random.default_rng(1),
    ZeroTangent(),
]


@pytest.mark.parametrize("x", CAN, ids=repr)
def test_what_can_be_perturbed(x: Any) -> None:
    assert can_be_perturbed(x)
    assert zero_of(x) is ZeroTangent()


@pytest.mark.parametrize("x", CANNOT, ids=repr)
def test_what_cannot_be_perturbed(x: Any) -> None:
    assert not can_be_perturbed(x)
    assert zero_of(x) is NoTangent()
    assert zero_tangent(x) is NoTangent()


def test_structures_that_hold_themselves() -> None:
    layer = Layer("w")
    layer.inner = layer
    assert not can_be_perturbed(layer)
    layer.w = 1.0
    assert zero_tangent(layer) == Tangent[Layer](w=0.0)
    knot: list[Any] = [1]
    knot.append(knot)
    assert not can_be_perturbed(knot)


def test_a_large_web_of_objects_is_walked_once() -> None:
    web: Any = Layer("w")
    for _ in range(200):
        web = Layer(web, web)  # 2 ** 200 paths
    assert not can_be_perturbed(web)
    assert can_be_perturbed(logging.getLogger("a")) in (True, False)  # and comes to an end


def test_zero_tangents_have_the_structure_written_out() -> None:
    assert zero_tangent(2.0) == 0.0
    assert type(zero_tangent(np.float32(2))) is np.float32
    assert type(zero_tangent(2j)) is complex
    zeros = zero_tangent(np.ones((2, 3), np.float32))
    assert zeros.dtype == np.float32
    assert zeros.shape == (2, 3)
    assert not zeros.any()
    found = zero_tangent(Foo(1.0, "x", np.ones(2)))
    assert type(found) is Tangent[Foo]
    assert list(found) == ["a", "w"]
    assert found.w.tolist() == [0.0, 0.0]
    assert (
        repr(zero_tangent((1.0, "a", [2.0])))
        == "Tangent[tuple](0.0, NoTangent(), Tangent[list](0.0))"
    )
    assert repr(zero_tangent(State(1.0))) == "Tangent[State](h=0.0, n=NoTangent())"
    assert repr(zero_tangent({"k": 1.0, "s": "x"})) == "Tangent[dict]({'k': 0.0})"
    assert zero_tangent(Layer(1.0).apply) == Tangent[Layer](w=0.0)


def test_zero_tangents_are_new_and_can_be_added_to() -> None:
    x = np.ones(2)
    first, second = zero_tangent((x, x))
    first += 1.0
    assert second.tolist() == [0.0, 0.0]
    assert x.tolist() == [1.0, 1.0]


def test_zero_tangents_of_object_arrays() -> None:
    x = np.empty(2, object)
    x[:] = [1.0, (2.0, "a")]
    found = zero_tangent(x)
    assert found[0] == 0.0
    assert found[1] == Tangent[tuple](0.0, NoTangent())


@pytest.mark.parametrize("x", [x for x in CAN if getattr(x, "dtype", None) != object], ids=repr)
def test_zero_tangents_are_zero(x: Any) -> None:
    assert same(zero_tangent((x,)), ZeroTangent())


def test_subclasses_of_containers_keep_their_type() -> None:
    ordered = collections.OrderedDict(a=1.0)
    assert type(zero_tangent(ordered)) is Tangent[collections.OrderedDict]


class Named(NamedTuple):
    a: Any
    b: Any


@pytest.mark.parametrize("zero", [ZeroTangent(), NoTangent()])
def test_zeros_written_out(zero: Any) -> None:
    y = (np.ones((2, 0), np.float32), [1.0, 2j], {"k": Named(np.float32(1), 3), "s": "text"})
    a, (b, c), d = filled(zero, y)
    assert (a.shape, a.dtype) == ((2, 0), np.float32)
    assert (b, c, type(c)) == (0.0, 0j, np.complex128)
    assert (type(d["k"]), d["k"]) == (Named, Named(0.0, 0.0))
    assert (d["k"].a.dtype, d["k"].b.dtype) == (np.float32, np.float64)
    assert d["s"] is zero
    assert type(filled(zero, [1.0])) is list


def test_what_is_given_stays() -> None:
    x = np.ones(2)
    assert filled(x, np.zeros(2)) is x
    given = Tangent[Named](b=Thunk(lambda: x))
    assert filled(given, Named(1.0, x)) == Named(0.0, x)
    assert filled(Thunk(lambda: (x, ZeroTangent())), (x, 1.0))[0] is x
    assert filled(Tangent[dict]({"a": x}), {"a": x, "b": 1.0}) == {"a": x, "b": 0.0}
    assert filled(Tangent[tuple](x, ZeroTangent()), Named(x, 1.0)) == (x, 0.0)
