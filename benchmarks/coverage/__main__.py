"""Converts real libraries and compares each rule with its legacy self; writes docs/coverage.md.

    python -m benchmarks.coverage [--cache FOLDER] [--only PART,...] [--write]

Parts: the name of a package (all of its versions) or its name and version; `programs`, `keep`,
`suites`. Downloads what is not in the cache yet. Exits 1 where the converter is at fault.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.coverage import page, runs, suites
from benchmarks.coverage.corpora import AUTOGRAD, LIBRARIES, ROOT, TANGENT, Cache

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

    found: dict[str, Any] = {"packages": []}
    for corpus in (*AUTOGRAD, TANGENT, *LIBRARIES):
        if wanted(corpus.name, corpus.label.replace(" ", "-")):
            compared = runs.templates(cache) if corpus is TANGENT else runs.compare(cache, corpus)
            found["packages"].append(compared)
            print(page.told(compared), flush=True)
    if wanted("programs"):
        found["programs"] = runs.programs(cache)
        print(found["programs"], flush=True)
    if wanted("keep"):
        found["keep"] = kept = runs.kept(cache)
        print("keep", kept.legacy, len(kept.same), kept.errors, kept.other, sep="\n  ", flush=True)
    if wanted("suites"):
        found["suites"] = {s.library.label: suites.broken(cache, s) for s in suites.SUITES}
        print(found["suites"])
    if options.write:
        (ROOT / "docs" / "coverage.md").write_text(page.written(found))
    return int(page.is_at_fault(found))


if __name__ == "__main__":
    raise SystemExit(main())
