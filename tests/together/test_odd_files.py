"""Files that are no plain modules of rules:
never a crash, never a change that the file does not ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.convert import convert_source
from migrate.model import FileConverted, FileFailed, FileUnchanged, Options

ODD = Path(__file__).parents[1] / "fixtures" / "odd"
EXPECTED: dict[str, dict[str, Any]] = json.loads((ODD / "expectations.json").read_text())


def test_every_odd_file_has_expectations() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in ODD.glob("*.py"))


@pytest.mark.parametrize("stem", sorted(EXPECTED))
def test_odd_file(stem: str) -> None:
    expected = EXPECTED[stem]
    before = (ODD / f"{stem}.py").read_bytes()
    outcome = convert_source(before, f"{stem}.py", Options())
    if isinstance(outcome, FileFailed):
        assert outcome.code == "RM901", outcome
    assert isinstance(outcome, FileFailed) == expected.get(
        "failed", isinstance(outcome, FileFailed)
    )
    if expected.get("unchanged"):
        assert isinstance(outcome, FileUnchanged), outcome
        assert not outcome.left
    converted = outcome.converted if isinstance(outcome, FileConverted) else ()
    left = () if isinstance(outcome, FileFailed) else outcome.left
    if "converted" in expected:
        assert len(converted) == expected["converted"]
    if "left" in expected:
        assert len(left) == expected["left"]
    if "left_names" in expected:
        assert [rule.name for rule in left] == expected["left_names"]
    if isinstance(outcome, FileConverted):
        compile(outcome.after, stem, "exec")
        assert isinstance(convert_source(outcome.after, f"{stem}.py", Options()), FileUnchanged)
