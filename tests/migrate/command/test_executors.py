"""The planning on executors of other kinds: a local Dask cluster, a function of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import BROKEN, MIXED, RULE, Command


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
    ],
)
def test_mistakes(tree: Path, command: Command, name: str, words: str) -> None:
    done = command("--executor", name, ".")
    assert done.code == 2
    assert f"error: --executor {name}: " in done.err
    assert words in done.err
