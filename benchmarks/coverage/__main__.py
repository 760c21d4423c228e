"""Converts real libraries and compares each rule with its legacy self; writes docs/coverage.md.

    python -m benchmarks.coverage [--cache FOLDER] [--only NAME,...] [--write]

Downloads what is not in the cache yet.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from benchmarks.coverage import libraries
from benchmarks.coverage.answers import Job
from benchmarks.coverage.corpora import AUTOGRAD, FUTURE, LIBRARIES, Cache, Corpus, environment
from benchmarks.coverage.judge import FAULT, Verdict, judge
from benchmarks.coverage.libraries import MODULES

DELIBERATE = libraries.DELIBERATE | {
    "numpy.linalg.eig",
    "numpy.linalg.eigh",
    "numpy.linalg.svd",
}  # signs and phases are free


def asked(job: Job, extra: str = "") -> Any:
    """What a process of its own says to a job."""
    with tempfile.TemporaryDirectory() as folder:
        question, answers = Path(folder, "job"), Path(folder, "answers")
        question.write_bytes(pickle.dumps(job))
        env = environment()
        env["PYTHONPATH"] += extra
        command = [sys.executable, "-m", "benchmarks.coverage.worker", str(question), str(answers)]
        subprocess.run(command, env=env, check=True, timeout=1500)
        return pickle.loads(answers.read_bytes())


def compare(cache: Cache, corpus: Corpus, only: tuple[str, ...]) -> list[Verdict]:
    """A verdict for each rule that is converted and has calls."""
    modules = MODULES.get(corpus.name, ())
    options = ("--dialect", "autograd")
    folder, report = cache.converted(corpus, *options)
    print(corpus.label, report["summary"])
    if not modules and not corpus.generation:
        return []
    extra = f":{cache.legacy(FUTURE)}" if corpus.generation == "1.1" else ""

    def answers(side: str, place: Path, known: Any) -> Any:
        return asked(Job(side, str(place), corpus.generation, modules, only, known), extra)

    ours = answers("converted", folder, {})
    known = {k: (a.result, a.cotangent) for k, a in ours["answers"].items() if not a.error}
    theirs = answers("legacy", cache.legacy(corpus), known)
    for note in ours["notes"]:
        print("  converted:", note)
    for note in theirs["notes"]:
        print("  legacy:", note)
    print("  rules registered", len(ours["rules"]), "legacy", len(theirs["rules"]))
    cases: dict[str, dict[Any, Any]] = defaultdict(dict)
    for key, answer in ours["answers"].items():
        cases[key[0]][key] = answer
    return [judge(n, c, theirs["answers"], n in DELIBERATE) for n, c in cases.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/rrule-migrate-coverage")
    parser.add_argument("--corpus", default="")
    parser.add_argument("--only", default="", help="keys of recipes")
    options = parser.parse_args()
    cache = Cache(options.cache)
    faults = 0
    for corpus in (*AUTOGRAD, *LIBRARIES):
        if options.corpus not in corpus.label:
            continue
        verdicts = compare(cache, corpus, tuple(filter(None, options.only.split(","))))
        print(" ", Counter(v.kind for v in verdicts))
        for v in verdicts:
            if v.kind not in ("verified",):
                print("   ", v.name, v.kind)
                for detail in v.details[:3]:
                    print("       ", detail)
        faults += sum(v.kind == FAULT for v in verdicts)
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
