"""`test_rrule` along directions that the caller chose, `test_scalar`, `rand_tangent`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, Tangent, ZeroTangent, rrule, scalar_rule
from rules_runtime.testing import Along, RuleTestFailure, rand_tangent, test_rrule, test_scalar

pytestmark = pytest.mark.usefixtures("forget_rules")

S = np.array([[2.0, 0.5], [0.5, 1.0]])


def lower(a: Any, scale: Any) -> Any:
    """A function of symmetric matrices: of others it reads one half."""
    return scale * np.tril(a)[1, 0] + np.trace(a)


def register(slope: float) -> None:
    @rrule.register(lower)
    def rrule_lower(_: Any, a: Any, scale: Any) -> Any:
        def back(dy: Any) -> Any:
            off = slope * scale * dy
            return NoTangent(), np.array([[dy, off], [off, dy]]), dy * a[1, 0]

        return lower(a, scale), back


def test_along_a_direction() -> None:
    register(0.5)  # the mean of both halves: right along symmetric directions only
    with pytest.raises(RuleTestFailure, match="tangent differs"):
        test_rrule(lower, S, 3.0)
    symmetric = np.array([[1.0, -0.7], [-0.7, 0.3]])
    test_rrule(lower, Along(S, symmetric), 3.0)
    test_rrule(lower, Along(S, Tangent[tuple]((1.0, -0.7), (-0.7, 0.3))), Along(3.0, 2.0))


def test_a_wrong_rule_is_wrong_along_a_direction() -> None:
    register(0.6)
    with pytest.raises(RuleTestFailure, match=r"(?s)argument 1 \(a\).*along the chosen direction"):
        test_rrule(lower, Along(S, np.array([[0.0, 1.0], [1.0, 0.0]])), 3.0)
    test_rrule(lower, Along(S, np.eye(2)), 3.0)
    test_rrule(lower, Along(S, NoTangent()), 3.0)


def test_along_the_parts_of_a_structure() -> None:
    def total(p: Any) -> Any:
        return lower(p["a"], 1.0) + p["b"] ** 2

    @rrule.register(total)
    def rrule_total(_: Any, p: Any) -> Any:
        half = np.array([[1.0, 0.5], [0.5, 1.0]])
        back = lambda dy: (NoTangent(), Tangent[dict](a=half * dy, b=2 * p["b"] * dy))
        return total(p), back

    p = {"a": S, "b": 3.0}
    test_rrule(total, Along(p, Tangent[dict](a=np.ones((2, 2)), b=1.0)))
    test_rrule(total, Along(p, Tangent[dict](b=1.0)))
    with pytest.raises(RuleTestFailure, match="key 'a'"):
        test_rrule(total, Along(p, {"a": np.array([[0.0, 1.0], [0.0, 0.0]]), "b": ZeroTangent()}))


def test_functions_of_a_number() -> None:
    test_scalar(np.exp, 0.3)
    test_scalar(np.exp, 0.3 + 0.4j)
    test_scalar(np.abs, 0.3 + 0.4j)
    scalar_rule(wrong := lambda x: x**2, lambda y, x: x)
    with pytest.raises(RuleTestFailure, match="tangent differs"):
        test_scalar(wrong, 2.0)
    real_part_only = lambda z: z * z

    @rrule.register(real_part_only)
    def rrule_real_part_only(_: Any, z: Any) -> Any:
        return z * z, lambda dy: (NoTangent(), 2 * np.conj(z) * np.real(dy))

    with pytest.raises(RuleTestFailure, match="1j"):
        test_scalar(real_part_only, 0.3 + 0.4j)
    with pytest.raises(TypeError, match="gives a number"):
        test_scalar(lambda x: np.ones(2) * x, 1.0)


def test_random_tangents() -> None:
    x = ({"a": np.ones((2, 3)), "n": 3}, 1j)
    tangent = rand_tangent(x)
    assert tangent == rand_tangent(x)
    assert tangent != rand_tangent(x, np.random.default_rng(3))
    assert (tangent[0]["a"].shape, tangent[0]["n"]) == ((2, 3), NoTangent())
    assert isinstance(tangent[1], complex)
