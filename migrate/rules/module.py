"""What a reader of rules has to know of the module around them, whatever their language."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from migrate.syntax.annotations import Annotations
from migrate.syntax.forms import parts_of
from migrate.syntax.numeric import NUMERIC_MODULES, OFTEN_HIDDEN
from migrate.syntax.scopes import FunctionNode, Scopes, Variable, same_scope_nodes
from migrate.syntax.silence import skip_marker
from migrate.syntax.source import Source
from migrate.syntax.webs import webs_of


@dataclass
class Module:
    """A parsed module with its scopes."""

    source: Source
    scopes: Scopes
    taken: frozenset[str] = field(default=frozenset(), kw_only=True)  # by other files
    _nodes: dict[FunctionNode, tuple[ast.AST, ...]] = field(default_factory=dict, init=False)
    _webs: dict[FunctionNode, dict[ast.Name, Variable]] = field(default_factory=dict, init=False)
    _lives: dict[ast.Name, Variable] = field(default_factory=dict, init=False)
    _returned: dict[FunctionNode, tuple[ast.expr, ...]] = field(default_factory=dict, init=False)
    _imported: dict[ast.expr, tuple[str, str] | None] = field(default_factory=dict, init=False)

    @cached_property
    def annotations(self) -> Annotations:
        return Annotations(self.scopes)

    @cached_property
    def attributes(self) -> dict[str, list[ast.Attribute]]:
        """All attributes of the module, by their names."""
        found: dict[str, list[ast.Attribute]] = {}
        for node in self.scopes.every(ast.Attribute):
            found.setdefault(node.attr, []).append(node)
        return found

    def is_builtin(self, name: str, where: ast.AST) -> bool:
        """Whether a name means Python's own function where new text uses it."""
        if self.scopes.variable(name, self.scopes.around[where]).scope is not None:
            return False
        return not (self.foreign_stars and name in OFTEN_HIDDEN)

    @property
    def own_star(self) -> ast.ImportFrom | None:
        """The star import that brings the legacy language."""
        return None

    @cached_property
    def foreign_stars(self) -> bool:
        """Whether a star import may bring names that nobody can see here (`from numpy import
        *`)."""
        return any(star is not self.own_star for star in self.scopes.stars)

    @cached_property
    def methods(self) -> frozenset[str]:
        """The names of the methods of all classes of the module."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return frozenset(
            n.name
            for c in self.scopes.own
            if isinstance(c, ast.ClassDef)
            for n in c.body
            if isinstance(n, kinds)
        )

    def constant(self, variable: Variable) -> ast.expr | None:
        """What a variable is given, where only one assignment gives it something."""
        only = variable.only
        match None if only is None else self.scopes.parents.get(only):
            case (
                ast.Assign(targets=[ast.Name()], value=value)
                | ast.AnnAssign(value=ast.expr() as value)
            ):
                return value
        return None

    @cached_property
    def skipped_lines(self) -> frozenset[int]:
        """The lines on which a comment asks to leave something alone."""
        comments = self.source.comments
        return frozenset(self.source.line_of(at) for at, t in comments if skip_marker(t) == "skip")

    @cached_property
    def exported(self) -> frozenset[str]:
        """The strings that are assigned or added to `__all__`,
        and the names that other files take from here."""
        found: set[str] = set(self.taken)
        pending: list[ast.AST] = list(self.source.tree.body)
        while pending:
            statement = pending.pop()
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            for name in ("body", "orelse", "finalbody", "handlers"):
                pending += getattr(statement, name, ())
            if any(isinstance(n, ast.Name) and n.id == "__all__" for n in _heads(statement)):
                for node in ast.walk(statement):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        found.add(node.value)
        return frozenset(found)

    def nodes_of(self, function: FunctionNode) -> tuple[ast.AST, ...]:
        """Every node of a function's body that is not inside a nested function or class."""
        if function not in self._nodes:
            self._nodes[function] = tuple(same_scope_nodes(function))
        return self._nodes[function]

    def returned(self, function: FunctionNode) -> tuple[ast.expr, ...]:
        """What a function returns, without what its nested functions return."""
        if isinstance(function, ast.Lambda):
            return (function.body,)
        if function not in self._returned:
            self._returned[function] = tuple(
                n.value
                for n in self.nodes_of(function)
                if isinstance(n, ast.Return) and n.value is not None
            )
        return self._returned[function]

    def variable_at(self, node: ast.Name) -> Variable:
        """The variable that a name means, one for each of its lives in a function."""
        found = self._lives.get(node)
        if found is None:
            found = self.scopes.of(node)
            function = found.scope.node if found.scope is not None else None
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if function not in self._webs:
                    self._webs[function] = webs_of(function, self.scopes)
                found = self._webs[function].get(node, found)
            self._lives[node] = found
        return found

    def imported_name(self, node: ast.expr) -> tuple[str, str] | None:
        """`("numpy", "linalg.inv")` for `np.linalg.inv`, `("numpy.linalg",
        "inv")` for an imported `inv`."""
        if node not in self._imported:
            self._imported[node] = self._imported_name(node)
        return self._imported[node]

    def _imported_name(self, node: ast.expr, depth: int = 0) -> tuple[str, str] | None:
        node, parts = parts_of(node)
        if not isinstance(node, ast.Name):
            return None
        bindings = [b for b in self.scopes.of(node).bindings if not self._is_fallback(b)]
        again = self._renamed(bindings)
        if again is not None:  # `np = numpy`, `sla = scipy.linalg`
            whole = again
            for part in parts:
                whole = ast.Attribute(whole, part, ast.Load())
            return self._imported_name(whole, depth + 1) if depth < 4 else None
        if not bindings or not all(isinstance(b, ast.alias) for b in bindings):
            return None
        alias = bindings[0]
        assert isinstance(alias, ast.alias)
        statement = self.scopes.parents[alias]
        rest = ".".join(parts)
        if isinstance(statement, ast.ImportFrom):
            if statement.level:
                return None
            module = statement.module or ""
            if not rest:
                return module, alias.name
            if module in NUMERIC_MODULES or alias.name.islower():
                return f"{module}.{alias.name}" if alias.name != "chain" else module, (
                    rest if alias.name != "chain" else f"chain.{rest}"
                )
            return module, f"{alias.name}.{rest}"
        if not rest:
            return None
        return (alias.name if alias.asname else alias.name.partition(".")[0]), rest

    def _is_fallback(self, binding: ast.AST) -> bool:
        """`except ImportError: sla = None`."""
        statement = self.scopes.parents.get(binding)
        return (
            isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Constant)
            and statement.value.value is None
            and isinstance(self.scopes.parents.get(statement), ast.ExceptHandler)
        )

    def _renamed(self, bindings: list[ast.AST]) -> ast.expr | None:
        """What a name is another name for, where it is bound once, at the top of the module."""
        if len(bindings) != 1 or self.scopes.around.get(bindings[0]) is not self.scopes.module:
            return None
        match self.scopes.parents.get(bindings[0]):
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value
            ):
                roots = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
                return None if name in roots else value
        return None

    def is_numeric(self, module: str) -> bool:
        return module.partition(".")[0] in NUMERIC_MODULES

    def text(self, node: ast.expr) -> str:
        return self.source.segment(node)


def _heads(statement: ast.AST) -> list[ast.expr]:
    """The targets of an assignment, or what a method is called of (`__all__.append("f")`)."""
    match statement:
        case ast.Assign(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=value))):
            return [value]
    return []
