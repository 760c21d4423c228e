"""Names of test cases that are the same in every process, so that pytest-xdist can deal them out."""

from __future__ import annotations

import re


def stable(value: object) -> str:
    """A text, or the `repr` of a value, without addresses."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", value if isinstance(value, str) else repr(value))
