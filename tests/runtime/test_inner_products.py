"""`dot` and `norm` of tangents."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    NoTangent,
    NotImplementedTangent,
    Tangent,
    TangentError,
    Thunk,
    ZeroTangent,
    dot,
    gradient,
    norm,
)


class Pair(NamedTuple):
    a: Any
    b: Any


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (2.0, 3.0, 6.0),
        (2, np.float32(3.0), 6.0),
        (1j, 1j, 1.0),
        (1j, 1.0, -1j),
        (np.array([1.0, 2.0]), np.array([3.0, 4.0]), 11.0),
        (np.array([1j]), np.array([1.0]), -1j),
        (np.zeros((0, 2)), np.zeros((0, 2)), 0.0),
        (np.array(2.0), 3.0, 6.0),
        (ZeroTangent(), np.ones(2), 0.0),
        (1.0, NoTangent(), 0.0),
        (None, 1.0, 0.0),
        (Thunk(lambda: 2.0), Thunk(lambda: Thunk(lambda: 3.0)), 6.0),
        (Tangent[tuple](1.0, np.ones(2)), Tangent[tuple](2.0, np.ones(2), 5.0), 4.0),
        (Tangent[tuple](1.0, 2.0), (3.0, None), 3.0),
        (Tangent[Pair](b=2.0), Tangent[tuple](1.0, 2.0), 4.0),
        (Tangent[Pair](b=2.0), Pair(1.0, 2.0), 4.0),
        (Tangent[dict](a=1.0, b=[2.0]), {"b": Tangent[list](3.0), "c": 1.0}, 6.0),
        (Tangent[tuple](), Tangent[tuple](1.0), 0.0),
        (NotImplementedTangent("x"), 1.0, NotImplementedTangent("x")),
    ],
    ids=repr,
)
def test_dot(a: Any, b: Any, expected: Any) -> None:
    assert dot(a, b) == expected


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(2), np.ones(3)),
        (np.ones((1, 2)), np.ones(2)),
        (Tangent[tuple](1.0), 1.0),
        (Tangent[tuple](1.0), Tangent[dict](a=1.0)),
        ({"a": 1.0}, (1.0,)),
    ],
    ids=repr,
)
def test_tangents_of_different_values(a: Any, b: Any) -> None:
    with pytest.raises(TangentError, match="not tangents of one value"):
        dot(a, b)


def test_the_norm_is_that_of_all_numbers() -> None:
    assert norm(Tangent[dict](a=3.0, b=Tangent[tuple](np.array([0.0, 4.0j]), None))) == 5.0
    assert norm(ZeroTangent()) == 0.0
    assert gradient(lambda x: norm(Tangent[tuple](x, 2.0 * x)), 1.0)[0] == pytest.approx(5**0.5)
