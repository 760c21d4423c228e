"""Converts real libraries and compares each rule with its legacy self; writes docs/coverage.md.

    python -m benchmarks.coverage [--cache FOLDER] [--only PART,...] [--write]

Parts: the name of a package (all of its versions) or its name and version; `programs`, `keep`,
`suites`. Downloads what is not in the cache yet, and keeps there what was found of each part: the
page is written of all parts, those of earlier runs too. Exits 1 where the converter is at fault.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any

from benchmarks.coverage import page, runs, suites
from benchmarks.coverage.corpora import AUTOGRAD, LIBRARIES, ROOT, TANGENT, Cache, Corpus

DEFAULT = Path.home() / ".cache" / "rrule-migrate-coverage"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT)
    parser.add_argument("--only", default="", help="parts, with commas between them")
    parser.add_argument("--write", action="store_true", help="write docs/coverage.md")
    options = parser.parse_args()
    cache, parts = Cache(options.cache), options.only.split(",") if options.only else []

    def wanted(*names: str) -> bool:
        return not parts or any(name in parts for name in names)

    def done(part: str, found: Any) -> Any:
        place = options.cache / "results" / part
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(pickle.dumps(found))
        return found

    at_fault = False
    for corpus in PACKAGES:
        if wanted(corpus.name, name_of(corpus)):
            compared = runs.templates(cache) if corpus is TANGENT else runs.compare(cache, corpus)
            print(page.told(done(name_of(corpus), compared)), flush=True)
            at_fault |= bool(compared.faults)
    if wanted("programs"):
        print(done("programs", runs.programs(cache)), flush=True)
    if wanted("keep"):
        kept = done("keep", runs.kept(cache))
        print("keep", kept.legacy, len(kept.same), kept.errors, kept.other, sep="\n  ", flush=True)
        at_fault |= bool(kept.other)
    for suite in suites.SUITES:
        name = f"suite-{suite.library.name}"
        if wanted("suites", name):
            passed, broken = done(name, suites.broken(cache, suite))
            print(name, passed, broken, flush=True)
            at_fault |= bool(broken)
    if options.write:
        (ROOT / "docs" / "coverage.md").write_text(page.written(_results(options.cache)))
    return int(at_fault)


PACKAGES = (*AUTOGRAD, TANGENT, *LIBRARIES)


def name_of(corpus: Corpus) -> str:
    return corpus.label.replace(" ", "-")


def _results(cache: Path) -> dict[str, Any]:
    """What was found of each part, in this run or one before."""
    found = {p.name: pickle.loads(p.read_bytes()) for p in (cache / "results").iterdir()}
    found["packages"] = [found[n] for n in map(name_of, PACKAGES) if n in found]
    labels = {s.library.label: f"suite-{s.library.name}" for s in suites.SUITES}
    found["suites"] = {label: found[name] for label, name in labels.items() if name in found}
    return found


if __name__ == "__main__":
    raise SystemExit(main())
