"""The fixtures' rules, written in other ways, are converted to the same gradients:
every file at night, a few in CI."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from migrate.convert import convert_source
from migrate.model import FileConverted, FileFailed, Options
from tests.support import variants
from tests.support.reshaped import SHAPES, reshaped

LEGACY = Path(__file__).parents[1] / "fixtures" / "legacy"
EXPECTED = json.loads((LEGACY / "expectations.json").read_text())
STEMS = [
    stem
    for stem, wanted in sorted(EXPECTED.items())
    if sys.version_info >= tuple(map(int, wanted.get("python", "3.11").split(".")))
]
FEW = {shape: random.Random(number).sample(STEMS, 6) for number, shape in enumerate(SHAPES)}


def check(stem: str, shape: type) -> None:
    path = LEGACY / f"{stem}.py"
    text = reshaped(path.read_bytes(), shape)
    if text is None:
        return
    source = text.encode()
    modules = tuple(EXPECTED[stem].get("legacy_modules", ()))
    outcome = convert_source(source, str(path), Options(legacy_modules=modules))
    assert not isinstance(outcome, FileFailed), outcome
    if isinstance(outcome, FileConverted):
        legacy = variants.run_module(path, source)
        converted = variants.run_module(path, outcome.after)
        raises = EXPECTED[stem].get("raises", ())
        differences = variants.compare_runs(legacy, converted)
        wrong = [d for d in differences if not d.startswith(tuple(raises) or "\0")]
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_a_few_files(shape: type) -> None:
    for stem in FEW[shape]:
        check(stem, shape)


@pytest.mark.nightly
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.__name__)
def test_every_file(shape: type) -> None:
    for stem in STEMS:
        check(stem, shape)
