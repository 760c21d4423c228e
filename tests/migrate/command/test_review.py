"""The review in a terminal: every answer, what is written,
and that a review goes on where it was broken off."""

from __future__ import annotations

import io
import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from migrate.command.terminal import Stream
from migrate.review.answers import Accepted, Answers, Rejected
from migrate.review.side import shown
from tests.support.command import PROGRAM, RULE, Command, environment


def rules(*names: str) -> bytes:
    head, body = RULE[: RULE.index(b"def double")], RULE[RULE.index(b"def double") :]
    return head + b"\n\n".join(body.replace(b"double", name.encode()) for name in names)


@pytest.fixture(autouse=True)
def place(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    (folder / "one.py").write_bytes(rules("a", "b", "c"))
    (folder / "two.py").write_bytes(rules("d"))
    return folder


def converted(folder: Path) -> str:
    """The names of the rules that were converted."""
    text = (folder / "one.py").read_bytes() + (folder / "two.py").read_bytes()
    return "".join(name for name in "abcd" if f"@rrule.register({name})".encode() in text)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param("y\ny\ny\ny\n", "abcd", id="all"),
        pytest.param("n\nn\nn\nn\n", "", id="none"),
        pytest.param("y\nn\ny\nn\n", "ac", id="some"),
        pytest.param("n\na\ny\n", "bcd", id="rest of the file"),
        pytest.param("y\nd\ny\n", "ad", id="not the rest of the file"),
        pytest.param("y\nq\n", "a", id="quit"),
        pytest.param("y\n", "a", id="end of input"),
        pytest.param("?\nY\nyes\nno\nn\n", "ab", id="help and words"),
    ],
)
def test_what_is_accepted_is_written(
    folder: Path, command: Command, answers: str, expected: str
) -> None:
    done = command("--interactive", ".", input=answers.encode())
    assert done.code == 0
    assert converted(folder) == expected
    if not expected:
        assert (folder / "one.py").read_bytes() == rules("a", "b", "c")
        assert "4 rules not accepted." in done.text


def test_a_rule_is_shown_with_its_place_and_its_notes(command: Command) -> None:
    text = command("-i", ".", input=b"q\n").text
    assert "one.py:8: the rule for a (1/4)" in text
    assert "- @adjoint" in text
    assert "+ @rrule.register(a)" in text
    assert "Convert this rule [y,n,a,d,q,e,?]? " in text


def test_help_is_printed(command: Command) -> None:
    assert (
        "q - ask no more: write what was accepted, leave the rest"
        in command("-i", ".", input=b"?\nq\n").text
    )


def test_what_was_answered_is_not_asked_again(folder: Path, command: Command) -> None:
    assert command("-i", ".", input=b"n\ny\nq\n").code == 0
    assert converted(folder) == "b"
    done = command("-i", ".", input=b"y\ny\n")
    assert "Taking up an earlier review: 1 answer kept" in done.text
    assert done.text.count("Convert this rule") == 2
    assert converted(folder) == "bcd"


def test_fresh_asks_again(folder: Path, command: Command) -> None:
    command("-i", ".", input=b"n\nq\n")
    done = command("-i", "--fresh", ".", input=b"y\nq\n")
    assert "earlier review" not in done.text
    assert converted(folder) == "a"


def test_a_review_that_came_to_its_end_is_forgotten(
    folder: Path, command: Command, tmp_path: Path
) -> None:
    command("-i", ".", input=b"n\nn\nn\nn\n")
    assert not (tmp_path / "state" / "rrule-migrate" / "answers.jsonl").exists()
    assert "earlier review" not in command("-i", ".", input=b"q\n").text


def test_an_interrupted_review_writes_nothing_and_goes_on_later(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from migrate.review.session import Session

    real = Session._prompt
    given = iter(["y"])

    def prompt(session: Session) -> str:
        for answer in given:
            return answer
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "_prompt", prompt)
    done = command("-i", ".")
    assert done.code == 130
    assert "interrupted: nothing was written" in done.err
    assert converted(folder) == ""
    monkeypatch.setattr(Session, "_prompt", real)
    done = command("-i", ".", input=b"q\n")
    assert "1 answer kept" in done.text
    assert converted(folder) == "a"


def editor(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder.parent / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    monkeypatch.delenv("VISUAL", raising=False)


def test_a_rule_can_be_edited(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(folder, monkeypatch, 'sed -i "s/def rrule_b/def my_rule/" "$1"')
    done = command("-i", "one.py", input=b"n\ne\ny\nn\n")
    assert done.code == 0
    assert "+ def my_rule" in done.text
    after = (folder / "one.py").read_bytes()
    assert b"@rrule.register(b)\ndef my_rule" in after
    assert b"@adjoint\ndef a" in after
    assert not list(folder.glob("*.rrule*"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(
            'echo "def (" > "$1"', "with that text the file is not Python", id="not python"
        ),
        pytest.param("exit 3", "ended with 3; nothing was taken over", id="editor fails"),
    ],
)
def test_a_bad_edit_is_not_taken(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    editor(folder, monkeypatch, script)
    done = command("-i", "two.py", input=b"e\nn\n")
    assert words in done.text
    assert (folder / "two.py").read_bytes() == rules("d")


def test_without_an_editor_the_remedy_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    done = command("-i", "two.py", input=b"e\nn\n")
    assert "set EDITOR" in done.text
    monkeypatch.setenv("EDITOR", "no-such-program")
    assert "no-such-program could not be started" in command("-i", "two.py", input=b"e\nn\n").text


def test_a_plan_of_what_was_accepted(folder: Path, command: Command) -> None:
    done = command("-i", "--plan", "plan.json", ".", input=b"n\ne\ny\nq\n")
    assert done.code == 0
    assert "A plan holds rules as they are shown" in done.text
    assert "1 file would change, 1 rule to convert" in done.text
    assert converted(folder) == ""
    files = json.loads((folder / "plan.json").read_text())["files"]
    assert [[rule["apply"] for rule in file["rules"]] for file in files] == [
        [False, True, False],
        [False],
    ]
    assert command("--apply", "plan.json", "--diff").code == 1
    assert command("--apply", "plan.json").code == 0
    assert converted(folder) == "b"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param("y\nb\nn\ny\ny\ny\n", "bcd", id="one back"),
        pytest.param("n\nn\nb\nb\ny\ny\ny\n", "acd", id="two back; what is answered stands"),
        pytest.param("b\nn\nn\nn\nn\n", "", id="nothing before the first"),
        pytest.param("d\nb\ny\nn\n", "c", id="into a file that was left at once"),
        pytest.param("a\nn\nq\n", "abc", id="all of a file, then no"),
    ],
)
def test_one_can_go_back(folder: Path, command: Command, answers: str, expected: str) -> None:
    done = command("-i", ".", input=answers.encode())
    assert done.code == 0
    assert converted(folder) == expected
    first, second = done.text.split("(2/4)")[0], done.text.split("(2/4)")[-1]
    assert "[y,n,a,d,q,e,?]?" in first
    assert "b" not in expected or "[y,n,a,d,q,e,b,?]?" in second


def test_an_edited_rule_is_shown_as_it_was_edited_when_one_goes_back(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(folder, monkeypatch, 'sed -i "s/def rrule_a/def my_rule/" "$1"')
    done = command("-i", "one.py", input=b"e\ny\nb\ny\nn\nn\n")
    assert done.text.count("+ def my_rule") == 2
    assert b"@rrule.register(a)\ndef my_rule" in (folder / "one.py").read_bytes()


def test_the_same_command_goes_on_in_a_file_that_it_has_written(
    folder: Path, command: Command, git: Callable[..., str]
) -> None:
    git("add", "-A")
    git("commit", "-qm", "rules")
    done = command("-i", ".", input=b"y\nq\n")
    assert "Run the same command again to go on with the rest." in done.text
    assert converted(folder) == "a"
    done = command("-i", ".", input=b"y\ny\nn\n")
    assert done.code == 0, done.err
    assert converted(folder) == "abc"
    (folder / "one.py").write_bytes(rules("a", "b", "c") + b"# mine\n")
    done = command("-i", ".", input=b"y\n")
    assert done.code == 2
    assert "error: one.py: it has uncommitted changes" in done.err


def test_uncommitted_changes_are_said_before_the_first_question(
    folder: Path, command: Command, git: Callable[..., str]
) -> None:
    git("add", "-A")
    git("commit", "-qm", "rules")
    (folder / "one.py").write_bytes(rules("a", "b", "c") + b"# mine\n")
    done = command("-i", ".", input=b"y\n")
    assert done.code == 2
    assert "(1/1)" in done.text  # of the other file
    assert "RM915" in done.err
    assert converted(folder) == "d"
    assert "(1/3)" in command("-i", "--allow-dirty", "--fresh", ".", input=b"q\n").text
    assert "(1/3)" in command("-i", "--plan", "p.json", "one.py", input=b"q\n").text


def test_a_method_is_shown_where_it_stands(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = RULE[RULE.index(b"@adjoint") :].decode()
    body = textwrap.indent(body, "        ")
    text = f"from zygote_rules import adjoint\n\n\nclass A:\n    class B:\n{body}"
    (folder / "one.py").write_text(text)
    editor(folder, monkeypatch, 'sed -i "s/dy/dz/g" "$1"; cp "$1" seen')
    done = command("-i", "one.py", input=b"e\ny\n")
    assert "one.py:6: the rule for double in class A.B (1/1)" in done.text
    assert "\n-         @adjoint\n-         def double(x):\n" in done.text
    assert "\n+         @rrule.register(double)\n+         def rrule_double" in done.text
    assert (folder / "seen").read_text().startswith("        @rrule.register(double)\n        def ")
    assert (
        "        def rrule_double(_, x):\n            def back(dz):"
        in (folder / "one.py").read_text()
    )


def test_what_is_left_is_told_whatever_was_accepted(folder: Path, command: Command) -> None:
    (folder / "one.py").write_bytes(
        rules("a", "b")
        + b"\n\n@adjoint(mutating=True)\ndef fill(x):\n    return x, lambda d: (None,)\n"
    )
    done = command("-i", "one.py", input=b"y\nn\n")
    assert "RM201 fill: left as it is" in done.text
    assert "1 rule converted, 1 rule not accepted, 1 rule left." in done.text


def test_answers_that_cannot_be_kept_hold_for_the_run(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a_file").write_bytes(b"")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "a_file"))
    done = command("-i", ".", input=b"y\nn\ny\nn\n")
    assert done.code == 0
    assert done.text.count("Your answers hold for this run only: ") == 1
    assert converted(folder) == "ac"


def test_a_review_that_is_killed_goes_on(folder: Path, program: Command) -> None:
    state = {"XDG_STATE_HOME": str(folder / "state")}
    review = subprocess.Popen(
        [*PROGRAM, "-i", "."],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(**state),
    )
    assert review.stdin is not None and review.stdout is not None
    review.stdin.write(b"n\ny\n")
    review.stdin.flush()
    shown = b""
    while b"(3/4)" not in shown:
        shown += review.stdout.readline()
    review.kill()
    review.wait()
    review.stdin.close()
    review.stdout.close()
    assert converted(folder) == ""
    done = program("-i", ".", input=b"n\ny\n", env=state)
    assert "2 answers kept" in done.text
    assert converted(folder) == "bd"


def test_answers_survive_a_torn_line(tmp_path: Path) -> None:
    file = str(tmp_path / "deep" / "answers.jsonl")
    Answers(file).give("k1", Accepted("text\n"))
    Answers(file).give("k2", Rejected())
    with open(file, "a") as lines:
        lines.write('{"rule": "k3", "acc')
    answers = Answers(file)
    assert answers["k1"] == Accepted("text\n")
    assert answers["k2"] == Rejected()
    assert "k3" not in answers
    answers.forget({"k1"})
    assert "k1" not in Answers(file)
    assert "k2" in Answers(file)


BEFORE = "def f(x):\n\treturn 1, '日本語' * 100\n"
AFTER = "def g(x):\n\treturn 1, '日本語' * 100 + [int]\n"


@pytest.mark.parametrize("columns", [100, 101, 180])
def test_beside_each_other_no_line_is_too_wide_and_nothing_is_lost(columns: int) -> None:
    lines = list(shown(BEFORE, AFTER, columns, Stream(io.StringIO(), colour=False)))
    assert all(cell_len(line) <= columns for line in lines)
    assert all("│" in line for line in lines)
    long = "x = " + "'long '" * 60
    pieces = [
        line.split(" │")[0].rstrip()
        for line in shown(long, long, columns, Stream(io.StringIO(), False))
    ]
    assert "".join(pieces).replace(" ", "").replace("↪", "") == long.replace(" ", "")


def test_in_a_narrow_terminal_one_stands_above_the_other() -> None:
    lines = list(shown(BEFORE, AFTER, 40, Stream(io.StringIO(), colour=False)))
    assert lines[0] == "- def f(x):"
    assert any(line.startswith("+ def g") for line in lines)
    assert "[int]" in "".join(lines)
