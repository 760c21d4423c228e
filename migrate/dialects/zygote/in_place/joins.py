"""Joining and repeating: `d[0] + d[1]`, `d * n`, `sum(d, ())`,
where the operands may be tangents of tuples or lists.

In the legacy language a tuple's `+` joins and its `*` repeats; in the target language those of a
`Tangent` add and scale. So whatever may be such an operand is bridged with its rule.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.dialects.zygote.flow.values import ARRAY, COTANGENT_ARRAY, TANGENT, Held
from migrate.dialects.zygote.in_place.cluster import Part
from migrate.dialects.zygote.verdicts import Undecided

_TANGENTS = {TANGENT, COTANGENT_ARRAY}
_JOINING = frozenset("add iadd concat iconcat mul imul".split())
_METHODS = frozenset("__add__ __radd__ __iadd__ __mul__ __rmul__ __imul__".split())


class Joins(Part):
    """Looks for what joins or repeats the tangents of a cluster."""

    def check(self, node: ast.AST) -> None:
        """Raise Undecided where a node joins or repeats what may be structured tangents."""
        match node:
            case ast.BinOp(op=ast.Add() | ast.Mult() as op, left=left, right=right):
                self._arithmetic([left, right], isinstance(op, ast.Add))
            case ast.AugAssign(op=ast.Add() | ast.Mult() as op, target=left, value=right):
                self._arithmetic([left, right], isinstance(op, ast.Add))
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                self._merged(left, right)
            case ast.AugAssign(op=ast.BitOr(), target=left, value=right):
                self._merged(left, right)
            case ast.Call(func=ast.Name(id="sum") as called, args=[parts, start]):
                if self.view.scopes.of(called).scope is None:
                    self._sum(parts, start)
            case ast.Call(func=ast.Name(id="sum") as called, args=[parts], keywords=[start]):
                if self.view.scopes.of(called).scope is None:
                    self._sum(parts, start.value)
            case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args):
                if attr in _METHODS:
                    self._arithmetic([value, *args], True)
                else:
                    self._operator(node, args)
            case ast.Call(args=args):
                self._operator(node, args)

    def _merged(self, left: ast.expr, right: ast.expr) -> None:
        """`d[0] | d[1]`: a `Tangent` is no dict that could be merged."""
        if TANGENT in self.flow.found_at(left) and TANGENT in self.flow.found_at(right):
            raise Undecided("it merges tangents of dicts")

    def _operator(self, node: ast.Call, args: Sequence[ast.expr]) -> None:
        imported = self.view.imported_name(node.func)
        if imported is not None and imported[0] == "operator" and imported[1] in _JOINING:
            self._arithmetic(args, not imported[1].endswith("mul"))
        elif imported == ("itertools", "accumulate") and len(args) == 1 and not node.keywords:
            self._sum(args[0], None)

    def _sum(self, parts: ast.expr, start: ast.expr | None) -> None:
        shapes = self.cluster.structures
        if TANGENT not in self.flow.elements(self.flow.atoms(parts)):
            return
        if start is None:
            told = shapes.elements(shapes.atoms(parts)) <= {ARRAY, COTANGENT_ARRAY}
        else:
            told = shapes.is_number(start)
        if not told:
            raise Undecided("it joins what may be tangents of tuples or lists")

    def _arithmetic(self, operands: Sequence[ast.expr], adds: bool) -> None:
        tangents = [n for n in operands if self.flow.found_at(n) & _TANGENTS]
        if not tangents or (adds and any(map(self._is_container, operands))):
            return
        shapes = self.cluster.structures
        joined = any(map(shapes.may_be_sequence, tangents))
        if adds and not joined:
            joined = not any(map(shapes.is_number, operands))
        if joined:
            raise Undecided("it joins or repeats what may be tangents of tuples or lists")

    def _is_container(self, node: ast.expr) -> bool:
        """Whether it is one that the rule makes: what is joined with that is made one too."""
        return any(isinstance(a, Held) for a in self.flow.found_at(node))
