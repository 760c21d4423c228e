"""Tiles: what goes through large arrays block by block, beside what the tape gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_runtime import compiled, value_and_gradient
from rules_runtime.record import tiles
from rules_runtime.record.results import is_close


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Any:
    """Tiles for arrays of 12 numbers, in blocks of 8."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("LARGE", 96), ("_BLOCK", 64), ("_RUN", 2), ("_GAIN", 1.0)):
            patch.setattr(tiles, name, value)
        yield


def replayed(f: Callable[..., Any], *args: Any) -> Any:
    """A replay, compared with the tape; its arguments cannot be written."""
    for a in args:
        a.flags.writeable = False
    fast = compiled(f)
    for _ in range(3):
        found = fast(*args)
    assert fast.refused is None and fast._program.replays == 1, fast.explain()
    want = value_and_gradient(f, *args)
    assert is_close(want, found), (want, found, fast.explain())
    return fast


def loops(fast: Any) -> int:
    """Loops over blocks, not those over tables of calls."""
    text = str(fast.explain())
    return text.count("\n    for ") - text.count("\n    for f, x in RUN")


def some(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


STEPS: list[Callable[[Any, Any, Any, Any], Any]] = [
    lambda z, x, row, column: z * x + row,
    lambda z, x, row, column: np.tanh(z) * column,
    lambda z, x, row, column: np.where(z > x, z, row) - 1.0,
    lambda z, x, row, column: np.maximum(z, column) / (2.0 + np.cos(row)),
    lambda z, x, row, column: z - x * np.mean(z, axis=0),
    lambda z, x, row, column: z - np.max(z, axis=1, keepdims=True),
    lambda z, x, row, column: np.exp(-np.square(z)) + z[:, ::-1],
    lambda z, x, row, column: z / np.sqrt(1.0 + np.sum(z * x, axis=1)[:, None] ** 2),
    lambda z, x, row, column: z + 0.5 * np.std(z),
    lambda z, x, row, column: np.abs(z) + np.sum(row * column, axis=1, keepdims=True),
    lambda z, x, row, column: (z.T * 2.0).T + x[:1],
    lambda z, x, row, column: (z.reshape(-1) ** 2).reshape(x.shape),
]
ENDS: list[Callable[[Any], Any]] = [
    np.sum,
    np.mean,
    lambda z: np.sum(np.max(z, axis=0)) if z.size else np.sum(z),
    lambda z: np.log(2.0 + np.sum(z * z)),
    lambda z: np.sum(np.sum(z, axis=0) ** 2) - np.sum(z[1:]),
]


@given(
    st.lists(st.sampled_from(range(len(STEPS))), min_size=1, max_size=5),
    st.sampled_from(range(len(ENDS))),
    st.sampled_from([(7, 5), (8, 4), (9, 1), (1, 9), (17, 2), (3, 20), (2, 3), (16, 16)]),
    st.sampled_from([np.float64, np.float32]),
    st.sampled_from([np.ascontiguousarray, np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2]]),
)
def test_chains(
    steps: list[int], end: int, shape: tuple[int, int], dtype: Any, laid: Callable[[Any], Any]
) -> None:
    n, m = shape
    rng = np.random.default_rng(n)
    sizes = ((n, m), (n, m), (1, m), (n, 1))
    z, x, row, column = (laid(rng.normal(size=s).astype(dtype)) for s in sizes)

    def f(z: Any, x: Any, row: Any, column: Any) -> Any:
        for k in steps:
            z = STEPS[k](z, x, row[0], column)
        return ENDS[end](z)

    replayed(f, z, x, row, column)


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)], ids=str)
def test_empty(shape: tuple[int, ...]) -> None:
    replayed(lambda x: np.sum(np.tanh(x * 2.0) * x), np.zeros(shape))


@pytest.mark.parametrize("n", [15, 16, 17, 23, 24, 25, 31, 200, 257])
def test_that_blocks_change_no_bit(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = some(n), some(n) + 1.0
    f = lambda x, y: np.sum(np.tanh(x * y + np.exp(-y)) / (x**2 + 1.0))
    fast = replayed(f, x, y)
    assert loops(fast) >= 1
    monkeypatch.setattr(tiles, "LARGE", 10**9)
    whole = replayed(f, x, y)
    assert loops(whole) == 0
    for a, b in zip(fast(x, y)[1], whole(x, y)[1]):
        assert np.array_equal(a, b)


def test_three_axes_and_columns() -> None:
    x, w = some(9, 2, 5), some(5)
    softmax = lambda x: np.exp(x - x.max(-1, keepdims=True))
    f = lambda x, w: np.sum((softmax(x) / np.sum(softmax(x), -1, keepdims=True)) * w * x)
    assert loops(replayed(f, x, w)) == 1
    f = lambda x, w: np.sum(np.sum(np.square(np.tanh(x[:, None] - w)), axis=0) ** 3)
    assert loops(replayed(f, some(3), some(3, 40))) == 1  # columns


@pytest.mark.filterwarnings("ignore:invalid")
@pytest.mark.parametrize("axis", [0, 1, None])
def test_extrema_and_not_a_number(axis: int | None) -> None:
    x = some(9, 5)
    x[3, 2] = np.nan
    f = lambda x: np.sum(np.max(np.tanh(x) * 2.0, axis=axis) * np.min(x * x + x, axis=axis))
    assert np.isnan(replayed(f, x)(x)[0])


def test_dtype_of_a_choice_between_numbers() -> None:
    x = some(4).astype("f4")
    replayed(lambda x, y: np.sum(np.where(x > y, x, 1.0) - 1.0), x, x + np.float32(1))


def test_integers_masks_and_complex() -> None:
    k, z = np.arange(40) % 7, some(40) + 1j * some(40)
    replayed(lambda x: np.sum(np.where((k % 2 == 0) & (x > 0), x * k, -x) * (k - 3)), some(40))
    replayed(lambda z: np.sum(np.abs(z * z + 1j * np.conj(z)) ** 2), z)


def test_that_results_have_memory_of_their_own() -> None:
    f = lambda x, y: np.sum(np.exp(x) * y + np.sin(x * y))
    x, y = some(50), some(50) + 0.1
    fast = replayed(f, x, y)
    first, second = fast(x, y)[1], fast(x, y)[1]
    for a, b in zip(first, second):
        assert a.flags.owndata and a.flags.writeable and not np.shares_memory(a, b)
        a[:] = np.nan
    want = value_and_gradient(f, x, y)
    assert is_close(want, (want[0], second)) and is_close(want, fast(x, y))


def test_that_nothing_is_kept_but_blocks() -> None:
    x = some(4000)
    fast = replayed(lambda x: np.sum(np.tanh(np.sin(x) * x + 1.0) ** 2), x)
    assert fast._program.variants[0].nbytes < 1000


def test_that_blocks_are_small_where_many_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        for _ in range(12):
            x = x + 0.1 * np.sin(x)
        return np.sum(x * x)

    monkeypatch.setattr(tiles, "_BLOCK", 4096)
    monkeypatch.setattr(tiles, "_CACHE", 4096)
    monkeypatch.setattr(tiles, "_LEAST", 64)
    fast = replayed(f, some(4000))
    assert loops(fast) == 1 and fast._program.variants[0].nbytes < 6000


def test_that_cheap_values_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        z = (x - np.mean(x)) / np.std(x)
        return np.sum(z * z * np.tanh(z))

    again = replayed(f, some(4000))
    monkeypatch.setattr(tiles, "_CHEAP", frozenset())
    kept = replayed(f, some(4000))
    first, second = (fast._program.variants[0].nbytes for fast in (again, kept))
    assert first <= second - 32000
    assert is_close(again(some(4000)), kept(some(4000)))


def test_threads() -> None:
    def f(x: Any) -> Any:
        z = x - np.mean(np.tanh(x), axis=0)
        return np.sum(np.exp(-z * z) * np.max(z, axis=1)[:, None])

    xs = [some(60, 7) * k for k in (1.0, 2.0, 3.0, 4.0)]
    fast = replayed(f, xs[0])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fast, xs * 50))
    for x, pair in zip(xs * 50, found):
        assert is_close(value_and_gradient(f, x), pair)
    assert fast._program.replays > 4


def test_that_checks_come_first() -> None:
    """What a function does after a branch is not done before the branch is known."""

    def f(x: Any, y: Any) -> Any:
        z = x * y + 1.0
        if np.min(y) > 0:
            z = np.log(y) * z - np.sqrt(y)
        return np.sum(z * z)

    x, y = some(40), np.abs(some(40)) + 0.1
    fast = replayed(f, x, y)
    assert loops(fast)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fast(x, -y)
    assert is_close(value_and_gradient(f, x, -y), found)
    assert fast._program.replays == 1
