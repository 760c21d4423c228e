"""Rules for reading attributes: the name that was a `Val` is a
plain string in a rule for `getattr`."""

from __future__ import annotations

import ast
from functools import cached_property

from migrate.dialects.zygote.in_place.cluster import Part
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import Variable

_GETTERS = ("literal_getproperty", "literal_getfield")


class GetterNames(Part):
    """Rewrites what a cluster's rules do with the name that they are asked for.

    `name.value` is the name, `name == Val("a")` is `name == "a"`;
    wherever else the name goes, a `Val` is made of it.
    """

    @cached_property
    def variables(self) -> frozenset[Variable]:
        """The second parameters of the getter rules."""
        found = set()
        for rule in self.cluster.rules:
            if rule.getter and rule.function is not None:
                arguments = [*rule.function.args.posonlyargs, *rule.function.args.args]
                if len(arguments) > 1:
                    found.add(self.flow.parameter(rule.function, arguments[1]))
        return frozenset(found)

    def is_name(self, node: ast.expr) -> bool:
        """Whether an expression is the name that a getter rule is asked for."""
        return isinstance(node, ast.Name) and self.view.scopes.of(node) in self.variables

    def name_use(self, node: ast.Name | ast.Attribute, edits: NodeEdits) -> None:
        """One use of the name."""
        if isinstance(node, ast.Attribute):
            if (
                node.attr == "value"
                and self.is_name(node.value)
                and isinstance(node.value, ast.Name)
            ):
                edits.replace(node, node.value.id)
            return
        if not self.variables or not self.is_name(node) or not isinstance(node.ctx, ast.Load):
            return
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr == "value":
            return
        if isinstance(parent, ast.Compare) and self._plain_comparison(parent):
            return
        if isinstance(parent, ast.Call) and self.view.legacy.meaning(parent.func) in _GETTERS:
            return
        edits.wrap(node, f"{self._val_text()}({{}})", inside=True)

    def val(self, node: ast.Call) -> bool:
        """One `Val(...)`; gives whether it became a plain string."""
        parent = self.view.scopes.parents.get(node)
        if isinstance(parent, ast.Call) and self.view.legacy.meaning(parent.func) in _GETTERS:
            return True  # rewritten with the call
        if isinstance(parent, (ast.Tuple, ast.List, ast.Set)):
            parent = self.view.scopes.parents.get(parent)
        if isinstance(parent, ast.Compare) and self._plain_comparison(parent):
            text = self.view.text(node.args[0])
            self.cluster.edits.replace(node, text)
            return True
        return False

    def _plain_comparison(self, node: ast.Compare) -> bool:
        """`name == Val("a")`, `Val("a") != name`, `name in (Val("a"), Val("b"))`."""
        if len(node.ops) != 1:
            return False
        left, right = node.left, node.comparators[0]
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            return (self.is_name(left) and self._is_val(right)) or (
                self._is_val(left) and self.is_name(right)
            )
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
                return self.is_name(left) and all(map(self._is_val, right.elts))
        return False

    def _is_val(self, node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Call)
            and self.view.legacy.meaning(node.func) == "Val"
            and len(node.args) == 1
            and not node.keywords
            and not isinstance(node.args[0], ast.Starred)
        )

    def _in_reach(self, variable: Variable) -> bool:
        """Whether a name means the same in every rule of the cluster."""
        scopes = self.view.scopes
        return all(
            rule.function is not None
            and scopes.variable(variable.name, scopes.own[rule.function]) == variable
            for rule in self.cluster.rules
        )

    def _val_text(self) -> str:
        """How the file spells the legacy `Val`."""
        for variable, meaning in self.view.legacy.names.items():
            if meaning == "Val" and self._in_reach(variable):
                self.cluster.result.kept.add(variable)
                return variable.name
        for variable in self.view.legacy.module_variables:
            if self._in_reach(variable):
                self.cluster.result.kept.add(variable)
                dotted = self.view.legacy.module_variables[variable]
                full = next((m for m in self.view.legacy.language.everywhere if m == dotted), None)
                if full is not None:
                    return f"{variable.name}.Val"
        raise Undecided(
            "the name that is asked for goes where a Val is needed, and none is imported"
        )
