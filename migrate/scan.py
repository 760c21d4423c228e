"""Tests the bytes of a file for the names of the legacy language; imports nothing but `re`."""

from __future__ import annotations

import re

_WORDS = (b"adjoint", b"nograd", b"literal_get", b"dropgrad", b"accum", b"ignore", b"hook")
_REEXPORT = re.compile(rb"from\s+[\w.]+\s+import\s+(?:\([^)]*|[^\n(]*)\badjoint\b")


def may_hold_rules(source: bytes, legacy_modules: tuple[str, ...]) -> bool:
    """Whether the bytes may hold something to convert: a legacy module is named, or `adjoint` is imported from anywhere."""
    for module in legacy_modules:
        head, _, last = module.rpartition(".")
        # a module of the user's may be imported relatively, by its last part alone
        name = head if module == "rules_runtime.legacy" else last
        if name.encode() in source and any(word in source for word in _WORDS):
            return True
    return b"adjoint" in source and _REEXPORT.search(source) is not None
