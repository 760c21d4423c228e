"""Names that new code may use without meaning something else in the user's module."""

from __future__ import annotations

import ast
import keyword

from migrate.syntax.scopes import Scope, Scopes

#: Names that modules with a star import often bring too: numpy has an `add`.
_OFTEN_HIDDEN = frozenset({"add", "hook"})


class NameChooser:
    """Picks the name under which each runtime function is imported, and names for rules."""

    def __init__(self, scopes: Scopes, runtime: str) -> None:
        self.scopes = scopes
        self.runtime = runtime
        self.local: dict[str, str] = {}  # target name -> name in this file
        self.present: dict[str, ast.ImportFrom] = {}  # target names that the module imports already
        self._bound = scopes.bound
        self._loose = scopes.loose
        self._taken: set[str] = set()

    def take_over(self, target: str) -> None:
        """Use a name that the file has from the legacy module now,
        and will have from the runtime."""
        self.local[target] = target

    def use(self, target: str) -> str:
        """The name for a runtime function, importable under it; asks for the import."""
        if target not in self.local:
            self.local[target] = self._choose(target)
        return self.local[target]

    def module_of(self, target: str) -> str:
        """Where a name is imported from: `module:name`, with a module of the runtime's behind a
        dot; else the runtime."""
        module, colon, _ = target.rpartition(":")
        return self.runtime + module if not colon or module.startswith(".") else module

    def _choose(self, target: str) -> str:
        asked, module, target = target, self.module_of(target), target.rpartition(":")[2]
        for name, nodes in self._bound.items():
            for node in nodes:
                if self._imports(node, target, module):
                    statement = self.scopes.parents[node]
                    if (
                        isinstance(statement, ast.ImportFrom)
                        and self.scopes.around[statement] is self.scopes.module
                        and len(nodes) == 1
                    ):
                        self.present[asked] = statement
                        return name
        hidden = target in _OFTEN_HIDDEN and self.scopes.stars
        if target not in self._bound and target not in self._loose and not hidden:
            return target
        return self.fresh(f"_{target}")

    def _imports(self, node: ast.AST, target: str, module: str) -> bool:
        if not (isinstance(node, ast.alias) and node.name == target):
            return False
        statement = self.scopes.parents[node]
        return (
            isinstance(statement, ast.ImportFrom)
            and statement.level == 0
            and statement.module == module
        )

    def fresh(self, wanted: str) -> str:
        """A name like `wanted` that nothing in the module binds or reads."""
        name, number = wanted, 1
        while self.is_taken(name):
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def is_taken(self, name: str) -> bool:
        return (
            name in self._bound
            or name in self._loose
            or name in self._taken
            or keyword.iskeyword(name)
        )

    def rule_name(self, base: str) -> str:
        """`rrule_f` for `f`."""
        stem = "".join(c if c.isalnum() else "_" for c in base).strip("_") or "rule"
        return self.fresh(stem if stem.startswith("rrule") else f"rrule_{stem}")


def reads(name: str, function: ast.AST, scopes: Scopes) -> bool:
    """Whether code inside a function reads `name` from outside of it,
    or binds it itself as a parameter."""
    own: Scope = scopes.own[function]
    if any(isinstance(b, ast.arg) for b in own.bindings.get(name, [])):
        return True
    for variable in scopes.by_name.get(name, ()):
        for use in scopes.uses[variable]:
            if not isinstance(use.ctx, ast.Load) or not scopes.inside(use, function):
                continue
            if variable.scope is None or not scopes.inside(variable.scope.node, function):
                return True
            if variable.scope.node is function:
                return True
    return False
