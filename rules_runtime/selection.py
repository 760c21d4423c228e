"""Which of several rules a call has.

Of the rules that match, these come first:

1. the program's own, before those of the rule library of this package, which never change what a
   program's rules do;
2. those that match exactly, before those where a number stands for a wider one;
3. those addressed to the AD that asks, before those for any AD;
   then the one with the closer address;
4. the one whose parameters are the more specific;
   where they are the same, the one that leaves fewer unfilled;
5. the one that requires more of the AD;
6. of two that require the same, the later one.

Where this leaves two, the call is ambiguous, which is an error. An opt-out takes part as a rule
does, but its parameters alone decide, and it wins against a rule that is as specific. One without a
signature (`no_rrule.register(f)`) has as many parameters as the rule that it is compared with, so
that only a rule with annotations gets past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .callees import Call
from .config import is_requirement, satisfies
from .errors import AmbiguousRuleError
from .patterns import ANYTHING
from .rule import Rule
from .signatures import location_of


def select(rules: Sequence[Rule], config: Any, call: Call, kwargs: dict[str, Any]) -> Rule | None:
    """The rule, or opt-out, that a call has; `None` where none matches.
    Raises `AmbiguousRuleError`."""
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
        if all(rule is other or why_beats(rule, other, config, n) for other in rules):
            return rule
    best = [
        r
        for r in rules
        if not any(why_beats(other, r, config, n) for other in rules if other is not r)
    ]
    listed = "\n".join(
        f"    {rule.signature} at {location_of(rule.function)}" for rule in best or rules
    )
    raise AmbiguousRuleError(
        f"several rules for {rules[0].name} apply and none is the most specific:\n{listed}\n"
        "Add a rule that is more specific than these, or make one of them less general."
    )


def why_beats(a: Rule, b: Rule, config: Any, n: int) -> str:
    """Why rule `a` goes before rule `b`, both of which match; empty where it does not."""
    if not _is_bare_opt_out(a) and not _is_bare_opt_out(b):
        closer = _first(_addresses(a, config), _addresses(b, config))
        if closer is not None:
            return "is addressed to this AD, or more closely" if closer else ""
    if a.opt_out != b.opt_out and _takes_anything(a if a.opt_out else b):
        rule = b if a.opt_out else a
        if a.opt_out is not all(rule.signature.at(i) == ANYTHING for i in range(n)):
            return ""
        return "opts out of all that have no annotations" if a.opt_out else "has annotations"
    tighter = a.signature.tighter(b.signature, n)
    if tighter is not None:
        return "has the more specific parameters" if tighter else ""
    if not a.signature.same(b.signature, n):
        return ""
    if a.opt_out != b.opt_out:
        return "opts out and is as specific" if a.opt_out else ""
    ours, theirs = _met(a, config), _met(b, config)
    more = _first(ours, theirs)
    if more is not None:
        return "requires more of the AD" if more else ""
    is_later = a.order > b.order and _are_within(ours, theirs)
    return "is as specific and came later" if is_later else ""


def _is_bare_opt_out(rule: Rule) -> bool:
    return rule.opt_out and not rule.needs_config


def _takes_anything(opt_out: Rule) -> bool:
    return not opt_out.signature.patterns and opt_out.signature.rest == ANYTHING


def _met(rule: Rule, config: Any) -> list[type]:
    """The configs of a rule that the AD at hand satisfies; a rule of the shim requires none."""
    if config is None or not rule.needs_config:
        return []
    return [wanted for wanted in rule.signature.configs if satisfies(type(config), wanted)]


def _addresses(rule: Rule, config: Any) -> list[type]:
    """Those of them that are classes of ADs rather than features that an AD may have."""
    return [met for met in _met(rule, config) if not is_requirement(met)]


def _first(a: list[type], b: list[type]) -> bool | None:
    """Whether configs `a` go before configs `b`: they say more. None where neither do."""
    if not a or not b:
        return bool(a) if bool(a) != bool(b) else None
    forth, back = _are_within(a, b), _are_within(b, a)
    return forth if forth != back else None


def _are_within(a: list[type], b: list[type]) -> bool:
    return all(any(satisfies(narrow, wide) for wide in b) for narrow in a)
