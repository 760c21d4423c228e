"""Data flow through the functions of one or more rules: for every expression, what it can be.

The theory is a small points-to analysis in the manner of Andersen: sets only grow, every function of the cluster is run over abstract
values until nothing changes. Calls of functions that stand in the module are followed; everything else is UNKNOWN.
`values.py` says what the atoms mean.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from migrate.analysis.module import ModuleView
from migrate.analysis.numeric import (
    ARRAY_ATTRIBUTES,
    ARRAY_METHODS,
    CONSTANTS,
    SCALAR_BUILTINS,
    SEVERAL_RESULTS,
)
from migrate.analysis.values import (
    ARRAY,
    COTANGENT_ARRAY,
    NUMERIC,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atom,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.scopes import FunctionNode, Scopes, Variable, all_parameters, positional_parameters

_MAX_ROUNDS = 60


class TooComplex(Exception):
    """The analysis does not settle."""


class Flow:
    """The abstract run of a cluster of functions."""

    def __init__(self, view: ModuleView, opaque: frozenset[ast.AST] = frozenset()) -> None:
        self.view = view
        self.opaque = opaque  # functions of the module that must not be followed
        self.variables: dict[Variable, Atoms] = {}
        self.memo: dict[ast.AST, Atoms] = {}
        self.returns: dict[FunctionNode, Atoms] = {}
        self.yields: dict[FunctionNode, Site] = {}
        self.sites: dict[tuple[ast.AST, str], Site] = {}
        self.bound: dict[ast.Call, tuple[Atoms, list[ast.expr], list[ast.keyword]]] = {}
        self.live: dict[FunctionNode, None] = {}  # functions that are run, in order
        self.callers: dict[FunctionNode, list[ast.AST]] = {}
        self.changed = True
        self.seeds: list[Callable[[], None]] = []

    # ---- running -------------------------------------------------------------------------

    def add(self, function: FunctionNode) -> None:
        if function not in self.live:
            self.live[function] = None
            self.changed = True

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

    def give(self, variable: Variable, atoms: Atoms) -> None:
        """Add to what a variable can hold."""
        known = self.variables.setdefault(variable, set())
        self._grow(known, atoms)

    def parameter(self, function: FunctionNode, arg: ast.arg) -> Variable:
        return Variable(self.view.scopes.own[function], arg.arg)

    def atoms(self, node: ast.AST) -> Atoms:
        """What an expression was seen to be."""
        return self.memo.get(node, set())

    def elements(self, atoms: Atoms) -> Atoms:
        """What comes out when one of these is iterated."""
        found: Atoms = set()
        for atom in atoms:
            if isinstance(atom, Held):
                if atom.site.kind == "dict":
                    found.add(ARRAY)
                else:
                    found |= atom.site.elements()
            elif atom is COTANGENT_ARRAY:
                found.add(ARRAY)
            elif atom in (ARRAY, PLAIN, UNKNOWN, TANGENT):
                found.add(atom)
        return found

    def elements_of_mapping(self, node: ast.expr) -> Atoms:
        """The values that `**node` brings."""
        found: Atoms = set()
        for atom in self.atoms(node):
            if isinstance(atom, Held):
                found |= atom.site.elements()
            else:
                found.add(atom)
        return found

    def _grow(self, known: Atoms, atoms: Iterable[Atom]) -> None:
        before = len(known)
        known.update(atoms)
        if len(known) != before:
            self.changed = True

    def _site(self, node: ast.AST, kind: str, tag: str = "") -> Site:
        key = (node, kind + tag)
        if key not in self.sites:
            self.sites[key] = Site(node, kind)
            self.changed = True
        return self.sites[key]

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
            self._grow(result, self.value(function.body))
            return
        self._block(function.body, function)
        if function not in self.yields and falls_through(function.body):
            self._grow(result, {Nothing(function, "fall")})

    # ---- statements ----------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], function: FunctionNode) -> None:
        for statement in body:
            self._statement(statement, function)

    def _statement(self, node: ast.stmt, function: FunctionNode) -> None:
        match node:
            case ast.Return(value=None):
                self._grow(self.returns[function], {Nothing(node, "return")})
            case ast.Return(value=ast.expr() as value):
                self._grow(self.returns[function], self.value(value))
            case ast.Assign(targets=targets, value=value):
                atoms = self.value(value)
                for target in targets:
                    self.assign(target, atoms)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.AugAssign():
                self._augmented(node)
            case ast.For() | ast.AsyncFor():
                self.assign(node.target, self.elements(self.value(node.iter)))
                self._block(node.body, function)
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
                self.give(variable, {UNKNOWN} if node.decorator_list else {Function(node)})
            case ast.ClassDef():
                variable = self.view.scopes.variable(node.name, self.view.scopes.around[node])
                self.give(variable, {PLAIN})
            case ast.Expr(value=value):
                self.value(value, function)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr) and not isinstance(node, ast.Delete):
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
                    self._grow(atom.site.rest, self.elements(value))
            if any(isinstance(a, Held) and a.site.kind == "tuple" for a in before | value):
                site = self._site(node, "tuple")
                self._grow(site.rest, self.elements(before) | self.elements(value))
                self.assign(node.target, {Held(site)})
            return
        if isinstance(node.op, ast.BitOr) and any(isinstance(a, Held) for a in before):
            for atom in before:
                if isinstance(atom, Held):
                    self._update(atom.site, value)
            return
        self.assign(node.target, self._arithmetic(node, node.op, before, value), store=False)

    def _load_target(self, target: ast.expr) -> Atoms:
        match target:
            case ast.Name():
                return set(self.variables.get(self.view.scopes.of(target), set()))
            case ast.Subscript(value=base, slice=index):
                return self._subscript(self.value(base), index)
            case ast.Attribute(value=base):
                return self._attribute(self.value(base), target.attr)
        return set()

    def assign(self, target: ast.expr, atoms: Atoms, store: bool = True) -> None:
        """Bind a target to what it is given."""
        match target:
            case ast.Name():
                self.give(self.view.scopes.of(target), atoms)
                self.memo.setdefault(target, set()).update(atoms)
            case ast.Starred(value=inner):
                site = self._site(target, "list")
                self._grow(site.rest, atoms)
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
            self._grow(site.rest, self.elements(atoms))
        elif site.kind == "dict" and isinstance(index, ast.Constant):
            self._grow(site.by_key.setdefault(index.value, set()), atoms)
        else:
            self._grow(site.rest, atoms)

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

    def value(self, node: ast.expr, function: FunctionNode | None = None) -> Atoms:
        """Run an expression, and remember what it can be."""
        found = self._value(node, function)
        self.memo.setdefault(node, set()).update(found)
        return found

    def _value(self, node: ast.expr, function: FunctionNode | None) -> Atoms:
        match node:
            case ast.Constant(value=None):
                return {Nothing(node)}
            case ast.Constant() | ast.JoinedStr() | ast.FormattedValue():
                for child in ast.walk(node):
                    if isinstance(child, ast.expr) and child is not node:
                        self.memo.setdefault(child, set())
                if isinstance(node, ast.JoinedStr):
                    for part in node.values:
                        if isinstance(part, ast.FormattedValue):
                            self.value(part.value)
                return {ARRAY}
            case ast.Name():
                return self._name(node)
            case ast.Attribute(value=base, attr=attr):
                if self.view.legacy.meaning(node) is not None:
                    return {PLAIN}
                if self._is_numeric_function(node):
                    return {NUMERIC}
                return self._attribute(self.value(base), attr)
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
            case ast.Call():
                return self.call(node)
            case ast.Yield() | ast.YieldFrom():
                return self._yield(node)
            case ast.Slice():
                self._bounds(node)
                return {ARRAY}
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return {UNKNOWN}

    def _bounds(self, node: ast.Slice) -> None:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.value(part)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Atoms:
        function = self.view.scopes.enclosing(node, ast.FunctionDef, ast.Lambda)
        if isinstance(function, (ast.FunctionDef, ast.Lambda)):
            site = self._site(function, "iterator")
            self.yields[function] = site
            if node.value is not None:
                atoms = self.value(node.value)
                inner = self.elements(atoms) if isinstance(node, ast.YieldFrom) else atoms
                self._grow(site.rest, inner)
        return {PLAIN}

    def _name(self, node: ast.Name) -> Atoms:
        if self.view.legacy.meaning(node) is not None:
            return {PLAIN}
        if self._is_numeric_function(node):
            return {NUMERIC}
        variable = self.view.scopes.of(node)
        known = self.variables.get(variable)
        if variable.scope is None:
            return {PLAIN}
        if variable.scope.node in self.live or self._in_comprehension(variable):
            return set(known or ())
        definition = self.view.definitions.get(variable)
        if definition is not None and definition not in self.opaque:
            return {Function(definition)}
        return {PLAIN}

    def _is_numeric_function(self, node: ast.expr) -> bool:
        imported = self.view.imported_name(node)
        if imported is None or not self.view.is_numeric(imported[0]):
            return False
        last = imported[1].rpartition(".")[2]
        return last not in SEVERAL_RESULTS and last not in CONSTANTS and last.islower()

    def _in_comprehension(self, variable: Variable) -> bool:
        return variable.scope is not None and variable.scope.kind == "comprehension"

    def _attribute(self, base: Atoms, attr: str) -> Atoms:
        found: Atoms = set()
        for atom in base:
            if atom is TANGENT:
                found.add(ARRAY if attr in ARRAY_ATTRIBUTES else TANGENT)
            elif atom in (ARRAY, COTANGENT_ARRAY):
                found.add(ARRAY)
            else:
                found.add(UNKNOWN if atom is UNKNOWN else PLAIN)
        return found

    def _subscript(self, base: Atoms, index: ast.expr, node: ast.expr | None = None) -> Atoms:
        found: Atoms = set()
        for atom in base:
            if isinstance(atom, Held):
                found |= self._item(atom.site, index, node)
            elif atom is COTANGENT_ARRAY:
                found.add(ARRAY)
            elif atom in (ARRAY, PLAIN, UNKNOWN, TANGENT):
                found.add(atom)
        return found

    def _item(self, site: Site, index: ast.expr, node: ast.expr | None) -> Atoms:
        if isinstance(index, ast.Slice):
            if node is None:
                return set()
            part = self._site(node, site.kind)
            self._grow(part.rest, site.elements())
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
            site = self._site(node, kind)
            if isinstance(op, ast.BitOr):
                for side in (left, right):
                    self._update(site, side)
            elif isinstance(op, ast.Add):
                self._concatenate(site, left, right)
            else:
                for atom in containers:
                    self._grow(site.rest, atom.site.elements())
                self._repeat(site, node, containers)
            return {Held(site)}
        both = left | right
        if isinstance(op, ast.Add) and (UNKNOWN in both) and not both & {ARRAY, COTANGENT_ARRAY}:
            return {UNKNOWN}
        if both and both <= {UNKNOWN} and isinstance(op, ast.Mult):
            return {UNKNOWN}
        if both and all(a is TANGENT for a in both):
            return {TANGENT}
        return {ARRAY}

    def _concatenate(self, site: Site, left: Atoms, right: Atoms) -> None:
        sides = [next(iter(s)) if len(s) == 1 else None for s in (left, right)]
        parts = [s.site if isinstance(s, Held) else None for s in sides]
        if all(p is not None and p.exact is not None and not p.rest for p in parts):
            exact = [e for p in parts if p is not None for e in p.exact or ()]
            self._set_exact(site, exact)
            return
        self._grow(site.rest, self.elements(left) | self.elements(right))

    def _repeat(self, site: Site, node: ast.AST, containers: list[Held]) -> None:
        if not isinstance(node, ast.BinOp) or len(containers) != 1:
            return
        count = constant_index(node.right)
        if count is None:
            count = constant_index(node.left)
        exact = containers[0].site.exact
        if count is not None and 0 <= count <= 64 and exact is not None:
            if not containers[0].site.rest:
                self._set_exact(site, [set(e) for e in exact] * count)

    def _set_exact(self, site: Site, exact: list[Atoms]) -> None:
        if site.inexact:
            for atoms in exact:
                self._grow(site.rest, atoms)
        elif site.exact is None:
            site.exact = [set(e) for e in exact]
            self.changed = True
        elif len(site.exact) != len(exact):
            self._forget_exact(site)
            self._set_exact(site, exact)
        else:
            for known, atoms in zip(site.exact, exact, strict=True):
                self._grow(known, atoms)

    def _display(self, node: ast.Tuple | ast.List | ast.Set) -> Site:
        kind = type(node).__name__.lower()
        site = self._site(node, kind)
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
                self._grow(site.rest, self.elements(inner)) if exact is None else None
            elif exact is not None:
                exact.append(atoms)
            else:
                self._grow(site.rest, atoms)
        if exact is not None and (kind == "tuple" or kind == "list"):
            self._set_exact(site, exact)
        else:
            self._forget_exact(site)
            for elt in node.elts:
                if not isinstance(elt, ast.Starred):
                    self._grow(site.rest, self.atoms(elt))
        return site

    def _dict_display(self, node: ast.Dict) -> Site:
        site = self._site(node, "dict")
        for key, value in zip(node.keys, node.values, strict=True):
            atoms = self.value(value)
            if key is None:
                self._update(site, atoms)
                continue
            self.value(key)
            if isinstance(key, ast.Constant):
                self._grow(site.by_key.setdefault(key.value, set()), atoms)
            else:
                self._grow(site.rest, atoms)
        return site

    def _update(self, site: Site, atoms: Atoms) -> None:
        """What `site.update(x)` or `{**x}` brings."""
        for atom in atoms:
            if isinstance(atom, Held) and atom.site.kind == "dict":
                for key, inner in atom.site.by_key.items():
                    self._grow(site.by_key.setdefault(key, set()), inner)
                self._grow(site.rest, atom.site.rest)
            elif isinstance(atom, Held):
                for pair in atom.site.elements():
                    if isinstance(pair, Held):
                        exact = pair.site.exact
                        self._grow(site.rest, exact[1] if exact and len(exact) == 2 else pair.site.rest)
            elif atom in (TANGENT, PLAIN, UNKNOWN):
                self._grow(site.rest, {atom})

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Atoms:
        for generator in node.generators:
            self.assign(generator.target, self.elements(self.value(generator.iter)))
            for condition in generator.ifs:
                self.value(condition)
        kinds = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}
        site = self._site(node, kinds.get(type(node), "iterator"))
        if isinstance(node, ast.DictComp):
            self.value(node.key)
            self._grow(site.rest, self.value(node.value))
        else:
            self._grow(site.rest, self.value(node.elt))
        return {Held(site)}

    # ---- calls ---------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Atoms:
        arguments = [self.value(a) for a in node.args]
        keywords = {k.arg: self.value(k.value) for k in node.keywords}
        meaning = self.view.legacy.meaning(node.func)
        if meaning is not None:
            return self._legacy_call(meaning, node, arguments)
        if isinstance(node.func, ast.Name):
            variable = self.view.scopes.of(node.func)
            if variable.scope is None:
                return self._builtin(node.func.id, node, arguments, keywords)
        imported = self.view.imported_name(node.func)
        if imported is not None:
            known = self._imported_call(imported, node, arguments)
            if known is not None:
                return known
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, arguments, keywords)
        return self.apply(self.value(node.func), node, arguments, keywords)

    def apply(
        self,
        callees: Atoms,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms] | None = None,
        starred: bool | None = None,
    ) -> Atoms:
        """Call one of these with those arguments."""
        found: Atoms = set()
        if starred is None:
            starred = any(isinstance(a, ast.Starred) for a in node.args)
        for callee in callees:
            if isinstance(callee, Function):
                found |= self._call_function(callee.node, node, arguments, keywords or {}, starred)
            elif isinstance(callee, Bound):
                target, before, named = self.bound[callee.node]
                given = [self.atoms(b) for b in before]
                both = {k.arg: self.atoms(k.value) for k in named} | (keywords or {})
                more = any(isinstance(b, ast.Starred) for b in before)
                found |= self.apply(target, node, given + arguments, both, starred or more)
            elif isinstance(callee, Back):
                site = self._site(node, "tuple", "result")
                site.gradients = callee.kind
                self._grow(site.rest, {TANGENT})
                found.add(Held(site))
            elif callee is NUMERIC:
                found.add(ARRAY)
            elif not isinstance(callee, Nothing):  # None cannot be called
                found.add(UNKNOWN)
        return found

    def _call_function(
        self,
        function: FunctionNode,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
        starred: bool,
    ) -> Atoms:
        self.add(function)
        callers = self.callers.setdefault(function, [])
        if node not in callers:
            callers.append(node)
        parameters = positional_parameters(function.args)
        if starred:
            everything: Atoms = set()
            for atoms, given in zip(arguments, node.args, strict=False):
                everything |= self.elements(atoms) if isinstance(given, ast.Starred) else atoms
            for arg in parameters:
                self.give(self.parameter(function, arg), everything)
            extra = everything
        else:
            for arg, atoms in zip(parameters, arguments, strict=False):
                self.give(self.parameter(function, arg), atoms)
            extra = set().union(*arguments[len(parameters) :]) if arguments else set()
        if function.args.vararg is not None and extra:
            site = self._site(function, "tuple", "varargs")
            self._grow(site.rest, extra)
            self.give(self.parameter(function, function.args.vararg), {Held(site)})
        elif function.args.vararg is not None:
            site = self._site(function, "tuple", "varargs")
            self.give(self.parameter(function, function.args.vararg), {Held(site)})
        names = {a.arg: a for a in all_parameters(function.args)}
        for name, atoms in keywords.items():
            if name is None:
                for arg in names.values():
                    self.give(self.parameter(function, arg), self.elements(atoms))
            elif name in names:
                self.give(self.parameter(function, names[name]), atoms)
        if function in self.yields:
            return {Held(self.yields[function])}
        return self._returned(function)

    def _returned(self, function: FunctionNode) -> Atoms:
        found = set(self.returns.get(function, set()))
        if self.view.editable(function):
            return found
        # Nothing inside a function that stays as it is can be changed, so its Nones and its containers stay legacy.
        kept: Atoms = set()
        for atom in found:
            kept.add(UNKNOWN if isinstance(atom, (Nothing, Held)) else atom)
        return kept

    def _legacy_call(self, meaning: str, node: ast.Call, arguments: list[Atoms]) -> Atoms:
        if meaning in ("pullback", "_pullback"):
            pair = self._site(node, "tuple")
            self._set_exact(pair, [{PLAIN}, {Back("args" if meaning == "pullback" else "all", node)}])
            return {Held(pair)}
        if meaning == "gradient":
            site = self._site(node, "tuple", "result")
            site.gradients = "args"
            self._grow(site.rest, {TANGENT})
            return {Held(site)}
        if meaning == "accum":
            found: Atoms = set()
            for given, atoms in zip(node.args, arguments, strict=True):
                found |= self.elements(atoms) if isinstance(given, ast.Starred) else atoms
            return found
        if meaning == "hook" and len(arguments) == 2:
            for callee in arguments[0]:
                if isinstance(callee, Function):
                    self.apply({callee}, node, [{TANGENT}], None, False)
            return arguments[1]
        if meaning == "ignore" and len(arguments) == 1:
            return self.apply(arguments[0], node, [], None, False)
        if meaning == "dropgrad" and arguments:
            return arguments[0]
        if meaning in ("literal_getproperty", "literal_getfield") and arguments:
            return {TANGENT} if TANGENT in arguments[0] else {PLAIN}
        return {PLAIN}

    def _imported_call(
        self, dotted: tuple[str, str], node: ast.Call, arguments: list[Atoms]
    ) -> Atoms | None:
        module, name = dotted
        if self.view.is_numeric(module):
            for callee in set().union(*arguments) if arguments else set():
                if isinstance(callee, Function):  # np.vectorize(f), np.apply_along_axis(f, …)
                    self.apply({callee}, node, [{ARRAY}], None, True)
            return {UNKNOWN} if name.rpartition(".")[2] in SEVERAL_RESULTS else {ARRAY}
        last = name.rpartition(".")[2]
        if module == "functools" and last == "partial" and node.args:
            self.bound[node] = (arguments[0], node.args[1:], node.keywords)
            return {Bound(node)}
        if module == "functools" and last == "reduce" and len(arguments) >= 2:
            items = self.elements(arguments[1])
            start = arguments[2] if len(arguments) > 2 else set()
            result = items | start | self.memo.get(node, set())
            return result | self.apply(arguments[0], node, [result, items], None, False)
        if module == "itertools" and last in ("chain", "chain.from_iterable", "from_iterable"):
            site = self._site(node, "iterator")
            for given, atoms in zip(node.args, arguments, strict=True):
                inner = self.elements(atoms)
                if isinstance(given, ast.Starred) or name.endswith("from_iterable"):
                    inner = self.elements(inner)
                self._grow(site.rest, inner)
            return {Held(site)}
        if module == "itertools" and last in ("repeat", "islice", "cycle", "accumulate", "takewhile"):
            site = self._site(node, "iterator")
            if last == "repeat":
                self._grow(site.rest, arguments[0])
            else:
                self._grow(site.rest, set().union(*[self.elements(a) for a in arguments]))
            return {Held(site)}
        if module == "itertools" and last == "zip_longest":
            return self._zip(node, arguments, {Nothing(node, "zip")})
        if module == "copy" and last in ("copy", "deepcopy") and arguments:
            return arguments[0]
        if module == "operator":
            return {TANGENT} if any(TANGENT in a for a in arguments) else {ARRAY}
        if module == "types" and last == "MappingProxyType" and arguments:
            return arguments[0]
        if module == "collections" and last in ("OrderedDict", "defaultdict"):
            site = self._site(node, "dict")
            for atoms in arguments:
                self._update(site, atoms)
            for keyword in node.keywords:
                self._grow(site.by_key.setdefault(keyword.arg, set()), self.atoms(keyword.value))
            return {Held(site)}
        if module == "collections" and last == "deque":
            site = self._site(node, "list")
            for atoms in arguments[:1]:
                self._grow(site.rest, self.elements(atoms))
            return {Held(site)}
        return None

    def _zip(self, node: ast.Call, arguments: list[Atoms], extra: Atoms) -> Atoms:
        outer = self._site(node, "iterator")
        starred = [isinstance(a, ast.Starred) for a in node.args]
        if any(starred) and len(starred) > 1:
            mixed = self._site(node, "tuple", "row")
            for star, atoms in zip(starred, arguments, strict=True):
                inner = self.elements(atoms)
                self._grow(mixed.rest, self.elements(inner) if star else inner)
            self._grow(mixed.rest, extra)
            self._grow(outer.rest, {Held(mixed)})
            return {Held(outer)}
        if any(starred):
            rows = self.elements(arguments[0])
            widths = {
                len(r.site.exact)
                for r in rows
                if isinstance(r, Held) and r.site.exact is not None and not r.site.rest
            }
            exactly = len(widths) == 1 and all(
                isinstance(r, Held) and r.site.exact is not None and not r.site.rest for r in rows
            )
            if exactly:
                width = widths.pop()
                columns: list[Atoms] = []
                for number in range(width):
                    column = self._site(node, "tuple", f"column{number}")
                    for row in rows:
                        if isinstance(row, Held) and row.site.exact is not None:
                            self._grow(column.rest, row.site.exact[number])
                    columns.append({Held(column)})
                self._set_exact(outer, columns)
            else:
                column = self._site(node, "tuple", "columns")
                self._grow(column.rest, self.elements(rows))
                self._grow(outer.rest, {Held(column)})
                self._forget_exact(outer)
            return {Held(outer)}
        row_site = self._site(node, "tuple", "row")
        self._set_exact(row_site, [self.elements(a) | extra for a in arguments])
        self._grow(outer.rest, {Held(row_site)})
        return {Held(outer)}

    def _builtin(
        self,
        name: str,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        first = arguments[0] if arguments else set()
        if name in ("tuple", "list", "set", "frozenset", "sorted", "iter", "reversed"):
            kind = {"tuple": "tuple", "list": "list", "sorted": "list"}.get(name, "iterator")
            site = self._site(node, "set" if "set" in name else kind)
            single = next(iter(first)) if len(first) == 1 else None
            exact = single.site.exact if isinstance(single, Held) else None
            if exact is not None and isinstance(single, Held) and not single.site.rest:
                if name in ("tuple", "list", "reversed"):
                    self._set_exact(site, list(reversed(exact)) if name == "reversed" else exact)
                    return {Held(site)}
            if not arguments and name in ("tuple", "list"):
                self._set_exact(site, [])
            if arguments and name in ("tuple", "list", "reversed"):
                self._forget_exact(site)
            self._grow(site.rest, self.elements(first))
            return {Held(site)}
        if name == "dict":
            site = self._site(node, "dict")
            for atoms in arguments:
                self._update(site, atoms)
            for key, atoms in keywords.items():
                if key is None:
                    self._update(site, atoms)
                else:
                    self._grow(site.by_key.setdefault(key, set()), atoms)
            return {Held(site)}
        if name == "zip":
            return self._zip(node, arguments, set())
        if name == "enumerate":
            outer, row = self._site(node, "iterator"), self._site(node, "tuple", "row")
            self._set_exact(row, [{ARRAY}, self.elements(first)])
            self._grow(outer.rest, {Held(row)})
            return {Held(outer)}
        if name == "map" and arguments:
            site = self._site(node, "iterator")
            inner = [self.elements(a) for a in arguments[1:]]
            starred = any(isinstance(a, ast.Starred) for a in node.args)
            if starred:
                inner = [set().union(*[self.elements(i) | i for i in inner])]
            self._grow(site.rest, self.apply(first, node, inner, None, starred))
            return {Held(site)}
        if name == "filter" and len(arguments) == 2:
            site = self._site(node, "iterator")
            self._grow(site.rest, self.elements(arguments[1]))
            self.apply({a for a in first if isinstance(a, Function)}, node, [self.elements(arguments[1])], None, False)
            return {Held(site)}
        if name == "next":
            return self.elements(first) | (arguments[1] if len(arguments) > 1 else set())
        if name == "sum":
            inner_all = self.elements(first)
            if any(isinstance(a, Held) for a in inner_all):
                site = self._site(node, "tuple")
                self._grow(site.rest, self.elements(inner_all))
                return {Held(site)}
            return {TANGENT} if TANGENT in inner_all else {ARRAY}
        if name in ("max", "min"):
            found = set(first) if len(arguments) > 1 else self.elements(first)
            for atoms in arguments[1:]:
                found |= atoms
            for callee in keywords.get("key", set()):
                if isinstance(callee, Function):
                    self.apply({callee}, node, [self.elements(first) | first], None, False)
            return {a for a in found if not isinstance(a, Nothing)} or {ARRAY}
        if name == "range":
            site = self._site(node, "iterator")
            self._grow(site.rest, {ARRAY})
            return {Held(site)}
        if name == "getattr" and len(arguments) >= 2:
            return self._attribute(first, "?") | (arguments[2] if len(arguments) > 2 else set())
        if name in SCALAR_BUILTINS:
            for callee in first:
                if isinstance(callee, Function) and name not in ("callable", "id", "isinstance"):
                    self.apply({callee}, node, [], None, False)
            return {ARRAY}
        if name in ("vars", "globals", "locals", "dir"):
            return {PLAIN}
        return {UNKNOWN}

    def _method(
        self,
        node: ast.Call,
        func: ast.Attribute,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        name = func.attr
        if isinstance(func.value, ast.Name) and self.view.scopes.of(func.value).scope is None:
            if func.value.id == "dict" and name == "fromkeys" and arguments:
                site = self._site(node, "dict")
                given = arguments[1] if len(arguments) > 1 else {Nothing(node, "fromkeys")}
                self._grow(site.rest, given)
                return {Held(site)}
        base = self.value(func.value)
        found: Atoms = set()
        for atom in base:
            if isinstance(atom, Held):
                found |= self._container_method(atom.site, name, node, arguments, keywords)
            elif atom is TANGENT:
                found |= self._tangent_method(name, node, arguments)
            elif atom in (ARRAY, COTANGENT_ARRAY):
                found.add(UNKNOWN if name == "tolist" else ARRAY)
            elif atom is PLAIN:
                found.add(self._plain_method(name))
            else:
                found.add(UNKNOWN)
        return found

    def _plain_method(self, name: str) -> Atom:
        return ARRAY if name in ARRAY_METHODS or name in ("copy", "format", "join") else UNKNOWN

    def _tangent_method(self, name: str, node: ast.Call, arguments: list[Atoms]) -> Atoms:
        if name == "get":
            return {TANGENT} | (arguments[1] if len(arguments) > 1 else set())
        if name in ("items", "values", "keys"):
            # Only the keys that were given are there: fine one by one, not where positions count.
            part: Atoms = {TANGENT} if iterated_alone(node, self.view.scopes) else {UNKNOWN}
            outer = self._site(node, "iterator")
            if name == "items":
                row = self._site(node, "tuple", "row")
                self._set_exact(row, [{ARRAY}, part])
                self._grow(outer.rest, {Held(row)})
            else:
                self._grow(outer.rest, part if name == "values" else {ARRAY})
            return {Held(outer)}
        return {ARRAY} if name in ARRAY_METHODS else {UNKNOWN}

    def _container_method(
        self,
        site: Site,
        name: str,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        first = arguments[0] if arguments else set()
        if name in ("append", "appendleft", "add"):
            self._grow(site.rest, first)
            self._forget_exact(site)
            return {ARRAY}
        if name in ("extend", "extendleft"):
            self._grow(site.rest, self.elements(first))
            self._forget_exact(site)
            return {ARRAY}
        if name == "insert" and len(arguments) == 2:
            self._grow(site.rest, arguments[1])
            self._forget_exact(site)
            return {ARRAY}
        if name == "update":
            for atoms in arguments:
                self._update(site, atoms)
            for key, atoms in keywords.items():
                if key is None:
                    self._update(site, atoms)
                else:
                    self._grow(site.by_key.setdefault(key, set()), atoms)
            return {ARRAY}
        if name == "setdefault":
            given = arguments[1] if len(arguments) > 1 else {Nothing(node, "get")}
            self._grow(site.rest, given)
            return site.elements()
        if name == "get":
            default = arguments[1] if len(arguments) > 1 else {Nothing(node, "get")}
            return (self._item(site, node.args[0], None) if node.args else set()) | default
        if name in ("pop", "popleft", "popitem"):
            more = arguments[1] if len(arguments) > 1 else set()
            return site.elements() | more
        if name == "items":
            outer, row = self._site(node, "iterator"), self._site(node, "tuple", "row")
            self._set_exact(row, [{ARRAY}, site.elements()])
            self._grow(outer.rest, {Held(row)})
            return {Held(outer)}
        if name == "values":
            inner = self._site(node, "iterator")
            self._grow(inner.rest, site.elements())
            return {Held(inner)}
        if name == "keys":
            inner = self._site(node, "iterator")
            self._grow(inner.rest, {ARRAY})
            return {Held(inner)}
        if name == "copy":
            return {Held(site)}
        if name in ("index", "count", "reverse", "sort", "clear", "remove", "discard"):
            self._forget_exact(site) if name in ("reverse", "sort") else None
            return {ARRAY}
        return {UNKNOWN}

    def _forget_exact(self, site: Site) -> None:
        if not site.inexact:
            site.inexact = True
            self.changed = True
        if site.exact is not None:
            for atoms in site.exact:
                self._grow(site.rest, atoms)
            site.exact = None


_BY_KEY = frozenset("dict sum any all max min set frozenset filter".split())


def iterated_alone(node: ast.expr, scopes: Scopes) -> bool:
    """Whether `dy.items()` is gone through for its own sake, and not beside something else by position."""
    parent = scopes.parents.get(node)
    match parent:
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return parent.iter is node
        case ast.Call(func=ast.Name(id=name)):
            return name in _BY_KEY
        case ast.Compare():
            return True
    return False


def constant_index(node: ast.expr) -> int | None:
    """The integer that a literal such as `2` or `-1` stands for."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def falls_through(body: list[ast.stmt]) -> bool:
    """Whether control can reach the end of a block."""
    return all(_continues(s) for s in body)


def _continues(node: ast.stmt) -> bool:
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return False
        case ast.If(body=body, orelse=orelse):
            return falls_through(body) or falls_through(orelse)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return falls_through(body)
        case ast.While(test=ast.Constant(value=True), body=body):
            return any(isinstance(n, ast.Break) for s in body for n in ast.walk(s))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            if finalbody and not falls_through(finalbody):
                return False
            main = falls_through(body) and falls_through(orelse)
            return main or any(falls_through(h.body) for h in handlers)
        case ast.Match(cases=cases):
            complete = any(
                isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None and c.guard is None
                for c in cases
            )
            return not complete or any(falls_through(c.body) for c in cases)
    return True
