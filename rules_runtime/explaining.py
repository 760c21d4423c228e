"""`rrule.explain`: which of several rules a call has, and why the others have not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .callees import Call
from .rule import Rule
from .selection import why_beats
from .signatures import location_of


@dataclass(frozen=True)
class Explanation:
    """Which rule a call has, where it stands, and why each of the others loses;
    `str()` of it is text for people.

    `used` is empty where there is none; `others` has each other rule with the reason.

    >>> other = ("the rule (x: str)", "argument 1 is a float, not str")
    >>> print(Explanation("f(float)", "", "", (other,)))
    f(float): no rule
      not the rule (x: str): argument 1 is a float, not str
    """

    call: str
    used: str
    where: str
    others: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        found = f"{self.used} at {self.where}" if self.where else self.used or "no rule"
        return "\n".join(
            [f"{self.call}: {found}", *(f"  not {rule}: {why}" for rule, why in self.others)]
        )


def explained(
    name: str,
    rules: Sequence[Rule],
    chosen: Rule | None,
    form: Any,
    config: Any,
    call: Call,
    kwargs: dict[str, Any],
) -> Explanation:
    """Why `chosen` is the one among `rules`; where it is `None`, `form` may serve.

    >>> explained("f", [], None, None, None, Call(0, (), False, len), {}).used
    ''
    """
    by = "" if config is None else f" for {type(config).__name__}"
    used, where = "" if form is None else f"{form!r}, of the library", ""
    if chosen is not None and chosen.opt_out:
        used = f"an opt-out {chosen.signature}: the AD differentiates it by itself"
    elif chosen is not None:
        used, where = f"the rule {chosen.signature}", location_of(chosen.function)
    others = [
        (_described(rule), _why_not(rule, chosen, config, call, kwargs))
        for rule in rules
        if rule is not chosen
    ]
    kinds = ", ".join(type(x).__name__ for x in call.args)
    return Explanation(f"{name}({kinds}){by}", used, where, tuple(others))


def _described(rule: Rule) -> str:
    if rule.opt_out:
        return f"the opt-out {rule.signature}"
    return f"the rule {rule.signature} at {location_of(rule.function)}"


def _why_not(
    rule: Rule, chosen: Rule | None, config: Any, call: Call, kwargs: dict[str, Any]
) -> str:
    signature, args = rule.signature, call.args
    if rule.needs_config and config is None:
        return "it asks for a config, and there is none"
    if config is not None and not signature.accepts_config(type(config)):
        wanted = " or ".join(c.__name__ for c in signature.configs)
        return f"it is for {wanted}, which {type(config).__name__} is not"
    if not rule.applies(config, args, kwargs, True):
        for k, x in enumerate(args):
            if not signature.at(k).loose(x):
                return f"argument {k + 1} is a {type(x).__name__}, not {signature.at(k)!r}"
        return f"it takes another number of arguments than {len(args)}"
    assert chosen is not None  # else this one would be
    if rule.built_in and not chosen.built_in:
        return "rules of the program come before those of the library"
    if not rule.applies(config, args, kwargs, False) and chosen.applies(
        config, args, kwargs, False
    ):
        return "a number stands for a wider one, and the other matches exactly"
    return f"the other {why_beats(chosen, rule, config, len(args))}"
