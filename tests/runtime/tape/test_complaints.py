"""Functions that cannot compute with a traced value are named in the error,
which says what to do instead."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient
from rules_runtime.tape.complaints import TracedValueError

X = np.array([1.0, 2.0, 3.0])
NUMPY: dict[str, Callable[[Any], Any]] = {
    "np.logaddexp(": lambda x: np.logaddexp([x[0], 1.0], 2.0),
    "np.nditer(": lambda x: sum(np.nditer(x)),
    "np.frombuffer(": lambda x: np.frombuffer(x),
    "memoryview(": lambda x: memoryview(x),
    "np.ndarray(": lambda x: np.ndarray((3,), float, x),
    "asmatrix": lambda x: np.sum(np.asmatrix(x)),
    "bmat": lambda x: np.sum(np.bmat([[x[None], x[None]]])),
    "matrix": lambda x: np.sum(np.matrix(x)),
    "ma.core.array": lambda x: np.sum(np.ma.array(x, mask=[0, 1, 0])),
    "ndenumerate": lambda x: sum(v for _, v in np.ndenumerate(x)),
    "math.fsum(": lambda x: math.fsum(x),
    "statistics.mean": lambda x: statistics.mean(x),
    "normal": lambda x: np.random.default_rng(0).normal(x).sum(),
}
SCIPY: dict[str, Callable[[Any, Any], Any]] = {
    "optimize.brentq": lambda s, x: s.optimize.brentq(lambda r: r * r - x[1], 0.0, 3.0),
    "optimize.root": lambda s, x: s.optimize.root(lambda r: r - x, np.zeros(3)).x[0],
    "distance.pdist": lambda s, x: np.sum(s.spatial.distance.pdist(x[:, None])),
    "distance.cdist": lambda s, x: np.sum(s.spatial.distance.cdist(x[:, None], x[:, None])),
    "CubicSpline": lambda s, x: s.interpolate.CubicSpline(np.arange(3.0), x)(1.5),
    "integrate.quad": lambda s, x: s.integrate.quad(lambda t: t * x[0], 0, 1)[0],
    "solve_ivp": lambda s, x: s.integrate.solve_ivp(lambda t, y: -y * x[0], (0, 1), [1.0]).y[0, 1],
    "gaussian_filter": lambda s, x: np.sum(s.ndimage.gaussian_filter(x, 1.0)),
    "linalg.schur": lambda s, x: np.sum(s.linalg.schur(np.diag(x))[0]),
    "blas.dgemm(": lambda s, x: s.linalg.blas.dgemm(1.0, np.diag(x), np.eye(3)).sum(),
    "cKDTree": lambda s, x: s.spatial.cKDTree(x[:, None]).n,
}


def fails(name: str, f: Callable[[Any], Any]) -> None:
    with pytest.raises(TracedValueError, match=re.escape(name)) as caught:
        gradient(f, X)
    for remedy in ("np.stack", "rrule.register", "ignore_derivatives"):
        assert remedy in str(caught.value)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("name", NUMPY)
def test_of_numpy_and_python(name: str) -> None:
    fails(name, NUMPY[name])


@pytest.mark.parametrize("name", SCIPY)
def test_of_scipy(name: str) -> None:
    scipy = pytest.importorskip("scipy")
    for area in ("optimize", "spatial", "interpolate", "integrate", "ndimage", "linalg"):
        pytest.importorskip(f"scipy.{area}")
    fails(name, lambda x: SCIPY[name](scipy, x))


def test_other_errors_are_left_alone() -> None:
    def wrong(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradient(wrong, X)
    with pytest.raises(ValueError, match="broadcast"):
        gradient(lambda x: np.sum(x * np.ones(4)), X)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        gradient(lambda x: np.sum(np.linalg.inv(np.outer(x, x) * 0.0)), X)
    with pytest.raises(ValueError, match="inhomogeneous"):
        gradient(lambda x: np.sum(np.array([[1.0], [1.0, 2.0]]) * x[0]), X)
    with pytest.raises(TypeError, match="unsupported operand"):
        gradient(lambda x: x + None, X)


def test_what_reads_memory_is_refused() -> None:
    for f in (lambda x: x.tobytes(), lambda x: x.view(np.int64), lambda x: x.view(np.recarray)):
        with pytest.raises(TypeError, match=r"ignore_derivatives|plain arrays"):
            gradient(f, X)
    for name in ("ctypes", "data", "__array_interface__"):
        with pytest.raises(AttributeError, match="ignore_derivatives"):
            gradient(lambda x, name=name: getattr(x, name), X)
    f = lambda x: np.sum(x.view() * x.view(np.ndarray) * x.view(float) * x.view(type=np.ndarray))
    assert gradient(f, X)[0].tolist() == [4.0, 32.0, 108.0]
