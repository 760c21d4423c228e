"""What the text of a rule shows to be an error:
such a rule is left, whatever else could be said of it.

This is asked first, of each rule and before anything is rewritten: the answer must not depend on
what becomes of the rule's neighbours, or a second run, which finds them converted,
would answer otherwise.
"""

from __future__ import annotations

import ast

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.flow.values import ARRAY, COTANGENT_ARRAY, Held
from migrate.dialects.zygote.in_place.cluster import Part, Pullback
from migrate.dialects.zygote.verdicts import Refused


class VisibleErrors(Part):
    """Raises Refused where a rule of a cluster can only fail."""

    def check(self) -> None:
        """Look at all rules and all pullbacks of the cluster."""
        for rule in self.cluster.rules:
            self._rule(rule)
        for pullback in self.cluster.pullbacks.values():
            self._pullback(pullback)

    def _rule(self, rule: Rule) -> None:
        assert rule.function is not None
        results = self.view.returned(rule.function)
        raises = any(isinstance(n, ast.Raise) for n in self.view.nodes_of(rule.function))
        if not results and not raises:
            raise Refused("RM202", "it does not return a value and a pullback", rule)
        pending = list(results)
        while pending:
            match pending.pop():
                case ast.IfExp(body=body, orelse=orelse):
                    pending += [body, orelse]
                case ast.Tuple(elts=elts):
                    if len(elts) != 2 and not any(isinstance(e, ast.Starred) for e in elts):
                        raise Refused("RM202", "it does not return a value and a pullback", rule)

    def _pullback(self, pullback: Pullback) -> None:
        function = pullback.function
        rule = pullback.rules[0]
        if isinstance(function, ast.AsyncFunctionDef):
            raise Refused("RM204", "its pullback is a coroutine", rule)
        if function in self.flow.yields:
            raise Refused("RM204", "its pullback is a generator", rule)
        pending = list(self.view.returned(function))
        while pending:
            node = pending.pop()
            match node:
                case ast.IfExp(body=body, orelse=orelse):
                    pending += [body, orelse]
                case ast.Constant(value=None):
                    pass
                case ast.Tuple(elts=elts):
                    if not any(isinstance(e, ast.Starred) for e in elts):
                        self._count(len(elts), pullback)
                case _:
                    self._kind(node, rule)
                    for count in self._lengths(node):
                        self._count(count, pullback)

    def _lengths(self, node: ast.expr) -> set[int]:
        """The numbers of entries that a result which is no display is seen to have."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [self.flow.length(p) for p in summands(node)]
            known = [p for p in parts if p is not None]
            return {sum(known)} if len(known) == len(parts) else set()
        if isinstance(node, ast.Call):
            return set()  # another pullback, which is looked at for its own sake, or `tuple(...)`
        atoms = self.flow.atoms(node)
        sites = [a.site for a in atoms if isinstance(a, Held)]
        if len(sites) < len(atoms) or any(
            s.kind != "tuple" or s.exact is None or s.rest or s.gradients for s in sites
        ):
            return set()
        return {len(s.exact or ()) for s in sites}

    def _count(self, count: int, pullback: Pullback) -> None:
        for rule in pullback.rules:
            arguments = self.cluster.arguments[rule]
            wanted = len(arguments.fixed)
            if (arguments.rest is None and count != wanted) or count < wanted:
                more = " or more" if arguments.rest is not None else ""
                entries = f"{count} entr{'y' if count == 1 else 'ies'}"
                noun = "argument" if wanted == 1 and not more else "arguments"
                raise Refused(
                    "RM203",
                    f"its pullback returns {entries} for {wanted}{more} {noun}",
                    rule,
                )

    def _kind(self, node: ast.expr, rule: Rule) -> None:
        """A result that is plainly neither a tuple nor None."""
        atoms = self.flow.atoms(node)
        wrong = None
        match node:
            case ast.List() | ast.ListComp():
                wrong = "a list"
            case ast.Dict() | ast.DictComp():
                wrong = "a dict"
            case ast.Set() | ast.SetComp():
                wrong = "a set"
            case ast.GeneratorExp():
                wrong = "a generator"
            case ast.Constant():
                wrong = "a constant"
            case ast.Lambda():
                wrong = "a function"
        if wrong is None and atoms and atoms <= {ARRAY, COTANGENT_ARRAY}:
            if not self.cluster.structures.may_be_sequence(node):
                wrong = "a number or an array"
        if wrong is None and atoms:
            kinds = {a.site.kind if isinstance(a, Held) else "" for a in atoms}
            if not kinds & {"", "tuple"}:
                wrong = f"a {min(kinds)}"
        if wrong is not None:
            raise Refused("RM202", f"its pullback returns {wrong}, not a tuple", rule)


def summands(node: ast.expr) -> list[ast.expr]:
    """The parts of a sum, from the left."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*summands(node.left), *summands(node.right)]
    return [node]
