"""Rewrites the rules of one cluster.

The data flow is run, then the functions are walked once for the *sinks* (what is returned as a
tangent, given to a `back`, summed up) and once for everything that reads a tangent (tests for None,
`isinstance`, calls). What cannot be decided is bridged at run time by `from_legacy`, `to_legacy` or
`entries_from_legacy`; what cannot even be bridged raises `Undecided`, and the caller falls back to
`from_legacy_rule`. A rule whose text shows that it could only fail raises `Refused`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.dialects.zygote.find import Rule
from migrate.dialects.zygote.flow.flow import TooComplex
from migrate.dialects.zygote.flow.values import Nothing
from migrate.dialects.zygote.in_place.calls import CallRewriter
from migrate.dialects.zygote.in_place.cluster import Cluster, Pullback
from migrate.dialects.zygote.in_place.copies import Copies
from migrate.dialects.zygote.in_place.every_key import EveryKey
from migrate.dialects.zygote.in_place.joins import Joins
from migrate.dialects.zygote.in_place.primals import ZERO
from migrate.dialects.zygote.in_place.results import ResultRewriter
from migrate.dialects.zygote.in_place.rule_returns import RuleReturns
from migrate.dialects.zygote.in_place.tangents import TangentRewriter
from migrate.dialects.zygote.in_place.visible_errors import VisibleErrors
from migrate.dialects.zygote.in_place.zero_tests import ZeroTests
from migrate.dialects.zygote.module import ModuleView
from migrate.dialects.zygote.verdicts import Refused, Undecided
from migrate.rules.names import NameChooser
from migrate.syntax.changes import last_argument, restated
from migrate.syntax.edits import Overlap
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.scopes import FunctionNode

_MAX_RESTARTS = 12


def rewritten(view: ModuleView, rules: list[Rule], names: NameChooser) -> Cluster:
    """The cluster with its edits; restarts with more functions left
    alone where one that must stay would have to change."""
    before = dict(names.local)
    opaque: frozenset[ast.AST] = frozenset()
    for _ in range(_MAX_RESTARTS):
        try:
            return _attempt(view, rules, names, opaque)
        except _MustStay as stay:
            opaque |= {stay.function}
            names.local = dict(before)
        except Overlap as overlap:
            raise Undecided(f"two changes meet: {overlap}") from None
        except TooComplex:
            raise Undecided("the data flow is too complex to follow") from None
        except RecursionError:
            raise Undecided("it is nested too deeply") from None
    raise Undecided("its helper functions cannot be told apart from others")


def refuse_visible_errors(view: ModuleView, rule: Rule, names: NameChooser) -> None:
    """Raise Refused where the text of a rule that will not be
    rewritten shows that it can only fail.

    The answer is the same whatever has become of other rules that use the same functions.
    """
    if rule not in view.failing:
        view.failing[rule] = _visible_error(view, rule, names)
    error = view.failing[rule]
    if error is not None:
        raise error


def _visible_error(view: ModuleView, rule: Rule, names: NameChooser) -> Refused | None:
    try:
        VisibleErrors(Cluster(view, [rule], names, rewriting=False)).check()
    except (Undecided, TooComplex, RecursionError):
        pass
    except Refused as refused:
        return refused
    return None


def _attempt(
    view: ModuleView, rules: list[Rule], names: NameChooser, opaque: frozenset[ast.AST]
) -> Cluster:
    cluster = Cluster(view, rules, names, opaque)
    VisibleErrors(cluster).check()
    if len(rules) == 1 and not cluster.flow.withheld:
        view.failing[rules[0]] = None  # a second look would see the same
    if not opaque and not all(map(view.editable, cluster.flow.live)):
        for rule in rules:  # of functions that must stay less was seen than there is
            refuse_visible_errors(view, rule, names)
    tangents = TangentRewriter(cluster)
    results = ResultRewriter(cluster, tangents)
    returns = RuleReturns(cluster, tangents)
    for rule in rules:
        returns.rule_results(rule)
    for pullback in cluster.pullbacks.values():
        _check_pullback(cluster, pullback)
        results.pullback_results(pullback)
    calls = CallRewriter(cluster, tangents, results)
    nodes = list(_nodes(cluster))
    for _, node in nodes:
        if isinstance(node, ast.Call):
            calls.find_sinks(node)
    _mark_joined(cluster)
    tests = ZeroTests(cluster)
    copies = Copies(cluster)
    joins = Joins(cluster)
    every_key = EveryKey(cluster)
    for function, node in nodes:
        with_edits = cluster.edits if view.editable(function) else NodeEdits()
        calls.edits = tests.edits = copies.edits = with_edits
        calls.rewrite(function, node)
        tests.rewrite(node)
        copies.rewrite(node)
        joins.check(node)
        every_key.check(node)
        if with_edits is not cluster.edits and with_edits:
            raise _MustStay(function)
    _write_zeros(cluster)
    _find_edited_helpers(cluster)
    return cluster


def _check_pullback(cluster: Cluster, pullback: Pullback) -> None:
    function = pullback.function
    rule = pullback.rules[0]
    if not cluster.view.editable(function):
        raise Undecided("its pullback is a function that other code uses too", rule)
    decorators = function.decorator_list if isinstance(function, ast.FunctionDef) else []
    if not all(map(cluster.view.is_transparent, decorators)):
        raise Undecided("its pullback is decorated", rule)
    if function in {r.function for r in cluster.rules}:
        raise Undecided("a rule is its own pullback", rule)


def _nodes(cluster: Cluster) -> Iterator[tuple[FunctionNode, ast.AST]]:
    """Every node of every function that was run, with the function that it stands in."""
    for function in list(cluster.flow.live):
        for node in cluster.view.nodes_of(function):
            if isinstance(node, ast.ClassDef) and cluster.view.editable(function):
                raise Undecided("it defines a class")
            yield function, node


def _mark_joined(cluster: Cluster) -> None:
    """A variable that holds a tangent at one time and None at another holds a zero then."""
    changed = True
    while changed:
        changed = False
        for variable, atoms in cluster.flow.variables.items():
            if variable.scope is None or not cluster.is_zero_like(atoms):
                continue
            for atom in atoms:
                if isinstance(atom, Nothing) and atom not in cluster.marked:
                    cluster.marked[atom] = ZERO
                    changed = True
        for site in cluster.flow.sites.values():
            groups = [site.rest, *(site.exact or ()), *site.by_key.values()]
            joined = site.elements() if not site.exact else None
            for atoms in groups if joined is None else [joined]:
                if not cluster.is_zero_like(atoms):
                    continue
                for atom in atoms:
                    if isinstance(atom, Nothing) and atom not in cluster.marked:
                        cluster.marked[atom] = ZERO
                        changed = True


def _write_zeros(cluster: Cluster) -> None:
    for nothing, zero in cluster.marked.items():
        function = cluster.function_around(nothing.node)
        if function is not None and not cluster.view.editable(function):
            raise _MustStay(function)
        text = f"{cluster.names.use(zero)}()"
        node = nothing.node
        match nothing.implied:
            case "":
                assert isinstance(node, ast.expr)
                cluster.edits.replace(node, text)
            case "return":
                cluster.edits.change(node, restated(f"return {text}"))
            case "fall":
                cluster.append_return(node, text)
            case kind:
                name = "fillvalue" if kind == "zip" else None
                cluster.edits.change(node, last_argument(text, name))


def _find_edited_helpers(cluster: Cluster) -> None:
    for function in cluster.flow.live:
        if function in cluster.view.owned:
            cluster.result.functions.append(function)


class _MustStay(Exception):
    """A function that other code uses would have to change."""

    def __init__(self, function: FunctionNode) -> None:
        super().__init__()
        self.function = function
