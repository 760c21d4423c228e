"""The pullback that is handed out, around the one that a rule returned.

A rule's pullback is simple because this one is not: it computes a thunked cotangent, answers a zero
cotangent itself, and sees to it that there is exactly one tangent for the callee and one for each argument
that was passed by position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import RuleError
from .tangents import AbstractZero, NoTangent, Tangent, ZeroTangent
from .thunks import Thunk, unthunk


class Pullback:
    """`pullback(dy)` gives the tangents of the callee and of the positional arguments.

    `inner` is the rule's own pullback; it must return `at_least` to `at_most` tangents, of which the first
    `count` are used. `lead` says what becomes of them: 1 drops the first, which is a function's where the
    callee is an instance; -1 puts `NoTangent()` before them; 0 leaves them. `head` is the zero of the
    callee.
    """

    __slots__ = ("at_least", "at_most", "count", "head", "inner", "lead", "rule", "runs_on_zero")

    def __init__(
        self,
        inner: Callable[[Any], Any],
        rule: Any,
        head: AbstractZero,
        lead: int,
        count: int,
        at_least: int,
        at_most: int,
        runs_on_zero: bool = False,
    ) -> None:
        self.inner = inner
        self.rule = rule
        self.head = head
        self.lead = lead
        self.count = count
        self.at_least = at_least
        self.at_most = at_most
        self.runs_on_zero = runs_on_zero

    def __call__(self, dy: Any) -> tuple[Any, ...]:
        if isinstance(dy, (Thunk, Tangent)):
            dy = unthunk(dy)
        if isinstance(dy, AbstractZero) and not self.runs_on_zero:
            return self._zeros()
        tangents = self.inner(dy)
        if not isinstance(tangents, tuple):
            raise RuleError(
                self._complaint(f"returned a {type(tangents).__name__}, not a tuple of tangents")
            )
        n = len(tangents)
        if not self.at_least <= n <= self.at_most:
            raise RuleError(self._complaint(self._wrong_number(n)))
        if n > self.count:
            tangents = tangents[: self.count]
        if self.lead == 0:
            return tangents
        return tangents[1:] if self.lead == 1 else (NoTangent(), *tangents)

    def _zeros(self) -> tuple[Any, ...]:
        return (self.head,) + (ZeroTangent(),) * (self.count - self.lead - 1)

    def _complaint(self, what: str) -> str:
        return f"the pullback of {self.rule} {what}"

    def _wrong_number(self, n: int) -> str:
        low, high = self.at_least, self.at_most
        wanted = str(high) if low == high else f"{low} to {high}"
        return f"returned {n} tangents, not {wanted}: one for the callee and one for each positional argument"

    def __repr__(self) -> str:
        return f"<pullback of {self.rule}>"
