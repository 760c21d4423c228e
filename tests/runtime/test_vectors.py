"""Tangents as flat vectors, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import NoTangent, Tangent, Thunk, ZeroTangent
from rules_runtime.vectors import TangentSpace


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    name: str = "n"

    def run(self) -> None: ...


@pytest.mark.parametrize(
    ("x", "size"),
    [
        (1.0, 1),
        (np.ones((2, 3)), 6),
        (1j, 2),
        (np.ones(2, complex), 4),
        ("a", 0),
        ((), 0),
        ((1.0, "a", [np.ones(2), 1j]), 5),
        ({"a": 1.0, "b": Pair(1.0, 2)}, 2),
        (Layer(np.ones(3)), 3),
        (Layer(1.0).run, 1),
        (np.array([1.0, (2.0, 3)], object), 2),
    ],
    ids=repr,
)
def test_there_and_back(x: Any, size: int) -> None:
    space = TangentSpace(x)
    assert space.size == size
    numbers = np.arange(1.0, size + 1)
    tangent = space.tangent(numbers)
    np.testing.assert_array_equal(space.vector(tangent), numbers)
    np.testing.assert_array_equal(space.vector(ZeroTangent()), np.zeros(size))
    assert (tangent is NoTangent()) == (size == 0)


def test_what_is_not_given_is_zero() -> None:
    space = TangentSpace({"a": 1.0, "b": Pair(np.ones(2), 1.0)})
    found = space.vector(Tangent[dict](b=Tangent[Pair](a=Thunk(lambda: np.array([1.0, 2.0])))))
    np.testing.assert_array_equal(found, [0.0, 1.0, 2.0, 0.0])


def test_what_holds_itself() -> None:
    x: list[Any] = [1.0]
    x.append(x)
    assert TangentSpace(x).size == 1
