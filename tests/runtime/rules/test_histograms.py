"""Histograms by their weights, edges and densities, against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.rules import check_rule, check_second_order

x = np.array([0.11, 0.56, 0.63, 0.93, 0.31])
y = np.array([0.4, 0.2, 0.75, 0.8, 0.1])
w = np.array([1.0, 2.0, 3.0, 4.0, 0.5])
e = np.array([0.05, 0.35, 0.7, 0.97])


def test_bincount_by_its_weights() -> None:
    places = np.array([0, 1, 1, 3, 5])
    check_rule(np.bincount, places, w)
    check_rule(np.bincount, places, w, 8)
    (dw,) = gradient(lambda w: np.sum(np.bincount(places, weights=w) ** 2), w)
    assert np.array_equal(dw, [2, 10, 10, 8, 1])
    assert gradient(lambda w: np.bincount(places, minlength=3)[1] * w, 2.0) == (2.0,)


CALLS: dict[str, Any] = {
    "counts": (np.histogram, x, 3),
    "range": (np.histogram, x, 3, (0.0, 0.8)),
    "weights": (np.histogram, x, 3, None, None, w),
    "edges": (np.histogram, x, e, None, None, w),
    "list of edges": (np.histogram, x, list(e)),
    "density": (np.histogram, x, 3, None, True),
    "weighted density": (np.histogram, x, 4, None, True, w),
    "density in a range": (np.histogram, x, 4, (0.0, 1.0), True, w),
    "density by edges": (np.histogram, x, e, None, True, w),
    "two axes": (np.histogram, x[:4].reshape(2, 2), 3, None, True, w[:4].reshape(2, 2)),
    "rule for bins": (np.histogram, x, "sturges", None, True),
    "edges alone": (np.histogram_bin_edges, x, 4),
    "edges in a range": (np.histogram_bin_edges, x, 4, (0.0, 1.0)),
    "2d": (np.histogram2d, x, y, 3, None, None, w),
    "2d density": (np.histogram2d, x, y, [2, 3], None, True, w),
    "2d edges": (np.histogram2d, x, y, [e, 3], None, True, w),
    "2d range": (np.histogram2d, x, y, 2, [[0.0, 1.0], [0.15, 0.93]], True, w),
    "2d edges of both": (np.histogram2d, x, y, e, None, True, w),
    "dd": (np.histogramdd, np.stack([x, y, x * y], axis=1), 2, None, True, w),
    "dd edges": (np.histogramdd, np.stack([x, y], axis=1), (e, 2), None, True, w),
    "dd of columns": (np.histogramdd, [x, y], [2, 3], None, True, w),
    "dd of one column": (np.histogramdd, x, 3, None, True, w),
}


@pytest.mark.parametrize("name", CALLS)
def test_by_every_argument(name: str) -> None:
    check_rule(*CALLS[name])


@pytest.mark.parametrize("name", ["weighted density", "density by edges", "edges alone"])
def test_second_order(name: str) -> None:
    function, *args = CALLS[name]

    def both(*moving: Any) -> Any:
        found = function(moving[0], *args[1:-1], moving[-1]) if w is args[-1] else function(*args)
        return found

    if name == "edges alone":
        check_second_order(lambda x: function(x, *args[1:]), x)
    else:
        check_second_order(both, x, w)


def test_by_keyword_and_at_once() -> None:
    def f(x: Any, w: Any) -> Any:
        counts, edges = np.histogram(x, bins=3, weights=w, density=True)
        return np.sum(counts**2) + np.sum(np.sin(edges))

    h = 1e-6
    dx, dw = gradient(f, x, w)
    for k, unit in enumerate(np.eye(5) * h):
        assert dx[k] == pytest.approx((f(x + unit, w) - f(x - unit, w)) / (2 * h), abs=1e-6)
        assert dw[k] == pytest.approx((f(x, w + unit) - f(x, w - unit)) / (2 * h), abs=1e-6)
    (de,) = gradient(lambda e: np.sum(np.histogram(x, bins=e, density=True)[0] ** 2), e)
    assert np.all(np.abs(de) > 0)


def test_nothing_to_count() -> None:
    (dx,) = gradient(lambda x: np.sum(np.histogram(x, 2)[1]), np.zeros(0))
    assert dx.shape == (0,)
