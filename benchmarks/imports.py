"""What it costs to start: imports and the command's own start-up, interleaved,
as a multiple of a floor.

    python benchmarks/imports.py [ROUNDS]

Exits with 1 where a ratio is above its goal by more than the noise,
which is the floor against itself.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMPY, CLICK = "import numpy", "import click"
PLAIN = Path(tempfile.gettempdir()) / "rrule-migrate-plain.py"
COMMAND = "import sys; from migrate.cli import main; sys.argv = ['rrule-migrate', {}]; main()"

#: (its name, what is timed, its floor, the goal as a multiple of the floor)
ROWS = [
    ("import numpy", NUMPY, NUMPY, None),
    ("import rules_runtime", "import rules_runtime", NUMPY, 1.25),
    ("import rules_runtime.legacy", "import rules_runtime.legacy", NUMPY, 1.25),
    ("import click", CLICK, CLICK, None),
    ("rrule-migrate --version", COMMAND.format("'--version'"), CLICK, 1.3),
    ("rrule-migrate on one plain file", COMMAND.format(repr(str(PLAIN))), CLICK, 1.3),
]


# Bytecode is kept, as it is for an installed package.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
}


def seconds(statement: str) -> float:
    command = [sys.executable, "-c", statement]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    PLAIN.write_text("x = 1\n", encoding="utf-8")
    statements = list(dict.fromkeys(s for row in ROWS for s in row[1:3]))
    for statement in statements:
        seconds(statement)  # so that everything is compiled and in the cache
    times: dict[str, list[float]] = {s: [] for s in statements}
    again: dict[str, list[float]] = {s: [] for s in (NUMPY, CLICK)}
    for _ in range(rounds):
        for statement in statements:
            times[statement].append(seconds(statement))
        for floor in again:
            again[floor].append(seconds(floor))

    missed = False
    print(f"{'':<32} {'ms':>7} {'ratio':>6}  goal")
    for name, statement, floor, goal in ROWS:
        middle = statistics.median(times[statement])
        ratio = middle / statistics.median(times[floor])
        noise = abs(1 - statistics.median(again[floor]) / statistics.median(times[floor]))
        verdict = "" if goal is None else f"{goal:.2f}"
        if goal is not None and ratio > goal * (1 + noise):
            verdict += " MISSED"
            missed = True
        print(f"{name:<32} {middle * 1e3:7.1f} {ratio:6.2f}  {verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
