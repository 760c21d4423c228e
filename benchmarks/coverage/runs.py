"""The runs: each converts, asks both sides in processes of their own, and counts."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import judge, libraries
from benchmarks.coverage.answers import Job
from benchmarks.coverage.corpora import (
    AUTOGRAD,
    FUTURE,
    TANGENT,
    TEMPLATE_NEEDS,
    Cache,
    Corpus,
    environment,
)
from benchmarks.coverage.judge import Verdict
from benchmarks.coverage.values import numbers

#: Whose vectors have signs or phases that are free: differences follow another choice of them.
DELIBERATE = libraries.DELIBERATE | {"numpy.linalg.eig", "numpy.linalg.eigh", "numpy.linalg.svd"}


DROP = ("--autograd", "drop")
OWN_CORE = ("--exclude", "core.py")  # it cannot import the bridge to itself


@dataclass
class Compared:
    """What became of the rules of one package."""

    label: str
    converted: int = 0  # registrations, by the report of the tool
    left: list[str] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    registered: int = 0  # rules, when the package is imported
    verdicts: list[Verdict] = field(default_factory=list)
    decorated: set[str] = field(default_factory=set)  # names of rules with `@unconjugated`
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> Counter[str]:
        return Counter(v.kind for v in self.verdicts)

    @property
    def faults(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.kind == judge.FAULT]


def run(module: str, *arguments: str, path: tuple[Path, ...] = (), limit: int = 1500) -> None:
    env = environment()
    env["PYTHONPATH"] = ":".join([env["PYTHONPATH"], *map(str, path)])
    subprocess.run([sys.executable, "-m", module, *arguments], env=env, check=True, timeout=limit)


def asked(job: Job, *path: Path) -> Any:
    """What a process of its own says to a job."""
    with tempfile.TemporaryDirectory() as folder:
        question, answers = Path(folder, "job"), Path(folder, "answers")
        question.write_bytes(pickle.dumps(job))
        run("benchmarks.coverage.worker", str(question), str(answers), path=path)
        return pickle.loads(answers.read_bytes())


def compare(cache: Cache, corpus: Corpus) -> Compared:
    """The rules of autograd itself or of a library beside it, converted and legacy."""
    if corpus.generation != "1.9":
        return compared(cache, corpus, *(DROP if corpus.generation else ()))
    # autograd goes on differentiating, as rules that call it need it, but by its own core
    found = compared(cache, corpus, *OWN_CORE)
    whole = compared(cache, corpus, *DROP)
    found.converted, found.forms, found.left = whole.converted, whole.forms, whole.left
    found.registered = whole.registered
    found.verdicts += [v for v in whole.verdicts if v.name.startswith("core.")]
    return found


def compared(cache: Cache, corpus: Corpus, *options: str, only: tuple[str, ...] = ()) -> Compared:
    """The rules whose keys are in `only`, or all, after a conversion with these options."""
    modules = libraries.MODULES.get(corpus.name, ())
    folder, found = converted(cache, corpus, *options)
    if not modules and not corpus.generation:
        return found
    path = (cache.legacy(FUTURE),) if corpus.generation == "1.1" else ()

    def answers(side: str, place: Path, known: Any) -> Any:
        return asked(Job(side, str(place), corpus.generation, modules, only, known), *path)

    ours = answers("converted", folder, {})
    known = {k: (a.result, a.cotangent) for k, a in ours["answers"].items() if not a.error}
    _judged(found, ours, answers("legacy", cache.legacy(corpus), known))
    return found


def converted(cache: Cache, corpus: Corpus, *options: str) -> tuple[Path, Compared]:
    """The converted package, and what the tool reports of it."""
    folder, report = cache.converted(corpus, *options)
    found = Compared(corpus.label)
    for file in report["files"]:
        for rule in file.get("converted", ()):
            found.converted += 1
            found.forms[rule.get("form") or "?"] += 1
        place = Path(file["path"]).name
        found.left += [
            f"{place}:{r['line']} {r['name']}: {r['reason']}" for r in file.get("left", ())
        ]
    return folder, found


def _judged(found: Compared, ours: Any, theirs: Any) -> None:
    cases: dict[str, dict[Any, Any]] = defaultdict(dict)
    for key, answer in ours["answers"].items():
        cases[key[0]][key] = answer
    found.registered = len(ours["rules"])
    found.notes = [*ours["notes"], *theirs["notes"]]
    found.verdicts = [
        judge.judge(name, calls, theirs["answers"], name in DELIBERATE)
        for name, calls in cases.items()
    ]
    found.decorated = {name for name in cases if name in ours["decorated"]}


def templates(cache: Cache) -> Compared:
    """Tangent's."""
    folder, found = converted(cache, TANGENT)
    needs = tuple(cache.legacy(package) for package in TEMPLATE_NEEDS)
    legacy = cache.legacy(TANGENT)

    def answers(side: str, place: Path) -> Any:
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch, "answers")
            arguments = (side, str(place), str(legacy), str(output))
            run("benchmarks.coverage.templates", *arguments, path=needs)
            return pickle.loads(output.read_bytes())

    _judged(found, answers("converted", folder), answers("legacy", legacy))
    return found


def programs(cache: Cache) -> Any:
    """Programs in numpy, with converted rules in the place of the runtime's."""
    folder, _ = converted(cache, AUTOGRAD[0], *DROP)
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "answers")
        run("benchmarks.coverage.programs", str(folder), str(output))
        return pickle.loads(output.read_bytes())


@dataclass
class Kept:
    """Second derivatives by autograd, with the converted rules."""

    legacy: int = 0  # rules that autograd differentiates twice
    same: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)  # of rules that it does not any more
    unlike: list[str] = field(default_factory=list)  # where autograd's is not the derivative
    other: dict[str, str] = field(default_factory=dict)  # another number: a fault


def kept(cache: Cache, corpus: Corpus = AUTOGRAD[0]) -> Kept:
    """What `--autograd keep` promises of autograd itself."""
    folder, _ = converted(cache, corpus, *OWN_CORE)
    ours = asked(Job("converted", str(folder), "1.9", second_order=True))
    theirs = asked(Job("legacy", str(cache.legacy(corpus)), "1.9", second_order=True))
    found = Kept()
    seen: dict[str, set[str]] = defaultdict(set)
    for case, their in theirs["answers"].items():
        for k, number in (their.second or {}).items():
            if isinstance(number, str):
                continue
            our = ours["answers"].get(case)
            mine = our.second.get(k, "none") if our is not None and our.second else "no rule"
            name, place = case[0], f"{' '.join(map(str, case[1:]))}, argument {k}"
            if isinstance(mine, str):
                seen[name].add("error")
                found.errors.setdefault(name, f"{place}: {mine}")
            elif _agree(mine[0], number[0]):
                seen[name].add("same")
            elif not number[1]:
                seen[name].add("same")
                found.unlike.append(name)
            else:
                seen[name].add("other")
                found.other.setdefault(
                    name, f"{place}: {_one_line(mine[0])}, legacy {_one_line(number[0])}"
                )
    found.legacy = len(seen)
    found.same = [name for name, kinds in seen.items() if kinds == {"same"}]
    return found


def _agree(a: Any, b: Any) -> bool:
    a, b = numbers(a), numbers(b)
    small = any(
        np.asarray(v).dtype in (np.float32, np.complex64) for v in (*a.values(), *b.values())
    )
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if small else {"rtol": 1e-7, "atol": 1e-9}
    return a.keys() == b.keys() and all(
        np.allclose(a[k], b[k], equal_nan=True, **tolerance) for k in a
    )


def _one_line(value: Any) -> str:
    return re.sub(r"\s+", " ", repr(value))[:120]
