"""The names of Tangent's, and where a file means them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.dialects.tangent.signs import modules
from migrate.model import ModuleSource
from migrate.rules.legacy_names import Language, LegacyNames, find_legacy_names
from migrate.rules.module import Module
from migrate.syntax.scopes import Scopes

#: What a template is registered with. Only the first one is converted.
REGISTER = frozenset({"adjoint", "primal", "tangent_"})
#: What templates call that the new text has another form for.
HELPERS = frozenset({"unbroadcast", "astype", "unreduce", "array_size", "balanced_eq", "grad_dot"})
#: Functions that keep Tangent's own books: no derivative of theirs can be a rule.
STACKS = frozenset({"push", "pop", "push_stack", "pop_stack"})
#: Operators, by the name of the node that stands for them, and their names in `operator`.
OPERATORS = dict(
    zip(
        "Add Sub Mult Div FloorDiv Mod Pow MatMult USub UAdd Invert Not BitAnd BitOr BitXor".split(),
        "add sub mul truediv floordiv mod pow matmul neg pos invert not_ and_ or_ xor".split(),
        strict=True,
    )
)


def find_names(
    module: Module, more: tuple[str, ...], module_source: ModuleSource | None
) -> LegacyNames:
    """What the names of a file mean in Tangent's language."""
    language = Language(REGISTER | HELPERS, modules, more)
    legacy = find_legacy_names(module.scopes, language, module_source)
    for name in REGISTER:
        _own(name, module, legacy)
    return legacy


def _own(name: str, module: Module, legacy: LegacyNames) -> None:
    """`adjoint = create_register(adjoints)`: Tangent's own module makes the names that it uses."""
    variable = (
        module.scopes.module.variable(name) if name in module.scopes.module.bindings else None
    )
    if variable is None or not legacy or not isinstance(module.constant(variable), ast.Call):
        return
    used = [module.scopes.parents[use] for use in module.scopes.uses.get(variable, [])]
    heads = [module.scopes.parents.get(call) for call in used]
    if any(isinstance(f, ast.FunctionDef) and [*gradients(f, module.scopes)] for f in heads):
        legacy.names[variable] = name


def gradients(template: ast.AST, scopes: Scopes) -> Iterator[ast.Name]:
    """Every `d` in a template that no variable of a function is."""
    for node in ast.walk(template):
        if isinstance(node, ast.Name) and node.id == "d":
            scope = scopes.of(node).scope
            if scope is None or scope.kind == "module":
                yield node
