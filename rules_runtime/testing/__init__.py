"""Tools for testing rules: `test_rrule` checks a rule by finite differences."""

from .failures import Problem, RuleTestFailure
from .tester import test_rrule

# The name begins with "test_", but it is a tool and not a test.
test_rrule.__test__ = False  # type: ignore[attr-defined]

__all__ = ["Problem", "RuleTestFailure", "test_rrule"]
