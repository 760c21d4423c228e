"""What a rule returns: its value and its pullback, or what an AD gave for both."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.flow.values import (
    Back,
    Bound,
    Function,
    Held,
    Nothing,
)
from migrate.dialects.zygote.in_place.cluster import Cluster, Part
from migrate.dialects.zygote.in_place.primals import NO
from migrate.dialects.zygote.in_place.tangents import TangentRewriter
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.changes import handed_on


class RuleReturns(Part):
    """Rewrites the `return value, pullback` of rules."""

    def __init__(self, cluster: Cluster, tangents: TangentRewriter) -> None:
        super().__init__(cluster)
        self.tangents = tangents

    def rule_results(self, rule: Rule) -> None:
        """The `return value, pullback` of a rule."""
        assert rule.function is not None
        for result in self.view.returned(rule.function):
            self._rule_result(result, rule)

    def _rule_result(self, node: ast.expr, rule: Rule) -> None:
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                self._rule_result(body, rule)
                self._rule_result(orelse, rule)
                return
            case ast.Tuple(elts=elts) if not any(isinstance(e, ast.Starred) for e in elts):
                self._pullback_value(elts[1], rule)
                return
            case ast.Constant(value=None):
                return  # the rule declines; both languages go on without it
            case ast.Call() if self.view.legacy.meaning(node.func) in ("pullback", "_pullback"):
                self._handed_on(node, rule)
                return
        atoms = self.flow.atoms(node)
        if not atoms:
            raise Undecided("what it returns cannot be followed", rule)
        for atom in atoms:
            display = atom.site.node if isinstance(atom, Held) else None
            if isinstance(display, ast.Tuple) and len(display.elts) == 2:
                if not self.tangents.in_editable(display):
                    raise Undecided("what it returns is made by other code", rule)
                self._pullback_value(display.elts[1], rule)
            elif isinstance(display, ast.Call) and len(atoms) == 1 and isinstance(node, ast.Name):
                if self.view.legacy.meaning(display.func) not in ("pullback", "_pullback"):
                    raise Undecided("what it returns cannot be followed", rule)
                self._handed_on_name(node, display, rule)
            elif isinstance(atom, Nothing):
                continue
            else:
                raise Undecided("what it returns cannot be followed", rule)

    def _handed_on(self, call: ast.Call, rule: Rule) -> None:
        """`return pullback(g, x)`: `rrule_via_ad` has the first tangent already,
        if it is that of a plain function."""
        kind = self.view.legacy.meaning(call.func)
        if (kind == "_pullback") == rule.functor and (
            kind == "_pullback" or self._is_plain_function(self._callee_of(call))
        ):
            return
        if kind == "pullback" and not rule.functor and self._is_plain_function(call.args[0]):
            return
        value, back = self._fresh_pair()
        statement = self.view.scopes.parents.get(call)
        if not isinstance(statement, ast.Return):
            raise Undecided("it hands on a pullback inside an expression", rule)
        adapted = self._adapted(back, kind or "", rule)
        self.edits.change_line(statement, handed_on(f"{value}, {back}", f"{value}, {adapted}"))

    def _callee_of(self, call: ast.Call) -> ast.expr:
        position = 1 if self.view.legacy.meaning(call.func) == "_pullback" else 0
        if len(call.args) <= position or isinstance(call.args[position], ast.Starred):
            raise Undecided("a call back into the AD hides its function")
        return call.args[position]

    def _fresh_pair(self) -> tuple[str, str]:
        """Names for a value and its pullback that nothing in the file reads."""
        names = {n.name for n in self.view.scopes.uses}
        value = next((n for n in ("y", "value", "out", "primal_out") if n not in names), None)
        back = next((n for n in ("back", "inner_back", "ad_back") if n not in names), None)
        return value or self.names.fresh("y"), back or self.names.fresh("back")

    def _adapted(self, back: str, kind: str, rule: Rule) -> str:
        """A pullback made of an AD's `back`, with the tangents that the rule owes."""
        if kind == "_pullback":
            return f"lambda dy: ({self.names.use(NO)}(), *{back}(dy))" if not rule.functor else back
        if rule.functor:
            return f"lambda dy: {back}(dy)[1:]"
        return f"lambda dy: ({self.names.use(NO)}(), *{back}(dy)[1:])"

    def _handed_on_name(self, node: ast.Name, call: ast.Call, rule: Rule) -> None:
        kind = self.view.legacy.meaning(call.func) or ""
        if kind == "_pullback" and rule.functor:
            return
        if kind == "pullback" and not rule.functor and self._is_plain_function(call.args[0]):
            return
        name = node.id
        text = self._adapted(f"{name}[1]", kind, rule)
        pair = f"{name}[0], {text}"
        alone = isinstance(self.view.scopes.parents.get(node), ast.Return)
        self.edits.replace(node, pair if alone else f"({pair})")

    def _is_plain_function(self, node: ast.expr) -> bool:
        """Whether a callee is seen to be a function without a tangent of its own."""
        if isinstance(node, ast.Lambda):
            return True
        imported = self.view.imported_name(node)
        if imported is not None and self.view.is_numeric(imported[0]):
            return True
        if isinstance(node, ast.Name):
            bindings = self.view.scopes.of(node).bindings
            return bool(bindings) and all(isinstance(b, ast.FunctionDef) for b in bindings)
        return False

    def _pullback_value(self, node: ast.expr, rule: Rule) -> None:
        """The second thing that a rule returns."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                self._pullback_value(body, rule)
                self._pullback_value(orelse, rule)
                return
            case ast.NamedExpr(value=value):
                self._pullback_value(value, rule)
                return
        atoms = {a for a in self.flow.atoms(node) if not isinstance(a, Nothing)}
        if not atoms:
            raise Undecided("its pullback cannot be followed", rule)
        backs = {a.kind for a in atoms if isinstance(a, Back)}
        for atom in atoms:
            if isinstance(atom, Function) and atom.node in self.cluster.pullbacks:
                continue
            if isinstance(atom, Bound):
                targets = self.flow.bound[atom.node][0]
                if targets and all(
                    isinstance(t, Function) and t.node in self.cluster.pullbacks for t in targets
                ):
                    continue
                raise Undecided(
                    "its pullback is a partial of something that cannot be followed", rule
                )
            if isinstance(atom, Back) and len(atoms) == 1:
                continue
            raise Undecided("its pullback cannot be followed", rule)
        if not backs:
            return
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            raise Undecided("its pullback cannot be followed", rule)
        back = next(a for a in atoms if isinstance(a, Back))
        kind = "pullback" if back.kind == "args" else "_pullback"
        if kind == "_pullback" and rule.functor:
            return
        plain = kind == "pullback" and self._is_plain_function(back.node.args[0])
        if plain and not rule.functor:
            return
        self.edits.replace(node, self._adapted(self.view.text(node), kind, rule))
