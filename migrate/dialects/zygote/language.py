"""The names of Zygote's language in Python."""

from __future__ import annotations

from migrate.dialects.zygote.signs import handed_on, modules
from migrate.rules.legacy_names import Language

NAMES = frozenset(
    """
    adjoint nograd pullback _pullback gradient literal_getproperty literal_getfield Val Context
    hook dropgrad ignore accum
    """.split()
)


def language(more: tuple[str, ...]) -> Language:
    """The language, which modules of the user's speak too."""
    return Language(NAMES, modules, more, handed_on, bare="adjoint")
