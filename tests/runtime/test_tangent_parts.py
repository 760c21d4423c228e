"""Which part of a tangent belongs to which part of its primal:
structural, plain and natural tangents."""

from __future__ import annotations

import collections
import types
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import Tangent, TangentError, ZeroTangent
from rules_runtime.structure import parts_of
from rules_runtime.tangent_parts import parts_of_tangent


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    index: Any = 0

    def run(self) -> None: ...


def parts(tangent: Any, x: Any, **options: Any) -> Any:
    return parts_of_tangent(tangent, x, parts_of(x), **options)


def matrix(fmt: str = "csr") -> Any:
    return pytest.importorskip("scipy.sparse").csr_array([[1.0, 2.0], [0.0, 3.0]]).asformat(fmt)


@pytest.mark.parametrize(
    ("tangent", "x", "expected"),
    [
        (Tangent[tuple](1.0), (0.5, 0.5), {0: 1.0}),
        ((1.0, 2.0), (0.5, 0.5), {0: 1.0, 1: 2.0}),
        ([1.0, 2.0], (0.5, 0.5), {0: 1.0, 1: 2.0}),
        (np.array([1.0, 2.0]), [0.5, 0.5], {0: 1.0, 1: 2.0}),
        (Pair(1.0, 2.0), (0.5, 0.5), {0: 1.0, 1: 2.0}),
        (Tangent[Pair](b=2.0), (0.5, 0.5), {0: ZeroTangent(), 1: 2.0}),
        ((1.0, 2.0), Pair(0.5, 0.5), {"a": 1.0, "b": 2.0}),
        (Tangent[tuple](1.0, 2.0), Pair(0.5, 0.5), {"a": 1.0, "b": 2.0}),
        (Pair(1.0, 2.0), Pair(0.5, 0.5), {"a": 1.0, "b": 2.0}),
        ({"b": 2.0, 0: 1.0}, Pair(0.5, 0.5), {"a": 1.0, "b": 2.0}),
        ({"a": 1.0}, {"a": 0.5, "b": 0.5}, {"a": 1.0}),
        ({"w": 1.0}, Layer(0.5), {"w": 1.0}),
        (Tangent[Layer](w=1.0), Layer(0.5), {"w": 1.0}),
        (Layer(1.0), Layer(0.5), {"w": 1.0, "index": 0}),
        (Tangent[collections.deque](1.0), collections.deque([0.5]), {0: 1.0}),
        (
            collections.UserDict(a=1.0),
            collections.UserDict(a=0.5, b=0.5),
            {"a": 1.0},
        ),
    ],
    ids=repr,
)
def test_the_parts_of_a_tangent_by_the_keys_of_its_primal(
    tangent: Any, x: Any, expected: Any
) -> None:
    assert parts(tangent, x, strict=True) == expected


def test_the_tangent_of_a_bound_method_is_that_of_its_instance() -> None:
    method = Layer(0.5).run
    assert isinstance(method, types.MethodType)
    assert parts(Tangent[Layer](w=1.0), method) == {"__self__": Tangent[Layer](w=1.0)}


@pytest.mark.parametrize(
    ("tangent", "x"),
    [
        (1.0, (0.5, 0.5)),
        ("ab", (0.5, 0.5)),
        ((1.0,), (0.5, 0.5)),
        (np.ones(3), (0.5, 0.5)),
        ({"a": 1.0}, (0.5, 0.5)),
        ((1.0,), {"a": 0.5}),
        (Pair(1.0, 2.0), {"a": 0.5, "b": 0.5}),
        (Pair(1.0, 2.0), Layer(0.5)),
        (1.0, Layer(0.5)),
        (np.ones(2), Layer(np.ones(2))),
        (Tangent[tuple](1.0), {"a": 0.5}),
        (Tangent[dict](a=1.0), (0.5,)),
        (Layer(1.0, np.array([1, 0])), Layer(0.5, np.array([0, 1]))),
    ],
    ids=repr,
)
def test_what_is_no_tangent_of_the_primal(tangent: Any, x: Any) -> None:
    with pytest.raises(TangentError, match="cannot be the tangent of"):
        parts(tangent, x)


@pytest.mark.parametrize("x", [{"a": 0.5}, Layer(0.5), Pair(0.5, 0.5)], ids=repr)
@pytest.mark.parametrize("tangent", [{"z": 0.0}, Tangent[dict](z=0.0)], ids=repr)
def test_a_part_that_the_primal_has_not(tangent: Any, x: Any) -> None:
    parts(tangent, x)
    with pytest.raises(TangentError, match="has no part 'z'"):
        parts(tangent, x, strict=True)
    assert parts({"z": None}, x, strict=True) == {"z": None}


@pytest.mark.parametrize("fmt", ["csr", "csc", "coo"])
def test_a_matrix_for_a_sparse_one_is_read_where_that_has_numbers(fmt: str) -> None:
    x, dense = matrix(fmt), np.array([[5.0, 6.0], [7.0, 8.0]])
    kept = x.copy()
    kept.data = parts(dense, x)["data"]
    assert kept.toarray().tolist() == [[5.0, 6.0], [0.0, 8.0]]
    other = matrix("coo")
    other.data = np.array([1.0, 2.0, 4.0])
    kept.data = parts(other.tocsc(), x)["data"]
    assert kept.toarray().tolist() == other.toarray().tolist()
    with pytest.raises(TangentError, match="cannot be the tangent of"):
        parts(np.ones((2, 3)), x)
    with pytest.raises(TangentError, match="cannot be the tangent of"):
        parts(dense, matrix("dia"))
