"""The report as SARIF 2.1.0, for code scanning:
results with fixes, paths from the root, fingerprints, help.

A file's fix is whole: it stands at the file's first rule and converts all of them, because the
import lines that one rule needs depend on which others are converted.
After a rewrite only what is left is reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from migrate import __version__
from migrate.codes import CODES
from migrate.command.diff import changes, name_in_diff
from migrate.model import FileConverted, FileFailed, Note, Outcome, RuleConverted

if TYPE_CHECKING:
    from migrate.command.discover import Skipped
    from migrate.reports.tally import Tally

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
CONVERTIBLE = "RM100"


class SarifReport:
    """`mode` is rewrite, check or diff."""

    def __init__(self, mode: str, emit: Callable[[str], None]) -> None:
        self.mode = mode
        self.emit = emit
        self.results: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.codes: dict[str, int] = {}

    def add(self, outcome: Outcome) -> None:
        name = name_in_diff(outcome.path)
        if isinstance(outcome, FileFailed):
            self.failures.append(
                {
                    "level": "error",
                    "message": {"text": f"{outcome.reason}; {outcome.remedy}"},
                    "descriptor": {"id": outcome.code, "index": self._index(outcome.code)},
                    "locations": [_location(name, outcome.line or 1)],
                }
            )
            return
        if isinstance(outcome, FileConverted):
            if self.mode != "rewrite":
                self._convertible(outcome, name)
            for rule in outcome.converted:
                for note in rule.notes:
                    self._note(name, note, rule.id, f"{rule.name}: {note.message}")
        for note in outcome.notes:
            self._note(name, note, name, note.message)
        for left in outcome.left:
            text = f"{left.name}: left as it is: {left.reason}"
            level = "note" if left.code == "RM205" else "warning"  # somebody has looked at it
            self._result(left.code, level, text, _location(name, left.line, left.end_line), left.id)

    def skip(self, skipped: Skipped) -> None:
        pass

    def finish(self, tally: Tally) -> None:
        driver = {
            "name": "rrule-migrate",
            "version": __version__,
            "semanticVersion": __version__,
            "rules": [_descriptor(code) for code in self.codes],
        }
        invocation = {
            "executionSuccessful": not tally.failed,
            "toolExecutionNotifications": self.failures,
        }
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": self.results,
        }
        self.emit(
            json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"
        )

    def _convertible(self, outcome: FileConverted, name: str) -> None:
        for rule in outcome.converted:
            text = f"{rule.name}: a legacy rule for {rule.target} that rrule-migrate converts"
            place = _location(name, rule.line, rule.end_line)
            result = self._result(CONVERTIBLE, "warning", text, place, rule.id)
            if rule is outcome.converted[0]:
                result["fixes"] = [_fix(outcome, name, outcome.converted)]

    def _note(self, name: str, note: Note, about: str, text: str) -> None:
        self._result(note.code, "note", text, _location(name, note.line), f"{about}/{note.message}")

    def _result(
        self, code: str, level: str, text: str, location: dict[str, Any], about: str
    ) -> dict[str, Any]:
        result = {
            "ruleId": code,
            "ruleIndex": self._index(code),
            "level": level,
            "message": {"text": text},
            "locations": [location],
            "partialFingerprints": {"rruleMigrate/v1": _fingerprint(code, location, about)},
        }
        self.results.append(result)
        return result

    def _index(self, code: str) -> int:
        return self.codes.setdefault(code, len(self.codes))


def _fingerprint(code: str, location: dict[str, Any], about: str) -> str:
    """The same for the same message on the same rule,
    wherever in its file that rule has moved to."""
    from hashlib import sha256

    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    return sha256(f"{code}\0{uri}\0{about}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _artifact(name: str) -> dict[str, str]:
    return {"uri": quote(os.fsencode(name)), "uriBaseId": "%SRCROOT%"}


def _location(name: str, line: int, end_line: int | None = None) -> dict[str, Any]:
    region = {"startLine": line} | ({"endLine": end_line} if end_line else {})
    return {"physicalLocation": {"artifactLocation": _artifact(name), "region": region}}


def _fix(outcome: FileConverted, name: str, rules: tuple[RuleConverted, ...]) -> dict[str, Any]:
    old = outcome.before.split(b"\n")
    encoding = _encoding(outcome.before)
    replacements = []
    for change in changes(outcome.before, outcome.after):
        region = {
            "startLine": change.start + 1,
            "startColumn": 1,
            "endLine": change.end + 1,
            "endColumn": 1,
        }
        if change.end == len(old):  # the last line has no end
            region["endLine"] = len(old)
            region["endColumn"] = len(old[-1].decode(encoding, "replace")) + 1
        replacements.append(
            {
                "deletedRegion": region,
                "insertedContent": {"text": change.text.decode(encoding, "replace")},
            }
        )
    what = (
        f"Convert {rules[0].name}"
        if len(rules) == 1
        else f"Convert the {len(rules)} rules of this file"
    )
    return {
        "description": {"text": what},
        "artifactChanges": [{"artifactLocation": _artifact(name), "replacements": replacements}],
    }


def _encoding(source: bytes) -> str:
    from io import BytesIO
    from tokenize import detect_encoding

    try:
        return detect_encoding(BytesIO(source).readline)[0].replace("-sig", "")
    except SyntaxError:
        return "utf-8"


def _descriptor(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    if known is None:
        return {"id": code}
    text = known.explanation
    example = ""
    if known.example_before:
        example = f"\n\nBefore:\n\n```python\n{known.example_before}\n```"
        example += (
            f"\n\nAfter:\n\n```python\n{known.example_after}\n```" if known.example_after else ""
        )
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": text},
        "help": {"text": text, "markdown": text + example},
    }
