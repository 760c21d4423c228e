"""`unconjugated`: a rule in the convention of other ADs, in this one's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    InplaceableThunk,
    NoTangent,
    NotImplementedTangent,
    RuleConfig,
    Tangent,
    TapeConfig,
    Thunk,
    UnbroadcastTo,
    ZeroTangent,
    gradient,
    rrule,
    unconjugated,
    unthunk,
)
from rules_runtime.testing import test_rrule as check_rrule

Z = np.array([1.0 + 2j, -0.5j, 3.0])


def cube(z: Any) -> Any:
    return z**3


@rrule.register(cube)
@unconjugated
def rrule_cube(_: Any, z: Any) -> Any:
    def cube_pullback(g: Any) -> Any:
        return NoTangent(), g * 3 * z**2

    return cube(z), cube_pullback


def test_a_holomorphic_rule_is_right() -> None:
    check_rrule(cube, Z)
    check_rrule(cube, 1.5 - 1j)
    check_rrule(cube, np.array([1.0, 2.0]))
    assert gradient(lambda x: gradient(cube, x)[0], 2.0) == (12.0,)


def test_whatever_a_tangent_is() -> None:
    parts = Tangent[tuple](1j, Thunk(lambda: 2 + 1j))
    missing = NotImplementedTangent("none")
    many = (1j, parts, Thunk(lambda: 1 - 1j), NoTangent(), ZeroTangent(), missing, 2.0)
    in_place = InplaceableThunk(lambda acc: np.add(acc, 1j, out=acc), lambda: np.array([1j]))
    _, back = unconjugated(lambda _, x: (x, lambda dy: (dy, *many, in_place)))(None, 1.0)
    first, number, tangent, thunk, *same, twice, added = back(1 + 1j)
    assert (first, number, twice) == (1 + 1j, -1j, 2.0)  # it came conjugated, and goes so
    assert unthunk(tangent) == Tangent[tuple](-1j, 2 - 1j)
    assert isinstance(thunk, Thunk)
    assert unthunk(thunk) == 1 + 1j
    assert same == [NoTangent(), ZeroTangent(), missing]
    np.testing.assert_array_equal(unthunk(added), [-1j])
    assert isinstance(added, InplaceableThunk)
    total = np.array([2 + 2j])
    assert added.add_to(total) is total
    np.testing.assert_array_equal(total, [2 + 1j])


def test_a_config_and_annotations_still_dispatch() -> None:
    def halve(x: Any) -> Any:
        return x / 2

    @rrule.register(halve)
    @unconjugated
    def rrule_halve(config: RuleConfig, _: Any, x: float) -> Any:
        return x / 2, lambda g: (NoTangent(), g / 2)

    assert rrule(TapeConfig(), halve, 3.0)[0] == 1.5
    assert rrule(TapeConfig(), halve, "3") is None


def test_no_rule_for_this_call() -> None:
    assert unconjugated(lambda _, x: None)(None, 1.0) is None


@pytest.mark.parametrize(
    ("x", "dx", "expected"),
    [
        (np.zeros(3), np.ones((2, 3)), [2.0, 2.0, 2.0]),
        (np.zeros((2, 1)), np.ones((4, 2, 3)), [[12.0], [12.0]]),
        (1.0, np.ones((2, 3)), 6.0),
        (np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 3))),
        (np.zeros((0, 3)), np.ones((0, 3)), np.ones((0, 3))),
        (np.zeros(3), np.ones((0, 3)), np.zeros(3)),
        (np.float32(1), np.ones(2), 2.0),
        (np.zeros(2), np.ones((3, 2)) * (1 + 1j), [3.0, 3.0]),
    ],
)
def test_unbroadcast(x: Any, dx: Any, expected: Any) -> None:
    """Summed over the axes that broadcasting made, then projected: real stays real."""
    found = UnbroadcastTo(x)(dx)
    np.testing.assert_array_equal(found, expected)
    assert np.result_type(found) == np.result_type(x)
    lazy = UnbroadcastTo(x)(Thunk(lambda: dx))
    assert isinstance(lazy, Thunk)
    np.testing.assert_array_equal(unthunk(lazy), expected)


@pytest.mark.parametrize(("x", "expected"), [(2, 6.0), (np.arange(3), [2.0, 2.0, 2.0])])
def test_unbroadcast_to_integers(x: Any, expected: Any) -> None:
    """A rule does not know whether its caller wants that tangent."""
    np.testing.assert_array_equal(UnbroadcastTo(x)(np.ones((2, 3))), expected)
    assert UnbroadcastTo(True)(np.ones(3)) == NoTangent()


def test_unbroadcast_of_what_has_no_shape() -> None:
    assert UnbroadcastTo("a")(1.0) == NoTangent()
    assert UnbroadcastTo(1.0)(ZeroTangent()) == ZeroTangent()
    parts = UnbroadcastTo((1.0, np.zeros(2)))((2.0, np.ones(2)))
    assert parts[0] == 2.0


def test_unbroadcast_keeps_no_array() -> None:
    import gc
    import weakref

    x = np.zeros(1000)
    alive = weakref.ref(x)
    projection = UnbroadcastTo(x)
    del x
    gc.collect()
    assert alive() is None
    assert projection(1.0 * np.ones(1000)).shape == (1000,)


def test_what_adds_in_place_is_not_computed_for_real_numbers() -> None:
    def computed() -> Any:
        raise AssertionError

    in_place = InplaceableThunk(lambda acc: np.add(acc, 1.0, out=acc), computed)
    _, back = unconjugated(lambda _, x: (x, lambda dy: (NoTangent(), in_place)))(None, 1.0)
    np.testing.assert_array_equal(back(1.0)[1].add_to(np.zeros(2)), [1.0, 1.0])
