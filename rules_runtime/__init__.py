"""Rules for automatic differentiation over numpy, and a reverse mode that uses them.

A rule gives the value of a function and its pullback:

    @rrule.register(f)
    def rrule_f(_, x, y):
        def f_pullback(dz):
            return NoTangent(), y * dz, x * dz
        return f(x, y), f_pullback

Each name is imported from its module when it is first asked for,
so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .upward import answered_by

#: That of the command too: both are released together.
__version__ = "0.1.0"

if TYPE_CHECKING:
    from .arithmetic import add, add_inplace, dot, norm
    from .bridge import entries_from_legacy, from_legacy, to_legacy
    from .config import (
        HasForwardMode,
        HasForwardsMode,
        HasReverseMode,
        NoForwardMode,
        NoForwardsMode,
        NoReverseMode,
        RuleConfig,
    )
    from .define import hook, ignore_derivatives, non_differentiable, primitive, scalar_rule
    from .errors import (
        AmbiguousRuleError,
        ChangedArrayError,
        ConfigError,
        MissingRuleError,
        NotImplementedTangentError,
        ProjectionError,
        RuleError,
        RulesError,
        TangentError,
        WrongTangentError,
    )
    from .forward import frule, frule_via_ad, hvp, jvp, no_frule
    from .kernels.broadcast import unreduce
    from .kernels.memory import release_memory
    from .legacy_rules import from_legacy_rule
    from .projection import ProjectTo, UnbroadcastTo
    from .record import compiled
    from .registry import no_rrule, rrule
    from .structure import filled, zero_tangent
    from .tangents import AbstractZero, NoTangent, NotImplementedTangent, Tangent, ZeroTangent
    from .tape import TapeConfig, gradient, hessian, jacobian, pullback, value_and_gradient, vjp
    from .tape.tools import debug_mode, profile, trace
    from .thunks import InplaceableThunk, Thunk, unthunk
    from .ties import tied_subspaces
    from .via_ad import checkpoint, rrule_via_ad
    from .vjpmakers import (
        Space,
        from_vjpmaker_argnum,
        from_vjpmaker_argnums,
        from_vjpmakers,
        unconjugated,
    )

__all__ = [
    "AbstractZero",
    "AmbiguousRuleError",
    "ChangedArrayError",
    "ConfigError",
    "HasForwardMode",
    "HasForwardsMode",
    "HasReverseMode",
    "InplaceableThunk",
    "MissingRuleError",
    "NoForwardMode",
    "NoForwardsMode",
    "NoReverseMode",
    "NoTangent",
    "NotImplementedTangent",
    "NotImplementedTangentError",
    "ProjectTo",
    "ProjectionError",
    "RuleConfig",
    "RuleError",
    "RulesError",
    "Space",
    "Tangent",
    "TangentError",
    "TapeConfig",
    "Thunk",
    "UnbroadcastTo",
    "WrongTangentError",
    "ZeroTangent",
    "__version__",
    "add",
    "add_inplace",
    "checkpoint",
    "compiled",
    "debug_mode",
    "dot",
    "entries_from_legacy",
    "filled",
    "from_legacy",
    "from_legacy_rule",
    "from_vjpmaker_argnum",
    "from_vjpmaker_argnums",
    "from_vjpmakers",
    "frule",
    "frule_via_ad",
    "gradient",
    "hessian",
    "hook",
    "hvp",
    "ignore_derivatives",
    "jacobian",
    "jvp",
    "no_frule",
    "no_rrule",
    "non_differentiable",
    "norm",
    "primitive",
    "profile",
    "pullback",
    "release_memory",
    "rrule",
    "rrule_via_ad",
    "scalar_rule",
    "tied_subspaces",
    "to_legacy",
    "trace",
    "unconjugated",
    "unreduce",
    "unthunk",
    "value_and_gradient",
    "vjp",
    "zero_tangent",
]

_NAMES_OF = {
    "arithmetic": "add add_inplace dot norm",
    "bridge": "entries_from_legacy from_legacy to_legacy",
    "config": "HasForwardMode HasForwardsMode HasReverseMode NoForwardMode NoForwardsMode NoReverseMode RuleConfig",
    "define": "hook ignore_derivatives non_differentiable primitive scalar_rule",
    "errors": "AmbiguousRuleError ChangedArrayError ConfigError MissingRuleError NotImplementedTangentError "
    "ProjectionError RuleError RulesError TangentError WrongTangentError",
    "forward": "frule frule_via_ad hvp jvp no_frule",
    "kernels.broadcast": "unreduce",
    "kernels.memory": "release_memory",
    "legacy_rules": "from_legacy_rule",
    "projection": "ProjectTo UnbroadcastTo",
    "record": "compiled",
    "registry": "no_rrule rrule",
    "structure": "filled zero_tangent",
    "tangents": "AbstractZero NoTangent NotImplementedTangent Tangent ZeroTangent",
    "tape": "TapeConfig gradient hessian jacobian pullback value_and_gradient vjp",
    "tape.tools": "debug_mode profile trace",
    "thunks": "InplaceableThunk Thunk unthunk",
    "ties": "tied_subspaces",
    "via_ad": "checkpoint rrule_via_ad",
    "vjpmakers": "Space from_vjpmaker_argnum from_vjpmaker_argnums from_vjpmakers unconjugated",
}
_HOMES = {name: module for module, names in _NAMES_OF.items() for name in names.split()}


def _rrule_via_ad(*call: Any) -> Any:
    from .via_ad import differentiate

    return differentiate(*call)


def _frule_via_ad(*call: Any) -> Any:
    from .forward import differentiate

    return differentiate(*call)


def _moved(x: Any, tangent: Any) -> Any:
    from .moving import moved

    return moved(x, tangent)


answered_by(rrule_via_ad=_rrule_via_ad, frule_via_ad=_frule_via_ad, moved=_moved)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
