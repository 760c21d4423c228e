"""A value under a trace is the value without one: at zeros, tiny and huge numbers, infinities,
not-a-numbers, and of any dtype."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

from rules_runtime import gradient, pullback
from rules_runtime.forms import FORMS
from rules_runtime.tape.calls import name_of
from rules_runtime.tape.record import load_areas

load_areas()
st: Any = scipy.stats
TINY = np.finfo(float).tiny
SPECIAL = np.array(
    [
        *(
            0.0,
            -0.0,
            TINY,
            -TINY,
            1e-300,
            1e-10,
            -1e-10,
            0.5,
            -0.5,
            1.0,
            -1.0,
            2.0,
            -2.0,
            3.7,
            -3.7,
        ),
        *(30.0, -30.0, 700.0, -700.0, 1e300, -1e300, np.inf, -np.inf, np.nan),
    ]
)
FEW = np.array([0.0, 0.5, 1.0, 2.0, -1.0, 3.0, np.nan])  # scipy takes minutes at infinities
UFUNCS = sorted((f for f in FORMS if isinstance(f, np.ufunc) and f.signature is None), key=name_of)


def same(a: Any, b: Any) -> bool:
    if isinstance(b, tuple):
        return all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    equal = (a == b) | ((a != a) & (b != b))
    if a.dtype.kind == "c":  # x y and y x differ in the last digit, and in what overflows
        equal = equal | np.isclose(a, b, rtol=4 * np.finfo(a.dtype).eps, atol=0)
        equal = equal | (~np.isfinite(a) & ~np.isfinite(b))
    return bool(np.all(equal))


def arguments(f: Any, dtype: str) -> tuple[Any, ...]:
    if f.nin == 1:
        points: Any = (SPECIAL,)
    elif f.nin == 2:
        points = list(np.meshgrid(SPECIAL, SPECIAL))
        if getattr(np, f.__name__, None) is not f:  # scipy counts up to an order
            points[0] = np.clip(points[0], -30, 30)
    else:
        points = np.meshgrid(*[FEW] * f.nin)
    if dtype in "il":
        return tuple(np.rint(np.clip(np.nan_to_num(x), 0, 5)).astype(dtype) for x in points)
    if dtype in "FD":
        return tuple((x + 1j * np.roll(x, 3, axis=0)).astype(dtype) for x in points)
    return tuple(x.astype(dtype) for x in points)


@pytest.mark.parametrize("dtype", list("dfDFl"))
@pytest.mark.parametrize("f", UFUNCS, ids=name_of)
def test_ufuncs(f: Any, dtype: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        args = arguments(f, dtype)
        try:
            wanted = f(*args)
        except TypeError:
            return
        if dtype == "l":  # whole numbers beside a number that is traced
            if f.nin == 1:
                return
            args = (*args[:-1], args[-1].astype(float))
            try:
                wanted = f(*args)
            except TypeError:
                return
            assert same(pullback(lambda x: f(*args[:-1], x), args[-1])[0], wanted)
            return
        for chosen in itertools.product([False, True], repeat=f.nin):
            if any(chosen):

                def call(*traced: Any, chosen: Any = chosen) -> Any:
                    given = iter(traced)
                    return f(*[next(given) if c else x for c, x in zip(chosen, args)])

                traced = [x for c, x in zip(chosen, args) if c]
                assert same(pullback(call, *traced)[0], wanted), chosen


@pytest.mark.parametrize("f", [f for f in UFUNCS if f.nin == 1], ids=name_of)
def test_ufuncs_of_numbers(f: Any) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for x in SPECIAL:
            try:
                wanted = f(x)
            except TypeError:
                return
            assert same(pullback(f, x)[0], wanted), x
            assert same(pullback(f, float(x))[0], wanted), x


ARRAY_FUNCTIONS: dict[str, Any] = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "var": np.var,
    "std": np.std,
    "var about a mean": lambda x: np.var(x, mean=np.mean(x, keepdims=True)),
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanmax": np.nanmax,
    "nanvar": np.nanvar,
    "nanvar about a mean": lambda x: np.nanvar(x, mean=np.nanmean(x, keepdims=True)),
    "nanprod": np.nanprod,
    "median": np.median,
    "nanmedian": np.nanmedian,
    "quantile": lambda x: np.quantile(x, 0.3),
    "ptp": np.ptp,
    "sort": np.sort,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "diff": np.diff,
    "gradient": np.gradient,
    "norm": np.linalg.norm,
    "norm 1": lambda x: np.linalg.norm(x, 1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf),
    "average": np.average,
    "clip": lambda x: np.clip(x, -1.0, 2.0),
    "where": lambda x: np.where(x > 0, x, -x),
    "nan_to_num": np.nan_to_num,
    "sinc": np.sinc,
    "i0": lambda x: np.i0(np.clip(x, -600, 600)),
    "angle": np.angle,
    "real": np.real,
    "unwrap": np.unwrap,
    "interp": lambda x: np.interp(x, [0.0, 1.0, 2.0], [1.0, 5.0, 2.0]),
    "trapezoid": np.trapezoid,
    "convolve": lambda x: np.convolve(x, [1.0, 2.0]),
    "dot": lambda x: np.dot(x, x),
    "outer": lambda x: np.outer(x, x),
    "cov": np.cov,
    "fft": np.fft.fft,
    "bincount": lambda x: np.bincount(np.arange(x.size) % 3, weights=x),
    "logsumexp": scipy.special.logsumexp,
    "softmax": scipy.special.softmax,
    "log_softmax": scipy.special.log_softmax,
    "polyval": lambda x: np.polyval([1.0, 2.0, 3.0], x),
    "emath.sqrt": np.emath.sqrt,
    "emath.log": np.emath.log,
    "abs": abs,
    "power 0": lambda x: x**0,
    "power 0.5": lambda x: x**0.5,
    "power 3": lambda x: x**3,
    "power -1": lambda x: x**-1.0,
    "base": lambda x: 2.0**x,
    "floor division": lambda x: x // 0.7 + x % 0.7,
    "division": lambda x: 1.0 / x,
    "maximum": lambda x: np.maximum(x, 0.5),
    "logaddexp": lambda x: np.logaddexp(x, x[::-1]),
    "max with initial": lambda x: np.max(x, initial=5.0),
    "sum where": lambda x: np.sum(x, where=x > 0),
}
ROWS = {
    "ordinary": np.array([0.3, -1.2, 2.5, 0.7, 4.1, -0.2]),
    "zeros": np.array([0.0, -0.0, 0.0, 1.0, 0.0, -0.0]),
    "tiny": np.array([TINY, -TINY, 1e-300, 1e-10, -1e-10, 0.0]),
    "huge": np.array([1e300, -1e300, 1e200, 1.0, 700.0, -700.0]),
    "infinite": np.array([np.inf, 1.0, 2.0, np.inf, 0.5, 3.0]),
    "both infinities": np.array([np.inf, -np.inf, 2.0, 0.0, 0.5, 3.0]),
    "not a number": np.array([np.nan, 1.0, 2.0, 0.0, 0.5, -3.0]),
    "all minus infinity": np.full(3, -np.inf),
    "one": np.array([0.7]),
}


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_functions_of_arrays(name: str, dtype: str) -> None:
    f = ARRAY_FUNCTIONS[name]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for label, row in ROWS.items():
            x = row.astype(dtype)
            try:
                wanted = f(x)
            except (ValueError, IndexError):
                continue
            got = np.asarray(pullback(f, x)[0])
            wanted = np.asarray(wanted)
            assert got.dtype == wanted.dtype and got.shape == wanted.shape, label
            exact = (got == wanted) | ((got != got) & (wanted != wanted))
            rtol = 4 * np.finfo(wanted.dtype).eps if wanted.dtype.kind in "fc" else 0
            assert np.all(exact | np.isclose(got, wanted, rtol=rtol, atol=0)), (label, got, wanted)


DISTRIBUTIONS: dict[str, Any] = {
    "norm": [()],
    "t": [(3.0,), (0.5,), (np.inf,), (-1.0,)],
    "gamma": [(1.0,), (0.5,), (2.0,), (-1.0,), (0.0,)],
    "chi2": [(2.0,), (1.0,), (4.0,), (-1.0,)],
    "beta": [(1.0, 1.0), (0.5, 0.5), (2.0, 3.0), (1.0, 2.0), (2.0, 1.0), (-1.0, 1.0)],
    "expon": [()],
    "lognorm": [(0.7,), (-1.0,)],
    "cauchy": [()],
    "laplace": [()],
    "logistic": [()],
    "uniform": [()],
}
AT = np.array(
    [
        *(
            -np.inf,
            -800.0,
            -40.0,
            -1.0,
            -1e-300,
            -0.0,
            0.0,
            1e-300,
            1e-20,
            0.3,
            0.5,
            1 - 1e-16,
            1.0,
        ),
        *(1 + 1e-15, 1.5, 2.0, 3.0, 40.0, 800.0, np.inf, np.nan),
    ]
)
PLACES = [(0.0, 1.0), (1.0, 2.0), (0.0, -1.0), (0.0, 0.0), (np.nan, 1.0), (0.0, np.nan)]
METHODS = ["pdf", "logpdf", "cdf", "sf", "logcdf", "logsf"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str, method: str) -> None:
    f = getattr(getattr(st, name), method)
    with np.errstate(all="ignore"):
        for shapes, place in itertools.product(DISTRIBUTIONS[name], PLACES):
            wanted = f(AT, *shapes, *place)
            assert same(pullback(f, AT, *shapes, *place)[0], wanted)
            assert same(pullback(f, AT, *shapes, loc=place[0], scale=place[1])[0], wanted)
            for k, p in enumerate((*shapes, *place)):

                def by_one(p: Any, k: int = k, given: Any = (*shapes, *place)) -> Any:
                    return f(AT, *given[:k], p, *given[k + 1 :])

                assert same(pullback(by_one, p)[0], wanted)


@pytest.mark.parametrize("method", ["pmf", "logpmf", "cdf", "sf"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *[("poisson", (mu,)) for mu in (2.0, 0.0, -1.0)],
        *[("binom", p) for p in ((5, 0.3), (5, 0.0), (5, 1.0), (5, 1.5), (-1, 0.3), (2.5, 0.3))],
    ],
)
def test_counts(name: str, parameters: Any, method: str) -> None:
    if name == "binom" and method in ("cdf", "sf"):
        return
    f = getattr(getattr(st, name), method)
    k = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 5.0, 6.0, np.inf, np.nan])
    with np.errstate(all="ignore"):
        for loc in (0, 1):
            wanted = f(k, *parameters, loc)
            assert same(pullback(f, k, *parameters, loc)[0], wanted)


def test_derivatives_at_the_closed_ends_are_those_inside() -> None:
    for f in (st.expon.logpdf, lambda x: st.gamma.logpdf(x, 1.0), lambda x: st.chi2.pdf(x, 2.0)):
        at_end, inside = gradient(f, 0.0)[0], gradient(f, 1e-9)[0]
        assert at_end == pytest.approx(inside, rel=1e-6) and at_end != 0
    for x in (0.0, 1.0):
        assert gradient(lambda s, x=x: st.uniform.logpdf(x, 0.0, s), 1.0)[0] == -1.0
        assert gradient(lambda x: st.beta.pdf(x, 2.0, 2.0), x)[0] == pytest.approx(6 - 12 * x)


def test_derivatives_outside_of_the_support_and_of_wrong_parameters() -> None:
    assert gradient(lambda x: st.gamma.pdf(x, 2.0), -0.5) == (0.0,)
    assert gradient(lambda p: st.binom.pmf(1.5, 5, p), 0.3) == (0.0,)
    assert np.isnan(gradient(lambda s: st.norm.logcdf(1.0, 0.0, s), -1.0)[0])
    assert np.isnan(gradient(lambda x: st.expon.pdf(x), np.nan)[0])


def test_the_value_of_a_density_is_a_function_of_the_outer_variable() -> None:
    """Within a gradient of a gradient the value is that of scipy, and moves."""

    def inner(x: Any) -> Any:
        return gradient(lambda y: st.norm.logpdf(x) * y**2, 3.0)[0]

    assert gradient(inner, 0.7)[0] == pytest.approx(-0.7 * 6)

    def twice(x: Any) -> Any:
        return gradient(lambda x: st.gamma.logpdf(x, 2.5), x)[0]

    assert gradient(twice, 0.7)[0] == pytest.approx(-1.5 / 0.49)
