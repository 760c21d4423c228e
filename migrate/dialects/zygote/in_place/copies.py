"""Dicts with the keys of a tangent: `dict(dy)`, `{**dy}`, `{k: … for k, v in dy.items()}`.

The legacy cotangent of an object has every field, `None` for the zero ones. A `Tangent` has the keys that were given, and reads as a zero at all others;
a plain dict made of it does not. So such a dict is read with a default, and where its number of keys counts nothing can be done.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from migrate.dialects.zygote.flow.flow import leaves_nones_out
from migrate.dialects.zygote.flow.values import PLAIN, TANGENT, UNKNOWN, Held
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.annotations import last_part
from migrate.syntax.changes import last_argument, read_with
from migrate.syntax.forms import is_none, iterated_alone
from migrate.syntax.node_edits import NodeEdits

if TYPE_CHECKING:
    from migrate.dialects.zygote.in_place.cluster import Cluster

_EVERY_KEY = "it counts on a tangent to have every key"
_TAKING_ALL = frozenset("sum any all max min set frozenset dict".split())
_COUNTING = frozenset("len sorted list tuple iter next enumerate zip reversed min max".split())


class Copies:
    """Rewrites what a cluster does with dicts that have the keys of a tangent."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.view = cluster.view
        self.flow = cluster.flow
        self.edits: NodeEdits = cluster.edits

    def rewrite(self, node: ast.AST) -> None:
        """Everything about one node that reads such a dict."""
        match node:
            case ast.Subscript(value=base, slice=index, ctx=ast.Load()) if self._is_copy(base):
                self._read(node, base, index)
            case ast.Call(func=ast.Attribute(value=base, attr=attr)) if self._is_copy(base):
                self._method(node, attr)
            case ast.Call(func=ast.Attribute(value=base, attr="copy"), args=[]):
                if self.cluster.cotangent_kinds(base) == {"dict"}:
                    raise Undecided("it copies a tangent by its method")
            case ast.Call(func=ast.Name(id=name) as function, args=args) if name in _COUNTING:
                if self.view.scopes.of(function).scope is None and any(map(self._is_dict, args)):
                    raise Undecided(_EVERY_KEY)
            case ast.Compare(ops=[ast.NotIn()], comparators=[copy]) if self._is_copy(copy):
                raise Undecided(_EVERY_KEY)
            case ast.ListComp(generators=[only]) | ast.GeneratorExp(generators=[only]):
                left_out = any(map(leaves_nones_out, only.ifs))
                if not left_out and self._goes_through_keys(only.iter) and self._is_counted(node):
                    raise Undecided(_EVERY_KEY)
            case ast.For(iter=iterable, body=body) if self._goes_through_keys(iterable):
                for statement in body:
                    self._appended(statement)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript) and self._is_copy(target.value):
                        raise Undecided("it deletes a key of a copy of a tangent")

    def _is_copy(self, node: ast.expr) -> bool:
        atoms = self.flow.atoms(node)
        return any(isinstance(a, Held) and a.site.kind == "dict" and a.site.copied for a in atoms)

    def _is_dict(self, node: ast.expr) -> bool:
        """Whether it is a copy, or the cotangent of what is seen to be an object or a dict."""
        return self._is_copy(node) or self.cluster.cotangent_kinds(node) == {"dict"}

    def _goes_through_keys(self, iterable: ast.expr) -> bool:
        """`for v in dy.values()`, `for k in sorted(dy)`."""
        match iterable:
            case ast.Call(func=ast.Attribute(value=base, attr="items" | "values" | "keys")):
                return TANGENT in self.flow.atoms(base) or self._is_copy(base)
            case ast.Call(func=ast.Name(id="sorted" | "list" | "tuple"), args=[inner]):
                return self._goes_through_keys(inner)
        return self._is_dict(iterable)

    def _appended(self, statement: ast.stmt) -> None:
        """`out.append(v)` for every key."""
        match statement:
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="append"))
            ):
                uses = self.view.scopes.uses.get(self.view.scopes.of(name), [])
                others = [u for u in uses if u is not name and isinstance(u.ctx, ast.Load)]
                if any(map(self._is_counted, others)):
                    raise Undecided(_EVERY_KEY)

    def _is_counted(self, node: ast.expr) -> bool:
        """Whether it may matter how many elements a list has, and which comes when."""
        parent = self.view.scopes.parents.get(node)
        match parent:
            case ast.Assign(targets=[ast.Name() as target]):
                uses = self.view.scopes.uses.get(self.view.scopes.of(target), [])
                return any(isinstance(u.ctx, ast.Load) and self._is_counted(u) for u in uses)
            case ast.Call(func=ast.Name(id=name)) if name in _TAKING_ALL:
                return False
            case ast.Call(func=function, args=[_, *more]) if any(a is node for a in more):
                return last_part(function) != "reduce"
            case ast.Starred():
                call = self.view.scopes.parents.get(parent)
                called = isinstance(call, ast.Call) and self.view.legacy.meaning(call.func)
                return called != "accum"
            case ast.If() | ast.While() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return False
            case ast.IfExp(test=test):
                return test is not node
        return not iterated_alone(node, self.view.scopes)

    def _read(self, node: ast.Subscript, base: ast.expr, index: ast.expr) -> None:
        """`g["a"]` -> `g.get("a", ZeroTangent())`."""
        if self.flow.atoms(base) & {PLAIN, UNKNOWN} or isinstance(index, (ast.Slice, ast.Tuple)):
            raise Undecided("it reads what may be a copy of a tangent")
        self.edits.change(node, read_with(f"{self.cluster.names.use('ZeroTangent')}()"))

    def _method(self, node: ast.Call, name: str) -> None:
        if name == "pop" and len(node.args) == 1 and not node.keywords:
            self.edits.change(node, last_argument(f"{self.cluster.names.use('ZeroTangent')}()"))
        elif (
            name == "popitem"
            or (name == "setdefault" and not all(map(is_none, node.args[1:])))
            or (name in ("items", "values", "keys") and not iterated_alone(node, self.view.scopes))
        ):
            raise Undecided(_EVERY_KEY)
