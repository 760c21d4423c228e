"""What makes the derivative for one argument: a lambda, a def, a call of something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from migrate.dialects.autograd.signature import Signature, signature_of
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.scopes import FunctionNode, Variable, positional_parameters

_MADE = (ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
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

    @property
    def body(self) -> ast.expr | None:
        """What a lambda gives."""
        return self.function.body if isinstance(self.function, ast.Lambda) else None

    @property
    def output(self) -> ast.arg | None:
        """The parameter for the output."""
        if self.function is None:
            return None
        return next(iter(positional_parameters(self.function.args)), None)

    @property
    def cotangent(self) -> ast.arg | None:
        """The parameter of the inner lambda."""
        return None if self.inner is None else self.inner.args.args[0]


def maker_of(place: int, node: ast.expr, module: Module, legacy: LegacyNames) -> Maker:
    """Read a maker."""
    function = function_of(node, module)
    if function is None:
        return Maker(place, node, None, None)
    signature = signature_of(function, module.source, 1)
    if not isinstance(function, ast.Lambda):
        return Maker(place, node, function, signature)
    inner, unbroadcast = inner_function(function.body, legacy)
    if not isinstance(inner, ast.Lambda) or not takes_one(inner):
        return Maker(place, node, function, signature)
    return Maker(place, node, function, signature, inner, unbroadcast)


def function_of(node: ast.expr, module: Module) -> FunctionNode | None:
    """The function of the file that an expression certainly is."""
    if isinstance(node, ast.Lambda):
        return node
    if not isinstance(node, ast.Name):
        return None
    variable = module.scopes.of(node)
    only = variable.bindings[0] if len(variable.bindings) == 1 else None
    if isinstance(only, ast.FunctionDef):
        return only if not only.decorator_list else None
    given = module.constant(variable)
    return given if isinstance(given, ast.Lambda) else None


def inner_function(given: ast.expr, legacy: LegacyNames) -> tuple[ast.expr, ast.Call | None]:
    """What a maker gives, without the `unbroadcast_f(x, …)` around it."""
    match given:
        case ast.Call(func=func, args=[_, inside], keywords=[]):
            if legacy.meaning(func) == "unbroadcast_f":
                return inside, given
    return given, None


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


def is_container(node: ast.expr) -> bool:
    """Whether an expression certainly is a tuple, list or dict."""
    if isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.ListComp | ast.DictComp):
        return True
    return _is_call_of(node, ("tuple", "list", "dict"))


def _is_call_of(node: ast.expr, names: Sequence[str]) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
