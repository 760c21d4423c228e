"""A whole library for a host: a module whose functions with rules are wrapped."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from ..forms import FORMS
from ..registry import rrule


def has_rule(f: Any) -> bool:
    """Whether some call of `f` has a rule, a form of the library's included."""
    if not callable(f):
        return False
    try:
        return bool(rrule.rules_for(f)) or f in FORMS
    except TypeError:  # it cannot be the target of a rule
        return False


class WrappedModule(types.ModuleType):
    """`module` as a host sees it: what has a rule is wrapped when it is asked for,
    all else is as it is."""

    def __init__(self, module: types.ModuleType, wrap: Callable[[Any], Any]) -> None:
        super().__init__(module.__name__, module.__doc__)
        self._module, self._wrap = module, wrap

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        inside = f"{self._module.__name__}."
        if isinstance(value, types.ModuleType):
            return WrappedModule(value, self._wrap) if value.__name__.startswith(inside) else value
        return self._wrap(value) if has_rule(value) else value

    def __dir__(self) -> list[str]:
        return dir(self._module)
