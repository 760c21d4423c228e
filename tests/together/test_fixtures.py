"""Every legacy fixture: the converted rules give the values and gradients of the legacy ones,
and pass `test_rrule`.

`tests/fixtures/legacy/expectations.json` says per file which rules are left and with which code,
which cases have gradients that are not those of their function on purpose, which cannot do with a
cotangent of which a part is zero (there the legacy rule raises), and what Python a file needs.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from migrate.convert import convert_source
from migrate.dialects.zygote import modules as LEGACY_MODULES
from migrate.model import FileConverted, FileUnchanged, Options, Outcome
from tests.support import variants

FIXTURES = Path(__file__).parents[1] / "fixtures"
LEGACY = FIXTURES / "legacy"
EXPECTED: dict[str, dict[str, Any]] = json.loads((LEGACY / "expectations.json").read_text())
STEMS = sorted(path.stem for path in LEGACY.glob("*.py") if not path.stem.startswith("helper_"))


def runnable(stem: str) -> bool:
    needs = EXPECTED.get(stem, {}).get("python", "3.11")
    return sys.version_info >= tuple(map(int, needs.split(".")))


RUNNABLE = [stem for stem in STEMS if runnable(stem)]


def exempt(stem: str, label: str) -> bool:
    """Whether the gradients of a case are not those of its function, on purpose."""
    labels = EXPECTED[stem].get("not_numeric", ())
    return label in labels or "*" in labels


def needs_every_part(stem: str, label: str) -> bool:
    """Whether the legacy rule itself raises for a cotangent of which a part is zero."""
    return label in EXPECTED[stem].get("needs_every_part", ())


@cache
def outcome_of(stem: str) -> Outcome:
    path = LEGACY / f"{stem}.py"
    extra = tuple(EXPECTED.get(stem, {}).get("legacy_modules", ()))
    return convert_source(path.read_bytes(), str(path), Options(legacy_modules=extra))


@cache
def legacy_run(stem: str) -> variants.ModuleRun:
    return variants.run_module(LEGACY / f"{stem}.py", shim=True)


@cache
def converted_run(stem: str) -> variants.ModuleRun:
    outcome = outcome_of(stem)
    after = outcome.after if isinstance(outcome, FileConverted) else None
    return variants.run_module(LEGACY / f"{stem}.py", after, check=True, forms=True)


def test_every_fixture_has_expectations() -> None:
    assert sorted(EXPECTED) == STEMS


@pytest.mark.parametrize("stem", RUNNABLE)
def test_the_legacy_rules_run(stem: str) -> None:
    run = legacy_run(stem)
    assert not run.error, run.error
    for label, case in run.cases.items():
        raises = label in EXPECTED[stem].get("raises", ())
        assert bool(case.error) == raises, f"{label}: {case.error}"
        assert not case.raised or needs_every_part(stem, label), f"{label}: {case.raised}"
        for cotangent, tables in case.shim.items():
            for mine, theirs in zip(tables, case.gradients[cotangent], strict=True):
                assert not variants.structured.differences(mine, theirs, 1e-9, 1e-12)


@pytest.mark.nightly
@pytest.mark.parametrize("stem", RUNNABLE)
def test_the_legacy_rules_are_right(stem: str) -> None:
    run = variants.run_module(LEGACY / f"{stem}.py", numeric=True)
    for label in list(run.cases):
        if exempt(stem, label) or label in EXPECTED[stem].get("raises", ()):
            del run.cases[label]
    wrong = variants.compare_numeric(run)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("stem", RUNNABLE)
def test_each_rule_is_converted_or_left_for_its_reason(stem: str) -> None:
    outcome = outcome_of(stem)
    assert isinstance(outcome, (FileConverted, FileUnchanged)), outcome
    left = [[rule.name, rule.code] for rule in outcome.left]
    assert left == EXPECTED[stem].get("left", [])
    converted = outcome.converted if isinstance(outcome, FileConverted) else ()
    assert len(converted) == EXPECTED[stem]["converted"]


@pytest.mark.parametrize("stem", RUNNABLE)
def test_values_and_gradients_are_those_of_the_legacy_rules(stem: str) -> None:
    differences = variants.compare_runs(legacy_run(stem), converted_run(stem))
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("stem", RUNNABLE)
def test_converted_rules_pass_test_rrule(stem: str) -> None:
    wrong = [
        f"{label}: {case.test_rrule}"
        for label, case in converted_run(stem).cases.items()
        if case.test_rrule and not exempt(stem, label) and not needs_every_part(stem, label)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("stem", RUNNABLE)
def test_converting_again_changes_nothing(stem: str) -> None:
    outcome = outcome_of(stem)
    if not isinstance(outcome, FileConverted):
        return
    extra = tuple(EXPECTED[stem].get("legacy_modules", ()))
    again = convert_source(outcome.after, f"{stem}.py", Options(legacy_modules=extra))
    assert isinstance(again, FileUnchanged), again


def unused_imports(source: bytes, modules: tuple[str, ...]) -> set[str]:
    """The names that are imported from `modules`, or are such modules,
    and read nowhere in the file."""
    tree = ast.parse(source)
    read = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            read |= set(ast.literal_eval(node.value))
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound |= {a.asname or a.name.partition(".")[0] for a in node.names if a.name in modules}
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            bound |= {a.asname or a.name for a in node.names}
    return bound - read


@pytest.mark.parametrize("stem", RUNNABLE)
def test_no_import_is_left_without_a_use(stem: str) -> None:
    outcome = outcome_of(stem)
    if not isinstance(outcome, FileConverted):
        return
    legacy = unused_imports(outcome.after, LEGACY_MODULES)
    assert not legacy - unused_imports(outcome.before, LEGACY_MODULES)
    assert not unused_imports(outcome.after, ("rules_runtime",))


@pytest.mark.parametrize("stem", RUNNABLE)
def test_bytes_outside_the_conversions_stay(stem: str) -> None:
    outcome = outcome_of(stem)
    if not isinstance(outcome, FileConverted):
        return
    before, after = outcome.before, outcome.after
    assert before.startswith(b"\xef\xbb\xbf") == after.startswith(b"\xef\xbb\xbf")
    assert before.endswith((b"\n", b"\r")) == after.endswith((b"\n", b"\r"))
    assert (before.count(b"\r\n") == before.count(b"\n") > 0) == (
        after.count(b"\r\n") == after.count(b"\n") > 0
    )
    tail = before[before.rindex(b"def cases") :]
    assert after.endswith(tail)
    for line in before.splitlines():
        if b"#" in line and b"import" not in line and b"type:" not in line:
            comment = line[line.index(b"#") :]
            assert comment in after, comment
