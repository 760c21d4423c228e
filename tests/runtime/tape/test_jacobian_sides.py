"""The Jacobian by rows and by columns is the same, and the cheaper side is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, jacobian, rrule
from rules_runtime.tape import derivatives

A = np.cos(np.arange(120.0)).reshape(40, 3)

PROGRAMS = [
    lambda x: np.sin(np.sum(A[:, : x.size] * np.ravel(x), axis=1)) ** 2,
    lambda x: np.multiply.outer(np.exp(np.ravel(x)), A),
    lambda x: np.concatenate([np.ravel(x)] * 15)[::-1] ** 3,
    lambda x: np.where(A > 0.3, np.max(x), A * np.sum(x)),
    lambda x: np.full((7, 5), 2.0),
]


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each Jacobian, whether it went by columns."""
    taken: list[bool] = []
    by_columns = derivatives._by_columns

    def noted(trace: Any, x: Any) -> Any:
        found = by_columns(trace, x)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(derivatives, "_by_columns", noted)
    return taken


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_both_sides_give_the_same(
    program: Any, shape: Any, kind: Any, sides: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.asarray(0.3 + np.arange(float(np.prod(shape))).reshape(shape) / 7, kind)
    columns = jacobian(program, x)
    monkeypatch.setattr(derivatives, "_TALL", np.inf)
    rows = jacobian(program, x)
    assert columns.shape == rows.shape
    np.testing.assert_allclose(columns, rows, rtol=1e-5 if kind is np.float32 else 1e-12)
    if kind is np.float64:
        assert columns.dtype == rows.dtype and sides == [
            np.size(program(x)) > 4 * (x.size + 1),
            False,
        ]


def test_numbers_and_what_stays_with_rows(sides: list[bool]) -> None:
    curve = jacobian(lambda t: np.sin(t * np.arange(20.0)), 0.5)
    np.testing.assert_allclose(curve, np.arange(20.0) * np.cos(0.5 * np.arange(20.0)))
    jacobian(lambda x: np.exp(1j * x * np.arange(20.0)), 0.5)  # complex
    jacobian(lambda x: x * np.arange(20.0), 0.5 + 1j)
    jacobian(lambda p: p["a"] * np.arange(20.0), {"a": 2.0})
    jacobian(lambda x: np.sum(x**2), np.ones(3))
    jacobian(lambda x: jacobian(lambda y: y * np.arange(20.0), x), 0.5)
    assert sides == [True, False, False, False, False, False, True]


def test_a_pullback_that_cannot_be_traced(forget_rules: None) -> None:
    def f(x: Any) -> Any:
        return x[0] * np.arange(20.0)

    @rrule.register(f)
    def rule(_: Any, x: Any) -> Any:
        def pullback(dy: Any) -> Any:
            return NoTangent(), np.array([sum(float(d) * k for k, d in enumerate(dy)), 0.0])

        return f(x), pullback

    found = jacobian(f, np.array([2.0, 3.0]))
    assert found[:, 0].tolist() == list(range(20)) and not np.any(found[:, 1])
