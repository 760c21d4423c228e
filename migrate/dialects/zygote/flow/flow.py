"""Data flow through the functions of one or more rules: for every expression, what it can be.

The theory is a small points-to analysis in the manner of Andersen: sets only grow, every function
of the cluster is run over abstract values until nothing changes. Calls of functions that stand in
the module are followed; everything else is UNKNOWN. `values.py` says what the atoms mean.
"""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.calls import Calls
from migrate.dialects.zygote.flow.store import Store
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atoms,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.forms import constant_index, falls_through
from migrate.syntax.numeric import (
    ARRAY_ATTRIBUTES,
)
from migrate.syntax.scopes import FunctionNode, Variable, positional_parameters

METHODS_OF_TANGENTS = frozenset({"get", "items", "keys", "values", "__getitem__"})
CONTAINERS = (ast.Tuple, ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.BinOp)
_MAX_ROUNDS = 60


class TooComplex(Exception):
    """The analysis does not settle."""


class Flow(Store):
    """The abstract run of a cluster of functions."""

    def __init__(
        self,
        view: ModuleView,
        opaque: frozenset[ast.AST] = frozenset(),
        rewriting: bool = True,
    ) -> None:
        super().__init__(view, opaque, rewriting)
        self.calls = Calls(self)

    # ---- running -------------------------------------------------------------------------

    def run(self) -> None:
        """Run everything that is live until nothing changes."""
        rounds = 0
        self.changed = True
        while self.changed:
            self.changed = False
            rounds += 1
            if rounds > _MAX_ROUNDS:
                raise TooComplex
            for seed in self.seeds:
                seed()
            for function in list(self.live):
                self._run_function(function)

    def found_at(self, node: ast.expr) -> Atoms:
        """The same, of the target of an assignment also what the variable holds."""
        return self._name(node) if isinstance(node, ast.Name) else self.atoms(node)

    def _run_function(self, function: FunctionNode) -> None:
        arguments = function.args
        positional = positional_parameters(arguments)
        for arg, default in zip(
            positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
        ):
            self.give(self.parameter(function, arg), self.value(default))
        for arg, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if keyword_default is not None:
                self.give(self.parameter(function, arg), self.value(keyword_default))
        result = self.returns.setdefault(function, set())
        if isinstance(function, ast.Lambda):
            self.grow(result, self.value(function.body))
            return
        self._block(function.body, function)
        if function not in self.yields and falls_through(function.body):
            self.grow(result, {Nothing(function, "fall")})

    # ---- statements ----------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], function: FunctionNode) -> None:
        for statement in body:
            self._statement(statement, function)

    def _statement(self, node: ast.stmt, function: FunctionNode) -> None:
        match node:
            case ast.Return(value=None):
                self.grow(self.returns[function], {Nothing(node, "return")})
            case ast.Return(value=ast.expr() as value):
                self.grow(self.returns[function], self.value(value))
            case ast.Assign(targets=targets, value=value):
                atoms = self.value(value)
                for target in targets:
                    self.assign(target, atoms)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.AugAssign():
                self._augmented(node)
            case ast.For() | ast.AsyncFor():
                items = self.value(node.iter)
                self.assign(node.target, self.elements(items))
                self.loops.append(items)
                self._block(node.body, function)
                self.loops.pop()
                self._block(node.orelse, function)
            case ast.While():
                self.value(node.test)
                self._block(node.body, function)
                self._block(node.orelse, function)
            case ast.If():
                self.value(node.test)
                self._block(node.body, function)
                self._block(node.orelse, function)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self.assign(item.optional_vars, {PLAIN})
                self._block(node.body, function)
            case ast.Try() | ast.TryStar():
                self._block(node.body, function)
                for handler in node.handlers:
                    if handler.type is not None:
                        self.value(handler.type)
                    self._block(handler.body, function)
                self._block(node.orelse, function)
                self._block(node.finalbody, function)
            case ast.Match():
                subject = self.value(node.subject)
                for case in node.cases:
                    self._pattern(case.pattern, subject)
                    if case.guard is not None:
                        self.value(case.guard)
                    self._block(case.body, function)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    self.value(decorator)
                self.add(node)
                variable = self.view.scopes.variable(node.name, self.view.scopes.around[node])
                plain = all(map(self.view.is_transparent, node.decorator_list))
                self.give(variable, {Function(node)} if plain else {UNKNOWN})
            case ast.ClassDef():
                variable = self.view.scopes.variable(node.name, self.view.scopes.around[node])
                self.give(variable, {PLAIN})
            case ast.Expr(value=value):
                self.value(value)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript):
                        self.value(target.value)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)

    def _pattern(self, pattern: ast.pattern, subject: Atoms) -> None:
        inner = subject | self.elements(subject)
        if TANGENT in inner:  # patterns are matched against the tangent in the legacy language
            inner = {UNKNOWN}
        for node in ast.walk(pattern):
            if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
                variable = self.view.scopes.variable(node.name, self.view.scopes.around[node])
                self.give(variable, inner)
            elif isinstance(node, ast.expr):
                self.value(node)

    def _augmented(self, node: ast.AugAssign) -> None:
        value = self.value(node.value)
        before = self._load_target(node.target)
        if isinstance(node.op, ast.Add) and any(
            isinstance(a, Held) and a.site.kind in ("list", "tuple") for a in before | value
        ):
            for atom in set(before):
                if isinstance(atom, Held) and atom.site.kind == "list":
                    self.grow(atom.site.rest, self.elements(value))
            if any(isinstance(a, Held) and a.site.kind == "tuple" for a in before | value):
                site = self.site(node, "tuple")
                self.grow(site.rest, self.elements(before) | self.elements(value))
                self.assign(node.target, {Held(site)})
            return
        if isinstance(node.op, ast.BitOr) and any(isinstance(a, Held) for a in before):
            for atom in before:
                if isinstance(atom, Held):
                    self.update(atom.site, value)
            return
        self.assign(node.target, self._arithmetic(node, node.op, before, value))

    def _load_target(self, target: ast.expr) -> Atoms:
        match target:
            case ast.Name():
                return set(self.variables.get(self.view.variable_at(target), set()))
            case ast.Subscript(value=base, slice=index):
                return self._subscript(self.value(base), index)
            case ast.Attribute(value=base):
                return self.attribute(self.value(base), target.attr)
        return set()

    def assign(self, target: ast.expr, atoms: Atoms) -> None:
        """Bind a target to what it is given."""
        match target:
            case ast.Name():
                self.give(self.view.variable_at(target), atoms)
                self.memo.setdefault(target, set()).update(atoms)
            case ast.Starred(value=inner):
                site = self.site(target, "list")
                self.grow(site.rest, atoms)
                self.assign(inner, {Held(site)})
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                self._unpack(elts, atoms)
            case ast.Subscript(value=base, slice=index):
                self.value(index)
                for atom in self.value(base):
                    if isinstance(atom, Held):
                        self._store(atom.site, index, atoms)
                self.memo.setdefault(target, set()).update(atoms)
            case ast.Attribute(value=base):
                self.value(base)
                self.memo.setdefault(target, set()).update(atoms)

    def _store(self, site: Site, index: ast.expr, atoms: Atoms) -> None:
        if isinstance(index, ast.Slice):
            self.grow(site.rest, self.elements(atoms))
        elif site.kind == "dict" and isinstance(index, ast.Constant):
            self.grow(site.by_key.setdefault(index.value, set()), atoms)
        else:
            self.grow(site.rest, atoms)
            if site.kind == "dict":
                for items in self.loops:
                    self.copy_keys(site, items)

    def _unpack(self, elts: list[ast.expr], atoms: Atoms) -> None:
        star = next((i for i, e in enumerate(elts) if isinstance(e, ast.Starred)), None)
        for atom in atoms:
            exact = atom.site.exact if isinstance(atom, Held) else None
            if exact is None or (star is None and len(exact) != len(elts)):
                inner = self.elements({atom})
                for elt in elts:
                    self.assign(elt, inner)
                continue
            rest = atom.site.rest if isinstance(atom, Held) else set()
            tail = 0 if star is None else len(elts) - star - 1
            for number, elt in enumerate(elts):
                if star is not None and number == star:
                    middle: Atoms = set(rest)
                    for part in exact[star : len(exact) - tail]:
                        middle |= part
                    self.assign(elt, middle)
                elif star is not None and number > star:
                    at = len(exact) - (len(elts) - number)
                    self.assign(elt, (exact[at] if 0 <= at < len(exact) else set()) | rest)
                elif number < len(exact):
                    self.assign(elt, exact[number] | rest)

    # ---- expressions ---------------------------------------------------------------------

    def value(self, node: ast.expr) -> Atoms:
        """Run an expression, and remember what it can be."""
        found = self._value(node)
        known = self.memo.get(node)
        if known is None:
            self.memo[node] = set(found)
        else:
            known.update(found)
        return found

    def _value(self, node: ast.expr) -> Atoms:
        match node:  # the most frequent first
            case ast.Name():
                return self._name(node)
            case ast.Constant(value=value):
                return {Nothing(node)} if value is None else {ARRAY}
            case ast.Call():
                return self._call(node)
            case ast.Attribute(value=base, attr=attr):
                known = self.view.imported_value(node)
                return self.attribute(self.value(base), attr) if known is None else {known}
            case ast.Subscript(value=base, slice=index):
                if not isinstance(index, ast.Slice):
                    self.value(index)
                else:
                    self._bounds(index)
                return self._subscript(self.value(base), index, node)
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, op, self.value(left), self.value(right))
            case ast.UnaryOp(op=op, operand=operand):
                inner = self.value(operand)
                if not isinstance(op, ast.Not) and TANGENT in inner:
                    return {TANGENT}
                return {ARRAY}
            case ast.BoolOp(values=values):
                return set().union(*[self.value(v) for v in values])
            case ast.Compare(left=left, comparators=comparators):
                for part in (left, *comparators):
                    self.value(part)
                return {ARRAY}
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.value(test)
                return self.value(body) | self.value(orelse)
            case ast.NamedExpr(target=target, value=value):
                atoms = self.value(value)
                self.assign(target, atoms)
                return atoms
            case ast.Lambda():
                self.add(node)
                return {Function(node)}
            case ast.Tuple() | ast.List() | ast.Set():
                return {Held(self._display(node))}
            case ast.Dict():
                return {Held(self._dict_display(node))}
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Starred(value=value):
                return self.value(value)
            case ast.JoinedStr() | ast.FormattedValue():
                for child in ast.walk(node):
                    if isinstance(child, ast.expr) and child is not node:
                        self.memo.setdefault(child, set())
                if isinstance(node, ast.JoinedStr):
                    for part in node.values:
                        if isinstance(part, ast.FormattedValue):
                            self.value(part.value)
                return {ARRAY}
            case ast.Yield() | ast.YieldFrom():
                return self._yield(node)
            case ast.Slice():
                self._bounds(node)
                return {ARRAY}
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return {UNKNOWN}

    def _call(self, node: ast.Call) -> Atoms:
        return self.calls.call(node)

    def _bounds(self, node: ast.Slice) -> None:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.value(part)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Atoms:
        function = self.view.scopes.enclosing(node, ast.FunctionDef, ast.Lambda)
        if isinstance(function, (ast.FunctionDef, ast.Lambda)):
            site = self.site(function, "iterator")
            self.yields[function] = site
            if node.value is not None:
                atoms = self.value(node.value)
                inner = self.elements(atoms) if isinstance(node, ast.YieldFrom) else atoms
                self.grow(site.rest, inner)
        return {PLAIN}

    def _name(self, node: ast.Name) -> Atoms:
        imported = self.view.imported_value(node)
        if imported is not None:
            return {imported}
        variable = self.view.variable_at(node)
        if variable.scope is None:
            return {PLAIN}
        if variable.scope.node in self.live or self._in_comprehension(variable):
            return set(self.variables.get(variable, ()))
        definition = self.view.definitions.get(variable)
        if definition is not None and definition not in self.opaque:
            return {Function(definition)}
        return self.outer(variable)

    def outer(self, variable: Variable) -> Atoms:
        """What a variable of other code may hold, no function."""
        constant = self.view.constant(variable)
        return {UNKNOWN} if isinstance(constant, CONTAINERS) else {PLAIN}

    def _in_comprehension(self, variable: Variable) -> bool:
        return variable.scope is not None and variable.scope.kind == "comprehension"

    def attribute(self, base: Atoms, attr: str) -> Atoms:
        found: Atoms = set()
        for atom in base:
            if atom in (TANGENT, COTANGENT_ARRAY) and attr in METHODS_OF_TANGENTS:
                found.add(UNKNOWN)  # `map(dy.get, names)`: called elsewhere, in the legacy language
            elif atom in (TANGENT, COTANGENT_ARRAY):
                found.add(ARRAY if attr in ARRAY_ATTRIBUTES else TANGENT)
            elif atom is ARRAY:
                found.add(ARRAY)
            else:
                found.add(UNKNOWN if atom is UNKNOWN else PLAIN)
        return found

    def _subscript(self, base: Atoms, index: ast.expr, node: ast.expr | None = None) -> Atoms:
        found: Atoms = set()
        for atom in base:
            if isinstance(atom, Held):
                found |= self.item(atom.site, index, node)
            elif atom is COTANGENT_ARRAY:
                found.add(COTANGENT_ARRAY if isinstance(index, ast.Slice) else TANGENT)
            elif atom is TANGENT and isinstance(index, ast.Slice):
                found |= {TANGENT, UNKNOWN}  # of a tuple or a list: one of Python's own
            elif atom in (ARRAY, PLAIN, UNKNOWN, TANGENT):
                found.add(atom)
        return found

    def item(self, site: Site, index: ast.expr, node: ast.expr | None) -> Atoms:
        if isinstance(index, ast.Slice):
            if node is None:
                return set()
            part = self.site(node, site.kind)
            self.grow(part.rest, site.elements())
            return {Held(part)}
        constant = constant_index(index)
        if site.kind == "dict":
            if isinstance(index, ast.Constant) and index.value in site.by_key:
                return site.by_key[index.value] | site.rest
            if isinstance(index, ast.Constant):
                return set(site.rest)
            return site.elements()
        if site.exact is not None and constant is not None:
            if -len(site.exact) <= constant < len(site.exact):
                return site.exact[constant] | site.rest
            return set(site.rest)
        return site.elements()

    def _arithmetic(self, node: ast.AST, op: ast.operator, left: Atoms, right: Atoms) -> Atoms:
        containers = [a for a in left | right if isinstance(a, Held)]
        if containers and isinstance(op, (ast.Add, ast.Mult, ast.BitOr)):
            kinds = {a.site.kind for a in containers}
            kind = "tuple" if "tuple" in kinds else next(iter(kinds))
            site = self.site(node, kind)
            if isinstance(op, ast.BitOr):
                for side in (left, right):
                    self.update(site, side)
            elif isinstance(op, ast.Add):
                self._concatenate(site, left, right)
            else:
                for atom in containers:
                    self.grow(site.rest, atom.site.elements())
                self._repeat(site, node, containers)
            return {Held(site)}
        both = left | right
        if isinstance(op, ast.Add) and not both & {ARRAY, COTANGENT_ARRAY, TANGENT}:
            if UNKNOWN in both:
                return {UNKNOWN}
            if left and right and both == {PLAIN}:  # two lists, perhaps
                return {PLAIN}
        if UNKNOWN in both and isinstance(op, ast.Mult) and self._counts(node):
            return {UNKNOWN}  # a list that is repeated, perhaps
        if both and all(a is TANGENT for a in both):
            return {TANGENT}
        return {ARRAY}

    def _counts(self, node: ast.AST) -> bool:
        """Whether one factor of a product may be a number of times that a list is repeated."""
        if isinstance(node, ast.BinOp):
            factors = [node.left, node.right]
        else:
            factors = [node.target, node.value] if isinstance(node, ast.AugAssign) else []
        for factor in factors:
            inner = list(ast.walk(factor))
            names = [n for n in inner if isinstance(n, ast.Name)]
            real = any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in inner)
            other = any(isinstance(n, (ast.Div, ast.Pow, ast.MatMult)) for n in inner)
            tangent = any(self.atoms(n) & {TANGENT, COTANGENT_ARRAY} for n in names)
            if not (real or other or tangent or UNKNOWN in self.found_at(factor)):
                return True
        return False

    def _concatenate(self, site: Site, left: Atoms, right: Atoms) -> None:
        sides = [next(iter(s)) if len(s) == 1 else None for s in (left, right)]
        parts = [s.site if isinstance(s, Held) else None for s in sides]
        if all(p is not None and p.exact is not None and not p.rest for p in parts):
            exact = [e for p in parts if p is not None for e in p.exact or ()]
            self.set_exact(site, exact)
            return
        self.grow(site.rest, self.elements(left) | self.elements(right))

    def _repeat(self, site: Site, node: ast.AST, containers: list[Held]) -> None:
        if not isinstance(node, ast.BinOp) or len(containers) != 1:
            return
        count = constant_index(node.right)
        if count is None:
            count = constant_index(node.left)
        exact = containers[0].site.exact
        if count is not None and 0 <= count <= 64 and exact is not None:
            if not containers[0].site.rest:
                self.set_exact(site, [set(e) for e in exact] * count)

    def _display(self, node: ast.Tuple | ast.List | ast.Set) -> Site:
        kind = type(node).__name__.lower()
        site = self.site(node, kind)
        exact: list[Atoms] | None = []
        for elt in node.elts:
            atoms = self.value(elt)
            if isinstance(elt, ast.Starred):
                inner = atoms
                single = next(iter(inner)) if len(inner) == 1 else None
                if (
                    exact is not None
                    and isinstance(single, Held)
                    and single.site.exact is not None
                    and not single.site.rest
                ):
                    exact += [set(e) for e in single.site.exact]
                else:
                    exact = None
                self.grow(site.rest, self.elements(inner)) if exact is None else None
            elif exact is not None:
                exact.append(atoms)
            else:
                self.grow(site.rest, atoms)
        if exact is not None and (kind == "tuple" or kind == "list"):
            self.set_exact(site, exact)
        else:
            self.forget_exact(site)
            for elt in node.elts:
                if not isinstance(elt, ast.Starred):
                    self.grow(site.rest, self.atoms(elt))
        return site

    def _dict_display(self, node: ast.Dict) -> Site:
        site = self.site(node, "dict")
        for key, value in zip(node.keys, node.values, strict=True):
            atoms = self.value(value)
            if key is None:
                self.update(site, atoms)
                continue
            self.value(key)
            if isinstance(key, ast.Constant):
                self.grow(site.by_key.setdefault(key.value, set()), atoms)
            else:
                self.grow(site.rest, atoms)
        return site

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Atoms:
        for generator in node.generators:
            self.assign(generator.target, self.elements(self.value(generator.iter)))
            for condition in generator.ifs:
                self.value(condition)
        kinds = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}
        site = self.site(node, kinds.get(type(node), "iterator"))
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            self.grow(site.rest, self.value(node.value))
            for generator in node.generators:
                if not any(map(leaves_nones_out, generator.ifs)):
                    self.copy_keys(site, self.atoms(generator.iter))
        else:
            self.grow(site.rest, self.value(node.elt))
        return {Held(site)}


def leaves_nones_out(condition: ast.expr) -> bool:
    """`if v is not None`: what the zeros are called does not matter to what is left."""
    match condition:
        case ast.Compare(ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.BoolOp(op=ast.And(), values=values):
            return any(map(leaves_nones_out, values))
    return False
