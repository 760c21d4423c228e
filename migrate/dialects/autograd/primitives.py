"""What becomes of `@primitive` and `primitive(f)` where autograd goes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from migrate.dialects.autograd.targets import Target
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.syntax.changes import without_decorators
from migrate.syntax.node_edits import NodeEdits


class Primitives:
    """The uses of `primitive` in one file: a decorator goes with the rule of its function,
    `f = primitive(g)` has the runtime's."""

    def __init__(
        self,
        module: Module,
        legacy: LegacyNames,
        going: Iterable[ast.expr | None],
        staying: Iterable[ast.expr | None],
    ) -> None:
        self.module, self.legacy = module, legacy
        self.going = {d for d in going if d is not None} - set(staying)
        uses = [node for node, meaning in legacy.uses() if meaning == "primitive"]
        self.calls = [u for u in uses if self._is_called(u)]
        self.all_go = all(u in self.calls or u in self.going for u in uses)
        self.consumed: set[ast.AST] = set()
        self._edits: dict[ast.AST, NodeEdits] = {}

    def _is_called(self, use: ast.expr) -> bool:
        """Whether it is `f = primitive(g)`."""
        call = self.module.scopes.parents.get(use)
        above = self.module.scopes.parents.get(call) if call is not None else None
        return (
            isinstance(call, ast.Call)
            and call.func is use
            and isinstance(above, ast.Assign | ast.AnnAssign)
        )

    def without(
        self, target: Target, names: NameChooser
    ) -> tuple[Sequence[NodeEdits], Sequence[ast.stmt]]:
        """The changes for one target, and the statements that they are in."""
        decorator = target.decorator
        if decorator is not None:
            if decorator not in self.going:
                return (), ()
            primal = self.module.scopes.parents[decorator]
            assert isinstance(primal, ast.FunctionDef)
            if decorator not in self._edits:
                edits = self._edits[decorator] = NodeEdits()
                number = primal.decorator_list.index(decorator)
                edits.change(primal, without_decorators(frozenset({number})))
                self.consumed |= set(ast.walk(decorator))
            return (self._edits[decorator],), (primal,)
        own = [c for c in self.calls if self._makes(c, target)]
        if not own:
            return (), ()
        calls = self.calls if self.all_go else own
        statements = [s for c in calls if isinstance(s := self._statement(c), ast.stmt)]
        for call in calls:
            if call not in self._edits:
                self._edits[call] = self._swapped(call, names)
        return tuple(self._edits[c] for c in calls), statements

    def _swapped(self, use: ast.expr, names: NameChooser) -> NodeEdits:
        """The runtime's `primitive` in place of autograd's."""
        edits = NodeEdits()
        self.consumed |= set(ast.walk(use))
        if isinstance(use, ast.Name) and self.all_go and "primitive" not in names.local:
            if self.module.scopes.of(use).only is not None:
                names.local["primitive"] = use.id
        name = names.use("primitive")
        if not isinstance(use, ast.Name) or use.id != name:
            edits.replace(use, name)
        return edits

    def _makes(self, use: ast.expr, target: Target) -> bool:
        statement = self._statement(use)
        if isinstance(statement, ast.Assign):
            shown = self.module.text(target.node)
            if any(self.module.text(t) == shown for t in statement.targets):
                return True
        return any(self.module.scopes.inside(b, statement) for b in target.born)

    def _statement(self, use: ast.expr) -> ast.AST:
        return self.module.scopes.parents[self.module.scopes.parents[use]]
