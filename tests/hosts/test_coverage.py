"""A slice of `benchmarks/coverage`: the installed autograd, converted, beside itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

autograd = pytest.importorskip("autograd", reason="HIPS autograd is not installed")

from benchmarks.coverage import judge, runs  # noqa: E402
from benchmarks.coverage.answers import Answer, Tangent  # noqa: E402
from benchmarks.coverage.corpora import AUTOGRAD, Cache  # noqa: E402

COMPLEX = {
    "numpy.sin", "numpy.multiply", "numpy.power", "numpy.einsum", "numpy.linalg.inv", "numpy.fft.fft",
}  # fmt: skip
REAL = {"numpy.arctan2", "numpy.logaddexp", "scipy.special.gammainc", "scipy.stats.norm.cdf"}
OTHERS = {"numpy.sum", "numpy.tile", "numpy.concatenate_args"}


def test_rules_of_autograd_beside_themselves(tmp_path: Path) -> None:
    corpus = AUTOGRAD[0]
    package = Path(autograd.__file__).parent
    place = tmp_path / "legacy" / f"{corpus.name}-{corpus.version}" / "autograd"
    shutil.copytree(package, place, ignore=shutil.ignore_patterns("__pycache__"))
    keys = COMPLEX | REAL | OTHERS
    found = runs.compared(Cache(tmp_path), corpus, *runs.OWN_CORE, only=tuple(keys))
    assert not found.left
    assert found.converted >= 205
    assert {v.name: v.kind for v in found.verdicts} == dict.fromkeys(keys, judge.VERIFIED)
    assert found.decorated >= COMPLEX
    assert not found.decorated & REAL
    needs = {v.name for v in found.verdicts if v.complex_values == "others"}
    assert needs >= COMPLEX - {"numpy.fft.fft"}


def _answer(value: float, agrees: bool) -> Answer:
    return Answer("", 1.0, 1.0, {0: Tangent("value", np.float64(value))}, None, {0: agrees})


@pytest.mark.parametrize(
    ("ours", "agrees", "kind"),
    [
        (2.0, True, judge.VERIFIED),
        (2.0, False, judge.LEGACY_ERROR),
        (-2.0, True, judge.FAULT),  # right, and not what the legacy rule says
    ],
)
def test_the_classes(ours: float, agrees: bool, kind: str) -> None:
    case = ("f", 0, "as written")
    found = judge.judge("f", {case: _answer(ours, agrees)}, {case: _answer(2.0, True)}, False)
    assert found.kind == kind
