"""Converts every legacy file of a folder and runs its cases in every host:
gradients, forwards, second derivatives.

    python tests/together/run_hosts.py DIR [-k PART] [--hosts autograd,torch,jax]

Prints a table, and each case that is an error or differs from the tape.
Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from tests.support import in_hosts, variants  # noqa: E402


def outcomes(path: Path, hosts: list[str]) -> list[tuple[str, str, str, str]]:
    """(case, host, what was asked, outcome) of a module;
    "ok" where the host agrees with the tape."""
    from tests.together.run_corpus import convert

    after = getattr(convert(path), "after", None)
    module = variants.load(path, after)
    found = []
    for label, f, args, *rest in module.cases():
        try:
            case = in_hosts.Case(f, args, rest[0] if rest else {})
            want = case.gradients()
        except Exception as error:
            found.append((label, "tape", "gradient", f"{type(error).__name__}: {error}"))
            continue
        if not case.leaves or not case.ys:
            continue
        for host in hosts:
            found += [(label, host, asked, out) for asked, out in asked_of(host, case, want)]
    return found


def asked_of(host: str, case: in_hosts.Case, want: list[Any]) -> list[tuple[str, str]]:
    """What a host makes of a case."""
    found = []
    try:
        got, forwards, second = in_hosts.HOSTS[host](case)
    except Exception as error:
        return [("gradient", f"{type(error).__name__}: {str(error)[:200]}")]
    same = all(np.allclose(g, w, rtol=1e-6, atol=1e-9) for g, w in zip(got, want, strict=True))
    found.append(("gradient", "ok" if same else f"WRONG {got} {want}"))
    along = in_hosts.product(want, case.vs)
    try:
        value = forwards()
        close = abs(value - along) <= 1e-6 * (1 + abs(along))
        found.append(("forwards", "ok" if close else f"WRONG {value} {along}"))
    except Exception as error:
        found.append(("forwards", f"{type(error).__name__}: {str(error)[:200]}"))
    try:
        try:  # what the rule and those that it calls say, even where it is not the derivative
            twice = in_hosts.second_by_tape(case)
        except Exception:
            twice = in_hosts.second_by_differences(case)
        value = in_hosts.product(second(), case.vs)
        close = abs(value - twice) <= 1e-4 * (1 + abs(twice))
        found.append(("second", "ok" if close else f"WRONG {value} {twice}"))
    except Exception as error:
        found.append(("second", f"{type(error).__name__}: {str(error)[:200]}"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-k", default="")
    parser.add_argument("--hosts", default=",".join(in_hosts.HOSTS))
    options = parser.parse_args()
    hosts = options.hosts.split(",")
    table: dict[tuple[str, str], list[str]] = {}
    for path in sorted(options.folder.glob("*.py")):
        if options.k not in path.name:
            continue

        def work(path: Path = path) -> Any:
            warnings.simplefilter("ignore")
            return outcomes(path, hosts)

        status, found = variants.in_fork(work, timeout=600)
        if status != "ok":
            print(path.name, found)
            continue
        for label, host, asked, outcome in found:
            table.setdefault((host, asked), []).append(outcome)
            if outcome != "ok":
                print(f"{path.name} {label} {host} {asked}: {outcome}")
    for (host, asked), results in sorted(table.items()):
        wrong = sum(r.startswith("WRONG") for r in results)
        print(f"{host:12} {asked:9} {results.count('ok'):4} of {len(results)} ok, {wrong} wrong")
    return 1 if any(r.startswith("WRONG") for rs in table.values() for r in rs) else 0


if __name__ == "__main__":
    sys.exit(main())
