"""Legacy calls outside of rules: `nograd`, `accum`, `hook`, `ignore`,
`dropgrad`, `literal_getproperty`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property

from migrate.dialects.zygote.find import Candidates, NoGrad, Rule
from migrate.dialects.zygote.in_place.legacy_calls import rewrite_getter_call, rewrite_ignore
from migrate.dialects.zygote.module import ModuleView
from migrate.rules.names import NameChooser
from migrate.rules.plans import Found, Left, Plan, RuleNote, identified
from migrate.rules.work import Work
from migrate.syntax.changes import commented, lines_of_one_each, one_each, over_each
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter

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

    def __post_init__(self) -> None:
        self.cutter = Cutter(self.view.source, self.view.scopes)

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
            self._several(item.statement, non_differentiable)
        self.consumed.update(ast.walk(node.func))
        return None

    def _starred(self, node: ast.Call, name: str) -> None:
        variable = self.names.fresh("_f")
        self.edits.change(node, over_each(name, variable))

    def _several(self, statement: ast.Expr, name: str) -> None:
        """One call for each function; comments stay beside their function."""
        if self.cutter.shares_line(statement):
            self.edits.change(statement, one_each(name))
            comments = self.view.source.comments_within(statement)
            self.edits.change_line(statement, commented(comments))
        else:
            self.edits.change_line(statement, lines_of_one_each(name))

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


class Calls:
    """The legacy calls of a file that are no rules, and the functions that stay in the language."""

    def __init__(self, view: ModuleView, candidates: Candidates) -> None:
        self.view, self.candidates = view, candidates
        self.scopes = view.scopes
        self.cutter = Cutter(view.source, view.scopes)

    def take_over_hook(self, work: Work, rewritten: Collection[Rule]) -> None:
        """`hook` has the same name in both languages:
        where no legacy code goes on using it, only its import changes."""
        uses = [n for n, meaning in self.view.legacy.uses() if meaning == "hook"]
        names = [n for n in uses if isinstance(n, ast.Name) and n.id == "hook"]
        if not names or work.options.only is not None:
            return
        kept = self._legacy_functions(rewritten)
        for node in names:
            parent = self.scopes.parents.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            if not called or self.scopes.inside_any(node, kept):
                return
        if all(isinstance(b, ast.alias) for b in self.scopes.of(names[0]).bindings):
            work.names.take_over("hook")

    def rewrite(
        self, work: Work, rules: Collection[Rule], rewritten: Set[ast.AST], consumed: set[ast.AST]
    ) -> Iterator[tuple[Found, Plan | Left]]:
        """`nograd` and the legacy calls in code that is no rule.

        `rules` are rewritten, as are the functions `rewritten`;
        `consumed` are uses that are gone, and those that go are added.
        """
        edits = NodeEdits()
        outside = OutsideRewriter(self.view, work.names, edits, consumed, work.file_notes)
        kept = self._legacy_functions(rules)
        converted: list[ast.expr] = []
        for item in self.candidates.nograds:
            if not work.is_chosen(self.found[item.node].id):
                continue
            if self._comment_skips(item.node):
                reason = "`# rrule-migrate: skip` stands beside it"
                yield self.found[item.node], Left("RM205", reason)
                continue
            kept_for = work.verdicts.get(self.found[item.node])
            problem = outside.nograd(item) if kept_for is None else kept_for.reason
            if problem is not None:
                yield self.found[item.node], Left("RM209", problem)
            else:
                converted.append(item.node)
        for node, meaning in self._uses():
            if node in self.candidates.handled or node in consumed:
                continue
            if self.scopes.inside_any(node, {*kept, *rewritten}):
                continue
            found = self.found[self._call_of(node)]
            if found in work.verdicts:
                text = f"`{meaning}` stays on the legacy import: {work.verdicts[found].reason}"
                work.file_notes.append(RuleNote("RM108", text, node))
            elif work.is_chosen(found.id):
                outside.use(node, meaning)
        converted += [call for call, _ in outside.converted]
        for call in converted:
            yield self.found[call], Plan((edits,))

    def _uses(self) -> list[tuple[ast.expr, str]]:
        return sorted(self.view.legacy.uses(), key=lambda u: (u[0].lineno, u[0].col_offset))

    def _legacy_functions(self, rewritten: Collection[Rule]) -> set[ast.AST]:
        """Functions that stay in the legacy language:
        rules that are left or bridged, and what they call."""
        kept: set[ast.AST] = set(self.candidates.bridged)
        primals = {primal for rule in self.candidates.rules for primal in self._primals(rule)}
        for rule in self.candidates.rules:
            if rule.function is not None and rule not in rewritten:
                kept.add(rule.function)
        pending = list(kept)
        while pending:
            function = pending.pop()
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    definition = self.view.definitions.get(self.scopes.of(node))
                    if definition is None or definition in primals:
                        continue
                    if definition not in kept:
                        kept.add(definition)
                        pending.append(definition)
        return kept

    def _primals(self, rule: Rule) -> list[ast.AST]:
        """The functions that bare rules are for: primal code, not helpers."""
        function = rule.function
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        return self.scopes.variable(function.name, self.scopes.around[function]).bindings

    def _comment_skips(self, node: ast.expr) -> bool:
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        return not self.view.skipped_lines.isdisjoint(lines)

    # ---- what is shown -------------------------------------------------------------------

    @cached_property
    def found(self) -> dict[ast.expr, Found]:
        """Every use of a legacy name, so that an id does not
        depend on which of them are converted."""
        calls = list(dict.fromkeys(self._call_of(node) for node, _ in self._uses()))
        shown = {call: self._shown(call) for call in calls}
        ids = identified(((call, "\0".join(shown[call])) for call in calls), "call-")
        return {
            call: Found(ids[call], *shown[call], call, self.cutter.extent(call), (call,), call)
            for call in calls
        }

    def _call_of(self, node: ast.expr) -> ast.expr:
        """The call of a legacy function; the name itself, where it is not called."""
        parent = self.scopes.parents.get(node)
        return parent if isinstance(parent, ast.Call) and parent.func is node else node

    def _shown(self, call: ast.expr) -> tuple[str, str]:
        """What a call, or a decorator, is called in reports, and what it is for."""
        text = " ".join(self.view.source.segment(call).split())
        above = self.scopes.parents.get(call)
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if call in above.decorator_list:
                return f"@{text} above {above.name}", above.name
        return text, ", ".join(self.view.text(a) for a in getattr(call, "args", ())) or text
