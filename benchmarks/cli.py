"""What the command costs: start-up, scans, conversions, processes, memory; each beside what it is measured against.

    python benchmarks/cli.py [--only startup,scan,convert,jobs,memory] [--tree FOLDER] [--runs 11]

Runs of one table are interleaved, so that a busy moment of the machine meets all of them; medians are printed.
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


def memory(options: argparse.Namespace, folder: Path) -> None:
    print("\nPeak memory of a rewrite (goal: 10,000 files within 1.3 x of 1,000)")
    for number in (1000, 10000):
        place = with_rules(folder, number)
        script = (
            "import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        command = [sys.executable, "-c", script, *ours("-j1", "-q", str(place))]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=True
        )
        print(f"  {number:6} files {int(done.stdout) / 1024:8.1f} MiB")


TABLES = {"startup": startup, "scan": scan, "convert": convert, "jobs": jobs, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="startup,scan,convert,jobs", help=", ".join(TABLES))
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
