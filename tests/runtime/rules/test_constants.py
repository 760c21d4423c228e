"""Functions that are declared without a derivative have none: by every argument, keywords too,
against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from rules_runtime import gradient, rrule
from rules_runtime.forms import FORMS
from rules_runtime.tape.calls import name_of
from rules_runtime.tape.record import load_areas

load_areas()
X = np.array([[0.31, 0.77, -0.42], [1.23, -1.81, 0.58]])
V = np.array([0.2, 0.7, 1.4])
Z = X + 0.3j

# function -> calls: positional arguments, keywords
CALLS: dict[Any, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    np.allclose: [((X, X + 0.1), {"rtol": 0.3, "atol": 0.02})],
    np.isclose: [((X, X + 0.1), {"rtol": 0.3, "atol": 0.02})],
    np.array_equal: [((X, X), {})],
    np.array_equiv: [((X, X), {})],
    np.digitize: [((X, V), {"right": True})],
    np.searchsorted: [((V, X), {"side": "right"})],
    np.isin: [((X, V), {})],
    np.lexsort: [(((V, -V),), {})],
    np.argpartition: [((X, 1), {})],
    np.around: [((X,), {"decimals": 1}), ((Z, 1), {})],
    np.round: [((X,), {"decimals": 1}), ((Z, 1), {})],
    np.full_like: [((X, 2.0), {})],
    np.can_cast: [(("f8", "f4"), {})],
    np.result_type: [((X, V), {})],
    np.may_share_memory: [((X, V), {})],
    np.shares_memory: [((X, V), {})],
    np.einsum_path: [(("ij,kj->ik", X, X), {})],
    np.unravel_index: [((np.array([1, 4]), (2, 3)), {})],
    np.ravel_multi_index: [(((np.array([1]), np.array([2])), (2, 3)), {})],
    np.packbits: [((np.array([1, 0, 1], dtype=bool),), {})],
    np.unpackbits: [((np.array([7], dtype=np.uint8),), {})],
    np.linalg.matrix_rank: [((X @ X.T,), {"tol": 0.3}), ((X,), {})],
    np.tril_indices_from: [((X,), {"k": 1})],
    np.triu_indices_from: [((X,), {"k": 1})],
    np.diag_indices_from: [((X @ X.T,), {})],
    np.array2string: [((X,), {})],
    np.array_repr: [((X,), {})],
    np.array_str: [((X,), {})],
    np.zeros_like: [((X,), {}), ((Z,), {})],
    np.ones_like: [((X,), {}), ((Z,), {})],
}
NOT_DETERMINED = {np.empty_like}  # what was in memory
CONSTANT = sorted((f for f in FORMS if FORMS[f].constant and f not in NOT_DETERMINED), key=name_of)


def total(y: Any) -> Any:
    if isinstance(y, (tuple, list)):
        return sum(map(total, y))
    if isinstance(y, str) or not hasattr(y, "dtype") or np.asarray(y).dtype.kind not in "biufc":
        return 0.0
    return float(np.sum(np.real(y) * 0.7 + np.imag(y)))


@pytest.mark.parametrize("f", [f for f in CONSTANT if not isinstance(f, np.ufunc)], ids=name_of)
def test_nothing_moves(f: Any) -> None:
    for args, kwargs in CALLS.get(f, [((X,), {}), ((V,), {})]):
        try:
            f(*args, **kwargs)
        except (TypeError, ValueError):
            assert f not in CALLS
            continue
        for key in [*range(len(args)), *kwargs]:
            check_still(f, args, kwargs, key)


def check_still(f: Any, args: Any, kwargs: dict[str, Any], key: Any) -> None:
    x = kwargs[key] if isinstance(key, str) else args[key]
    if getattr(x, "dtype", np.dtype(int)).kind not in "fc" and not isinstance(x, float):
        return
    for place in np.ndindex(np.shape(x)):
        e = np.zeros(np.shape(x))
        e[place] = 1e-7
        found = []
        for moved in (x + e, x - e):
            if isinstance(key, str):
                found.append(total(f(*args, **kwargs | {key: moved[()]})))
            else:
                found.append(total(f(*args[:key], moved[()], *args[key + 1 :], **kwargs)))
        assert found[0] == pytest.approx(found[1], abs=1e-12), (key, place)


@pytest.mark.parametrize("f", [f for f in CONSTANT if isinstance(f, np.ufunc)], ids=name_of)
def test_ufuncs_without_a_derivative(f: Any) -> None:
    if not any(kinds.startswith("d" * f.nin) for kinds in f.types):
        return
    args = [np.array([0.31, -0.77, 1.42]), np.array([0.55, 0.4, 0.9])][: f.nin]
    for k in range(f.nin):
        e = [1e-7 * (j == k) for j in range(f.nin)]
        up = f(*[x + d for x, d in zip(args, e, strict=True)])
        down = f(*[x - d for x, d in zip(args, e, strict=True)])
        if np.asarray(up).dtype.kind == "f":
            assert np.allclose(up, down, rtol=0, atol=1e-12)


def test_what_was_declared_constant_and_is_not() -> None:
    assert np.array_equal(gradient(lambda x: np.sum(np.nextafter(x, 9.0)), V)[0], np.ones(3))
    (dx,) = gradient(lambda x: np.sum(np.ix_(x, 2 * x)[1] ** 2), V)
    assert np.allclose(dx, 8 * V)
    for f in (np.fft.fftfreq, np.fft.rfftfreq):
        y, back = rrule(f, 8, 0.5)
        g = np.arange(1.0, y.size + 1)
        assert back(g)[2] == pytest.approx(-np.sum(g * y) / 0.5)
        (dd,) = gradient(lambda d, f=f, g=g: np.sum(g * f(8, d)), 0.5)
        assert dd == pytest.approx(-np.sum(g * y) / 0.5)
    assert gradient(scipy.special.gammasgn, 0.5)[0] == 0.0
