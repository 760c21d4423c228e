"""What comes to nothing where a tangent is zero:
`w * v`, `0.0 if v is None else 2 * v`, `total += z(v)`.

A `Tangent` of an object or a dict goes through the keys that were given; the legacy one through all
of them, `None` for the zero ones. A loop over it does the same in both languages where each of its
turns comes to nothing for a zero.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.dialects.zygote.module import ModuleView
from migrate.syntax.forms import is_none
from migrate.syntax.numeric import ARRAY_METHODS
from migrate.syntax.scopes import positional_parameters

_DEPTH = 4
_PURE = frozenset("float int abs len sum max min complex bool isinstance".split())
#: Functions of numpy and Python that give zero for zero, whatever else they are given.
_LINEAR = frozenset(
    """sum dot vdot inner outer tensordot matmul multiply einsum reshape transpose trace asarray array real imag
    conj conjugate negative float complex broadcast_to squeeze ravel swapaxes divide true_divide abs""".split()
)


class Vanishing:
    """Asks it of expressions and statements; `names` hold a tangent that is zero."""

    def __init__(
        self, view: ModuleView, names: set[str], container: str = "", depth: int = 0
    ) -> None:
        self.view = view
        self.names = names
        self.container = container  # the text of what is gone through by key
        self.keys: set[str] = set()  # names of the key
        self.depth = depth

    # ---- expressions ---------------------------------------------------------------------

    def expression(self, node: ast.expr) -> bool:
        """Whether an expression is zero, or None, or false then."""
        match node:
            case ast.Name(id=name):
                return name in self.names
            case ast.Constant(value=value):
                return value is None or (isinstance(value, (int, float, complex)) and not value)
            case ast.BoolOp(op=ast.Or(), values=values):
                return all(map(self.expression, values))
            case ast.BoolOp(values=values):
                return any(map(self.expression, values))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                answer = self.test(test)
                taken = [body, orelse] if answer is None else [body if answer else orelse]
                return all(map(self.expression, taken))
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
                one, other = self.expression(left), self.expression(right)
                pure = (one or self._is_pure(left)) and (other or self._is_pure(right))
                return (one or other) and pure
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return self.expression(left) and self.expression(right)
            case ast.BinOp(left=left, op=ast.Div() | ast.Pow()):
                return self.expression(left)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self.expression(operand)
            case ast.Compare():
                return self.test(node) is False
            case ast.Subscript(value=value, slice=index):
                if ast.unparse(value) == self.container:
                    return isinstance(index, ast.Name) and index.id in self.keys
                return self.expression(value)
            case ast.Call():
                return self._call(node)
        return False

    def test(self, node: ast.expr) -> bool | None:
        """What a condition says then, where it asks for None."""
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if is_none(right):
                if self._is_value(left) and isinstance(op, (ast.Is, ast.Eq)):
                    return True
                return (
                    False
                    if self._is_value(left) and isinstance(op, (ast.IsNot, ast.NotEq))
                    else None
                )
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.test(operand)
                return None if inner is None else not inner
            case ast.BoolOp(op=ast.And(), values=values):
                return False if any(self.test(v) is False for v in values) else None
            case ast.BoolOp(values=values):
                return True if any(self.test(v) is True for v in values) else None
        return None

    def _is_pure(self, node: ast.expr) -> bool:
        """Whether evaluating it does nothing else:
        `next(weights)` moves on, whatever it is multiplied with."""
        for inner in ast.walk(node):
            if isinstance(inner, (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)):
                return False
            if isinstance(inner, ast.Call):
                imported = self.view.imported_name(inner.func)
                name = getattr(inner.func, "id", "")
                numeric = imported is not None and self.view.is_numeric(imported[0])
                reads = isinstance(inner.func, ast.Attribute) and (
                    inner.func.attr in ("get", *ARRAY_METHODS)
                )
                if not (numeric or reads or name in _PURE):
                    return False
        return True

    def _is_value(self, node: ast.expr) -> bool:
        return isinstance(node, (ast.Name, ast.Subscript, ast.Call)) and self.expression(node)

    def _call(self, node: ast.Call) -> bool:
        match node.func:
            case ast.Attribute(value=value, attr="get") if ast.unparse(value) == self.container:
                return all(map(self.expression, node.args[1:]))
            case ast.Attribute(value=value) if self.expression(value):
                return True
        meaning = self.view.legacy.meaning(node.func)
        if meaning == "accum":
            return all(map(self.expression, node.args))
        imported = self.view.imported_name(node.func)
        last = imported[1] if imported is not None else getattr(node.func, "id", "")
        known = imported is None or self.view.is_numeric(imported[0])
        if known and last.rpartition(".")[2] in _LINEAR and any(map(self.expression, node.args)):
            return True
        if isinstance(node.func, ast.Name) and not node.keywords:
            helper = self.view.definitions.get(self.view.scopes.of(node.func))
            if helper is not None:
                return self._helper(helper, node.args)
        return False

    def _helper(
        self, helper: ast.FunctionDef | ast.AsyncFunctionDef, given: Sequence[ast.expr]
    ) -> bool:
        """`z(v)`, where `z` gives zero for None."""
        if self.depth >= _DEPTH:
            return False
        parameters = positional_parameters(helper.args)
        names = {p.arg for p, g in zip(parameters, given, strict=False) if self.expression(g)}
        if not names:
            return False
        inner = Vanishing(self.view, names, depth=self.depth + 1)
        return inner.returns(helper.body)

    def returns(self, body: Sequence[ast.stmt]) -> bool:
        """Whether the first `return` that is met then gives nothing."""
        for statement in body:
            match statement:
                case ast.Return(value=value):
                    return value is None or self.expression(value)
                case ast.If(test=test, body=taken, orelse=other):
                    answer = self.test(test)
                    if answer is None:
                        return False
                    chosen = taken if answer else other
                    if any(isinstance(n, ast.Return) for s in chosen for n in ast.walk(s)):
                        return self.returns(chosen)
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if self.expression(value):
                    self.names.add(name)
                case _:
                    return False
        return True

    # ---- statements ----------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt], loop: ast.AST) -> bool:
        """Whether the body of a loop leaves everything as it was then."""
        for statement in body:
            match statement:
                case ast.Continue():
                    return True
                case ast.If(test=test, body=taken, orelse=other):
                    answer = self.test(test)
                    chosen = [taken, other] if answer is None else [taken if answer else other]
                    if not all(self.block(b, loop) for b in chosen):
                        return False
                    if answer is not None and any(isinstance(s, ast.Continue) for s in chosen[0]):
                        return True
                case ast.AugAssign(op=ast.Add() | ast.Sub(), value=value):
                    if not self.expression(value):
                        return False
                case ast.Assign(targets=[target], value=value):
                    if not self._assigned(target, value, loop):
                        return False
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append"), args=[_])):
                    pass  # whether the number of elements counts is asked where the list is read
                case ast.For(body=inner):
                    if not self.block(inner, loop):
                        return False
                case ast.Pass() | ast.Assert() | ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    return False
        return True

    def _assigned(self, target: ast.expr, value: ast.expr, loop: ast.AST) -> bool:
        if isinstance(target, ast.Subscript):
            return self.expression(value)
        if not isinstance(target, ast.Name):
            return False
        match value:
            case ast.BinOp(left=ast.Name(id=name), op=ast.Add() | ast.Sub(), right=right):
                if name == target.id and self.expression(right):
                    return True
            case ast.Call(args=[ast.Name(id=name), more]):
                if name == target.id and self.view.legacy.meaning(value.func) == "accum":
                    return self.expression(more)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                answer = self.test(test)
                if answer is not None:
                    taken = body if answer else orelse
                    if isinstance(taken, ast.Name) and taken.id == target.id:
                        return True
        uses = self.view.scopes.uses.get(self.view.scopes.of(target), [])
        if not all(self.view.scopes.inside(u, loop) for u in uses):
            return False
        if self.expression(value):
            self.names.add(target.id)
        return True
