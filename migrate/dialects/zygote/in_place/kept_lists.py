"""Lists of structures that are kept in a variable until they are returned: `gs.append({"a": d})`,
`gs = [{"a": d} for p in ps]`.

The structures have no name of their own and nothing reads the list,
so each is converted where it is made.
"""

from __future__ import annotations

import ast
from typing import Protocol

from migrate.dialects.zygote.flow.flow import Flow
from migrate.dialects.zygote.flow.values import Held, Site
from migrate.dialects.zygote.in_place.primals import Primal
from migrate.dialects.zygote.module import ModuleView


class Entries(Protocol):
    """Converts one tangent at a time, as TangentRewriter does."""

    view: ModuleView
    flow: Flow

    def entry(self, node: ast.expr, primal: Primal) -> None:
        """Convert what stands for a primal's tangent."""

    def element(self, primal: Primal) -> Primal:
        """An element of a primal, of which nothing is known."""

    def element_of(self, source: ast.expr, target: ast.expr, primal: Primal) -> Primal:
        """The element of a primal that a loop is at."""

    def comprehended(self, node: ast.ListComp | ast.GeneratorExp, primal: Primal) -> Primal:
        """The element of a primal that a comprehension is at."""


class KeptLists:
    """Converts the elements of such lists; one for a cluster."""

    def __init__(self, tangents: Entries) -> None:
        self.tangents = tangents
        self.view = tangents.view
        self.flow = tangents.flow
        self.done: set[ast.AST] = set()

    def convert(self, lists: list[Site], primal: Primal) -> bool:
        """Convert the elements of these lists, which stand for `primal`;
        False where that cannot be done."""
        if not all(s.kind == "list" and self._is_only_filled(s) for s in lists):
            return False
        displays: list[ast.expr] = []
        for site in lists:
            for atom in site.elements():
                if isinstance(atom, Held):
                    node = atom.site.node
                    if not isinstance(node, ast.Dict | ast.Tuple) or self._filler(node) is None:
                        return False
                    displays.append(node)
        for display in displays:
            if display not in self.done:
                self.done.add(display)
                self.tangents.entry(display, self._element(display, primal))
        return True

    def _is_only_filled(self, site: Site) -> bool:
        """Whether nothing is done with a list but appending, assigning and returning."""
        if not isinstance(site.node, ast.List | ast.ListComp):
            return False
        for node, atoms in self.flow.memo.items():
            if not any(isinstance(a, Held) and a.site is site for a in atoms):
                continue
            parent = self.view.scopes.parents.get(node)
            match parent:
                case ast.Attribute(attr="append"):
                    pass
                case ast.Assign(value=value, targets=[ast.Name()]) if value is node:
                    pass
                case ast.Assign(targets=[ast.Name() as target]) if target is node:
                    pass
                case ast.Tuple() if self._is_result(parent):
                    pass
                case ast.If() | ast.UnaryOp(op=ast.Not()) | ast.Call(func=ast.Name(id="len")):
                    pass
                case _:
                    return False
        return True

    def _is_result(self, node: ast.AST) -> bool:
        parent = self.view.scopes.parents.get(node)
        while isinstance(parent, ast.IfExp):
            parent = self.view.scopes.parents.get(parent)
        return isinstance(parent, ast.Return | ast.Lambda)

    def _filler(self, display: ast.expr) -> ast.ListComp | ast.Call | None:
        """The comprehension, or the call of `append`,
        that a structure without a name goes into a list by."""
        whole: ast.AST = display
        while isinstance(parent := self.view.scopes.parents.get(whole), ast.IfExp):
            whole = parent
        if isinstance(parent, ast.ListComp) and parent.elt is whole:
            return parent
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
            return parent if parent.func.attr == "append" and parent.args == [whole] else None
        return None

    def _element(self, display: ast.expr, primal: Primal) -> Primal:
        filler = self._filler(display)
        if isinstance(filler, ast.ListComp):
            return self.tangents.comprehended(filler, primal)
        loop = self.view.scopes.enclosing(display, ast.For, ast.FunctionDef, ast.Lambda)
        if isinstance(loop, ast.For):
            return self.tangents.element_of(loop.iter, loop.target, primal)
        return self.tangents.element(primal)
