"""The test-suites of libraries, run under autograd before and after `--autograd keep`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.coverage.corpora import ROOT, Cache, Corpus

NEEDED = """autograd==1.9.1 numpy scipy pandas matplotlib formulaic numdifftools joblib pint pytest
pytest-xdist hypothesis pymongo toolz autograd-gamma gdspy absl-py flaky dill""".split()


@dataclass(frozen=True)
class Suite:
    """Tests of a library, as its source distribution has them."""

    library: Corpus
    tests: tuple[str, ...]
    beside: tuple[Corpus, ...] = ()  # libraries that it uses, converted as well


GAMMA = Corpus("autograd-gamma", "0.5.0", source=True)
SUITES = (
    Suite(
        Corpus("surpyval", "0.25", source=True),
        (
            "surpyval/tests/test_autograd_gamma_compat_shapes.py",
            "surpyval/tests/conformance/test_derivatives.py",
            "surpyval/tests/recurrent",
            "surpyval/tests/reference/test_parametric.py",
        ),
    ),
    Suite(
        Corpus("lifelines", "0.30.3", source=True),
        ("lifelines/tests/test_estimation.py", "-k", "AFT or GeneralizedGamma or Spline"),
        (GAMMA,),
    ),
    Suite(Corpus("legume-gme", "1.0.3", source=True), ("tests",)),
)


def python(cache: Cache) -> Path:
    """An environment with what the suites need."""
    place = cache.folder / "environment"
    program = place / "bin" / "python"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(program), "-m", "pip", "install", "-q", *NEEDED], check=True)
    runtime = cache.folder / "runtime"
    runtime.mkdir(exist_ok=True)
    if not (runtime / "rules_runtime").exists():
        (runtime / "rules_runtime").symlink_to(ROOT / "rules_runtime")
    return program


def outcomes(cache: Cache, folders: list[Path], tests: tuple[str, ...]) -> dict[str, str]:
    """What became of each test."""
    path = [*map(str, folders), str(cache.folder / "runtime")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OPENBLAS_NUM_THREADS": "1"}
    env |= {"MPLBACKEND": "Agg"}
    command = [str(python(cache)), "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-n", "2"]
    run = subprocess.run(
        [*command, "--tb=no", *tests],
        cwd=folders[0],
        env=env,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    found = {
        name: kind
        for kind, name in re.findall(r"(?m)^(PASSED|FAILED|ERROR|XFAIL) (\S+)", run.stdout)
    }
    if not found:
        raise RuntimeError(run.stdout[-2000:] + run.stderr[-2000:])
    return found


def broken(cache: Cache, suite: Suite) -> tuple[int, list[str]]:
    """How many tests passed before, and which of these do not any more."""
    packages = (suite.library, *suite.beside)
    before = outcomes(cache, [cache.legacy(p) for p in packages], suite.tests)
    converted = [cache.converted(p, label="keep")[0] for p in packages]
    after = outcomes(cache, converted, suite.tests)
    passed = [name for name, kind in before.items() if kind == "PASSED"]
    return len(passed), [name for name in passed if after.get(name) != "PASSED"]
