"""A file with Zygote's rules: which there are,
and what can be said of each before its body is read."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from migrate.dialects.zygote.find import Candidates, Rule, find, lines_of, target_text
from migrate.dialects.zygote.in_place.definitions import (
    DefinitionRewriter,
    result_is_used,
    result_name,
)
from migrate.dialects.zygote.in_place.rewriting import refuse_visible_errors
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.outside import Calls
from migrate.dialects.zygote.together import Together
from migrate.dialects.zygote.verdicts import Refused, Undecided
from migrate.options import Options
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import Bridged, Found, Leaving, Left, Plan, identified
from migrate.rules.reading import Reading
from migrate.rules.unused import Unused
from migrate.rules.work import Work
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter
from migrate.syntax.scopes import Variable, same_scope_nodes


def read_rules(module: Module, options: Options, legacy: LegacyNames) -> Rules:
    """The rules of a file in which names of the language are bound."""
    source, scopes = module.source, module.scopes
    candidates = find(ModuleView(source, scopes, legacy, frozenset()))
    functions = frozenset(r.function for r in candidates.rules if r.function is not None)
    view = ModuleView(source, scopes, legacy, functions, taken=module.taken)
    return Rules(view, candidates, options.runtime)


class Rules(Reading):
    """The rules of one file, planned together in each attempt."""

    def __init__(self, view: ModuleView, candidates: Candidates, runtime: str) -> None:
        self.view = view
        self.cutter = Cutter(view.source, view.scopes)
        self.runtime = runtime
        ids = identified((rule, self._identity(rule)) for rule in candidates.rules)
        self.of = {self._shown(rule, id): rule for rule, id in ids.items()}
        self.rules = tuple(self.of)
        self.calls = Calls(view, candidates)
        self._together: Together | None = None

    # ---- what is shown -------------------------------------------------------------------

    def _identity(self, rule: Rule) -> str:
        start, end = self._span(rule)
        target = target_text(rule, rule.registrations[0], self.view)
        return f"{target}\0{self.view.source.text[start:end]}"

    def _shown(self, rule: Rule, id: str) -> Found:
        span = self._span(rule)
        sites = tuple(r.node for r in rule.registrations)
        spans = [(n, self.view.source.span(n)) for n in (rule.node, *sites)]
        start = next((n for n, s in spans if s == span and isinstance(n, ast.expr)), None)
        target = target_text(rule, rule.registrations[0], self.view)
        return Found(id, rule.name, target, rule.node, span, sites, start, lines_of(rule))

    def _span(self, rule: Rule) -> tuple[int, int]:
        """From the first decorator line to the end of a definition; of a call, the call."""
        decorated = bool(getattr(rule.node, "decorator_list", ()))
        calls = [r.node for r in rule.registrations if r.form == "call"]
        unseen = calls and not decorated and rule.function is None
        return self.cutter.extent(calls[-1] if unseen else rule.node)

    # ---- before anything is planned ------------------------------------------------------

    def settled(self, found: Found) -> Bridged | Left | None:
        """What can be said of a rule before its body is read."""
        rule = self.of[found]
        for registration in rule.registrations:
            if registration.problem:
                code = "RM207" if "sometimes" in registration.problem else "RM206"
                return Left(code, registration.problem)
        if any(r.mutating for r in rule.registrations):
            return Left("RM201", "mutating=True: a pullback with side effects has no counterpart")
        function = rule.function
        if function is None:
            return Bridged("the text of the rule cannot be reached")
        for registration in rule.registrations:
            if registration.doubt:
                return self.bridged(rule, registration.doubt)
        if len({r.functor for r in rule.registrations}) > 1:
            return Left("RM207", "it is a rule both for instances and for functions")
        if len({r.getter for r in rule.registrations}) > 1:
            return Left("RM206", "it is a rule both for reading attributes and for functions")
        if isinstance(function, ast.AsyncFunctionDef):
            return Left("RM204", "it is a coroutine")
        if _is_generator(function):
            return Left("RM204", "it is a generator")
        definitions = DefinitionRewriter(self.view, self._names(), NodeEdits())
        if definitions.is_called_elsewhere(rule):
            own = definitions.is_called_by_itself(rule)
            caller = "it calls itself" if own else f"other code may call `{rule.name}`"
            return self.bridged(rule, caller)
        for registration in rule.registrations:
            node = registration.node
            if isinstance(node, ast.Call) and registration.form == "call":
                if not result_is_used(node, self.view):
                    continue
                reason = "what adjoint(target)(rule) gives is used by other code"
                if result_name(node, self.view) is not None:
                    return self.bridged(rule, reason)
                return Left("RM206", reason)
        return None

    def _names(self) -> NameChooser:
        return NameChooser(self.view.scopes, self.runtime)

    def bridged(self, rule: Rule, reason: str) -> Bridged | Left:
        """A rule that cannot be rewritten is bridged,
        if its text does not show that it can only fail."""
        try:
            if rule.function is not None:
                refuse_visible_errors(self.view, rule, self._names())
        except Refused as refused:
            return Left(refused.code, refused.reason)
        return Bridged(reason)

    # ---- plans ---------------------------------------------------------------------------

    def _in(self, work: Work) -> Together:
        if self._together is None or self._together.work is not work:
            rules = [rule for found, rule in self.of.items() if found not in work.verdicts]
            self._together = Together(self.view, work, rules, list(self.of.values()), self.calls)
        return self._together

    def plan(self, found: Found, work: Work) -> Plan | Bridged | Left:
        """How a rule is rewritten, or bridged."""
        rule = self.of[found]
        verdict = work.verdicts.get(found)
        try:
            return self._in(work).plan(rule, None if verdict is None else verdict.reason)
        except Refused as refused:
            return Left(refused.code, refused.reason)
        except Undecided as undecided:
            return self.less(rule, undecided.reason, verdict is not None)

    def settle(self, found: Found, reason: str, bridged: bool) -> Bridged | Left:
        """What becomes of a rule whose plan does not come out well."""
        return self.less(self.of[found], reason, bridged)

    def less(self, rule: Rule, reason: str, was_bridged: bool) -> Bridged | Left:
        """The next best thing for a rule."""
        if was_bridged or rule.getter:
            return Left("RM206", reason)
        return self.bridged(rule, reason)

    def outside(self, work: Work) -> Iterable[tuple[Found, Plan | Left]]:
        """`nograd` and the legacy calls in code that is no rule."""
        together = self._in(work)
        rewritten = [r for f, r in self.of.items() if f not in work.verdicts]
        return self.calls.rewrite(work, rewritten, together.rewritten, together.consumed)

    def leaving(self, work: Work) -> Leaving:
        """The imports that nothing needs any more."""
        together = self._in(work)
        kept = self._kept(work, together)
        return Unused(
            self.view,
            self.view.legacy,
            work.edits,
            together.consumed,
            kept,
            self.view.rule_functions,
        ).leaving()

    def _kept(self, work: Work, together: Together) -> set[Variable]:
        """Legacy names that the new text uses:
        a bare rule for `literal_getproperty` that is left is one of them."""
        kept = set(together.kept)
        for found, rule in self.of.items():
            function = rule.function
            if rule.getter and found not in work.done and isinstance(function, ast.FunctionDef):
                scope = self.view.scopes.around[function]
                kept.add(self.view.scopes.variable(function.name, scope))
        return kept


def _is_generator(function: ast.AST) -> bool:
    if not isinstance(function, (ast.FunctionDef, ast.Lambda)):
        return False
    return any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in same_scope_nodes(function))
