"""One try at a whole file: what has been decided so far, and what has been planned."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from migrate.options import Options
from migrate.rules.names import NameChooser
from migrate.rules.plans import Bridged, Found, Left, Plan, RuleNote
from migrate.syntax.node_edits import NodeEdits


class Work:
    """What dialects plan into; each attempt has its own."""

    def __init__(
        self,
        names: NameChooser,
        options: Options,
        verdicts: Mapping[Found, Bridged | Left],
        is_chosen: Callable[[str], bool],
    ) -> None:
        self.names = names
        self.options = options
        self.verdicts = verdicts  # of the rules that are not rewritten
        self.is_chosen = is_chosen  # whether the user wants what has an id
        self.edits = NodeEdits()
        self.done: list[Found] = []  # rules and calls, in the order in which they were planned
        self.notes: dict[Found, list[RuleNote]] = defaultdict(list)
        self.file_notes: list[RuleNote] = []
        self.helpers: dict[ast.AST, None] = {}
        self.gone: list[ast.stmt] = []
        self._merged: list[NodeEdits] = []
        self._plans: dict[Found, Plan] = {}

    def take(self, found: Found, plan: Plan) -> None:
        """Make a plan part of the file."""
        for edits in plan.edits:
            if not any(edits is other for other in self._merged):
                self._merged.append(edits)
                self.edits.merge(edits)
        self.notes[found] += plan.notes
        self.helpers |= dict.fromkeys(plan.helpers)
        self.gone += plan.gone
        self.done.append(found)
        self._plans[found] = plan

    def plan_of(self, found: Found) -> Plan:
        """The plan that was taken for a rule or a call."""
        return self._plans[found]

    def changes(self, found: Found, nodes: Iterable[ast.AST]) -> bool:
        """Whether the plan for a rule or a call changes one of these nodes."""
        return any(edits.touches(node) for edits in self._plans[found].edits for node in nodes)
