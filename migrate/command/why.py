"""Says why a converted rule came out as it did:
the passages of the migration guide that its changes follow."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrate.model import RuleConverted


@dataclass(frozen=True)
class Passage:
    """What a change is, in a sentence, more of it, where the guide says so, and what shows it.

    The guide is "Converting ZygoteRules.@adjoint to rrules"; `section` is its heading.
    """

    sentence: str
    text: str
    section: str
    sign: re.Pattern[str]  # more often in the new text than in the old one


def _passage(sign: str, sentence: str, text: str, section: str) -> Passage:
    return Passage(sentence, text, section, re.compile(sign))


PASSAGES = (
    _passage(
        r"\brrule\.register\b|\bfrom_legacy_rule\b",
        "The rule is registered for its function by name.",
        "Its first parameter is the function itself.",
        "Write as a rrule(::typeof(f), ...)",
    ),
    _passage(
        r"return \(?NoTangent\(\)|: \(?NoTangent\(\)|\(NoTangent\(\),\)",
        "The pullback returns the tangent of the function itself first.",
        "It is NoTangent() for a plain function; adjoint used to put it in front of the others.",
        "Include the derivative with respect to the function object itself",
    ),
    _passage(
        r"\bZeroTangent\(\)|\bNoTangent\(\)|\bAbstractZero\b",
        "A zero says of which kind it is.",
        "None stood for every zero. ZeroTangent() says that there is no relation to an argument, "
        "NoTangent() that the argument cannot be perturbed; a test for None becomes a test for "
        "AbstractZero.",
        "nothing becomes an AbstractZero",
    ),
    _passage(
        r"\bTangent\[",
        "The tangent of a structure names what it is the tangent of.",
        "Fields that are not given are zero.",
        "Tuples and NamedTuples become Tangent{T}s",
    ),
    _passage(
        r"\brrule_via_ad\b|\bRuleConfig\[",
        "The rule asks for an AD with RuleConfig, and calls back into whichever it is.",
        "The tangent of the function that is called comes first in what the pullback gives.",
        "Calling back into AD (ZygoteRules.pullback)",
    ),
    _passage(
        r"\bfrom_legacy\b|\bto_legacy\b|\bentries_from_legacy\b",
        "A tangent whose kind the text does not show is converted when the rule runs.",
        "from_legacy and to_legacy turn it from one language into the other.",
        "Tangent Type changes",
    ),
    _passage(
        r"\badd\(",
        "Tangents are added by add, which takes zeros of every kind.",
        "Tangents of the new language form a vector space.",
        "Tangent Type changes",
    ),
    _passage(
        r"\bnon_differentiable\b",
        "nograd is called non_differentiable now.",
        "It says the same.",
        "@nograd becomes @non_differentiable",
    ),
)


def why(rule: RuleConverted) -> list[Passage]:
    """The passages that the rule's changes follow, in the order of the guide."""
    return [
        passage
        for passage in PASSAGES
        if len(passage.sign.findall(rule.after)) > len(passage.sign.findall(rule.before))
    ]
