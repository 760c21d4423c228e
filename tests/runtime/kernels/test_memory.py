"""Blocks of memory: free again when nobody can see them, never before."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient, pullback
from rules_runtime.kernels import memory

N = 3 * memory.RESULT


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    memory.release_memory()
    yield
    memory.release_memory()


def address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def test_a_block_is_used_again_when_its_array_has_died() -> None:
    x = memory.empty((N,), N)
    first = address(x)
    y = memory.empty((N,), N)
    assert address(y) != first
    del x
    assert address(memory.empty((3, N // 3), N)) == first


@pytest.mark.parametrize(
    "seen",
    [
        lambda x: x[5:],
        lambda x: x.reshape(3, -1).T[1:],
        lambda x: memoryview(x),
        lambda x: np.asarray(memoryview(x)),
        lambda x: x.view(np.int64),
        lambda x: np.lib.stride_tricks.as_strided(x, (4,), (8,)),
        lambda x: iter(x),
    ],
)
def test_a_block_is_not_free_while_a_view_of_it_lives(seen: Any) -> None:
    gc.collect()  # what other tests left may die later, else
    memory.release_memory()
    x = memory.empty((N,), N)
    x[...] = 7.0
    first = address(x)
    view = seen(x)
    del x
    gc.collect()
    other = memory.empty((N,), N)
    assert address(other) != first
    other[...] = 0.0
    if not isinstance(view, np.ndarray) or view.dtype != float:
        view = np.asarray(view if isinstance(view, (np.ndarray, memoryview)) else list(view))
    assert np.all(view.view(float) == 7.0)
    del view, other
    gc.collect()
    assert memory._kept == 16 * N


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 10 * 8 * N)
    arrays = [memory.empty((N,), N) for _ in range(30)]
    arrays.clear()
    assert 0 < memory._kept <= memory.KEPT
    others = [memory.empty((2 * N,), 2 * N) for _ in range(30)]
    others.clear()
    assert 0 < memory._kept <= memory.KEPT
    free = sum(size * len(blocks) * 8 for size, blocks in memory._homes.items())
    assert free == memory._kept
    array = memory.empty((3 * N,), 3 * N)  # whose home is empty when the bound is met
    del array
    array = memory.empty((3 * N,), 3 * N)
    others = [memory.empty((2 * N,), 2 * N) for _ in range(30)]
    others.clear()
    del array
    assert memory._kept == sum(8 * n * len(blocks) for n, blocks in memory._homes.items())
    assert not memory._homes.get(N)  # the sizes that are in use push out the others
    memory.release_memory()
    assert memory._kept == 0
    assert not any(memory._homes.values())


def test_threads() -> None:
    """Arrays are made in one thread and die in another; none is handed out twice."""
    wrong: list[str] = []

    def work(mark: float) -> None:
        for k in range(300):
            x = memory.empty((N,), N)
            x[:: N // 7] = mark + k
            y = memory.empty((N,), N)
            y[...] = -1.0
            if not np.all(x[:: N // 7] == mark + k):
                wrong.append(f"{mark} {k}")
            left.append(x)
            if len(left) > 5:
                left.pop(0)

    left: list[Any] = []
    threads = [threading.Thread(target=work, args=(1000.0 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_memory_of_its_own() -> None:
    x = memory.empty((N,), N)
    x[...] = 1.0
    child = os.fork()
    if child == 0:
        x[...] = 2.0
        os._exit(0)
    os.waitpid(child, 0)
    assert np.all(x == 1.0)


def test_results_and_gradients_stay_what_they_are() -> None:
    """What the user holds is not written over by the next gradient."""
    x = np.linspace(0.1, 1.0, 2 * memory.LARGE)

    def f(x: Any) -> Any:
        return np.sum(np.tanh(np.exp(x * 2.0) + 1.0) ** 2)

    y, back = pullback(lambda x: np.exp(x * 2.0), x)
    expected = np.exp(x * 2.0)
    first = gradient(f, x)[0]
    copy = first.copy()
    for k in range(3):
        gradient(f, x + k)
    assert np.array_equal(first, copy)
    assert np.array_equal(y, expected)
    assert np.allclose(back(np.ones_like(x))[0], 2.0 * expected)
    assert np.array_equal(pickle.loads(pickle.dumps(first)), copy)
    first += 1.0
    assert np.array_equal(first, copy + 1.0)


def test_a_second_gradient_asks_the_system_for_no_memory() -> None:
    made: list[int] = []
    new = memory._new
    x = np.linspace(0.1, 1.0, 2 * memory.LARGE)

    def f(x: Any) -> Any:
        return np.sum(np.tanh(np.exp(x * 2.0) + x) * np.sin(x))

    def counted(size: int) -> memory.Block | None:
        made.append(size)
        return new(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_new", counted)
        gradient(f, x)
        assert made
        made.clear()
        gradient(f, x)
    assert made == []


def test_memory_order_of_transposed_operands_is_numpys() -> None:
    x = np.ones((600, 500)).T
    assert not x.flags.c_contiguous
    assert memory.binary(np.add, x, x).flags.f_contiguous
    assert memory.unary(np.exp, x).flags.f_contiguous


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="nothing tells who holds a block")
def test_a_block_that_somebody_took_from_its_array_is_not_given_out_again() -> None:
    x = memory.empty((N,), N)
    x[...] = 7.0
    block = x.base
    del x
    other = memory.empty((N,), N)
    other[...] = 0.0
    seen = np.frombuffer(block)
    assert np.all(seen == 7.0)
    for gone in (block.close, lambda: block.resize(8)):
        with pytest.raises(BufferError, match="an array is in this memory"):
            gone()


def test_where_the_system_gives_no_mappings_numpy_has_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(memory, "Block", refused)
    assert memory.empty((3, N), 3 * N).base is None
    monkeypatch.undo()
    gc.collect()
    memory.release_memory()
    monkeypatch.setattr(memory, "LEASES", len(memory._leases) + 5)
    arrays = [memory.empty((N,), N) for _ in range(8)]
    assert [x.base is None for x in arrays] == 5 * [False] + 3 * [True]


def test_a_kernel_without_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(memory.Block):
        def madvise(self, *args: Any) -> None:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(memory, "Block", Refusing)
    block = memory._new(2 * memory._HUGE_PAGES)
    assert block is not None and len(block) == 2 * memory._HUGE_PAGES


def test_sizes_that_are_gone_are_forgotten() -> None:
    """What is looked through when the bound is met is no longer than what is kept."""
    for n in range(memory.RESULT, memory.RESULT + 6000):
        memory.empty((n,), n)
    assert len(memory._homes) <= memory.KEPT // (8 * memory.RESULT)
    assert memory._kept == sum(8 * n * len(blocks) for n, blocks in memory._homes.items())


def test_what_dies_where_nothing_can_be_called_is_forgotten_later() -> None:
    arrays = [memory.empty((N,), N)]
    lease = list(memory._leases.values())[-1]

    def deep() -> None:
        try:
            deep()
        except RecursionError:
            arrays.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda args: None)
        deep()
    assert lease() is None
    memory.release_memory()
    assert lease not in memory._leases.values()


def test_arrays_that_outlive_the_modules_die_in_silence() -> None:
    code = (
        "import sys, numpy as np\n"
        "from rules_runtime import gradient\n"
        "class Node:\n"
        "    def __del__(self): self.x[0]\n"
        "node = Node(); node.x = gradient(lambda x: np.sum(np.sin(x) * x), np.ones(200_000))[0]\n"
        "node.me = node; sys.kept = node; del node\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("function", [np.add, np.subtract, np.multiply, np.divide])
@pytest.mark.parametrize("n", [10, memory.LARGE])
def test_operands_that_are_not_real_numbers(function: Any, n: int) -> None:
    """A large array with a complex number; with a value of an outer trace;
    with a subclass that has a say."""
    x = np.linspace(0.1, 1.0, n)
    z = 1.5 + 2.0j
    y, back = pullback(function, x, z)
    assert np.array_equal(y, function(x, z))
    assert back(np.ones(n, complex))[0].shape == (n,)
    outer = gradient(
        lambda a: np.sum(gradient(lambda x, a: np.sum(function(x, a) ** 2), x, a)[0]), 1.5
    )[0]
    d = 1e-5
    expected = (
        np.sum(gradient(lambda x: np.sum(function(x, 1.5 + d) ** 2), x)[0])
        - np.sum(gradient(lambda x: np.sum(function(x, 1.5 - d) ** 2), x)[0])
    ) / (2 * d)
    assert outer == pytest.approx(expected, rel=1e-6)
    masked = np.ma.masked_less(x, 0.5)
    assert np.array_equal(memory.binary(function, x, masked).mask, masked.mask)


@pytest.mark.skipif(sys.platform == "win32", reason="a mapping cannot be private there")
def test_other_dtypes_are_left_to_numpy() -> None:
    x = np.ones(N, np.float32)
    assert memory.unary(np.exp, x).dtype == np.float32
    assert memory.binary(np.add, np.ones(N), np.ones(N, complex)).dtype == complex
    assert memory.binary(np.multiply, np.ones(N), np.arange(N)).base is None
    assert memory.binary(np.add, np.ones((N, 1)), np.ones(3)).shape == (N, 3)
    assert memory.binary(np.add, 2.0, np.ones(N))[0] == 3.0
