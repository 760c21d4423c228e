"""Entries of a pullback, made of what a maker gives, and what the text says of values."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.dialects.autograd.makers import is_container
from migrate.rules.legacy_rule import Cotangent, Entry, Structured, Unpacked
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.syntax.annotations import last_part
from migrate.syntax.scopes import Variable

_ARRAYS = frozenset({"any", "all", "concatenate", "stack", "vstack", "hstack", "array", "size"})
#: Functions of numpy and scipy that give several arrays.
_SEVERAL = frozenset(
    """eig eigh eigvals_banded svd qr qz lu lu_factor schur polar ldl hessenberg slogdet lstsq split array_split hsplit
    vsplit dsplit modf frexp divmod meshgrid gradient nonzero where_tuple unique broadcast_arrays atleast_1d
    atleast_2d atleast_3d histogram frompyfunc unravel_index polyfit rsf2csf unstack cho_factor quad""".split()
)


def entry_of(value: ast.expr) -> Entry:
    """What a maker gives for its argument."""
    match value:
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            kind = "tuple" if isinstance(value, ast.Tuple) else "list"
            parts: list[str | ast.AST] = []
            for element in elts:
                parts += [", ", element] if parts else [element]
            return Structured(kind, tuple(parts), value)
        case ast.Dict() | ast.DictComp():
            return Structured("dict", (value,), value)
        case ast.ListComp():
            return Structured("list", ("*", value), value)
        case ast.Call(func=ast.Name(id="tuple" | "list" as kind), args=[parts_], keywords=[]):
            lone = isinstance(parts_, ast.GeneratorExp)
            return Structured(kind, ("*", parts_) if lone else ("*(", parts_, ")"), value)
        case ast.Call(func=ast.Name(id="dict")):
            return Structured("dict", (value,), value)
    return Cotangent(value)


def further(shown: str, rest: str, names: NameChooser) -> Unpacked:
    """The entries of `*rest`, for which there is no maker."""
    zero = names.use("NotImplementedTangent")
    why = f"{shown}: no derivative with respect to a further argument"
    return Unpacked((f'[{zero}("{why}")] * len({rest})',))


def may_be_container(parameter: ast.arg | None) -> bool:
    """Whether an annotation says that a parameter is no number or array."""
    annotation = None if parameter is None else parameter.annotation
    if annotation is None:
        return False
    words = {n.id.lower() for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    words |= {n.attr.lower() for n in ast.walk(annotation) if isinstance(n, ast.Attribute)}
    return bool(words & {"tuple", "list", "dict", "sequence", "mapping", "iterable", "namedtuple"})


def gives_container(function: ast.AST | None) -> bool:
    """Whether a maker, or a function in it, writes a container as what it gives."""
    if function is None:
        return False
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None and is_container(node.value):
            return True
        if isinstance(node, ast.Lambda) and is_container(node.body):
            return True
    return False


def takes_apart(nodes: Iterable[ast.AST], cotangent: Variable, module: Module) -> bool:
    """Whether some text reads parts of the cotangent, or asks what only an array can say."""
    scopes = module.scopes
    for node in nodes:
        for inner in ast.walk(node):
            if not isinstance(inner, ast.Name) or scopes.of(inner) is not cotangent:
                continue
            match scopes.parents.get(inner):
                case ast.Subscript(value=ast.Name() as value) if value is inner:
                    return True
                case ast.Starred() | ast.comprehension():
                    return True
                case ast.For(iter=ast.Name() as value) if value is inner:
                    return True
                case ast.Assign(targets=[ast.Tuple() | ast.List(), *_], value=ast.Name()):
                    return True
                case ast.Assign(targets=targets) if any(
                    isinstance(t, ast.Tuple | ast.List) for t in targets
                ):
                    return True
                case ast.Call(func=func, args=args) if inner in args and last_part(func) in (
                    *_ARRAYS,
                    *("len", "zip", "enumerate", "map", "tuple", "list", "iter", "reversed"),
                ):
                    return True
    return False


def gives_one_array(definition: ast.FunctionDef | None, dotted: str, module: Module) -> bool:
    """Whether a function certainly gives no tuple, list or dict."""
    if definition is None:
        return bool(dotted) and dotted.rpartition(".")[2] not in _SEVERAL
    returned = module.returned(definition)
    return bool(returned) and all(_is_array(value, definition, module) for value in returned)


def gives_several(definition: ast.FunctionDef | None, dotted: str, module: Module) -> bool:
    """Whether a function certainly gives a tuple, list or dict."""
    if definition is None:
        return dotted.rpartition(".")[2] in _SEVERAL
    return any(
        is_container(v) or (isinstance(v, ast.Call) and last_part(v.func) in _SEVERAL)
        for v in module.returned(definition)
    )


def _is_array(value: ast.expr, definition: ast.FunctionDef, module: Module, depth: int = 0) -> bool:
    match value:
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.Constant():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return all(_is_array(v, definition, module, depth) for v in (body, orelse))
        case ast.Call(
            func=ast.Name(id="float" | "int" | "complex" | "sum" | "abs" | "max" | "min")
        ):
            return True
        case ast.Call(func=ast.Attribute(attr=name) as func):
            imported = module.imported_name(func)
            if imported is None:
                return name in ("copy", "reshape", "sum", "mean", "dot", "ravel", "astype", "T")
            numeric = imported[0].partition(".")[0] in ("numpy", "scipy", "autograd", "math")
            return numeric and name not in _SEVERAL
        case ast.Name() if depth < 3:
            variable = module.scopes.of(value)
            given = module.constant(variable)
            return given is not None and _is_array(given, definition, module, depth + 1)
    return False
