"""What the target of a rule may be, seen through variables,
loops and the parameters of functions that register rules."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from migrate.rules.module import Module
from migrate.syntax.scopes import Variable, positional_parameters

_Seen = frozenset[Variable]
_ITERABLES = (ast.Tuple, ast.List, ast.Set)


def is_functor(target: ast.expr, view: Module) -> bool | None:
    """Whether a target is some class's `__call__`; None where it may be either."""
    kinds = {_is_call_method(value, view) for value in possible_values(target, view)}
    return kinds.pop() if len(kinds) == 1 else None


def _is_call_method(value: ast.expr, view: Module) -> bool:
    match value:
        case ast.Attribute(attr="__call__"):
            return True
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value="__call__"), *_]):
            return True
        case ast.Name(id="__call__"):
            scope = view.scopes.of(value).scope
            return scope is not None and scope.kind == "class"
    return False


def possible_values(target: ast.expr, view: Module, seen: _Seen = frozenset()) -> list[ast.expr]:
    """What a target may be: itself, what its variable was given, what a loop goes through,
    what a parameter gets."""
    match target:
        case ast.IfExp(body=body, orelse=orelse):
            return [*possible_values(body, view, seen), *possible_values(orelse, view, seen)]
        case ast.NamedExpr(value=value):
            return possible_values(value, view, seen)
        case ast.Name() if view.scopes.of(target) not in seen:
            variable = view.scopes.of(target)
        case _:
            return [target]
    found: list[ast.expr] = []
    for binding in _in_force(target, variable, view):
        given = list(_given(binding, view))
        for value in given:
            found += possible_values(value, view, seen | {variable})
        if not given:
            found.append(target)
    return found or [target]


def _in_force(use: ast.Name, variable: Variable, view: Module) -> list[ast.AST]:
    """The bindings that a name may have where it is read: that of the loop around it, or the last
    one before it in its block."""
    scope = view.scopes.around.get(use)
    if scope is not variable.scope:
        return variable.bindings
    inner: ast.AST = use
    for ancestor in view.scopes.ancestors(use):
        inside = [b for b in variable.bindings if view.scopes.inside(b, ancestor)]
        if isinstance(ancestor, ast.For) and any(
            view.scopes.inside(b, ancestor.target) for b in inside
        ):
            if len(inside) == 1:
                return inside
            break
        if not isinstance(ancestor, ast.stmt | ast.Module) or not inside:
            inner = ancestor
            continue
        block = getattr(ancestor, "body", [])
        before = block[: block.index(inner)] if inner in block else []
        for statement in reversed(before):
            here = [b for b in inside if view.scopes.inside(b, statement)]
            if here:
                return here if isinstance(statement, ast.Assign) else variable.bindings
        break
    return variable.bindings


def _given(binding: ast.AST, view: Module) -> Iterator[ast.expr]:
    """The expressions whose value one binding gives to its name; none where they are not seen."""
    if isinstance(binding, ast.arg):
        yield from _arguments(binding, view)
        return
    if not isinstance(binding, ast.Name):
        return
    path: list[int] = []  # which element of what is unpacked
    node: ast.AST = binding
    parent = view.scopes.parents.get(binding)
    while isinstance(parent, (ast.Tuple, ast.List)):
        path.insert(0, parent.elts.index(node))  # type: ignore[arg-type]
        node, parent = parent, view.scopes.parents.get(parent)
    values: Iterable[ast.expr] = ()
    match parent:
        case ast.Assign(value=value) | ast.NamedExpr(value=value):
            values = [value]
        case ast.AnnAssign(value=ast.expr() as value):
            values = [value]
        case ast.For(iter=iterable) | ast.comprehension(iter=iterable):
            values = _items(iterable, view)
    for value in values:
        part = _part(value, path)
        if part is not None:
            yield part


def _part(value: ast.expr, path: list[int]) -> ast.expr | None:
    for index in path:
        if not isinstance(value, (ast.Tuple, ast.List)) or index >= len(value.elts):
            return None
        if any(isinstance(e, ast.Starred) for e in value.elts[: index + 1]):
            return None
        value = value.elts[index]
    return value


def _items(iterable: ast.expr, view: Module) -> list[ast.expr]:
    """What a loop goes through, where the text shows it."""
    if isinstance(iterable, ast.Name):
        given = [g for b in view.scopes.of(iterable).bindings for g in _given(b, view)]
        if len(given) != 1 or isinstance(given[0], ast.Name):
            return []
        iterable = given[0]
    match iterable:
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return [e for e in elts if not isinstance(e, ast.Starred)]
        case ast.Dict(keys=keys):
            return [k for k in keys if k is not None]
        case ast.Call(func=ast.Attribute(value=inner, attr=("items" | "values") as which)):
            return _items_of_dict(inner, which, view)
        case ast.Call(func=ast.Name(id="zip"), args=args):
            columns = [_items(a, view) for a in args]
            return [_pair(list(row)) for row in zip(*columns, strict=False)]
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
            rows = _items(inner, view)
            return [_pair([ast.Constant(n), row]) for n, row in enumerate(rows)]
        case ast.Call(func=ast.Name(id="tuple" | "list" | "set" | "reversed"), args=[inner]):
            return _items(inner, view)
    return []


def _items_of_dict(node: ast.expr, which: str, view: Module) -> list[ast.expr]:
    if isinstance(node, ast.Name):
        given = [g for b in view.scopes.of(node).bindings for g in _given(b, view)]
        if len(given) != 1:
            return []
        node = given[0]
    if not isinstance(node, ast.Dict):
        return []
    pairs = [(k, v) for k, v in zip(node.keys, node.values, strict=True) if k is not None]
    return [v if which == "values" else _pair([k, v]) for k, v in pairs]


def _pair(elts: list[ast.expr]) -> ast.expr:
    return ast.Tuple(elts, ast.Load())


def _arguments(arg: ast.arg, view: Module) -> Iterator[ast.expr]:
    """What the calls in the module give to a parameter of one of its functions."""
    arguments = view.scopes.parents.get(arg)
    function = view.scopes.parents.get(arguments) if arguments is not None else None
    if not isinstance(function, ast.FunctionDef):
        return
    scope = view.scopes.around[function]
    if scope.kind == "class":
        return
    parameters = positional_parameters(function.args)
    position = parameters.index(arg) if arg in parameters else None
    variable = view.scopes.variable(function.name, scope)
    for use in view.scopes.uses.get(variable, []):
        call = view.scopes.parents.get(use)
        if not (isinstance(call, ast.Call) and call.func is use):
            continue
        before = call.args[: position + 1] if position is not None else []
        if any(isinstance(a, ast.Starred) for a in before):
            continue
        if position is not None and position < len(call.args):
            yield call.args[position]
        else:
            yield from (k.value for k in call.keywords if k.arg == arg.arg)
