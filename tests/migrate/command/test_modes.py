"""The ways to run the command (rewrite, --check, --diff, -):
what is printed where, what is written, the exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import BROKEN, MIXED, PLAIN, RULE, Command


@pytest.mark.parametrize("option", [(), ("--check",), ("--diff",)])
def test_nothing_to_do_is_0_and_writes_nothing(
    folder: Path, command: Command, option: tuple[str, ...]
) -> None:
    (folder / "plain.py").write_bytes(PLAIN)
    stamp = (folder / "plain.py").stat()
    done = command(*option, "plain.py")
    assert done.code == 0
    assert (folder / "plain.py").stat().st_mtime_ns == stamp.st_mtime_ns
    assert (folder / "plain.py").stat().st_ino == stamp.st_ino
    assert b"+" not in done.out


def test_rewrites_in_place_and_says_so(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    (folder / "plain.py").write_bytes(PLAIN)
    done = command(".")
    assert done.code == 0
    after = (folder / "rules.py").read_bytes()
    assert b"@rrule.register(double)" in after
    assert b"mutating=True" in after
    assert "rewrote rules.py: 1 rule\n" in done.text
    assert "1 file changed, 1 rule converted, 1 rule left." in done.text
    assert (folder / "plain.py").read_bytes() == PLAIN
    assert sorted(path.name for path in folder.iterdir()) == ["plain.py", "rules.py"]


def test_a_rule_that_is_left_is_named_with_its_reason_and_its_new_line(
    folder: Path, command: Command
) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    done = command("rules.py")
    line = next(line for line in done.text.splitlines() if "left as it is" in line)
    name, number, rest = line.split(":", 2)
    assert name == "rules.py"
    assert " fill: left as it is: " in rest
    assert rest.split()[0].startswith("RM")
    lines = (folder / "rules.py").read_bytes().splitlines()
    assert lines[int(number) - 1] in (b"@adjoint(mutating=True)", b"def fill(x):")
    assert int(number) > lines.index(b"@adjoint(mutating=True)")


def test_a_second_run_changes_nothing(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    command("rules.py")
    once = (folder / "rules.py").read_bytes()
    done = command("--check", "rules.py")
    assert done.code == 0
    command("rules.py")
    assert (folder / "rules.py").read_bytes() == once


def test_check_is_1_and_writes_nothing(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    done = command("--check", ".")
    assert done.code == 1
    assert (folder / "rules.py").read_bytes() == RULE
    assert "would rewrite rules.py: 1 rule\n" in done.text
    assert "1 file would change, 1 rule to convert." in done.text


def test_only_rules_that_are_left_are_0_unless_strict(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    assert command("rules.py").code == 0
    assert command("--check", "rules.py").code == 0
    assert command("--strict", "rules.py").code == 1
    assert command("--strict", "--diff", "rules.py").code == 1


def test_diff_prints_the_patch_alone_and_notes_aside(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    done = command("--diff", "rules.py")
    assert done.code == 1
    assert (folder / "rules.py").read_bytes() == MIXED
    assert all(line[:1] in b"-+ @\\" for line in done.out.splitlines())
    assert "left as it is" in done.err
    assert "fill" in done.err


def test_other_files_are_done_when_one_is_bad(folder: Path, command: Command) -> None:
    (folder / "bad.py").write_bytes(BROKEN)
    (folder / "rules.py").write_bytes(RULE)
    done = command(".")
    assert done.code == 2
    assert "error: bad.py:4:" in done.err
    assert (folder / "bad.py").read_bytes() == BROKEN
    assert b"rrule" in (folder / "rules.py").read_bytes()
    assert done.text.endswith("1 file changed, 1 rule converted, 1 file failed.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param((), "Name a file or a folder", id="no path"),
        pytest.param(("-", "a.py"), "cannot be mixed", id="stdin and a file"),
        pytest.param(("--nonsense", "a.py"), "No such option", id="unknown option"),
        pytest.param(("-q", "-v", "a.py"), "exclude each other", id="quiet and verbose"),
        pytest.param(("--files-from", "none.txt"), "none.txt: cannot be read", id="no list"),
        pytest.param(("--fresh", "a.py"), "--fresh belongs to --interactive", id="fresh"),
        pytest.param(("--cases", __file__, "a.py"), "--cases belongs to --verify", id="cases"),
        pytest.param(
            ("--stdin-filename", "b.py", "a.py"), "belongs to - (standard input)", id="stdin name"
        ),
        pytest.param(("--check", "-i", "a.py"), "--apply FILE --check goes on", id="check, review"),
        pytest.param(("--report", "p.html", "--diff", "a.py"), "does not go with", id="page, diff"),
        pytest.param(("-i", "--format", "json", "a.py"), "say --output FILE", id="review, json"),
        pytest.param(("--runtime", "1x", "a.py"), "'1x': say the name of a module", id="runtime"),
        pytest.param(("--legacy-module", "a b", "a.py"), "such as mylib.compat", id="module"),
        pytest.param(
            ("--report", "a.py", "a.py"), "in the place of a file to convert", id="page over source"
        ),
        pytest.param(
            ("--plan", "a.py", "a.py"), "in the place of a file to convert", id="plan over source"
        ),
        pytest.param(
            ("--check", "-o", "a.py", "a.py"),
            "in the place of a file to convert",
            id="report over source",
        ),
        pytest.param(("--only", "0f,d0", "a.py"), "--only 0f, d0: there is no such rule", id="ids"),
        pytest.param(("--apply", "none.json"), "a file that --plan has written", id="no plan"),
    ],
)
def test_a_wrong_command_line_is_2_and_nothing_is_written(
    folder: Path, command: Command, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "a.py").write_bytes(RULE)
    done = command(*arguments)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert b"rewr" not in done.out
    assert [path.read_bytes() for path in folder.iterdir() if path.suffix == ".py"] == [RULE]


def test_stdin_becomes_stdout(command: Command) -> None:
    done = command("-", input=RULE)
    assert done.code == 0
    assert b"@rrule.register(double)" in done.out
    assert b"1 rule" not in done.out
    assert "1 rule" in done.err


def test_plain_stdin_comes_out_as_it_went_in(command: Command) -> None:
    odd = b"\xef\xbb\xbfx = 1\r\ny = '\x0c'\r"
    assert command("-", input=odd).out == odd


def test_bad_stdin_comes_out_as_it_went_in_and_is_2(command: Command) -> None:
    done = command("-", "--stdin-filename", "src/bad.py", input=BROKEN)
    assert done.code == 2
    assert done.out == BROKEN
    assert "error: src/bad.py:4:" in done.err


def test_stdin_with_check_or_diff(command: Command) -> None:
    done = command("--check", "-", input=RULE)
    assert (done.code, done.out) == (1, b"")
    assert "would convert <stdin>: 1 rule" in done.err
    done = command("--diff", "-", "--stdin-filename", "rules.py", input=RULE)
    assert done.code == 1
    assert done.out.startswith(b"--- a/rules.py\n+++ b/rules.py\n@@ ")


def test_quiet_prints_errors_only(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    done = command("-q", "rules.py", "missing.py")
    assert done.code == 2
    assert done.out == b""
    assert done.err.startswith("error: missing.py: there is no such file or folder")


def test_verbose_gives_each_rule_and_each_reason(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    (folder / "plain.py").write_bytes(PLAIN)
    (folder / "page.txt").write_bytes(b"")
    (folder / ".hidden").mkdir()
    done = command("-v", ".")
    assert ": converted: the rule for double\n    why: " in done.text
    assert "unchanged plain.py: no legacy rules" in done.text
    assert "skipped page.txt: not a .py, .pyi or .ipynb file" in done.text
    assert "skipped .hidden: a hidden folder" in done.text


def test_statistics_count_codes(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    done = command("--statistics", "--check", "rules.py")
    assert any(
        line.split()[0] == "1" and line.split()[1].startswith("RM")
        for line in done.text.splitlines()
    )


def test_version_and_module(program: Command) -> None:
    done = program("--version")
    assert done.code == 0
    assert done.text.startswith("rrule-migrate, version ")


def test_help_is_grouped_with_examples(command: Command) -> None:
    text = command("--help").text
    for heading in (
        "What to do",
        "Which files:",
        "Safety and speed:",
        "What to report:",
        "Examples:",
        "Exit codes:",
    ):
        assert heading in text


@pytest.mark.parametrize("mode", ["--diff", "--check"])
def test_nothing_is_written_where_nothing_may_be(folder: Path, command: Command, mode: str) -> None:
    (folder / "rules.py").write_bytes(RULE)
    (folder / "rules.py").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert command(mode, ".").code == 1
    finally:
        folder.chmod(0o755)


def test_a_broken_pipe_ends_quietly(folder: Path, git: Callable[..., str]) -> None:
    import subprocess

    from tests.support.command import PROGRAM, environment

    for number in range(40):
        (folder / f"rules{number}.py").write_bytes(RULE + b"\n# line\n" * 200)
    with subprocess.Popen(
        [*PROGRAM, "--diff", "."], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 1
    assert b"Traceback" not in err
    assert b"Broken" not in err


def test_marks_are_left_once(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    (folder / "only.py").write_bytes(MIXED[:33] + MIXED[len(RULE) :])
    done = command("--mark", ".")
    assert done.code == 0
    assert "rewrote only.py: marks only" in done.text
    for name in ("rules.py", "only.py"):
        marked = (folder / name).read_bytes()
        assert marked.count(b"# TODO(rrule-migrate RM") == 1
        assert command("--mark", name).code == 0
        assert (folder / name).read_bytes() == marked


def test_check_names_each_rule_by_file_and_line(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(MIXED)
    text = command("--check", "rules.py").text
    assert "rules.py:8: to convert: the rule for double\n" in text
    assert "why:" not in text
    assert "to convert: " not in command("--check", "-q", "rules.py").text


def test_strict_does_not_mind_what_somebody_skipped(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE.replace(b"@adjoint", b"@adjoint  # rrule-migrate: skip"))
    done = command("--check", "--strict", "a.py")
    assert done.code == 0
    assert "1 rule left" in done.text
    assert "warning" not in command("--check", "--format", "github", "a.py").text
