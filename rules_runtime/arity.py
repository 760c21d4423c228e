"""Rules that can be the rule of no call,
for they take another number of arguments than the function they are for.

The usual reason is that the callee parameter was forgotten: `def rule(x, y)` for `f(x, y)`, where
`x` is the function. Nothing is said of a function whose parameters are not known.
"""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .callees import is_call_of_a_class
from .errors import RuleError

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Parameters = Sequence[inspect.Parameter]


def is_of_a_call(written: Parameters, target: Any) -> bool:
    """Whether a rule with these parameters is for calling an instance: the function is the
    `__call__` of a class, under another name, and the first parameter is not `_`,
    which would stand for the function."""
    if type(target) is not types.FunctionType or not written:
        return False
    first = written[0]
    if first.name.startswith("_") or first.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return False
    return _why_not("", written, written, target) is None and is_call_of_a_class(target)


def check_arity(rule: Any, parameters: Parameters, own: Parameters, target: Any) -> None:
    """Raise `RuleError` where a rule matches no call of `target`.

    `parameters` are those of the rule but for its config,
    `own` those of them that stand for arguments.
    """
    why = _why_not(rule.name, parameters, own, target)
    if why is not None:
        names = [p.name for p in _parameters_of(target) or () if p.kind in _POSITIONAL]
        first = () if len(parameters) == len(own) else ("_",)
        raise RuleError(
            f"{rule} can never apply: {why}. A rule for {rule.name} has the parameters "
            f"({', '.join((*first, *names))}), perhaps after a config: RuleConfig[...]"
        )


def _why_not(name: str, parameters: Parameters, own: Parameters, target: Any) -> str | None:
    """Why a rule with these parameters applies to no call of `target`; None where it may apply."""
    theirs = _parameters_of(target)
    if theirs is None:
        return None
    given = [p for p in theirs if p.kind in _POSITIONAL]
    taken = [p for p in own if p.kind in _POSITIONAL]
    if _is_callee_forgotten(parameters, own, [p.name for p in given]):
        return "its first parameter is not the callee"
    if not _takes(own, given[len(taken) :]):
        return f"it takes {_arguments(len(taken))}, and {name} is given more"
    if not _takes(theirs, taken[len(given) :]):
        return f"it needs {len(taken)} arguments, and {name} takes {len(given)}"
    return None


def warn_of_arity(rules: Sequence[Any], n: int) -> None:
    """Warn where no rule is for `n` arguments, and that of one would be,
    had it not taken its first for the callee."""
    if any(_matches(rule.signature, n) for rule in rules):
        return
    for rule in rules:
        name = rule.callee_name
        known = name.startswith("_") or name in _CALLEES or name == rule.name.rpartition(".")[2]
        if not known and _matches(rule.signature, n - 1):
            warnings.warn(
                f"{rule} does not apply to a call with {_arguments(n)}: it takes {_arguments(n - 1)} after {name}, "
                "which stands for the callee. If that was to be an argument, write a parameter _ before it",
                RuntimeWarning,
                stacklevel=4,
            )


_CALLEES = frozenset(("f", "fn", "func", "function", "callee", "self", "cls", "op", "config"))


def _matches(signature: Any, n: int) -> bool:
    return signature.rest is not None or signature.required <= n <= len(signature.patterns)


def _is_callee_forgotten(parameters: Parameters, own: Parameters, names: list[str]) -> bool:
    """Whether the rule's parameters are the function's, by name,
    so that its first stands for the first of those."""
    if len(parameters) == len(own) or parameters[0].kind is inspect.Parameter.POSITIONAL_ONLY:
        return False
    return names == [p.name for p in parameters if p.kind in _POSITIONAL]


def _takes(parameters: Parameters, more: Parameters) -> bool:
    """Whether `parameters` have room for what `more` must be given, by position or by name."""
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return True
    kinds = {p.name: p.kind for p in parameters}
    by_any_name = inspect.Parameter.VAR_KEYWORD in kinds.values()
    for p in more:
        by_name = p.kind is not inspect.Parameter.POSITIONAL_ONLY and (
            by_any_name or kinds.get(p.name) is inspect.Parameter.KEYWORD_ONLY
        )
        if p.default is inspect.Parameter.empty and not by_name:
            return False
    return True


def _arguments(n: int) -> str:
    return "1 argument" if n == 1 else f"{n or 'no'} arguments"


def _parameters_of(target: Any) -> list[inspect.Parameter] | None:
    """The parameters that a rule's arguments stand for, as the code has them,
    whatever is said of it."""
    kind = type(target)
    if kind is types.FunctionType:
        bare = types.FunctionType(target.__code__, {}, closure=target.__closure__)
        bare.__defaults__, bare.__kwdefaults__ = target.__defaults__, target.__kwdefaults__
        return list(inspect.signature(bare).parameters.values())
    if kind is staticmethod:
        return _parameters_of(target.__func__)
    if kind is types.MethodType or kind is classmethod:
        found = _parameters_of(target.__func__)
        return found and found[isinstance(getattr(target, "__self__", type), type) :]
    if kind is np.ufunc:
        x, out = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL
        made = [inspect.Parameter(f"x{i + 1}", x) for i in range(target.nin)]
        return [*made, inspect.Parameter("out", out)]
    if kind is types.BuiltinFunctionType and isinstance(target.__self__, types.ModuleType):
        try:
            return list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            return None
    if isinstance(target, type) and target.__new__ is object.__new__:  # type: ignore[comparison-overlap]
        found = _parameters_of(target.__init__)  # type: ignore[misc]
        return found and found[1:]
    return None
