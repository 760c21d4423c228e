"""Which imports of a legacy language nothing needs any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from functools import cached_property

from migrate.rules.fallbacks import is_switch
from migrate.rules.legacy_names import LegacyImport, LegacyNames
from migrate.rules.module import Module
from migrate.rules.plans import Leaving
from migrate.syntax.changes import restated
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import Scopes, Variable


class Unused:
    """What leaves of one language, after everything else is planned."""

    def __init__(
        self,
        module: Module,
        legacy: LegacyNames,
        edits: NodeEdits,
        consumed: set[ast.AST],
        kept: Set[Variable] = frozenset(),
        renamed: Set[ast.AST] = frozenset(),
    ) -> None:
        self.module = module
        self.scopes = module.scopes
        self.legacy = legacy
        self.edits = edits
        self.cutter = Cutter(module.source, module.scopes)
        self.consumed = consumed  # uses of legacy names that are gone
        self.kept = kept  # legacy names that the new text goes on using
        self.renamed = renamed  # definitions that have another name now

    def leaving(self) -> Leaving:
        """The imports that go; assignments that go with them are taken out."""
        dropped = self._drop_aliases()
        statements = [i.statement for i in self.legacy.imports]
        if self.legacy.star is not None:
            statements.append(self.legacy.star)
        doomed = self._unused()
        return Leaving(
            tuple((item.statement, item.alias) for item in doomed),
            tuple(dict.fromkeys(statements)),
            tuple(dict.fromkeys(self.legacy.aliases.values())),
            tuple(dropped),
            tuple((item.statement, item.alias) for item in doomed if self._left_by(item.alias)),
        )

    def _uses(self, variable: Variable) -> list[ast.Name]:
        uses = self._all_uses(variable)
        return [] if self._is_switch(variable, uses) else uses

    def _all_uses(self, variable: Variable) -> list[ast.Name]:
        return [
            u
            for u in self.scopes.uses.get(variable, [])
            if isinstance(u.ctx, (ast.Load, ast.Del)) and u not in self.consumed
        ]

    def _is_switch(self, variable: Variable, uses: list[ast.Name]) -> bool:
        """Whether a name is only asked for being there,
        and an `except ImportError` makes it None."""
        fallback = any(
            isinstance(a, ast.ExceptHandler)
            for b in variable.bindings
            for a in self.scopes.ancestors(b)
        )
        return fallback and bool(uses) and all(is_switch(u, self.scopes) for u in uses)

    def _left_by(self, alias: ast.alias) -> list[ast.Name]:
        """Where an import that goes is still asked for being there."""
        bound = alias.asname or alias.name.partition(".")[0]
        return self._all_uses(self.scopes.variable(bound, self.scopes.around[alias]))

    def _drop_aliases(self) -> list[ast.stmt]:
        """Remove `_rule = zr.adjoint` where only rules used it."""
        exported = self.module.exported
        dropped: list[ast.stmt] = []
        changed = True
        while changed:
            changed = False
            for variable, statement in self.legacy.aliases.items():
                if statement in dropped or not isinstance(statement, ast.Assign):
                    continue
                if len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Name):
                    continue
                if variable.name in exported or self._uses(variable):
                    continue
                was_used = any(u in self.consumed for u in self.scopes.uses.get(variable, []))
                if not was_used or variable.only is None:
                    continue
                if not isinstance(statement.value, (ast.Name, ast.Attribute)):
                    continue
                block = self.scopes.block_of(statement)
                alone = block is not None and len(block) == 1 and _is_else(statement, self.scopes)
                if (
                    block is None
                    or not (len(block) > 1 or alone)
                    or not self.cutter.is_alone(statement)
                ):
                    continue
                dropped.append(statement)
                self.consumed.update(ast.walk(statement))
                if alone:
                    self.edits.change(statement, restated("pass"))
                else:
                    self.edits.replace_line(statement, "")
                changed = True
        return dropped

    def _unused(self) -> list[LegacyImport]:
        exported = self.module.exported
        doomed = []
        star_gone = self._star_is_unused()
        for item in self.legacy.imports:
            if not item.own:
                continue
            bound = item.alias.asname or item.alias.name.partition(".")[0]
            variable = self.scopes.variable(bound, self.scopes.around[item.statement])
            if bound in exported or self._uses(variable) or variable in self.kept:
                continue
            if any(isinstance(b, ast.Global) for b in variable.bindings):
                continue
            if bound in self._executed or bound in self._asked_by_text:
                continue
            as_rule = any(b in self.renamed for b in variable.bindings)
            if not as_rule and not any(
                u in self.consumed for u in self.scopes.uses.get(variable, [])
            ):
                continue  # it was never used here: perhaps somebody imports it from here
            others = [b for b in variable.bindings if b not in (item.alias, *self.renamed)]
            if not all(isinstance(b, ast.alias) or self._is_fallback(b) for b in others):
                continue
            doomed.append(item)
        star = self.legacy.star
        if star_gone and star is not None:
            doomed.append(LegacyImport(star, star.names[0], None))
        return doomed

    @cached_property
    def _executed(self) -> set[str]:
        """The words of text that the file may execute:
        where it executes any, of all its strings that look like code."""
        called = any(v.scope is None and v.name in ("exec", "eval") for v in self.scopes.uses)
        texts = self._strings() if called else ()
        return {word for t in texts if "def " in t or "(" in t for word in re.findall(r"\w+", t)}

    def _strings(self) -> Iterator[str]:
        """Every string that is written in the module."""
        for node in self.scopes.every(ast.Constant):
            if isinstance(node.value, str):
                yield node.value

    @cached_property
    def _asked_by_text(self) -> set[str]:
        """`globals()["accum"]`: the strings of a file that looks names up by their text."""
        asking = ("globals", "locals", "vars")
        if not any(v.scope is None and v.name in asking for v in self.scopes.uses):
            return set()
        return set(self._strings())

    def _is_fallback(self, binding: ast.AST) -> bool:
        """`except ImportError: adjoint = None`, which nothing reads any more."""
        return any(
            isinstance(a, (ast.ExceptHandler, ast.If)) for a in self.scopes.ancestors(binding)
        )

    def _star_is_unused(self) -> bool:
        star = self.legacy.star
        if star is None:
            return False
        by_rules = self.legacy.star_rules
        if by_rules & self.kept:
            return False
        loose = [n for n, _ in self.legacy.uses() if isinstance(n, ast.Name)]
        ours = [n for n in loose if (v := self.scopes.of(n)).scope is None or v in by_rules]
        return bool(ours) and all(n in self.consumed for n in ours)


def _is_else(statement: ast.stmt, scopes: Scopes) -> bool:
    """Whether a statement is all that the `else` of a `try` has."""
    parent = scopes.parents.get(statement)
    return isinstance(parent, ast.Try) and parent.orelse == [statement]
