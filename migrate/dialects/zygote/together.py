"""One attempt at the rules of a file: those that share helpers are
rewritten together or not at all."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.dialects.zygote.find import Rule, target_text
from migrate.dialects.zygote.in_place.advice import advise, name_pullback
from migrate.dialects.zygote.in_place.cluster import Cluster
from migrate.dialects.zygote.in_place.definitions import DefinitionRewriter
from migrate.dialects.zygote.in_place.primals import is_context
from migrate.dialects.zygote.in_place.rewriting import rewritten
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.outside import Calls
from migrate.dialects.zygote.ownership import clusters, owned_helpers
from migrate.dialects.zygote.verdicts import Refused, Undecided
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan, RuleNote
from migrate.rules.work import Work
from migrate.syntax.changes import with_parameters
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import Variable, positional_parameters


class Together:
    """The plans of one attempt. `rules` are those to be rewritten, of `everything` in the file."""

    def __init__(
        self,
        view: ModuleView,
        work: Work,
        rules: Sequence[Rule],
        everything: Sequence[Rule],
        calls: Calls,
    ) -> None:
        self.view, self.work, self.everything = view, work, everything
        self.consumed: set[ast.AST] = set()  # uses of legacy names that are gone
        self.kept: set[Variable] = set()  # legacy names that the new text uses
        self.rewritten: set[ast.AST] = set()  # functions that are in the new language
        self.failed: dict[Rule, Undecided | Refused] = {}
        self.definitions = DefinitionRewriter(view, work.names, NodeEdits())
        self.clusters: dict[Rule, Cluster] = {}
        self._notes: dict[Rule, list[RuleNote]] = {}
        calls.take_over_hook(work, rules)
        users = owned_helpers(view, rules)
        view.owned = set(users)
        for members in clusters(list(rules), users):
            self._rewrite(members)

    def _rewrite(self, members: list[Rule]) -> None:
        try:
            cluster = rewritten(self.view, members, self.work.names)
            for rule in members:
                configured = rule in cluster.result.wants_config
                self.definitions.check_decorators(rule, configured)
                if configured and self._is_replaced(rule):
                    raise Undecided("a later rule for the same calls takes its place", rule)
        except (Undecided, Refused) as verdict:
            self._blame(verdict, members)
            return
        self.clusters |= dict.fromkeys(members, cluster)

    def _is_replaced(self, rule: Rule) -> bool:
        """Whether the legacy language uses a later rule in its place; with a config it would go
        before that one, which asks for none."""
        calls = _calls_of(rule, self.view)
        return any(
            other.node.lineno > rule.node.lineno
            and not calls.isdisjoint(_calls_of(other, self.view))
            for other in self.everything
        )

    def _blame(self, verdict: Undecided | Refused, members: list[Rule]) -> None:
        """Find the rules of a cluster that fail on their own; all of them, where none does."""
        if verdict.rule is not None or len(members) == 1:
            self.failed |= dict.fromkeys(
                members if verdict.rule is None else [verdict.rule], verdict
            )
            return
        found: dict[Rule, Undecided | Refused] = {}
        for rule in members:
            names = NameChooser(self.view.scopes, self.work.options.runtime)
            try:
                rewritten(self.view, [rule], names)
            except (Undecided, Refused) as own:
                found[rule] = own
        self.failed |= found or dict.fromkeys(members, verdict)

    def plan(self, rule: Rule, bridged: str | None) -> Plan:
        """How a rule is rewritten, or bridged for a reason; raises Undecided or Refused."""
        if rule in self.failed:
            raise self.failed[rule]
        if self.failed:
            return Plan()  # there will be another attempt
        self.definitions.edits = NodeEdits()
        self.definitions.notes = []
        if bridged is not None:
            self.definitions.bridge(rule)
            notes = [RuleNote("RM103", bridged, rule.node), *self.definitions.notes]
            edits: tuple[NodeEdits, ...] = (self.definitions.edits,)
        else:
            cluster = self.clusters[rule]
            self._merge(cluster, rule)
            self._define(cluster, rule)
            notes = [*self._notes.get(rule, ()), *self._advice(cluster, rule)]
            notes += self.definitions.notes
            edits = (cluster.edits, self.definitions.edits)
        self.consumed |= self.definitions.consumed
        return Plan(edits, tuple(notes), tuple(self.view.owned))

    def _merge(self, cluster: Cluster, rule: Rule) -> None:
        """What concerns a whole cluster, with the first of its rules."""
        if rule is not cluster.rules[0]:
            return
        result = cluster.result
        self.consumed |= result.consumed
        self.kept |= result.kept
        self.rewritten.update(result.functions)
        for note in result.notes:
            self._notes.setdefault(cluster.rule_around(note.node) or rule, []).append(note)
        for helper in result.helpers_with_config:
            if not isinstance(helper, ast.FunctionDef):
                raise Undecided("a lambda outside of it calls back into the AD")
            names = self.work.names
            kind = f"{names.use('RuleConfig')}[{names.use('HasReverseMode')}]"
            lead = f"{cluster.config_names[helper]}: {kind}"
            self.definitions.edits.change(helper, with_parameters([lead]))

    def _define(self, cluster: Cluster, rule: Rule) -> None:
        configured = rule in cluster.result.wants_config
        assert rule.function is not None
        self.definitions.check_decorators(rule, configured)
        self.definitions.rewrite(rule, configured, cluster.config_names.get(rule.function, ""))
        self.rewritten.add(rule.function)

    def _advice(self, cluster: Cluster, rule: Rule) -> list[RuleNote]:
        """What the guide recommends beyond what is needed;
        the safe part of it is applied where asked for."""
        options = self.work.options
        if not (options.advise or options.fix_style):
            return []
        own = [p.function for p in cluster.pullbacks.values() if p.rules == [rule] and p.local]
        own.sort(key=lambda p: (p.lineno, p.col_offset))
        notes = []
        for note in advise(rule, [*own], self.view):
            if note.code == "RM401" and options.fix_style:
                edits = self.definitions.edits
                name_pullback(rule, note.node, self.view, self.work.names, edits)
            elif options.advise:
                notes.append(note)
        return notes


def _calls_of(rule: Rule, view: ModuleView) -> set[tuple[str, ...]]:
    """The targets of a rule, each with what else says which calls the rule is for."""
    if rule.function is None:
        return set()
    args = rule.function.args
    positional = [a for a in positional_parameters(args) if not is_context(a)]
    kinds = ["" if a.annotation is None else ast.dump(a.annotation) for a in positional]
    kinds.append("*" if args.vararg else "")
    return {(target_text(rule, r, view), *kinds) for r in rule.registrations}
