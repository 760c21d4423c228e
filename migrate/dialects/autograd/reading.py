"""A file with autograd's rules: where they are registered,
and what becomes of them and of their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from migrate.dialects.autograd.language import REGISTER
from migrate.dialects.autograd.makers import NotRead, legacy_rule
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan, identified
from migrate.rules.reading import Reading
from migrate.rules.unused import Unused
from migrate.rules.work import Work
from migrate.syntax.changes import restated, without_decorators
from migrate.syntax.node_edits import NodeEdits
from migrate.write.rule import WIDTH, made_anew

#: What `autograd.numpy` has and numpy has not.
_NOT_NUMPYS = frozenset({"make_diagonal", "metadata", "concatenate_args", "numpy_wrapper"})


class Rules(Reading):
    """The rules of one file; each is planned by itself."""

    def __init__(self, module: Module, legacy: LegacyNames) -> None:
        self.module, self.legacy = module, legacy
        calls = sorted(self._calls(), key=lambda c: (c.lineno, c.col_offset))
        texts = {c: module.source.segment(c) for c in calls}
        ids = identified((c, f"{self._target(c)}\0{texts[c]}") for c in calls)
        self.of = {
            Found(ids[c], t := self._target(c), t, c, module.source.span(c), (c,)): c for c in calls
        }
        self.rules = tuple(self.of)
        self.consumed: set[ast.AST] = set()
        self._work: Work | None = None

    def _calls(self) -> Iterator[ast.Call]:
        for node in self.module.scopes.around:
            if isinstance(node, ast.Call) and self.legacy.meaning(node.func) in REGISTER:
                yield node

    def _target(self, call: ast.Call) -> str:
        return self.module.text(call.args[0]) if call.args else self.module.text(call)

    # ---- plans ---------------------------------------------------------------------------

    def settled(self, found: Found) -> Bridged | Left | None:
        """What a comment asks for, and forms that are not read."""
        call = self.of[found]
        lines = range(call.lineno, (call.end_lineno or call.lineno) + 1)
        if not self.module.skipped_lines.isdisjoint(lines):
            return Left("RM205", "`# rrule-migrate: skip` stands beside it")
        try:
            legacy_rule(call, self.module, self.legacy)
        except NotRead as reason:
            return Left("RM206", str(reason))
        return None

    def plan(self, found: Found, work: Work) -> Plan:
        """A rrule in place of the registration, and a primal that is a plain function."""
        if self._work is not work:
            self._work, self.consumed = work, set()
        call = self.of[found]
        rule, primal, used = legacy_rule(call, self.module, self.legacy)
        plan = made_anew(rule, work.names, self.module.source)
        edits = NodeEdits()
        edits.change(primal, without_decorators(frozenset({0})))
        self.consumed.update(used)
        return replace(plan, edits=(*plan.edits, edits), helpers=(primal,))

    # ---- imports -------------------------------------------------------------------------

    def leaving(self, work: Work) -> Leaving:
        """The imports that nothing needs any more;
        where that is all of autograd, numpy is numpy again."""
        leaving = Unused(self.module, self.legacy, work.edits, self.consumed).leaving()
        leaving = replace(leaving, width=WIDTH)
        gone = {alias for _, alias in leaving.aliases}
        staying = [node for node in self._imports() if not gone.issuperset(node.names)]
        numpys = [node for node in staying if self._is_numpys(node)]
        if len(numpys) != 1 or len(staying) != 1:
            return leaving
        (node,) = numpys
        alias = node.names[0]
        name = alias.asname or alias.name
        variable = self.module.scopes.variable(name, self.module.scopes.around[node])
        if not self.module.scopes.uses.get(variable) and name not in self.module.exported:
            return replace(leaving, aliases=(*leaving.aliases, (node, alias)))
        text = "import numpy" if name == "numpy" else f"import numpy as {name}"
        work.edits.change(node, restated(text))
        return replace(leaving, assignments=(*leaving.assignments, node))

    def _imports(self) -> Iterator[ast.Import | ast.ImportFrom]:
        """Every import of something of autograd's."""
        for node in self.module.scopes.around:
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
