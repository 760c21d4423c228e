"""Tells the lives of one local variable apart: `d = dict(d)` makes another `d`, and what is true of
the one need not be true of the other.

A *web* is a set of bindings that reach a common use, with all that they reach (def-use chains,
joined). The bindings that reach a place are found by one pass over the structured statements of a
function, loops until nothing changes. Only variables that the function has for itself are told
apart: where a nested function reads one later, nobody can say which of its lives that is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.syntax.scopes import DefNode, FunctionNode, Scope, Scopes, Variable, all_parameters

_State = dict[str, frozenset[int]]  # by name, the bindings that may have been the last
_AT_ONCE = frozenset("sum tuple list set dict sorted any all max min frozenset".split())


def webs_of(function: FunctionNode, scopes: Scopes) -> dict[ast.Name, Variable]:
    """The uses and bindings in a function that belong to a later life of their variable,
    each life as a variable of its own."""
    if isinstance(function, ast.Lambda):
        return {}
    scope = scopes.own[function]
    names = {n for n, bindings in scope.bindings.items() if len(bindings) > 1}
    names = {n for n in names if _can_be_told_apart(scope.variable(n), scopes)}
    return _Webs(function, scope, names, scopes).lives() if names else {}


def _can_be_told_apart(variable: Variable, scopes: Scopes) -> bool:
    for binding in variable.bindings:
        if isinstance(binding, ast.arg):
            continue
        statement: ast.AST | None = binding
        while isinstance(statement, (ast.Name, ast.Tuple, ast.List, ast.Starred)):
            statement = scopes.parents.get(statement)
        plain = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.withitem)
        if not isinstance(binding, ast.Name) or not isinstance(statement, plain):
            return False
    scope = variable.scope
    return all(
        isinstance(use.ctx, (ast.Load, ast.Store)) and _is_read_at_once(use, scope, scopes)
        for use in scopes.uses.get(variable, [])
    )


def _is_read_at_once(use: ast.Name, scope: Scope | None, scopes: Scopes) -> bool:
    """Whether a use is evaluated where it stands,
    not by a function or a generator that may run later."""
    around: Scope | None = scopes.around[use]
    while around is not scope:
        if around is None or around.kind != "comprehension":
            return False
        if isinstance(around.node, ast.GeneratorExp):
            call = scopes.parents.get(around.node)
            if not (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id in _AT_ONCE
            ):
                return False
        around = around.parent
    return True


class _Webs:
    """Runs over one function and joins the bindings that meet in a use."""

    def __init__(self, function: DefNode, scope: Scope, names: set[str], scopes: Scopes) -> None:
        self.function, self.scope, self.names, self.scopes = function, scope, names, scopes
        self.variables = {scope.variable(n) for n in names}
        self.joined: list[int] = []  # a forest: each binding's representative
        self.number: dict[ast.AST, int] = {}  # of every binding, and of a use one that reaches it
        self.breaks: list[list[_State]] = []
        self.continues: list[list[_State]] = []

    def lives(self) -> dict[ast.Name, Variable]:
        """Every name of a life that is not the first."""
        state: _State = {}
        for arg in all_parameters(self.function.args):
            if arg.arg in self.names:
                state[arg.arg] = frozenset({self._new(arg)})
        self._block(self.function.body, state)
        first: dict[str, int] = {}
        for node, number in self.number.items():
            name = node.arg if isinstance(node, ast.arg) else node.id  # type: ignore[attr-defined]
            first.setdefault(name, self._find(number))
        made: dict[int, Variable] = {}
        found: dict[ast.Name, Variable] = {}
        for node, number in self.number.items():
            root = self._find(number)
            if isinstance(node, ast.Name) and root != first[node.id]:
                found[node] = made.setdefault(root, Variable(self.scope, node.id))
        return found

    # ---- bindings and uses ---------------------------------------------------------------

    def _new(self, node: ast.AST) -> int:
        if node not in self.number:
            self.number[node] = len(self.joined)
            self.joined.append(len(self.joined))
        return self.number[node]

    def _find(self, number: int) -> int:
        while self.joined[number] != number:
            number = self.joined[number]
        return number

    def _join(self, numbers: Iterable[int]) -> None:
        roots = sorted({self._find(n) for n in numbers})
        for root in roots[1:]:
            self.joined[root] = roots[0]

    def _read(self, node: ast.AST | None, state: _State) -> None:
        """All uses inside an expression."""
        if node is None:
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                self._reach(inner, state)

    def _reach(self, name: ast.Name, state: _State) -> None:
        if name.id in self.names and self.scopes.of(name) in self.variables:
            reaching = state.get(name.id, frozenset())
            if reaching:
                self._join(reaching)
                if name in self.number:
                    self._join({self.number[name], *reaching})
                else:
                    self.number[name] = min(reaching)

    def _bind(self, target: ast.expr, state: _State) -> _State:
        """What the state is after an assignment;
        subscripts and attributes in the target are read."""
        after = dict(state)
        self._read(target, state)
        for inner in ast.walk(target):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                if inner.id in self.names and self.scopes.of(inner) in self.variables:
                    after[inner.id] = frozenset({self._new(inner)})
        return after

    # ---- statements ----------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], state: _State | None) -> _State | None:
        for statement in body:
            if state is None:
                return None
            state = self._statement(statement, state)
        return state

    def _statement(self, node: ast.stmt, state: _State) -> _State | None:
        match node:
            case ast.Return() | ast.Raise():
                self._read(node, state)
                return None
            case ast.Break() | ast.Continue():
                ways = self.breaks if isinstance(node, ast.Break) else self.continues
                if ways:  # outside of a loop it parses, and does not compile
                    ways[-1].append(state)
                return None
            case ast.Assign(targets=targets, value=value):
                self._read(value, state)
                for target in targets:
                    state = self._bind(target, state)
                return state
            case ast.AnnAssign(target=target, value=assigned):
                self._read(assigned, state)
                return state if assigned is None else self._bind(target, state)
            case ast.AugAssign(target=target, value=value):
                self._read(value, state)
                after = self._bind(target, state)
                if isinstance(target, ast.Name) and target in self.number:
                    self._join({self.number[target], *state.get(target.id, ())})
                return after
            case ast.If(test=test, body=body, orelse=orelse):
                self._read(test, state)
                return _merged(self._block(body, state), self._block(orelse, state))
            case ast.For() | ast.AsyncFor() | ast.While():
                return self._loop(node, state)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._read(item.context_expr, state)
                    if item.optional_vars is not None:
                        state = self._bind(item.optional_vars, state)
                return _merged(self._block(body, state), self._anywhere(body, state))
            case ast.Try() | ast.TryStar():
                return self._try(node, state)
            case ast.Match(subject=subject, cases=cases):
                self._read(subject, state)
                after_match: _State | None = state
                for case in cases:
                    self._read(case.guard, state)
                    after_match = _merged(after_match, self._block(case.body, state))
                return after_match
        self._read(node, state)
        return state

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: _State) -> _State | None:
        if not isinstance(node, ast.While):
            self._read(node.iter, state)
        head = state
        while True:
            self.breaks.append([])
            self.continues.append([])
            if isinstance(node, ast.While):
                self._read(node.test, head)
                inside = head
            else:
                inside = self._bind(node.target, head)
            again = _merged(self._block(node.body, inside), *self.continues.pop())
            left = self.breaks.pop()
            wider = _merged(head, again) or head
            if wider == head:
                return _merged(self._block(node.orelse, head), *left)
            head = wider

    def _try(self, node: ast.Try | ast.TryStar, state: _State) -> _State | None:
        anywhere = self._anywhere(node.body, state)
        after = self._block(node.body, state)
        ends = [self._block(node.orelse, after)]
        ends += [self._block(handler.body, anywhere) for handler in node.handlers]
        every = [s for h in (node, *node.handlers) for s in h.body] + node.orelse
        if node.finalbody:
            self._block(node.finalbody, self._anywhere(every, state))  # on its way out
        return self._block(node.finalbody, _merged(*ends))

    def _anywhere(self, body: list[ast.stmt], state: _State) -> _State:
        """The state where an exception may have left a block at any point."""
        after = dict(state)
        for statement in body:
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    if inner.id in self.names and self.scopes.of(inner) in self.variables:
                        number = self._new(inner)
                        after[inner.id] = after.get(inner.id, frozenset()) | {number}
        return after


def _merged(*states: _State | None) -> _State | None:
    """What may be the last binding of each name where several ways meet;
    None where none of them gets there."""
    reached = [s for s in states if s is not None]
    if not reached:
        return None
    names = {n for s in reached for n in s}
    empty: frozenset[int] = frozenset()
    return {n: empty.union(*(s.get(n, empty) for s in reached)) for n in names}
