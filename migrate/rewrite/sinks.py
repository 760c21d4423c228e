"""Where tangents end up: the results of pullbacks, and what is given to the AD.

Every expression that reaches such a place is either already in the target language, is rewritten into it (None, tuples, lists, dicts), or
is bridged at run time.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from migrate.analysis.find import Rule
from migrate.analysis.flow import constant_index, falls_through
from migrate.analysis.values import (
    ARRAY,
    COTANGENT_ARRAY,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.edits import Edits
from migrate.rewrite.primals import NO, ZERO, Arguments, Primal
from migrate.rewrite.verdicts import NoArgument, Refused, Undecided
from migrate.scopes import FunctionNode, same_scope_nodes

if TYPE_CHECKING:
    from migrate.rewrite.cluster import Cluster, Pullback

_READY = {ARRAY, TANGENT, COTANGENT_ARRAY}


def returned_expressions(function: FunctionNode) -> list[ast.expr]:
    """What a function returns, without what its nested functions return."""
    if isinstance(function, ast.Lambda):
        return [function.body]
    return [
        n.value
        for n in same_scope_nodes(function)
        if isinstance(n, ast.Return) and n.value is not None
    ]


class SinkRewriter:
    """Rewrites what reaches a place where the target language wants a tangent."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.flow = cluster.flow
        self.view = cluster.view
        self.edits = cluster.edits
        self.names = cluster.names
        self.handled_calls: set[ast.Call] = set()  # calls of pullbacks whose whole result is passed on
        self._done: set[tuple[ast.AST, str]] = set()

    # ---- what a rule returns -------------------------------------------------------------

    def rule_results(self, rule: Rule) -> None:
        """The `return value, pullback` of a rule."""
        assert rule.function is not None
        results = returned_expressions(rule.function)
        nodes = same_scope_nodes(rule.function)
        if not results and not any(isinstance(n, ast.Raise) for n in nodes):
            raise Refused("RM202", "it does not return a value and a pullback", rule)
        for result in results:
            self._rule_result(result, rule)

    def _rule_result(self, node: ast.expr, rule: Rule) -> None:
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                self._rule_result(body, rule)
                self._rule_result(orelse, rule)
                return
            case ast.Tuple(elts=elts) if not any(isinstance(e, ast.Starred) for e in elts):
                if len(elts) != 2:
                    raise Refused("RM202", "it does not return a value and a pullback", rule)
                self._pullback_value(elts[1], rule)
                return
            case ast.Constant(value=None):
                return  # the rule declines; both languages go on without it
            case ast.Call() if self.view.legacy.meaning(node.func) in ("pullback", "_pullback"):
                self._handed_on(node, rule)
                return
        atoms = self.flow.atoms(node)
        if not atoms:
            raise Undecided("what it returns cannot be followed", rule)
        for atom in atoms:
            display = atom.site.node if isinstance(atom, Held) else None
            if isinstance(display, ast.Tuple) and len(display.elts) == 2:
                if not self._in_editable(display):
                    raise Undecided("what it returns is made by other code", rule)
                self._pullback_value(display.elts[1], rule)
            elif isinstance(display, ast.Call) and len(atoms) == 1 and isinstance(node, ast.Name):
                if self.view.legacy.meaning(display.func) not in ("pullback", "_pullback"):
                    raise Undecided("what it returns cannot be followed", rule)
                self._handed_on_name(node, display, rule)
            elif isinstance(atom, Nothing):
                continue
            else:
                raise Undecided("what it returns cannot be followed", rule)

    def _in_editable(self, node: ast.AST) -> bool:
        function = self.cluster._function_around(node)
        return function is not None and self.view.editable(function)

    def _handed_on(self, call: ast.Call, rule: Rule) -> None:
        """`return pullback(g, x)`: `rrule_via_ad` has the first tangent already, if it is that of a plain function."""
        kind = self.view.legacy.meaning(call.func)
        if (kind == "_pullback") == rule.functor and (
            kind == "_pullback" or self._is_plain_function(self._callee_of(call))
        ):
            return
        if kind == "pullback" and not rule.functor and self._is_plain_function(call.args[0]):
            return
        value, back = self._fresh_pair(call)
        statement = self.view.scopes.parents.get(call)
        if not isinstance(statement, ast.Return):
            raise Undecided("it hands on a pullback inside an expression", rule)
        start, end = self.view.source.span(statement)
        self.edits.replace(start, self._start(call), f"{value}, {back} = ")
        indent = self.view.source.indentation(statement.lineno)
        own_line = self.view.source.text[: start].rpartition("\n")[2].strip() == ""
        text = f"return {value}, {self._adapted(back, kind or '', rule)}"
        if own_line:
            self.cluster.edits.wrap((start, end), "", f"\n{indent}{text}")
        else:
            self.cluster.edits.wrap((start, end), "", f"; {text}")

    def _callee_of(self, call: ast.Call) -> ast.expr:
        position = 1 if self.view.legacy.meaning(call.func) == "_pullback" else 0
        if len(call.args) <= position or isinstance(call.args[position], ast.Starred):
            raise Undecided("a call back into the AD hides its function")
        return call.args[position]

    def _start(self, call: ast.Call) -> int:
        """Where an expression starts, parentheses around it counted."""
        return self.view.source.span(call)[0]

    def _fresh_pair(self, node: ast.AST) -> tuple[str, str]:
        names = {n.name for n in self.view.scopes.uses}
        value = next(n for n in ("y", "value", "out", "primal_out") if n not in names)
        back = next(n for n in ("back", "inner_back", "ad_back", "back_via_ad") if n not in names)
        return value, back

    def _adapted(self, back: str, kind: str, rule: Rule) -> str:
        """A pullback made of an AD's `back`, with the tangents that the rule owes."""
        if kind == "_pullback":
            return f"lambda dy: ({self.names.use(NO)}(), *{back}(dy))" if not rule.functor else back
        if rule.functor:
            return f"lambda dy: {back}(dy)[1:]"
        return f"lambda dy: ({self.names.use(NO)}(), *{back}(dy)[1:])"

    def _handed_on_name(self, node: ast.Name, call: ast.Call, rule: Rule) -> None:
        kind = self.view.legacy.meaning(call.func) or ""
        if kind == "_pullback" and rule.functor:
            return
        if kind == "pullback" and not rule.functor and self._is_plain_function(call.args[0]):
            return
        name = node.id
        text = self._adapted(f"{name}[1]", kind, rule)
        self.edits.replace(*self.view.source.span(node), f"{name}[0], {text}")

    def _is_plain_function(self, node: ast.expr) -> bool:
        """Whether a callee is seen to be a function without a tangent of its own."""
        if isinstance(node, ast.Lambda):
            return True
        imported = self.view.imported_name(node)
        if imported is not None and self.view.is_numeric(imported[0]):
            return True
        if isinstance(node, ast.Name):
            bindings = self.view.scopes.of(node).bindings
            return bool(bindings) and all(isinstance(b, ast.FunctionDef) for b in bindings)
        return False

    def _pullback_value(self, node: ast.expr, rule: Rule) -> None:
        """The second thing that a rule returns."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                self._pullback_value(body, rule)
                self._pullback_value(orelse, rule)
                return
            case ast.NamedExpr(value=value):
                self._pullback_value(value, rule)
                return
        atoms = {a for a in self.flow.atoms(node) if not isinstance(a, Nothing)}
        if not atoms:
            raise Undecided("its pullback cannot be followed", rule)
        backs = {a.kind for a in atoms if isinstance(a, Back)}
        for atom in atoms:
            if isinstance(atom, Function) and atom.node in self.cluster.pullbacks:
                continue
            if isinstance(atom, Bound):
                targets = self.flow.bound[atom.node][0]
                if targets and all(
                    isinstance(t, Function) and t.node in self.cluster.pullbacks for t in targets
                ):
                    continue
                raise Undecided("its pullback is a partial of something that cannot be followed", rule)
            if isinstance(atom, Back) and len(atoms) == 1:
                continue
            raise Undecided("its pullback cannot be followed", rule)
        if not backs:
            return
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            raise Undecided("its pullback cannot be followed", rule)
        back = next(a for a in atoms if isinstance(a, Back))
        kind = "pullback" if back.kind == "args" else "_pullback"
        if kind == "_pullback" and rule.functor:
            return
        plain = kind == "pullback" and self._is_plain_function(back.node.args[0])
        if plain and not rule.functor:
            return
        self.edits.replace(
            *self.view.source.span(node), self._adapted(self.view.text(node), kind, rule)
        )

    # ---- what a pullback returns ---------------------------------------------------------

    def pullback_results(self, pullback: Pullback) -> None:
        """Every `return` of a pullback, and its end where it can fall off it."""
        function = pullback.function
        self.pullback = pullback
        for expression in returned_expressions(function):
            self._result(expression, pullback)
        if isinstance(function, ast.Lambda):
            return
        for node in same_scope_nodes(function):
            if isinstance(node, ast.Return) and node.value is None:
                zeros = self._zeros(pullback, node)
                self.edits.replace(*self.view.source.span(node), f"return {zeros}")
        if isinstance(function, ast.FunctionDef) and falls_through(function.body):
            self.cluster.append_return(function, self._zeros(pullback, function.body[-1]))

    def _zeros(self, pullback: Pullback, where: ast.AST) -> str:
        arguments = pullback.arguments
        if arguments is None:
            raise Undecided("rules with other numbers of arguments share its pullback")
        parts = [] if pullback.functor else [f"{self.names.use(NO)}()"]
        parts += [f"{self.names.use(p.zero)}()" for p in arguments.fixed]
        if arguments.rest is not None:
            name = self.cluster.visible(arguments.rest, where)
            if name is None:
                raise Undecided("it returns None, and the number of zeros is not in sight")
            parts.append(f"*[{self.names.use(arguments.rest.zero)}()] * len({name})")
        return ", ".join(parts) if len(parts) > 1 else f"({parts[0]},)"

    def _result(self, node: ast.expr, pullback: Pullback) -> None:
        """One result of a pullback: a tuple with a tangent for each argument, or None."""
        rule = pullback.rules[0]
        match node:
            case ast.Constant(value=None):
                self.edits.replace(*self.view.source.span(node), self._zeros_value(pullback, node))
                return
            case ast.IfExp(body=body, orelse=orelse):
                self._result(body, pullback)
                self._result(orelse, pullback)
                return
            case ast.Tuple():
                self._check_number(node, pullback)
                saved = self._save()
                try:
                    self._prepend_callee(node, pullback)
                    self._entries(node.elts, pullback.arguments, node)
                except Undecided:
                    self._restore(saved)
                    if not any(isinstance(e, ast.Starred) for e in node.elts):
                        raise
                    self._bridge(node, pullback)
                return
            case ast.Call(func=ast.Name(id="tuple"), args=[inner], keywords=[]) if not isinstance(
                inner, ast.Starred
            ):
                if self._tuple_call(node, inner, pullback):
                    return
            case ast.BinOp(op=ast.Add()):
                if self._sum_of_tuples(node, pullback):
                    return
            case ast.NamedExpr(value=value) if isinstance(value, ast.Constant):
                raise Undecided("its pullback's result is assigned and returned at once", rule)
        self._refuse_visible_error(node, rule)
        self._by_atoms(node, pullback)

    def _zeros_value(self, pullback: Pullback, node: ast.expr) -> str:
        zeros = self._zeros(pullback, node)
        returned = isinstance(self.view.scopes.parents.get(node), ast.Return)
        return zeros if returned or zeros.startswith("(") else f"({zeros})"

    def _check_number(self, node: ast.Tuple, pullback: Pullback) -> None:
        if any(isinstance(e, ast.Starred) for e in node.elts):
            return
        self._check_count(len(node.elts), pullback)

    def _check_count(self, count: int, pullback: Pullback) -> None:
        for rule in pullback.rules:
            arguments = self.cluster.arguments[rule]
            wanted = len(arguments.fixed)
            if (arguments.rest is None and count != wanted) or count < wanted:
                more = " or more" if arguments.rest is not None else ""
                raise Refused(
                    "RM203",
                    f"its pullback returns {count} entries for {wanted}{more} arguments",
                    rule,
                )

    def _prepend_callee(self, node: ast.Tuple, pullback: Pullback) -> None:
        if pullback.functor:
            return
        callee = f"{self.names.use(NO)}()"
        source = self.view.source
        start, end = source.span(node)
        if self._parenthesised(node):
            at = start + 1
            if node.elts:
                first = source.next_token(at)[2]
                at = first
            self.edits.wrap((at, end), f"{callee}, " if node.elts else f"{callee},", "")
            if len(node.elts) == 1:
                self._drop_trailing_comma(node)
        else:
            self.edits.wrap((start, end), f"{callee}, ", "")

    def _drop_trailing_comma(self, node: ast.Tuple) -> None:
        """`(dx,)` -> `(NoTangent(), dx)`, where both stand on one line."""
        source = self.view.source
        last = self._with_parentheses(node.elts[0])[1]
        end = source.span(node)[1]
        comma = source.next_token(last)
        if comma[1] == "," and source.text[comma[3] : end - 1].strip(" ") == "":
            self.edits.replace(comma[2], end - 1, "")

    def _parenthesised(self, node: ast.Tuple) -> bool:
        start, end = self.view.source.span(node)
        return (
            self.view.source.text[start] == "("
            and self.view.source.brackets.get(start) == end - 1
        )

    def _entries(
        self, elts: list[ast.expr], arguments: Arguments | None, where: ast.AST
    ) -> None:
        """The elements of a result, each with the argument that it belongs to."""
        position: int | None = 0
        for number, elt in enumerate(elts):
            if isinstance(elt, ast.Starred):
                if number + 1 < len(elts) and self._length(elt.value) is None:
                    self._starred(elt.value, arguments, None)
                else:
                    self._starred(elt.value, arguments, position)
                length = self._length(elt.value)
                position = position + length if position is not None and length is not None else None
                continue
            primal = Primal()
            if arguments is not None and position is not None:
                primal = arguments.at(position)
            elif arguments is not None and arguments.rest is None:
                from_end = len(arguments.fixed) - (len(elts) - number)  # no star after it
                if not any(isinstance(e, ast.Starred) for e in elts[number:]) and from_end >= 0:
                    primal = arguments.at(from_end)
            self.entry(elt, primal)
            if position is not None:
                position += 1

    def _length(self, node: ast.expr) -> int | None:
        lengths = set()
        for atom in self.flow.atoms(node):
            if not isinstance(atom, Held) or atom.site.exact is None or atom.site.rest:
                return None
            lengths.add(len(atom.site.exact))
        return lengths.pop() if len(lengths) == 1 else None

    def _starred(
        self, node: ast.expr, arguments: Arguments | None, position: int | None
    ) -> None:
        """`*node` among the entries."""
        match node:
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                inner = arguments if position == 0 else None
                if inner is None and arguments is not None and position is not None:
                    inner = Arguments(arguments.fixed[position:], arguments.rest, arguments.functor)
                self._entries(elts, inner, node)
                return
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt):
                self.entry(elt, self._any_of(arguments, position))
                return
            case ast.IfExp(body=body, orelse=orelse):
                self._starred(body, arguments, position)
                self._starred(orelse, arguments, position)
                return
            case ast.Call(func=ast.Name(id="tuple" | "list"), args=[inner_node], keywords=[]):
                if not isinstance(inner_node, ast.Starred):
                    self._starred(inner_node, arguments, position)
                    return
        atoms = self.flow.atoms(node)
        if atoms and atoms <= _READY:
            return
        elements = self.flow.elements(atoms)
        if atoms and all(isinstance(a, Held) for a in atoms) and self._ready(elements):
            self.cluster.mark(elements)
            return
        if atoms <= {UNKNOWN, PLAIN} | _READY and self._number_like(node):
            return
        primals = self._primals_text(arguments, position, node)
        if primals is None:
            raise Undecided("entries that are unpacked cannot be followed")
        bridge = self.names.use("entries_from_legacy")
        self.edits.wrap(self._with_parentheses(node), f"{bridge}(tuple(", f"), {primals})")
        self.cluster.note("RM102", "entries that could not be followed are converted at run time", node)

    def _number_like(self, node: ast.expr) -> bool:
        """`*np.split(d, n)`: a list of arrays."""
        if not isinstance(node, ast.Call):
            return False
        imported = self.view.imported_name(node.func)
        return imported is not None and self.view.is_numeric(imported[0])

    def _any_of(self, arguments: Arguments | None, position: int | None) -> Primal:
        if arguments is None or position is None:
            return Primal()
        left = arguments.fixed[position:]
        if arguments.rest is not None and not left:
            return Primal(annotation=arguments.rest.annotation, zero=arguments.rest.zero)
        return left[0] if len(left) == 1 and arguments.rest is None else Primal()

    def _primals_text(
        self, arguments: Arguments | None, position: int | None, where: ast.AST
    ) -> str | None:
        if arguments is None or position is None:
            return None
        parts = [self.cluster.visible(p, where) for p in arguments.fixed[position:]]
        if arguments.rest is not None:
            rest = self.cluster.visible(arguments.rest, where)
            parts.append(None if rest is None else f"*{rest}")
        known = [p for p in parts if p is not None]
        return ", ".join(known) if len(known) == len(parts) and known else None

    def _tuple_call(self, node: ast.Call, inner: ast.expr, pullback: Pullback) -> bool:
        """`return tuple(…)`."""
        if not self._is_builtin(node.func):
            return False
        self._starred(inner, pullback.arguments, 0)
        self._wrap_with_callee(node, pullback)
        return True

    def _is_builtin(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.view.scopes.of(node).scope is None

    def _wrap_with_callee(self, node: ast.expr, pullback: Pullback, suffix: str = "") -> None:
        if pullback.functor and not suffix:
            return
        span = self._with_parentheses(node)
        loose = isinstance(
            node, (ast.BinOp, ast.BoolOp, ast.IfExp, ast.Compare, ast.UnaryOp, ast.NamedExpr, ast.Lambda)
        ) and span == self.view.source.span(node)
        before, after = ("(", ")") if loose else ("", "")
        if pullback.functor:
            self.edits.wrap(span, before, after + suffix)
            return
        self.edits.wrap(span, f"({self.names.use(NO)}(), *{before}", f"{after}{suffix})")

    def _with_parentheses(self, node: ast.expr) -> tuple[int, int]:
        """The span of an expression with all parentheses around it."""
        source = self.view.source
        start, end = source.span(node)
        text = source.text
        while True:
            before = start - 1
            while before >= 0 and text[before] in " \t\n\\":
                before -= 1
            if before < 0 or text[before] != "(":
                return start, end
            close = source.brackets.get(before)
            if close is None or text[end:close].strip(" \t\n\\") != "":
                return start, end
            call = self.view.scopes.parents.get(node)
            if isinstance(call, ast.Call) and node in call.args and len(call.args) == 1:
                if source.find_operator("(", source.span(call.func)[1], source.span(call)[1]) == before:
                    return start, end
            start, end = before, close + 1

    def _sum_of_tuples(self, node: ast.BinOp, pullback: Pullback) -> bool:
        """`(None,) + back(dy)` and longer sums."""
        parts = _summands(node)
        if not all(self._is_sequence(p) for p in parts):
            return False
        position: int | None = 0
        for part in parts:
            self._sum_part(part, pullback.arguments, position)
            length = self._length(part)
            position = position + length if position is not None and length is not None else None
        if position is not None:
            self._check_count(position, pullback)
        first = parts[0]
        if isinstance(first, ast.Tuple) and first.elts and not pullback.functor:
            self._prepend_callee(first, pullback)
        else:
            self._wrap_with_callee(node, pullback)
        return True

    def _is_sequence(self, node: ast.expr) -> bool:
        atoms = self.flow.atoms(node)
        return bool(atoms) and all(
            isinstance(a, Held) and a.site.kind in ("tuple", "list") for a in atoms
        )

    def _sum_part(self, node: ast.expr, arguments: Arguments | None, position: int | None) -> None:
        match node:
            case ast.BinOp(op=ast.Mult(), left=(ast.Tuple() | ast.List()) as repeated):
                self._repeated(repeated, arguments, position, constant_index(node.right))
            case ast.BinOp(op=ast.Mult(), right=(ast.Tuple() | ast.List()) as repeated):
                self._repeated(repeated, arguments, position, constant_index(node.left))
            case _:
                self._starred(node, arguments, position)

    def _repeated(
        self,
        node: ast.Tuple | ast.List,
        arguments: Arguments | None,
        position: int | None,
        count: int | None,
    ) -> None:
        for elt in node.elts:
            primal = Primal()
            if arguments is not None and position is not None and count == 1:
                primal = arguments.at(position)
            self.entry(elt, primal)

    def _refuse_visible_error(self, node: ast.expr, rule: Rule) -> None:
        """A result that is plainly neither a tuple nor None."""
        atoms = self.flow.atoms(node)
        wrong = None
        match node:
            case ast.List() | ast.ListComp():
                wrong = "a list"
            case ast.Dict() | ast.DictComp():
                wrong = "a dict"
            case ast.Set() | ast.SetComp():
                wrong = "a set"
            case ast.GeneratorExp():
                wrong = "a generator"
            case ast.Constant():
                wrong = "a constant"
            case ast.Lambda():
                wrong = "a function"
        if wrong is None and atoms and atoms <= {ARRAY, COTANGENT_ARRAY}:
            wrong = "a number or an array"
        if wrong is None and atoms and all(
            isinstance(a, Held) and a.site.kind != "tuple" for a in atoms
        ):
            kinds = {a.site.kind for a in atoms if isinstance(a, Held)}
            wrong = f"a {kinds.pop()}"
        if wrong is not None:
            raise Refused("RM202", f"its pullback returns {wrong}, not a tuple", rule)

    def _by_atoms(self, node: ast.expr, pullback: Pullback) -> None:
        """A result that is only known by what it can hold."""
        rule = pullback.rules[0]
        atoms = self.flow.atoms(node)
        if isinstance(node, ast.Call):
            called = {a for a in self.flow.atoms(node.func) if not isinstance(a, Nothing)}
            handed = [a for a in called if isinstance(a, Function) and a.node in self.cluster.pullbacks]
            if handed:
                if len(handed) != len(called) or any(
                    self.cluster.pullbacks[a.node].functor != pullback.functor for a in handed
                ):
                    raise Undecided("its pullback calls functions of different kinds", rule)
                self.handled_calls.add(node)
                return
            if called and all(isinstance(a, Back) for a in called):
                self._whole_gradient(node, {a.kind for a in called if isinstance(a, Back)}, pullback)
                return
        sites = [a.site for a in atoms if isinstance(a, Held)]
        if atoms and len(sites) == len(atoms) and all(s.kind == "tuple" for s in sites):
            self._tuple_sites(node, sites, pullback)
            return
        if atoms and all(
            isinstance(a, Nothing) or (isinstance(a, Held) and a.site.kind == "tuple") for a in atoms
        ):
            self._bridge(node, pullback)
            return
        if TANGENT in atoms and not isinstance(node, ast.Call):
            raise Undecided("its pullback returns the cotangent itself", rule)
        if self.cluster.carries_tangents(atoms):
            raise Undecided("its pullback's result cannot be followed", rule)
        self._bridge(node, pullback)

    def _whole_gradient(self, node: ast.Call, kinds: set[str], pullback: Pullback) -> None:
        """`return back(dy)`."""
        if len(kinds) != 1:
            raise Undecided("different kinds of pullbacks of the AD meet", pullback.rules[0])
        self.handled_calls.add(node)
        if kinds == {"all"}:
            self._wrap_with_callee(node, pullback)
            return
        self._wrap_with_callee(node, pullback, "[1:]")

    def _tuple_sites(self, node: ast.expr, sites: list[Site], pullback: Pullback) -> None:
        if all(s.exact is not None and not s.rest and not s.gradients for s in sites):
            for site in sites:
                self._check_count(len(site.exact or ()), pullback)
        elements: Atoms = set()
        for site in sites:
            elements |= site.elements()
        displays = [s.node for s in sites if isinstance(s.node, ast.Tuple)]
        only_here = len(displays) == len(sites) and all(
            self._in_editable(d) and self.cluster._function_around(d) is not None for d in displays
        )
        if self._ready(elements):
            if only_here:
                for display in displays:
                    self._display_entries(display, pullback)
            self.cluster.mark(elements)
            self._wrap_with_callee(node, pullback)
            return
        if only_here and all(self._only_returned(d) for d in displays):
            for display in displays:
                self._display_entries(display, pullback)
            self._wrap_with_callee(node, pullback)
            return
        self._bridge(node, pullback)

    def _display_entries(self, display: ast.Tuple, pullback: Pullback) -> None:
        key = (display, "entries")
        if key not in self._done:
            self._done.add(key)
            self._entries(display.elts, pullback.arguments, display)

    def _only_returned(self, display: ast.Tuple) -> bool:
        """Whether a tuple that is kept in a variable goes nowhere but into results."""
        parent = self.view.scopes.parents.get(display)
        if isinstance(parent, ast.Return):
            return True
        if not (
            isinstance(parent, ast.Assign)
            and len(parent.targets) == 1
            and isinstance(parent.targets[0], ast.Name)
        ):
            return False
        variable = self.view.scopes.of(parent.targets[0])
        for use in self.view.scopes.uses.get(variable, []):
            if isinstance(use.ctx, ast.Load):
                around = self.view.scopes.parents.get(use)
                while isinstance(around, ast.IfExp):
                    around = self.view.scopes.parents.get(around)
                if not isinstance(around, ast.Return):
                    return False
        return True

    def _bridge(self, node: ast.expr, pullback: Pullback) -> None:
        """Convert a whole result at run time."""
        primals = self._primals_text(pullback.arguments, 0, node)
        if primals is None:
            raise Undecided("its pullback's result cannot be followed", pullback.rules[0])
        bridge = self.names.use("entries_from_legacy")
        loose = isinstance(node, ast.Tuple) and not self._parenthesised(node)
        before, after = ("(", ")") if loose else ("", "")
        self.edits.wrap(
            self._with_parentheses(node), f"{bridge}({before}", f"{after}, {primals})"
        )
        if not pullback.functor:
            self.edits.wrap(self._with_parentheses(node), f"({self.names.use(NO)}(), *", ")")
        self.cluster.note(
            "RM102", "a result that could not be followed is converted at run time", node
        )

    # ---- one tangent ---------------------------------------------------------------------

    def _ready(self, atoms: Atoms) -> bool:
        """Whether values, once their Nones are zeros, are tangents of the target language as they are."""
        return all(a in _READY or isinstance(a, Nothing) for a in atoms)

    def entry(self, node: ast.expr, primal: Primal) -> None:
        """One tangent, of `primal`; as a whole at run time where one of its parts cannot be converted alone."""
        saved = self._save()
        try:
            self._entry(node, primal)
        except NoArgument:
            self._restore(saved)
            if self.cluster.visible(primal, node) is None:
                raise
            self._from_legacy(node, primal)

    def _save(self) -> tuple[Edits, dict[Nothing, str], int, dict[str, str]]:
        notes = len(self.cluster.result.notes)
        return self.edits.snapshot(), dict(self.cluster.marked), notes, dict(self.names.local)

    def _restore(self, saved: tuple[Edits, dict[Nothing, str], int, dict[str, str]]) -> None:
        self.edits.restore(saved[0])
        self.cluster.marked = saved[1]
        del self.cluster.result.notes[saved[2] :]
        self.names.local = saved[3]

    def _entry(self, node: ast.expr, primal: Primal) -> None:
        match node:
            case ast.Constant(value=None):
                self.cluster.mark({Nothing(node)}, primal.zero)
                return
            case ast.Tuple() | ast.List():
                self._sequence(node, primal)
                return
            case ast.Dict():
                self._dict(node, primal)
                return
            case ast.ListComp(elt=elt):
                self.entry(elt, self._element(primal))
                self.edits.wrap(self.view.source.span(node), f"{self._tangent('list')}(*", ")")
                return
            case ast.IfExp(body=body, orelse=orelse):
                self.entry(body, primal)
                self.entry(orelse, primal)
                return
            case ast.Call(func=ast.Name(id="dict"), args=[]) if self._is_builtin(node.func):
                if all(k.arg is not None for k in node.keywords):
                    self._dict_call(node, primal)
                    return
            case ast.Call(func=ast.Name(id=("tuple" | "list") as kind), args=[inner]) if (
                self._is_builtin(node.func) and not isinstance(inner, ast.Starred)
            ):
                if isinstance(inner, (ast.GeneratorExp, ast.ListComp)):
                    self.entry(inner.elt, self._element(primal))
                    self._splat(node, self._tangent(kind))
                    return
        self._entry_by_atoms(node, primal)

    def _element(self, primal: Primal) -> Primal:
        """An element of a sequence, whose class the annotation may give."""
        if primal.annotation is None:
            return Primal()
        members = [m for m in primal.annotation.members if isinstance(m, ast.Subscript)]
        if len(members) != 1:
            return Primal()
        inside = members[0].slice
        items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        wanted = [i for i in items if not (isinstance(i, ast.Constant) and i.value is ...)]
        if len(wanted) != 1:
            return Primal()
        return Primal(annotation=self.view.annotations.read(wanted[0], primal.annotation.scope))

    def _tangent(self, inside: str) -> str:
        return f"{self.names.use('Tangent')}[{inside}]"

    def _splat(self, node: ast.expr, head: str, stars: str = "*") -> None:
        span = self._with_parentheses(node)
        loose = isinstance(
            node, (ast.BinOp, ast.BoolOp, ast.IfExp, ast.Compare, ast.UnaryOp, ast.NamedExpr)
        ) and span == self.view.source.span(node)
        before, after = ("(", ")") if loose else ("", "")
        self.edits.wrap(span, f"{head}({stars}{before}", f"{after})")

    def _entry_by_atoms(self, node: ast.expr, primal: Primal) -> None:
        atoms = self.flow.atoms(node)
        held = [a.site for a in atoms if isinstance(a, Held)]
        if not held and atoms and self._ready(atoms):
            self.cluster.mark(atoms)
            return
        if held and len(held) == len(atoms):
            kinds = {s.kind for s in held}
            elements: Atoms = set()
            for site in held:
                elements |= site.elements()
            if len(kinds) == 1 and self._ready(elements):
                kind = kinds.pop()
                if kind in ("list", "tuple"):
                    self.cluster.mark(elements)
                    self._splat(node, self._tangent(kind))
                    return
                if kind == "dict" and self._held_dict(node, held, elements, primal):
                    return
        self._from_legacy(node, primal)

    def _held_dict(
        self, node: ast.expr, held: list[Site], elements: Atoms, primal: Primal
    ) -> bool:
        head = None
        if primal.annotation is not None:
            head = self.view.annotations.single_class(primal.annotation)
        if head is None or not self._class_visible(head, primal, node):
            return self._held_fields(node, held, elements, primal)
        if isinstance(head, ast.Name) and head.id == "dict":
            self.cluster.mark(elements)
            self._splat(node, self._tangent("dict"), "")
            return True
        if isinstance(head, ast.Name) and head.id in ("list", "tuple"):
            return False
        self.cluster.mark(elements)
        self._splat(node, self._tangent(ast.unparse(head)), "**")
        for site in held:
            self._check_fields({k for k in site.by_key if isinstance(k, str)}, primal, node)
        return True

    def _held_fields(
        self, node: ast.expr, held: list[Site], elements: Atoms, primal: Primal
    ) -> bool:
        """A dict in a variable whose keys are seen to be names, for an argument without a class in its annotation."""
        text = self.cluster.visible(primal, node)
        named = all(
            not s.rest and s.by_key and all(isinstance(k, str) and k.isidentifier() for k in s.by_key)
            for s in held
        )
        if text is None or not (named or primal.owner is not None):
            return False
        self.cluster.mark(elements)
        self._splat(node, self._tangent(f"type({text})"), "**")
        return True

    def _class_visible(self, head: ast.expr, primal: Primal, where: ast.AST) -> bool:
        """Whether the class's expression means the same at a place in the code as in the annotation."""
        root = head
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or primal.annotation is None:
            return False
        scopes = self.view.scopes
        around = scopes.around.get(where)
        if around is None:
            return False
        here = scopes.variable(root.id, around)
        if here != scopes.variable(root.id, primal.annotation.scope):
            return False
        # a class body's own names are out of reach for functions inside it
        return here.scope is None or here.scope.kind != "class"

    def _head(self, primal: Primal, where: ast.AST) -> str | None:
        """What to write for `P` in `Tangent[P]` where a dict stands for an object."""
        if primal.annotation is not None:
            head = self.view.annotations.single_class(primal.annotation)
            if head is not None and self._class_visible(head, primal, where):
                if not (isinstance(head, ast.Name) and head.id in ("list", "tuple")):
                    return ast.unparse(head)
        text = self.cluster.visible(primal, where)
        return None if text is None else f"type({text})"

    def _sequence(self, node: ast.Tuple | ast.List, primal: Primal) -> None:
        kind = "tuple" if isinstance(node, ast.Tuple) else "list"
        if kind == "tuple" and primal.annotation is not None:
            definition = self.view.annotations.class_of(primal.annotation)
            head = self._head(primal, node)
            if definition is not None and head is not None:
                kind = head  # a named tuple by position
        for number, elt in enumerate(node.elts):
            if isinstance(elt, ast.Starred):
                self._starred(elt.value, None, None)
            else:
                starred = any(isinstance(e, ast.Starred) for e in node.elts[:number])
                part = Primal() if starred else primal.item(number)
                inner = self._element(primal)
                if part.annotation is None and inner.annotation is not None:
                    part = Primal(part.text, part.variable, inner.annotation)
                self.entry(elt, part)
        start, end = self.view.source.span(node)
        head_text = self._tangent(kind)
        if isinstance(node, ast.List):
            self.edits.replace(start, start + 1, f"{head_text}(")
            self.edits.replace(end - 1, end, ")")
        elif self._parenthesised(node):
            self.edits.wrap((start, end), head_text, "")
        else:
            self.edits.wrap((start, end), f"{head_text}(", ")")

    def _dict_call(self, node: ast.Call, primal: Primal) -> None:
        head = self._head(primal, node)
        if head is None:
            self._from_legacy(node, primal)
            return
        names = {k.arg for k in node.keywords if k.arg is not None}
        self._check_fields(names, primal, node)
        self.edits.replace(*self.view.source.span(node.func), self._tangent(head))
        kept = [k for k in node.keywords if not _is_none(k.value)]
        spans = [self.view.source.span(k) for k in node.keywords]
        for number, item in enumerate(node.keywords):
            if item in kept or not self._drop(spans, number, [k in kept for k in node.keywords]):
                self.entry(item.value, primal.field(item.arg or "", self.view))

    def _dict(self, node: ast.Dict, primal: Primal) -> None:
        head = self._head(primal, node)
        constant = all(isinstance(k, ast.Constant) and isinstance(k.value, str) for k in node.keys)
        if head is None or not node.keys:
            if head is not None:
                self.edits.replace(*self.view.source.span(node), f"{self._tangent(head)}()")
                return
            self._from_legacy(node, primal)
            return
        keys = [k.value for k in node.keys if isinstance(k, ast.Constant)]
        self._check_fields({k for k in keys if isinstance(k, str)}, primal, node)
        by_keyword = constant and all(str(k).isidentifier() and not _keyword(str(k)) for k in keys)
        if by_keyword and len(set(keys)) == len(keys):
            self._dict_by_keywords(node, head, primal)
            return
        is_dict = head == "dict"
        if not is_dict and head.startswith("type(") and not constant:
            self._from_legacy(node, primal)  # an object or a dict: only known at run time
            return
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                inner = self.flow.elements_of_mapping(value)
                if not self._ready(inner):
                    raise NoArgument("a dict that is unpacked cannot be followed")
                self.cluster.mark(inner)
            else:
                name = key.value if isinstance(key, ast.Constant) else None
                part = primal.field(name, self.view) if isinstance(name, str) else Primal()
                self.entry(value, part)
        self._splat(node, self._tangent(head), "" if is_dict else "**")

    def _dict_by_keywords(self, node: ast.Dict, head: str, primal: Primal) -> None:
        source = self.view.source
        start, end = source.span(node)
        spans = []
        for key, value in zip(node.keys, node.values, strict=True):
            assert key is not None
            spans.append((source.span(key)[0], self._with_parentheses(value)[1]))
        kept = [not _is_none(v) for v in node.values]
        self.edits.replace(start, start + 1, f"{self._tangent(head)}(")
        self.edits.replace(end - 1, end, ")")
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            assert isinstance(key, ast.Constant)
            if not kept[number] and self._drop(spans, number, kept):
                continue
            kept[number] = True
            key_start, key_end = source.span(key)
            colon = source.find_operator(":", key_end, source.span(value)[0])
            after = colon + 1
            while source.text[after] in " \t":
                after += 1
            self.edits.replace(key_start, after, f"{key.value!s}=")
            self.entry(value, primal.field(str(key.value), self.view))

    def _drop(self, spans: list[tuple[int, int]], number: int, kept: list[bool]) -> bool:
        """Leave out one item of a comma-separated list, unless a comment stands beside it."""
        source = self.view.source
        start, end = spans[number]
        before = max((i for i in range(number) if kept[i]), default=None)
        if any(kept[number + 1 :]) or (before is None and number + 1 < len(spans)):
            span = (start, spans[number + 1][0])
        elif before is not None:
            # the last ones go with the comma before them
            span = (spans[number - 1][1], end)
        else:
            token = source.next_token(end)
            span = (start, token[3] if token[1] == "," else end)
        if any(span[0] <= at < span[1] for at, _ in source.comments):
            return False
        line_end = source.text.find("\n", end)
        if any(end <= at < line_end for at, _ in source.comments):
            return False
        self.edits.replace(*span, "")
        return True

    def _check_fields(self, names: set[str], primal: Primal, node: ast.AST) -> None:
        if primal.annotation is None:
            return
        definition = self.view.annotations.class_of(primal.annotation)
        if definition is None:
            return
        fields = self.view.annotations.fields(definition)
        if fields is None:
            return
        for name in sorted(names - set(fields)):
            self.cluster.note(
                "RM106", f"`{name}` is not a field of {definition.name}, as far as this file shows", node
            )

    def _from_legacy(self, node: ast.expr, primal: Primal) -> None:
        """Convert one tangent at run time."""
        atoms = self.flow.atoms(node)
        text = self.cluster.visible(primal, node)
        if text is None:
            if not self._could_be_structure(atoms):
                text = "None"
            else:
                raise NoArgument("a tangent that could not be followed has no argument in sight")
        if any(isinstance(a, (Function, Back, Bound)) for a in atoms):
            raise Undecided("a function stands where a tangent belongs")
        self.edits.wrap(self._with_parentheses(node), f"{self.names.use('from_legacy')}(", f", {text})")
        self.cluster.note(
            "RM101", "a tangent that could not be followed is converted at run time", node
        )

    def _could_be_structure(self, atoms: Atoms) -> bool:
        return bool(atoms - _READY - {PLAIN}) and not all(
            a in _READY or isinstance(a, Nothing) for a in atoms
        )


def _summands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_summands(node.left), *_summands(node.right)]
    return [node]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _keyword(name: str) -> bool:
    import keyword

    return keyword.iskeyword(name)


__all__ = ["ZERO", "SinkRewriter", "returned_expressions"]
