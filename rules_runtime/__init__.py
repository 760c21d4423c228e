"""Rules for automatic differentiation over numpy, and a reverse mode that uses them.

A rule gives the value of a function and its pullback:

    @rrule.register(f)
    def rrule_f(_, x, y):
        def f_pullback(dz):
            return NoTangent(), y * dz, x * dz
        return f(x, y), f_pullback

The reverse mode (`pullback`, `gradient` ...) and the rule library are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .accumulate import add, add_inplace
from .bridge import entries_from_legacy, from_legacy, to_legacy
from .config import (
    HasForwardMode,
    HasReverseMode,
    NoForwardMode,
    NoReverseMode,
    RuleConfig,
)
from .define import hook, ignore_derivatives, non_differentiable, scalar_rule
from .errors import (
    AmbiguousRuleError,
    ConfigError,
    NotImplementedTangentError,
    ProjectionError,
    RuleError,
    RulesError,
    TangentError,
)
from .legacy_rules import from_legacy_rule
from .projection import ProjectTo
from .registry import no_rrule, rrule
from .structure import zero_tangent
from .tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, ZeroTangent
from .thunks import InplaceableThunk, Thunk, unthunk
from .via_ad import rrule_via_ad

if TYPE_CHECKING:
    from .tape import TapeConfig, gradient, hessian, jacobian, pullback, value_and_gradient

_FROM_TAPE = ("TapeConfig", "gradient", "hessian", "jacobian", "pullback", "value_and_gradient")

__all__ = [
    "AbstractZero",
    "AmbiguousRuleError",
    "ConfigError",
    "HasForwardMode",
    "HasReverseMode",
    "InplaceableThunk",
    "NoForwardMode",
    "NoReverseMode",
    "NoTangent",
    "NotImplementedTangent",
    "NotImplementedTangentError",
    "ProjectTo",
    "ProjectionError",
    "RuleConfig",
    "RuleError",
    "RulesError",
    "Tangent",
    "TangentError",
    "TapeConfig",
    "Thunk",
    "ZeroTangent",
    "add",
    "add_inplace",
    "entries_from_legacy",
    "from_legacy",
    "from_legacy_rule",
    "gradient",
    "hessian",
    "hook",
    "ignore_derivatives",
    "jacobian",
    "no_rrule",
    "non_differentiable",
    "pullback",
    "rrule",
    "rrule_via_ad",
    "scalar_rule",
    "to_legacy",
    "unthunk",
    "value_and_gradient",
    "zero_tangent",
]


def __getattr__(name: str) -> Any:
    if name in _FROM_TAPE:
        value = getattr(importlib.import_module(".tape", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FROM_TAPE})
