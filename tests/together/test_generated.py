"""Random legacy rules: the converted rule gives what the legacy one gives through the shim."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, note, target

from migrate.convert import convert_source
from migrate.model import FileConverted, FileUnchanged, Options
from tests.support import variants
from tests.support.legacy_sources import modules

PLACE = Path("generated_rules.py")


@given(modules())
def test_a_converted_rule_gives_what_the_legacy_rule_gave(source: str) -> None:
    note(source)
    before = source.encode()
    outcome = convert_source(before, str(PLACE), Options())
    assert isinstance(outcome, (FileConverted, FileUnchanged)), outcome
    if isinstance(outcome, FileUnchanged):
        assert outcome.left, "neither converted nor left"
        return
    note(outcome.after.decode())
    target(float(len(outcome.converted)), label="rules converted")
    legacy = variants.run_module(PLACE, before)
    converted = variants.run_module(PLACE, outcome.after)
    assert not legacy.error, legacy.error
    assert not variants.compare_runs(legacy, converted)
    again = convert_source(outcome.after, str(PLACE), Options())
    assert isinstance(again, FileUnchanged), "converting again changes something"
