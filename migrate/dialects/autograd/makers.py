"""One registration of autograd's as a `LegacyRule`:
makers that are lambdas, read as what they give."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from migrate.rules.legacy_names import LegacyNames
from migrate.rules.legacy_rule import Cotangent, Entry, LegacyRule, Parameter, Zero
from migrate.rules.module import Module
from migrate.syntax.forms import is_none
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import Variable


class NotRead(Exception):
    """A form that is left; the message says why."""


@dataclass
class _Maker:
    """`lambda ans, x: lambda g: value`, or with `unbroadcast_f(x, …)` around the inner one."""

    outer: ast.Lambda
    inner: ast.Lambda
    place: int
    helper: ast.expr | None  # the `unbroadcast_f`
    names: list[ast.Name] = field(default_factory=list)  # all that the value reads

    @property
    def value(self) -> ast.expr:
        """The expression that the tangent is."""
        return self.inner.body


def legacy_rule(
    call: ast.Call, module: Module, legacy: LegacyNames
) -> tuple[LegacyRule, ast.FunctionDef, set[ast.AST]]:
    """The rule, its primal, and the uses of autograd's names that go; raises NotRead."""
    return _Reader(call, module, legacy).read()


class _Reader:
    def __init__(self, call: ast.Call, module: Module, legacy: LegacyNames) -> None:
        self.call, self.module, self.legacy = call, module, legacy
        self.scopes = module.scopes

    def read(self) -> tuple[LegacyRule, ast.FunctionDef, set[ast.AST]]:
        """The rule in the words of the model."""
        statement = self._statement()
        target, primal = self._primal()
        parameters = [arg.arg for arg in primal.args.args]
        makers = self._makers(len(parameters))
        live = [self._maker(node, place) for place, node in makers.items() if not is_none(node)]
        if not live:
            self._no("it has no derivative at all: write non_differentiable")
        outside = set(self._outside(live, parameters))
        taken = {*outside, *parameters, "_", primal.name}
        output = self._name((m.outer.args.args[0].arg for m in live), taken, "ans")
        cotangent = self._name((m.inner.args.args[0].arg for m in live), {*taken, output}, "g")
        new = {*parameters, output, cotangent, f"{primal.name}_pullback", "_"}
        new |= {f"to_{name}" for name in parameters}
        if outside & new:
            self._no(f"`{min(outside & new)}` would mean something else in the rule")
        renamed: dict[ast.expr, str] = {}
        reads_output = False
        for maker in live:
            reads_output |= self._rename(maker, [output, *parameters], cotangent, new, renamed)
        entries = {m.place: self._cotangent(m) for m in live}
        rule = LegacyRule(
            primal.name,
            target,
            statement,
            tuple(map(Parameter, parameters)),
            tuple(self._entry(n, primal, entries, makers) for n in range(len(parameters))),
            cotangent,
            output if reads_output else "",
            decorators=("unconjugated",),
            lazy=True,
            renamed=renamed,
        )
        used = {self.call.func, primal.decorator_list[0], *(m.helper for m in live if m.helper)}
        return rule, primal, {inner for node in used for inner in ast.walk(node)}

    def _no(self, reason: str) -> NoReturn:
        raise NotRead(reason)

    # ---- what is registered --------------------------------------------------------------

    def _statement(self) -> ast.Expr:
        statement = self.scopes.parents.get(self.call)
        if not isinstance(statement, ast.Expr):
            self._no("the registration is not a statement of its own")
        if not isinstance(self.scopes.parents.get(statement), ast.Module):
            self._no("it is registered inside of a function, a class, a loop or a branch")
        if Cutter(self.module.source, self.scopes).shares_line(statement):
            self._no("other statements stand on its line")
        if self.legacy.meaning(self.call.func) != "defvjp":
            self._no("one function makes the derivatives of all arguments")
        return statement

    def _primal(self) -> tuple[ast.Name, ast.FunctionDef]:
        target = self.call.args[0] if self.call.args else None
        if not isinstance(target, ast.Name):
            self._no("its target is not the name of a function of this file")
        variable = self.scopes.of(target)
        primal = variable.bindings[0] if len(variable.bindings) == 1 else None
        if not isinstance(primal, ast.FunctionDef) or variable.scope is not self.scopes.module:
            self._no("its target is not a function that this file defines once")
        decorators = [self.legacy.meaning(d) for d in primal.decorator_list]
        if decorators != ["primitive"]:
            self._no("its target is not a function under @primitive alone")
        args = primal.args
        more = (args.posonlyargs, args.kwonlyargs, args.vararg, args.kwarg, args.defaults)
        if any(more) or not args.args:
            self._no("its target has other parameters than plain ones without defaults")
        if any(
            isinstance(v, ast.Tuple | ast.List | ast.Dict) for v in self.module.returned(primal)
        ):
            self._no("its target returns several values")
        if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in self.module.nodes_of(primal)):
            self._no("its target is a generator")
        for use in self.scopes.uses.get(variable, []):
            above = self.scopes.parents.get(use)
            if use is not target and isinstance(above, ast.Call) and use in above.args:
                if self.legacy.meaning(above.func) is not None:
                    self._no(f"`{target.id}` is registered at another place too")
        return target, primal

    def _makers(self, count: int) -> dict[int, ast.expr]:
        """The makers by the position of their argument."""
        makers = self.call.args[1:]
        if any(isinstance(node, ast.Starred) for node in makers):
            self._no("its makers are unpacked")
        places = list(range(len(makers)))
        for keyword in self.call.keywords:
            match keyword:
                case ast.keyword(arg="argnums", value=ast.Tuple(elts=elts) | ast.List(elts=elts)):
                    places = [
                        e.value if isinstance(e, ast.Constant) and type(e.value) is int else -1
                        for e in elts
                    ]
                case _:
                    self._no("its argnums are not written out")
        found = dict(zip(places, makers, strict=False))
        if not all(0 <= place < count for place in found) or len(set(places)) != len(places):
            self._no("its argnums are no arguments of its target")
        if len(makers) > len(places) and any(not is_none(m) for m in makers[len(places) :]):
            self._no("it has more makers than argnums")
        return found

    def _maker(self, node: ast.expr, place: int) -> _Maker:
        if not isinstance(node, ast.Lambda):
            self._no("a derivative is not written as a lambda")
        outer = self._plain(node)
        _, primal = self._primal()
        if len(outer) != 1 + len(primal.args.args):
            self._no("a derivative takes other arguments than the target")
        inner, helper = node.body, None
        match inner:
            case ast.Call(func=func, args=[ast.Name(id=name), ast.Lambda() as inside], keywords=[]):
                if self.legacy.meaning(func) == "unbroadcast_f" and name == outer[1 + place]:
                    inner, helper = inside, func
        if not isinstance(inner, ast.Lambda) or len(self._plain(inner)) != 1:
            self._no("a derivative does not give a lambda of the cotangent")
        maker = _Maker(node, inner, place, helper)
        self._check(maker)
        maker.names = [n for n in ast.walk(maker.value) if isinstance(n, ast.Name)]
        return maker

    def _is_autograds(self, name: ast.Name) -> bool:
        """Whether a name is autograd's and not `autograd.numpy`, which passes plain arrays on."""
        for alias in self.scopes.of(name).bindings:
            match self.scopes.parents.get(alias):
                case ast.ImportFrom(module=module):
                    whole = f"{module}.{getattr(alias, 'name', '')}"
                case ast.Import():
                    whole = getattr(alias, "name", "")
                    whole = whole if getattr(alias, "asname", None) else whole.partition(".")[0]
                case _:
                    continue
            if whole.partition(".")[0] == "autograd" and whole != "autograd.numpy":
                return True
        return False

    def _plain(self, function: ast.Lambda) -> list[str]:
        args = function.args
        more = (args.posonlyargs, args.kwonlyargs, args.vararg, args.kwarg, args.defaults)
        if any(more):
            self._no("a derivative has other parameters than plain ones without defaults")
        return [arg.arg for arg in args.args]

    def _check(self, maker: _Maker) -> None:
        if _is_container(maker.value) or isinstance(maker.value, ast.Lambda):
            self._no("a derivative gives a container")
        cotangent = self._own(maker.inner)[0]
        for node in ast.walk(maker.value):
            if isinstance(node, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await):
                self._no("a derivative binds a name inside of its expression")
            if isinstance(node, ast.Name) and self._is_autograds(node):
                self._no(f"a derivative uses `{node.id}` of autograd's")
            parts: list[ast.expr] = []
            match node:
                case ast.Subscript(value=value) | ast.Starred(value=value):
                    parts = [value]
                case ast.comprehension(iter=value):
                    parts = [value]
            for part in parts:
                if isinstance(part, ast.Name) and self.scopes.of(part) is cotangent:
                    self._no("a derivative takes the cotangent apart")

    # ---- names ---------------------------------------------------------------------------

    def _own(self, function: ast.Lambda) -> list[Variable]:
        scope = self.scopes.own[function]
        return [scope.variable(arg.arg) for arg in function.args.args]

    def _outside(self, live: list[_Maker], parameters: list[str]) -> Iterator[str]:
        """The names that the makers read from around them."""
        for maker in live:
            for name in maker.names:
                scope = self.scopes.of(name).scope
                if scope is None or not self.scopes.inside(scope.node, maker.outer):
                    yield name.id

    def _name(self, wanted: Iterator[str], taken: set[str], otherwise: str) -> str:
        name = next((n for n in wanted if n != "_"), otherwise)
        while name in taken:
            name += "_"
        return name

    def _rename(
        self,
        maker: _Maker,
        around: list[str],
        cotangent: str,
        new: set[str],
        renamed: dict[ast.expr, str],
    ) -> bool:
        """Give what a maker reads its names in the rule; whether it reads the output."""
        becomes = dict(zip(self._own(maker.outer), around, strict=True))
        becomes[self._own(maker.inner)[0]] = cotangent
        for name in maker.names:
            variable = self.scopes.of(name)
            if variable in becomes:
                if name.id != becomes[variable]:
                    renamed[name] = becomes[variable]
            elif name.id in new:
                self._no(f"`{name.id}` would mean something else in the rule")
        for node in ast.walk(maker.value):
            if isinstance(node, ast.arg) and node.arg in new:
                self._no(f"`{node.arg}` would mean something else in the rule")
        output = self._own(maker.outer)[0]
        return any(self.scopes.of(name) is output for name in maker.names)

    # ---- entries -------------------------------------------------------------------------

    def _cotangent(self, maker: _Maker) -> Cotangent:
        return Cotangent(maker.value, "UnbroadcastTo" if maker.helper is not None else "")

    def _entry(
        self,
        place: int,
        primal: ast.FunctionDef,
        entries: dict[int, Cotangent],
        makers: dict[int, ast.expr],
    ) -> Entry:
        if place in entries:
            return entries[place]
        if place in makers:
            return Zero("ZeroTangent", said=makers[place])
        arg = primal.args.args[place]
        annotation = self.module.annotations.of(arg, primal)
        if annotation is not None and self.module.annotations.cannot_be_perturbed(annotation):
            return Zero("NoTangent")
        why = f"{primal.name}: no derivative with respect to {arg.arg}"
        return Zero("NotImplementedTangent", why)


def _is_container(node: ast.expr) -> bool:
    displays = ast.Tuple | ast.List | ast.Dict | ast.Set
    made = ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return isinstance(node, displays | made) or (
        called and node.func.id in ("tuple", "list", "dict", "set", "zip", "map")  # type: ignore[attr-defined]
    )
