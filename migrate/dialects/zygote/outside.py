"""Legacy calls outside of rules: `nograd`, `accum`, `hook`, `ignore`, `dropgrad`, `literal_getproperty`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.dialects.zygote.find import NoGrad
from migrate.dialects.zygote.in_place.legacy_calls import rewrite_getter_call, rewrite_ignore
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.verdicts import RuleNote
from migrate.syntax.changes import commented, over_each, several
from migrate.syntax.node_edits import NodeEdits
from migrate.write.names import NameChooser

_KEPT = {
    "pullback": "the user's own call into an AD stays on the legacy import",
    "_pullback": "the user's own call into an AD stays on the legacy import",
    "gradient": "the user's own call into an AD stays on the legacy import",
}


@dataclass
class OutsideRewriter:
    """Rewrites legacy calls in code that is no rule; one for a module."""

    view: ModuleView
    names: NameChooser
    edits: NodeEdits
    consumed: set[ast.AST] = field(default_factory=set)
    notes: list[RuleNote] = field(default_factory=list)
    converted: list[tuple[ast.expr, str]] = field(default_factory=list)  # (node, what it was)

    # ---- nograd --------------------------------------------------------------------------

    def nograd(self, item: NoGrad) -> str | None:
        """Rewrite one use; gives the reason where it stays."""
        non_differentiable = self.names.use("non_differentiable")
        node = item.node
        if item.decorator:
            head = node.func if isinstance(node, ast.Call) else node
            if isinstance(node, ast.Call) and node.args:
                return "nograd is called with functions and used as a decorator"
            self.edits.replace(node, non_differentiable)
            self.consumed.update(ast.walk(head))
            return None
        assert isinstance(node, ast.Call)
        if node.keywords or not node.args:
            return "nograd takes functions"
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        if len(node.args) == 1 and not starred:
            self.edits.replace(node.func, non_differentiable)
        elif item.statement is None:
            return "the result of nograd is used"
        elif starred:
            self._starred(node, non_differentiable)
        else:
            self._several(node, item.statement, non_differentiable)
        self.consumed.update(ast.walk(node.func))
        return None

    def _starred(self, node: ast.Call, name: str) -> None:
        variable = self.names.fresh("_f")
        self.edits.change(node, over_each(name, variable))

    def _several(self, node: ast.Call, statement: ast.Expr, name: str) -> None:
        """One call for each function; comments stay beside their function."""
        source = self.view.source
        start, end = source.span(statement)
        inside = [(at, text) for at, text in source.comments if start <= at < end]
        line = source.lines[statement.lineno - 1]
        before = line[: start - source.line_starts[statement.lineno - 1]]
        after_line = source.text.find("\n", end)
        after = source.text[end : after_line if after_line >= 0 else len(source.text)]
        alone = before.strip() == "" and not after.lstrip().startswith(";")
        pieces = [f"{name}({source.segment(a)})" for a in node.args]
        if not alone:
            self.edits.change(statement, several(pieces))
            self.edits.change_line(statement, commented(text for _, text in inside))
            return
        rows: list[str] = []
        ends = [source.span(a) for a in node.args]
        for number, piece in enumerate(pieces):
            previous = ends[number - 1][1] if number else start
            stop = ends[number + 1][0] if number + 1 < len(ends) else end
            own_line = source.line_of(ends[number][1])
            for at, text in inside:
                if previous <= at < ends[number][0] and source.line_of(at) != (
                    source.line_of(previous) if number else -1
                ):
                    rows.append(text)
            beside = [
                t
                for at, t in inside
                if ends[number][1] <= at < stop and source.line_of(at) == own_line
            ]
            rows.append("  ".join([piece, *beside]))
        last = ends[-1][1]
        rows += [
            text for at, text in inside if at >= last and source.line_of(at) != source.line_of(last)
        ]
        self.edits.replace_line(statement, "\n".join(rows))

    # ---- other calls ---------------------------------------------------------------------

    def use(self, node: ast.expr, meaning: str) -> None:
        """One use of a legacy name outside of rules."""
        parent = self.view.scopes.parents.get(node)
        call = parent if isinstance(parent, ast.Call) and parent.func is node else None
        if meaning in _KEPT:
            if call is not None:
                self.notes.append(RuleNote("RM105", f"`{meaning}`: {_KEPT[meaning]}", node))
            return
        if call is None:
            alias = isinstance(parent, (ast.Assign, ast.AnnAssign)) and parent in set(
                self.view.legacy.aliases.values()
            )
            if meaning not in ("Val", "Context") and not alias:
                text = f"`{meaning}` is used as a value, and stays on the legacy import"
                self.notes.append(RuleNote("RM108", text, node))
            return
        if meaning == "accum":
            self.edits.replace(node, self.names.use("add"))
        elif meaning == "dropgrad":
            self.edits.replace(node, self.names.use("ignore_derivatives"))
        elif meaning == "hook":
            self.edits.replace(node, self.names.use("hook"))
        elif meaning == "ignore":
            if not rewrite_ignore(call, self.view, self.names, self.edits):
                return
        elif meaning in ("literal_getproperty", "literal_getfield"):
            if not rewrite_getter_call(call, self.view, self.edits, lambda name: False):
                return
            if isinstance(call.args[1], ast.Call):
                self.consumed.update(ast.walk(call.args[1].func))
        else:
            return
        self.consumed.update(ast.walk(node))
        self.converted.append((call, meaning))
