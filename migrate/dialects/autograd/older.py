"""The two older spellings: `f.defvjp(…, argnum=1)` of autograd 1.1 and `f.defgrad(…)` of 1.0.

All calls for one function in one scope are one rule, at the place of the first. Each adds what it
says of an argument to what the others say of theirs; a zero counts whatever else is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.dialects.autograd.installed import dotted_name
from migrate.dialects.autograd.makers import is_partial, is_steady
from migrate.dialects.autograd.registrations import METHODS, Registration, is_in_loop, numbers
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.forms import root_of
from migrate.syntax.pieces import BLOCKS
from migrate.syntax.scopes import Variable

_PRIMITIVES = frozenset({"primitive", "nograd_primitive"})
_NONE = ast.Constant(None)


@dataclass
class _Calls:
    """The calls for one function in one scope."""

    calls: list[ast.Call] = field(default_factory=list)
    makers: dict[int, ast.expr] = field(default_factory=dict)
    zeros: dict[int, ast.expr] = field(default_factory=dict)
    leads: dict[int, int] = field(default_factory=dict)
    trouble: str = ""


def older_registrations(module: Module, legacy: LegacyNames) -> list[Registration]:
    """What a file registers in the older spellings, in the order of the text."""
    return _Older(module, legacy).all()


class _Older:
    def __init__(self, module: Module, legacy: LegacyNames) -> None:
        self.module, self.legacy, self.scopes = module, legacy, module.scopes

    def all(self) -> list[Registration]:
        found: dict[object, _Calls] = {}
        for call, method in sorted(self._calls(), key=lambda c: (c[0].lineno, c[0].col_offset)):
            assert isinstance(call.func, ast.Attribute)
            self._add(found.setdefault(self._key(call.func.value, call), _Calls()), call, method)
        return [self._registration(calls) for calls in found.values()]

    def _calls(self) -> Iterator[tuple[ast.Call, str]]:
        for node in self.scopes.every(ast.Call):
            match node:
                case ast.Call(func=ast.Attribute(value=target, attr=method)):
                    todays = self.legacy.meaning(node.func) is not None  # `extend.defvjp(f, …)`
                    if method in METHODS and not todays and self._is_primitive(target):
                        yield node, method

    def _is_primitive(self, node: ast.expr) -> bool:
        """Whether a function is a primitive of the file, or one of autograd's own."""
        if dotted_name(node, self.module).startswith("autograd."):
            return True
        if not isinstance(node, ast.Name):
            return False
        variable = self.scopes.of(node)
        if variable.scope is None:  # brought by `wrap_namespace(numpy.linalg.__dict__, globals())`
            return not self.module.is_builtin(node.id, node) or "wrap_namespace" in self._called
        return any(self._makes_primitive(binding) for binding in variable.bindings)

    @property
    def _called(self) -> set[str]:
        return {name for name in self.scopes.by_name if name == "wrap_namespace"}

    def _makes_primitive(self, binding: ast.AST) -> bool:
        statement = self.scopes.parents.get(binding)
        match binding, statement:
            case ast.FunctionDef(decorator_list=decorators), _:
                return any(self.legacy.meaning(d) in _PRIMITIVES for d in decorators)
            case _, ast.Assign(value=ast.Call(func=func)):
                return self.legacy.meaning(func) in _PRIMITIVES
            case _, ast.Assign(value=ast.Attribute() as value):
                return dotted_name(value, self.module).startswith("autograd.")
            case ast.Name(), ast.For(iter=ast.Tuple(elts=elts) | ast.List(elts=elts)):
                return bool(elts) and all(map(self._is_primitive, elts))
            case ast.alias(), ast.ImportFrom(module=str(whole), level=0):
                return whole.partition(".")[0] == "autograd"
        return False

    def _key(self, target: ast.expr, call: ast.Call) -> object:
        """What calls for one function have in common: the function, and the block they are in."""
        root = root_of(target)
        variable: Variable | None = self.scopes.of(root) if root is not None else None
        statement = self.scopes.parents.get(call)
        around = self.scopes.parents.get(statement) if statement is not None else None
        arm = [name for name in BLOCKS if statement in (getattr(around, name, None) or ())]
        return variable, self.module.text(target), around, *arm

    # ---- what they say -------------------------------------------------------------------

    def _add(self, calls: _Calls, call: ast.Call, method: str) -> None:
        calls.calls.append(call)
        if not isinstance(self.scopes.parents.get(call), ast.Expr):
            calls.trouble = "the registration is not a statement of its own"
            return
        args, keywords = list(call.args), {k.arg: k.value for k in call.keywords}
        if any(isinstance(a, ast.Starred) for a in args) or None in keywords:
            calls.trouble = "its arguments are unpacked"
            return
        if method.endswith("is_zero"):
            given = args[0] if args else keywords.get("argnums")
            places = [0] if given is None else numbers(given, self.module)
            if places is None or len(args) + len(keywords) > 1:
                calls.trouble = "its argnums are not written out"
                return
            calls.zeros |= dict.fromkeys(places, given or _NONE)
            return
        self._add_maker(calls, args, keywords, method)

    def _add_maker(
        self,
        calls: _Calls,
        args: list[ast.expr],
        keywords: dict[str | None, ast.expr],
        method: str,
    ) -> None:
        last = "argnums" if method == "defvjps" else "argnum"
        maker = args[0] if args else None
        given = args[1] if len(args) == 2 else keywords.get(last)
        if maker is None or len(args) > 2 or set(keywords) - {last}:
            calls.trouble = "its arguments are not those of autograd"
            return
        match given:
            case None if method != "defvjps":
                places: list[int] | None = [0]
            case ast.Constant(value=int(place)) if method != "defvjps":
                places = [place]
            case ast.expr() if method == "defvjps":
                places = numbers(given, self.module)
            case _:
                places = None
        if places is None:
            calls.trouble = f"its {last} is not written out"
            return
        calls.makers |= dict.fromkeys(places, maker)
        calls.leads |= dict.fromkeys(places, METHODS[method])

    def _is_lasting(self, maker: ast.expr) -> bool:
        """Whether a maker may be named at the place of the first registration."""
        if isinstance(maker, ast.Call) and is_partial(maker.func, self.module):
            return all(isinstance(a, ast.Constant) or self._is_lasting(a) for a in maker.args)
        return isinstance(maker, ast.Lambda) or (
            isinstance(maker, ast.Name) and is_steady(maker, self.module)
        )

    def _registration(self, calls: _Calls) -> Registration:
        first = calls.calls[0]
        assert isinstance(first.func, ast.Attribute)
        statement = self.scopes.parents.get(first)
        site = statement if isinstance(statement, ast.Expr) else None
        places = sorted({*calls.makers, *calls.zeros})
        inside = set(ast.walk(first))
        if not all(m in inside or self._is_lasting(m) for m in calls.makers.values()):
            calls.trouble = calls.trouble or "a maker is made after its first registration"
        # a zero is one whatever else is registered
        makers = {k: _NONE if k in calls.zeros else calls.makers[k] for k in places}
        return Registration(
            first,
            first.func.attr,
            first.func.value,
            makers,
            site,
            calls.trouble,
            is_in_loop(first, self.module),
            calls.leads,
            tuple(calls.calls[1:]),
        )
