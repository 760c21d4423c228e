"""Code that counts on a dict of tangents to have every key:
counters in loops over it, tests of its keys, `**d`.

The legacy cotangent of an object or a dict has all of its keys, `None` for the zero ones; a
`Tangent` those that were given. What comes to nothing for a zero is the same in both languages; all
else is bridged with its rule.
"""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.flow import leaves_nones_out
from migrate.dialects.zygote.flow.values import ARRAY, COTANGENT_ARRAY, TANGENT, Function, Held
from migrate.dialects.zygote.flow.vanishing import Vanishing
from migrate.dialects.zygote.in_place.cluster import Part
from migrate.dialects.zygote.verdicts import Undecided
from migrate.syntax.forms import is_none
from migrate.syntax.scopes import positional_parameters

_REASON = "it counts on a tangent to have every key"
_VIEWS = frozenset({"items", "values", "keys"})
_ORDERED = frozenset("sorted list tuple reversed set iter frozenset".split())
_ADDING = frozenset({"sum", "accum", "any"})
_HARMLESS = frozenset(
    "sum any dict isinstance issubclass bool type repr str print id hasattr callable".split()
)
_KEY_ERRORS = frozenset({"KeyError", "LookupError", "Exception", "BaseException"})


class EveryKey(Part):
    """Looks for it in a cluster."""

    def check(self, node: ast.AST) -> None:
        """Raise Undecided where a node counts on the keys of what may be a dict of tangents."""
        match node:
            case ast.For(iter=iterable) if self._keyed(iterable):
                self._loop(node, iterable)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                for generator in node.generators:
                    if self._keyed(generator.iter):
                        self._comprehension(node, generator)
            case ast.DictComp(value=value):
                for generator in node.generators:
                    if self._keyed(generator.iter) and not any(
                        map(leaves_nones_out, generator.ifs)
                    ):
                        if not self._vanishing(generator.target, generator.iter).expression(value):
                            raise Undecided(_REASON)
            case ast.Call():
                self._call(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                self._compare(node, left, op, right)
            case ast.Assign(targets=[ast.Tuple() | ast.List(), *_], value=value):
                if self._keyed(value):
                    raise Undecided(_REASON)
            case ast.Starred(value=value) if self._keyed(value):
                call = self.view.scopes.parents.get(node)
                if not (
                    isinstance(call, ast.Call) and self.view.legacy.meaning(call.func) == "accum"
                ):
                    raise Undecided(_REASON)
            case ast.Try(body=body, handlers=handlers):
                missing = [h for h in handlers if _catches_missing_keys(h)]
                if not all(map(_gives_nothing, missing)) and any(map(self._reads_key, body)):
                    raise Undecided("it tells by a KeyError which keys a tangent has")

    # ---- what is gone through ------------------------------------------------------------

    def _keyed(self, node: ast.expr) -> bool:
        """`d.items()`, `sorted(d)`, `d` itself where it is seen to be a dict."""
        match node:
            case ast.Call(func=ast.Attribute(value=base, attr=attr), args=[]) if attr in _VIEWS:
                return self._is_tangent(base) or self._is_copy(base)
            case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _ORDERED:
                return self._keyed(inner)
        return self.is_dict(node)

    def is_dict(self, node: ast.expr) -> bool:
        """Whether it is the cotangent of what is seen to be an object or a dict,
        or a copy of one."""
        if self._is_copy(node):
            return True
        if not self._is_tangent(node):
            return False
        atoms = self.cluster.structures.found_at(node)
        kinds = {a.site.kind if isinstance(a, Held) else "" for a in atoms}
        return "dict" in kinds and kinds <= {"dict", ""}

    def _is_tangent(self, node: ast.expr) -> bool:
        return bool(self.flow.found_at(node) & {TANGENT, COTANGENT_ARRAY})

    def _is_copy(self, node: ast.expr) -> bool:
        atoms = self.flow.found_at(node)
        return any(isinstance(a, Held) and a.site.kind == "dict" and a.site.copied for a in atoms)

    def _vanishing(self, target: ast.expr, iterable: ast.expr) -> Vanishing:
        """The names that hold a zero in one turn of a loop:
        the value, and the key where it is what is read by."""
        match iterable:
            case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in _ORDERED:
                return self._vanishing(target, inner)
            case ast.Call(func=ast.Attribute(value=base, attr="items")):
                if isinstance(target, ast.Tuple) and isinstance(target.elts[-1], ast.Name):
                    return Vanishing(self.view, {target.elts[-1].id}, ast.unparse(base))
                return Vanishing(self.view, set(), ast.unparse(base))
            case ast.Call(func=ast.Attribute(value=base, attr="values")):
                return Vanishing(self.view, {target.id} if isinstance(target, ast.Name) else set())
            case ast.Call(func=ast.Attribute(value=base, attr="keys")):
                iterable = base
        found = Vanishing(self.view, set(), ast.unparse(iterable))
        if isinstance(target, ast.Name):
            found.keys.add(target.id)
        return found

    def _loop(self, node: ast.For, iterable: ast.expr) -> None:
        if node.orelse or not self._vanishing(node.target, iterable).block(node.body, node):
            raise Undecided(_REASON)
        for inner in ast.walk(node):
            match inner:
                case ast.Call(func=ast.Attribute(value=ast.Name() as out, attr="append")):
                    if not (self._is_guarded(inner, node) or self._is_list_read_evenly(out)):
                        raise Undecided(_REASON)

    def _is_guarded(self, node: ast.AST, loop: ast.For) -> bool:
        """Whether it stands under `if v is not None`, or behind `if v is None: continue`."""
        vanishing = self._vanishing(loop.target, loop.iter)
        inner: ast.AST = node
        for outer in self.view.scopes.ancestors(node):
            if isinstance(outer, ast.If) and inner is not outer.test:
                answer = vanishing.test(outer.test)
                if answer is not None and answer is not (inner in outer.body):
                    return True
            if outer is loop:
                before = loop.body[: loop.body.index(inner)] if inner in loop.body else []
                return any(
                    isinstance(s, ast.If)
                    and vanishing.test(s.test) is True
                    and any(isinstance(c, ast.Continue) for c in s.body)
                    for s in before
                )
            inner = outer
        return False

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, generator: ast.comprehension
    ) -> None:
        if any(map(leaves_nones_out, generator.ifs)):
            return
        consumer = self.view.scopes.parents.get(node)
        if isinstance(consumer, ast.Starred):
            consumer = self.view.scopes.parents.get(consumer)
        vanishing = self._vanishing(generator.target, generator.iter)
        if isinstance(consumer, ast.Call):
            name = getattr(consumer.func, "id", "")
            if name == "all":
                if vanishing.test(node.elt) is True:
                    return
            elif name in _ADDING or self.view.legacy.meaning(consumer.func) == "accum":
                if vanishing.expression(node.elt):
                    return
        if isinstance(consumer, ast.Assign) and vanishing.expression(node.elt):
            if all(map(self._is_list_read_evenly, consumer.targets)):
                return
        raise Undecided(_REASON)

    def _is_list_read_evenly(self, target: ast.expr) -> bool:
        """Whether it does not matter how many zeros a list in a variable holds."""
        if not isinstance(target, ast.Name):
            return False
        uses = self.view.scopes.uses.get(self.view.scopes.of(target), [])
        return all(isinstance(u.ctx, ast.Store) or self._reads_evenly(u) for u in uses)

    def _reads_evenly(self, use: ast.Name) -> bool:
        parent = self.view.scopes.parents.get(use)
        if isinstance(parent, ast.Starred):
            parent = self.view.scopes.parents.get(parent)
        match parent:
            case ast.Attribute(attr="append" | "extend"):
                return True
            case ast.If() | ast.While() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.IfExp(test=test):
                return test is use
            case ast.Call(func=function):
                return getattr(function, "id", "") in ("sum", "any") or (
                    self.view.legacy.meaning(function) == "accum"
                )
            case ast.For(target=target, body=body):
                names = {target.id} if isinstance(target, ast.Name) else set()
                return Vanishing(self.view, names).block(body, parent)
            case ast.comprehension(target=target, ifs=ifs):
                whole = self.view.scopes.parents.get(parent)
                consumer = self.view.scopes.parents.get(whole) if whole is not None else None
                if any(map(leaves_nones_out, ifs)):
                    return True
                names = {target.id} if isinstance(target, ast.Name) else set()
                adds = isinstance(consumer, ast.Call) and (
                    getattr(consumer.func, "id", "") in ("sum", "any")
                )
                elt = getattr(whole, "elt", None)
                return adds and elt is not None and Vanishing(self.view, names).expression(elt)
        return False

    # ---- what is asked -------------------------------------------------------------------

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        builtin = self.view.scopes.is_unbound(node.func)
        parent = self.view.scopes.parents.get(node)
        for argument in node.args:
            if isinstance(argument, ast.Starred) or not self._keyed(argument):
                continue
            if builtin and (name in _HARMLESS or isinstance(parent, ast.Raise)):
                continue
            if builtin and name in _ORDERED and isinstance(parent, (ast.For, ast.comprehension)):
                continue  # asked for the loop
            if builtin and name == "filter" and is_none(node.args[0]):
                continue
            receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
            atoms = set() if receiver is None else self.flow.atoms(receiver)
            known = bool(atoms) and atoms <= {ARRAY, COTANGENT_ARRAY}
            if builtin or known or not self.is_dict(argument):
                raise Undecided(_REASON)
        for keyword in node.keywords:
            if keyword.arg is None and (
                self._is_tangent(keyword.value) or self._is_copy(keyword.value)
            ):
                self._unpacked(node)

    def _unpacked(self, node: ast.Call) -> None:
        """`f(**d)`: what is missing takes the default, which must be None."""
        if isinstance(node.func, ast.Name) and node.func.id == "dict":
            return
        for atom in self.flow.atoms(node.func):
            if not isinstance(atom, Function):
                raise Undecided(_REASON)
            arguments = atom.node.args
            parameters = positional_parameters(arguments)[len(node.args) :]
            named = {k.arg for k in node.keywords}
            defaults = arguments.defaults
            late = parameters[: max(0, len(parameters) - len(defaults))]
            if any(p.arg not in named for p in late) or not all(
                is_none(d) for d in (*defaults, *arguments.kw_defaults) if d is not None
            ):
                raise Undecided(_REASON)

    def _compare(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> None:
        if isinstance(op, (ast.In, ast.NotIn)):
            keyed = self._keyed(right) or (self._is_tangent(right) and not self._is_sequence(right))
            if keyed and not is_none(left) and not self._is_guard(node, left, right):
                raise Undecided(_REASON)
        elif isinstance(op, (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
            for one in (left, right):
                if self._keyed(one):
                    raise Undecided(_REASON)

    def _is_sequence(self, node: ast.expr) -> bool:
        """Whether it is seen to be a tuple, a list or an array,
        in which `in` asks for an element."""
        atoms = self.cluster.structures.found_at(node)
        return bool(atoms) and all(
            a in (ARRAY, COTANGENT_ARRAY) or (isinstance(a, Held) and a.site.kind != "dict")
            for a in atoms
        )

    def _is_guard(self, node: ast.Compare, key: ast.expr, container: ast.expr) -> bool:
        """`k in d and d[k] is not None`: a zero is passed over in both languages."""
        parent = self.view.scopes.parents.get(node)
        read = f"{ast.unparse(container)}[{ast.unparse(key)}]"
        asked = f"{ast.unparse(container)}.get({ast.unparse(key)})"
        if not isinstance(node.ops[0], ast.In):
            return False
        if isinstance(parent, ast.IfExp):
            nothing = Vanishing(self.view, set()).expression(parent.orelse)
            return nothing and ast.unparse(parent.body) == read
        return (
            isinstance(parent, ast.BoolOp)
            and isinstance(parent.op, ast.And)
            and any(
                isinstance(v, ast.Compare)
                and ast.unparse(v.left) in (read, asked)
                and isinstance(v.ops[0], (ast.IsNot, ast.NotEq))
                and is_none(v.comparators[0])
                for v in parent.values
            )
        )

    def _reads_key(self, statement: ast.stmt) -> bool:
        return any(
            isinstance(n, ast.Subscript)
            and not (isinstance(n.slice, ast.Constant) and isinstance(n.slice.value, int))
            and not isinstance(n.slice, ast.Slice)
            and self._is_tangent(n.value)
            and not self._is_sequence(n.value)
            for n in ast.walk(statement)
        )


def _catches_missing_keys(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _KEY_ERRORS for n in ast.walk(handler.type))


def _gives_nothing(handler: ast.ExceptHandler) -> bool:
    """`except KeyError: return None`: a missing part and one that is zero come to the same."""
    match handler.body:
        case [ast.Pass() | ast.Continue()]:
            return True
        case [ast.Return(value=value)]:
            return value is None or is_none(value)
    return False
