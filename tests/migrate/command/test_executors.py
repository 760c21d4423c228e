"""The planning on executors of other kinds: a local Dask cluster, a function of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import BROKEN, MIXED, ROOT, RULE, Command

FAILING = """from concurrent.futures import Executor, Future


class Broken(Executor):
    def submit(self, *_):
        future = Future()
        future.set_exception(RuntimeError("gone"))
        return future


def broken():
    return Broken()


def fails():
    raise ValueError("no way")
"""
RAY = """from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

pool = None


def init():
    global pool
    pool = ThreadPoolExecutor(2)


def remote(function):
    def start(*arguments):
        running = pool.submit(function, *arguments)
        return SimpleNamespace(future=lambda: running)

    return SimpleNamespace(remote=start)
"""


@pytest.fixture
def tree(folder: Path) -> Path:
    for number in range(30):
        (folder / f"rules{number:02}.py").write_bytes(MIXED if number % 3 else RULE)
    (folder / "bad.py").write_bytes(BROKEN)
    return folder


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address=None,
        silence_logs=50,
        protocol="tcp://",
    ) as cluster:
        yield cluster.scheduler_address.removeprefix("tcp://")


@pytest.mark.filterwarnings("ignore")
def test_dask(tree: Path, command: Command, scheduler: str) -> None:
    here = command("--check", "-j1", ".")
    there = command("--check", "--executor", f"dask://{scheduler}", ".")
    assert there.code == 2
    assert there.out == here.out
    assert "error: bad.py:4" in there.err


def test_a_function_of_the_users(tree: Path, command: Command) -> None:
    (tree / "mine.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef make():\n    return ThreadPoolExecutor(2)\n"
    )
    here = command("--check", "-j1", ".")
    there = command("--check", "--executor", "mine:make", ".")
    assert there.out == here.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ray://x", "only dask:// is known"),
        ("nonsense", "say dask://HOST:PORT or MODULE:FUNCTION"),
        ("no_such_module:f", "No module named"),
        ("os:no_such_function", "no_such_function"),
        ("os:getpid", "which is no executor"),
        ("failing:fails", "failed: ValueError: no way"),
        ("failing:broken", "a worker failed: RuntimeError: gone; see that it has this version"),
    ],
)
def test_mistakes(tree: Path, command: Command, name: str, words: str) -> None:
    (tree / "failing.py").write_text(FAILING)
    done = command("--executor", name, ".")
    assert done.code == 2
    assert "error: --executor" in done.err
    assert words in done.err
    assert "bug" not in done.err
    assert (tree / "rules01.py").read_bytes() == MIXED


def test_the_script_for_ray(tree: Path, command: Command) -> None:
    """As the page has it, over a stand-in for Ray, which is too large to install for a test."""
    page = (ROOT / "docs" / "command" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(# ray_executor\.py.*?)```", page, re.S)
    assert found
    (tree / "ray_executor.py").write_text(found[1])
    (tree / "ray.py").write_text(RAY)
    here = command("--check", "-j1", ".")
    there = command("--check", "--executor", "ray_executor:make", ".")
    assert "Nothing" not in here.text
    assert there.out == here.out
