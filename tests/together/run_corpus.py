"""Converts every legacy file of a folder,
runs both variants and compares values and gradients, case by case.

    python tests/together/run_corpus.py DIR [-k PART] [--diff] [--fd]
                                         [--check] [--legacy-module NAME]

Prints one line per file and every mismatch. Exit code 1 where anything differs. Works on any folder
of modules that end with `cases()`; needs `rules_runtime` for running and `migrate.convert` for
converting, and says which is missing.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import variants  # noqa: E402


def convert(path: Path, extra: tuple[str, ...] = ()):
    """The outcome of `convert_source` for the file at `path`,
    with module sources looked up beside it."""
    from migrate import convert as module
    from migrate.model import Options

    return module.convert_source(path.read_bytes(), str(path), Options(legacy_modules=extra))


def classify(after: str) -> str:
    """How a rule was converted: in the target language, with bridges inside,
    or whole through `from_legacy_rule`."""
    if "from_legacy_rule" in after:
        return "whole"
    if "from_legacy" in after or "to_legacy" in after:
        return "bridged"
    return "idiomatic"


def report(path: Path, options: argparse.Namespace) -> tuple[dict[str, int], list[str]]:
    counts = dict.fromkeys(("cases", "idiomatic", "bridged", "whole", "left"), 0)
    problems: list[str] = []
    legacy = variants.run_module(path, numeric=options.fd, shim=True)
    counts["cases"] = len(legacy.cases)
    if legacy.error:
        problems.append(f"legacy module fails: {legacy.error}")
    for label, case in legacy.cases.items():
        if case.error:
            problems.append(f"legacy {label}: {case.error}")
        problems += [
            f"shim and rrule differ, {label} [{c}] {i}: {d}"
            for c, tables in case.shim.items()
            for i, t in enumerate(tables)
            for d in variants.structured.differences(t, case.gradients[c][i], 1e-9, 1e-12)
        ]
    if options.fd and not legacy.error:
        problems += [
            f"legacy differs from finite differences, {p}" for p in variants.compare_numeric(legacy)
        ]
    try:
        outcome = convert(path, tuple(options.legacy_module))
    except ImportError as problem:
        return counts, [*problems, f"not converted: {problem}"]
    kind = type(outcome).__name__
    for left in getattr(outcome, "left", ()):
        counts["left"] += 1
        print(f"    left  {path.name}:{left.line} {left.name} {left.code} {left.reason}")
    if kind == "FileFailed":
        return counts, [*problems, f"failed: {outcome.code} {outcome.reason}"]
    if kind == "FileUnchanged":
        return counts, problems
    for rule in outcome.converted:
        counts[classify(rule.after)] += 1
    text = outcome.after.decode(errors="replace")
    if options.diff:
        print(
            "".join(
                difflib.unified_diff(
                    outcome.before.decode(errors="replace").splitlines(True),
                    text.splitlines(True),
                    n=2,
                    fromfile=path.name,
                    tofile="converted",
                )
            )
        )
    converted = variants.run_module(path, outcome.after, check=options.check, forms=True)
    problems += variants.compare_runs(legacy, converted)
    problems += [
        f"test_rrule {label}: {case.test_rrule}"
        for label, case in converted.cases.items()
        if case.test_rrule
    ]
    from migrate.convert import convert_source
    from migrate.model import Options

    again = convert_source(
        outcome.after, str(path), Options(legacy_modules=tuple(options.legacy_module))
    )
    if type(again).__name__ != "FileUnchanged":
        problems.append(f"converting again gives {type(again).__name__}")
    return counts, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-k", default="", help="only files whose name contains this")
    parser.add_argument("--diff", action="store_true", help="print what changes")
    parser.add_argument("--fd", action="store_true", help="compare with finite differences too")
    parser.add_argument(
        "--check", action="store_true", help="run test_rrule on every converted case"
    )
    parser.add_argument("--legacy-module", action="append", default=[])
    parser.add_argument("--short", action="store_true", help="one line per problem")
    options = parser.parse_args()
    folder = options.folder
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.py"))
    try:
        import rules_runtime.legacy
        import rules_runtime.tape
        import rules_runtime.testing  # noqa: F401
    except ImportError as problem:
        print(f"rules_runtime is incomplete: {problem}")
    total: dict[str, int] = {}
    bad = 0
    for path in paths:
        if options.k not in path.name or path.name.startswith("helper_"):
            continue
        try:
            counts, problems = report(path, options)
        except Exception:
            import traceback

            counts, problems = {}, [f"CRASH {traceback.format_exc()}"]
        figures = "  ".join(f"{k} {v:3}" for k, v in counts.items())
        print(f"{'ok ' if not problems else 'BAD'} {path.stem:36} {figures}", flush=True)
        for problem in problems:
            print(
                "      "
                + (
                    problem.splitlines()[0] + " ... " + problem.splitlines()[-1]
                    if options.short and "\n" in problem
                    else problem.replace("\n", "\n        ")
                )
            )
        bad += bool(problems)
        for k, v in counts.items():
            total[k] = total.get(k, 0) + v
    print(f"total: {'  '.join(f'{k} {v}' for k, v in total.items())}  files with problems: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
