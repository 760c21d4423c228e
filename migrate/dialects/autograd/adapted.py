"""A registration that the runtime translates as a whole, when it is called."""

from __future__ import annotations

import ast

from migrate.dialects.autograd.keeping import kept
from migrate.dialects.autograd.language import ADAPTERS
from migrate.dialects.autograd.makers import LEADING
from migrate.dialects.autograd.registrations import Registration
from migrate.dialects.autograd.rule import Rule
from migrate.rules.names import NameChooser
from migrate.rules.plans import Plan, RuleNote
from migrate.syntax.node_edits import NodeEdits
from migrate.syntax.pieces import Cutter


def adapted(rule: Rule, names: NameChooser, keep: bool) -> Plan:
    """`rrule.register(f)(from_vjpmakers(f, …))` in place of `defvjp(f, …)`."""
    registration, source = rule.registration, rule.module.source
    if registration.is_older or registration.is_foreign:
        return replaced(rule, _older(rule, names), names, keep, "A")
    adapter = names.use(ADAPTERS[registration.kind])
    target = source.segment(registration.target)
    start = source.span(registration.target)[0]
    end = source.span(registration.call)[1]
    opening = source.text[source.span(registration.call.func)[1] : start]
    text = f"{names.use('rrule')}.register({target})({adapter}{opening}{source.text[start:end]})"
    return replaced(rule, text, names, keep, "A")


def _older(rule: Rule, names: NameChooser) -> str:
    """Makers of the older spellings as those of today's."""
    registration, source = rule.registration, rule.module.source
    target = source.segment(registration.target)
    makers: list[str] = []
    # a space that is handed on may be of a container, which only autograd's own knows
    own = "vspace" in rule.module.scopes.module.bindings or registration.is_foreign
    space = "vspace" if own else names.use("Space")
    for place, node in sorted((registration.makers or {}).items()):
        lead = registration.leads.get(place, 1)
        if place not in registration.live:
            makers.append("None")
            continue
        text = source.segment(node)
        if lead > 1:
            roles = {
                "argnum": str(place),
                "g": "g",
                "ans": "ans",
                "vs": f"{space}(args[{place}])",
                "gvs": f"{space}(ans)",
            }
            given = ", ".join(roles[role] for role in LEADING[lead])
            called = text if isinstance(node, ast.Name | ast.Attribute) else f"({text})"
            inner = f"lambda g: {called}({given}, *args, **kwargs)"
            text = f"lambda ans, *args, **kwargs: {inner}"
        makers.append(text)
    places = tuple(sorted(registration.makers or {}))
    argnums = "" if places == tuple(range(len(places))) else f", argnums={places}"
    adapter = names.use(ADAPTERS["defvjp"])
    adapted = f"{adapter}({', '.join([target, *makers])}{argnums})"
    return f"{names.use('rrule')}.register({target})({adapted})"


def without_derivative(rule: Rule, names: NameChooser, keep: bool) -> Plan:
    """`non_differentiable(f)` in place of `defvjp(f, None)`."""
    target = rule.module.source.segment(rule.registration.target)
    comments = rule.module.source.comments_within(rule.registration.call)
    indent = rule.module.source.indentation(rule.registration.call.lineno)
    lead = "".join(f"{text}\n{indent}" for text in comments)
    text = f"{lead}{names.use('non_differentiable')}({target})"
    return replaced(rule, text, names, keep, "non-differentiable")


def replaced(rule: Rule, text: str, names: NameChooser, keep: bool, form: str) -> Plan:
    """A statement, or an expression in one, in place of a registration."""
    registration, source = rule.registration, rule.module.source
    after = kept(rule, names) if keep else ""
    edits = NodeEdits()
    site = registration.site
    cutter = Cutter(source, rule.module.scopes)
    if site is not None and not cutter.shares_line(site):
        indent = source.indentation(site.lineno)
        edits.replace_line(site, f"{text}\n{indent}{after}" if after else text)
        return Plan((edits,), gone=(site,), form=form)
    if after:  # `defvjp` gives None, within a list, too
        text = f"{text}; {after}" if site is not None else f"({text}, {after})[1]"
    edits.replace(registration.call, text)
    return Plan((edits,), form=form)


def gone(rule: Rule, later: Registration) -> Plan:
    """Nothing in place of a registration that a later one replaces."""
    site, source = rule.registration.site, rule.module.source
    assert site is not None
    message = f"another rule for {rule.shown} replaces this one, which is gone"
    edits = NodeEdits()
    cutter = Cutter(source, rule.module.scopes)
    note = RuleNote("RM109", message, later.call)
    if cutter.shares_line(site):
        edits.replace(rule.registration.call, "None")
        return Plan((edits,), (note,), form="replaced")
    comments = source.comments_within(site)
    indent = source.indentation(site.lineno)
    edits.replace_line(site, f"\n{indent}".join(comments))
    return Plan((edits,), (note,), gone=(site,), form="replaced")
