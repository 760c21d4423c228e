"""Tests of tangents: for None, for being a dict or a tuple,
for the name that a getter rule is asked for."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from migrate.dialects.zygote.flow.values import (
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atoms,
    Held,
    Nothing,
)
from migrate.dialects.zygote.in_place.cluster import Cluster, Part
from migrate.dialects.zygote.in_place.escapes import Escapes
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.annotations import last_part
from migrate.syntax.changes import filled_by
from migrate.syntax.forms import is_none

_STRUCTURES = frozenset({"dict", "tuple", "list"})
_NO_STRUCTURES = frozenset("float int complex bool str bytes set frozenset object".split())


class ZeroTests(Part):
    """Rewrites the tests of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.escapes = Escapes(cluster)

    def rewrite(self, node: ast.AST) -> None:
        """Everything about one node that tests a tangent."""
        match node:
            case ast.Compare():
                self._compare(node)
            case ast.Call(func=ast.Name(id="isinstance"), args=[value, classes]):
                self._isinstance(node, value, classes)
            case ast.Match():
                self._match(node)
            case ast.For() | ast.comprehension():
                self._keys(node)
            case ast.BinOp(op=ast.Add() | ast.BitOr(), left=left, right=right):
                self._joined(left, right)
                self._joined(right, left)
            case ast.AugAssign(op=ast.Add() | ast.BitOr()):
                if self._kind(node.value) and TANGENT in self._target(node.target):
                    raise Undecided("it extends a tangent in place")
                self._extended(node)
                self._stores(node)
            case ast.Assign() | ast.AugAssign() | ast.Delete():
                self._stores(node)

    # ---- is it extended? -----------------------------------------------------------------

    def _joined(self, tangent: ast.expr, other: ast.expr) -> None:
        """`dy + (None,)`, `dy | {"a": None}`:
        a tangent is no tuple, list or dict of Python's own any more."""
        kind = self._kind(other)
        if kind is None or TANGENT not in self.flow.atoms(tangent):
            return
        if any(isinstance(a, Held) for a in self.flow.atoms(tangent)):
            raise Undecided("what may be a tangent is joined with a container")
        self._need(kind, tangent)
        self.edits.wrap(tangent, f"{kind}({{}})")

    def _extended(self, node: ast.AugAssign) -> None:
        """`out += part`, where `out` is a list or a tuple of Python's own."""
        held = {a.site.kind for a in self._target(node.target) if isinstance(a, Held)}
        if not held or TANGENT not in self.flow.atoms(node.value):
            return
        if held not in ({"list"}, {"tuple"}) or not isinstance(node.op, ast.Add):
            raise Undecided("it extends a container by what may be a tangent")
        kind = held.pop()
        self._need(kind, node.value)
        self.edits.wrap(node.value, f"{kind}({{}})")

    def _kind(self, node: ast.expr) -> str | None:
        kinds = {a.site.kind for a in self.flow.atoms(node) if isinstance(a, Held)}
        kind = kinds.pop() if len(kinds) == 1 else None
        return kind if kind in ("tuple", "list", "dict") else None

    def _target(self, node: ast.expr) -> Atoms:
        if isinstance(node, ast.Name):
            return self.flow.variables.get(self.view.variable_at(node), set())
        return self.flow.atoms(node)

    # ---- is it None? ---------------------------------------------------------------------

    def _compare(self, node: ast.Compare) -> None:
        if len(node.ops) != 1:
            if any(is_none(c) for c in (node.left, *node.comparators)):
                self._must_be_primal(node)
            return
        op, left, right = node.ops[0], node.left, node.comparators[0]
        if isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            if is_none(right):
                self._none_test(node, left, isinstance(op, (ast.IsNot, ast.NotEq)))
            elif is_none(left):
                self._none_test(node, right, isinstance(op, (ast.IsNot, ast.NotEq)))
            else:
                self._sentinels(self.flow.atoms(left), self.flow.atoms(right))
                if isinstance(op, (ast.Eq, ast.NotEq)):
                    self._nested_nones(left, right)
        elif isinstance(op, (ast.In, ast.NotIn)):
            self._sentinels(self.flow.atoms(left), self.flow.elements(self.flow.atoms(right)))
            if is_none(left):
                self._none_in(node, right, isinstance(op, ast.NotIn))
            elif isinstance(right, (ast.Tuple, ast.List, ast.Set)) and any(
                map(is_none, right.elts)
            ):
                if self.cluster.is_zero_like(self.flow.atoms(left)):
                    self._in_legacy(left)

    def _sentinels(self, left: Atoms, right: Atoms) -> None:
        """`cfg is default`, where the None of `default` is a zero as well:
        for `cfg` it would be a None no more."""
        for one, other in ((left, right), (right, left)):
            marked = any(isinstance(a, Nothing) and a in self.cluster.marked for a in one)
            if marked and not self.cluster.is_zero_like(other):
                raise Undecided("a None is both a zero and a value that others are compared with")

    def _must_be_primal(self, node: ast.Compare) -> None:
        for part in (node.left, *node.comparators):
            if not is_none(part) and self.cluster.is_zero_like(self.flow.atoms(part)):
                self._in_legacy(part)

    def _nested_nones(self, left: ast.expr, right: ast.expr) -> None:
        """`dy == (None, None)`."""
        for one, other in ((left, right), (right, left)):
            if isinstance(one, (ast.Tuple, ast.List, ast.Dict)):
                if any(is_none(n) for n in ast.walk(one) if isinstance(n, ast.expr)):
                    if self.cluster.carries_tangents(self.flow.atoms(other)):
                        self._in_legacy(other)

    def _none_test(self, node: ast.Compare, value: ast.expr, negative: bool) -> None:
        atoms = self.flow.atoms(value)
        zero = self.cluster.is_zero_like(atoms)
        if not zero:
            self._result_test(node, value, atoms, negative)
            return
        classes = self.names.use("AbstractZero")
        doubtful = atoms & {PLAIN, UNKNOWN} or any(
            isinstance(a, Nothing) and a not in self.cluster.marked for a in atoms
        )
        if doubtful:
            of_none = "type(None)" if self.view.is_builtin("type", node) else "None.__class__"
            classes = f"({classes}, {of_none})"
        self._need("isinstance", node)
        self._replace_test(node, value, f"isinstance({{}}, {classes})", negative)

    def _result_test(
        self, node: ast.Compare, value: ast.expr, atoms: Atoms, negative: bool
    ) -> None:
        """`grads is None`, where `grads` is all that a pullback of the AD gave."""
        results = [a for a in atoms if isinstance(a, Held) and a.site.gradients]
        if not results:
            return
        if len(results) != len(atoms):
            raise Undecided("a result that is tested for None is made in several ways")
        name = "g" if not any(v.name == "g" for v in self.view.scopes.uses) else "tangent"
        zero = self.names.use("AbstractZero")
        self._need("isinstance", node)
        if any(isinstance(n, ast.NamedExpr) for n in ast.walk(value)):
            self._need("all", node)
            self._need("map", node)
            form = f"all(map(lambda {name}: isinstance({name}, {zero}), {{}}))"
        elif not self.view.is_builtin("all", node):
            form = f"[{name} for {name} in {{}} if not isinstance({name}, {zero})] == []"
        else:
            form = f"all(isinstance({name}, {zero}) for {name} in {{}})"
        self._replace_test(node, value, form, negative)

    def _replace_test(self, node: ast.Compare, value: ast.expr, form: str, negative: bool) -> None:
        if self.view.source.comments_within(node, value):
            raise Undecided("a comment stands inside a test for None")
        self.edits.change(node, filled_by(("not " if negative else "") + form, _side(node, value)))

    def _none_in(self, node: ast.Compare, container: ast.expr, negative: bool) -> None:
        elements = self.flow.elements(self.flow.atoms(container))
        if not self.cluster.is_zero_like(elements):
            return
        name = (
            "part" if not any(v.name == "part" for v in self.view.scopes.uses) else "tangent_part"
        )
        self._need("isinstance", node)
        asked = f"isinstance({name}, {self.names.use('AbstractZero')})"
        form = f"any({asked} for {name} in {{}})"
        if not self.view.is_builtin("any", node):
            form = f"[{name} for {name} in {{}} if {asked}] != []"
        form = ("not " if negative else "") + form
        self.edits.change(node, filled_by(form, _side(node, container)))

    def _need(self, name: str, where: ast.AST) -> None:
        """New text uses a function of Python's own."""
        if not self.view.is_builtin(name, where):
            raise Undecided(f"`{name}` is no function of Python's own there")

    # ---- what kind of tangent is it? -----------------------------------------------------

    def _isinstance(self, node: ast.Call, value: ast.expr, classes: ast.expr) -> None:
        atoms = self.flow.atoms(value)
        if not (TANGENT in atoms or COTANGENT_ARRAY in atoms):
            if self.cluster.is_zero_like(atoms) and "None" in ast.unparse(classes):
                self._in_legacy(value)
            return
        if self.view.scopes.variable("isinstance", self.view.scopes.around[node]).scope is not None:
            return
        members = classes.elts if isinstance(classes, ast.Tuple) else [classes]
        structural = [m.id for m in members if isinstance(m, ast.Name) and self._is_structure(m)]
        others = [m for m in members if not (isinstance(m, ast.Name) and self._is_structure(m))]
        if not all(map(self._holds_no_tangents, others)):
            self._in_legacy(value)
            return
        if not structural:
            return
        if not self._tells_tangents(value, set(structural)) or self._other_tests(
            node, value, set(structural)
        ):
            self._in_legacy(value)
            return
        tangent = self.names.use("Tangent")
        kept = [self.view.text(m) for m in others]
        text = f"({', '.join([tangent, *kept])})" if kept else tangent
        self.edits.replace(classes, text)

    def _tells_tangents(self, value: ast.expr, wanted: set[str]) -> bool:
        """Whether "is one of these" says no more of a value than "is a Tangent"."""
        if wanted == _STRUCTURES:
            return True
        kinds = self.cluster.cotangent_kinds(value)
        return kinds is not None and kinds & _STRUCTURES <= wanted

    def _is_structure(self, node: ast.Name) -> bool:
        return node.id in _STRUCTURES and self.view.is_builtin(node.id, node)

    def _holds_no_tangents(self, node: ast.expr) -> bool:
        """Whether a class is seen to be one that a tuple, a list,
        a dict or None is no instance of."""
        imported = self.view.imported_name(node)
        if imported is not None:
            return self.view.is_numeric(imported[0]) or imported[0] == "numbers"
        if not isinstance(node, ast.Name):
            return False
        if self.view.is_builtin(node.id, node):
            return node.id in _NO_STRUCTURES
        only = self.view.scopes.of(node).only
        return (
            isinstance(only, ast.ClassDef)
            and not only.keywords
            and not any(last_part(b) in ("Protocol", "ABC") for b in only.bases)
        )

    def _other_tests(self, node: ast.Call, value: ast.expr, kinds: set[str]) -> bool:
        """Whether the code tells dict from tuple or list on one value."""
        function = self.cluster.function_around(node)
        root = function
        for ancestor in self.view.scopes.ancestors(node):
            if isinstance(ancestor, (ast.FunctionDef, ast.Lambda)):
                root = ancestor
        assert root is not None
        spelled = ast.unparse(value)
        seen = {frozenset(kinds)}
        for other in ast.walk(root):
            match other:
                case ast.Call(func=ast.Name(id="isinstance"), args=[same, classes]):
                    if ast.unparse(same) == spelled:
                        members = classes.elts if isinstance(classes, ast.Tuple) else [classes]
                        names = {m.id for m in members if isinstance(m, ast.Name)} & _STRUCTURES
                        if names:
                            seen.add(frozenset(names))
        return len(seen) > 1

    def _match(self, node: ast.Match) -> None:
        atoms = self.flow.atoms(node.subject)
        if not self.cluster.carries_tangents(atoms):
            return
        if any(isinstance(a, Held) and a.site.kind == "iterator" for a in atoms):
            raise Undecided("it matches patterns against tangents in a container")
        for case in node.cases:
            if any(isinstance(p, ast.MatchMapping) and p.keys for p in ast.walk(case.pattern)):
                raise Undecided("it counts on a tangent to have every key")
        self._in_legacy(node.subject)

    def _in_legacy(self, node: ast.expr) -> None:
        self.edits.wrap(node, f"{self.names.use('to_legacy')}({{}})")

    # ---- dicts by key --------------------------------------------------------------------

    def _keys(self, node: ast.For | ast.comprehension) -> None:
        """`for k in dy: … dy[k]`: a named tuple's tangent iterates by position,
        so its keys are asked for."""
        if not (isinstance(node.iter, ast.Name) and isinstance(node.target, ast.Name)):
            return
        if TANGENT not in self.flow.atoms(node.iter):
            return
        container = self.view.scopes.of(node.iter)
        key = self.view.scopes.of(node.target)
        for use in self.view.scopes.uses.get(key, []):
            parent = self.view.scopes.parents.get(use)
            match parent:
                case ast.Subscript(value=ast.Name() as base, slice=index) if index is use:
                    if self.view.scopes.of(base) == container:
                        self.edits.wrap(node.iter, "{}.keys()", inside=True)
                        return
                case ast.Call(func=ast.Attribute(attr="get", value=ast.Name() as base)):
                    if self.view.scopes.of(base) == container:
                        self.edits.wrap(node.iter, "{}.keys()", inside=True)
                        return

    # ---- changing things -----------------------------------------------------------------

    def _stores(self, node: ast.Assign | ast.AugAssign | ast.Delete) -> None:
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, (ast.Subscript, ast.Attribute)):
                    self.escapes.check_store(part, self._stored(node, part))
                if isinstance(part, ast.Subscript) and isinstance(part.ctx, (ast.Store, ast.Del)):
                    if TANGENT in self.flow.atoms(part.value):
                        raise Undecided("it changes a tangent in place")
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    if self.cluster.escapes(self.flow.atoms(part)):
                        raise Undecided("it keeps a tangent or a pullback in an attribute")
                if isinstance(part, ast.Name) and self._is_outside(part):
                    if self.cluster.escapes(self.flow.atoms(part)):
                        raise Undecided(
                            "it keeps a tangent or a pullback in a variable of other code"
                        )
        if not isinstance(node, ast.Assign):
            return
        for target in targets:
            if isinstance(target, ast.Subscript):
                base = self.flow.atoms(target.value)
                if base & {PLAIN, UNKNOWN} and self.cluster.escapes(self.flow.atoms(node.value)):
                    raise Undecided("it keeps a tangent or a pullback in something not its own")

    def _stored(self, node: ast.Assign | ast.AugAssign | ast.Delete, part: ast.expr) -> Atoms:
        """What is kept in a part of a target."""
        if isinstance(node, ast.Delete) or isinstance(getattr(part, "ctx", None), ast.Load):
            return set()
        return (
            self.flow.atoms(node.value)
            if isinstance(node, ast.AugAssign)
            else self.flow.atoms(part)
        )

    def _is_outside(self, node: ast.Name) -> bool:
        """Whether a variable belongs to a scope that is not part of the rules."""
        scope = self.view.scopes.of(node).scope
        return (
            scope is not None and scope.kind != "comprehension" and scope.node not in self.flow.live
        )


def _side(node: ast.Compare, value: ast.expr) -> Callable[[Any], Any]:
    """Which part of libcst's comparison an operand is."""
    if value is node.left:
        return lambda comparison: comparison.left
    return lambda comparison: comparison.comparisons[0].comparator
