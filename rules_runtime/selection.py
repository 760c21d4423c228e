"""Which of several rules a call has.

Of the rules that match, these come first:

1. the program's own, before those of the rule library of this package, which never change what a program's rules do;
2. those that match exactly, before those where a number stands for a wider one;
3. those with a config, before those without; then the one with the more specific config;
4. the one whose parameters are the more specific; where they are the same, the one that leaves fewer unfilled;
5. the later one.

Where this leaves two, the call is ambiguous, which is an error. An opt-out takes part as a rule does, but its
parameters alone decide, and it wins against a rule that is as specific. One without a signature (`no_rrule.register(f)`) has as many
parameters as the rule that it is compared with, so that only a rule with annotations gets past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .callees import Call
from .config import satisfies
from .errors import AmbiguousRuleError
from .patterns import ANYTHING
from .rule import Rule
from .signatures import location_of


def select(rules: Sequence[Rule], config: Any, call: Call, kwargs: dict[str, Any]) -> Rule | None:
    """The rule, or opt-out, that a call has; `None` where none matches. Raises `AmbiguousRuleError`."""
    for built_in in (False, True):
        layer = [rule for rule in rules if rule.built_in is built_in]
        for loose in (False, True):
            matching = [rule for rule in layer if rule.applies(config, call.args, kwargs, loose)]
            if matching:
                return _most_specific(matching, config, len(call.args))
    return None


def _most_specific(rules: list[Rule], config: Any, n: int) -> Rule:
    if len(rules) == 1:
        return rules[0]
    for rule in reversed(rules):
        if all(rule is other or _beats(rule, other, config, n) for other in rules):
            return rule
    best = [
        r
        for r in rules
        if not any(_beats(other, r, config, n) for other in rules if other is not r)
    ]
    listed = "\n".join(
        f"    {rule.signature} at {location_of(rule.function)}" for rule in best or rules
    )
    raise AmbiguousRuleError(
        f"several rules for {rules[0].name} apply and none is the most specific:\n{listed}\n"
        "Add a rule that is more specific than these, or make one of them less general."
    )


def _beats(a: Rule, b: Rule, config: Any, n: int) -> bool:
    if config is not None and not _is_bare_opt_out(a) and not _is_bare_opt_out(b):
        if a.takes_config != b.takes_config:
            return a.takes_config
        if a.takes_config:
            forth, back = _config_within(a, b, config), _config_within(b, a, config)
            if forth != back:
                return forth
    if a.opt_out != b.opt_out and _takes_anything(a if a.opt_out else b):
        rule = b if a.opt_out else a
        return a.opt_out is all(rule.signature.at(i) == ANYTHING for i in range(n))
    tighter = a.signature.tighter(b.signature, n)
    if tighter is not None:
        return tighter
    if not a.signature.same(b.signature, n):
        return False
    return a.opt_out if a.opt_out != b.opt_out else a.order > b.order


def _is_bare_opt_out(rule: Rule) -> bool:
    return rule.opt_out and not rule.takes_config


def _takes_anything(opt_out: Rule) -> bool:
    return not opt_out.signature.patterns and opt_out.signature.rest == ANYTHING


def _config_within(a: Rule, b: Rule, config: Any) -> bool:
    """Whether the configs of `a` that are met are all configs of `b`."""
    met = [c for c in a.signature.configs if satisfies(type(config), c)]
    return all(any(satisfies(c, wider) for wider in b.signature.configs) for c in met)
