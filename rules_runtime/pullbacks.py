"""The pullback that is handed out, around the one that a rule returned.

A rule's pullback is simple because this one is not: it computes a thunked cotangent, answers a zero
cotangent itself, and sees to it that there is exactly one tangent for the callee and one for each
argument that was passed by position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import RuleError, RulesError
from .readonly import is_about_writing
from .tangents import AbstractTangent, AbstractZero, NoTangent, ZeroTangent
from .thunks import unthunk


class Handover:
    """What is the same for all calls of a rule with so many arguments:
    which tangents it gives and which are handed out.

    A rule's pullback must return `at_least` to `at_most` tangents, of which the first `count` are
    used. `lead` says what becomes of them: 1 drops the first, which is a function's where the
    callee is an instance; -1 puts `NoTangent()` before them; 0 leaves them. `head` is the zero of
    the callee, `rule` is what messages name.
    """

    __slots__ = ("at_least", "at_most", "count", "lead", "rule", "runs_on_zero", "zeros")

    def __init__(
        self,
        rule: Any,
        head: AbstractZero,
        lead: int,
        count: int,
        at_most: int,
        runs_on_zero: bool = False,
    ) -> None:
        self.rule = rule
        self.lead = lead
        self.count = count
        self.at_least = count
        self.at_most = at_most
        self.runs_on_zero = runs_on_zero
        self.zeros: tuple[Any, ...] = (head,) + (ZeroTangent(),) * (count - lead - 1)

    def complaint(self, what: str) -> RuleError:
        """The error that says what the pullback returned."""
        return RuleError(f"the pullback of {self.rule} returned {what}")

    def wrong_number(self, n: int) -> RuleError:
        """The error for another number of tangents."""
        low, high = self.at_least, self.at_most
        wanted = str(high) if low == high else f"{low} to {high}"
        return self.complaint(
            f"{n} tangents, not {wanted}: one for the callee and one for each positional argument"
        )


class Pullback:
    """`pullback(dy)` gives the tangents of the callee and of the positional arguments;
    `inner` is the rule's own."""

    __slots__ = ("handover", "inner")

    def __init__(self, inner: Callable[[Any], Any], handover: Handover) -> None:
        self.inner = inner
        self.handover = handover

    def __call__(self, dy: Any) -> tuple[Any, ...]:
        handover = self.handover
        if isinstance(dy, AbstractTangent):
            dy = unthunk(dy)
            if isinstance(dy, AbstractZero) and not handover.runs_on_zero:
                return handover.zeros
        try:
            tangents = self.inner(dy)
        except ValueError as error:
            if not is_about_writing(error) or isinstance(error, RulesError):
                raise
            raise RuleError(
                f"the pullback of {handover.rule} writes into what it was given, which is not its own ({error}). "
                "Have it make a new array"
            ) from error
        if not isinstance(tangents, tuple):
            raise handover.complaint(f"a {type(tangents).__name__}, not a tuple of tangents")
        n, count = len(tangents), handover.count
        if n != count:
            if not count <= n <= handover.at_most:
                raise handover.wrong_number(n)
            tangents = tangents[:count]
        lead = handover.lead
        if lead == 0:
            return tangents
        return tangents[1:] if lead == 1 else (NoTangent(), *tangents)

    @property
    def at_least(self) -> int:
        """How many tangents the rule's pullback must return."""
        return self.handover.at_least

    @property
    def at_most(self) -> int:
        """How many tangents the rule's pullback may return:
        those of parameters that were not passed too."""
        return self.handover.at_most

    def __repr__(self) -> str:
        return f"<pullback of {self.handover.rule}>"
