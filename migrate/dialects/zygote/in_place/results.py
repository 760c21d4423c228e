"""What a pullback returns: one tangent for the callee and one for each argument."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.values import (
    TANGENT,
    Atoms,
    Back,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.dialects.zygote.in_place.cluster import Cluster, Part, Pullback
from migrate.dialects.zygote.in_place.primals import NO, Arguments, Primal
from migrate.dialects.zygote.in_place.tangents import TangentRewriter
from migrate.dialects.zygote.in_place.visible_errors import summands
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.changes import prepended, restated
from migrate.syntax.forms import constant_index, falls_through


class ResultRewriter(Part):
    """Rewrites the results of pullbacks."""

    def __init__(self, cluster: Cluster, tangents: TangentRewriter) -> None:
        super().__init__(cluster)
        self.tangents = tangents
        self.handled_calls: set[ast.Call] = (
            set()
        )  # calls of pullbacks whose whole result is passed on
        self.done: set[tuple[ast.AST, str]] = set()

    def pullback_results(self, pullback: Pullback) -> None:
        """Every `return` of a pullback, and its end where it can fall off it."""
        function = pullback.function
        self.pullback = pullback
        for expression in self.view.returned(function):
            self._result(expression, pullback)
        if isinstance(function, ast.Lambda):
            return
        for node in self.view.nodes_of(function):
            if isinstance(node, ast.Return) and node.value is None:
                zeros = self._zeros(pullback, node)
                self.edits.change(node, restated(f"return {zeros}"))
        if isinstance(function, ast.FunctionDef) and falls_through(function.body):
            self.cluster.append_return(function, self._zeros(pullback, function.body[-1]))

    def _zeros(self, pullback: Pullback, where: ast.AST) -> str:
        arguments = pullback.arguments
        if arguments is None:
            raise Undecided("rules with other numbers of arguments share its pullback")
        parts = [] if pullback.functor else [f"{self.names.use(NO)}()"]
        parts += [f"{self.names.use(p.zero)}()" for p in arguments.fixed]
        if arguments.rest is not None:
            name = self.cluster.visible(arguments.rest, where)
            if name is None:
                raise Undecided("it returns None, and the number of zeros is not in sight")
            zero = f"{self.names.use(arguments.rest.zero)}()"
            counted = self.view.is_builtin("len", where)
            parts.append(f"*[{zero}] * len({name})" if counted else f"*[{zero} for _ in {name}]")
        return ", ".join(parts) if len(parts) > 1 else f"({parts[0]},)"

    def _result(self, node: ast.expr, pullback: Pullback) -> None:
        """One result of a pullback: a tuple with a tangent for each argument, or None."""
        rule = pullback.rules[0]
        match node:
            case ast.Constant(value=None):
                self.edits.replace(node, self._zeros_value(pullback, node))
                return
            case ast.IfExp(body=body, orelse=orelse):
                self._result(body, pullback)
                self._result(orelse, pullback)
                return
            case ast.Tuple():
                saved = self.tangents.save()
                try:
                    self._prepend_callee(node, pullback)
                    self.tangents.entries(node.elts, pullback.arguments, node)
                except Undecided:
                    self.tangents.restore(saved)
                    if not any(isinstance(e, ast.Starred) for e in node.elts):
                        raise
                    self._bridge(node, pullback)
                return
            case ast.Call(func=ast.Name(id="tuple"), args=[inner], keywords=[]) if not isinstance(
                inner, ast.Starred
            ):
                if self._tuple_call(node, inner, pullback):
                    return
            case ast.BinOp(op=ast.Add()):
                if self._sum_of_tuples(node, pullback):
                    return
            case ast.NamedExpr(value=value) if isinstance(value, ast.Constant):
                raise Undecided("its pullback's result is assigned and returned at once", rule)
        self._by_atoms(node, pullback)

    def _zeros_value(self, pullback: Pullback, node: ast.expr) -> str:
        zeros = self._zeros(pullback, node)
        returned = isinstance(self.view.scopes.parents.get(node), ast.Return)
        return zeros if returned or zeros.startswith("(") else f"({zeros})"

    def _prepend_callee(self, node: ast.Tuple, pullback: Pullback) -> None:
        if pullback.functor:
            return
        self.edits.change(node, prepended(f"{self.names.use(NO)}()", untrail=True))

    def _tuple_call(self, node: ast.Call, inner: ast.expr, pullback: Pullback) -> bool:
        """`return tuple(…)`."""
        if not self.view.scopes.is_unbound(node.func):
            return False
        self.tangents.starred(inner, pullback.arguments, 0)
        if pullback.functor:
            return True
        self.tangents.unwrap_call(node, inner)
        self._wrap_with_callee(node, pullback)
        return True

    def _wrap_with_callee(self, node: ast.expr, pullback: Pullback, suffix: str = "") -> None:
        if pullback.functor and not suffix:
            return
        callee = "" if pullback.functor else f"{self.names.use(NO)}(), "
        self.edits.wrap(node, f"({callee}*{{}}{suffix})" if callee else f"{{}}{suffix}", tight=True)

    def _sum_of_tuples(self, node: ast.BinOp, pullback: Pullback) -> bool:
        """`(None,) + back(dy)` and longer sums."""
        parts = summands(node)
        if not all(self._is_sequence(p) for p in parts):
            return False
        position: int | None = 0
        for part in parts:
            self._sum_part(part, pullback.arguments, position)
            length = self.flow.length(part)
            position = position + length if position is not None and length is not None else None
        first = parts[0]
        if isinstance(first, ast.Tuple) and first.elts and not pullback.functor:
            self._prepend_callee(first, pullback)
        else:
            self._wrap_with_callee(node, pullback)
        return True

    def _is_sequence(self, node: ast.expr) -> bool:
        atoms = self.flow.atoms(node)
        return bool(atoms) and all(
            isinstance(a, Held) and a.site.kind in ("tuple", "list") for a in atoms
        )

    def _sum_part(self, node: ast.expr, arguments: Arguments | None, position: int | None) -> None:
        match node:
            case ast.BinOp(op=ast.Mult(), left=(ast.Tuple() | ast.List()) as repeated):
                self._repeated(repeated, arguments, position, constant_index(node.right))
            case ast.BinOp(op=ast.Mult(), right=(ast.Tuple() | ast.List()) as repeated):
                self._repeated(repeated, arguments, position, constant_index(node.left))
            case _:
                self.tangents.starred(node, arguments, position)

    def _repeated(
        self,
        node: ast.Tuple | ast.List,
        arguments: Arguments | None,
        position: int | None,
        count: int | None,
    ) -> None:
        for elt in node.elts:
            primal = Primal()
            if arguments is not None and position is not None and count == 1:
                primal = arguments.at(position)
            self.tangents.entry(elt, primal)

    def _by_atoms(self, node: ast.expr, pullback: Pullback) -> None:
        """A result that is only known by what it can hold."""
        rule = pullback.rules[0]
        atoms = self.flow.atoms(node)
        if isinstance(node, ast.Call):
            called = {a for a in self.flow.atoms(node.func) if not isinstance(a, Nothing)}
            handed = [
                a for a in called if isinstance(a, Function) and a.node in self.cluster.pullbacks
            ]
            if handed:
                if len(handed) != len(called) or any(
                    self.cluster.pullbacks[a.node].functor != pullback.functor for a in handed
                ):
                    raise Undecided("its pullback calls functions of different kinds", rule)
                self.handled_calls.add(node)
                return
            if called and all(isinstance(a, Back) for a in called):
                self._whole_gradient(
                    node, {a.kind for a in called if isinstance(a, Back)}, pullback
                )
                return
        sites = [a.site for a in atoms if isinstance(a, Held)]
        if atoms and len(sites) == len(atoms) and all(s.kind == "tuple" for s in sites):
            self._tuple_sites(node, sites, pullback)
            return
        if atoms and all(
            isinstance(a, Nothing) or (isinstance(a, Held) and a.site.kind == "tuple")
            for a in atoms
        ):
            nothings = [a for a in atoms if isinstance(a, Nothing)]
            if sites and all(map(self._is_whole_result, nothings)):
                for nothing in nothings:
                    self._write_out_zeros(nothing, pullback)
                self._tuple_sites(node, sites, pullback)
            else:
                self._bridge(node, pullback)
            return
        if TANGENT in atoms and not isinstance(node, ast.Call):
            raise Undecided("its pullback returns the cotangent itself", rule)
        if self.cluster.carries_tangents(atoms):
            raise Undecided("its pullback's result cannot be followed", rule)
        self._bridge(node, pullback)

    def _whole_gradient(self, node: ast.Call, kinds: set[str], pullback: Pullback) -> None:
        """`return back(dy)`."""
        if len(kinds) != 1:
            raise Undecided("different kinds of pullbacks of the AD meet", pullback.rules[0])
        self.handled_calls.add(node)
        if kinds == {"all"}:
            self._wrap_with_callee(node, pullback)
            return
        self._wrap_with_callee(node, pullback, "[1:]")

    def _tuple_sites(self, node: ast.expr, sites: list[Site], pullback: Pullback) -> None:
        elements: Atoms = set()
        for site in sites:
            elements |= site.elements()
        displays = [s.node for s in sites if isinstance(s.node, ast.Tuple)]
        only_here = len(displays) == len(sites) and all(
            self.tangents.in_editable(d) and self.cluster.function_around(d) is not None
            for d in displays
        )
        if self.tangents.ready(elements):
            if only_here:
                for display in displays:
                    self._display_entries(display, pullback)
            self.cluster.mark(elements)
            self._wrap_with_callee(node, pullback)
            return
        if only_here and all(self._only_returned(d) for d in displays):
            for display in displays:
                self._display_entries(display, pullback)
            self._wrap_with_callee(node, pullback)
            return
        self._bridge(node, pullback)

    def _display_entries(self, display: ast.Tuple, pullback: Pullback) -> None:
        key = (display, "entries")
        if key not in self.done:
            self.done.add(key)
            self.tangents.entries(display.elts, pullback.arguments, display)

    def _only_returned(self, display: ast.AST) -> bool:
        """Whether a tuple (or None) that is kept in a variable goes nowhere but into results."""
        parent = self.view.scopes.parents.get(display)
        if isinstance(parent, ast.Return):
            return True
        if not (
            isinstance(parent, ast.Assign)
            and len(parent.targets) == 1
            and isinstance(parent.targets[0], ast.Name)
        ):
            return False
        variable = self.view.scopes.of(parent.targets[0])
        for use in self.view.scopes.uses.get(variable, []):
            if isinstance(use.ctx, ast.Load):
                around = self.view.scopes.parents.get(use)
                while isinstance(around, ast.IfExp):
                    around = self.view.scopes.parents.get(around)
                if not isinstance(around, ast.Return):
                    return False
        return True

    def _is_whole_result(self, nothing: Nothing) -> bool:
        """`res = None if flat else (dx, dy)`,
        where `res` is returned and nothing else is done with it."""
        top: ast.AST = nothing.node
        while isinstance(parent := self.view.scopes.parents.get(top), ast.IfExp):
            top = parent
        return (
            not nothing.implied
            and isinstance(parent, ast.Assign)
            and self.tangents.in_editable(nothing.node)
            and self._only_returned(top)
        )

    def _write_out_zeros(self, nothing: Nothing, pullback: Pullback) -> None:
        key = (nothing.node, "zeros")
        if key in self.done:
            return
        self.done.add(key)
        arguments = pullback.arguments
        if arguments is None or arguments.rest is not None:
            raise Undecided("it returns None, and the number of zeros is not in sight")
        zeros = [f"{self.names.use(p.zero)}()" for p in arguments.fixed]
        text = ", ".join(zeros) + ("," if len(zeros) == 1 else "")
        assert isinstance(nothing.node, ast.expr)
        self.edits.replace(nothing.node, f"({text})")

    def _bridge(self, node: ast.expr, pullback: Pullback) -> None:
        """Convert a whole result at run time."""
        primals = self.tangents.primals_text(pullback.arguments, 0, node)
        if primals is None:
            raise Undecided("its pullback's result cannot be followed", pullback.rules[0])
        bridge = self.names.use("entries_from_legacy")
        callee = "" if pullback.functor else f"{self.names.use(NO)}(), *"
        converted = f"{bridge}({{}}, {primals})"
        self.edits.wrap(node, f"({callee}{converted})" if callee else converted)
        self.cluster.note(
            "RM102", "a result that could not be followed is converted at run time", node
        )
