"""A maker that is a lambda giving a lambda: what that one gives moves into the pullback."""

from __future__ import annotations

import ast
from dataclasses import replace

from migrate.dialects.autograd.makers import Maker, bound_inside, is_movable, variables_of
from migrate.dialects.autograd.rule import Rule
from migrate.dialects.autograd.tangents import entry_of, helper_changes, takes_apart
from migrate.rules.legacy_rule import Cotangent, Entry
from migrate.rules.names import NameChooser
from migrate.syntax.scopes import Variable, positional_parameters
from migrate.syntax.texts import Pieces


def is_inlined(maker: Maker, rule: Rule) -> bool:
    """Whether what a maker gives may stand in the rule."""
    known, own = rule.signature, maker.signature
    if known is None or own is None or maker.body is None or not own.fits(known):
        return False
    body = maker.inner.body if maker.inner is not None else maker.body
    whole = maker.body
    return is_movable(whole) and not bound_inside(body) & rule.new_names


class Inliner:
    """Moves what lambdas give into a rule; collects what changes in them."""

    def __init__(self, rule: Rule, names: NameChooser) -> None:
        self.rule, self.names = rule, names
        self.changes: dict[ast.AST, Pieces] = {}
        self.consumed: set[ast.AST] = set()
        self.reads_output = False
        self.takes_apart = False
        self.body: list[Pieces] = []

    def entry(self, maker: Maker, alone: bool) -> Entry:
        """The entry for the argument of a maker."""
        rule = self.rule
        assert maker.function is not None and maker.body is not None
        self._rename(maker)
        if maker.inner is None:
            return self._called(maker.body, alone)
        value = maker.inner.body
        (cotangent,) = variables_of(maker.inner, [maker.cotangent], rule.module)
        self.takes_apart |= takes_apart([value], cotangent, rule.module)
        if maker.unbroadcast is None:
            entry = entry_of(value)
            if isinstance(entry, Cotangent) and rule.is_container(maker.place):
                return replace(entry, onto="ProjectTo")
            return entry
        self.consumed |= set(ast.walk(maker.unbroadcast.func))
        space = maker.unbroadcast.args[0]
        plain = isinstance(space, ast.Name) and self._name_of(space) == (
            rule.parameter(maker.place).name
        )
        return Cotangent(value, "UnbroadcastTo", None if plain else space)

    def _called(self, given: ast.expr, alone: bool) -> Entry:
        """A lambda that calls something which gives the function."""
        cotangent = self.rule.cotangent
        loose = not isinstance(given, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
        self.takes_apart |= not self.rule.gives_array
        if alone:
            name = self.rule.free("vjp")
            self.body.append((f"{name} = ", given))
            return Cotangent((f"{name}({cotangent})",), said=given)
        made: Pieces = ("(", given, ")") if loose else (given,)
        return Cotangent((*made, f"({cotangent})"))

    def _name_of(self, name: ast.Name) -> str:
        found = self.changes.get(name)
        return name.id if found is None else str(found[0])

    def _rename(self, maker: Maker) -> None:
        """Give what a maker reads its names in the rule."""
        rule, scopes = self.rule, self.rule.module.scopes
        function = maker.function
        assert function is not None and maker.body is not None
        becomes = becoming(maker, rule)
        output = variables_of(function, [maker.output], rule.module)[0]
        if maker.inner is not None:
            (cotangent,) = variables_of(maker.inner, [maker.cotangent], rule.module)
            becomes[cotangent] = rule.cotangent
        for node in ast.walk(maker.body):
            if isinstance(node, ast.Name) and (variable := scopes.of(node)) in becomes:
                self.reads_output |= variable is output
                if node.id != becomes[variable]:
                    self.changes[node] = (becomes[variable],)
        helpers = helper_changes([maker.body], rule.module, rule.legacy, frozenset(becomes))
        for call, (helper, onto, value) in helpers.items():
            assert isinstance(call, ast.Call)
            self.consumed |= set(ast.walk(call.func))
            self.changes[call] = (f"{self.names.use(helper)}(", onto, ")(", value, ")")


def becoming(maker: Maker, rule: Rule) -> dict[Variable, str]:
    """The names that a maker's parameters have in the rule."""
    function, known = maker.function, rule.signature
    assert function is not None and known is not None
    new = [rule.output, *(p.name for p in known.positional)]
    old = variables_of(function, positional_parameters(function.args), rule.module)
    becomes = dict(zip(old, new, strict=True))
    for arg, name in ((function.args.vararg, known.rest), (function.args.kwarg, known.more)):
        if arg is not None:
            becomes[variables_of(function, [arg], rule.module)[0]] = name
    return becomes
