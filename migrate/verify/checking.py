"""Has one converted file run beside its old self,
each variant in a process of its own with a time limit.

Two processes, because rules for one target in one process would replace each other. This program
imports nothing of the user's and nothing of the runtime: the processes run what is in probe/.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from migrate.command import faults
from migrate.command.errors import Stop
from migrate.command.excerpt import Excerpts
from migrate.command.modules import module_name
from migrate.model import FileConverted, FileFailed, RuleConverted, RuleLeft

_PROBE = os.path.join(os.path.dirname(__file__), "probe", "__init__.py")
_START = """
import importlib.util, sys
name, where = "rrule_migrate_probe", sys.argv.pop(1)
spec = importlib.util.spec_from_file_location(name, where)
sys.modules[name] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from rrule_migrate_probe.run import main
main()
"""


@dataclass(frozen=True)
class Verified:
    """The rule gave the same value and gradients in so many cases;
    `remark` is what test_rrule had to say."""

    path: str
    rule: RuleConverted
    cases: int
    remark: str = ""


@dataclass(frozen=True)
class Differs:
    """The rule gave something else; `how` says where."""

    path: str
    rule: RuleConverted
    how: str

    @property
    def left(self) -> RuleLeft:
        """What the reports say of it."""
        rule = self.rule
        reason = f"--verify: it gave something else, so its file is not written: {self.how}"
        return RuleLeft(rule.id, rule.name, rule.target, rule.line, rule.end_line, "RM211", reason)


@dataclass(frozen=True)
class NotTried:
    """Nothing was found out about the rule, and why."""

    path: str
    rule: RuleConverted
    why: str


Verdict = Verified | Differs | NotTried


@dataclass(frozen=True)
class CaseFailed:
    """A case fails with the legacy rules already, so it has shown nothing."""

    path: str
    label: str
    how: str


def checked(
    outcome: FileConverted, cases: str | None, seconds: float
) -> list[Verdict | CaseFailed] | FileFailed:
    """A verdict for each converted rule of the file; for declarations and calls that importing it
    runs, none."""
    outcome = replace(
        outcome, converted=tuple(rule for rule in outcome.converted if not _declares(rule))
    )
    if outcome.path.endswith(".ipynb"):
        return [NotTried(outcome.path, rule, "it is in a notebook") for rule in outcome.converted]
    with tempfile.TemporaryDirectory(prefix="rrule-migrate-") as folder:
        old = list(_answers(outcome, "old", cases, seconds, folder))
        end = old[-1] if old else {"kind": "died"}
        if end["kind"] == "cases":
            if cases and end["text"].startswith(os.path.realpath(cases)):
                raise Stop(f"--cases {end['text']}; nothing was written")
            return faults.bad_cases(outcome.path, end["text"])
        missing = _MISSING.search(end["text"]) if end["kind"] == "import" else None
        if missing:
            new = list(_answers(outcome, "alone", cases, seconds, folder))
            return [
                _by_differences(outcome.path, rule, new, missing[1]) for rule in outcome.converted
            ]
        if end["kind"] != "done":
            why = _trouble(old, "its legacy variant", seconds)
            return [NotTried(outcome.path, rule, why) for rule in outcome.converted]
        new = list(_answers(outcome, "new", cases, seconds, folder))
    failed = [one for one in old if one["kind"] == "failed"]
    imported = {one["rules"][0] for one in old if one["kind"] == "imported"}
    return [
        *(CaseFailed(outcome.path, one["label"], one["text"]) for one in failed),
        *(
            _verdict(outcome.path, rule, old, new, seconds)
            for rule in outcome.converted
            if rule.id not in imported
        ),
    ]


def _declares(rule: RuleConverted) -> bool:
    """What says that a function has no derivative, and what another one has replaced: there is
    nothing to run beside it."""
    called = rule.id.startswith("call-") or rule.form
    return rule.form == "replaced" or (bool(called) and "non_differentiable(" in rule.after)


_MISSING = re.compile(r"No module named '(autograd|tangent)\b")


def _by_differences(
    path: str, rule: RuleConverted, new: list[dict[str, Any]], missing: str
) -> Verdict:
    """What finite differences say, where the legacy language is not installed."""
    found = [one["text"] for one in new if one["kind"] == "same" and rule.id in one["rules"]]
    if fits := found.count(""):
        why = f"{missing} is not installed here: compared with finite differences alone"
        return Verified(path, rule, fits, why)
    said = f"test_rrule says: {found[0]}" if found else "no case ran it"
    if new and new[-1]["kind"] == "import":
        said = f"the converted module cannot be imported: {new[-1]['text']}"
    return NotTried(path, rule, f"{missing} is not installed here, and {said}")


def _verdict(
    path: str,
    rule: RuleConverted,
    old: list[dict[str, Any]],
    new: list[dict[str, Any]],
    seconds: float,
) -> Verdict:
    end = new[-1] if new else {"kind": "died", "text": "it said nothing"}
    if end["kind"] == "import":
        return Differs(path, rule, f"the converted module cannot be imported: {end['text']}")
    if end["kind"] == "cases":
        return Differs(path, rule, f"with the legacy rules cases() works, but now {end['text']}")
    for answer in new:
        if answer["kind"] == "differs" and rule.id in answer["rules"]:
            return Differs(path, rule, answer["text"])
    same = [answer for answer in new if answer["kind"] == "same" and rule.id in answer["rules"]]
    if same:
        made = [one["text"] for one in same if one["label"].startswith("generated ")]
        fits = "" in made  # what does not fit is then more likely an input that makes no sense
        remarks = [
            f"old and new agree, but test_rrule says at {one['label']}: {one['text']}"
            for one in same
            if one["text"] and not (fits and one["label"].startswith("generated "))
        ]
        return Verified(path, rule, len(same), remarks[0] if remarks else "")
    if end["kind"] == "died":
        return Differs(path, rule, f"the process of the converted variant died: {end['text']}")
    if end["kind"] != "done":
        return NotTried(path, rule, _trouble(new, "the converted variant", seconds))
    if any(one["kind"] == "same" and rule.id in one["unused"] for one in new):
        return NotTried(path, rule, "the cases that ran the legacy rule do not run the new one")
    untried = [one["text"] for one in old if one["kind"] == "untried" and rule.id in one["rules"]]
    return NotTried(path, rule, ", and ".join(["no case ran it", *untried[:1]]))


def _trouble(answers: list[dict[str, Any]], what: str, seconds: float) -> str:
    if answers and answers[-1]["kind"] == "import":
        return f"{what} cannot be imported: {answers[-1]['text']}"
    if answers and answers[-1]["kind"] == "limit":
        return f"{what} took more than {seconds:g} seconds"
    return f"the process of {what} died: {answers[-1]['text'] if answers else 'it said nothing'}"


def _answers(
    outcome: FileConverted, variant: str, cases: str | None, seconds: float, folder: str
) -> Iterator[dict[str, Any]]:
    name, search = module_name(outcome.path)
    task = {
        "variant": variant,
        "path": os.path.realpath(outcome.path),
        "source": outcome.before if variant == "old" else outcome.after,
        "module": name or "rrule_migrate_module",
        "search": [search, os.getcwd()],
        "cases": cases and os.path.realpath(cases),
        "results": os.path.join(folder, "results"),
        "rules": [_rule(rule, variant, Excerpts(outcome)) for rule in outcome.converted],
    }
    task_file = os.path.join(folder, f"{variant}.task")
    answers_file = os.path.join(folder, f"{variant}.answers")
    with open(task_file, "wb") as file:
        pickle.dump(task, file)
    with open(task_file + ".err", "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, _PROBE, task_file, answers_file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ
            | {"HYPOTHESIS_STORAGE_DIRECTORY": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # so that what it has started ends with it
        )
    late = False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with suppress(OSError), open(answers_file, encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
    if late:
        yield {"kind": "limit"}
    elif process.returncode != 0:
        yield {"kind": "died", "text": _last_line(task_file + ".err")}


def _last_line(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _rule(rule: RuleConverted, variant: str, excerpts: Excerpts) -> dict[str, Any]:
    old = variant == "old"
    return {
        "id": rule.id,
        "target": rule.target,
        "form": rule.form,
        "before": excerpts.before(rule),
        "around": excerpts.around(rule),
        "line": rule.line if old else rule.new_line,
        "end_line": rule.end_line if old else rule.new_end_line,
    }
