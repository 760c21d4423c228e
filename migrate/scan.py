"""Tests the bytes of a file for the signs of a legacy language; imports nothing but `re`.

This goes over every byte of every file, so it decides how long a run over a large tree takes.
Python finds a single byte ten times faster than a word:
a word with a rare letter is looked for by that letter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_RARE = b"jz"  # each is one byte in a thousand of Python source


class Signs(NamedTuple):
    """What a file with rules of one language has:
    a module's name and a word, or a name handed on."""

    words: tuple[bytes, ...]
    modules: tuple[bytes, ...]  # as much of each name as every file has that imports it
    handed_on: bytes = b""


def may_hold_rules(source: bytes, languages: tuple[Signs, ...]) -> bool:
    """Whether the bytes may hold something to convert:
    a module of a language is named, or a name of it imported."""
    for signs in languages:
        if names_a_module(source, signs.modules):
            if any(word in source for word in signs.words):
                return True
        elif signs.handed_on and _is_handed_on(source, signs.handed_on):
            return True
    return False


def names_one(source: bytes, languages: tuple[Signs, ...]) -> bool:
    """Whether a module of one of the languages is named."""
    return any(names_a_module(source, signs.modules) for signs in languages)


def names_a_module(source: bytes, modules: tuple[bytes, ...]) -> bool:
    """Whether one of these modules is named."""
    by_letter, whole = _names(modules)
    for word in whole:
        if word in source:
            return True
    for word, letter, offset in by_letter:
        if _found_by_letter(source, word, letter, offset):
            return True
    return False


def _is_handed_on(source: bytes, name: bytes) -> bool:
    """Whether a name is imported from anywhere, or decorates something."""
    word, imported, decorates = _looks_of(name)
    found = word in source if isinstance(word, bytes) else _found_by_letter(source, *word)
    if not found:
        return False
    return imported.search(source) is not None or decorates.search(source) is not None


@lru_cache(maxsize=16)
def _looks_of(
    name: bytes,
) -> tuple[bytes | tuple[bytes, bytes, int], re.Pattern[bytes], re.Pattern[bytes]]:
    imported = rb"from\s+[\w.]+\s+import\s+(?:\([^)]*|[^\n(]*)\b%s\b" % name
    return (
        _by_letter(name),
        re.compile(imported),
        re.compile(rb"(?m)^[ \t]*@[\w.]*\b%s\b" % name),
    )


@lru_cache(maxsize=64)
def _names(
    modules: tuple[bytes, ...],
) -> tuple[tuple[tuple[bytes, bytes, int], ...], tuple[bytes, ...]]:
    """What to look for, by a rare letter or whole;
    of two names of which one is a part of the other, the part."""
    kept = [n for n in sorted(set(modules)) if not any(o != n and o in n for o in modules)]
    found = [_by_letter(name) for name in kept]
    return (
        tuple(one for one in found if isinstance(one, tuple)),
        tuple(one for one in found if isinstance(one, bytes)),
    )


def _by_letter(word: bytes) -> bytes | tuple[bytes, bytes, int]:
    """The word with its rare letter and where that stands; the word alone where it has none."""
    offset = next((at for at, byte in enumerate(word) if byte in _RARE), None)
    return word if offset is None else (word, word[offset : offset + 1], offset)


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
