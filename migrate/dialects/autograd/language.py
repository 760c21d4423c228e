"""The names of autograd's that rules are registered with, and that makers use."""

from __future__ import annotations

from migrate.dialects.autograd.signs import modules
from migrate.rules.legacy_names import Language

#: What registers a rule, and the runtime's adapter for a registration as a whole.
ADAPTERS = {
    "defvjp": "from_vjpmakers",
    "defvjp_argnum": "from_vjpmaker_argnum",
    "defvjp_argnums": "from_vjpmaker_argnums",
}
NAMES = frozenset(ADAPTERS) | {
    *("primitive", "notrace_primitive", "register_notrace", "VJPNode", "nograd_functions"),
    *("defjvp", "defjvp_argnum", "defjvp_argnums", "def_linear"),
    *("unbroadcast_f", "unbroadcast", "match_complex", "vspace", "getval", "SparseObject"),
    *("grad", "value_and_grad", "elementwise_grad", "make_vjp", "vjp"),
}


def language(more: tuple[str, ...]) -> Language:
    """The language, which modules of the user's speak too."""
    return Language(NAMES, modules, more)
