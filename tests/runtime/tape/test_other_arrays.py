"""Arrays that speak numpy's protocols flow through the same rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rules_runtime import value_and_gradient


def loss(x: Any, w: Any) -> Any:
    return np.sum(np.tanh(x * 0.1 + w) ** 2) + np.sum(x @ w) + np.mean(np.exp(x[1:] - x[:-1]))


def test_dask_stays_lazy_and_agrees() -> None:
    da = pytest.importorskip("dask.array")
    x, w = np.arange(12.0).reshape(3, 4) / 5, np.linspace(0.1, 1.0, 4)
    value, grads = value_and_gradient(
        loss, da.from_array(x, chunks=(2, 2)), da.from_array(w, chunks=2)
    )
    want, want_grads = value_and_gradient(loss, x, w)
    assert all(isinstance(g, da.Array) for g in grads)
    np.testing.assert_allclose(np.asarray(value), want)
    for g, expected in zip(grads, want_grads):
        np.testing.assert_allclose(g.compute(), expected)
