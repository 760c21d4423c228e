"""Tools for authors of rules: the printed trace, the profile, debug mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, gradient, rrule
from rules_runtime.errors import RuleError
from rules_runtime.tape.protocols import FAST_UNARY as UNARY
from rules_runtime.tape.tools import WrongTangentError, debug_mode, profile, trace


def loss(x: Any, w: Any) -> Any:
    h = np.tanh(w @ x)
    y = np.concatenate([h, x[:2]])
    return np.sum(y**2) + np.linalg.svd(np.outer(y, y))[1][0]


def test_a_trace_prints_operations_shapes_bytes_and_lines() -> None:
    listing = trace(loss, np.ones(3), np.eye(3))
    by_name = {step.operation: step for step in listing.steps}
    assert by_name["np.tanh"].shape == (3,)
    assert by_name["np.tanh"].kept == 24
    assert by_name["np.concatenate"].source == f"test_tools.py:{loss.__code__.co_firstlineno + 2}"
    assert by_name["np.linalg.svd[1]"].shape == (5,)
    text = str(listing)
    assert len(text.splitlines()) == len(listing) + 1
    assert "matmul" in text
    assert "24 B" in text


def test_a_profile_counts_and_times_rules() -> None:
    found = profile(lambda x: np.sum(np.sin(np.sin(x)) * np.exp(x)), np.ones(4))
    assert found.calls["np.sin"] == 2
    assert found.seconds["np.exp"] > 0
    assert str(found).startswith("rule")


def test_debug_mode_tells_what_each_rule_gave() -> None:
    said: list[str] = []
    with debug_mode(said.append):
        (dx, _) = gradient(loss, np.ones(3), np.eye(3))
    np.testing.assert_allclose(dx, gradient(loss, np.ones(3), np.eye(3))[0])
    assert any("np.tanh" in line and "ndarray of shape (3,)" in line for line in said)
    said.clear()
    gradient(loss, np.ones(3), np.eye(3))
    assert not said


def test_debug_mode_finds_wrong_tangents(monkeypatch: Any) -> None:
    from rules_runtime.forms import FORMS, Form

    wrong = Form(np.tril, [lambda g, y, x, k=0: g[:, :2] * 1j], "", None, broadcasts=False)
    monkeypatch.setitem(FORMS, np.tril, wrong)
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        gradient(lambda x: np.sum(np.tril(x)), np.ones((2, 3)))
    monkeypatch.setitem(UNARY, np.sin, (lambda g, x: g[:1], 0))
    with debug_mode(None), pytest.raises(WrongTangentError, match=r"np\.sin \(test_tools.*\(3,\)"):
        gradient(lambda x: np.sum(np.sin(x)), np.ones(3))


def test_a_rule_that_gives_another_shape_is_named() -> None:
    def bad(x: Any) -> Any:
        return x * 1.0

    rrule.register(bad)(lambda _, x: (bad(x), lambda dy: (NoTangent(), dy[:2])))
    with pytest.raises(RuleError, match=r"rule for .*bad.*\(2,\) for argument 1.*\(3,\)"):
        gradient(lambda x: np.sum(bad(x)), np.ones(3))
