"""Notebooks: cells are converted, and every other byte of the file stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.command.plan import Job, plan_file
from migrate.model import FileConverted, FileFailed, FileUnchanged, Options
from tests.support.command import MIXED, RULE, Command

IMPORT, BODY = RULE.decode().split("\n", 1)
BODY = BODY.strip("\n")


def code(source: str, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": 3,
        "metadata": {"tags": ["é"]},
        "outputs": [
            {
                "output_type": "stream",
                "name": "stdout",
                "text": ["from zygote_rules import adjoint\n"],
            }
        ],
        "source": source.splitlines(keepends=True),
        **more,
    }


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# adjoint\n", "text"]}
    return {"cells": [text, *cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def dumped(document: dict[str, Any], indent: int | None = 1) -> bytes:
    return (json.dumps(document, indent=indent, ensure_ascii=False) + "\n").encode()


def converted(source: bytes) -> FileConverted:
    outcome = plan_file(Job("n.ipynb", source, Options()))
    assert isinstance(outcome, FileConverted), outcome
    return outcome


def sources(data: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(data)["cells"]]


@pytest.mark.parametrize("indent", [1, 4, None])
def test_an_import_in_one_cell_counts_in_the_next(indent: int | None) -> None:
    document = notebook(code(IMPORT), code("x = 1"), code(BODY))
    outcome = converted(dumped(document, indent))
    _, imports, plain, rule = sources(outcome.after)
    assert imports == "from rules_runtime import NoTangent, rrule"
    assert plain == "x = 1"
    assert "@rrule.register(double)" in rule
    after = json.loads(outcome.after)
    for cell, old in zip(after["cells"], document["cells"]):
        cell["source"] = old["source"]
    assert after == document
    assert dumped(json.loads(outcome.after), indent) == outcome.after


def test_no_other_line_of_the_file_changes() -> None:
    before = dumped(
        notebook(code(IMPORT), code("x = 1"), code(BODY), kernelspec={"language": "python"})
    )
    after = converted(before).after
    new = set(after.splitlines()) - set(before.splitlines())
    assert all(line.lstrip().startswith(b'"') for line in new)
    assert len(new) == 4


def test_lines_are_those_of_the_file() -> None:
    before = dumped(notebook(code(IMPORT), code(BODY)))
    outcome = converted(before)
    rule = outcome.converted[0]
    assert b'"@adjoint' in before.splitlines()[rule.line - 1]
    assert b'"@rrule.register' in outcome.after.splitlines()[rule.new_line - 1]


def test_what_only_ipython_reads_stays() -> None:
    magic = "%matplotlib inline\nfiles = !ls\nnp.sin?\nif x:\n    %time f()\n"
    before = dumped(
        notebook(
            code(magic + IMPORT),
            code("%%time\n" + BODY),
            code("%%bash\nexit (\n"),
            code("this is ( no python"),
        )
    )
    _, one, two, three, four = sources(converted(before).after)
    assert one.startswith(magic)
    assert "rules_runtime" in one
    assert two.startswith("%%time\n")
    assert "@rrule.register(double)" in two
    assert three == "%%bash\nexit (\n"
    assert four == "this is ( no python"


def test_a_string_that_looks_like_magic_is_none() -> None:
    cell = "text = '''\n%time\n!ls\n''' \\\n% ()\n" + BODY
    assert (
        "%time\n!ls\n''' \\\n% ()\n"
        in sources(converted(dumped(notebook(code(IMPORT), code(cell)))).after)[2]
    )


def test_sources_that_are_strings_and_escapes_stay_so() -> None:
    cell = code("")
    cell["source"] = RULE.decode() + "# é\n"
    before = json.dumps(notebook(cell), indent=1).encode()
    after = converted(before).after
    assert isinstance(json.loads(after)["cells"][1]["source"], str)
    assert b"\\u00e9" in after
    assert after.isascii()


def test_a_second_time_nothing_changes() -> None:
    after = converted(dumped(notebook(code(MIXED.decode())))).after
    assert isinstance(plan_file(Job("n.ipynb", after, Options())), FileUnchanged)


def test_what_is_left_is_told() -> None:
    before = dumped(notebook(code("x = 1"), code(MIXED.decode())))
    outcome = converted(before)
    assert [rule.name for rule in outcome.left] == ["fill"]
    assert b"mutating" in before.splitlines()[outcome.left[0].line - 1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"{ adjoint zygote", "it is not a notebook"),
        (b"\xff adjoint zygote", "it is not a notebook"),
    ],
)
def test_no_notebook(source: bytes, words: str) -> None:
    outcome = plan_file(Job("n.ipynb", source, Options()))
    assert isinstance(outcome, FileFailed)
    assert words in outcome.reason


@pytest.mark.parametrize(
    "document",
    [
        {"worksheets": []},
        [],
        notebook(code(RULE.decode()), kernelspec={"language": "julia"}),
        notebook(code(RULE.decode()), language_info={"name": "R"}),
    ],
)
def test_other_notebooks_are_left(document: Any) -> None:
    outcome = plan_file(Job("n.ipynb", dumped(document) + b" ", Options()))
    assert isinstance(outcome, FileUnchanged)
    assert "notebook" in outcome.reason


def test_a_cell_with_rules_that_is_not_python_is_an_error() -> None:
    before = dumped(notebook(code("x = 1"), code(IMPORT + "\n@adjoint\ndef f(:\n")))
    outcome = plan_file(Job("n.ipynb", before, Options()))
    assert isinstance(outcome, FileFailed)
    assert outcome.line is not None
    assert b"def f(:" in before.splitlines()[outcome.line - 1]


def test_the_command(folder: Path, command: Command) -> None:
    before = dumped(notebook(code(IMPORT), code(BODY)))
    (folder / "n.ipynb").write_bytes(before)
    (folder / "other.ipynb").write_bytes(b"{}")
    done = command("--diff", ".")
    assert done.code == 1
    assert b'+    "@rrule.register(double)\\n",' in done.out
    assert command(".").code == 0
    assert (folder / "n.ipynb").read_bytes() == converted(before).after
