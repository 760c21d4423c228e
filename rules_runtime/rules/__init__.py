"""The rule library: one module per area, imported here by name of file,
so that to add an area is to add a file.

A module declares its rules with `rules_runtime.forms` (`derivative`, `elementwise`, `constant`) or
with `rrule.register`; docs/design/tape.md says how. Modules named `scipy_<sub>.py` are imported
once the user has imported `scipy.<sub>`.
"""

import importlib
import pkgutil
import sys

_waiting: dict[str, str] = {}

for _module in pkgutil.iter_modules(__path__):
    if _module.name.startswith("scipy_"):
        _waiting["scipy." + _module.name.removeprefix("scipy_")] = f"{__name__}.{_module.name}"
    else:
        importlib.import_module(f"{__name__}.{_module.name}")


def import_waiting_areas() -> None:
    """Import the areas whose scipy module has been imported meanwhile."""
    for trigger in [name for name in _waiting if name in sys.modules]:
        importlib.import_module(_waiting.pop(trigger))
