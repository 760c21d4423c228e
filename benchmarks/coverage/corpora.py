"""The code that is converted: downloaded into a cache, unpacked, converted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from migrate.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Corpus:
    """A package of the index. `generation`: how its rules are written; none of autograd's own
    spellings stands for a library on top of it. `edits` let an old package be imported by today's
    Python, for the legacy side as well."""

    name: str
    version: str
    source: bool = False
    generation: str = ""
    edits: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


# What keeps old packages from being imported by today's Python, of both sides.
NUMPY_1 = (
    (r"(types\.BuiltinFunctionType)", r"\1, type(_np.clip)"),
    (r"np\.array\((\w+), copy=False\)", r"np.asarray(\1)"),
)
PYTHON_2 = (
    (r"\.iteritems\(\)", ".items()"),
    (
        r"types\.FloatType, types\.IntType, types\.NoneType, types\.TypeType",
        "float, int, type(None), type",
    ),
    (r"(types\.BuiltinFunctionType)", r"\1, type(np.clip)"),
    (r"(?m)^import (numpy_wrapper|numpy_grads|numpy_extra|container_types)$", r"from . import \1"),
    (r"(?m)^from numpy_wrapper import", "from .numpy_wrapper import"),
    (r"getattr\(float, float_op\)", 'getattr(float, float_op.replace("div__", "truediv__"))'),
)
AUTOGRAD = (
    Corpus("autograd", "1.9.1", generation="1.9"),
    Corpus("autograd", "1.1.13", source=True, generation="1.1", edits=NUMPY_1),
    Corpus("autograd", "1.0.1", source=True, generation="1.0", edits=PYTHON_2),
)
TANGENT = Corpus("tangent", "0.1.9", source=True)
LIBRARIES = (
    Corpus("autograd-gamma", "0.5.0", source=True),
    Corpus("ceviche", "0.1.3"),
    Corpus("ceviche-challenges", "1.0.2"),
    Corpus("geomstats", "2.8.0"),
    Corpus("grcwa", "0.1.2"),
    Corpus("legume-gme", "1.0.3", source=True),
    Corpus("lifelines", "0.30.3", source=True),
    Corpus("momi", "2.1.21", source=True),
    Corpus("paragami", "0.42"),
    Corpus("pennylane", "0.45.1"),
    Corpus("surpyval", "0.25", source=True),
    Corpus("tidy3d", "2.12.1"),
    Corpus("tofea", "0.1.0"),
    Corpus("vittles", "0.173"),
)
TEMPLATE_NEEDS = (
    Corpus("gast", "0.2.2", source=True),
    Corpus("six", "1.17.0"),
    Corpus("astor", "0.8.1"),
)
FUTURE = Corpus("future", "1.0.0")  # autograd 1.1 imports it


class Cache:
    """Downloads and what is made of them, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def archive(self, corpus: Corpus) -> Path:
        """The archive, downloaded where it is not there yet."""
        place = self.folder / "archives" / f"{corpus.name}-{corpus.version}"
        if not place.is_dir() or not any(place.iterdir()):
            place.mkdir(parents=True, exist_ok=True)
            kind = "--no-binary" if corpus.source else "--only-binary"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-build-isolation", kind, ":all:", "-d", str(place)]
            subprocess.run([*command, f"{corpus.name}=={corpus.version}"], check=True)
        return next(place.iterdir())

    def legacy(self, corpus: Corpus) -> Path:
        """The folder that contains its packages, as they were published."""
        place = self.folder / "legacy" / f"{corpus.name}-{corpus.version}"
        if not place.is_dir():
            archive, fresh = self.archive(corpus), place.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            if archive.suffix == ".whl":
                with zipfile.ZipFile(archive) as wheel:
                    wheel.extractall(fresh)
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(fresh, filter="data")
                (inner,) = fresh.iterdir()
                for part in inner.iterdir():
                    part.rename(fresh / part.name)
            for file in (fresh / corpus.name).rglob("*.py") if corpus.edits else ():
                text = file.read_text()
                for pattern, new in corpus.edits:
                    text = re.sub(pattern, new, text)
                file.write_text(text)
            fresh.rename(place)
        return place

    def converted(self, corpus: Corpus, *options: str, label: str = "drop") -> tuple[Path, Any]:
        """The same, converted anew, and the report of the conversion."""
        place = self.folder / label / f"{corpus.name}-{corpus.version}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.legacy(corpus), place)
        report = place.parent / f"{corpus.name}-{corpus.version}.json"
        command = [sys.executable, "-c", PROGRAM, "--format", "json", "--output", str(report)]
        run = subprocess.run(
            [*command, "--allow-dirty", *options, "."],
            cwd=place,
            env=environment(),
            capture_output=True,
            text=True,
        )
        if run.returncode not in (0, 1) or not report.is_file():
            raise RuntimeError(f"{corpus.label}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
        return place, json.loads(report.read_text())


def environment() -> dict[str, str]:
    """This project on the path of a process."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
