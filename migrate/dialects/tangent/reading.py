"""A file with Tangent's templates: where they are, and what becomes of them and of the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from migrate.dialects.tangent.helpers import Helpers
from migrate.dialects.tangent.language import REGISTER, gradients
from migrate.dialects.tangent.templates import NotRead, Template
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan, identified
from migrate.rules.reading import Reading
from migrate.rules.unused import Unused
from migrate.rules.work import Work
from migrate.syntax.changes import restated
from migrate.syntax.pieces import Cutter
from migrate.syntax.texts import Misplaced
from migrate.write.rule import WIDTH, made_anew


class Rules(Reading):
    """The templates of one file; each is planned by itself."""

    def __init__(self, module: Module, legacy: LegacyNames) -> None:
        self.module, self.legacy = module, legacy
        self.cutter = Cutter(module.source, module.scopes)
        self.helpers = Helpers(module, legacy)
        places = sorted(self._places(), key=lambda place: (place[1].lineno, place[1].col_offset))
        ids = identified((p, f"{p[0]}\0{module.source.segment(p[1])}") for p in places)
        self.of: dict[Found, ast.stmt | ast.expr] = {}
        for place in places:
            _, node = place
            target = self._target(node)
            shown = getattr(node, "name", target)
            span = self.cutter.extent(node)
            sites = (node,) if isinstance(node, ast.stmt) else ()
            self.of[Found(ids[place], shown, target, node, span, sites)] = node
        self.rules = tuple(self.of)
        self.consumed: set[ast.AST] = set()
        self.operators: dict[str, str] = {}
        self._work: Work | None = None

    def are_tangents(self) -> bool:
        """Whether there are templates, and no rules of another package that is called `tangent`."""
        if any(True for node in self.of.values() for _ in gradients(node, self.module.scopes)):
            return True
        names = (
            f"{getattr(item.statement, 'module', '')}.{item.alias.name}"
            for item in self.legacy.imports
        )
        return bool(self.rules) and any(".grads" in name or ".tangents" in name for name in names)

    def _places(self) -> Iterator[tuple[str, ast.stmt | ast.expr]]:
        """Decorated definitions, and other registrations."""
        scopes = self.module.scopes
        seen: set[ast.AST] = set()
        for node in scopes.every(ast.Call):
            if (name := self.legacy.meaning(node.func)) in REGISTER:
                above = scopes.parents[node]
                decorates = node in getattr(above, "decorator_list", ())
                place = above if decorates else node
                if place not in seen and isinstance(place, ast.stmt | ast.expr):
                    seen.add(place)
                    yield name, place

    def _registrations(self, node: ast.AST) -> list[tuple[str, ast.Call]]:
        calls = getattr(node, "decorator_list", [node])
        named = [(self.legacy.meaning(c.func), c) for c in calls if isinstance(c, ast.Call)]
        return [(name, call) for name, call in named if name in REGISTER and name is not None]

    def _target(self, node: ast.AST) -> str:
        _, call = self._registrations(node)[0]
        return self.module.text(call.args[0]) if call.args else self.module.text(call)

    # ---- plans ---------------------------------------------------------------------------

    def settled(self, found: Found) -> Bridged | Left | None:
        """Templates that are not read."""
        try:
            self._template(self.of[found])
        except NotRead as reason:
            return Left("RM206", str(reason))
        return None

    def _template(self, node: ast.stmt | ast.expr) -> Template:
        names = {name for name, _ in self._registrations(node)}
        if names != {"adjoint"}:
            (other,) = sorted(names - {"adjoint"})[:1]
            raise NotRead(f"`@{other}` is no reverse rule")
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            raise NotRead("it is registered by a call and not by a decorator")
        return Template(node, self.module, self.legacy)  # type: ignore[arg-type]

    def plan(self, found: Found, work: Work) -> Plan | Left:
        """A rrule in place of the template."""
        if self._work is not work:
            self._work, self.consumed, self.operators = work, set(), {}
            self.helpers = Helpers(self.module, self.legacy)
        template = self._template(self.of[found])
        rule = template.rule(work.names, self.helpers)
        if template.operator:
            text = f"{self._operators(work)}.{template.operator}"
            rule = replace(rule, changes={**rule.changes, template.target: (text,)})
            self.consumed.update(ast.walk(template.target))
        try:
            plan = made_anew(rule, work.names, self.module.source)
        except Misplaced:
            return Left("RM206", "a name stands inside of an f-string")
        self.consumed.update(ast.walk(template.call.func))
        return plan

    def _operators(self, work: Work) -> str:
        """What the file calls the module `operator`, which is imported where it is not yet."""
        scope = self.module.scopes.module
        for name, nodes in scope.bindings.items():
            match nodes:
                case [ast.alias(name="operator")]:
                    if isinstance(self.module.scopes.parents[nodes[0]], ast.Import):
                        return name
        if not self.operators:
            self.operators = {"operator": work.names.fresh("operator")}
        return self.operators["operator"]

    # ---- imports -------------------------------------------------------------------------

    def leaving(self, work: Work) -> Leaving:
        """The imports that nothing needs any more; `operator` comes beside `gast`."""
        consumed = self.consumed | self.helpers.gone
        leaving = Unused(self.module, self.legacy, work.edits, consumed).leaving()
        leaving = replace(leaving, width=WIDTH, statements=self._last_of(leaving.statements))
        for name in self.operators.values():
            new = "import operator" if name == "operator" else f"import operator as {name}"
            node = next(self._syntax())
            alias = node.names[0]
            scopes = self.module.scopes
            variable = scopes.variable(alias.asname or alias.name, scopes.around[node])
            used = [u for u in scopes.uses.get(variable, []) if u not in self.consumed]
            whole = isinstance(node, ast.Import) and len(node.names) == 1
            if whole and not used and variable.name not in self.module.exported:
                work.edits.change(node, restated(new))
            else:
                work.edits.add_before(node, new)
            leaving = replace(leaving, assignments=(*leaving.assignments, node))
        return leaving

    def _last_of(
        self, statements: tuple[ast.Import | ast.ImportFrom, ...]
    ) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """The last one, if they stand together: the runtime is imported there."""
        body = self.module.source.tree.body
        places = [body.index(s) for s in statements if s in body]
        if not places or len(places) < len(statements):
            return statements
        together = body[min(places) : max(places) + 1]
        if all(isinstance(s, ast.Import | ast.ImportFrom) for s in together):
            return tuple(s for s in statements if s is together[-1])
        return statements

    def _syntax(self) -> Iterator[ast.Import | ast.ImportFrom]:
        """The imports of `gast`, those of the whole module first."""
        for kind in (ast.Import, ast.ImportFrom):
            for node in self.module.source.tree.body:
                if isinstance(node, kind):
                    module = getattr(node, "module", node.names[0].name)
                    if module in ("gast", "ast"):
                        yield node
