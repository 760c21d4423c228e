"""Tests the bytes of a file for the names of the legacy language; imports nothing but `re`.

This goes over every byte of every file, so it decides how long a run over a large tree takes. Python finds a single
byte ten times faster than a word: a word with a rare letter is looked for by that letter.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = (b"adjoint", b"nograd", b"literal_get", b"dropgrad", b"accum", b"ignore", b"hook")
_REEXPORT = re.compile(rb"from\s+[\w.]+\s+import\s+(?:\([^)]*|[^\n(]*)\badjoint\b")
_DECORATOR = re.compile(rb"(?m)^[ \t]*@[\w.]*\badjoint\b")
_RARE = b"jz"  # each is one byte in a thousand of Python source


def may_hold_rules(source: bytes, legacy_modules: tuple[str, ...]) -> bool:
    """Whether the bytes may hold something to convert: a legacy module is named, or `adjoint` is imported from anywhere."""
    if names_a_module(source, legacy_modules):
        return any(word in source for word in _WORDS)
    return _found_by_letter(source, b"adjoint", b"j", 2) and (
        _REEXPORT.search(source) is not None or _DECORATOR.search(source) is not None
    )


def names_a_module(source: bytes, legacy_modules: tuple[str, ...]) -> bool:
    """Whether one of the legacy modules is named."""
    by_letter, whole = _names(legacy_modules)
    for word in whole:
        if word in source:
            return True
    for word, letter, offset in by_letter:
        if _found_by_letter(source, word, letter, offset):
            return True
    return False


@lru_cache(maxsize=64)
def _names(
    legacy_modules: tuple[str, ...],
) -> tuple[tuple[tuple[bytes, bytes, int], ...], tuple[bytes, ...]]:
    """What to look for, by a rare letter or whole; of two names of which one is a part of the other, the part."""
    names = set()
    for module in legacy_modules:
        head, _, last = module.rpartition(".")
        # a module of the user's may be imported relatively, by its last part alone
        names.add((head if module == "rules_runtime.legacy" else last).encode())
    by_letter = []
    whole = []
    for name in sorted(names):
        if any(other != name and other in name for other in names):
            continue
        offset = next((at for at, byte in enumerate(name) if byte in _RARE), None)
        if offset is None:
            whole.append(name)
        else:
            by_letter.append((name, name[offset : offset + 1], offset))
    return tuple(by_letter), tuple(whole)


def _found_by_letter(source: bytes, word: bytes, letter: bytes, offset: int) -> bool:
    """`word in source`, where `letter` stands at `offset` of the word."""
    index = source.index
    follower = word[offset + 1] if offset + 1 < len(word) else None
    at = -1
    try:
        while True:
            at = index(letter, at + 1)
            if (follower is None or source[at + 1] == follower) and source.startswith(
                word, max(at - offset, 0)
            ):
                return True
    except (ValueError, IndexError):  # no such letter any more, or it is the last byte
        return False
