"""The names of autograd's that rules are registered with."""

from __future__ import annotations

from migrate.dialects.autograd.signs import modules
from migrate.rules.legacy_names import Language

REGISTER = frozenset({"defvjp", "defvjp_argnum", "defvjp_argnums"})
NAMES = REGISTER | {"primitive", "defjvp", "defjvp_argnum", "defjvp_argnums", "unbroadcast_f"}


def language(more: tuple[str, ...]) -> Language:
    """The language, which modules of the user's speak too."""
    return Language(NAMES, modules, more)
