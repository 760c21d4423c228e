"""One tangent at a time: what stands where the target language wants the tangent of an argument.

An expression there is in the target language already, is rewritten into it (None, tuples, lists,
dicts), or is bridged at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.dialects.zygote.in_place.cluster import Cluster, Part
from migrate.dialects.zygote.in_place.kept_lists import KeptLists
from migrate.dialects.zygote.in_place.primals import Arguments, Primal
from migrate.dialects.zygote.verdicts import NoArgument, Undecided
from migrate.syntax.changes import as_call, as_keywords, parenthesised, without_arguments
from migrate.syntax.forms import is_none, root_of
from migrate.syntax.node_edits import NodeEdits

_DISPLAYS = {"tuple": "()", "list": "[]", "dict": "{}"}
_READY = {ARRAY, TANGENT, COTANGENT_ARRAY}


class TangentRewriter(Part):
    """Rewrites tangents."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.kept_lists = KeptLists(self)

    def entry(self, node: ast.expr, primal: Primal) -> None:
        """One tangent, of `primal`; as a whole at run time where
        one of its parts cannot be converted alone."""
        saved = self.save()
        try:
            self._entry(node, primal)
        except NoArgument:
            self.restore(saved)
            if self.cluster.visible(primal, node) is None:
                raise
            self._from_legacy(node, primal)

    def save(self) -> tuple[NodeEdits, dict[Nothing, str], int, dict[str, str]]:
        notes = len(self.cluster.result.notes)
        return self.edits.snapshot(), dict(self.cluster.marked), notes, dict(self.names.local)

    def restore(self, saved: tuple[NodeEdits, dict[Nothing, str], int, dict[str, str]]) -> None:
        self.edits.restore(saved[0])
        self.cluster.marked = saved[1]
        del self.cluster.result.notes[saved[2] :]
        self.names.local = saved[3]

    def _entry(self, node: ast.expr, primal: Primal) -> None:
        match node:
            case ast.Constant(value=None):
                self.cluster.mark({Nothing(node)}, primal.zero)
                return
            case ast.Tuple() | ast.List():
                self._sequence(node, primal)
                return
            case ast.Dict():
                self._dict(node, primal)
                return
            case ast.ListComp(elt=elt):
                self.entry(elt, self.comprehended(node, primal))
                head = self._tangent("list", node)
                self.edits.wrap(node, f"{head}(*{{}})")
                return
            case ast.IfExp(body=body, orelse=orelse):
                self.entry(body, primal)
                self.entry(orelse, primal)
                return
            case ast.Call(func=ast.Name(id="dict"), args=[]) if self.view.scopes.is_unbound(
                node.func
            ):
                if all(k.arg is not None for k in node.keywords):
                    self._dict_call(node, primal)
                    return
            case ast.Call(func=ast.Name(id=("tuple" | "list") as kind), args=[inner]) if (
                self.view.scopes.is_unbound(node.func) and not isinstance(inner, ast.Starred)
            ):
                if isinstance(inner, (ast.GeneratorExp, ast.ListComp)):
                    self.entry(inner.elt, self.comprehended(inner, primal))
                    self.unwrap_call(node, inner)
                    self._splat(node, self._tangent(kind, node))
                    return
            case ast.Name() if self._is_constant_none(node):
                self.edits.replace(node, f"{self.names.use(primal.zero)}()")
                return
        self._entry_by_atoms(node, primal)

    def _is_constant_none(self, node: ast.Name) -> bool:
        """`NOTHING = None` at the top of the module."""
        variable = self.view.scopes.of(node)
        if variable.scope is not self.view.scopes.module or variable.only is None:
            return False
        parent = self.view.scopes.parents.get(variable.only)
        return isinstance(parent, ast.Assign | ast.AnnAssign) and is_none(parent.value)

    def _is_conversion(self, node: ast.expr) -> bool:
        """`tuple(x)` or `list(x)`."""
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("tuple", "list")
            and self.view.scopes.is_unbound(node.func)
            and len(node.args) == 1
            and not node.keywords
            and not isinstance(node.args[0], ast.Starred)
        )

    def unwrap_call(self, node: ast.Call, inner: ast.expr) -> None:
        """`*tuple(x)` -> `*x`: the star does it alone."""
        source = self.view.source
        if source.comments_within(node, inner):
            return
        plain = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.ListComp)
        if isinstance(inner, ast.GeneratorExp):
            self.edits.change(node, lambda call: parenthesised(call.args[0].value))
        elif isinstance(inner, plain):
            if source.segment(node).count("\n") == source.segment(inner).count("\n"):
                self.edits.change(node, lambda call: call.args[0].value)

    def element(self, primal: Primal) -> Primal:
        """An element of a sequence, whose class the annotation may give."""
        if primal.annotation is None:
            return Primal()
        members = [m for m in primal.annotation.members if isinstance(m, ast.Subscript)]
        if len(members) != 1:
            return Primal()
        inside = members[0].slice
        items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        wanted = [i for i in items if not (isinstance(i, ast.Constant) and i.value is ...)]
        if len(wanted) != 1:
            return Primal()
        return Primal(annotation=self.view.annotations.read(wanted[0], primal.annotation.scope))

    def comprehended(self, node: ast.ListComp | ast.GeneratorExp, primal: Primal) -> Primal:
        """What the element of a comprehension is the tangent of."""
        if len(node.generators) != 1 or node.generators[0].ifs:
            return self.element(primal)
        return self.element_of(node.generators[0].iter, node.generators[0].target, primal)

    def element_of(self, source: ast.expr, target: ast.expr, primal: Primal) -> Primal:
        """In a loop `for x in xs`, or `for x, d in zip(xs, ds)`, where `xs` is the primal:
        its element is `x`."""
        element = self.element(primal)
        match source:
            case ast.Call(func=ast.Name(id="zip") as zipped, args=args) if (
                self.view.scopes.is_unbound(zipped)
            ):
                places = [n for n, a in enumerate(args) if self._is_primal(a, primal)]
                starred = any(isinstance(a, ast.Starred) for a in args)
                if not places or starred or not isinstance(target, ast.Tuple):
                    return element
                source, target = args[places[0]], target.elts[places[0]]
            case ast.Call(func=ast.Name(id="enumerate") as counted, args=[inner]):
                if not self.view.scopes.is_unbound(counted) or not isinstance(target, ast.Tuple):
                    return element
                source, target = inner, target.elts[-1]
        if not self._is_primal(source, primal) or not isinstance(target, ast.Name):
            return element
        variable = self.view.scopes.of(target)
        if target.id == "_" or variable.only is None:  # `_` is bound anew for callees' tangents
            return element
        return replace(element, text=target.id, variable=variable)

    def _is_primal(self, node: ast.expr, primal: Primal) -> bool:
        return (
            isinstance(node, ast.Name)
            and primal.text is not None
            and node.id == primal.text
            and self.view.scopes.of(node) == primal.variable
        )

    def _tangent(self, inside: str, where: ast.AST) -> str:
        if inside in _DISPLAYS and not self.view.is_builtin(inside, where):
            inside = f"{_DISPLAYS[inside]}.__class__"
        return f"{self.names.use('Tangent')}[{inside}]"

    def _class_of(self, text: str, where: ast.AST) -> str:
        """The class of a primal, as an expression."""
        return f"type({text})" if self.view.is_builtin("type", where) else f"{text}.__class__"

    def _splat(self, node: ast.expr, head: str, stars: str = "*") -> None:
        self.edits.wrap(node, f"{head}({stars}{{}})", tight=True)

    def _entry_by_atoms(self, node: ast.expr, primal: Primal) -> None:
        atoms = self.flow.atoms(node)
        held = [a.site for a in atoms if isinstance(a, Held)]
        if atoms == {TANGENT, UNKNOWN} and self.cluster.structures.is_array(node):
            atoms = {TANGENT}  # a slice, of an array
        if not held and atoms and self.ready(atoms) and not self._is_container(node, atoms):
            self.cluster.mark(atoms)
            return
        if held and len(held) == len(atoms):
            kinds = {s.kind for s in held}
            elements: Atoms = set()
            for site in held:
                elements |= site.elements()
            if len(kinds) == 1 and self.ready(elements):
                kind = kinds.pop()
                if kind in ("list", "tuple"):
                    self.cluster.mark(elements)
                    if self._is_conversion(node) and isinstance(node, ast.Call):
                        self.unwrap_call(node, node.args[0])
                    self._splat(node, self._tangent(kind, node))
                    return
                if kind == "dict" and self._held_dict(node, held, elements, primal):
                    return
            elif kinds == {"list"} and self.ready({a for a in elements if not isinstance(a, Held)}):
                if self.kept_lists.convert(held, primal):
                    self.cluster.mark(elements)
                    self._splat(node, self._tangent("list", node))
                    return
        self._from_legacy(node, primal)

    def _is_container(self, node: ast.expr, atoms: Atoms) -> bool:
        """Whether what counts as a number is seen to be a container of Python's own,
        in the second run."""
        return ARRAY in atoms and any(
            isinstance(a, Held) for a in self.cluster.structures.found_at(node)
        )

    def _held_dict(self, node: ast.expr, held: list[Site], elements: Atoms, primal: Primal) -> bool:
        head = None
        if primal.annotation is not None:
            head = self.view.annotations.single_class(primal.annotation)
        if head is None or not self._class_visible(head, primal, node):
            return self._held_fields(node, held, elements, primal)
        if isinstance(head, ast.Name) and head.id == "dict":
            self.cluster.mark(elements)
            self._splat(node, self._tangent("dict", node), "")
            return True
        if isinstance(head, ast.Name) and head.id in ("list", "tuple"):
            return False
        self.cluster.mark(elements)
        self._splat(node, self._tangent(ast.unparse(head), node), "**")
        for site in held:
            self._check_fields({k for k in site.by_key if isinstance(k, str)}, primal, node)
        return True

    def _held_fields(
        self, node: ast.expr, held: list[Site], elements: Atoms, primal: Primal
    ) -> bool:
        """A dict in a variable whose keys are seen to be names,
        for an argument without a class in its annotation."""
        text = self.cluster.visible(primal, node)
        named = all(
            not s.rest
            and s.by_key
            and all(isinstance(k, str) and k.isidentifier() for k in s.by_key)
            for s in held
        )
        if text is None or not (named or primal.owner is not None):
            return False
        self.cluster.mark(elements)
        self._splat(node, self._tangent(self._class_of(text, node), node), "**")
        return True

    def _class_visible(self, head: ast.expr, primal: Primal, where: ast.AST) -> bool:
        """Whether the class's expression means the same at a
        place in the code as in the annotation."""
        root = root_of(head)
        if root is None or primal.annotation is None:
            return False
        scopes = self.view.scopes
        around = scopes.around.get(where)
        if around is None:
            return False
        here = scopes.variable(root.id, around)
        if here != scopes.variable(root.id, primal.annotation.scope):
            return False
        # a class body's own names are out of reach for functions inside it
        return here.scope is None or here.scope.kind != "class"

    def _head(self, primal: Primal, where: ast.AST) -> str | None:
        """What to write for `P` in `Tangent[P]` where a dict stands for an object."""
        if primal.annotation is not None:
            head = self.view.annotations.single_class(primal.annotation)
            if head is not None and self._class_visible(head, primal, where):
                if not (isinstance(head, ast.Name) and head.id in ("list", "tuple")):
                    return ast.unparse(head)
        text = self.cluster.visible(primal, where)
        return None if text is None else self._class_of(text, where)

    def _sequence(self, node: ast.Tuple | ast.List, primal: Primal) -> None:
        kind = "tuple" if isinstance(node, ast.Tuple) else "list"
        if kind == "tuple" and primal.annotation is not None:
            definition = self.view.annotations.class_of(primal.annotation)
            head = self._head(primal, node)
            if definition is not None and head is not None:
                kind = head  # a named tuple by position
        for number, elt in enumerate(node.elts):
            if isinstance(elt, ast.Starred):
                self.starred(elt.value, None, None)
            else:
                starred = any(isinstance(e, ast.Starred) for e in node.elts[:number])
                part = Primal() if starred else primal.item(number)
                inner = self.element(primal)
                if part.annotation is None and inner.annotation is not None:
                    part = Primal(part.text, part.variable, inner.annotation)
                self.entry(elt, part)
        self.edits.change(node, as_call(self._tangent(kind, node)))

    def _dict_call(self, node: ast.Call, primal: Primal) -> None:
        head = self._head(primal, node)
        if head is None:
            self._from_legacy(node, primal)
            return
        names = {k.arg for k in node.keywords if k.arg is not None}
        self._check_fields(names, primal, node)
        self.edits.replace(node.func, self._tangent(head, node))
        dropped = self._droppable(node.keywords, [k.value for k in node.keywords], node)
        for number, item in enumerate(node.keywords):
            if number not in dropped:
                self.entry(item.value, primal.field(item.arg or "", self.view))
        self.edits.change(node, without_arguments(dropped))

    def _dict(self, node: ast.Dict, primal: Primal) -> None:
        head = self._head(primal, node)
        constant = all(isinstance(k, ast.Constant) and isinstance(k.value, str) for k in node.keys)
        if head is None or not node.keys:
            if head is not None:
                self.edits.replace(node, f"{self._tangent(head, node)}()")
                return
            self._from_legacy(node, primal)
            return
        keys = [k.value for k in node.keys if isinstance(k, ast.Constant)]
        self._check_fields({k for k in keys if isinstance(k, str)}, primal, node)
        by_keyword = constant and all(str(k).isidentifier() and not _keyword(str(k)) for k in keys)
        if by_keyword and len(set(keys)) == len(keys):
            self._dict_by_keywords(node, head, primal)
            return
        is_dict = head == "dict"
        if not is_dict and head.endswith((")", ".__class__")) and not constant:
            self._from_legacy(node, primal)  # an object or a dict: only known at run time
            return
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                inner = self.flow.elements_of_mapping(value)
                if not self.ready(inner):
                    raise NoArgument("a dict that is unpacked cannot be followed")
                self.cluster.mark(inner)
            else:
                name = key.value if isinstance(key, ast.Constant) else None
                part = primal.field(name, self.view) if isinstance(name, str) else Primal()
                self.entry(value, part)
        self._splat(node, self._tangent(head, node), "" if is_dict else "**")

    def _dict_by_keywords(self, node: ast.Dict, head: str, primal: Primal) -> None:
        dropped = self._droppable([k for k in node.keys if k is not None], node.values, node)
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            assert isinstance(key, ast.Constant)
            if number not in dropped:
                self.entry(value, primal.field(str(key.value), self.view))
        names = [str(k.value) for k in node.keys if isinstance(k, ast.Constant)]
        self.edits.change(node, as_keywords(self._tangent(head, node), names, dropped))

    def _droppable(
        self, items: Sequence[ast.expr | ast.keyword], values: list[ast.expr], whole: ast.expr
    ) -> frozenset[int]:
        """The items that are None, and that no comment stands behind."""
        comments = self.view.source.comments_after(items, whole)
        return frozenset(
            number for number, value in enumerate(values) if is_none(value) and not comments[number]
        )

    def _check_fields(self, names: set[str], primal: Primal, node: ast.AST) -> None:
        if primal.annotation is None:
            return
        definition = self.view.annotations.class_of(primal.annotation)
        if definition is None:
            return
        fields = self.view.annotations.fields(definition)
        if fields is None:
            return
        for name in sorted(names - set(fields)):
            self.cluster.note(
                "RM106",
                f"`{name}` is not a field of {definition.name}, as far as this file shows",
                node,
            )

    def _from_legacy(self, node: ast.expr, primal: Primal) -> None:
        """Convert one tangent at run time."""
        atoms = self.flow.atoms(node)
        text = self.cluster.visible(primal, node) if primal.there else None
        if text is None:
            if not self._could_be_structure(atoms):
                text = "None"
            else:
                raise NoArgument("a tangent that could not be followed has no argument in sight")
        if any(isinstance(a, (Function, Back, Bound)) for a in atoms):
            raise Undecided("a function stands where a tangent belongs")
        self.edits.wrap(node, f"{self.names.use('from_legacy')}({{}}, {text})")
        self.cluster.note(
            "RM101", "a tangent that could not be followed is converted at run time", node
        )

    def _could_be_structure(self, atoms: Atoms) -> bool:
        return bool(atoms - _READY - {PLAIN}) and not all(
            a in _READY or isinstance(a, Nothing) for a in atoms
        )

    def ready(self, atoms: Atoms) -> bool:
        """Whether values, once their Nones are zeros,
        are tangents of the target language as they are."""
        return all(a in _READY or isinstance(a, Nothing) for a in atoms)

    def entries(self, elts: list[ast.expr], arguments: Arguments | None, where: ast.AST) -> None:
        """The elements of a result, each with the argument that it belongs to."""
        position: int | None = 0
        for number, elt in enumerate(elts):
            if isinstance(elt, ast.Starred):
                if number + 1 < len(elts) and self.flow.length(elt.value) is None:
                    self.starred(elt.value, arguments, None)
                else:
                    self.starred(elt.value, arguments, position)
                length = self.flow.length(elt.value)
                position = (
                    position + length if position is not None and length is not None else None
                )
                continue
            primal = Primal()
            if arguments is not None and position is not None:
                primal = arguments.at(position)
            elif arguments is not None and arguments.rest is None:
                from_end = len(arguments.fixed) - (len(elts) - number)  # no star after it
                if not any(isinstance(e, ast.Starred) for e in elts[number:]) and from_end >= 0:
                    primal = arguments.at(from_end)
            self.entry(elt, primal)
            if position is not None:
                position += 1

    def starred(self, node: ast.expr, arguments: Arguments | None, position: int | None) -> None:
        """`*node` among the entries."""
        match node:
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                inner = arguments if position == 0 else None
                if inner is None and arguments is not None and position is not None:
                    inner = Arguments(arguments.fixed[position:], arguments.rest, arguments.functor)
                self.entries(elts, inner, node)
                return
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt):
                self.entry(elt, self._any_of(arguments, position))
                return
            case ast.IfExp(body=body, orelse=orelse):
                self.starred(body, arguments, position)
                self.starred(orelse, arguments, position)
                return
            case ast.Call(func=ast.Name(id="tuple" | "list"), args=[inner_node], keywords=[]):
                if not isinstance(inner_node, ast.Starred):
                    self.starred(inner_node, arguments, position)
                    return
        atoms = self.flow.atoms(node)
        if atoms and atoms <= _READY and not self._is_container(node, atoms):
            return
        elements = self.flow.elements(atoms)
        if atoms and all(isinstance(a, Held) for a in atoms) and self.ready(elements):
            self.cluster.mark(elements)
            return
        if atoms <= {UNKNOWN, PLAIN} | _READY and self._number_like(node):
            return
        primals = self.primals_text(arguments, position, node)
        if primals is None:
            raise Undecided("entries that are unpacked cannot be followed")
        bridge = self.names.use("entries_from_legacy")
        listed = "tuple({})" if self.view.is_builtin("tuple", node) else "(*{},)"
        self.edits.wrap(node, f"{bridge}({listed}, {primals})")
        self.cluster.note(
            "RM102", "entries that could not be followed are converted at run time", node
        )

    def _number_like(self, node: ast.expr) -> bool:
        """`*np.split(d, n)`: a list of arrays."""
        if not isinstance(node, ast.Call):
            return False
        imported = self.view.imported_name(node.func)
        return imported is not None and self.view.is_numeric(imported[0])

    def _any_of(self, arguments: Arguments | None, position: int | None) -> Primal:
        if arguments is None or position is None:
            return Primal()
        left = arguments.fixed[position:]
        if arguments.rest is not None and not left:
            return Primal(annotation=arguments.rest.annotation, zero=arguments.rest.zero)
        return left[0] if len(left) == 1 and arguments.rest is None else Primal()

    def primals_text(
        self, arguments: Arguments | None, position: int | None, where: ast.AST
    ) -> str | None:
        if arguments is None or position is None:
            return None
        parts = [self.cluster.visible(p, where) for p in arguments.fixed[position:]]
        if arguments.rest is not None:
            rest = self.cluster.visible(arguments.rest, where)
            parts.append(None if rest is None else f"*{rest}")
        known = [p for p in parts if p is not None]
        return ", ".join(known) if len(known) == len(parts) and known else None

    def in_editable(self, node: ast.AST) -> bool:
        function = self.cluster.function_around(node)
        return function is not None and self.view.editable(function)


def _keyword(name: str) -> bool:
    import keyword

    return keyword.iskeyword(name)
