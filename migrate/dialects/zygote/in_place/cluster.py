"""A cluster: rules that share helper functions, with those helpers;
what is known of it, and what its rewriters record."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.flow.flow import Flow
from migrate.dialects.zygote.flow.structures import Structures, pairs_of
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
)
from migrate.dialects.zygote.in_place.primals import ZERO, Arguments, Primal, arguments_of
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.verdicts import Undecided
from migrate.rules.names import NameChooser, reads
from migrate.rules.plans import RuleNote
from migrate.syntax.changes import first_argument
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import FunctionNode, Variable, positional_parameters


@dataclass
class ClusterResult:
    """The edits of one cluster and what a person should know about them."""

    edits: NodeEdits
    notes: list[RuleNote] = field(default_factory=list)
    wants_config: set[Rule] = field(default_factory=set)
    helpers_with_config: set[ast.AST] = field(default_factory=set)
    consumed: set[ast.AST] = field(default_factory=set)  # uses of legacy names that are gone
    kept: set[Variable] = field(default_factory=set)  # legacy names that the new text uses
    functions: list[FunctionNode] = field(default_factory=list)  # helpers that were gone through


@dataclass
class Pullback:
    """A function of the cluster that some rule hands out as its pullback."""

    function: FunctionNode
    bound: int  # arguments that a partial gives it first
    arguments: Arguments | None  # what its entries belong to; None where its rules disagree
    functor: bool
    rules: list[Rule] = field(default_factory=list)
    local: bool = True  # it stands inside the rule, and sees the rule's arguments


class Part:
    """A part of the work on one cluster, with what all of them need at hand."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.view = cluster.view
        self.flow = cluster.flow
        self.names = cluster.names
        self.edits = cluster.edits


class Cluster:
    """What is known of rules that are rewritten together, and what their rewriters record;
    one for each attempt."""

    def __init__(
        self,
        view: ModuleView,
        rules: list[Rule],
        names: NameChooser,
        opaque: frozenset[ast.AST] = frozenset(),
        rewriting: bool = True,
    ) -> None:
        self.view = view
        self.rules = rules
        self.names = names
        self.arguments = {rule: arguments_of(rule, view) for rule in rules}
        self.result = ClusterResult(NodeEdits())
        self.edits = self.result.edits
        self.marked: dict[Nothing, str] = {}
        self.config_names: dict[ast.AST, str] = {}
        self.pullbacks: dict[FunctionNode, Pullback] = {}
        self.flow = Flow(view, opaque, rewriting)
        for rule in rules:
            self._seed(rule)
        self.flow.seeds.append(self._find_pullbacks)
        self.flow.run()

    # ---- one attempt ---------------------------------------------------------------------

    def _seed(self, rule: Rule) -> None:
        function = rule.function
        assert function is not None
        self.flow.add(function)
        for arg in positional_parameters(function.args):
            annotation = self.view.annotations.of(arg, function)
            numeric = annotation is not None and self.view.annotations.is_array_or_number(
                annotation
            )
            self.flow.give(self.flow.parameter(function, arg), {ARRAY if numeric else PLAIN})
        for other in (*function.args.kwonlyargs, function.args.vararg, function.args.kwarg):
            if other is not None:
                self.flow.give(self.flow.parameter(function, other), {PLAIN})

    def _find_pullbacks(self) -> None:
        """Which functions the rules hand out; they are given a cotangent."""
        for rule in self.rules:
            function = rule.function
            assert function is not None
            for result in self.view.returned(function):
                for value, pullback in self._pairs(result):
                    array = value is not None and self._is_array(value)
                    for atom in self.flow.value(pullback):
                        self._pullback(atom, rule, array)

    def _pairs(self, result: ast.expr) -> Iterator[tuple[ast.expr | None, ast.expr]]:
        return pairs_of(result, self.flow)

    def _is_array(self, value: ast.expr) -> bool:
        atoms = self.flow.value(value)
        return bool(atoms) and atoms <= {ARRAY}

    def _pullback(self, atom: object, rule: Rule, array: bool) -> None:
        bound = 0
        if isinstance(atom, Bound):
            targets, before, named = self.flow.bound[atom.node]
            if any(isinstance(b, ast.Starred) for b in before):
                return
            bound = len(before)
            for target in targets:
                if isinstance(target, Function):
                    self._bind_partial(target.node, before, named)
                    self._hand_out(target.node, bound, rule, array)
        elif isinstance(atom, Function):
            self._hand_out(atom.node, bound, rule, array)

    def _bind_partial(
        self, function: FunctionNode, before: list[ast.expr], named: list[ast.keyword]
    ) -> None:
        self.flow.add(function)
        parameters = positional_parameters(function.args)
        for arg, given in zip(parameters, before, strict=False):
            self.flow.give(self.flow.parameter(function, arg), self.flow.atoms(given))
        names = {a.arg: a for a in (*parameters, *function.args.kwonlyargs)}
        for keyword in named:
            if keyword.arg in names:
                variable = self.flow.parameter(function, names[keyword.arg])
                self.flow.give(variable, self.flow.atoms(keyword.value))

    def _hand_out(self, function: FunctionNode, bound: int, rule: Rule, array: bool) -> None:
        self.flow.add(function)
        parameters = positional_parameters(function.args)
        if bound < len(parameters):
            atoms: Atoms = {COTANGENT_ARRAY if array else TANGENT}
            self.flow.give(self.flow.parameter(function, parameters[bound]), atoms)
        elif function.args.vararg is not None:
            raise Undecided("its pullback takes the cotangent through *args", rule)
        else:
            raise Undecided("its pullback takes no cotangent", rule)
        known = self.pullbacks.get(function)
        assert rule.function is not None
        local = self.view.scopes.inside(function, rule.function)
        if known is None:
            self.pullbacks[function] = Pullback(
                function, bound, self.arguments[rule], rule.functor, [rule], local
            )
            self.flow.changed = True
        elif rule not in known.rules:
            if known.bound != bound or known.functor != rule.functor:
                raise Undecided("rules of different kinds share its pullback", rule)
            known.rules.append(rule)
            if known.arguments is not None:
                known.arguments = known.arguments.merged(self.arguments[rule])
            known.local = known.local and local

    # ---- shared by the rewriters ---------------------------------------------------------

    def rule_around(self, node: ast.AST) -> Rule | None:
        """The rule that a node stands in."""
        for rule in self.rules:
            if rule.function is not None and self.view.scopes.inside(node, rule.function):
                return rule
        return None

    def note(self, code: str, message: str, node: ast.AST) -> None:
        self.result.notes.append(RuleNote(code, message, node))

    def mark(self, atoms: Atoms, zero: str = ZERO) -> None:
        """Turn the Nones among these into zeros."""
        for atom in atoms:
            if isinstance(atom, Nothing):
                known = self.marked.get(atom)
                self.marked[atom] = zero if known in (None, zero) else ZERO

    def value_kinds(self, rules: list[Rule]) -> set[str] | None:
        """The structures of what these rules return as their values,
        or None where that is not seen."""
        found: set[str] = set()
        for rule in rules:
            assert rule.function is not None
            for result in self.view.returned(rule.function):
                pairs = list(self._pairs(result))
                if not pairs:
                    return None
                for value, _ in pairs:
                    kinds = None if value is None else self.structures.kinds_of(value)
                    if kinds is None:
                        return None
                    found |= kinds
        return found

    def cotangent_kinds(self, node: ast.expr) -> set[str] | None:
        """The structures of the values whose cotangent a name is,
        or None where it is none or that is not seen."""
        if not isinstance(node, ast.Name):
            return None
        variable = self.view.variable_at(node)
        for pullback in self.pullbacks.values():
            parameters = positional_parameters(pullback.function.args)
            if pullback.bound < len(parameters):
                if variable is self.flow.parameter(pullback.function, parameters[pullback.bound]):
                    return self.value_kinds(pullback.rules)
        return None

    @cached_property
    def structures(self) -> Structures:
        """The structures that tangents have, as far as that is seen."""
        structures = Structures(self.view, self.rules)
        structures.run()
        return structures

    def primal_of(self, node: ast.expr) -> str:
        """`, y` for `to_legacy(dy, y)`: with it the dict of an object has all of its fields."""
        atoms = self.structures.found_at(node)
        if TANGENT not in self.flow.atoms(node) or not any(
            a is TANGENT or (isinstance(a, Held) and a.site.kind == "dict") for a in atoms
        ):
            return ""
        for pullback in self.pullbacks.values():
            parameters = positional_parameters(pullback.function.args)
            if isinstance(node, ast.Name) and pullback.bound < len(parameters):
                own = self.flow.parameter(pullback.function, parameters[pullback.bound])
                if self.view.variable_at(node) is own:
                    name = self._name_of_value(pullback.rules, node)
                    if name is not None:
                        return f", {name}"
        if any(isinstance(a, Held) and a.site.kind == "dict" for a in atoms):
            raise Undecided("code that cannot be followed may count on a tangent to have every key")
        return ""

    def _name_of_value(self, rules: list[Rule], where: ast.AST) -> str | None:
        """The variable that holds the value of these rules, where it means the same at a place."""
        names: set[str] = set()
        for rule in rules:
            assert rule.function is not None
            for result in self.view.returned(rule.function):
                for value, _ in self._pairs(result):
                    if not isinstance(value, ast.Name):
                        return None
                    variable = self.view.scopes.of(value)
                    here = self.view.scopes.variable(value.id, self.view.scopes.around[where])
                    if variable.only is None or here is not variable:
                        return None
                    names.add(value.id)
        return names.pop() if len(names) == 1 else None

    def is_zero_like(self, atoms: Atoms) -> bool:
        """Whether one of these may be a zero of the target language."""
        return (
            TANGENT in atoms
            or COTANGENT_ARRAY in atoms
            or any(isinstance(a, Nothing) and a in self.marked for a in atoms)
        )

    def carries_tangents(self, atoms: Atoms, depth: int = 0) -> bool:
        """Whether tangents of the target language may be inside one of these."""
        if TANGENT in atoms or any(isinstance(a, Nothing) and a in self.marked for a in atoms):
            return True
        if depth > 4:
            return True
        return any(
            isinstance(a, Held) and self.carries_tangents(a.site.elements(), depth + 1)
            for a in atoms
        )

    def escapes(self, atoms: Atoms, depth: int = 0) -> bool:
        """Whether what only the new rule understands is inside one of these:
        tangents, zeros, pullbacks."""
        if self.carries_tangents(atoms) or depth > 4:
            return True
        for atom in atoms:
            if isinstance(atom, (Back, Bound)):
                return True
            if isinstance(atom, Function) and atom.node in self.pullbacks:
                return True
            if isinstance(atom, Held) and self.escapes(atom.site.elements(), depth + 1):
                return True
        return False

    def visible(self, primal: Primal, where: ast.AST) -> str | None:
        """The text of a primal, if it means the same at a place in the code."""
        if primal.text is None or primal.variable is None:
            return None
        scope = self.view.scopes.around.get(where)
        if scope is None:
            return None
        found = self.view.scopes.variable(primal.variable.name, scope)
        return primal.text if found == primal.variable else None

    def config_for(self, node: ast.AST) -> str:
        """The name of the config in the function around a node; asks for the parameter."""
        root = self._root(node)
        rule = next((r for r in self.rules if r.function is root), None)
        if rule is not None:
            self.result.wants_config.add(rule)
        else:
            self._give_config(root)
        if root not in self.config_names:
            taken = [
                n
                for n in ("config", "config_", "rule_config")
                if not reads(n, root, self.view.scopes)
            ]
            if not taken:
                raise Undecided("no name is left for the config")
            self.config_names[root] = taken[0]
        return self.config_names[root]

    def _give_config(self, helper: ast.AST) -> None:
        """A helper calls back into the AD: it and everything that calls it take a config."""
        if helper in self.result.helpers_with_config:
            return
        self.result.helpers_with_config.add(helper)
        if not isinstance(helper, ast.FunctionDef):
            raise Undecided("a lambda outside of it calls back into the AD")
        variable = self.view.scopes.variable(helper.name, self.view.scopes.around[helper])
        for use in self.view.scopes.uses.get(variable, []):
            call = self.view.scopes.parents.get(use)
            if not (isinstance(call, ast.Call) and call.func is use):
                raise Undecided(f"{helper.name} calls back into the AD and is passed around")
            name = self.config_for(call)
            self.edits.change(call, first_argument(name))

    def _root(self, node: ast.AST) -> ast.AST:
        """The rule or the helper of the module that a node stands in."""
        roots = {r.function for r in self.rules}
        found = None
        for ancestor in (node, *self.view.scopes.ancestors(node)):
            if ancestor in roots:
                return ancestor
            if ancestor in self.view.owned:
                found = ancestor
        if found is None:
            raise Undecided("code outside of it calls back into the AD")
        return found

    def function_around(self, node: ast.AST) -> FunctionNode | None:
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            return node
        found = self.view.scopes.enclosing(node, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        assert found is None or isinstance(
            found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        )
        return found

    def append_return(self, function: ast.AST, text: str) -> None:
        """Add a `return` at the end of a function that can fall off it."""
        if not isinstance(function, ast.FunctionDef):
            raise Undecided("a lambda cannot fall off its end")
        self.edits.end_with(function, f"return {text}")
