"""Running a rule, and what its pullback returned before the registry put it in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rules_runtime.errors import RuleError
from rules_runtime.pullbacks import Pullback

from .failures import shown

Outcome = tuple[Any, Callable[[Any], Any]]


def run_rule(
    config: Any, f: Any, args: tuple[Any, ...], fkwargs: Mapping[str, Any]
) -> Outcome | None:
    """`(y, pullback)` of the rule that applies, or `None`."""
    from rules_runtime.registry import rrule

    found: Outcome | None = rrule(config, f, *args, **fkwargs)
    return found


def complaint(pullback: Any, cotangent: Any, error: Exception) -> str | None:
    """What is wrong with the number of tangents, where that is what the registry complained of."""
    if not isinstance(error, RuleError) or not isinstance(pullback, Pullback):
        return None
    if error.__cause__ is not None:  # of another error, which says more
        return None
    raw = pullback.inner(cotangent)
    if not isinstance(raw, tuple):
        return (
            f"the pullback returned a {type(raw).__name__}, not a tuple:"
            f" one tangent for the callee, then one for each argument\n    {shown(raw)}"
        )
    least, most = pullback.at_least, pullback.at_most
    if least <= len(raw) <= most:
        return None
    kind = "missing" if len(raw) < least else "surplus"
    wanted = f"{most}" if least == most else f"{least} to {most}"
    return (
        f"a {kind} tangent: the pullback returned {len(raw)} tangents instead of {wanted},"
        f" one for the callee and one for each positional argument\n    {shown(raw)}"
    )
