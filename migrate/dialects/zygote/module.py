"""A module as the reader of Zygote's rules sees it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from migrate.dialects.zygote.flow.values import NUMERIC, PLAIN, Simple
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.numeric import CONSTANTS, SEVERAL_RESULTS
from migrate.syntax.scopes import DefNode, FunctionNode, Variable


@dataclass
class ModuleView(Module):
    """A module with its legacy names and the functions that can be followed."""

    legacy: LegacyNames
    rule_functions: frozenset[ast.AST]  # the functions that are legacy rules
    owned: set[ast.AST] = field(default_factory=set)  # helpers that only rules use
    #: Rules for which it is known whether their text shows an error, with that error.
    failing: dict[object, Exception | None] = field(default_factory=dict)
    _imported_values: dict[ast.expr, Simple | None] = field(default_factory=dict, init=False)

    @property
    def own_star(self) -> ast.ImportFrom | None:
        """The star import that brings the legacy language."""
        return self.legacy.star

    def is_transparent(self, decorator: ast.expr) -> bool:
        """Whether a decorator is seen to hand arguments and results on: `@np.errstate(...)`."""
        head = decorator.func if isinstance(decorator, ast.Call) else decorator
        return self.imported_name(head) == ("numpy", "errstate")

    @cached_property
    def definitions(self) -> dict[Variable, DefNode]:
        """Every name that is bound to one plain function and to nothing
        else (but legacy rules of the same name)."""
        found: dict[Variable, DefNode] = {}
        for node in self.scopes.every(ast.FunctionDef):
            if node.decorator_list or node in self.rule_functions:
                continue
            variable = self.scopes.variable(node.name, self.scopes.around[node])
            others = [
                b for b in variable.bindings if b is not node and b not in self.rule_functions
            ]
            if not others:
                found[variable] = node
        return found

    def plainly(self, variable: Variable) -> ast.AST | None:
        """What binds a variable beside legacy rules of its name, where that is one place."""
        bindings = [b for b in variable.bindings if b not in self.rule_functions]
        return bindings[0] if len(bindings) == 1 else None

    def editable(self, function: FunctionNode) -> bool:
        """Whether a function belongs to the rules:
        it is one, stands inside one, or only rules use it."""
        node: ast.AST | None = function
        while node is not None:
            if node in self.rule_functions or node in self.owned:
                return True
            node = self.scopes.parents.get(node)
        return False

    def imported_value(self, node: ast.expr) -> Simple | None:
        """What a name or an attribute is for the data flow,
        where it comes from the legacy language or is numpy's."""
        if node not in self._imported_values:
            self._imported_values[node] = self._imported_value(node)
        return self._imported_values[node]

    def _imported_value(self, node: ast.expr) -> Simple | None:
        if self.legacy.meaning(node) is not None:
            return PLAIN
        imported = self.imported_name(node)
        if imported is None or not self.is_numeric(imported[0]):
            return None
        last = imported[1].rpartition(".")[2]
        plain = last not in SEVERAL_RESULTS and last not in CONSTANTS and last.islower()
        return NUMERIC if plain else None
