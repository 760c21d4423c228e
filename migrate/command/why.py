"""Says why a converted rule came out as it did: the passages of the migration guide that its changes follow."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrate.model import RuleConverted


@dataclass(frozen=True)
class Passage:
    """A section of the guide "Converting ZygoteRules.@adjoint to rrules", in a sentence, and what shows it."""

    section: str
    text: str
    sign: re.Pattern[str]  # more often in the new text than in the old one


def _passage(section: str, sign: str, text: str) -> Passage:
    return Passage(section, text, re.compile(sign))


PASSAGES = (
    _passage(
        "Write as a rrule(::typeof(f), ...)",
        r"\brrule\.register\b|\bfrom_legacy_rule\b",
        "No magic: the rule is registered for the function by name, and its first parameter is the function itself.",
    ),
    _passage(
        "Include the derivative with respect to the function object itself",
        r"return \(?NoTangent\(\)|: \(?NoTangent\(\)|\(NoTangent\(\),\)",
        "adjoint put the function's own tangent in front of the others. Now the pullback returns it: NoTangent() for "
        "a plain function.",
    ),
    _passage(
        "nothing becomes an AbstractZero",
        r"\bZeroTangent\(\)|\bNoTangent\(\)|\bAbstractZero\b",
        "None stood for every zero. ZeroTangent() says that there is no relation to an argument, NoTangent() that the "
        "argument cannot be perturbed; a test for None becomes a test for AbstractZero.",
    ),
    _passage(
        "Tuples and NamedTuples become Tangent{T}s",
        r"\bTangent\[",
        "The tangent of a structure names what it is the tangent of. Fields that are not given are zero.",
    ),
    _passage(
        "Calling back into AD (ZygoteRules.pullback)",
        r"\brrule_via_ad\b|\bRuleConfig\[",
        "The rule asks for an AD with RuleConfig and calls back into whichever it is. The tangent of the function that "
        "is called comes first in what the pullback gives.",
    ),
    _passage(
        "Tangent Type changes",
        r"\bfrom_legacy\b|\bto_legacy\b|\bentries_from_legacy\b",
        "What the text does not decide is turned from one language into the other when the rule runs.",
    ),
    _passage(
        "Tangent Type changes",
        r"\badd\(",
        "Target tangents form a vector space: add takes zeros of every kind.",
    ),
    _passage(
        "@nograd becomes @non_differentiable",
        r"\bnon_differentiable\b",
        "The same statement under its new name.",
    ),
)


def why(rule: RuleConverted) -> list[Passage]:
    """The passages that the rule's changes follow, in the order of the guide."""
    return [
        passage
        for passage in PASSAGES
        if len(passage.sign.findall(rule.after)) > len(passage.sign.findall(rule.before))
    ]
