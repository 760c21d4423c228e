"""What the command costs: start-up, scans, conversions, processes, long files, memory;
each beside what it is measured against.

    python benchmarks/cli.py [--only startup,scan,convert,jobs,growth,memory] [--tree FOLDER]
                             [--runs 11]

Runs of one table are interleaved, so that a busy moment of the machine meets all of them;
medians are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOP = """import os, sys
found = 0
for top in sys.argv[1:]:
    for folder, _, names in os.walk(top):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    found += b"adjoint" in file.read()
print(found)
"""
LIBCST = """import sys, libcst
from pathlib import Path
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    libcst.parse_module(path.read_bytes()).bytes
"""
PROGRAM = "import sys; from migrate.cli import main; sys.exit(main())"


def environment() -> dict[str, str]:
    """This project on the path, its modules compiled as an installation has them."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def ours(*arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *arguments]


def seconds(command: list[str], before: Callable[[], object] | None = None) -> float:
    if before is not None:
        before()
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - start


def table(
    title: str,
    commands: dict[str, list[str]],
    runs: int,
    before: Callable[[], object] | None = None,
) -> None:
    """Medians, and each as a multiple of the first."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            taken = seconds(command, before)
            if run:  # the first warms the caches
                times[name].append(taken)
    print(f"\n{title}")
    first = statistics.median(next(iter(times.values())))
    for name, taken in times.items():
        median = statistics.median(taken)
        print(
            f"  {name:44} {1000 * median:9.1f} ms   {median / first:6.2f} x   (best {1000 * min(taken):.1f})"
        )


def startup(options: argparse.Namespace, folder: Path) -> None:
    plain = folder / "plain.py"
    plain.write_text("x = 1\n")
    commands = {
        "import click": [sys.executable, "-c", "import click"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "rrule-migrate --version": ours("--version"),
        "rrule-migrate on one plain file": ours(str(plain)),
    }
    table("Start-up (goal: at most 1.3 x of import click)", commands, options.runs)


def scan(options: argparse.Namespace, folder: Path) -> None:
    loop = folder / "loop.py"
    loop.write_text(LOOP)
    trees = options.tree or [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    commands = {
        "python loop: read, test for one word": [sys.executable, str(loop), *trees],
        "rrule-migrate --check -j1": ours("--check", "-j1", "--no-gitignore", *trees),
    }
    if shutil.which("rg"):
        commands["rg -l adjoint"] = ["rg", "-l", "--no-ignore", "-g", "*.py", "adjoint", *trees]
    if ruff := shutil.which(
        "ruff", path=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    ):
        commands["ruff check --select UP --no-cache"] = [
            ruff,
            "check",
            "-q",
            "--isolated",
            "--select",
            "UP",
        ]
        commands["ruff check --select UP --no-cache"] += ["--no-cache", *trees]
    table(
        f"Scan of {', '.join(trees)} (goal: at most 1.4 x of the loop)",
        commands,
        min(options.runs, 7),
    )


def with_rules(folder: Path, number: int) -> Path:
    """A folder of files with rules: the project's examples of legacy code over and over."""
    sources = sorted((ROOT / "tests" / "fixtures" / "legacy").glob("*.py"))
    place = folder / f"rules{number}"
    if not place.exists():
        place.mkdir()
        for index in range(number):
            shutil.copy(sources[index % len(sources)], place / f"rules{index:05}.py")
    return place


def convert(options: argparse.Namespace, folder: Path) -> None:
    place = with_rules(folder, 100)
    commands = {
        "libcst: parse and print": [sys.executable, "-c", LIBCST, str(place)],
        "rrule-migrate --check -j1": ours("--check", "-j1", "-q", str(place)),
    }
    table(
        "Converting 100 files with rules (goal: at most 1.8 x of libcst)",
        commands,
        min(options.runs, 5),
    )


def jobs(options: argparse.Namespace, folder: Path) -> None:
    place = with_rules(folder, 2000)
    commands = {
        f"-j{number}": ours("--check", f"-j{number}", "-q", str(place)) for number in (2, 1)
    }
    table("2,000 files with rules, two processes and one (goal: at least 1.7 x)", commands, 2)


LARGEST = """import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def memory(options: argparse.Namespace, folder: Path) -> None:
    """A line for each run as soon as it is there: ten thousand files take minutes."""
    title = "Peak memory of the largest process (goal: 10,000 files within 1.3 x of 1,000)"
    print(f"\n{title}", flush=True)
    for workers in (1, 2):
        first = 0.0
        for number in (1000, 10000):
            place = with_rules(folder, number)
            command = [sys.executable, "-c", LARGEST]
            command += ours("--check", f"-j{workers}", "-q", str(place))
            done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True)
            if done.returncode not in (0, 1, 2):  # 2: some examples are for newer Pythons
                print(f"  -j{workers} {number:6} files: the command ended with {done.returncode}")
                continue
            peak = int(done.stdout) / 1024
            first = first or peak
            print(
                f"  -j{workers} {number:6} files {peak:8.1f} MiB   {peak / first:5.2f} x",
                flush=True,
            )


PARTS = {
    "rules": """
def f{0}(x, y):
    return x * y  # a comment

@adjoint
def f{0}(x, y):
    def pullback(dy):
        return helper{0}(dy * y), None
    return f{0}(x, y), pullback

def helper{0}(d):
    return None if d is None else 2 * d
""",
    "plain functions": """
def plain{0}(x, d=None):  # a comment
    return np.sin(x) if d is None else plain{0}(d)
""",
    "statements of one rule": "    a{0} = x * np.sin(y) + {0}\n",
}
HEAD = "import numpy as np\nfrom zygote_rules import adjoint\n\n"
RULE = f"""{HEAD}@adjoint
def f(x, y):
{{0}}    def back(dy):
        return dy, None
    return x, back
"""


def with_parts(kind: str, number: int) -> str:
    """One file with a rule, and many parts of one kind."""
    parts = "".join(PARTS[kind].format(i) for i in range(number))
    return RULE.format(parts) if kind.startswith("statements") else RULE.format("") + parts


def growth(options: argparse.Namespace, folder: Path) -> None:
    """Each file alone: the start of the process is taken off."""
    print("\nOne file with many parts, and four times as many (goal: at most 6 x)", flush=True)
    empty = folder / "empty.py"
    empty.write_text(with_parts("rules", 0))
    start = min(seconds(ours("--check", "-j1", "-q", str(empty))) for _ in range(3))
    for kind, number in zip(PARTS, (200, 700, 1000), strict=True):
        taken = []
        for count in (number, 4 * number):
            path = folder / f"parts{count}.py"
            path.write_text(with_parts(kind, count))
            command = ours("--check", "-j1", "-q", str(path))
            taken.append(min(seconds(command) for _ in range(3)) - start)
        few, many = (f"{1000 * t:7.0f} ms" for t in taken)
        print(
            f"  {number:5} {kind:26} {few}   {4 * number:5} {many}   {taken[1] / taken[0]:5.1f} x"
        )


TABLES = {
    "startup": startup,
    "scan": scan,
    "convert": convert,
    "jobs": jobs,
    "growth": growth,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES), help=", ".join(TABLES))
    parser.add_argument(
        "--tree", action="append", help="a folder to scan; the standard library if not given"
    )
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            TABLES[name](options, Path(folder))


if __name__ == "__main__":
    main()
