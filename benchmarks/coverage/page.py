"""What the run found, as docs/coverage.md and as lines on the screen."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from benchmarks.coverage import judge
from benchmarks.coverage.runs import Compared, Kept

CLASSES = (
    judge.VERIFIED,
    judge.SOME,
    judge.LEGACY_ERROR,
    judge.DELIBERATE,
    judge.NO_DERIVATIVE,
    judge.NOT_TRIED,
    judge.NOT_HERE,
    judge.REFUSED,
    judge.FAULT,
)
HEAD = """# What was converted and compared

Made by `python -m benchmarks.coverage --write`; not written by hand. It downloads the packages below, converts them,
imports the legacy package and the converted one in processes of their own, and asks every rule for the tangents of
the same calls: the legacy vjp first, given the same output, then central differences.

* **verified**: the legacy vjp and differences agree in every call;
* **verified in some cases**: both agree in some calls; in the others the legacy gradient, kept as it is, is not the derivative,
  or the legacy rule does not run;
* **legacy error preserved**: the legacy gradient, which is not the derivative;
* **deliberate**: the same, on purpose, or because eigenvectors are free in sign and phase;
* **no derivative**: there is nothing to differentiate by;
* **not tried**: converted and imported, no call was refused by neither side;
* **does not run**: the legacy rule fails with this numpy, and the converted one like it;
* **refused by the runtime**: the function writes into an argument, which a rule may not;
* **fault**: the converter's.

Rules that are registered twice are counted once here; a call that both sides refuse (complex values, mostly) counts nowhere.
Complex and single-precision variants of most calls are included.
"""


def told(compared: Compared) -> str:
    """A few lines on one package."""
    lines = [
        (
            f"{compared.label}: {compared.converted} converted, {len(compared.left)} left, "
            f"{compared.registered} registered; {dict(compared.forms)}; {dict(compared.classes)}"
        ),
        *(f"  left: {text}" for text in compared.left),
        *(f"  {note}" for note in compared.notes),
    ]
    for verdict in compared.verdicts:
        if verdict.kind == judge.FAULT:
            lines.append(f"  FAULT {verdict.name}")
            lines += [f"    {d}" for d in verdict.details if d.startswith(judge.FAULT)][:4]
    return "\n".join(lines)


def written(found: dict[str, Any]) -> str:
    parts = [HEAD, _bars(found), _packages(found["packages"]), _complex(found["packages"])]
    if "programs" in found:
        parts.append(_programs(found["programs"]))
    if "keep" in found:
        parts.append(_keep(found["keep"]))
    if "suites" in found:
        parts.append(_suites(found["suites"]))
    parts += [_details(p) for p in found["packages"] if p.verdicts]
    return "\n".join(parts)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _bars(found: dict[str, Any]) -> str:
    packages = {p.label: p for p in found["packages"]}
    rows: list[tuple[str, str, object]] = []
    for label, least in (("autograd 1.9.1", 205), ("autograd 1.1.13", 140), ("autograd 1.0.1", 85)):
        p = packages.get(label)
        if p is None:
            continue
        same = sum(
            p.classes[k] for k in (judge.VERIFIED, judge.SOME, judge.LEGACY_ERROR, judge.DELIBERATE)
        )
        good = p.classes[judge.VERIFIED] + p.classes[judge.SOME]
        text = (
            f"{good} ({p.classes[judge.VERIFIED]} in every call); {same} give the legacy gradient"
        )
        rows.append((f"{label}: verified", f"at least {least}", text))
        rows.append(
            (f"{label}: left; faults of the converter", "0; 0", f"{len(p.left)}; {len(p.faults)}")
        )
        if label == "autograd 1.9.1":
            forms = p.forms
            rows.append(
                (f"{label}: inlined or in place", "at least 155", forms["I1"] + forms["I2"])
            )
            rows.append((f"{label}: adapters", "at most 16", forms["A"]))
            kinds = Counter((v.complex_values, v.name in p.decorated) for v in p.verdicts)
            text = f"{kinds['others', False]}; {kinds['refused', True]}"
            rows.append(
                ("`@unconjugated`: missing; where complex values are refused", "0; 0", text)
            )
    if "tangent 0.1.9" in packages:
        rows.append(("tangent 0.1.9: converted", "62", packages["tangent 0.1.9"].converted))
    if "programs" in found:
        texts = found["programs"]["programs"].values()
        rows.append(
            (
                "programs right to second order",
                "14 of 16",
                f"{sum(not t for t in texts)} of {len(texts)}",
            )
        )
    if "keep" in found:
        kept = found["keep"]
        text = f"{len(kept.same)} of {kept.legacy}; {len(kept.other)}"
        rows.append(("second order after keep: the same; another number", "at least 150; 0", text))
    for label, (passed, broken) in found.get("suites", {}).items():
        rows.append(
            (
                f"test-suite of {label} after keep: passed; broken",
                "0 broken",
                f"{passed}; {len(broken)}",
            )
        )
    lines = [_row("what", "goal", "found"), _row("---", "---", "---"), *(_row(*r) for r in rows)]
    return "\n## Goals\n\n" + "\n".join(lines) + "\n"


def _packages(packages: list[Compared]) -> str:
    columns = ("package", "found", "inlined", "in place", "called", "adapter", "left", "compared")
    lines = [_row(*columns, *CLASSES), _row(*["---"] * (len(columns) + len(CLASSES)))]
    for p in packages:
        forms = [p.forms.get(name, 0) for name in ("I1", "I2", "C", "A")]
        found = p.converted + len(p.left)
        counts = [p.classes[name] for name in CLASSES]
        lines.append(_row(p.label, found, *forms, len(p.left), len(p.verdicts), *counts))
    return "\n## Packages\n\n" + "\n".join(lines) + "\n"


def _complex(packages: list[Compared]) -> str:
    lines = ["\n## Complex values\n"]
    for p in packages[:1]:
        kinds = Counter((v.complex_values, v.name in p.decorated) for v in p.verdicts)
        lines += [
            f"Rules of {p.label} by what they give without `@unconjugated`, and whether they have it.\n",
            _row("without it", "with the decorator", "without"),
            _row("---", "---", "---"),
            *(
                _row(text, kinds[kind, True], kinds[kind, False])
                for kind, text in (
                    ("others", "other gradients"),
                    ("the same", "the same gradients"),
                    ("refused", "complex values are refused"),
                    ("", "not tried with complex values"),
                )
            ),
        ]
    return "\n".join(lines) + "\n"


def _programs(found: Any) -> str:
    wrong = {name: text for name, text in found["programs"].items() if text}
    right = len(found["programs"]) - len(wrong)
    lines = [
        "\n## The library replaced\n",
        (
            f"{found['replaced']} converted rules stand in the place of the runtime's for numpy's functions: "
            f"{right} of {len(found['programs'])} programs have the right first and second derivative.\n"
        ),
        *(f"* `{name}`: {_plain(text)}" for name, text in wrong.items()),
    ]
    return "\n".join(lines) + "\n"


def _keep(kept: Kept) -> str:
    unlike = ", ".join(f"`{name}`" for name in dict.fromkeys(kept.unlike))
    also = f" (but for {unlike}, where autograd's own is not the derivative)" if unlike else ""
    told = (
        f"Of {kept.legacy} rules that autograd differentiates twice, {len(kept.same)} have the same "
        f"second derivatives after `--autograd keep`; {len(kept.errors)} raise in a call that worked; "
        f"{len(kept.other)} give another number{also}.\n"
    )
    lines = [
        "\n## autograd with the converted rules\n",
        told,
        *(f"* `{name}`: {_plain(text)}" for name, text in (kept.errors | kept.other).items()),
    ]
    return "\n".join(lines) + "\n"


def _suites(found: dict[str, tuple[int, list[str]]]) -> str:
    lines = [
        "\n## Test-suites after `--autograd keep`\n",
        _row("suite", "passed", "do not any more"),
        _row("---", "---", "---"),
    ]
    lines += [
        _row(name, passed, ", ".join(broken) or 0) for name, (passed, broken) in found.items()
    ]
    return "\n".join(lines) + "\n"


def _details(compared: Compared) -> str:
    lines = [f"\n## {compared.label}: what is not simply verified\n"]
    lines += [f"* left: {text}" for text in compared.left]
    for v in compared.verdicts:
        if v.kind != judge.VERIFIED:
            reason = next((d for d in v.details if d.startswith(v.kind)), (v.details or [""])[0])
            lines.append(f"* `{v.name}`: {v.kind}. {_plain(reason.removeprefix(f'{v.kind}: '))}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    text = re.sub(r"\(/\S*/([^/]+:\d+)\)", r"(\1)", text)  # files, wherever they are
    return text.replace("|", "/").replace("<", "(").replace(">", ")").replace("\n", " ")[:200]
