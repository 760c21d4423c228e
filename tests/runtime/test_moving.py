"""Structures moved along their tangents: `p - 0.1 * g`."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import Tangent, TangentError, ZeroTangent, add, gradient, zero_tangent
from rules_runtime.structure import parts_of
from rules_runtime.tangents import same


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass(frozen=True)
class Layer:
    w: Any
    b: Any = 1.0
    name: str = "n"


class Slotted:
    __slots__ = ("a", "n")

    def __init__(self, a: Any) -> None:
        self.a, self.n = a, 3


def halves(x: Any) -> Any:
    """The sum of the squares of all numbers in a structure, over two:
    its gradient is the structure itself."""
    if isinstance(x, (float, np.ndarray)):
        return np.sum(x * x) / 2
    parts = parts_of(x)
    return sum(map(halves, parts.values())) if isinstance(parts, dict) else 0.0


STRUCTURES = [
    (1.0, "a", [2.0, np.ones(2)], 3),
    [1.0, (np.ones((2, 2)),)],
    {"a": 1.0, 3: (2.0, None)},
    collections.OrderedDict(a=1.0),
    collections.deque([1.0, 2.0]),
    collections.UserDict(a=1.0, b=(1.0,)),
    collections.ChainMap({"a": 1.0}, {"b": 2.0, "a": 5.0}),
    Pair(1.0, np.array(2.0)),
    Layer(np.ones(2), 3.0),
    {"layers": [Layer(np.ones(2, np.float32)), Layer(np.float32(1.0))]},
    Slotted(1.0),
]


@pytest.mark.parametrize("p", STRUCTURES, ids=lambda p: type(p).__name__)
def test_a_step_down_the_gradient(p: Any) -> None:
    (g,) = gradient(halves, p)
    moved = p - 0.25 * g
    assert halves(moved) == pytest.approx(halves(p) * 0.75**2)
    assert_alike(moved, p)
    for doubled in (p + g, g + p):
        assert_alike(doubled, p)
        assert halves(doubled) == pytest.approx(4 * halves(p))
    assert halves(p - zero_tangent(p)) == halves(p - ZeroTangent()) == halves(p)
    before = p
    p -= g
    assert halves(p) == 0.0
    assert halves(before) > 0.0, "nothing is changed in place"


def assert_alike(x: Any, y: Any) -> None:
    """Of the same types all the way down, and the same where there is nothing to move."""
    assert type(x) is type(y)
    if isinstance(x, np.ndarray):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
    elif (parts := parts_of(x)) is not None:
        for part, other in zip(parts.values(), parts_of(y).values(), strict=True):
            assert_alike(part, other)
    elif not isinstance(x, (float, np.floating)):
        assert x == y


def test_add_moves_an_object() -> None:
    moved = add(Layer(1.0), Tangent[Layer](w=2.0))
    assert moved == Layer(3.0)
    assert isinstance(add({"a": 1.0}, Tangent[dict](a=1.0)), Tangent), "a plain dict is a tangent"


def test_what_occurs_twice_is_moved_once_by_what_flows_to_both_places() -> None:
    shared = [1.0]
    p = (shared, shared)
    moved = p - 0.5 * Tangent[tuple](Tangent[list](1.0), Tangent[list](3.0))
    assert moved == ([-1.0], [-1.0])
    assert moved[0] is moved[1]
    (g,) = gradient(lambda p: p[0][0] * p[1][0], p)
    assert p - 0.25 * g == ([0.5], [0.5])


def test_a_step_can_be_differentiated() -> None:
    def after_a_step(rate: Any) -> Any:
        p = Layer(np.array([1.0, 2.0]))
        return halves(p - rate * gradient(halves, p)[0])

    (d,) = gradient(after_a_step, 0.1)
    assert d == pytest.approx(-6.0 * 0.9)  # of 3 * (1 - rate) ** 2, and nothing else moves ...
    assert same(gradient(lambda w: halves(Layer(w) - Tangent[Layer](w=w)), 3.0), (0.0,))


@pytest.mark.parametrize(
    ("p", "tangent"),
    [
        ((1.0,), Tangent[tuple](1.0, 2.0)),
        ((1.0, 3), Tangent[tuple](1.0, 2.0)),
        ((None,), Tangent[tuple](1.0)),
        ({"a": 1.0}, Tangent[dict](b=1.0)),
        ({"a": 1.0}, Tangent[tuple](1.0)),
        (Layer(1.0), Tangent[Layer](w=np.ones(2))),
        (Layer(1.0), Tangent[Layer](name=1.0)),
        (Layer(1.0), Tangent[Pair](1.0)),
    ],
    ids=repr,
)
def test_a_tangent_of_something_else(p: Any, tangent: Any) -> None:
    with pytest.raises(TangentError):
        p - tangent
    with pytest.raises(TangentError):
        p + tangent


@pytest.mark.parametrize("x", [1.0, "text", None, np.ones(2), 1j, object()], ids=repr)
def test_what_has_no_parts_is_not_moved_by_a_structure(x: Any) -> None:
    with pytest.raises(TypeError):
        x - Tangent[dict](a=1.0)
    with pytest.raises(TypeError):
        x + Tangent[dict](a=1.0)
