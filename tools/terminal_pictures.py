"""Takes the pictures of the terminal in docs/command/:
runs the program and draws what it prints, with its colours.

python -m tools.terminal_pictures
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "command"
EXAMPLE = """import numpy as np
from zygote_rules import adjoint


class Lens:
    def __init__(self, focus: float, shift: float) -> None:
        self.focus, self.shift = focus, shift


def image(x, lens: Lens, label="image"):
    return lens.focus * x + lens.shift


@adjoint
def image(x, lens: Lens, label="image"):
    def back(dy):
        return lens.focus * dy, {"focus": np.sum(x * dy), "shift": None}, None

    return image(x, lens, label), back
"""


def picture(name: str, shown: str, *arguments: str, answers: str = "") -> None:
    """Draw one command and its output."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "optics.py").write_text(EXAMPLE, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "migrate", "--color", "always", *arguments, "optics.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "XDG_STATE_HOME": folder},
            input=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    console = Console(record=True, width=122, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {shown}", style="bold"))
    console.print(Text.from_ansi(done.stdout.rstrip("\n")))
    svg = console.export_svg(title="rrule-migrate", unique_id=name)
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    picture("diff", "rrule-migrate --diff optics.py", "--diff")
    picture("review", "rrule-migrate --interactive optics.py", "--interactive", answers="y\n")


if __name__ == "__main__":
    main()
