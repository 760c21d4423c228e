"""Finite differences for the tests of the tape:
independent of the rules and of the package's own tester."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def numeric_gradient(f: Callable[..., Any], *args: Any, step: float = 1e-6) -> list[Any]:
    """Central differences of a real function in each array or number of `args`;
    df/dx + i df/dy for complex ones."""
    out = []
    for k, x in enumerate(args):
        x = np.asarray(x)
        grad = np.zeros(x.shape, complex if x.dtype.kind == "c" else float)
        for place in np.ndindex(x.shape):
            for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
                moved = []
                for sign in (1, -1):
                    shifted = x.copy()
                    shifted[place] += sign * step * unit
                    moved.append(f(*args[:k], shifted if x.ndim else shifted[()], *args[k + 1 :]))
                grad[place] += unit * float(moved[0] - moved[1]) / (2 * step)
        out.append(grad)
    return out


def assert_gradient(
    f: Callable[..., Any], *args: Any, rtol: float = 1e-5, atol: float = 1e-6
) -> None:
    """The gradient of `f` is that of finite differences, and so is one that is recorded."""
    from rules_runtime import gradient
    from tests.support.rules import check_recorded

    found = gradient(f, *args)
    for k, (got, want) in enumerate(zip(found, numeric_gradient(f, *args), strict=True)):
        assert np.shape(got) == np.shape(args[k])
        np.testing.assert_allclose(got, want, rtol, atol, err_msg=f"gradient in argument {k}")
    check_recorded(f, *args)


def assert_second_order(f: Callable[..., Any], *args: Any, rtol: float = 1e-4) -> None:
    """The gradient of a random projection of the gradient is that of finite differences."""
    from rules_runtime import gradient

    rng = np.random.default_rng(7)
    directions = [rng.normal(size=np.shape(x)) for x in args]

    def projected(*xs: Any) -> Any:
        total: Any = 0.0
        for g, d in zip(gradient(f, *xs), directions, strict=True):
            total = total + np.sum(np.real(g) * d)
        return total

    assert_gradient(projected, *args, rtol=rtol, atol=1e-5)
