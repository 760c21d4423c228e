"""The reports for programs: each against its schema,
with fixes that give the file that a rewrite gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.support.command import BROKEN, MIXED, ROOT, RULE, Command

jsonschema = pytest.importorskip("jsonschema")
SARIF = json.loads((ROOT / "tests/fixtures/schemas/sarif-2.1.0.json").read_text())
REPORT = json.loads((ROOT / "docs/command/report.schema.json").read_text())


@pytest.fixture
def tree(folder: Path, git: Callable[..., str]) -> Path:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "rules one.py").write_bytes(MIXED)
    (folder / "pkg" / "bad.py").write_bytes(BROKEN)
    (folder / "pkg" / "end.py").write_bytes(("# é\n".encode() + RULE).rstrip(b"\n"))
    (folder / "pkg" / "crlf.py").write_bytes(RULE.replace(b"\n", b"\r\n"))
    return folder


@pytest.mark.parametrize(
    ("mode", "code", "status"),
    [(("--check",), 2, "would change"), ((), 2, "rewritten"), (("-v",), 2, "rewritten")],
)
def test_json_is_valid(
    tree: Path, command: Command, mode: tuple[str, ...], code: int, status: str
) -> None:
    done = command(*mode, "--format", "json", ".")
    assert done.code == code
    report = json.loads(done.out)
    jsonschema.validate(report, REPORT)
    files = {file["path"]: file for file in report["files"]}
    assert files["pkg/rules one.py"]["status"] == status
    assert [rule["name"] for rule in files["pkg/rules one.py"]["converted"]] == ["double"]
    assert [rule["name"] for rule in files["pkg/rules one.py"]["left"]] == ["fill"]
    assert files["pkg/bad.py"]["error"]["line"] == 4
    assert report["summary"]["failed"] == 1
    assert "error: pkg/bad.py:4:" in done.err


def test_json_with_a_diff_goes_to_a_file(tree: Path, command: Command) -> None:
    done = command("--diff", "--format", "json", "pkg/end.py")
    assert done.code == 2
    assert "say --output FILE" in done.err
    done = command("--diff", "--format", "json", "--output", "report.json", "pkg/end.py")
    assert done.code == 1
    assert done.out.startswith(b"--- a/pkg/end.py\n")
    jsonschema.validate(json.loads((tree / "report.json").read_text()), REPORT)


def test_text_output_to_a_file(tree: Path, command: Command) -> None:
    done = command("--check", "--color", "always", "--output", "report.txt", "pkg/end.py")
    assert done.out == b""
    assert (tree / "report.txt").read_text().startswith("would rewrite pkg/end.py: 1 rule\n")


def test_an_output_that_cannot_be_written(tree: Path, command: Command) -> None:
    done = command("--check", "--output", "none/report.txt", "pkg/end.py")
    assert done.code == 2
    assert "--output none/report.txt: cannot be written" in done.err


def sarif(done: Any) -> dict[str, Any]:
    log = json.loads(done.out)
    jsonschema.Draft4Validator(SARIF).validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_sarif_is_valid_and_relative_to_the_root(
    tree: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "pkg")
    done = command("--check", "--format", "sarif", ".")
    assert done.code == 2
    run = sarif(done)
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
    }
    assert uris == {"pkg/rules%20one.py", "pkg/end.py", "pkg/crlf.py"}
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert rules[result["ruleIndex"]]["help"]["markdown"]
    notifications = run["invocations"][0]["toolExecutionNotifications"]
    assert [
        note["locations"][0]["physicalLocation"]["region"]["startLine"] for note in notifications
    ] == [4]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_fixes_make_what_a_rewrite_makes(tree: Path, command: Command) -> None:
    run = sarif(command("--check", "--format", "sarif", "."))
    fixed: dict[Path, str] = {}
    for result in run["results"]:
        for fix in result.get("fixes", ()):
            for change in fix["artifactChanges"]:
                path = tree / unquote_to_bytes(change["artifactLocation"]["uri"]).decode()
                fixed[path] = applied(path.read_bytes().decode(), change["replacements"])
    assert len(fixed) == 3
    command(".")
    for path, text in fixed.items():
        assert path.read_bytes().decode() == text


def applied(text: str, replacements: list[dict[str, Any]]) -> str:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for replacement in reversed(replacements):
        region = replacement["deletedRegion"]
        start = starts[region["startLine"] - 1] + region["startColumn"] - 1
        end = starts[region["endLine"] - 1] + region["endColumn"] - 1
        text = text[:start] + replacement["insertedContent"]["text"] + text[end:]
    return text


def test_sarif_after_a_rewrite_holds_what_is_left(tree: Path, command: Command) -> None:
    before = sarif(command("--check", "--format", "sarif", "pkg/rules one.py"))
    after = sarif(command("--format", "sarif", "pkg/rules one.py"))
    assert "RM100" in {result["ruleId"] for result in before["results"]}
    assert "RM100" not in {result["ruleId"] for result in after["results"]}
    assert not any("fixes" in result for result in after["results"])

    def fill(run: dict[str, Any]) -> Any:
        return next(
            r["partialFingerprints"]
            for r in run["results"]
            if r["message"]["text"].startswith("fill")
        )

    assert fill(before) == fill(after)


def test_github_commands(tree: Path, command: Command) -> None:
    lines = command("--check", "--format", "github", ".").text.splitlines()
    assert any(line.startswith("::error file=pkg/bad.py,line=4,title=RM") for line in lines)
    assert any(
        line.startswith("::warning file=pkg/rules one.py,line=") and "left as it is" in line
        for line in lines
    )
    assert any(line.startswith("::warning file=pkg/end.py,line=") for line in lines)
    assert all(line.startswith("::") for line in lines)


def test_github_escapes() -> None:
    from migrate.model import FileFailed
    from migrate.reports.github import GithubReport

    printed: list[str] = []
    GithubReport("check", printed.append).add(
        FileFailed("a,b:\n.py", "RM801", "50% \r\nof it", "x")
    )
    assert printed == ["::error file=a%2Cb%3A%0A.py,title=RM801::50%25 %0D%0Aof it; x\n"]


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), {"RM201", "RM301"}),
        (("RM3",), (), {"RM301"}),
        ((), ("RM3",), {"RM201"}),
        (("RM",), ("RM3",), {"RM201"}),
        (("RM301",), ("RM3",), {"RM301"}),
        ((), ("RM",), set()),
    ],
)
def test_select_and_ignore(
    select: tuple[str, ...], ignore: tuple[str, ...], expected: set[str]
) -> None:
    from migrate.command.selection import wanted

    assert {code for code in ("RM201", "RM301") if wanted(code, select, ignore)} == expected


def test_ignored_codes_are_not_reported(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    assert "left as it is" not in command("--check", "--ignore", "RM", "rules.py").text
    assert command("--strict", "--ignore", "RM", "rules.py").code == 0


def test_codes_may_be_listed(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    assert "left as it is" in command("--check", "--select", "RM1,RM2", "rules.py").text
    assert "left as it is" not in command("--check", "--ignore", "RM1,RM2", "rules.py").text


def test_a_code_that_there_is_not(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    done = command("--check", "--select", "RX", "rules.py")
    assert done.code == 2
    assert "error: --select: no code begins with 'RX'; rrule-migrate --list-codes" in done.err
    (folder / "rrule-migrate.toml").write_text('ignore = ["RM1", "W"]\n')
    done = command("--check", "rules.py")
    assert done.code == 2
    assert "rrule-migrate.toml:1: ignore: no code begins with 'W'" in done.err


def paths_to_values(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each dictionary in a document has each of its keys."""
    if isinstance(value, dict):
        found = [(*path, key) for key in value]
        return found + [
            p for key, part in value.items() for p in paths_to_values(part, (*path, key))
        ]
    if isinstance(value, list):
        return [p for at, part in enumerate(value) for p in paths_to_values(part, (*path, at))]
    return []


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("kind", ["json", "sarif"])
def test_the_schemas_would_find_a_mistake(tree: Path, command: Command, kind: str) -> None:
    schema = REPORT if kind == "json" else SARIF
    report = command("--check", "--format", kind, ".").out
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert validator.is_valid(json.loads(report))
    unnoticed = []
    for path in paths_to_values(json.loads(report)):
        if "codes" in path[:-1]:
            continue  # any code may be counted
        broken = json.loads(report)
        at(broken, path[:-1])[path[-1]] = {"nonsense": object}  # of no type that a value has
        if validator.is_valid(broken):
            unnoticed.append(path)
    assert unnoticed == []
