"""The review driven in a real terminal (tmux):
what is on the screen, keys, colours, a narrow window."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import PROGRAM, ROOT, RULE

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
TWO = RULE + RULE[RULE.index(b"def double") :].replace(b"double", b"triple")


class Terminal:
    """A window of a tmux server of its own."""

    def __init__(self, socket: Path, folder: Path, columns: int) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(folder.parent / "state"),
        }
        env.pop("NO_COLOR", None)
        env.pop("COLUMNS", None)
        size = ["-x", str(columns), "-y", "50"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", *size, "sh"], check=True, env=env, cwd=folder
        )

    def type(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def screen(self, *, colours: bool = False) -> str:
        arguments = ["capture-pane", "-p", *(["-e"] if colours else [])]
        return subprocess.run(
            [*self._tmux, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def wait_for(self, text: str) -> str:
        for _ in range(200):
            screen = self.screen()
            if text in screen:
                return screen
            time.sleep(0.1)
        pytest.fail(f"{text!r} did not come on the screen:\n{self.screen()}")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


@pytest.fixture(params=[120, 40])
def terminal(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[Terminal]:
    (folder / "rules.py").write_bytes(TWO)
    window = Terminal(tmp_path / "tmux", folder, request.param)
    yield window
    window.close()


@pytest.mark.parametrize("terminal", [120], indirect=True)
def test_a_review_from_the_first_question_to_the_last(terminal: Terminal, folder: Path) -> None:
    terminal.type(f"{shlex.join(PROGRAM)} --interactive .", "Enter")
    screen = terminal.wait_for("Convert this rule [y,n,a,d,q,e,?]?")
    assert "rules.py:8: the rule for double (1/2)" in screen
    line = next(line for line in screen.splitlines() if "@rrule.register(double)" in line)
    assert line.startswith("@adjoint ")  # side by side
    assert "│" in line
    assert "\x1b[32m" in terminal.screen(colours=True)
    terminal.type("n", "Enter")
    terminal.wait_for("(2/2)")
    terminal.type("?", "Enter")
    terminal.wait_for("q - ask no more")
    terminal.type("y", "Enter")
    terminal.wait_for("1 file changed, 1 rule converted, 1 rule not accepted.")
    after = (folder / "rules.py").read_bytes()
    assert b"@adjoint\ndef double" in after
    assert b"@rrule.register(triple)" in after


@pytest.mark.parametrize("terminal", [120], indirect=True)
def test_ctrl_c_writes_nothing_and_the_review_goes_on_later(
    terminal: Terminal, folder: Path
) -> None:
    terminal.type(f"{shlex.join(PROGRAM)} --interactive .", "Enter")
    terminal.wait_for("(1/2)")
    terminal.type("y", "Enter")
    terminal.wait_for("(2/2)")
    terminal.type("C-c")
    terminal.wait_for("interrupted: nothing was written")
    assert (folder / "rules.py").read_bytes() == TWO
    terminal.type(f"clear; {shlex.join(PROGRAM)} --interactive .", "Enter")
    terminal.wait_for("Taking up an earlier review: 1 answer kept")
    terminal.wait_for("(2/2)")
    terminal.type("q", "Enter")
    terminal.wait_for("1 file changed, 1 rule converted")


@pytest.mark.parametrize("terminal", [40], indirect=True)
def test_a_narrow_window(terminal: Terminal) -> None:
    terminal.type(f"clear; {shlex.join(PROGRAM)} --interactive .", "Enter")
    screen = terminal.wait_for("Convert this rule")
    assert "- @adjoint" in screen
    assert "+ @rrule.register(double)" in screen
    assert "│" not in screen
    terminal.type("q", "Enter")


@pytest.mark.parametrize("terminal", [40], indirect=True)
def test_progress_is_shown_and_taken_away(terminal: Terminal, folder: Path) -> None:
    for number in range(600):
        (folder / f"more{number}.py").write_bytes(TWO * 3)
    terminal.type(f"clear; {shlex.join(PROGRAM)} -q --check -j1 .; echo the end", "Enter")
    seen = ""
    for _ in range(600):
        screen = terminal.screen()
        seen = next((line for line in screen.splitlines() if "/s, " in line), seen)
        if screen.startswith("the end") or "\nthe end" in screen:
            break
        time.sleep(0.05)
    assert "the end" in screen
    assert "/s, " not in screen
    assert re.fullmatch(r"\d+/601 files, \d+/s, \d+:\d\d left", seen.rstrip())


@pytest.mark.parametrize("terminal", [40], indirect=True)
def test_progress_within_one_file(terminal: Terminal, folder: Path) -> None:
    rules = [TWO.replace(b"double", b"f%d" % n).replace(b"triple", b"g%d" % n) for n in range(500)]
    (folder / "rules.py").write_bytes(b"".join(rules))
    terminal.type(f"clear; {shlex.join(PROGRAM)} -q --check -j1 .; echo the end", "Enter")
    terminal.wait_for("converting rules.py, 0:0")
    assert "converting" not in terminal.wait_for("the end")
