"""Every parameter of every function with a rule:
what changes the value changes the derivative, or is refused.

The signatures are walked: a function needs a call in `CALLS`,
a parameter a value that the function takes.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.signal
import scipy.special

from rules_runtime import pullback
from rules_runtime.errors import RulesError
from rules_runtime.forms import FORMS
from rules_runtime.tape.by_rule import has_rule
from rules_runtime.tape.calls import name_of
from rules_runtime.tape.record import load_areas

load_areas()
RNG = np.random.default_rng(5)


def some(*shape: int) -> Any:
    """Numbers apart from each other, from 0 and from the halves."""
    size = int(np.prod(shape))
    return (
        (RNG.permutation(size) + 0.23 + 0.1 * RNG.uniform(size=size)) / size * 1.7 + 0.2
    ).reshape(shape)


M, S, V, U = some(3, 4), some(3, 3) + np.eye(3), some(5), some(5)
P = S @ S.T + np.eye(3)
T = some(2, 3, 4)
HALF = some(4, 5) + 0.5j * some(4, 5)
N = M.copy()
N[1, 2] = np.nan
PLACES = np.array([2, 0])
MASK = np.array([[True, False, True, True], [True, True, True, False], [False, True, True, True]])

# name -> positional arguments; several calls for one function where
# there are several ways to call it
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "np.angle": [(HALF,)],
    "np.append": [(M, some(1, 4))],
    "np.array_split": [(M, 2)],
    "np.average": [(M,)],
    "np.block": [([[M, M]],)],
    "np.broadcast_arrays": [(M, M[0])],
    "np.broadcast_to": [(V, (2, 5))],
    "np.choose": [(np.array([0, 1, 1, 0, 2]), [V, U, 2 * V])],
    "np.clip": [(M, 0.5, 1.1), (M,)],
    "np.column_stack": [((V, U),)],
    "np.compress": [(np.array([True, False, True]), M)],
    "np.concatenate": [((M, 2 * M),)],
    "np.convolve": [(V, U[:3])],
    "np.correlate": [(V, U[:3])],
    "np.corrcoef": [(M,)],
    "np.cov": [(M,)],
    "np.cross": [(M[:, :3], 2 * S)],
    "np.cumulative_prod": [(V,), (M,)],
    "np.cumulative_sum": [(V,), (M,)],
    "np.delete": [(M, 1)],
    "np.diag": [(S,), (V,)],
    "np.diagflat": [(V,)],
    "np.dot": [(M, M.T.copy())],
    "np.dsplit": [(T, 2)],
    "np.dstack": [((M, M),)],
    "np.einsum": [("ij,kj->ik", M, 2 * M)],
    "np.expand_dims": [(M, 0)],
    "np.extract": [(MASK, M)],
    "np.fft.fftfreq": [(8,), (8, 0.5)],
    "np.fft.hfft": [(HALF,)],
    "np.fft.irfft": [(HALF,)],
    "np.fft.irfft2": [(HALF,)],
    "np.fft.irfftn": [(HALF,)],
    "np.full_like": [(M, 0.7)],
    "np.geomspace": [(0.5, 2.0)],
    "np.gradient": [(M,), (M, 0.3)],
    "np.histogram": [(V,), (V, np.array([0.2, 0.7, 1.3, 2.0]))],
    "np.histogram2d": [(V, U, 2), (V, U)],
    "np.histogramdd": [(np.stack([V, U], axis=1), 2), (np.stack([V, U], axis=1),)],
    "np.histogram_bin_edges": [(V,)],
    "np.bincount": [(np.array([0, 2, 1, 1, 4]), V), (np.array([0, 2, 1, 1, 4]),)],
    "np.hsplit": [(M, 2)],
    "np.hstack": [((M, M),)],
    "np.inner": [(M, 2 * M)],
    "np.insert": [(M, 1, 0.3)],
    "np.interp": [(np.array([0.1, 0.77, 2.5]), np.array([0.3, 0.9, 1.7]), some(3))],
    "np.intersect1d": [(V, np.concatenate([V[:2], U + 5]))],
    "np.kaiser": [(6, 2.3)],
    "np.kron": [(M, S)],
    "np.lexsort": [],
    "np.lib.scimath.logn": [(2.5, M)],
    "np.lib.scimath.power": [(M, 2.5)],
    "np.lib.stride_tricks.sliding_window_view": [(V, 2), (M, 2)],
    "np.linalg.cholesky": [(P,)],
    "np.linalg.cross": [(S, 2 * S + 1)],
    "np.linalg.lstsq": [(M.T.copy(), some(4))],
    "np.linalg.matmul": [(M, M.T.copy())],
    "np.linalg.matrix_power": [(S, 3)],
    "np.linalg.multi_dot": [([M, M.T.copy(), M],)],
    "np.linalg.outer": [(V, U)],
    "np.linalg.solve": [(S, some(3))],
    "np.linalg.tensordot": [(T, some(3, 4, 2)), (M, 2 * M)],
    "np.linalg.tensorinv": [
        (some(4, 2, 2) + np.eye(4).reshape(4, 2, 2),),
        (some(2, 2, 4) + np.eye(4).reshape(2, 2, 4),),
    ],
    "np.linalg.tensorsolve": [
        (some(2, 2, 4) + np.eye(4).reshape(2, 2, 4), some(2, 2)),
        (some(4, 2, 2) + np.eye(4).reshape(4, 2, 2), some(2, 2)),
    ],
    "np.linalg.vecdot": [(M, 2 * M)],
    "np.linspace": [(0.5, 2.0)],
    "np.logspace": [(0.5, 2.0)],
    "np.meshgrid": [(V, U[:3])],
    "np.moveaxis": [(T, 0, 1)],
    "np.nan_to_num": [(np.array([0.5, np.nan, 0.8]),)],
    "np.outer": [(V, U)],
    "np.pad": [(M, 1)],
    "np.partition": [(M, 1)],
    "np.percentile": [(M, 34.0)],
    "np.nanpercentile": [(N, 34.0)],
    "np.quantile": [(M, 0.34)],
    "np.nanquantile": [(N, 0.34)],
    "np.poly": [(V,)],
    "np.polyadd": [(V, U)],
    "np.polyder": [(V,)],
    "np.polydiv": [(V, U[:2])],
    "np.polyfit": [(V, U, 2)],
    "np.polyint": [(V,)],
    "np.polymul": [(V, U)],
    "np.polysub": [(V, U)],
    "np.polyval": [(V, U)],
    "np.repeat": [(M, 2)],
    "np.reshape": [(M, (4, 3))],
    "np.resize": [(M, (3, 5))],
    "np.roll": [(M, 1)],
    "np.rollaxis": [(T, 2)],
    "np.roots": [(np.array([1.0, -3.1, 2.0]),)],
    "np.row_stack": [((M, M),)],
    "np.select": [([MASK, ~MASK & (M > 0.8)], [M, 2 * M])],
    "np.setdiff1d": [(V, V[:2])],
    "np.setxor1d": [(V, np.concatenate([V[:2], U + 5]))],
    "np.split": [(M, 3)],
    "np.stack": [((M, M),)],
    "np.squeeze": [(M[None],)],
    "np.swapaxes": [(T, 0, 1)],
    "np.take": [(M, PLACES)],
    "np.take_along_axis": [(M, np.array([[0], [2], [1]])), (M, np.array([[0, 2, 1, 1]]))],
    "np.tensordot": [(T, some(3, 4, 2)), (M, M.T.copy())],
    "np.tile": [(M, 2)],
    "np.trapezoid": [(M,)],
    "np.trim_zeros": [(V,)],
    "np.union1d": [(V, U + 5)],
    "np.unwrap": [(np.cumsum(3 * V),), (3 * M,)],
    "np.vander": [(V,)],
    "np.vdot": [(V, U)],
    "np.vsplit": [(M, 3)],
    "np.vstack": [((M, M),)],
    "np.where": [(MASK, M, 2 * M)],
    "np.real_if_close": [(HALF,), (V,)],
    "scipy.linalg.block_diag": [(M, S)],
    "scipy.linalg.cho_factor": [(P,)],
    "scipy.linalg.cho_solve": [((np.linalg.cholesky(P), True), some(3))],
    "scipy.linalg.cholesky": [(P,)],
    "scipy.linalg.eigh": [(P,)],
    "scipy.linalg.eigvalsh": [(P,)],
    "scipy.linalg.solve": [(S, some(3))],
    "scipy.linalg.solve_banded": [((1, 1), some(3, 4) + np.array([[0], [2], [0]]), some(4))],
    "scipy.linalg.solve_continuous_lyapunov": [(S, P)],
    "scipy.linalg.solve_lyapunov": [(S, P)],
    "scipy.linalg.solve_sylvester": [(S, P, some(3, 3))],
    "scipy.linalg.solve_triangular": [(S, some(3))],
    "scipy.linalg.sqrtm": [(P,)],
    "scipy.linalg.logm": [(P,)],
    "scipy.signal.convolve": [(V, U[:3])],
    "scipy.signal.correlate": [(V, U[:3])],
    "np.fft.rfftfreq": [(8,), (8, 0.5)],
    "scipy.signal.fftconvolve": [(V, U[:3]), (M, S[:2, :2])],
    "scipy.signal.oaconvolve": [(V, U[:3]), (M, S[:2, :2])],
    "scipy.signal.convolve2d": [(M, S[:2, :2])],
    "scipy.signal.correlate2d": [(M, S[:2, :2])],
    "scipy.signal.lfilter": [(V[:2], np.array([1.0, 0.3]), U)],
    "scipy.special.multigammaln": [(np.array([3.2, 4.1]), 2)],
    "scipy.special.polygamma": [(1, V)],
    "scipy.special.lambertw": [(V,)],
}
# of these each function takes one array
for _name in "det inv eig eigh eigvals eigvalsh".split():
    CALLS[f"np.linalg.{_name}"] = [(P,)]
for _name in "max min amax amin sum mean prod var std cumsum cumprod ptp median sort".split():
    CALLS[f"np.{_name}"] = [(M,)]
for _name in "max min sum mean prod var std cumsum cumprod median".split():
    CALLS[f"np.nan{_name}"] = [(N,)]
for _name in "det inv expm sinm cosm tanm sinhm coshm tanhm".split():
    CALLS[f"scipy.linalg.{_name}"] = [(S,)]
ONE = [(M,), (T,), (V,), (S,)]

# parameter -> values; the first that the function takes are tried.
# (function, parameter) comes before.
VALUES: dict[Any, list[Any]] = {
    "axis": [0, 1, -1, (0, 1), None],
    "axes": [(0,), (1, 0), 1, ((0,), (1,)), (0, 1)],
    "keepdims": [True],
    "where": [MASK, MASK[0]],
    "initial": [0.6, 5.0, -5.0],
    "dtype": ["f8", "c16", "f4"],
    "norm": ["ortho", "forward", "backward"],
    "s": [(3, 2), (3,)],
    "n": [2, 3, 6],
    "order": ["F", "A", "C"],
    "k": [1, -1, 2],
    "mode": [
        "valid",
        "same",
        "full",
        "clip",
        "wrap",
        "reflect",
        "edge",
        "complete",
        "economic",
        "r",
    ],
    "weights": [np.linspace(0.2, 1.4, 12).reshape(3, 4), some(5), [0.2, 0.3, 0.1, 0.4]],
    "overwrite_input": [True],
    "subok": [True],
    "casting": ["unsafe"],
    "ddof": [1],
    "offset": [1, -1],
    "mean": [0.3, np.full((3, 1), 0.4)],
    "correction": [1],
    "method": ["lower", "nearest", "median_unbiased", "weibull", "inverted_cdf", "direct", "fft"],
    "copy": [True, False],
    "y": [some(5), some(3, 4)],
    "rcond": [0.4, 1e-3],
    "ord": [1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc", 3, 0.5, 0],
    "num": [5],
    "endpoint": [False],
    "assume_unique": [True],
    "x": [np.array([0.1, 0.5, 0.6, 1.2])],
    "axis1": [2],
    "axis2": [2],
    ("np.fft.fftfreq", "d"): [0.25],
    ("np.fft.rfftfreq", "d"): [0.25],
    "device": ["cpu"],
    "include_initial": [True],
    "period": [2.0],
    "m": [2],
    "kind": ["stable", "introselect"],
    "rowvar": [False],
    "deg": [True],
    "nan": [0.25],
    "posinf": [7.0],
    "neginf": [-7.0],
    "a_min": [0.7],
    "a_max": [0.8],
    "min": [0.7],
    "max": [0.8],
    "optimize": [True],
    "start": [1],
    "shape": [(2, 2)],
    "writeable": [False],
    "prepend": [0.2],
    "append": [0.3],
    "to_end": [0.4],
    "to_begin": [0.5],
    "discont": [4.0],
    "edge_order": [2],
    "dx": [0.3],
    "left": [0.2],
    "right": [0.9],
    "minlength": [8],
    "UPLO": ["U"],
    "hermitian": [True],
    "rtol": [0.4],
    "p": [1, -2, "fro", np.inf],
    "axisa": [0],
    "axisb": [0],
    "axisc": [0],
    "ind": [1],
    "full": [True],
    "w": [some(5)],
    "cov": [True],
    "retstep": [True],
    "base": [2.5],
    "N": [3],
    "increasing": [True],
    "trim": ["f"],
    "default": [0.3],
    "sparse": [True],
    "indexing": ["ij"],
    "return_index": [True],
    "return_inverse": [True],
    "return_counts": [True],
    "equal_nan": [False],
    "sorted": [False],
    "return_indices": [True],
    "upper": [True],
    "stable": [True],
    "returned": [True],
    "bias": [True],
    "fweights": [np.array([1, 2, 1, 3])],
    "aweights": [np.array([0.3, 0.2, 0.9, 0.4])],
    "bins": [3, np.array([0.2, 0.6, 1.9])],
    "range": [(0.1, 2.2), [(0.1, 2.2), (0.0, 2.1)]],
    "density": [True],
    "tol": [50.0],
    "lower": [True],
    "trans": [1, 2],
    "unit_diagonal": [True],
    "full_matrices": [False],
    "compute_uv": [False],
    "permute_l": [True],
    "p_indices": [True],
    "pivoting": [True],
    "eigvals_only": [True],
    "b": [some(3, 4), P],
    "return_sign": [True],
    "assume_a": ["pos", "sym", "general", "upper triangular", "diagonal"],
    "transposed": [True],
    "blocksize": [None],
    "disp": [True],
    "lapack_driver": ["gesvd", "gesdd"],
    "driver": ["evr"],
    "check_finite": [False],
    "overwrite_a": [False],
    "overwrite_b": [False],
    "overwrite_ab": [False],
    "subset_by_index": [(0, 1)],
    "subset_by_value": [(0.0, 100.0)],
    "type": [1, "constant"],
    "bp": [[2]],
    "overwrite_data": [False],
    "turbo": [None],
    "eigvals": [None],
    "lwork": [None],
    "boundary": ["wrap", "symm"],
    "fillvalue": [0.7],
    "zi": [np.array([0.4])],
    "initial_value": [0.3],
    "even": [None],
    "even_": [None],
    ("np.pad", "mode"): ["constant", "reflect", "edge", "mean", "linear_ramp", "wrap"],
    ("np.polyint", "k"): [[0.3]],
    ("np.polyint", "m"): [2],
    ("np.sort", "order"): [None],
    ("np.partition", "order"): [None],
    ("np.linalg.lstsq", "rcond"): [0.5, None],
    ("np.linalg.svd", "hermitian"): [False],
    ("scipy.integrate.cumulative_simpson", "initial"): [0.0],
}

# (function or "*", parameter): what it is that needs no sample
IRRELEVANT = {
    ("*", "like"): "asks for another library's array",
    ("np.where", "x"): "by position alone",
    ("np.where", "y"): "by position alone",
    ("scipy.special.lambertw", "tol"): "how exactly it is computed",
}


def functions() -> Iterator[Any]:
    found: dict[str, Any] = {}
    for f in FORMS:
        if not isinstance(f, np.ufunc) and not FORMS[f].constant and hasattr(f, "__module__"):
            if (f.__module__ or "").startswith("numpy"):
                found[name_of(f)] = f
    for module in (
        np, np.linalg, np.fft, scipy.linalg, scipy.signal, scipy.integrate, scipy.special
    ):  # fmt: skip
        for name in dir(module):
            f = getattr(module, name)
            if callable(f) and not isinstance(f, (np.ufunc, type)) and has_rule(f):
                if f not in FORMS or not FORMS[f].constant:
                    found[f"{module.__name__.replace('numpy', 'np')}.{name}"] = f
    yield from found.items()


NAMED = dict(functions())


def calls(name: str) -> list[tuple[Any, ...]]:
    return CALLS.get(name, ONE)


def parts(y: Any) -> list[Any]:
    """The arrays of numbers that a result is made of."""
    if isinstance(y, (tuple, list)):
        return [leaf for part in y for leaf in parts(part)]
    kind = y.dtype.kind if hasattr(y, "dtype") else np.asarray(y).dtype.kind
    return [y] if kind in "fc" else []


def total(y: Any, squared: bool = False) -> Any:
    """A number of all parts of a result.
    The squares of vectors, which have their sign from nowhere."""
    found: Any = 0.0
    for k, part in enumerate(parts(y)):
        w = np.cos(1.0 + np.arange(np.size(part)).reshape(np.shape(part)) + k)
        part = np.where(np.isfinite(part), part, 0.0)
        part = np.real(part * np.conj(part)) if squared else part
        found = found + np.sum(np.real(part) * w) + 0.7 * np.sum(np.imag(part) * w)
    return found


def moving(args: tuple[Any, ...]) -> Iterator[tuple[int, Any]]:
    for k, x in enumerate(args):
        arrays = isinstance(x, list) and all(getattr(v, "dtype", None) == float for v in x)
        if arrays or isinstance(x, float) or getattr(x, "dtype", np.dtype(int)).kind in "fc":
            yield k, x


def slopes(f: Any, x: Any, h: float) -> Any:
    if isinstance(x, list):
        return [slopes(lambda v, k=k: f([*x[:k], v, *x[k + 1 :]]), v, h) for k, v in enumerate(x)]
    x = np.asarray(x)
    found = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(x.shape):
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            e = np.zeros(x.shape, x.dtype)
            e[place] = h * unit
            found[place] += unit * (f((x + e)[()]) - f((x - e)[()])) / (2 * h)
    return found


def check(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """The gradients of a call by each of its arguments, or an error that says what is not there."""
    single = options.get("dtype") == "f4"
    for k, x in moving(args):

        def f(x: Any, k: int = k) -> Any:
            y = function(*args[:k], x, *args[k + 1 :], **options)
            return total(y, function.__name__ in ("eigh", "eig", "svd"))

        try:
            y, back = pullback(f, x)
            got = back(1.0)[0]
        except (RulesError, NotImplementedError, TypeError, ValueError) as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert any(word in refused for word in ("np.", "scipy.", "rule", "derivative")), refused
            continue
        assert np.allclose(y, f(x), rtol=1e-5 if single else 1e-12, equal_nan=True)
        wanted = slopes(f, x, 3e-2 if single else 1e-6)
        for one, other in zip(
            list(got) if isinstance(x, list) else [got],
            wanted if isinstance(x, list) else [wanted],
            strict=True,
        ):
            tolerance = 0.05 if single else 1e-5
            one = np.zeros(np.shape(other)) if type(one).__name__.endswith("Tangent") else one
            assert np.allclose(one, other, tolerance, tolerance), (k, one, other)


# what a parameter cannot do without
TOGETHER: dict[Any, dict[str, Any]] = {
    ("np.clip", "a_min"): {"a_max": None},
    ("np.clip", "a_max"): {"a_min": None},
    ("np.quantile", "weights"): {"method": "inverted_cdf", "axis": 1},
    ("np.percentile", "weights"): {"method": "inverted_cdf", "axis": 1},
    ("np.nanquantile", "weights"): {"method": "inverted_cdf", "axis": 1},
    ("np.nanpercentile", "weights"): {"method": "inverted_cdf", "axis": 1},
}
for _name in "max min amax amin nanmax nanmin".split():
    TOGETHER[f"np.{_name}", "where"] = {"initial": 0.9}

# take functions (see test_functional.py, test_scipy_integrate.py),
# or tell which numbers are equal (test_sets.py)
WITH_FUNCTIONS = {
    "np.apply_along_axis", "np.apply_over_axes", "np.piecewise", "scipy.integrate.odeint",
    "np.intersect1d", "np.setdiff1d", "np.setxor1d",
}  # fmt: skip
PARAMETERS = [
    (name, parameter.name)
    for name, f in NAMED.items()
    if name not in WITH_FUNCTIONS
    for parameter in inspect.signature(f).parameters.values()
    if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    and (parameter.default is not parameter.empty or parameter.kind is parameter.KEYWORD_ONLY)
]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS, ids=lambda x: x)
def test_parameter(name: str, parameter: str) -> None:
    if ("*", parameter) in IRRELEVANT or (name, parameter) in IRRELEVANT:
        return
    values = VALUES.get((name, parameter), VALUES.get(parameter))
    if parameter == "out":
        values = ["the result"]
    assert values is not None, f"no value for {parameter} of {name}: give one, or a reason"
    also = TOGETHER.get((name, parameter), {})
    taken = 0
    for args in calls(name):
        for value in values:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    if parameter == "out":
                        value = np.empty_like(NAMED[name](*args))
                    NAMED[name](*args, **{parameter: value}, **also)
                except Exception:
                    continue
                taken += 1
                check(NAMED[name], args, {parameter: value, **also})
    assert taken, f"{name} takes none of the values for {parameter}"


@pytest.mark.parametrize("name", [n for n in NAMED if n not in WITH_FUNCTIONS])
def test_no_parameter(name: str) -> None:
    taken = 0
    for args in calls(name):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                NAMED[name](*args)
            except Exception:
                continue
            taken += 1
            check(NAMED[name], args, {})
    assert taken, f"{name} takes none of its calls"
