"""Stands in for the legacy package, so that the example runs before it is converted."""

from rules_runtime.legacy import *  # noqa: F403
from rules_runtime.legacy import _pullback  # noqa: F401
