"""Places where a gradient could get lost without a word:
it arrives, or there is an error that says what to do."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, gradient, rrule


def test_a_cache_does_not_hand_out_a_value_without_its_gradient() -> None:
    @functools.lru_cache
    def square(x: float) -> float:
        return x * x

    square(3.0)
    with pytest.raises(TypeError, match=r"lru_cache .* without its gradient"):
        gradient(lambda x: 2 * square(x), 3.0)


def test_a_traced_value_is_no_key() -> None:
    with pytest.raises(TypeError, match="ignore_derivatives"):
        gradient(lambda x: {x: 1.0}[x], 3.0)


def test_a_namespace_is_a_structure() -> None:
    def boxed(x: Any) -> Any:
        return types.SimpleNamespace(a=2 * x, note="b")

    assert gradient(lambda x: 3 * boxed(x).a, 2.0) == (6.0,)

    @rrule.register(boxed)
    def rrule_boxed(_: Any, x: Any) -> Any:
        return boxed(x), lambda dy: (NoTangent(), 5.0 * dy.a)

    assert gradient(lambda x: 3 * boxed(x).a, 2.0) == (15.0,)
    (d,) = gradient(lambda box: np.sum(box.a**2), types.SimpleNamespace(a=np.array([1.0, 2.0])))
    assert d.a.tolist() == [2.0, 4.0]


def test_integers_made_of_traced_values_are_plain() -> None:
    def f(x: Any) -> Any:
        return x[np.int64(x)] * np.sum(np.asarray(x, dtype=int)) + x[np.array(x[1:], "i4")[0]]

    assert np.array_equal(gradient(lambda x: np.sum(f(x)), np.array([1.0, 0.0]))[0], [3.0, 1.0])
