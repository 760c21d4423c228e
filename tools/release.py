"""Builds the two distributions, `rules-runtime` and `rrule-migrate`, and checks what they hold.

    python -m tools.release DIST

writes a wheel and a source distribution of each into the folder DIST. Needs the package `build`.
What is built is the last commit: files that are not committed do not get in.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Of everything that the repository holds, what the source distribution of the command has.
COMMAND = ["migrate", "pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE"]


def build(out: Path) -> None:
    """Both distributions of HEAD, each from a folder that has its own files and nothing else."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, paths in (("command", COMMAND), ("runtime", ["rules_runtime"])):
            archive = subprocess.run(
                ["git", "archive", "HEAD", *paths], cwd=ROOT, check=True, capture_output=True
            ).stdout
            tree = Path(scratch, name)
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(tree, filter="data")
            project = tree / "rules_runtime" if name == "runtime" else tree
            command = [sys.executable, "-m", "build", "--outdir", str(out), str(project)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def faults(out: Path) -> list[str]:
    """What is wrong with the files in a folder of distributions, one sentence each."""
    found = []
    for name, package in (("rrule_migrate", "migrate"), ("rules_runtime", "rules_runtime")):
        wheels, sources = list(out.glob(f"{name}-*.whl")), list(out.glob(f"{name}-*.tar.gz"))
        if len(wheels) != 1 or len(sources) != 1:
            found.append(f"{name}: {len(wheels)} wheels and {len(sources)} source distributions")
            continue
        with zipfile.ZipFile(wheels[0]) as wheel:
            inside = {n for n in wheel.namelist() if ".dist-info/" not in n}
            metadata = next(n for n in wheel.namelist() if n.endswith("/METADATA"))
            fields = Parser().parsestr(wheel.read(metadata).decode())
        tracked = subprocess.run(
            ["git", "ls-files", package], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split()
        apart = {f"rules_runtime/{n}" for n in ("pyproject.toml", "README.md", "LICENSE")}
        wanted = set(tracked) - apart
        found += [f"{wheels[0].name} lacks {n}" for n in sorted(wanted - inside)]
        found += [f"{wheels[0].name} holds {n}" for n in sorted(inside - wanted)]
        needs = [n for n in fields.get_all("Requires-Dist", []) if "extra ==" not in n]
        version = fields["Version"]
        if name == "rules_runtime" and [n for n in needs if not n.startswith("numpy")]:
            found.append(f"{wheels[0].name} needs more than numpy: {', '.join(needs)}")
        if name == "rrule_migrate" and f"rules-runtime=={version}" not in needs:
            found.append(f"{wheels[0].name} does not need rules-runtime=={version}: {needs}")
        if not fields.get_all("Project-URL"):
            found.append(f"{wheels[0].name} has no project URLs")
        with tarfile.open(sources[0]) as archive:
            files = {n.partition("/")[2] for n in archive.getnames()}
        source = {n.removeprefix("rules_runtime/") for n in wanted}
        found += [f"{sources[0].name} lacks {n}" for n in sorted(source - files)]
        found += [
            f"{sources[0].name} holds {n}"
            for n in sorted(files)
            if n.startswith(("tests/", ".ci", "docs/", "examples/"))
        ]
    return found


def main() -> int:
    """Build, check, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path, help="the folder for the files")
    out = parser.parse_args().dist.resolve()
    build(out)
    wrong = faults(out)
    for line in wrong:
        print(line, file=sys.stderr)
    for path in sorted(out.iterdir()):
        print(path)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
