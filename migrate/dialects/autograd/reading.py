"""A file with autograd's rules: where they are registered,
and what becomes of them and of their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from migrate.dialects.autograd.adapted import gone
from migrate.dialects.autograd.beside import asks_numpy, only_for
from migrate.dialects.autograd.helpers import numpy_name
from migrate.dialects.autograd.notrace import Untraced, forward_rules, said, untraced
from migrate.dialects.autograd.older import older_registrations
from migrate.dialects.autograd.planning import Planner
from migrate.dialects.autograd.primitives import Primitives
from migrate.dialects.autograd.registrations import (
    Registration,
    registrations,
    replaced_by_later,
)
from migrate.dialects.autograd.rule import Rule
from migrate.options import Options
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan, RuleNote, identified
from migrate.rules.reading import Reading
from migrate.rules.unused import Unused
from migrate.rules.work import Work
from migrate.syntax.changes import restated
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import Variable
from migrate.write.rule import WIDTH

#: What `autograd.numpy` has and numpy has not.
_NOT_NUMPYS = frozenset(
    "make_diagonal metadata concatenate_args array_from_args numpy_wrapper wrap_if_boxes_inside".split()
)


class Rules(Reading):
    """The rules of one file; each is planned by itself."""

    def __init__(self, module: Module, legacy: LegacyNames, options: Options) -> None:
        self.module, self.legacy, self.options = module, legacy, options
        source = module.source
        today = registrations(module, legacy)
        self.replacing = replaced_by_later(today, module)
        found = [*today, *older_registrations(module, legacy)]
        found.sort(key=lambda r: (r.call.lineno, r.call.col_offset))
        shown = [(r, f"{module.text(r.target)}\0{source.segment(r.call)}") for r in found]
        ids = identified(shown)
        self.of = {self._shown(r, ids[r]): r for r in found}
        without = untraced(module, legacy, options.runtime)
        ids_ = identified((u, f"{u.name}\0{source.segment(u.node)}") for u in without)
        self.untraced = {self._shown_untraced(u, ids_[u]): u for u in without}
        self.rules = (*self.of, *self.untraced)
        self.consumed: set[ast.AST] = set()
        self.planned: dict[Found, Rule] = {}
        self.primitives: Primitives | None = None
        self._work: Work | None = None

    def _shown(self, registration: Registration, id: str) -> Found:
        call, target = registration.call, self.module.text(registration.target)
        return Found(
            id, target, target, call, self.module.source.span(call), (call, *registration.others)
        )

    def _shown_untraced(self, found: Untraced, id: str) -> Found:
        node = found.node
        return Found(id, found.name, found.name, node, self.module.source.span(node), (found.site,))

    def _rule(self, registration: Registration) -> Rule:
        above = registration.call.lineno - 1
        follows = any(r.call.end_lineno == above for r in self.replacing)
        return Rule(registration, self.module, self.legacy, self.options.real, follows)

    # ---- plans ---------------------------------------------------------------------------

    def settled(self, found: Found) -> Bridged | Left | None:
        """Forms that are not read."""
        if found in self.untraced:
            return None
        registration = self.of[found]
        reason = registration.trouble or self._rule(registration).target.refused
        return Left("RM206", reason) if reason else None

    def plan(self, found: Found, work: Work) -> Plan | Left:
        """A rrule in place of the registration; the primal is a plain function where autograd
        goes."""
        if self._work is not work:
            self._work, self.consumed, self.planned, self.primitives = work, set(), {}, None
        if found in self.untraced:
            return self._plan_untraced(self.untraced[found], work)
        rule = self._rule(self.of[found])
        later = self.replacing.get(self.of[found])
        if later is not None:
            self.consumed |= set(ast.walk(self.of[found].call))
            return gone(rule, later)
        keep = self.options.autograd == "keep"
        planner = Planner(rule, work.names, keep and not rule.registration.is_foreign)
        plan = planner.plan(isinstance(work.verdicts.get(found), Bridged))
        self.consumed |= planner.consumed
        self.planned[found] = rule
        if rule.registration.others:
            plan = self._without_others(rule, plan)
        return plan if keep else self._without_primitives(plan, rule, work)

    def _plan_untraced(self, found: Untraced, work: Work) -> Plan | Left:
        """What says that nothing flows back through a function, said to the runtime."""
        keep = self.options.autograd == "keep"
        plan = said(found, self.module, work.names, keep)
        if plan is None:
            return Left("RM206", "other statements stand on its line")
        if keep:
            return plan
        for node in found.used:
            self.consumed |= set(ast.walk(node))
        if not isinstance(found.site, ast.Expr):
            return plan
        return self._without_primitives(plan, self._rule(found.registration(self.module)), work)

    def outside(self, work: Work) -> Iterable[tuple[Found, Plan | Left]]:
        """Functions that only rules use; rules for the forward mode stay, that is said once."""
        self._change_beside(work)
        calls = forward_rules(self.legacy, self.module)
        if calls and work.done:
            others = f", and {len(calls) - 1} more," if len(calls) > 1 else ""
            shown = self.module.text(calls[0].func)
            message = (
                f"`{shown}` of {self.module.text(calls[0].args[0])}{others} stays: nothing here"
            )
            work.file_notes.append(
                RuleNote("RM110", f"{message} takes rules of autograd's forward mode", calls[0])
            )
        return ()

    def _change_beside(self, work: Work) -> None:
        """Have functions that only makers use ask numpy what they asked of vector spaces."""
        rules = list(self.planned.values())
        makers = [m.function or m.node for rule in rules for m in rule.makers]
        calls = [rule.registration.call for rule in rules]
        for definition in only_for(makers, calls, self.module):
            if definition not in work.edits.rows:
                edits = NodeEdits()
                used = asks_numpy(definition, self.module, self.legacy, edits)
                if used:
                    work.edits.merge(edits)
                    work.helpers[definition] = None
                    self.consumed |= used

    def _without_primitives(self, plan: Plan, rule: Rule, work: Work) -> Plan:
        """The plan for a rule with what becomes of `@primitive` and `primitive(f)`."""
        if self.primitives is None:
            calls = {
                f: u.registration(self.module)
                for f, u in self.untraced.items()
                if isinstance(u.site, ast.Expr)
            }
            every = (self.of | calls).items()
            left = {f for f, _ in every if isinstance(work.verdicts.get(f), Left)}
            going = [self._rule(r).target.decorator for f, r in every if f not in left]
            staying = [self._rule(r).target.decorator for f, r in every if f in left]
            self.primitives = Primitives(self.module, self.legacy, going, staying)
        edits, statements = self.primitives.without(rule.target, work.names)
        self.consumed |= self.primitives.consumed
        return replace(plan, edits=(*plan.edits, *edits), helpers=(*plan.helpers, *statements))

    def _without_others(self, rule: Rule, plan: Plan) -> Plan:
        """The plan, with which the other calls for its function go."""
        edits, gone = NodeEdits(), []
        source = self.module.source
        for call in rule.registration.others:
            site = self.module.scopes.parents[call]
            assert isinstance(site, ast.Expr)
            comments = source.comments_within(site, *(m.node for m in rule.makers))
            indent = source.indentation(site.lineno)
            edits.replace_line(site, f"\n{indent}".join(comments))
            gone.append(site)
            self.consumed |= set(ast.walk(call.func))
        return replace(plan, edits=(*plan.edits, edits), gone=(*plan.gone, *gone))

    def settle(self, found: Found, reason: str, bridged: bool) -> Bridged | Left:
        """A form that does not come out well is given up for the adapter of the runtime."""
        return Left("RM206", reason) if bridged else Bridged(reason)

    # ---- imports -------------------------------------------------------------------------

    def leaving(self, work: Work) -> Leaving:
        """The imports that nothing needs any more;
        where that is all of autograd, numpy is numpy again."""
        kept = self._kept(work.names)
        leaving = Unused(self.module, self.legacy, work.edits, self.consumed, kept).leaving()
        leaving = replace(leaving, width=WIDTH)
        if self.options.autograd == "keep":
            return leaving
        gone = {alias for _, alias in leaving.aliases}
        staying = [node for node in self._imports() if not gone.issuperset(node.names)]
        numpys = [node for node in staying if self._is_numpys(node)]
        if len(numpys) != 1 or len(staying) != 1:
            return leaving
        (node,) = numpys
        alias = node.names[0]
        name = alias.asname or alias.name
        variable = self.module.scopes.variable(name, self.module.scopes.around[node])
        used = self.module.scopes.uses.get(variable) or self._asks_numpy(name)
        if not used and name not in self.module.exported:
            return replace(leaving, aliases=(*leaving.aliases, (node, alias)))
        text = "import numpy" if name == "numpy" else f"import numpy as {name}"
        work.edits.change(node, restated(text))
        return replace(leaving, assignments=(*leaving.assignments, node))

    def _asks_numpy(self, name: str) -> bool:
        """Whether new text asks numpy, by that name, what a vector space said."""
        if name != numpy_name(self.module):
            return False
        return any(
            max(r.registration.leads.values(), default=1) > 1 for r in self.planned.values()
        ) or any(
            isinstance(node, ast.Name | ast.Attribute)
            and self.legacy.meaning(node) in ("vspace", "elementwise_grad")
            for node in self.consumed
        )

    def _kept(self, names: NameChooser) -> set[Variable]:
        """The names that the new text takes from imports that the file has."""
        scopes = self.module.scopes
        found = set()
        for target in names.present:
            name = names.local[target]
            if name in scopes.module.bindings:
                found.add(scopes.module.variable(name))
        return found

    def _imports(self) -> Iterator[ast.Import | ast.ImportFrom]:
        """Every import of something of autograd's."""
        for node in self.module.scopes.every(ast.Import, ast.ImportFrom):
            match node:
                case ast.Import(names=names):
                    if any(a.name.partition(".")[0] == "autograd" for a in names):
                        yield node
                case ast.ImportFrom(module=str(module), level=0):
                    if module.partition(".")[0] == "autograd":
                        yield node

    def _is_numpys(self, node: ast.Import | ast.ImportFrom) -> bool:
        """Whether an import brings `autograd.numpy`, of which only what numpy has is used."""
        alias = node.names[0]
        whole = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        if len(node.names) != 1 or whole != "autograd.numpy":
            return False
        if isinstance(node, ast.Import) and alias.asname is None:
            return False
        scopes = self.module.scopes
        variable = scopes.variable(alias.asname or alias.name, scopes.around[node])
        return variable.bindings == [alias] and all(
            isinstance(parent := scopes.parents.get(use), ast.Attribute)
            and parent.attr not in _NOT_NUMPYS
            and not parent.attr.startswith("_")
            for use in scopes.uses.get(variable, [])
        )
