"""Bad input of every kind: a clear message, the right exit code, the file as it was,
the others done."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from migrate.command.progress import line
from tests.support.command import PROGRAM, RULE, Command, environment

LEGACY = b"from zygote_rules import adjoint\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(LEGACY + b"def f(:\n", "a.py:2: ", id="syntax error"),
        pytest.param(LEGACY + b"print 'x'\n", "a.py:2: ", id="python 2"),
        pytest.param(LEGACY + b"x = '\0'\n", "a.py:2: it holds a null byte", id="null byte"),
        pytest.param(b"# coding: nonsense\n" + LEGACY, "a.py:1: its encoding", id="unknown cookie"),
        pytest.param(
            b"# coding: ascii\n# \xe9\n" + LEGACY,
            "a.py:2: it is not valid ascii",
            id="wrong cookie",
        ),
        pytest.param(LEGACY + b"# \xff\xfe\n", "a.py:2: it is not valid utf-8", id="not utf-8"),
        pytest.param(LEGACY + b"\tif x:\n        y\n", "a.py:2: ", id="indentation"),
    ],
)
@pytest.mark.parametrize("mode", ["", "--check", "--diff"])
def test_what_is_not_python_is_named(
    folder: Path, command: Command, source: bytes, words: str, mode: str
) -> None:
    (folder / "a.py").write_bytes(source)
    (folder / "rules.py").write_bytes(RULE)
    done = command(*filter(None, [mode]), ".")
    assert done.code == 2
    error, remedy, *_ = done.err[done.err.index("error: ") :].splitlines()
    assert error.startswith("error: a.py")
    assert words in error.lower() or words in error
    assert remedy.startswith("       ")
    assert (folder / "a.py").read_bytes() == source
    assert (b"rrule" in (folder / "rules.py").read_bytes()) is (mode == "")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(LEGACY + b"x = " + b"(" * 90 + b"1" + b")" * 90 + b"\n", id="90 parentheses"),
        pytest.param(
            LEGACY + b"x = " + b"(" * 300 + b"1" + b")" * 300 + b"\n", id="300 parentheses"
        ),
        pytest.param(LEGACY + b"x = " + b" + ".join([b"1"] * 5000) + b"\n", id="a sum of 5000"),
        pytest.param(LEGACY + b"x = " + b"-" * 5000 + b"1\n", id="5000 signs"),
        pytest.param(
            LEGACY
            + b"if 1:\n"
            + b"".join(b" " * n + b"if 1:\n" for n in range(1, 99))
            + b" " * 99
            + b"x\n",
            id="99 ifs",
        ),
    ],
)
def test_deep_nesting_ends_with_a_message_or_a_result(
    folder: Path, command: Command, source: bytes
) -> None:
    (folder / "a.py").write_bytes(source + RULE[len(LEGACY) :])
    done = command("a.py")
    assert done.code in (0, 2)
    assert "Traceback" not in done.err
    if done.code == 2:
        assert "error: a.py" in done.err
        assert (folder / "a.py").read_bytes() == source + RULE[len(LEGACY) :]


def test_ten_thousand_lines(folder: Path, command: Command) -> None:
    filler = b"".join(b"def f%d(x):\n    return x\n\n\n" % n for n in range(2500))
    (folder / "a.py").write_bytes(LEGACY + filler + RULE[len(LEGACY) :] + filler)
    done = command("--diff", "a.py")
    assert done.code == 1
    assert done.out.count(b"\n@@ ") == 2


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(RULE.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(RULE.replace(b"\n", b"\r"), id="cr"),
        pytest.param(RULE.replace(b"\n", b"\r\n", 5), id="mixed"),
        pytest.param(b"\xef\xbb\xbf" + RULE, id="byte-order mark"),
        pytest.param(b"# -*- coding: latin-1 -*-\n# \xe9\n" + RULE, id="latin-1"),
        pytest.param(b"# coding: shift_jis\n# \x93\xfa\n" + RULE, id="shift-jis"),
        pytest.param(RULE.rstrip(), id="no newline at the end"),
        pytest.param(RULE + b"\x0c\n", id="form feed"),
        pytest.param(RULE + b"\n# trailing \t \n\n\n", id="blanks at the end"),
    ],
)
def test_bytes_outside_the_rule_stay(folder: Path, command: Command, source: bytes) -> None:
    (folder / "a.py").write_bytes(source)
    assert command("a.py").code == 0
    after = (folder / "a.py").read_bytes()
    assert b"@rrule.register(double)" in after
    for end in (b"\r\n", b"\r", b"\n"):
        if end in source:
            break
    if source.count(b"\n") == source.count(b"\r\n"):
        assert after.count(b"\n") == after.count(b"\r\n")
    head, tail = (
        source[: source.index(b"from zygote")],
        source[source.index(b"return 2 * x, back") :],
    )
    assert after.startswith(head)
    assert after.endswith(tail)


def on_a_terminal(*arguments: str, columns: int = 80, **env: str) -> str:
    """What the program prints where its standard output is a terminal."""
    leader, follower = pty.openpty()
    try:
        with subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=follower,
            stdout=follower,
            stderr=subprocess.DEVNULL,
            env=environment(**{"TERM": "xterm", "COLUMNS": str(columns), **env}),
        ) as process:
            os.close(follower)
            follower = -1
            printed = b""
            while True:
                try:
                    piece = os.read(leader, 65536)
                except OSError:
                    break
                if not piece:
                    break
                printed += piece
            process.wait(60)
    finally:
        os.close(leader)
        if follower >= 0:
            os.close(follower)
    return printed.decode()


def test_colour_on_a_terminal(folder: Path) -> None:
    (folder / "a.py").write_bytes(RULE)
    assert "\x1b[32m+" in on_a_terminal("--diff", "a.py")
    assert "\x1b[" in on_a_terminal("--check", "a.py")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(
    folder: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.py").write_bytes(RULE)
    for mode in ("--diff", "--check"):
        assert "\x1b" not in on_a_terminal(mode, "a.py", **env)


def test_a_terminal_of_40_columns(folder: Path) -> None:
    (folder / "a.py").write_bytes(RULE)
    text = on_a_terminal("--diff", "a.py", columns=40)
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "+@rrule.register(double)" in plain
    assert "What to do" in on_a_terminal("--help", columns=40)


@pytest.mark.parametrize("name", ["LC_ALL", "PYTHONIOENCODING"])
def test_an_ascii_terminal(folder: Path, program: Command, name: str) -> None:
    (folder / "é.py").write_bytes(RULE + "# é\n".encode())
    done = program(
        "--check", ".", env={name: "C" if name == "LC_ALL" else "ascii", "PYTHONUTF8": "0"}
    )
    assert done.code == 1, done.err
    assert "would rewrite" in done.text


def test_what_a_run_over_plain_files_imports(folder: Path) -> None:
    (folder / "a.py").write_bytes(b"x = 1\n")
    script = (
        "import sys\nfrom migrate.cli import main\ntry:\n    main(['.'])\nexcept SystemExit:\n    pass\n"
        "print(*sorted(set(sys.modules) & {'libcst', 'rich', 'numpy', 'pathspec', 'json', 'difflib', 'tomllib',"
        " 'subprocess', 'tempfile', 'concurrent.futures', 'migrate.convert', 'migrate.model'}))"
    )
    done = subprocess.run(
        [PROGRAM[0], "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    assert done.stdout.splitlines()[-1] == ""


def test_closed_streams(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.py").write_bytes(RULE)
    script = f"{' '.join(PROGRAM)} 0.py >&-; {' '.join(PROGRAM)} 1.py 2>&-; {' '.join(PROGRAM)} 2.py <&- | :"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr
    assert all(b"rrule" in (folder / f"{number}.py").read_bytes() for number in range(3))


def test_a_bug_of_the_program_says_so(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.command.search.read_bytes", lambda path: 1 // 0)
    done = command(".")
    (folder / "a.py").write_bytes(RULE)
    done = command(".")
    assert done.code == 2
    assert "error: rrule-migrate failed: ZeroDivisionError" in done.err
    assert "this is a bug" in done.err


def test_the_current_folder_is_gone(folder: Path, program: Command) -> None:
    (folder / "sub").mkdir()
    (folder / "a.py").write_bytes(RULE)
    script = f"cd sub; rmdir ../sub; {' '.join(PROGRAM)} --check {folder}/a.py"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, check=False
    )
    assert done.returncode in (1, 2), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("--diff",), ("--check",), ("--check", "--format", "json")])
def test_standard_output_on_a_full_disk(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "rules.py").write_bytes(RULE)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments, "."], stdout=full, stderr=subprocess.PIPE, env=environment()
        )
    assert done.returncode == 2
    assert b"error: standard output: cannot be written: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_report_on_a_full_disk(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    for option in ("--output", "--report", "--plan"):
        done = command("--check", option, "/dev/full", ".")
        assert done.code == 2
        assert f"error: {option} /dev/full: cannot be written: No space left" in done.err


def test_an_early_interrupt_has_the_code_of_interrupts(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("migrate.cli._refuse_nonsense", interrupted)
    done = command(".")
    assert done.code == 130
    assert "interrupted: nothing was written" in done.err


def test_workers_end_with_a_run_that_is_killed(folder: Path) -> None:
    for number in range(60):
        (folder / f"rules{number}.py").write_bytes(RULE * 40)
    run = subprocess.Popen(
        [*PROGRAM, "--check", "-j", "2", "."],
        stdout=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    workers: list[int] = []
    while len(workers) < 2 and run.poll() is None:
        time.sleep(0.02)
        workers = children_of(run.pid)
    assert len(workers) == 2
    run.kill()
    run.wait()
    for _ in range(200):
        if not any(is_running(worker) for worker in workers):
            return
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    pytest.fail("workers outlived the run")


def children_of(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(1.0, "50/400 files", id="too early to tell"),
        pytest.param(10.0, "50/400 files, 5/s, 1:10 left", id="rate and time left"),
        pytest.param(125.0, "50/400 files, 2.5 s each, 14:35 left", id="less than one a second"),
    ],
)
def test_progress(seconds: float, expected: str) -> None:
    assert line(50, 400, 1 / 8, seconds) == expected
    assert len(line(9999, 10000, 0.5, 3600)) < 40
    assert line(0, 2, 0.0, 75) == "0/2 files, 1:15"
