"""Which variable a name means: Python's scope rules over one `ast` tree.

A variable is a pair of a scope and a name. Only what a codemod needs is kept: who binds a name, in
which scope a use looks it up, and which nodes use it.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard, TypeVar

Node = TypeVar("Node", bound=ast.AST)
Other = TypeVar("Other", bound=ast.AST)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DefNode = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: Fields that hold no node, or one that all nodes share and that stands nowhere: `Load()`, `Add()`.
_WITHOUT_PLACE = frozenset("id attr arg ctx op ops kind type_comment conversion simple".split())
#: The other fields of each type of node, as they are met.
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}


@dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension, and the names that it binds."""

    node: ast.AST
    parent: Scope | None
    kind: str  # "module", "class", "function" or "comprehension"
    bindings: dict[str, list[ast.AST]] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    _variables: dict[str, Variable] = field(default_factory=dict, repr=False)

    def variable(self, name: str) -> Variable:
        """The variable of that name that this scope binds."""
        if name not in self._variables:
            self._variables[name] = Variable(self, name)
        return self._variables[name]

    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @property
    def module(self) -> Scope:
        return list(self.chain())[-1]


@dataclass(frozen=True, eq=False)
class Variable:
    """A name in the scope that binds it; `scope` is None for a builtin or an unknown name.

    There is one of each, made by `Scope` and `Scopes`:
    it is looked up too often to be compared by its parts.
    """

    scope: Scope | None
    name: str

    @property
    def bindings(self) -> list[ast.AST]:
        return [] if self.scope is None else self.scope.bindings[self.name]

    @property
    def only(self) -> ast.AST | None:
        """What binds it, where that is one place."""
        bindings = self.bindings
        return bindings[0] if len(bindings) == 1 else None


@dataclass
class Scopes:
    """The scope analysis of a module."""

    module: Scope
    own: dict[ast.AST, Scope]  # the scope that a module, class, function or comprehension opens
    around: dict[ast.AST, Scope]  # the scope in which every node is evaluated
    parents: dict[ast.AST, ast.AST]
    uses: dict[Variable, list[ast.Name]] = field(default_factory=dict)
    _of: dict[ast.Name, Variable] = field(default_factory=dict)
    _loose: dict[str, Variable] = field(default_factory=dict)

    def variable(self, name: str, scope: Scope) -> Variable:
        """What a name means when it is read in a scope."""
        start = scope
        while True:
            if name in start.global_names:
                start = self.module
                return start.variable(name) if name in start.bindings else self._unbound(name)
            if name not in start.nonlocal_names and name in start.bindings:
                return start.variable(name)
            outer = start.parent
            while outer is not None and outer.kind == "class":  # invisible from inside a method
                outer = outer.parent
            if outer is None:
                return self._unbound(name)
            start = outer

    def of(self, node: ast.Name) -> Variable:
        if node not in self._of:
            self._of[node] = self.variable(node.id, self.around[node])
        return self._of[node]

    def is_unbound(self, node: ast.AST) -> TypeGuard[ast.Name]:
        """Whether an expression is a name that no scope binds, as one of Python's own is."""
        return isinstance(node, ast.Name) and self.of(node).scope is None

    @cached_property
    def by_name(self) -> dict[str, list[Variable]]:
        """The variables of each name that is used."""
        found: dict[str, list[Variable]] = {}
        for variable in self.uses:
            found.setdefault(variable.name, []).append(variable)
        return found

    @cached_property
    def bound(self) -> dict[str, list[ast.AST]]:
        """Every name that some scope binds, with all that binds it."""
        found: dict[str, list[ast.AST]] = {}
        for scope in self.own.values():
            for name, nodes in scope.bindings.items():
                found.setdefault(name, []).extend(nodes)
        return found

    @cached_property
    def loose(self) -> frozenset[str]:
        """The names that are used and that no scope binds."""
        return frozenset(v.name for v in self._loose.values() if v in self.uses)

    @cached_property
    def stars(self) -> list[ast.ImportFrom]:
        """The star imports of the module: what they bring cannot be seen here."""
        return [n for n in self.every(ast.ImportFrom) if n.names[0].name == "*"]

    def every(self, kind: type[Node], *others: type[Other]) -> list[Node | Other]:
        """All nodes of the module of these types, as they are met."""
        found = [pair for k in (kind, *others) for pair in self._by_type.get(k, ())]
        return [node for _, node in (sorted(found) if others else found)]

    @cached_property
    def _by_type(self) -> dict[type[Any], list[tuple[int, Any]]]:
        """All nodes, numbered, by their types: gone through once for all languages."""
        found: dict[type[Any], list[tuple[int, Any]]] = {}
        for numbered in enumerate(self.around):
            found.setdefault(type(numbered[1]), []).append(numbered)
        return found

    def block_of(self, statement: ast.stmt) -> list[ast.stmt] | None:
        """The statements in a row that one is among; None for those of a handler or a case."""
        for name in ("body", "orelse", "finalbody"):
            block = getattr(self.parents[statement], name, None)
            if isinstance(block, list) and statement in block:
                return block
        return None

    def enclosing(self, node: ast.AST, *kinds: type[ast.AST]) -> ast.AST | None:
        """The nearest node around `node`, itself not counted, of one of these types."""
        parent = self.parents.get(node)
        while parent is not None and not isinstance(parent, kinds):
            parent = self.parents.get(parent)
        return parent

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        parent = self.parents.get(node)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent)

    def inside(self, node: ast.AST, outer: ast.AST) -> bool:
        return node is outer or any(a is outer for a in self.ancestors(node))

    def inside_any(self, node: ast.AST, outer: Container[ast.AST]) -> bool:
        return node in outer or any(a in outer for a in self.ancestors(node))

    def _unbound(self, name: str) -> Variable:
        if name not in self._loose:
            self._loose[name] = Variable(None, name)
        return self._loose[name]


def analyse_scopes(tree: ast.Module) -> Scopes:
    """The scopes of a module and of everything in it."""
    builder = _Builder(tree)
    builder.run()
    scopes = Scopes(builder.module, builder.own, builder.around, builder.parents)
    for name in builder.names:
        scopes.uses.setdefault(scopes.of(name), []).append(name)
    return scopes


class _Builder:
    """Walks the tree once, with an explicit stack:
    real files nest deeper than Python's recursion limit."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.module = Scope(tree, None, "module")
        self.own: dict[ast.AST, Scope] = {tree: self.module}
        self.around: dict[ast.AST, Scope] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        self.names: list[ast.Name] = []
        self.stack: list[tuple[ast.AST, Scope]] = []
        self.deferred: list[tuple[Scope, str, ast.AST]] = []

    def run(self) -> None:
        self.around[self.tree] = self.module
        self._children(self.tree, self.module)
        while self.stack:
            node, scope = self.stack.pop()
            self.around[node] = scope
            self._visit(node, scope)
        for scope, name, node in self.deferred:
            outer = scope.parent
            while outer is not None and (outer.kind == "class" or name not in outer.bindings):
                outer = outer.parent
            (outer or scope).bindings.setdefault(name, []).append(node)

    def _push(self, parent: ast.AST, node: ast.AST | None, scope: Scope) -> None:
        if node is not None:
            self.parents[node] = parent
            self.stack.append((node, scope))

    def _children(self, node: ast.AST, scope: Scope) -> None:
        for child in child_nodes(node):
            self.parents[child] = node
            self.stack.append((child, scope))

    def _bind(self, scope: Scope, name: str, node: ast.AST) -> None:
        if name in scope.global_names:
            scope = self.module
        elif name in scope.nonlocal_names:
            self.deferred.append((scope, name, node))  # the outer binding may come later
            return
        scope.bindings.setdefault(name, []).append(node)

    def _open(self, node: ast.AST, parent: Scope, kind: str) -> Scope:
        scope = Scope(node, parent, kind)
        self.own[node] = scope
        return scope

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._bind(scope, node.name, node)
            self._function(node, scope)
        elif isinstance(node, ast.Lambda):
            self._function(node, scope)
        elif isinstance(node, ast.ClassDef):
            self._class(node, scope)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node, scope)
        elif isinstance(node, ast.Name):
            self.names.append(node)
            if not isinstance(node.ctx, ast.Load):
                target = scope
                if isinstance(self.parents.get(node), ast.NamedExpr):
                    while target.kind == "comprehension" and target.parent is not None:
                        target = target.parent
                self._bind(target, node.id, node)
        else:
            self._bind_others(node, scope)
            self._children(node, scope)

    def _bind_others(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    if alias.name != "*":
                        self._bind(scope, alias.asname or alias.name.partition(".")[0], alias)
            case ast.ExceptHandler(name=str(name)):
                self._bind(scope, name, node)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._bind(scope, name, node)
            case ast.MatchMapping(rest=str(name)):
                self._bind(scope, name, node)

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        inner = self._open(node, scope, "function")
        arguments = node.args
        self.parents[arguments] = node
        self.around[arguments] = scope
        for default in (*arguments.defaults, *arguments.kw_defaults):
            self._push(arguments, default, scope)
        for arg in all_parameters(arguments):
            self.parents[arg] = arguments
            self.around[arg] = inner
            self._bind(inner, arg.arg, arg)
            self._push(arg, arg.annotation, scope)
        if isinstance(node, ast.Lambda):
            self._push(node, node.body, inner)
            return
        for parameter in getattr(node, "type_params", []):
            self.parents[parameter] = node
            self.around[parameter] = inner
            self._bind(inner, parameter.name, parameter)
            self._push(parameter, getattr(parameter, "bound", None), scope)
        self._push(node, node.returns, scope)
        for decorator in node.decorator_list:
            self._push(node, decorator, scope)
        self._declare(node.body, inner)
        for statement in reversed(node.body):
            self._push(node, statement, inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        self._bind(scope, node.name, node)
        inner = self._open(node, scope, "class")
        for parameter in getattr(node, "type_params", []):
            self.parents[parameter] = node
            self.around[parameter] = inner
            self._bind(inner, parameter.name, parameter)
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self._push(node, outside, scope)
        self._declare(node.body, inner)
        for statement in reversed(node.body):
            self._push(node, statement, inner)

    def _comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: Scope,
    ) -> None:
        inner = self._open(node, scope, "comprehension")
        for number, generator in enumerate(node.generators):
            self.parents[generator] = node
            self.around[generator] = inner
            self._push(generator, generator.iter, scope if number == 0 else inner)
            self._push(generator, generator.target, inner)
            for condition in generator.ifs:
                self._push(generator, condition, inner)
        if isinstance(node, ast.DictComp):
            self._push(node, node.key, inner)
            self._push(node, node.value, inner)
        else:
            self._push(node, node.elt, inner)

    def _declare(self, body: list[ast.stmt], scope: Scope) -> None:
        """Collect `global` and `nonlocal` before anything in the scope is bound."""
        pending: list[ast.AST] = list(body)
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Global):
                scope.global_names.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.nonlocal_names.update(node.names)
            elif not isinstance(
                node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)
            ):
                pending.extend(child_nodes(node))


def child_nodes(node: ast.AST) -> list[ast.AST]:
    """`ast.iter_child_nodes` without operators and contexts, in a third of the time."""
    kind = type(node)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(name for name in kind._fields if name not in _WITHOUT_PLACE)
    found: list[ast.AST] = []
    for name in _FIELDS[kind]:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def all_parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter, in the order in which they stand."""
    found = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg:
        found.append(arguments.vararg)
    found += arguments.kwonlyargs
    if arguments.kwarg:
        found.append(arguments.kwarg)
    return found


def positional_parameters(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args]


def same_scope_nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """Every node of a function's body that is not inside a nested function or class."""
    body = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    pending: list[ast.AST] = list(reversed(body))
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        pending.extend(reversed(child_nodes(node)))
