"""A maker that is a lambda giving a lambda: what that one gives moves into the pullback."""

from __future__ import annotations

import ast
from dataclasses import replace

from migrate.dialects.autograd.makers import (
    LEADING,
    Maker,
    bound_inside,
    enclosed,
    is_movable,
    outside_names,
    variables_of,
)
from migrate.dialects.autograd.rule import Rule
from migrate.dialects.autograd.spaces import Spaces
from migrate.dialects.autograd.tangents import entry_of, takes_apart
from migrate.rules.legacy_rule import Cotangent, Entry
from migrate.rules.names import NameChooser
from migrate.rules.plans import RuleNote
from migrate.syntax.forms import binds_loosely
from migrate.syntax.scopes import Variable, positional_parameters
from migrate.syntax.texts import Pieces


def is_inlined(maker: Maker, rule: Rule) -> bool:
    """Whether what a maker gives may stand in the rule."""
    known, own = rule.signature, maker.signature
    if known is None or own is None or maker.body is None or not own.fits(known):
        return False
    body = maker.tangent if maker.tangent is not None else maker.body
    movable = all(map(is_movable, (maker.body, body))) and _reads_the_same(maker, rule)
    return movable and not bound_inside(body) & rule.new_names


def _reads_the_same(maker: Maker, rule: Rule) -> bool:
    """Whether the names that a lambda from elsewhere reads mean the same where it moves to."""
    if isinstance(maker.node, ast.Lambda) or maker.function is None or maker.body is None:
        return True
    scopes = rule.module.scopes
    around = scopes.around[rule.registration.call]
    return all(
        scopes.variable(name.id, around) is scopes.of(name)
        for name in outside_names(maker.body, maker.function, rule.module)
    )


class Inliner:
    """Moves what lambdas give into a rule; collects what changes in them."""

    def __init__(self, rule: Rule, names: NameChooser) -> None:
        self.rule, self.names = rule, names
        self.changes: dict[ast.AST, Pieces] = {}
        self.consumed: set[ast.AST] = set()
        self.reads_output = False
        self.takes_apart = False
        self.body: list[Pieces] = []
        self.spaces = Spaces(rule, names)
        self.lazy: set[ast.expr] = set()
        self.notes: list[RuleNote] = []
        self.config = False

    def entry(self, maker: Maker, alone: bool) -> Entry:
        """The entry for the argument of a maker."""
        rule = self.rule
        assert maker.function is not None and maker.body is not None
        self._rename(maker)
        value = maker.tangent
        if value is None and maker.applied is None:
            return self._called(maker.body, alone)
        if value is not None:
            owner = maker.function if maker.inner is None else maker.inner
            (cotangent,) = variables_of(owner, [maker.cotangent], rule.module)
            self.takes_apart |= takes_apart([value], cotangent, rule.module)
        if maker.unbroadcast is None:
            assert value is not None
            entry = entry_of(value)
            if isinstance(entry, Cotangent) and value in self.lazy:
                return replace(entry, runs=False)
            if isinstance(entry, Cotangent) and rule.is_container(maker.place):
                return replace(entry, onto="ProjectTo")
            return entry
        self.consumed |= set(ast.walk(maker.unbroadcast.func))
        moved: ast.expr | Pieces = self._applied(maker) if value is None else value
        if not maker.is_staged:
            return Cotangent(moved, "UnbroadcastTo")
        space = maker.unbroadcast.args[-2]
        plain = isinstance(space, ast.Name) and self._name_of(space) == (
            rule.parameter(maker.place).name
        )
        return Cotangent(moved, "UnbroadcastTo", None if plain else space)

    def _applied(self, maker: Maker) -> Pieces:
        """`op.neg` of the cotangent, or another function with a name."""
        function, g = maker.applied, self.rule.cotangent
        assert function is not None
        if self.rule.module.imported_name(function) == ("operator", "neg"):
            return (f"-{g}",)
        return (*_called_as(function), f"({g})")

    def _called(self, given: ast.expr, alone: bool) -> Entry:
        """A lambda that calls something which gives the function."""
        cotangent = self.rule.cotangent
        self.takes_apart |= not self.rule.gives_array
        if alone:
            name = self.rule.free("vjp")
            self.body.append((f"{name} = ", *enclosed(given, self.rule.module)))
            return Cotangent((f"{name}({cotangent})",), said=given)
        return Cotangent((*_called_as(given), f"({cotangent})"))

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
        read: list[ast.expr] = [maker.body]
        if maker.is_inline:
            spaces = maker.unbroadcast.args[-2:-1] if maker.unbroadcast is not None else []
            given = maker.applied if maker.tangent is None else maker.tangent
            read = [*spaces, *([given] if given is not None else [])]
        for node in (inner for part in read for inner in ast.walk(part)):
            if isinstance(node, ast.Name) and (variable := scopes.of(node)) in becomes:
                self.reads_output |= variable is output
                if node.id != becomes[variable]:
                    self.changes[node] = (becomes[variable],)
        if not maker.is_staged and maker.tangent is not None:
            self.spaces.read(maker, rule.parameter(maker.place).name)
            self.changes |= self.spaces.changes
            self.reads_output |= self.spaces.reads_output
        tangents = [maker.tangent] if maker.tangent is not None else []
        found = rule.helped(read, tangents, self.names.use)
        self.changes |= found.changes
        self.consumed |= found.used
        self.lazy |= found.lazy
        self.config |= found.config
        self.notes += found.notes


def _called_as(function: ast.expr) -> Pieces:
    """An expression that is called."""
    return ("(", function, ")") if binds_loosely(function) else (function,)


def becoming(maker: Maker, rule: Rule) -> dict[Variable, str]:
    """The names that a maker's parameters have in the rule."""
    function, known = maker.function, rule.signature
    assert function is not None and known is not None
    roles = {"g": rule.cotangent, "ans": rule.output, "argnum": str(maker.place)}
    new = [*(roles.get(role, "") for role in LEADING[maker.lead])]
    new += [p.name for p in known.positional]
    old = variables_of(function, positional_parameters(function.args), rule.module)
    becomes = {variable: name for variable, name in zip(old, new, strict=True) if name}
    for arg, name in ((function.args.vararg, known.rest), (function.args.kwarg, known.more)):
        if arg is not None:
            becomes[variables_of(function, [arg], rule.module)[0]] = name
    return becomes
