"""Which structures tangents have: the rules are run once more,
over the shapes of the *legacy* language.

The data flow of `flow.py` knows a tangent only as such. Where it matters whether one may be a tuple
or a list (`d[0] + d[1]` joins them there, and adds them in the target language), this second run
tells: the cotangent of `(a, b)` is a tuple, that of a number is a number, the pullback of an AD
gives what its arguments are. An argument without an annotation counts as a number, a slice of one
is not known, and what is subtracted, divided or raised to a power somewhere is a number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.flow.flow import Flow
from migrate.dialects.zygote.flow.narrowing import denied_classes
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atom,
    Atoms,
    Bound,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.annotations import Annotation, last_part
from migrate.syntax.scopes import FunctionNode, Variable, positional_parameters

_DEPTH = 5
_SEQUENCES = frozenset({"tuple", "list"})
_NUMBERS = (ARRAY, COTANGENT_ARRAY)
_METHODS = frozenset({"staticmethod", "classmethod"})
_OF_NUMBERS = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)


def pairs_of(result: ast.expr, flow: Flow) -> Iterator[tuple[ast.expr | None, ast.expr]]:
    """The values and pullbacks that a rule's result may consist of."""
    match result:
        case ast.IfExp(body=body, orelse=orelse):
            yield from pairs_of(body, flow)
            yield from pairs_of(orelse, flow)
        case ast.Tuple(elts=[value, pullback]):
            yield value, pullback
        case _:
            for atom in flow.value(result):
                display = atom.site.node if isinstance(atom, Held) else None
                if isinstance(display, ast.Tuple) and len(display.elts) == 2:
                    yield display.elts[0], display.elts[1]


class Structures(Flow):
    """The run over shapes for one set of rules."""

    def __init__(self, view: ModuleView, rules: Iterable[Rule]) -> None:
        super().__init__(view, rewriting=False)
        self.rules = [r.function for r in rules if r.function is not None]
        self.numbers: set[Variable] = set()  # that are seen in arithmetic that only numbers have
        self._denied: dict[ast.Name, frozenset[str]] = {}
        for function in self.rules:
            self.add(function)
            self._seed(function)
        self.seeds.append(self._hand_out)

    def may_be_sequence(self, node: ast.expr) -> bool:
        """Whether a tangent there is seen to be a tuple or a list at times."""
        return any(_is_sequence(a) for a in self.found_at(node))

    def is_number(self, node: ast.expr) -> bool:
        """Whether it is seen to be a number or an array at times, and no container."""
        atoms = self.found_at(node)
        return any(a in _NUMBERS for a in atoms) and not any(isinstance(a, Held) for a in atoms)

    def is_array(self, node: ast.expr) -> bool:
        """Whether it is seen to be the tangent of an array, and not only taken for one."""
        atoms = self.found_at(node)
        return bool(atoms) and all(a is COTANGENT_ARRAY for a in atoms)

    def kinds_of(self, node: ast.expr) -> set[str] | None:
        """The structures that a value can have ("tuple", "list", "dict", "array"), or None where
        that is not seen; that a variable is subtracted somewhere is not enough to be a number."""
        found = set()
        for atom in super()._name(node) if isinstance(node, ast.Name) else self.atoms(node):
            kind = atom.site.kind if isinstance(atom, Held) else ""
            found.add("array" if atom in _NUMBERS else "dict" if kind == "named" else kind)
        return found if found and found <= {"tuple", "list", "dict", "array"} else None

    # ---- seeds ---------------------------------------------------------------------------

    def _seed(self, function: FunctionNode) -> None:
        for arg in positional_parameters(function.args):
            annotation = self.view.annotations.of(arg, function)
            self.give(self.parameter(function, arg), self._annotated(annotation, arg))
        for other in (*function.args.kwonlyargs, function.args.vararg, function.args.kwarg):
            if other is not None:
                self.give(self.parameter(function, other), {PLAIN})

    def _annotated(self, annotation: Annotation | None, where: ast.AST, depth: int = 0) -> Atoms:
        if annotation is None:
            return {PLAIN}
        if self.view.annotations.is_array_or_number(annotation):
            return {ARRAY}
        head = self.view.annotations.single_class(annotation)
        if isinstance(head, ast.Name) and head.id in ("tuple", "list", "dict"):
            site = self.site(where, head.id, "annotated")
            site.rest.add(PLAIN)
            return {Held(site)}
        definition = self.view.annotations.class_of(annotation)
        fields = None if definition is None else self.view.annotations.fields(definition)
        if definition is None or not fields or depth > _DEPTH:
            return {PLAIN}
        kind = "named" if _is_named_tuple(definition) else "dict"
        site = self.site(where, kind, f"fields of {definition.name}")
        scope = self.view.scopes.around[definition]
        for name, inner in fields.items():
            read = None if inner is None else self.view.annotations.read(inner, scope)
            atoms = self._annotated(read, inner or definition, depth + 1)
            site.by_key.setdefault(name, set()).update(atoms)
        return {Held(site)}

    def _hand_out(self) -> None:
        self._find_numbers()
        for function in self.rules:
            for result in self.view.returned(function):
                for value, pullback in pairs_of(result, self):
                    known = None if value is None else self._cotangent(self.value(value))
                    for atom in self.value(pullback):
                        self._give_cotangent(atom, known or {TANGENT})

    def _give_cotangent(self, atom: object, cotangent: Atoms) -> None:
        bound = 0
        functions = [atom.node] if isinstance(atom, Function) else []
        if isinstance(atom, Bound):
            targets, before, _ = self.bound[atom.node]
            bound = len(before)
            functions = [t.node for t in targets if isinstance(t, Function)]
            for function in functions:
                for arg, given in zip(positional_parameters(function.args), before, strict=False):
                    self.give(self.parameter(function, arg), self.atoms(given))
        for function in functions:
            self.add(function)
            parameters = positional_parameters(function.args)
            if bound < len(parameters):
                self.give(self.parameter(function, parameters[bound]), cotangent)

    def _find_numbers(self) -> None:
        for function in list(self.live):
            for node in self.view.nodes_of(function):
                match node:
                    case ast.BinOp(left=left, op=op, right=right):
                        parts = [left, right]
                        if isinstance(op, ast.Mult) and not any(map(_is_real, parts)):
                            continue
                        if not isinstance(op, (*_OF_NUMBERS, ast.Mult)):
                            continue
                    case ast.UnaryOp(op=ast.USub(), operand=operand):
                        parts = [operand]
                    case _:
                        continue
                for part in parts:
                    if isinstance(part, ast.Name):
                        self.numbers.add(self.view.variable_at(part))

    # ---- cotangents ----------------------------------------------------------------------

    def gradients_of(self, asked: ast.Call, kind: str) -> list[Atoms] | None:
        """What the pullback of an AD gives: the tangents of what the AD was called with."""
        if any(isinstance(a, ast.Starred) for a in asked.args):
            return None
        return [self._cotangent(self.atoms(a)) or {TANGENT} for a in asked.args[1:]]

    def value_of(self, arguments: list[Atoms], node: ast.Call) -> Atoms:
        """The value that an AD gives with its pullback: what the function gives."""
        return self.calls.apply(arguments[0], node, arguments[1:]) if arguments else {UNKNOWN}

    def _cotangent(self, atoms: Atoms, depth: int = 0) -> Atoms:
        """What the cotangent of one of these values can be."""
        found: Atoms = set()
        for atom in atoms:
            if isinstance(atom, Held) and atom.site.kind in ("tuple", "list", "dict", "named"):
                found.add(self._cotangent_of(atom.site, depth))
            elif atom in (UNKNOWN, TANGENT) or isinstance(atom, Held):
                found.add(TANGENT)
            elif atom is PLAIN:
                found.add(ARRAY)  # a number, as long as nothing speaks against it
            elif not isinstance(atom, Nothing):
                found.add(COTANGENT_ARRAY)
        return found

    def _cotangent_of(self, primal: Site, depth: int) -> Atom:
        if depth > _DEPTH:
            return TANGENT
        site = self.site(primal.node, primal.kind, "cotangent")
        for key, inner in primal.by_key.items():
            self.grow(site.by_key.setdefault(key, set()), self._cotangent(inner, depth + 1))
        self.grow(site.rest, self._cotangent(primal.rest, depth + 1))
        if primal.exact is not None:
            self.set_exact(site, [self._cotangent(e, depth + 1) for e in primal.exact])
        elif site.exact is not None:
            self.forget_exact(site)
        return Held(site)

    def outer(self, variable: Variable) -> Atoms:
        """What a variable of other code may hold: of a constant, what it is given."""
        constant = self.view.constant(variable)
        return {PLAIN} if constant is None else self.value(constant)

    # ---- expressions ---------------------------------------------------------------------

    def _name(self, node: ast.Name) -> Atoms:
        found = super()._name(node)
        if self.view.variable_at(node) in self.numbers:
            found = {ARRAY if a in (PLAIN, UNKNOWN, TANGENT) else a for a in found}
        if any(isinstance(a, Held) for a in found):
            if node not in self._denied:
                self._denied[node] = denied_classes(node, self.view.scopes)
            denied = self._denied[node]
            found = {a for a in found if not (isinstance(a, Held) and a.site.kind in denied)}
        return found

    def _call(self, node: ast.Call) -> Atoms:
        match node:
            case ast.Call(func=ast.Name() as called) if (made := self._made(called)) is not None:
                return self._instance(node, made)
            case ast.Call(func=ast.Attribute(value=base, attr=attr), args=args):
                method = self._method_of_class(base, attr)
                if method is not None:
                    given = [self.value(a) for a in args]
                    named = {k.arg: self.value(k.value) for k in node.keywords}
                    lead: list[Atoms] = [{PLAIN}] if _is_classmethod(method) else []
                    return self.calls.apply({Function(method)}, node, [*lead, *given], named)
        return super()._call(node)

    def _made(self, node: ast.Name) -> ast.ClassDef | None:
        """The class of the module that a name means; in a class method also `cls`."""
        only = self.view.plainly(self.view.scopes.of(node))
        if isinstance(only, ast.arg):
            method = self.view.scopes.enclosing(only, ast.FunctionDef, ast.Lambda)
            if isinstance(method, ast.FunctionDef) and _is_classmethod(method):
                if positional_parameters(method.args)[:1] == [only]:
                    only = self.view.scopes.around[method].node
        return only if isinstance(only, ast.ClassDef) else None

    def _instance(self, node: ast.Call, made: ast.ClassDef) -> Atoms:
        """`P(a, b)`: the fields by the parameters of `__init__`,
        or in the order of the annotations."""
        positional = [self.value(a) for a in node.args]
        named = {k.arg: self.value(k.value) for k in node.keywords}
        fields = self.view.annotations.fields(made)
        if not fields or None in named or any(isinstance(a, ast.Starred) for a in node.args):
            return {UNKNOWN}
        init = _defined_in(made, "__init__")
        order = list(fields)
        kept: dict[str, ast.expr | None] = dict.fromkeys(fields)
        if init is not None:
            order = [a.arg for a in positional_parameters(init.args)[1:]]
            kept = dict(_kept_by(init))
        given = dict(zip(order, positional, strict=False)) | named
        site = self.site(node, "named" if _is_named_tuple(made) else "dict", "instance")
        for field in fields:
            value = kept.get(field)
            name = value.id if isinstance(value, ast.Name) else field if init is None else None
            atoms = given.get(name, {PLAIN}) if name else set().union(*given.values())
            self.grow(site.by_key.setdefault(field, set()), atoms)
        return {Held(site)}

    def _method_of_class(self, base: ast.expr, attr: str) -> ast.FunctionDef | None:
        """`Shape.square`, a method of a class of the module, of any kind."""
        owner = self._made(base) if isinstance(base, ast.Name) else None
        found = None if owner is None else _defined_in(owner, attr, self.view.rule_functions)
        if found is None or {ast.unparse(d) for d in found.decorator_list} - _METHODS:
            return None
        return found

    def _subscript(self, base: Atoms, index: ast.expr, node: ast.expr | None = None) -> Atoms:
        found = super()._subscript(base - {PLAIN, COTANGENT_ARRAY}, index, node)
        if COTANGENT_ARRAY in base:
            found.add(COTANGENT_ARRAY)
        if PLAIN in base:
            part = index.value if isinstance(index, ast.Constant) else None
            found.add(UNKNOWN if isinstance(index, ast.Slice) or isinstance(part, str) else PLAIN)
        return found

    def attribute(self, base: Atoms, attr: str) -> Atoms:
        """What `p.attr` may be: of what is seen to have fields, that field."""
        found: Atoms = set()
        for atom in base:
            if isinstance(atom, Held) and atom.site.by_key:
                found |= atom.site.by_key.get(attr, set()) | atom.site.rest
            else:
                found |= {UNKNOWN} if atom is PLAIN else super().attribute({atom}, attr)
        return found

    def elements(self, atoms: Atoms) -> Atoms:
        """What comes out when one of these is iterated."""
        found = super().elements(atoms - {COTANGENT_ARRAY})
        return found | ({COTANGENT_ARRAY} if COTANGENT_ARRAY in atoms else set())


def _defined_in(
    owner: ast.ClassDef, name: str, rules: frozenset[ast.AST] = frozenset()
) -> ast.FunctionDef | None:
    """The method of that name that a class statement holds, rules aside."""
    for statement in owner.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            if statement not in rules:
                return statement
    return None


def _kept_by(init: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """The attributes that `__init__` assigns, with what they are given."""
    pending: list[tuple[ast.expr, ast.expr]] = []
    for node in ast.walk(init):
        if isinstance(node, ast.Assign):
            pending += [(t, node.value) for t in node.targets]
    for target, value in pending:
        match target, value:
            case ast.Attribute(attr=attr), _:
                yield attr, value
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, other in zip(targets, values, strict=True):
                    if isinstance(one, ast.Attribute):
                        yield one.attr, other


def _is_named_tuple(made: ast.ClassDef) -> bool:
    heads = [b.func if isinstance(b, ast.Call) else b for b in made.bases]
    return any(last_part(h) in ("NamedTuple", "namedtuple") for h in heads)


def _is_sequence(atom: Atom) -> bool:
    return isinstance(atom, Held) and atom.site.kind in _SEQUENCES


def _is_real(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (float, complex))


def _is_classmethod(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(d) == "classmethod" for d in method.decorator_list)
