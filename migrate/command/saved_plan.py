"""A plan as a file: every file's hash, its rules before and after,
and which of them are to be applied.

A plan holds no bytes to write. To carry it out, each file is converted again with the chosen rules,
and is refused unless it still has the hash, and each rule still comes out as it was reviewed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any

from migrate import __version__
from migrate.command import faults, files
from migrate.command.errors import Stop
from migrate.command.plan import Job
from migrate.model import (
    FileConverted,
    FileFailed,
    FileUnchanged,
    Note,
    Options,
    Outcome,
    RuleConverted,
)

VERSION = 1


@dataclass(frozen=True)
class PlannedRule:
    """A rule that can be converted, and whether it is to be."""

    rule: RuleConverted
    apply: bool = True


@dataclass(frozen=True)
class PlannedFile:
    """`digest` is that of the bytes that the plan was made from."""

    path: str
    digest: str
    options: Options
    rules: tuple[PlannedRule, ...]

    def chosen(self) -> frozenset[str]:
        return frozenset(planned.rule.id for planned in self.rules if planned.apply)


def digest_of(source: bytes) -> str:
    return sha256(source).hexdigest()


def planned(
    outcome: FileConverted, options: Options, chosen: frozenset[str] | None = None
) -> PlannedFile:
    """All rules of a file, of which those that a review has chosen are to be applied, or all."""
    rules = tuple(
        PlannedRule(rule, chosen is None or rule.id in chosen) for rule in outcome.converted
    )
    return PlannedFile(outcome.path, digest_of(outcome.before), options, rules)


def dumped(planned_files: list[PlannedFile]) -> str:
    document = {
        "version": VERSION,
        "folder": os.getcwd(),
        "tool": {"name": "rrule-migrate", "version": __version__},
        "files": [_file_to_json(file) for file in planned_files],
    }
    return json.dumps(document, indent=2) + "\n"


def loaded(path: str) -> list[PlannedFile]:
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document["version"] != VERSION:
            raise Stop(
                f"{path}: is a plan of version {document['version']}; make it again with --plan"
            )
        folder = str(document.get("folder", ""))
        return [_at_hand(_file_from_json(entry), folder) for entry in document["files"]]
    except OSError as error:
        raise Stop(
            f"--apply {path}: cannot be read: {error.strerror}; name a file that --plan has written"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Stop(
            f"{path}: is no plan that rrule-migrate wrote ({error!r}); make it again with --plan"
        ) from None


def _at_hand(file: PlannedFile, folder: str) -> PlannedFile:
    """The file as it is reached from here:
    by the path that was planned, or from that plan's folder.

    The one that still holds what was planned is meant; a copy of the tree elsewhere may be.
    """
    there = os.path.relpath(os.path.join(folder, file.path))
    if os.path.isabs(file.path) or there == os.path.relpath(file.path):
        return file
    for path in (file.path, there):
        source = files.read(path)
        if isinstance(source, bytes) and digest_of(source) == file.digest:
            return replace(file, path=path)
    return replace(file, path=file.path if os.path.lexists(file.path) else there)


def choose(
    planned_files: list[PlannedFile], paths: tuple[str, ...], only: tuple[str, ...]
) -> Iterator[PlannedFile]:
    """The files at or under the paths, with the rules whose ids are given; without paths all files,
    without ids all rules that are to be applied."""
    wanted = [os.path.realpath(path) for path in paths]
    for file in planned_files:
        real = os.path.realpath(file.path)
        if wanted and not any(
            real == place or real.startswith(place.rstrip("/") + "/") for place in wanted
        ):
            continue
        rules = tuple(
            replace(planned, apply=planned.rule.id in only if only else planned.apply)
            for planned in file.rules
        )
        if any(planned.apply for planned in rules):
            yield replace(file, rules=rules)


def job_of(file: PlannedFile, source: bytes) -> Job | FileFailed:
    """What to convert, or the refusal of a file that is not the one that was planned."""
    if digest_of(source) != file.digest:
        return faults.changed_since_plan(file.path)
    every = all(planned.apply for planned in file.rules)
    return Job(file.path, source, replace(file.options, only=None if every else file.chosen()))


def checked(file: PlannedFile, outcome: Outcome) -> Outcome:
    """The outcome, unless a rule does not come out as it was planned."""
    if isinstance(outcome, FileFailed):
        return outcome
    expected = {planned.rule.id: planned.rule.after for planned in file.rules if planned.apply}
    if isinstance(outcome, FileUnchanged):
        return faults.not_as_planned(file.path) if expected else outcome
    found = {rule.id: rule.after for rule in outcome.converted}
    return outcome if found == expected else faults.not_as_planned(file.path)


def _file_to_json(file: PlannedFile) -> dict[str, Any]:
    options = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(file.options).items()
        if name not in ("only", "select", "ignore")
    }
    rules = [{"apply": planned.apply, **asdict(planned.rule)} for planned in file.rules]
    return {"path": file.path, "sha256": file.digest, "options": options, "rules": rules}


def _file_from_json(entry: dict[str, Any]) -> PlannedFile:
    rules = tuple(_rule_from_json(dict(rule)) for rule in entry["rules"])
    known = {field.name for field in fields(Options)}
    if unknown := set(entry["options"]) - known:
        raise KeyError(*unknown)
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry["options"].items()
    }
    return PlannedFile(entry["path"], entry["sha256"], Options(**options), rules)


def _rule_from_json(rule: dict[str, Any]) -> PlannedRule:
    apply = rule.pop("apply")
    if not isinstance(apply, bool):
        raise TypeError(f"apply must be true or false, not {apply!r}")
    notes = tuple(Note(**note) for note in rule.pop("notes"))
    return PlannedRule(RuleConverted(**rule, notes=notes), apply)
