"""Plans: kept in a file, carried out later, refused where something has changed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from migrate.command import pool, saved_plan
from migrate.command.plan import Job, plan_chunk, plan_file
from migrate.model import FileConverted, FileFailed, Options
from tests.support.command import BROKEN, MIXED, RULE, Command

TWO = RULE + RULE[RULE.index(b"def double") :].replace(b"double", b"triple")


@pytest.fixture
def plan(folder: Path, command: Command) -> dict[str, Any]:
    (folder / "one.py").write_bytes(MIXED)
    (folder / "two.py").write_bytes(TWO)
    done = command("--plan", "plan.json", ".")
    assert done.code == 0
    assert "2 files would change, 3 rules to convert" in done.text
    assert (folder / "two.py").read_bytes() == TWO
    document: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return document


def test_a_plan_carried_out_is_a_rewrite(
    folder: Path, command: Command, plan: dict[str, Any]
) -> None:
    done = command("--apply", "plan.json")
    assert done.code == 0
    assert "2 files changed, 3 rules converted" in done.text
    applied = (folder / "two.py").read_bytes()
    (folder / "two.py").write_bytes(TWO)
    command("two.py")
    assert (folder / "two.py").read_bytes() == applied


def test_chosen_rules_only(folder: Path, command: Command, plan: dict[str, Any]) -> None:
    rule = next(
        rule for file in plan["files"] for rule in file["rules"] if rule["name"] == "triple"
    )
    assert command("--apply", "plan.json", "--only", rule["id"]).code == 0
    after = (folder / "two.py").read_bytes()
    assert b"@rrule.register(triple)" in after
    assert b"@adjoint\ndef double" in after
    assert (folder / "one.py").read_bytes() == MIXED


def test_rules_turned_off_in_the_plan_stay(
    folder: Path, command: Command, plan: dict[str, Any]
) -> None:
    for file in plan["files"]:
        for rule in file["rules"]:
            rule["apply"] = rule["name"] == "triple"
    (folder / "plan.json").write_text(json.dumps(plan))
    assert command("--apply", "plan.json").code == 0
    assert b"@adjoint\ndef double" in (folder / "two.py").read_bytes()
    assert (folder / "one.py").read_bytes() == MIXED


def test_a_plan_for_some_paths_shown_as_a_diff(
    folder: Path, command: Command, plan: dict[str, Any]
) -> None:
    done = command("--apply", "plan.json", "--diff", "one.py")
    assert done.code == 1
    assert b"+++ b/one.py" in done.out
    assert b"two.py" not in done.out
    assert (folder / "one.py").read_bytes() == MIXED


def test_a_file_that_changed_is_refused_and_the_others_are_done(
    folder: Path, command: Command, plan: dict[str, Any]
) -> None:
    (folder / "one.py").write_bytes(MIXED + b"#\n")
    done = command("--apply", "plan.json")
    assert done.code == 2
    assert "one.py: it changed after it was planned" in done.err
    assert (folder / "one.py").read_bytes() == MIXED + b"#\n"
    assert (folder / "two.py").read_bytes() != TWO


def test_rules_that_come_out_otherwise_are_refused(
    folder: Path, command: Command, plan: dict[str, Any]
) -> None:
    plan["files"][0]["rules"][0]["after"] += "# reviewed\n"
    (folder / "plan.json").write_text(json.dumps(plan))
    done = command("--apply", "plan.json")
    assert done.code == 2
    assert "do not come out as they were planned" in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no plan that rrule-migrate wrote"),
        ("[]", "is no plan that rrule-migrate wrote"),
        ('{"version": 99, "files": []}', "is a plan of version 99"),
        ('{"version": 1, "files": [{"path": 1}]}', "is no plan that rrule-migrate wrote"),
    ],
)
def test_what_is_no_plan(folder: Path, command: Command, text: str, words: str) -> None:
    (folder / "plan.json").write_text(text)
    done = command("--apply", "plan.json")
    assert done.code == 2
    assert words in done.err
    assert command("--apply", "none.json").code == 2


def test_a_plan_reads_as_it_was_written(folder: Path) -> None:
    outcome = plan_file(Job("one.py", MIXED, Options()))
    assert isinstance(outcome, FileConverted)
    file = saved_plan.planned(outcome, Options(legacy_modules=("a", "b"), mark=True))
    (folder / "plan.json").write_text(saved_plan.dumped([file]))
    assert saved_plan.loaded("plan.json") == [file]


def test_only_without_a_plan(folder: Path, command: Command, plan: dict[str, Any]) -> None:
    rule = next(
        rule for file in plan["files"] for rule in file["rules"] if rule["name"] == "triple"
    )
    assert command("--only", rule["id"], ".").code == 0
    assert b"@adjoint\ndef double" in (folder / "two.py").read_bytes()
    assert (folder / "one.py").read_bytes() == MIXED


# The planning step, on one file and on any executor.


def jobs(number: int) -> list[Job]:
    sources = (MIXED, RULE, BROKEN, TWO)
    return [Job(f"{index}.py", sources[index % 4], Options()) for index in range(number)]


def test_jobs_and_outcomes_can_be_pickled() -> None:
    for job in jobs(4):
        assert pickle.loads(pickle.dumps(job)) == job
        outcome = plan_file(job)
        assert pickle.loads(pickle.dumps(outcome)) == outcome


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_the_order_of_the_files(workers: int) -> None:
    expected = list(plan_chunk(tuple(jobs(50))))
    assert list(pool.plan_all(jobs(50), 10**6, 50, workers)) == expected


def test_any_executor_will_do() -> None:
    expected = list(plan_chunk(tuple(jobs(50))))
    with ThreadPoolExecutor(3) as executor:
        assert list(pool.plan_over(executor, jobs(50), ahead=2)) == expected


def test_small_work_stays_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_start", lambda number: pytest.fail("a pool was started"))
    assert len(list(pool.plan_all(jobs(4), 4000, 4, None))) == 4


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), RecursionError(), MemoryError(), BaseException("panic")]
)
def test_whatever_goes_wrong_is_that_files_outcome(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("migrate.convert.convert_source", fail)
    outcome = plan_file(jobs(1)[0])
    assert isinstance(outcome, FileFailed)
    assert outcome.code == "RM902"
    assert type(error).__name__ in outcome.reason


def test_a_file_that_kills_its_process_is_named_and_the_others_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    import migrate.convert

    real: Callable[..., object] = migrate.convert.convert_source

    def deadly(source: bytes, path: str, *rest: object) -> object:
        if path == "7.py":
            os._exit(1)
        return real(source, path, *rest)

    expected = list(plan_chunk(tuple(jobs(40))))
    monkeypatch.setattr("migrate.convert.convert_source", deadly)
    monkeypatch.setattr(
        "threading.active_count", lambda: 1
    )  # so that workers are forks, which know `deadly`
    outcomes = list(pool.plan_all(jobs(40), 10**6, 40, 2))
    assert isinstance(outcomes[7], FileFailed)
    assert "the process that converted it died" in outcomes[7].reason
    assert outcomes[:7] + outcomes[8:] == expected[:7] + expected[8:]


def test_calls_are_chosen_one_by_one(folder: Path, command: Command) -> None:
    source = (
        b"from zygote_rules import accum, nograd\n\n\n@nograd\ndef one(x): ...\n\n\n"
        b"@nograd\ndef two(x): ...\n\n\nnograd(three)\ntotal = accum(1, 2)\n"
    )
    file = folder / "calls.py"
    file.write_bytes(source)
    assert command("--plan", "plan.json", "calls.py").code == 0
    rules = json.loads((folder / "plan.json").read_text())["files"][0]["rules"]
    assert [rule["name"] for rule in rules] == [
        "@nograd above one",
        "@nograd above two",
        "nograd(three)",
        "accum(1, 2)",
    ]
    assert rules[1]["before"] == "@nograd\ndef two(x): ..."
    assert rules[1]["after"] == "@non_differentiable\ndef two(x): ..."
    for chosen in rules:
        file.write_bytes(source)
        assert command("--apply", "plan.json", "--only", chosen["id"]).code == 0
        text = file.read_text()
        for rule in rules:
            assert (rule["before"] in text) is (rule is not chosen)
        assert chosen["after"] in text


def test_a_plan_is_carried_out_from_another_folder(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another file has that path, and in a copy of the tree."""
    import shutil

    (folder / "pkg").mkdir()
    (folder / "pkg/a.py").write_bytes(RULE)
    assert command("--plan", "plan.json", "pkg").code == 0
    other = folder.parent / "other"
    (other / "pkg").mkdir(parents=True)
    (other / "pkg/a.py").write_bytes(RULE + b"# another\n")
    monkeypatch.chdir(other)
    done = command("--apply", folder / "plan.json", "--diff")
    assert done.code == 1, done.err
    assert command("--apply", folder / "plan.json", "../project/pkg").code == 0
    assert b"rrule" in (folder / "pkg/a.py").read_bytes()
    assert b"rrule" not in (other / "pkg/a.py").read_bytes()
    (other / "pkg/a.py").write_bytes(RULE)
    shutil.copy(folder / "plan.json", "plan.json")
    assert command("--apply", "plan.json").code == 0
    assert b"rrule" in (other / "pkg/a.py").read_bytes()
    monkeypatch.chdir(folder.parent)
    done = command("--apply", "other/plan.json")
    assert done.code == 2
    assert "error: project/pkg/a.py: it changed after it was planned" in done.err
