"""The names of autograd's that rules are registered with, and that makers use."""

from __future__ import annotations

import ast

from migrate.dialects.autograd.signs import modules
from migrate.model import ModuleSource
from migrate.rules.legacy_names import Language, LegacyNames, find_legacy_names
from migrate.rules.module import Module

#: What registers a rule, and the runtime's adapter for a registration as a whole.
ADAPTERS = {
    "defvjp": "from_vjpmakers",
    "defvjp_argnum": "from_vjpmaker_argnum",
    "defvjp_argnums": "from_vjpmaker_argnums",
}
#: What differentiates a function.
AD = frozenset({"grad", "value_and_grad", "elementwise_grad", "make_vjp"})
#: What makers use beside these.
HELPERS = frozenset(
    """getval vspace match_complex SparseObject metadata balanced_eq replace_zero repeat_to_match_shape jacobian hessian
    make_jvp vector_jacobian_product""".split()
)
NAMES = frozenset(ADAPTERS) | {
    *("primitive", "notrace_primitive", "register_notrace", "VJPNode", "nograd_functions"),
    *("defjvp", "defjvp_argnum", "defjvp_argnums", "def_linear"),
    *("unbroadcast_f", "unbroadcast"),
    *AD,
    *HELPERS,
}


def language(more: tuple[str, ...]) -> Language:
    """The language, which modules of the user's speak too."""
    return Language(NAMES, modules, more)


def legacy_names(
    module: Module, more: tuple[str, ...], module_source: ModuleSource | None
) -> LegacyNames | None:
    """What the names of a file mean; None where nothing of autograd's is there."""
    scopes = module.scopes
    legacy = find_legacy_names(scopes, language(more), module_source)
    own = {n.name: n for n in module.source.tree.body if isinstance(n, ast.FunctionDef)}
    if own.keys() >= ADAPTERS.keys():  # autograd's own core
        for name in ADAPTERS:
            legacy.names[scopes.module.variable(name)] = name
        for node in module.source.tree.body:
            if isinstance(node, ast.ImportFrom) and node.level and node.module == "tracer":
                bound = {a.name for a in node.names} & {"primitive", "notrace_primitive", "getval"}
                legacy.names |= {scopes.module.variable(name): name for name in bound}
    elif not legacy:
        return None
    for name, text in _OWN.items():  # where autograd has them from
        if name in own and ast.unparse(own[name]) == text:
            legacy.names[scopes.module.variable(name)] = name
    return legacy


#: Helpers that autograd's own modules, and copies of them, define.
_OWN = {
    "unbroadcast_f": "def unbroadcast_f(target, f):\n    target_meta = anp.metadata(target)\n"
    "    return lambda g: unbroadcast(f(g), target_meta)",
}
