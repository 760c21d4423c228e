"""Tests the bytes of a file for the names of the legacy language; imports nothing."""

from __future__ import annotations


def may_hold_rules(source: bytes, legacy_modules: tuple[str, ...]) -> bool:
    """Provisional: whether the file names the decorator or one of the modules."""
    if b"adjoint" in source or b"nograd" in source:
        return True
    return any(module.rpartition(".")[2].encode() in source for module in legacy_modules if module != "rules_runtime.legacy")
