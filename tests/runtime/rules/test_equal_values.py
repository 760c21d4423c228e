"""Equal eigenvalues and singular values: the right gradient, or NaN and a warning;
never another number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from rules_runtime import gradient, hessian, pullback, tied_subspaces

G = np.random.default_rng(0).normal(size=(5, 5))
WARNING = pytest.warns(RuntimeWarning, match="is NaN: some (eigen|singular )values are equal")


def orthogonal(n: int, seed: int = 1, dtype: str = "f8") -> Any:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n)).astype(dtype)
    return np.linalg.qr(a + (1j * rng.normal(size=(n, n)) if dtype == "c16" else 0))[0]


def matrix(values: Any, dtype: str = "f8") -> Any:
    """A Hermitian matrix that was multiplied together,
    so that equal eigenvalues are equal up to rounding."""
    q = orthogonal(len(values), dtype=dtype)
    a = (q * np.asarray(values)) @ np.conj(q.T)
    return (a + np.conj(a.T)) / 2


def rectangular(m: int, n: int, *values: float) -> Any:
    k = len(values)
    return (orthogonal(m, 5)[:, :k] * np.array(values)) @ orthogonal(n, 6)[:k]


def weighted(p: Any) -> Any:
    return np.sum(np.real(G[: p.shape[0], : p.shape[1]] * p))


def spectral(fun: Any, eigen: Any = np.linalg.eigh, back: Any = lambda v: np.conj(v.T)) -> Any:
    def f(a: Any) -> Any:
        w, v = eigen(a)
        return weighted((v * fun(w)) @ back(v))

    return f


def projector(*which: int) -> Any:
    def f(a: Any) -> Any:
        v = np.linalg.eigh(a)[1][:, list(which)]
        return weighted(v @ np.conj(v.T))

    return f


def symmetric_slopes(f: Any, a: Any, h: float = 1e-5) -> Any:
    """Of a function of Hermitian matrices, along the symmetric directions."""
    found = np.zeros(a.shape)
    for i, j in np.ndindex(a.shape):
        e = np.zeros(a.shape)
        e[i, j] += h / 2
        e[j, i] += h / 2
        found[i, j] = (f(a + e) - f(a - e)) / (2 * h)
    return found


def slopes(f: Any, a: Any, h: float = 1e-5) -> Any:
    found = np.zeros(a.shape)
    for place in np.ndindex(a.shape):
        e = np.zeros(a.shape)
        e[place] = h
        found[place] = (f(a + e) - f(a - e)) / (2 * h)
    return found


def curvature(f: Any, a: Any, symmetric: bool, h: float = 1e-3) -> Any:
    units = []
    for place in np.ndindex(a.shape):
        e = np.zeros(a.shape)
        e[place] = h
        units.append((e + e.T) / 2 if symmetric else e)
    return np.array(
        [[f(a + d + e) - f(a + d - e) - f(a - d + e) + f(a - d - e) for e in units] for d in units]
    ) / (4 * h * h)


def silently(f: Any, *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return f(*args)


def symmetrised(da: Any) -> Any:
    return np.real(da + np.conj(da.T)) / 2


MATRICES = {
    "identity": np.eye(3),
    "zero": np.zeros((3, 3)),
    "two": matrix([1.0, 1.0, 2.0, 3.0]),
    "two pairs": matrix([1.0, 1.0, 2.0, 2.0]),
    "rank one": matrix([0.0, 0.0, 0.0, 2.0]),
    "complex": matrix([1.0, 1.0, 2.0], "c16"),
}
SPECTRAL = {"exp": np.exp, "itself": lambda w: w, "sin": np.sin, "cos": np.cos, "log1p": np.log1p}


def inverted(v: Any) -> Any:
    return np.linalg.inv(v)


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("at", MATRICES)
@pytest.mark.parametrize(
    ("eigen", "back"),
    [
        (np.linalg.eigh, lambda v: np.conj(v.T)),
        (np.linalg.eigh, inverted),
        (np.linalg.eig, inverted),
        (scipy.linalg.eigh, lambda v: np.conj(v.T)),
    ],
    ids=["eigh", "eigh and inv", "eig", "scipy.linalg.eigh"],
)
def test_functions_of_the_matrix_are_not_guessed(name: str, at: str, eigen: Any, back: Any) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        f = spectral(SPECTRAL[name], eigen, back)
        (da,) = gradient(f, MATRICES[at])
    if np.isnan(da).any():
        assert any("tied_subspaces" in str(w.message) for w in seen)
    else:
        assert np.allclose(symmetrised(da), symmetric_slopes(f, MATRICES[at]), atol=1e-6)


def test_the_logarithm_at_the_identity_where_its_value_is_zero() -> None:
    with WARNING:
        assert np.isnan(gradient(spectral(np.log), np.eye(3))[0]).all()


@pytest.mark.parametrize("at", ["identity", "two", "two pairs", "complex"])
def test_a_trace_needs_no_mixing(at: str) -> None:
    a = MATRICES[at]

    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.real(np.trace((v * np.sqrt(w)) @ np.conj(v.T)))

    (da,) = silently(gradient, f, a)
    assert np.allclose(symmetrised(da), symmetric_slopes(f, a), atol=1e-8)
    (da,) = silently(gradient, lambda a: np.sum(np.log(np.linalg.eigh(a)[0])), a)
    assert np.allclose(symmetrised(da), np.real(np.linalg.inv(a)))


def test_vectors_of_other_values_need_no_mixing() -> None:
    for at, which in (("two", 2), ("two", 3), ("rank one", 3), ("complex", 2)):
        f, a = projector(which), MATRICES[at]
        (da,) = silently(gradient, f, a)
        assert np.allclose(symmetrised(da), symmetric_slopes(f, a), atol=1e-8)


@pytest.mark.parametrize("at", ["two", "two pairs", "complex"])
def test_projectors_onto_tied_vectors(at: str) -> None:
    f, a = projector(0, 1), MATRICES[at]
    with WARNING:
        assert np.isnan(gradient(f, a)[0]).any()
    with tied_subspaces():
        (da,) = silently(gradient, f, a)
    assert np.allclose(symmetrised(da), symmetric_slopes(f, a), atol=1e-8)


def test_what_is_said_holds_for_the_calls_inside_and_for_the_way_back() -> None:
    f, a = projector(0, 1), MATRICES["two"]

    def said(a: Any) -> Any:
        with tied_subspaces():
            return f(a)

    _, back = pullback(f, a)
    with tied_subspaces():
        wanted = gradient(f, a)[0]
        assert np.array_equal(back(1.0)[0], wanted)
    assert np.array_equal(gradient(said, a)[0], wanted)
    with WARNING:
        assert np.isnan(back(1.0)[0]).any()


def test_half_a_tie_has_no_derivative_whatever_is_said() -> None:
    with tied_subspaces(), WARNING:
        assert np.isnan(gradient(projector(0), MATRICES["two"])[0]).any()


def test_stacks_and_single_precision() -> None:
    stack = np.stack([matrix([1.0, 1.0, 2.0]), matrix([1.0, 2.0, 3.0])])

    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum(G[:3, :3] * ((v * np.sqrt(w)[:, None, :]) @ np.swapaxes(v, -1, -2)))

    with WARNING:
        (da,) = gradient(f, stack)
    assert np.isnan(da[0]).any()
    wanted = symmetric_slopes(spectral(np.sqrt), stack[1])
    assert np.allclose(symmetrised(da[1]), wanted, atol=1e-8)
    with WARNING:
        assert np.isnan(gradient(spectral(np.sqrt), matrix([1, 1, 2.0]).astype("f4"))[0]).any()


def test_values_that_are_only_near_are_not_tied() -> None:
    a = matrix([1.0, 1.0 + 1e-9, 2.0])
    (da,) = silently(gradient, spectral(np.sqrt), a)
    assert np.allclose(symmetrised(da), symmetric_slopes(spectral(np.sqrt), a), atol=1e-5)


def by_svd(fun: Any) -> Any:
    def f(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return weighted((u * fun(s)) @ vh)

    return f


TIED = {
    "identity": np.eye(3),
    "tall": rectangular(4, 3, 2.0, 2.0, 1.0),
    "wide": rectangular(3, 4, 2.0, 2.0, 1.0),
    "low rank": rectangular(4, 3, 2.0, 1.0),
    "zero": np.zeros((3, 2)),
}


@pytest.mark.parametrize("name", ["itself", "sin", "log1p"])
@pytest.mark.parametrize("at", TIED)
@pytest.mark.parametrize("svd", [np.linalg.svd, scipy.linalg.svd], ids=["numpy", "scipy"])
def test_functions_of_singular_values_are_not_guessed(name: str, at: str, svd: Any) -> None:
    with WARNING:
        assert np.isnan(gradient(by_svd(SPECTRAL[name]), TIED[at])[0]).any()


def test_the_product_of_all_parts_of_a_matrix_of_lower_rank() -> None:
    a = rectangular(4, 4, 3.0, 2.0, 1.0)  # one value is 0, and nothing is tied
    assert np.allclose(silently(gradient, by_svd(lambda s: s), a)[0], G[:4, :4])


@pytest.mark.parametrize("at", ["identity", "tall", "wide"])
def test_the_orthogonal_factor_turns_against_itself_at_equal_singular_values(at: str) -> None:
    def polar(a: Any) -> Any:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return weighted(u @ vh)

    with tied_subspaces():
        (da,) = silently(gradient, polar, TIED[at])
    assert np.allclose(da, slopes(polar, TIED[at]), atol=1e-8)


@pytest.mark.parametrize("at", ["tall", "low rank"])
def test_singular_vectors_that_are_not_tied(at: str) -> None:
    def f(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        if at == "tall":
            return weighted(np.outer(u[:, 2], vh[2]))
        return weighted((u[:, :2] * s[:2]) @ vh[:2])

    assert np.allclose(silently(gradient, f, TIED[at])[0], slopes(f, TIED[at]), atol=1e-8)


def test_svd_of_a_hermitian_matrix_with_eigenvalues_of_both_signs() -> None:
    a = matrix([-2.0, 1.0, 2.0])  # two equal singular values, and no equal eigenvalues

    def f(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, hermitian=True)
        return weighted((u * s**2) @ vh)

    (da,) = silently(gradient, f, a)
    assert np.allclose(symmetrised(da), symmetric_slopes(f, a), atol=1e-8)


# -- second order
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [(0, 1), (2,)], ids=["tied", "another"])
def test_second_derivatives_of_projectors(which: Any) -> None:
    a = MATRICES["two"]

    def f(a: Any) -> Any:
        return projector(*which)((a + a.T) / 2)

    with WARNING:
        assert np.isnan(hessian(f, a)).any()
    with tied_subspaces():
        found = silently(hessian, f, a)
    assert np.allclose(found.reshape(16, 16), curvature(f, a, symmetric=True), atol=1e-4)


def of_values(fun: Any) -> Any:
    return lambda a: np.sum(fun(np.linalg.eigvalsh((a + a.T) / 2)))


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("name", ["exp", "sin"])
def test_second_derivatives_of_functions_of_the_values_are_not_guessed(
    name: str, said: bool
) -> None:
    with WARNING:
        if said:
            with tied_subspaces():
                found = hessian(of_values(SPECTRAL[name]), MATRICES["two"])
        else:
            found = hessian(of_values(SPECTRAL[name]), MATRICES["two"])
    assert np.isnan(found).any()


def test_second_derivative_of_a_value_that_is_not_tied() -> None:
    def f(a: Any) -> Any:
        return np.linalg.eigvalsh((a + a.T) / 2)[-1]

    found = silently(hessian, f, MATRICES["two"]).reshape(16, 16)
    assert np.allclose(found, curvature(f, MATRICES["two"], symmetric=True), atol=1e-5)


def test_second_derivative_of_the_nuclear_norm_at_equal_singular_values() -> None:
    def f(a: Any) -> Any:
        return np.linalg.norm(a, "nuc")

    a = TIED["tall"]
    found = silently(hessian, f, a).reshape(12, 12)
    assert np.allclose(found, curvature(f, a, symmetric=False), atol=1e-5)
    with WARNING:
        assert np.isnan(hessian(f, TIED["low rank"])).any()


def test_second_derivatives_of_singular_vectors() -> None:
    def f(a: Any) -> Any:
        u = np.linalg.svd(a, full_matrices=False)[0][:, :2]
        return weighted(u @ u.T)

    a = TIED["tall"]
    with WARNING:
        assert np.isnan(hessian(f, a)).any()
    with tied_subspaces():
        found = silently(hessian, f, a).reshape(12, 12)
    assert np.allclose(found, curvature(f, a, symmetric=False), atol=1e-4)


def test_a_nan_of_the_first_order_stays_one_in_the_second() -> None:
    with WARNING:
        assert np.isnan(hessian(spectral(np.sqrt), np.eye(2))).any()
