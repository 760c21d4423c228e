"""`rrule.explain` names the rule that is used, where it stands,
and for each other rule why it loses."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest

from rules_runtime import (
    AmbiguousRuleError,
    HasForwardMode,
    HasReverseMode,
    NoTangent,
    RuleConfig,
    TapeConfig,
    frule,
)
from rules_runtime import rrule as rules
from rules_runtime.registry import OptOuts, Registry


class ThisAD(RuleConfig[HasReverseMode]): ...


class OtherAD(RuleConfig[HasReverseMode]): ...


def f(x: Any, *rest: Any) -> Any:
    return x


def register(registry: Registry, *annotations: Any, config: Any = None) -> None:
    """A rule with these annotations, for these configs."""

    if config is None:

        def rule(_: Any, x: Any, *rest: Any) -> Any:
            return f(x), lambda dy: (NoTangent(), dy)
    else:

        def rule(config: Any, _: Any, x: Any, *rest: Any) -> Any:  # type: ignore[misc]
            return f(x), lambda dy: (NoTangent(), dy)

        rule.__annotations__["config"] = config
    rule.__annotations__["x"] = annotations[0] if annotations else Any
    registry.register(f)(rule)


REASONS = [
    # the loser, the winner, the config, the argument, the reason
    ({}, {"config": ThisAD}, ThisAD(), 1.0, "addressed to this AD"),
    ({"config": RuleConfig[HasReverseMode]}, {"config": ThisAD}, ThisAD(), 1.0, "addressed to"),
    ({}, {"config": RuleConfig[HasReverseMode]}, ThisAD(), 1.0, "requires more of the AD"),
    ({"config": OtherAD}, {}, ThisAD(), 1.0, "it is for OtherAD, which ThisAD is not"),
    ({"config": OtherAD}, {}, None, 1.0, "it asks for a config, and there is none"),
    ({"config": RuleConfig[HasForwardMode]}, {}, ThisAD(), 1.0, "HasForwardMode"),
    ({"x": str}, {}, None, 1.0, "argument 1 is a float, not str"),
    ({}, {"x": float}, None, 1.0, "the more specific parameters"),
    ({}, {}, None, 1.0, "is as specific and came later"),
    ({"x": float}, {"x": np.float64}, None, np.float64(1.0), "more specific|matches exactly"),
]


@pytest.mark.parametrize(("loser", "winner", "config", "x", "reason"), REASONS)
@pytest.mark.parametrize("winner_first", [False, True])
def test_reasons(
    loser: Any, winner: Any, config: Any, x: Any, reason: str, winner_first: bool
) -> None:
    if winner_first and "later" in reason:
        pytest.skip("the later one wins")
    registry = Registry()
    both = [loser, winner]
    for one in reversed(both) if winner_first else both:
        register(registry, *([one["x"]] if "x" in one else []), config=one.get("config"))
    call = (f, x) if config is None else (config, f, x)
    found = registry.explain(*call)
    used = registry.find(config, f, (x,), {})
    assert used is not None
    assert found.used == f"the rule {used.signature}"
    assert found.where == f"{__file__}:{used.function.__code__.co_firstlineno}"
    ((_, why),) = found.others
    assert re.search(reason, why), why
    assert str(found).count("\n") == 1


def test_opt_outs_forms_and_none() -> None:
    registry = Registry()
    assert str(registry.explain(f, 1.0)).endswith("f(float): no rule")

    @registry.register(f)
    def rule(_: Any, x: float) -> Any: ...

    OptOuts(registry).register(f, float)
    found = registry.explain(f, 1.0)
    assert found.used.startswith("an opt-out") and "opts out" in found.others[0][1]
    assert "sin" in rules.explain(TapeConfig(), np.sin, 1.0).used
    assert "sin" in frule.explain(TapeConfig(), np.sin, 1.0).used
    with pytest.raises(TypeError, match="explain"):
        rules.explain(TapeConfig())


def test_the_number_of_arguments() -> None:
    registry = Registry()
    registry.register(f)(lambda _, x, y: None)
    found = registry.explain(f, 1.0)
    assert not found.used and found.others[0][1] == "it takes another number of arguments than 1"


def test_an_ambiguous_call_is_the_error_that_it_is() -> None:
    registry = Registry()

    @registry.register(f)
    def left(_: Any, x: float, y: object) -> Any: ...

    @registry.register(f)
    def right(_: Any, x: object, y: float) -> Any: ...

    with pytest.raises(AmbiguousRuleError):
        registry.explain(f, 1.0, 2.0)


def test_the_programs_rules_before_those_of_the_library(forget_rules: None) -> None:
    call = (TapeConfig(), functools.reduce, max, [1.0])
    assert rules.explain(*call).used and not rules.explain(*call).others
    rules.register(functools.reduce)(lambda _, f, xs: (1.0, lambda dy: (NoTangent(), f, xs)))
    found = rules.explain(*call)
    assert found.where.startswith(__file__)
    assert found.others[0][1] == "rules of the program come before those of the library"
