"""How the rewriting of a rule can end other than well."""

from __future__ import annotations

from migrate.dialects.zygote.find import Rule


class Undecided(Exception):
    """The rule cannot be rewritten from its text, but can be bridged as a whole."""

    def __init__(self, reason: str, rule: Rule | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rule = rule


class NoArgument(Undecided):
    """A tangent would have to be converted at run time,
    and what it is the tangent of is not in sight."""


class Refused(Exception):
    """The rule's text shows that it could only raise an error, or that it has no counterpart."""

    def __init__(self, code: str, reason: str, rule: Rule) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.rule = rule
