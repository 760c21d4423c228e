"""What a rule is registered for: which function that is, and what is known of its parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.dialects.autograd.installed import dotted_name, parameters
from migrate.dialects.autograd.registrations import Registration
from migrate.dialects.autograd.signature import Signature, signature_of
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.syntax.annotations import last_part
from migrate.syntax.forms import root_of
from migrate.syntax.scopes import Variable

#: Decorators that leave a function's parameters what they are.
_KEEPING = frozenset({"wraps", "lru_cache", "cache", "jit", "njit", "staticmethod"})


@dataclass(frozen=True, eq=False)
class Target:
    """A function that a rule is registered for."""

    node: ast.expr
    name: str  # what its rule is called after
    definition: ast.FunctionDef | None = None
    signature: Signature | None = None  # where the file says it
    dotted: str = ""  # the function's name, where it is one of a package
    through: bool = False  # by its name another function might be called later
    decorator: ast.expr | None = None  # that makes a primitive of the definition
    refused: str = ""  # why there is no rule for it
    born: tuple[ast.AST, ...] = ()  # where the file makes it

    @property
    def root(self) -> str:
        """The name that its expression starts with."""
        root = root_of(self.node)
        return "" if root is None else root.id

    @property
    def by_position(self) -> bool:
        """Whether its parameters with defaults are given by position."""
        return self.definition is not None or self.dotted.startswith("scipy.stats.")


def target_of(registration: Registration, module: Module, legacy: LegacyNames) -> Target:
    """The target of one registration."""
    return _Reader(registration, module, legacy).read()


class _Reader:
    def __init__(self, registration: Registration, module: Module, legacy: LegacyNames) -> None:
        self.registration, self.module, self.legacy = registration, module, legacy
        self.scopes = module.scopes
        self.node = registration.target
        text = re.sub(r"\W+", "_", module.text(self.node)).strip("_")
        self.name = text if len(text) <= 48 and not text[:1].isdigit() else "rule"

    def read(self) -> Target:
        """What is known of it."""
        match self.node:
            case ast.Name():
                return self._named(self.node)
            case ast.Attribute():
                return self._attribute(self.node)
        return Target(self.node, self.name, through=True)

    def _refused(self, reason: str) -> Target:
        if self.registration.is_foreign:  # what a primitive is, another library decides
            return Target(self.node, self.name)
        return Target(self.node, self.name, refused=reason)

    # ---- names ---------------------------------------------------------------------------

    def _named(self, node: ast.Name) -> Target:
        variable = self.scopes.of(node)
        through = self.registration.in_loop or self._changes_later(variable)
        bindings = tuple(variable.bindings)
        binding = self._last(variable)
        if isinstance(binding, ast.FunctionDef):
            found = self._definition(binding, through)
            return found
        if isinstance(binding, ast.alias):
            dotted = dotted_name(node, self.module)
            if dotted and not dotted.startswith("autograd.") and parameters(dotted) is not None:
                return self._refused(
                    f"`{node.id}` is no primitive of autograd's, which never asks for its rule"
                )
            return Target(node, self.name, dotted=dotted, through=through, born=bindings)
        statement = self.scopes.parents.get(binding) if binding is not None else None
        match statement:
            case (
                ast.Assign(targets=[ast.Name()], value=value)
                | ast.AnnAssign(value=ast.expr() as value)
            ):
                return self._assigned(value, through, bindings)
        return Target(node, self.name, through=through, born=bindings)

    def _changes_later(self, variable: Variable) -> bool:
        line = self.registration.call.lineno
        return any(getattr(b, "lineno", 0) > line for b in variable.bindings)

    def _last(self, variable: Variable) -> ast.AST | None:
        """What binds a name where the rule is registered; None where that is not certain."""
        if variable.only is not None:
            return variable.only
        line = self.registration.call.lineno
        before = [b for b in variable.bindings if getattr(b, "lineno", 0) < line]
        if variable.scope is None or not before:
            return None
        last = max(before, key=lambda b: getattr(b, "lineno", 0))
        statement = last
        while not isinstance(statement, ast.stmt):
            statement = self.scopes.parents[statement]
        around = self.scopes.parents.get(statement)
        return last if self.scopes.inside(self.registration.call, around or last) else None

    def _definition(self, definition: ast.FunctionDef, through: bool) -> Target:
        meanings = [self.legacy.meaning(d) for d in definition.decorator_list]
        if "primitive" not in meanings:
            if not definition.decorator_list and definition.name == self.module.text(self.node):
                return self._refused(
                    f"`{definition.name}` is no primitive, so autograd never asks for its rule: "
                    "put @primitive above it"
                )
            return Target(self.node, self.name, through=through, born=(definition,))
        number = meanings.index("primitive")
        others = [d for n, d in enumerate(definition.decorator_list) if n != number]
        keeps = number == 0 and all(map(_keeps, others))
        return Target(
            self.node,
            self.name,
            definition if keeps else None,
            signature_of(definition, self.module.source) if keeps else None,
            through=through,
            decorator=definition.decorator_list[number],
            born=(definition,),
        )

    def _assigned(self, value: ast.expr, through: bool, born: tuple[ast.AST, ...]) -> Target:
        """`f = primitive(g)`, or another name for a function of autograd's."""
        match value:
            case ast.Call(func=func, args=[inner], keywords=[]) if (
                self.legacy.meaning(func) == "primitive"
            ):
                definition, signature = self._wrapped(inner)
                return Target(
                    self.node,
                    self.name,
                    definition,
                    signature,
                    dotted_name(inner, self.module),
                    through,
                    born=born,
                )
            case ast.Attribute() if dotted_name(value, self.module).startswith("autograd."):
                dotted = dotted_name(value, self.module)
                return Target(self.node, self.name, dotted=dotted, through=through, born=born)
        if any(is_autograds(n, self.module) for n in ast.walk(value) if isinstance(n, ast.Name)):
            return self._refused(
                "it changes a function of autograd's own: the rule is for autograd alone"
            )
        return Target(self.node, self.name, through=through, born=born)

    def _wrapped(self, inner: ast.expr) -> tuple[ast.FunctionDef | None, Signature | None]:
        """The function of the file that `primitive` is given."""
        function: ast.AST | None = inner
        if isinstance(inner, ast.Name):
            variable = self.scopes.of(inner)
            same = isinstance(self.node, ast.Name) and variable is self.scopes.of(self.node)
            bindings = [b for b in variable.bindings if not isinstance(b, ast.Name)]
            if not same and variable.only is None:
                return None, None
            function = bindings[0] if len(bindings) == 1 else None
            given = self.module.constant(variable)
            function = given if isinstance(given, ast.Lambda) else function
        if isinstance(function, ast.Lambda):
            return None, signature_of(function, self.module.source)
        if not isinstance(function, ast.FunctionDef):
            return None, None
        if not all(map(_keeps, function.decorator_list)):
            return None, None
        return function, signature_of(function, self.module.source)

    # ---- attributes ----------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute) -> Target:
        dotted = dotted_name(node, self.module)
        if dotted:
            if not dotted.startswith("autograd.") and parameters(dotted) is not None:
                return self._refused(
                    f"`{self.module.text(node)}` is no primitive of autograd's, which never asks "
                    "for its rule"
                )
            return Target(node, self.name, dotted=dotted, born=self._root_bindings(node))
        match node.value:
            case ast.Name() as owner:
                variable = self.scopes.of(owner)
                if self._is_own_method(node, variable.bindings):
                    return self._refused(
                        f"`{self.module.text(node)}` is a bound method, which autograd never asks "
                        "for: register the function of the class"
                    )
                if isinstance(variable.only, ast.ClassDef):
                    return self._method(node, variable.only)
                if variable.bindings and all(isinstance(b, ast.alias) for b in variable.bindings):
                    return Target(node, self.name)
        return Target(node, self.name, through=True)

    def _root_bindings(self, node: ast.expr) -> tuple[ast.AST, ...]:
        root = root_of(node)
        return () if root is None else tuple(self.scopes.of(root).bindings)

    def _is_own_method(self, node: ast.Attribute, bindings: Sequence[ast.AST]) -> bool:
        """`self.f` of a method `f`."""
        owner = self.scopes.enclosing(self.registration.call, ast.ClassDef)
        if owner is None or not all(isinstance(b, ast.arg) for b in bindings) or not bindings:
            return False
        function = self.scopes.enclosing(bindings[0], ast.FunctionDef)
        if function is None or self.scopes.parents.get(function) is not owner:
            return False
        methods = [
            s
            for s in owner.body  # type: ignore[attr-defined]
            if isinstance(s, ast.FunctionDef) and s.name == node.attr
        ]
        plain = all(
            self.legacy.meaning(d) == "primitive" for m in methods for d in m.decorator_list
        )
        return bool(methods) and plain

    def _method(self, node: ast.Attribute, owner: ast.ClassDef) -> Target:
        found = [s for s in owner.body if isinstance(s, ast.FunctionDef) and s.name == node.attr]
        if len(found) != 1 or any(
            last_part(_head(d)) == "classmethod" for d in found[0].decorator_list
        ):
            return Target(node, self.name, born=(owner,))
        return self._definition(found[0], False)


def is_autograds(name: ast.Name, module: Module) -> bool:
    """Whether a name was imported from autograd."""
    for alias in module.scopes.of(name).bindings:
        match module.scopes.parents.get(alias):
            case ast.ImportFrom(module=str(whole), level=0):
                found = whole
            case ast.Import():
                found = getattr(alias, "name", "")
            case _:
                continue
        if found.partition(".")[0] == "autograd":
            return True
    return False


def _keeps(decorator: ast.expr) -> bool:
    """Whether a decorator leaves a function's parameters what they are."""
    return last_part(_head(decorator)) in _KEEPING


def _head(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator
