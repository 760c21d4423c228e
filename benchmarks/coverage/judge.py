"""Which class a rule is in, from what both sides said of its calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.coverage.answers import Answer, Tangent
from benchmarks.coverage.values import numbers, same

VERIFIED = "verified"
SOME = "verified in some cases"
LEGACY_ERROR = "legacy error preserved"
DELIBERATE = "deliberate"
NOT_TRIED = "not tried"
NO_DERIVATIVE = "no derivative to ask for"
LEFT = "left"
NOT_HERE = "does not run on this numpy"
REFUSED = "refused by the runtime"  # that writes into its arguments
FAULT = "converter fault"
NOT_ASKED = "not asked"


@dataclass
class Verdict:
    """A rule and what was seen of it."""

    name: str
    kind: str = NOT_TRIED
    details: list[str] = field(default_factory=list)
    complex_values: str = ""  # "refused"; "the same" or "others" without `@unconjugated`


def judge(
    name: str, ours: dict[Any, Answer], theirs: dict[Any, Answer], deliberate: bool
) -> Verdict:
    """The verdict on one rule; the keys are its cases, the same on both sides."""
    seen: Counter[str] = Counter()
    verdict = Verdict(name)
    for case, our in ours.items():
        their = theirs.get(case, Answer(error=NOT_ASKED))
        for kind, text in _of_call(our, their):
            seen[kind] += 1
            if text:
                verdict.details.append(f"{kind}: {' '.join(map(str, case))}: {text}")
        if case[-1] == "complex" or any(np.iscomplexobj(v) for v in numbers(our.result).values()):
            _conjugation(verdict, our)
    good = seen[VERIFIED]
    if seen[FAULT]:
        verdict.kind = FAULT
    elif seen[LEGACY_ERROR] and deliberate:
        verdict.kind = DELIBERATE
    elif seen[LEGACY_ERROR]:
        verdict.kind = SOME if good else LEGACY_ERROR
    elif good:
        verdict.kind = VERIFIED
    elif seen[REFUSED]:
        verdict.kind = REFUSED
    elif seen[NOT_HERE]:
        verdict.kind = NOT_HERE
    elif seen[NO_DERIVATIVE]:
        verdict.kind = NO_DERIVATIVE
    return verdict


def _conjugation(verdict: Verdict, our: Answer) -> None:
    if our.error:
        if not our.error.startswith("rule: "):  # the function itself
            verdict.complex_values = verdict.complex_values or "refused"
        return
    if verdict.complex_values in ("", "refused"):
        verdict.complex_values = "the same"
    if any(not _equal(raw, our.tangents[k]) for k, raw in (our.raw or {}).items()):
        verdict.complex_values = "others"


def _of_call(our: Answer, their: Answer) -> list[tuple[str, str]]:
    if their.error == NOT_ASKED and all(t.kind == "zero" for t in our.tangents.values()):
        return [(NO_DERIVATIVE, "")]  # a function that autograd does not trace
    if their.error and not our.error:
        return [
            (NOT_HERE, "")
            if their.error.startswith("arguments")
            else (FAULT, f"legacy {their.error}")
        ]
    if our.error:
        if their.error:
            return [("refused by both", our.error)]
        if "writes into an argument" in our.error:
            return [(REFUSED, our.error)]
        if all(t.kind in ("error", "none") for t in their.tangents.values()):
            return [(NOT_HERE, our.error)]
        return [(FAULT, our.error)]
    return [_of_argument(k, our, their) for k in our.tangents] or [(NO_DERIVATIVE, "")]


def _of_argument(k: int, our: Answer, their: Answer) -> tuple[str, str]:
    mine, legacy, agrees = our.tangents[k], their.tangents[k], our.differences.get(k)
    if legacy.kind == "none" and mine.kind == "zero":
        return NO_DERIVATIVE, ""
    if legacy.kind == "none":
        return (
            (NO_DERIVATIVE, "")
            if mine.kind in ("none", "error")
            else (FAULT, f"argument {k}: a tangent where autograd has none")
        )
    if legacy.kind == "error":
        if mine.kind in ("error", "none"):
            return NOT_HERE, f"argument {k}: {legacy.text}"
        return (VERIFIED, "") if agrees else (NOT_HERE, f"argument {k}: legacy {legacy.text}")
    if not _equal(mine, legacy):
        return FAULT, f"argument {k}: {_short(mine)} is not the legacy {_short(legacy)}"
    if agrees is False:
        return LEGACY_ERROR, f"argument {k}: differences disagree"
    return VERIFIED, ""


def _short(t: Tangent) -> str:
    if t.kind != "value":
        return f"{t.kind} {t.text}".strip()
    return " ".join(repr(t.value).split())[:160]


def _equal(mine: Tangent, legacy: Tangent) -> bool:
    kinds = {mine.kind, legacy.kind}
    if not kinds <= {"value", "zero"}:
        return mine.kind == legacy.kind
    a, b = _leaves(mine), _leaves(legacy)
    for place in a.keys() | b.keys():
        x, y = a.get(place), b.get(place)
        if x is None or y is None:
            if not np.allclose(y if x is None else x, 0):
                return False
            continue
        if not np.iscomplexobj(x):
            y = np.real(y)  # of a real argument
        small = np.asarray(x).dtype in (np.float32, np.complex64)
        if not same(x, y, *((1e-3, 1e-4) if small else (1e-8, 1e-10))):
            return False
    return True


def _leaves(t: Tangent) -> dict[Any, Any]:
    return numbers(t.value) if t.kind == "value" else {}
