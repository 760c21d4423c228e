"""A maker that stays what it is: the rule calls it, and what it gives with the cotangent."""

from __future__ import annotations

import ast
from typing import Literal

from migrate.dialects.autograd.helpers import stays_ad
from migrate.dialects.autograd.language import AD
from migrate.dialects.autograd.makers import (
    LEADING,
    Maker,
    enclosed,
    is_partial,
    is_steady,
    variables_of,
)
from migrate.dialects.autograd.rule import Rule
from migrate.dialects.autograd.tangents import gives_container, takes_apart
from migrate.rules.legacy_rule import Cotangent, Entry
from migrate.rules.names import NameChooser
from migrate.rules.plans import RuleNote
from migrate.syntax.scopes import FunctionNode, positional_parameters, same_scope_nodes
from migrate.syntax.texts import Pieces


class Caller:
    """Calls makers in a rule; collects what has to stand around the calls."""

    def __init__(self, rule: Rule, names: NameChooser) -> None:
        self.rule, self.names = rule, names
        self.before: list[Pieces] = []
        self.body: list[Pieces] = []
        self.notes: list[RuleNote] = []
        self.takes_apart = False
        self.early: list[tuple[str, Pieces]] = []  # what runs in the forward pass

    def entry(self, maker: Maker, alone: bool) -> Entry:
        """The entry for the argument of a maker."""
        rule = self.rule
        self._note_ad(maker)
        self.takes_apart |= self._takes_apart(maker)
        if not maker.is_staged:
            return self.unstaged(maker, rule.parameter(maker.place).name, rule.handed)
        made = self.call(maker, f"{rule.output}, {rule.handed}" if rule.handed else rule.output)
        state = _reads_state(maker.function, rule)
        if alone or state:
            name = rule.free("vjp" if alone else f"vjp_{rule.parameter(maker.place).name}")
            self.early.append((name, made))
            made = (name,)
            if state and not alone:
                message = f"`{rule.module.text(maker.node)}` reads state, so it runs with the call"
                self.notes.append(RuleNote("RM109", message, maker.node))
        value: Pieces = (*made, f"({rule.cotangent})")
        container = gives_container(maker.function) or rule.is_container(maker.place)
        return Cotangent(value, "ProjectTo" if container else "", said=maker.node)

    def _note_ad(self, maker: Maker) -> None:
        """Say that a maker goes on differentiating with autograd."""
        nodes = ast.walk(maker.function) if maker.function is not None else ()
        for node in nodes:
            if isinstance(node, ast.Name | ast.Attribute):
                meaning = self.rule.legacy.meaning(node)
                if meaning in AD:
                    self.notes.append(RuleNote("RM110", stays_ad(meaning), node))

    def unstaged(self, maker: Maker, argument: str, handed: str) -> Cotangent:
        """A maker of autograd 1.1 is called with the cotangent, where that is there."""
        rule = self.rule
        space = self.names.use("Space") if "vs" in LEADING[maker.lead] else ""
        roles = {
            "argnum": str(maker.place),
            "g": rule.cotangent,
            "ans": rule.output,
            "vs": f"{space}({argument})",
            "gvs": f"{space}({rule.output})",
        }
        given = [*(roles[role] for role in LEADING[maker.lead]), *filter(None, [handed])]
        onto: Literal["", "ProjectTo"] = "ProjectTo" if gives_container(maker.function) else ""
        return Cotangent(self.call(maker, ", ".join(given)), onto, said=maker.node)

    def finished(self) -> list[Pieces]:
        """The statement that calls makers in the forward pass."""
        if not self.early:
            return []
        names = ", ".join(name for name, _ in self.early)
        made: list[str | ast.AST] = []
        for _, pieces in self.early:
            made += [", ", *pieces] if made else pieces
        return [(f"{names} = ", *made)]

    def call(self, maker: Maker, arguments: str) -> Pieces:
        """A call of a maker. What makes one gets a name, so that it runs once;
        so does one whose own name may mean something else by the time of the call."""
        node = maker.node
        match node:
            case ast.Name() | ast.Attribute() if is_steady(node, self.rule.module):
                return (node, f"({arguments})")
            case ast.Call(func=func, args=[inner, *given], keywords=keywords) if (
                is_partial(func, self.rule.module)
                and is_steady(inner, self.rule.module)
                and all(isinstance(g, ast.Constant) for g in given)
                and all(k.arg and isinstance(k.value, ast.Constant) for k in keywords)
            ):
                bound: list[str | ast.AST] = []
                for argument in given:
                    bound += [argument, ", "]
                named: list[str | ast.AST] = []
                for keyword in keywords:
                    named += [f", {keyword.arg}=", keyword.value]
                return (inner, "(", *bound, arguments, *named, ")")
        name = self.names.fresh(f"make_{self.rule.target.name}_{maker.place}")
        self.before.append((f"{name} = ", *enclosed(node, self.rule.module)))
        return (f"{name}({arguments})",)

    def _takes_apart(self, maker: Maker) -> bool:
        rule = self.rule
        if rule.gives_array:
            return False
        if maker.function is None or rule.gives_several:
            return True
        scopes = rule.module.scopes
        if not maker.is_staged:
            own = variables_of(maker.function, [maker.cotangent], rule.module)
            return any(takes_apart([maker.function], variable, rule.module) for variable in own)
        for node in ast.walk(maker.function):
            if node is maker.function or node not in scopes.own:
                continue
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                args = positional_parameters(node.args)
                if args:
                    cotangent = scopes.own[node].variable(args[0].arg)
                    body = node.body if isinstance(node.body, list) else [node.body]
                    if takes_apart(body, cotangent, rule.module):
                        return True
        return False


def _reads_state(function: FunctionNode | None, rule: Rule) -> bool:
    """Whether a def reads, before it returns, what another call may have changed since."""
    if not isinstance(function, ast.FunctionDef):
        return False
    scopes = rule.module.scopes
    for node in same_scope_nodes(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            variable = scopes.of(node)
            if variable.scope is None or scopes.inside(variable.scope.node, function):
                continue
            kinds = {type(b) for b in variable.bindings}
            if kinds <= {ast.alias, ast.FunctionDef, ast.ClassDef} and len(kinds) == 1:
                above = scopes.parents.get(node)
                if kinds != {ast.ClassDef} or not isinstance(above, ast.Attribute):
                    continue
                return True
            above = scopes.parents.get(node)
            if isinstance(above, ast.Attribute | ast.Subscript) and above.value is node:
                return True
            if len(variable.bindings) > 1:
                return True
    return False
