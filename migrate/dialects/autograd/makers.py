"""What makes the derivative for one argument: a lambda, a def, a call of something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from migrate.dialects.autograd.installed import dotted_name
from migrate.dialects.autograd.signature import Signature, signature_of
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.annotations import last_part
from migrate.syntax.forms import root_of
from migrate.syntax.scopes import FunctionNode, Variable, positional_parameters
from migrate.syntax.texts import Pieces

#: What the first parameters of makers are for, by how many they are.
LEADING = {
    1: ("ans",),
    2: ("g", "ans"),
    4: ("g", "ans", "vs", "gvs"),
    5: ("argnum", "g", "ans", "vs", "gvs"),
}
_BREAKING = (ast.Yield, ast.YieldFrom, ast.Await)


@dataclass(frozen=True, eq=False)
class Maker:
    """The maker for the argument at a place."""

    place: int
    node: ast.expr  # as it was registered
    function: FunctionNode | None  # the function of the file that it is
    signature: Signature | None  # of that function, behind the output
    inner: ast.Lambda | None = None  # of a lambda that gives one
    unbroadcast: ast.Call | None = None  # `unbroadcast_f(x, …)` around the inner one
    lead: int = 1  # how many parameters stand before those of the function
    tangent: ast.expr | None = None  # what a lambda gives for its argument
    applied: ast.expr | None = None  # the function that gives it, where that has a name

    @property
    def body(self) -> ast.expr | None:
        """What a lambda gives."""
        return self.function.body if isinstance(self.function, ast.Lambda) else None

    @property
    def output(self) -> ast.arg | None:
        """The parameter for the output."""
        return self.leading("ans")

    @property
    def cotangent(self) -> ast.arg | None:
        """The parameter for the cotangent, of the inner lambda or of its own."""
        return self.leading("g") if self.inner is None else self.inner.args.args[0]

    @property
    def is_staged(self) -> bool:
        """Whether it gives a function of the cotangent."""
        return self.lead == 1

    @property
    def is_inline(self) -> bool:
        """Whether what it gives can be read, and not only called."""
        return self.tangent is not None or self.applied is not None

    @property
    def given_at(self) -> int | None:
        """The place of its parameter for the cotangent; None where it gives a function."""
        return LEADING[self.lead].index("g") if "g" in LEADING[self.lead] else None

    def leading(self, role: str) -> ast.arg | None:
        """The parameter for the cotangent, the output, ... before those of the function."""
        if self.function is None or role not in LEADING[self.lead]:
            return None
        found = positional_parameters(self.function.args)[: self.lead]
        return dict(zip(LEADING[self.lead], found, strict=False)).get(role)


def maker_of(
    place: int, node: ast.expr, module: Module, legacy: LegacyNames, lead: int = 1
) -> Maker:
    """Read a maker."""
    function = function_of(node, module)
    if function is None:
        return Maker(place, node, None, _of_partial(node, module, lead), lead=lead)
    signature = signature_of(function, module.source, lead)
    maker = Maker(place, node, function, signature, lead=lead)
    if not isinstance(function, ast.Lambda) or signature is None:
        return maker
    if lead > 1:
        return _unstaged(maker, function.body, module)
    inner, unbroadcast = inner_function(function.body, legacy)
    if unbroadcast is not None and not isinstance(inner, ast.Lambda):
        made = function_of(inner, module)
        if not isinstance(made, ast.Lambda):
            return replace(maker, unbroadcast=unbroadcast, applied=inner)
        inner = made
    if not isinstance(inner, ast.Lambda) or not takes_one(inner):
        return maker
    return replace(maker, inner=inner, unbroadcast=unbroadcast, tangent=inner.body)


def _unstaged(maker: Maker, body: ast.expr, module: Module) -> Maker:
    """A maker of autograd 1.1, which gives the tangent itself."""
    spaces = [maker.leading("vs"), maker.leading("gvs")]
    match body:
        case ast.Call(func=func, args=[ast.Name() as vs, ast.Name() as gvs, value], keywords=[]):
            assert maker.function is not None
            own = variables_of(maker.function, spaces, module)
            if last_part(func) == "unbroadcast" and [*map(module.scopes.of, (vs, gvs))] == own:
                return replace(maker, unbroadcast=body, tangent=value)
    return replace(maker, tangent=body)


def _of_partial(node: ast.expr, module: Module, lead: int) -> Signature | None:
    """The parameters of `partial(f, k)` behind the output."""
    match node:
        case ast.Call(args=[ast.Name() as inner, *given], keywords=[]) if is_partial(
            node.func, module
        ) and all(isinstance(g, ast.Constant) for g in given):
            function = function_of(inner, module)
            if function is not None:
                return signature_of(function, module.source, lead + len(given))
    return None


def is_partial(func: ast.expr, module: Module) -> bool:
    """Whether something is `functools.partial`."""
    return module.imported_name(func) == ("functools", "partial")


def function_of(node: ast.expr, module: Module) -> FunctionNode | None:
    """The function of the file that an expression certainly is."""
    if isinstance(node, ast.Lambda):
        return node
    if not isinstance(node, ast.Name):
        return None
    variable = module.scopes.of(node)
    only = variable.only
    if isinstance(only, ast.FunctionDef):
        return only if not only.decorator_list else None
    given = module.constant(variable)
    return given if isinstance(given, ast.Lambda) else None


def is_steady(node: ast.expr, module: Module) -> bool:
    """Whether a name, or an attribute of what is imported, means the same from now on."""
    root = root_of(node)
    if root is None:
        return False
    variable = module.scopes.of(root)
    if any(isinstance(use.ctx, ast.Del) for use in module.scopes.uses.get(variable, ())):
        return False
    kind = ast.alias if isinstance(node, ast.Attribute) else ast.AST
    return isinstance(variable.only, kind)


def inner_function(given: ast.expr, legacy: LegacyNames) -> tuple[ast.expr, ast.Call | None]:
    """What a maker gives, without the `unbroadcast_f(x, …)` around it."""
    match given:
        case ast.Call(func=func, args=[_, inside], keywords=[]):
            if legacy.meaning(func) == "unbroadcast_f":
                return inside, given
        case ast.Call(func=func, args=[_, _, inside], keywords=[]):
            if last_part(func) == "unbroadcast":  # of autograd 1.0
                return inside, given
    return given, None


def takes_cotangent_first(node: ast.expr, module: Module) -> bool:
    """Whether a maker gives no function, but the tangent itself: `lambda g, ans, x: g * x`."""
    function = function_of(node, module)
    parameters = positional_parameters(function.args) if function is not None else []
    if function is None or len(parameters) < 2:
        return False
    (first,) = variables_of(function, parameters[:1], module)
    given = module.returned(function)
    named = parameters[0].arg == "g" or parameters[1].arg == "ans"
    reads = any(
        isinstance(n, ast.Name) and module.scopes.of(n) is first for n in ast.walk(function)
    )
    return reads and bool(given) and all(_is_no_function(v, named, module) for v in given)


def _is_no_function(value: ast.expr, named: bool, module: Module) -> bool:
    match value:
        case ast.BinOp() | ast.UnaryOp() | ast.Subscript():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return all(_is_no_function(v, named, module) for v in (body, orelse))
        case ast.Call(func=func, args=args):
            if any(isinstance(a, ast.Lambda) or function_of(a, module) for a in args):
                return False
            dotted = dotted_name(func, module).removeprefix("autograd.")
            return named or (module.is_numeric(dotted) and "numpy_vjps" not in dotted)
        case ast.Name():
            return named and function_of(value, module) is None
    return False


def takes_one(function: FunctionNode) -> bool:
    """Whether a function takes one argument, plainly."""
    args = function.args
    more = (args.kwonlyargs, args.vararg, args.kwarg, args.defaults)
    return len(positional_parameters(args)) == 1 and not any(more)


def is_movable(node: ast.AST) -> bool:
    """Whether an expression may stand in another function."""
    return not any(isinstance(n, _BREAKING) for n in ast.walk(node))


def outside_names(node: ast.AST, around: ast.AST, module: Module) -> Iterator[ast.Name]:
    """The names in a part of a function that mean something from outside of the function."""
    for name in ast.walk(node):
        if isinstance(name, ast.Name):
            scope = module.scopes.of(name).scope
            if scope is None or not module.scopes.inside(scope.node, around):
                yield name


def bound_inside(node: ast.AST) -> set[str]:
    """The names that an expression binds in itself."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            found.add(inner.arg)
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            found.add(inner.id)
    return found


def variables_of(
    function: FunctionNode, args: Sequence[ast.arg | None], module: Module
) -> list[Variable]:
    """The variables of some parameters."""
    scope = module.scopes.own[function]
    return [scope.variable(arg.arg) for arg in args if arg is not None]


def enclosed(node: ast.expr, module: Module) -> Pieces:
    """An expression for a statement of its own: lines of it leant on the parentheses of a call."""
    return ("(", node, ")") if "\n" in module.text(node) else (node,)


def is_container(node: ast.expr) -> bool:
    """Whether an expression certainly is a tuple, list or dict."""
    if isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.ListComp | ast.DictComp):
        return True
    return _is_call_of(node, ("tuple", "list", "dict"))


def _is_call_of(node: ast.expr, names: Sequence[str]) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
