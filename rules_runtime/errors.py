"""What the runtime raises: one base, `RulesError`, and a leaf for each kind of mistake."""

from __future__ import annotations


class RulesError(Exception):
    """Base of all errors of this package.

    >>> issubclass(AmbiguousRuleError, RulesError)
    True
    """


class TangentError(RulesError, TypeError):
    """A value cannot be what it is used as:
    the tangent of that primal, or a part of that tangent."""


class NotImplementedTangentError(RulesError, NotImplementedError):
    """A derivative that a rule declares as not implemented was used."""


class ProjectionError(RulesError, ValueError):
    """A tangent cannot be projected onto the tangent space of a primal: the shapes do not fit."""


class RuleError(RulesError, TypeError):
    """A rule is written wrongly: it cannot be registered,
    or it returned what no rule may return."""


class MissingRuleError(RulesError, NotImplementedError):
    """A function was called with a traced value and there is no rule for it."""


class WrongTangentError(RulesError, ValueError):
    """A rule gave a tangent that cannot be one of its argument; `debug_mode` looks for these."""


class ChangedArrayError(RulesError, ValueError):
    """An array was changed in place while a tape still needed what it held before;
    `debug_mode` looks for these."""


class AmbiguousRuleError(RulesError, TypeError):
    """Several rules apply to a call and none of them is the most specific."""


class ConfigError(RulesError, TypeError):
    """A rule or a call needs something that its `RuleConfig` does not have."""
