"""Dicts with the keys of a tangent: `dict(dy)`, `{**dy}`, `{k: … for k, v in dy.items()}`.

The legacy cotangent of an object has every field, `None` for the zero ones. A `Tangent` has the
keys that were given, and reads as a zero at all others; a plain dict made of it does not. So such a
dict is read with a default, and where its number of keys counts nothing can be done.
"""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.values import PLAIN, UNKNOWN, Held
from migrate.dialects.zygote.in_place.cluster import Part
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.changes import last_argument, read_with
from migrate.syntax.forms import is_none, is_zero, iterated_alone

_EVERY_KEY = "it counts on a tangent to have every key"


class Copies(Part):
    """Rewrites what a cluster does with dicts that have the keys of a tangent."""

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
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript) and self._is_copy(target.value):
                        raise Undecided("it deletes a key of a copy of a tangent")

    def _is_copy(self, node: ast.expr) -> bool:
        atoms = self.flow.atoms(node)
        return any(isinstance(a, Held) and a.site.kind == "dict" and a.site.copied for a in atoms)

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
            or (name in ("get", "pop") and not all(map(is_zero, node.args[1:])))
            or (name == "setdefault" and not all(map(is_none, node.args[1:])))
            or (name in ("items", "values", "keys") and not iterated_alone(node, self.view.scopes))
        ):
            raise Undecided(_EVERY_KEY)
