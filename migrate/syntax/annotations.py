"""What an annotation says about a parameter:
which class its tangents belong to, and whether it can be perturbed at all."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial

from migrate.syntax.forms import root_of
from migrate.syntax.scopes import FunctionNode, Scope, Scopes, Variable
from migrate.syntax.source import quiet_parser

#: Names (last part) of types whose values cannot be perturbed.
_FIXED = frozenset(
    """str bytes bytearray bool int slice type range Callable LiteralString Literal Path PurePath Pattern Enum IntEnum
    StrEnum Flag FunctionType LambdaType BuiltinFunctionType ModuleType Type NoneType EllipsisType ufunc dtype DTypeLike
    integer signedinteger unsignedinteger int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp bool_ str_ bytes_ Generator
    RandomState Random Logger Val date datetime timedelta""".split()
)
#: Containers that cannot be perturbed where their elements cannot.
_MAPPINGS = frozenset("dict Dict Mapping MutableMapping DefaultDict OrderedDict".split())
_OF_ELEMENTS = _MAPPINGS | frozenset(
    """Tuple tuple List list Sequence Iterable Set set FrozenSet frozenset Collection Optional Union Annotated Final
    ReadOnly""".split()
)
#: Names that are no class one can write between the brackets of `Tangent[...]`.
_NO_CLASS = (
    frozenset(
        """Any object Callable Union Optional Literal Type NDArray ArrayLike ndarray array Array Number Real Complex Rational
    Integral Hashable Iterable Iterator Sequence MutableSequence Mapping MutableMapping Collection Container Sized Self
    Never NoReturn TypeVar Protocol Generic float complex number floating inexact generic""".split()
    )
    | _FIXED
)
_BUILTIN_CONTAINERS = {
    "Tuple": "tuple",
    "List": "list",
    "Dict": "dict",
    "DefaultDict": "dict",
    "OrderedDict": "dict",
}
_ARRAYS = frozenset(
    """ndarray NDArray ArrayLike float complex floating inexact number float32 float64 complex64 complex128 Number Real
    Complex matrix""".split()
)


@dataclass(frozen=True)
class Annotation:
    """An annotation taken apart into the members of its union."""

    members: tuple[ast.expr, ...]
    scope: Scope


class Annotations:
    """Reads the annotations of one module."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes

    def of(self, arg: ast.arg, function: FunctionNode) -> Annotation | None:
        if arg.annotation is None:
            return None
        scope = self.scopes.around[function]
        return Annotation(tuple(self._members(arg.annotation, scope, 0)), scope)

    def read(self, node: ast.expr, scope: Scope) -> Annotation:
        return Annotation(tuple(self._members(node, scope, 0)), scope)

    def cannot_be_perturbed(self, annotation: Annotation) -> bool:
        """Whether every member says so."""
        return bool(annotation.members) and all(
            self._fixed(m, annotation.scope) for m in annotation.members
        )

    def is_array_or_number(self, annotation: Annotation) -> bool:
        return bool(annotation.members) and all(
            last_part(_head(m)) in _ARRAYS for m in annotation.members
        )

    def single_class(self, annotation: Annotation) -> ast.expr | None:
        """The expression for the one class that a non-None value of the parameter has, or None."""
        members = [m for m in annotation.members if not _is_none(m)]
        if len(members) != 1:
            return None
        head = _head(members[0])
        name = last_part(head)
        if name in _BUILTIN_CONTAINERS:
            return ast.Name(_BUILTIN_CONTAINERS[name], ast.Load())
        if name is None or name in _NO_CLASS:
            return None
        if isinstance(head, ast.Name):
            variable = self._variable(head, annotation.scope)
            if variable.scope is None:
                return head if name in ("dict", "list", "tuple") else None
            if not all(self._is_class(b) for b in variable.bindings):
                return None
        elif not self._imported_root(head, annotation.scope):
            return None
        return head

    def class_of(self, annotation: Annotation) -> ast.ClassDef | None:
        """The class statement in this module that `single_class` names."""
        head = self.single_class(annotation)
        if not isinstance(head, ast.Name):
            return None
        only = self._variable(head, annotation.scope).only
        return only if isinstance(only, ast.ClassDef) else None

    def fields(
        self, node: ast.ClassDef, seen: frozenset[int] = frozenset()
    ) -> dict[str, ast.expr | None] | None:
        """The fields of a class with their annotations, or None where a base is not in sight."""
        found: dict[str, ast.expr | None] = {}
        for base in node.bases:
            name = last_part(_head(base))
            if name in ("object", "NamedTuple", "Generic", "Protocol", "ABC"):
                continue
            inner = self.read(base, self.scopes.around[node])
            definition = self.class_of(inner)
            if definition is None or id(definition) in seen:
                return None
            inherited = self.fields(definition, seen | {id(node)})
            if inherited is None:
                return None
            found |= inherited
        if node.decorator_list and any(
            last_part(_head(d)) not in ("dataclass", "final", "runtime_checkable", "total_ordering")
            for d in node.decorator_list
        ):
            return None
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    found[name] = annotation
                case ast.Assign(targets=[ast.Name(id="__slots__")], value=value):
                    for item in ast.walk(value):
                        if isinstance(item, ast.Constant) and isinstance(item.value, str):
                            found.setdefault(item.value, None)
                case ast.FunctionDef():
                    found |= self._assigned(statement, found)
        return found

    def always_has(self, node: ast.ClassDef, name: str, depth: int = 0) -> bool:
        """Whether every instance is seen to have a field:
        it is declared, or `__init__` assigns it come what may."""
        if depth > 8:
            return False
        bases = [self.class_of(self.read(b, self.scopes.around[node])) for b in node.bases]
        if any(b is not None and self.always_has(b, name, depth + 1) for b in bases):
            return True
        heads = [last_part(_head(d)) for d in (*node.decorator_list, *node.bases)]
        declared = "dataclass" in heads or "NamedTuple" in heads
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=field)) if declared and field == name:
                    return True
                case ast.FunctionDef(name="__init__", body=body):
                    if any(map(partial(_assigns, name), body)):
                        return True
        return False

    def _assigned(
        self, method: ast.FunctionDef, known: dict[str, ast.expr | None]
    ) -> dict[str, ast.expr | None]:
        arguments = [*method.args.posonlyargs, *method.args.args]
        if not arguments:
            return {}
        parameters = {a.arg: a.annotation for a in arguments[1:]}
        found: dict[str, ast.expr | None] = {}
        for node in ast.walk(method):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == arguments[0].arg
                and node.attr not in known
            ):
                found.setdefault(node.attr, parameters.get(node.attr))
            # object.__setattr__(self, "a", …) and setattr(self, name, …): the fields cannot be told
        return found

    def _members(self, node: ast.expr, scope: Scope, depth: int) -> list[ast.expr]:
        if depth > 8:
            return [node]
        match node:
            case ast.Constant(value=str(text)):
                try:
                    with quiet_parser():
                        parsed = ast.parse(text.strip(), mode="eval").body
                except (SyntaxError, ValueError):
                    return [node]
                return self._members(parsed, scope, depth + 1)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return [
                    *self._members(left, scope, depth + 1),
                    *self._members(right, scope, depth + 1),
                ]
            case ast.Subscript(value=value, slice=inside):
                name = last_part(value)
                if name == "Optional":
                    return [*self._members(inside, scope, depth + 1), ast.Constant(None)]
                if name == "Union":
                    items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
                    return [m for item in items for m in self._members(item, scope, depth + 1)]
                if name in ("Annotated", "Final", "ReadOnly"):
                    first = inside.elts[0] if isinstance(inside, ast.Tuple) else inside
                    return self._members(first, scope, depth + 1)
            case ast.Name():
                alias = self._alias(node, scope)
                if alias is not None:
                    return self._members(alias, scope, depth + 1)
        return [node]

    def _alias(self, node: ast.Name, scope: Scope) -> ast.expr | None:
        """The right-hand side of `Axis = Union[int, None]`,
        where that is what the name is bound to."""
        only = self._variable(node, scope).only
        parent = None if only is None else self.scopes.parents.get(only)
        match parent:
            case ast.Assign(targets=[ast.Name()], value=value) if not isinstance(value, ast.Call):
                return value
            case ast.Assign(targets=[ast.Name()], value=ast.Call(func=func, args=[_, supertype])):
                return supertype if last_part(func) == "NewType" else None
            case ast.AnnAssign(value=ast.expr() as value):
                return value
        if type(parent).__name__ == "TypeAlias":
            aliased: ast.expr = parent.value  # type: ignore[union-attr]
            return aliased
        return None

    def _variable(self, node: ast.Name, scope: Scope) -> Variable:
        return self.scopes.variable(node.id, scope)

    def _is_class(self, binding: ast.AST) -> bool:
        """Whether a binding makes a class that exists at run time, as far as can be seen."""
        if isinstance(binding, ast.ClassDef):
            return True
        if isinstance(binding, ast.alias):
            for node in self.scopes.ancestors(binding):
                if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                    return False
                if isinstance(node, (ast.ImportFrom,)) and (node.module or "") in (
                    "typing",
                    "typing_extensions",
                    "collections.abc",
                    "numbers",
                ):
                    return False
            return True
        return False

    def _imported_root(self, node: ast.expr, scope: Scope) -> bool:
        root = root_of(node)
        bindings = [] if root is None else self._variable(root, scope).bindings
        return bool(bindings) and all(self._is_class(b) for b in bindings)

    def _fixed(self, member: ast.expr, scope: Scope) -> bool:
        if _is_none(member):
            return True
        head = _head(member)
        name = last_part(head)
        if isinstance(member, ast.Subscript) and name in _OF_ELEMENTS:
            items = member.slice.elts if isinstance(member.slice, ast.Tuple) else [member.slice]
            inner = [i for i in items if not (isinstance(i, ast.Constant) and i.value is ...)]
            if name in _MAPPINGS:
                inner = inner[1:]
            return bool(inner) and all(self.cannot_be_perturbed(self.read(i, scope)) for i in inner)
        if name in _FIXED:
            return not isinstance(head, ast.Name) or not isinstance(
                next(iter(self._variable(head, scope).bindings), None), ast.ClassDef
            )
        definition = self.class_of(Annotation((member,), scope))
        if definition is not None:
            fixed = any(last_part(_head(b)) in _FIXED for b in definition.bases)
            return fixed or self._has_no_fields(definition)
        return False

    def _has_no_fields(self, definition: ast.ClassDef) -> bool:
        """Whether neither a class nor a subclass of it in this module has a field."""
        if self.fields(definition) != {}:
            return False
        for node in self.scopes.own:
            if isinstance(node, ast.ClassDef) and node is not definition:
                named = {last_part(_head(b)) for b in node.bases}
                if definition.name in named and not self._has_no_fields(node):
                    return False
        return True


def _assigns(name: str, statement: ast.stmt) -> bool:
    """Whether a statement without conditions assigns `self.name`."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(
        isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and n.attr == name
        for target in targets
        for n in ast.walk(target)
    )


def last_part(node: ast.expr) -> str | None:
    """`c` of `a.b.c`, `a` of `a`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _head(node: ast.expr) -> ast.expr:
    """`Foo` of `Foo[int]` and of a call `Foo(...)`."""
    if isinstance(node, ast.Subscript):
        return _head(node.value)
    return node.func if isinstance(node, ast.Call) else node


def _is_none(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    return last_part(node) == "NoneType"
