"""What a dialect gives for one file: the rules that it found there, and a plan for each."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan
from migrate.rules.work import Work


class Reading:
    """A file as one dialect reads it. A dialect says at least how its rules are planned."""

    rules: tuple[Found, ...] = ()

    def settled(self, found: Found) -> Bridged | Left | None:
        """What is to become of a rule, where that is known before anything is planned."""
        return None

    def plan(self, found: Found, work: Work) -> Plan | Bridged | Left:
        """How a rule is converted; of one that `work.verdicts` calls bridged, how that is done.

        Another answer than a plan starts the next attempt, in which `work.verdicts` has the answer.
        """
        raise NotImplementedError

    def settle(self, found: Found, reason: str, bridged: bool) -> Bridged | Left:
        """What becomes of a rule whose plan, for a bridge or not, does not come out well."""
        return Left("RM206", reason)

    def outside(self, work: Work) -> Iterable[tuple[Found, Plan | Left]]:
        """The legacy calls in code that is no rule, after all rules are planned."""
        return ()

    def leaving(self, work: Work) -> Leaving:
        """The imports of the language, after everything else is planned."""
        return Leaving()
