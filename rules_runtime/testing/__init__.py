"""Tools for testing rules: `test_rrule` and `test_frule` check a rule by finite differences."""

from .cotangents import rand_tangent
from .failures import Problem, RuleTestFailure
from .forwards import test_frule
from .tester import Along, test_rrule, test_scalar

# The names begin with "test_", but they are tools and not tests.
test_frule.__test__ = False  # type: ignore[attr-defined]
test_rrule.__test__ = False  # type: ignore[attr-defined]
test_scalar.__test__ = False  # type: ignore[attr-defined]

__all__ = [
    "Along",
    "Problem",
    "RuleTestFailure",
    "rand_tangent",
    "test_frule",
    "test_rrule",
    "test_scalar",
]
