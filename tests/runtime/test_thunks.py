"""Thunks: computed when somebody asks, at most once, and forgotten by arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime.tangents import NoTangent, Tangent, ZeroTangent, same
from rules_runtime.thunks import InplaceableThunk, Thunk, unthunk


class Counted:
    """A computation that counts how often it is done."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        return self.value


def test_a_thunk_is_computed_when_asked_and_only_once() -> None:
    counted = Counted(2.0)
    thunk = Thunk(counted)
    assert counted.times == 0
    assert repr(thunk) == "Thunk(...)"
    assert unthunk(thunk) == thunk.unthunk() == thunk() == 2.0
    assert counted.times == 1
    assert repr(thunk) == "Thunk(2.0)"


def test_a_failed_computation_is_tried_again() -> None:
    attempts = []

    def flaky() -> float:
        attempts.append(1)
        if len(attempts) == 1:
            raise ZeroDivisionError
        return 1.0

    thunk = Thunk(flaky)
    with pytest.raises(ZeroDivisionError):
        unthunk(thunk)
    assert unthunk(thunk) == 1.0


def test_thunks_of_thunks_are_computed_to_the_end() -> None:
    assert unthunk(Thunk(lambda: Thunk(lambda: 3.0))) == 3.0


def test_parts_of_tangents_are_computed_and_everything_else_passes() -> None:
    inner = Tangent[tuple](Thunk(lambda: 1.0), ZeroTangent())
    found = unthunk(Tangent[dict](a=inner, b=Thunk(lambda: Tangent[tuple](Thunk(lambda: 2.0)))))
    assert type(found._parts["a"]._parts[0]) is float
    assert found == Tangent[dict](a=Tangent[tuple](1.0), b=Tangent[tuple](2.0))
    plain = Tangent[tuple](1.0)
    assert unthunk(plain) is plain
    for x in (1.0, np.ones(2), NoTangent(), [1.0]):
        assert unthunk(x) is x


@pytest.mark.parametrize(
    "other", [3.0, np.array([1.0, 2.0]), Thunk(lambda: 3.0), np.float64(3)], ids=repr
)
def test_arithmetic_computes(other: Any) -> None:
    value = np.array([5.0, 7.0])

    def thunk() -> Thunk:
        return Thunk(lambda: value)

    b = unthunk(other)
    for found, expected in [
        (thunk() + other, value + b),
        (other + thunk(), b + value),
        (thunk() - other, value - b),
        (other - thunk(), b - value),
        (thunk() * other, value * b),
        (other * thunk(), b * value),
        (thunk() / other, value / b),
        (-thunk(), -value),
    ]:
        assert not isinstance(found, Thunk)
        assert same(found, expected)


def test_products_of_matrices_and_parts() -> None:
    a = np.arange(4.0).reshape(2, 2)
    assert same(Thunk(lambda: a) @ a, a @ a)
    assert same(a @ Thunk(lambda: a), a @ a)
    assert same(Thunk(lambda: a)[1], a[1])
    assert same(Thunk(lambda: 1j * a).conj(), -1j * a)


@pytest.mark.parametrize("zero", [ZeroTangent(), NoTangent()], ids=repr)
def test_zeros_and_thunks(zero: Any) -> None:
    counted = Counted(2.0)
    assert unthunk(zero + Thunk(counted)) == 2.0
    assert unthunk(Thunk(counted) + zero) == 2.0
    assert zero * Thunk(counted) is zero
    assert Thunk(counted) * zero is zero


def test_tangents_and_thunks_add() -> None:
    t = Tangent[dict](a=1.0)
    assert t + Thunk(lambda: t) == Tangent[dict](a=2.0)
    assert Thunk(lambda: t) + t == Tangent[dict](a=2.0)
    assert Tangent[dict](a=Thunk(lambda: 1.0)) + t == Tangent[dict](a=2.0)
    assert 2 * Tangent[dict](a=Thunk(lambda: 1.0)) == Tangent[dict](a=2.0)


def test_numpy_computes_thunks() -> None:
    thunk = Thunk(lambda: np.array([1.0, 4.0]))
    assert np.sqrt(thunk).tolist() == [1.0, 2.0]
    assert np.asarray(thunk).tolist() == [1.0, 4.0]
    assert np.stack([thunk, thunk]).shape == (2, 2)
    assert np.add.reduce(thunk) == 5.0


def test_thunks_compare_by_value() -> None:
    assert Thunk(lambda: 1.0) == 1.0
    assert Thunk(lambda: 1.0) == Thunk(lambda: 1.0)
    assert Thunk(lambda: 1.0) != 2.0
    assert Tangent[tuple](Thunk(lambda: 1.0)) == Tangent[tuple](1.0)
    with pytest.raises(TypeError):
        hash(Thunk(lambda: 1.0))


def test_an_inplaceable_thunk_is_both() -> None:
    def add_to(acc: Any) -> Any:
        acc += 1.0
        return acc

    thunk = InplaceableThunk(add_to, Thunk(lambda: np.ones(2)))
    assert isinstance(thunk, Thunk)
    assert unthunk(thunk).tolist() == [1.0, 1.0]
    assert thunk.add_to(np.zeros(2)).tolist() == [1.0, 1.0]
    assert repr(thunk) == "InplaceableThunk(array([1., 1.]))"
