"""`scipy.stats`: densities and distribution functions of the common distributions,
by their parameters too.

A rule replaces the method by its formula in numpy and `scipy.special` and lets the AD differentiate
that. So it needs a config with a reverse mode, and gives derivatives of every order. The value is
scipy's own; what scipy makes of the ends of a support, of parameters that are not allowed and of
extreme arguments is not said twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

from rules_runtime.config import HasReverseMode, RuleConfig
from rules_runtime.forms import FORMULAS, POSITIONS, primal
from rules_runtime.registry import rrule
from rules_runtime.rules.python_functions import python_function
from rules_runtime.tangents import NoTangent
from rules_runtime.via_ad import rrule_via_ad

sp: Any = scipy.special
st: Any = scipy.stats
Formula = Callable[..., Any]
ROOT_TWO_PI = np.sqrt(2 * np.pi)


def declare(distribution: Any, method: str, written: Formula) -> None:
    """``distribution.method(*args)`` has the derivatives of ``written(*args)``,
    for instances of its class."""

    def formula(*args: Any, **kwargs: Any) -> Any:
        plain = {name: _plain(value) for name, value in kwargs.items()}
        value = getattr(distribution, method)(*map(_plain, args), **plain)
        return _with_value(written(*args, **kwargs), value)

    def rule(config: Any, _: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        y, back = rrule_via_ad(config, formula, *args, **kwargs)

        def pullback(dy: Any) -> Any:
            return NoTangent(), NoTangent(), *back(dy)[1:]

        return y, pullback

    target = getattr(type(distribution), method)
    POSITIONS[target] = _by_position
    rule.__annotations__ = {"config": RuleConfig[HasReverseMode], "self": type(distribution)}
    rule.formula = formula  # type: ignore[attr-defined]
    FORMULAS.add(target)
    rrule.register(target)(rule)


def _plain(x: Any) -> Any:
    """An argument without tracers."""
    return type(x)(map(_plain, x)) if type(x) in (list, tuple) else primal(x)


def _with_value(y: Any, value: Any) -> Any:
    """`value`, with the derivatives of y; where it is not a number, neither are they."""
    return value


python_function(
    _with_value, lambda g, _, y, value: g * np.where(np.isnan(value), np.nan, 1.0), None
)


def _by_position(args: Any, kwargs: Any) -> Any:
    """Shapes, location and scale that were given by name, in their order."""
    distribution, *given = args
    if not isinstance(distribution, (st.rv_continuous, st.rv_discrete)):
        return None
    names = ["x", *_shape_names(distribution), "loc", "scale"]
    defaults = {"loc": 0.0, "scale": 1.0}
    last = max(names.index(name) for name in kwargs if name in names)
    for name in names[len(given) : last + 1]:
        given.append(kwargs[name] if name in kwargs else defaults[name])
    return (distribution, *given), {k: v for k, v in kwargs.items() if k not in names}


def _shape_names(distribution: Any) -> list[str]:
    return [name.strip() for name in (distribution.shapes or "").split(",") if name.strip()]


def _located(names: list[str], standard: Formula, scaled: bool) -> Formula:
    """The formula with loc and scale from that of the standardised variable; `scaled`:
    it is a log density."""

    def formula(x: Any, *args: Any, **kwargs: Any) -> Any:
        given = {"loc": 0.0, "scale": 1.0} | dict(zip(names, args)) | kwargs
        scale = given["scale"]
        shapes = [given[name] for name in names if name not in ("loc", "scale")]
        y = standard((x - given["loc"]) / scale, *shapes)
        return y - np.log(scale) if scaled else y

    return formula


def continuous(
    distribution: Any, logpdf: Formula, cdf: Formula, sf: Formula | None = None, **logs: Formula
) -> None:
    """Declare a family with location and scale from the formulas of its standard member.

    `at_ends`, where given, is the density at 0 and 1,
    where it may be 0 and have a slope that its logarithm does not know.
    """
    names = [*_shape_names(distribution), "loc", "scale"]
    upper = sf or (lambda z, *s: 1 - cdf(z, *s))
    declare(distribution, "logpdf", density := _located(names, logpdf, scaled=True))
    declare(distribution, "pdf", _density(names, density, logs.get("at_ends")))
    declare(distribution, "cdf", _located(names, cdf, scaled=False))
    declare(distribution, "sf", _located(names, upper, scaled=False))
    logcdf = logs.get("logcdf") or (lambda z, *s: np.log(cdf(z, *s)))
    logsf = logs.get("logsf") or (lambda z, *s: np.log(upper(z, *s)))
    declare(distribution, "logcdf", _located(names, logcdf, scaled=False))
    declare(distribution, "logsf", _located(names, logsf, scaled=False))


def _inside(z: Any, high: float, formula: Formula, outside: float) -> Any:
    """A formula on 0 <= z <= high, a constant elsewhere."""
    plain = primal(z)
    mask = np.logical_not((plain < 0) | (plain > high) | (plain == np.inf))  # NaN is let in
    return np.where(mask, formula(np.where(mask, z, min(high, 2.0) / 2)), outside)


def _density(names: list[str], log_density: Formula, at_ends: Formula | None) -> Formula:
    if at_ends is None:
        return lambda *args, **kwargs: np.exp(log_density(*args, **kwargs))

    def formula(x: Any, *args: Any, **kwargs: Any) -> Any:
        given = {"loc": 0.0, "scale": 1.0} | dict(zip(names, args)) | kwargs
        shapes = [given[name] for name in names if name not in ("loc", "scale")]
        loc, scale = given["loc"], given["scale"]
        z = (x - loc) / scale
        at = (primal(z) == 0) | (primal(z) == 1)
        if not np.any(at):
            return np.exp(log_density(x, *args, **kwargs))
        inside = np.exp(log_density(np.where(at, loc + 0.5 * scale, x), *args, **kwargs))
        return np.where(at, at_ends(np.where(at, z, 0.5), *shapes) / scale, inside)

    return formula


def _positive(z: Any, formula: Formula, outside: float) -> Any:
    """A formula on 0 < z, a constant elsewhere."""
    mask = np.logical_not((primal(z) <= 0) | (primal(z) == np.inf))
    return np.where(mask, formula(np.where(mask, z, 1.0)), outside)


def _upper_beta(a: Any, b: Any, z: Any) -> Any:
    return sp.betaincc(a, b, z) if hasattr(sp, "betaincc") else 1 - sp.betainc(a, b, z)


# -- families --------------------------------------------------------------------------------------


def _normal(z: Any) -> Any:
    return -z * z / 2 - np.log(ROOT_TWO_PI)


def _student(z: Any, df: Any) -> Any:
    return -(df + 1) / 2 * np.log1p(z * z / df) - sp.betaln(df / 2, 0.5) - np.log(df) / 2


def _of_degrees(z: Any, df: Any, normal: Formula, student: Formula) -> Any:
    """With infinitely many degrees of freedom the t distribution is the normal one."""
    many = primal(df) == np.inf
    if not np.any(many):
        return student(z, df)
    return np.where(many, normal(z), student(z, np.where(many, 1.0, df)))


continuous(
    st.norm,
    _normal,
    sp.ndtr,
    lambda z: sp.ndtr(-z),
    logcdf=sp.log_ndtr,
    logsf=lambda z: sp.log_ndtr(-z),
)
continuous(
    st.t,
    lambda z, df: _of_degrees(z, df, _normal, _student),
    lambda z, df: _of_degrees(z, df, sp.ndtr, lambda z, df: sp.stdtr(df, z)),
    lambda z, df: _of_degrees(-z, df, sp.ndtr, lambda z, df: sp.stdtr(df, z)),
)
continuous(
    st.gamma,
    lambda z, a: _inside(z, np.inf, lambda z: sp.xlogy(a - 1, z) - z - sp.gammaln(a), -np.inf),
    lambda z, a: _inside(z, np.inf, lambda z: sp.gammainc(a, z), 0.0),
    lambda z, a: _inside(z, np.inf, lambda z: sp.gammaincc(a, z), 1.0),
    at_ends=lambda z, a: z ** (a - 1) * np.exp(-z) * sp.rgamma(a),
)
continuous(
    st.chi2,
    lambda z, df: _inside(
        z,
        np.inf,
        lambda z: sp.xlogy(df / 2 - 1, z) - z / 2 - sp.gammaln(df / 2) - df / 2 * np.log(2),
        -np.inf,
    ),
    lambda z, df: _inside(z, np.inf, lambda z: sp.chdtr(df, z), 0.0),
    lambda z, df: _inside(z, np.inf, lambda z: sp.chdtrc(df, z), 1.0),
    at_ends=lambda z, df: (z / 2) ** (df / 2 - 1) * np.exp(-z / 2) * sp.rgamma(df / 2) / 2,
)
continuous(
    st.beta,
    lambda z, a, b: _inside(
        z, 1.0, lambda z: sp.xlogy(a - 1, z) + sp.xlog1py(b - 1, -z) - sp.betaln(a, b), -np.inf
    ),
    lambda z, a, b: np.where(
        primal(z) > 1, 1.0, _inside(z, 1.0, lambda z: sp.betainc(a, b, z), 0.0)
    ),
    lambda z, a, b: np.where(
        primal(z) < 0, 1.0, _inside(z, 1.0, lambda z: _upper_beta(a, b, z), 0.0)
    ),
    at_ends=lambda z, a, b: z ** (a - 1) * (1 - z) ** (b - 1) / sp.beta(a, b),
)
continuous(
    st.expon,
    lambda z: _inside(z, np.inf, lambda z: -z, -np.inf),
    lambda z: _inside(z, np.inf, lambda z: -np.expm1(-z), 0.0),
    lambda z: _inside(z, np.inf, lambda z: np.exp(-z), 1.0),
)
continuous(
    st.lognorm,
    lambda z, s: _positive(
        z, lambda z: -((np.log(z) / s) ** 2) / 2 - np.log(s * z * ROOT_TWO_PI), -np.inf
    ),
    lambda z, s: _positive(z, lambda z: sp.ndtr(np.log(z) / s), 0.0),
    lambda z, s: _positive(z, lambda z: sp.ndtr(-np.log(z) / s), 1.0),
)
continuous(
    st.cauchy,
    lambda z: -np.log(np.pi) - np.log1p(z * z),
    lambda z: np.arctan2(1.0, -z) / np.pi,
    lambda z: np.arctan2(1.0, z) / np.pi,
)
continuous(
    st.laplace,
    lambda z: -np.log(2) - np.abs(z),
    lambda z: np.where(primal(z) > 0, 1 - np.exp(-np.abs(z)) / 2, np.exp(-np.abs(z)) / 2),
    lambda z: np.where(primal(z) > 0, np.exp(-np.abs(z)) / 2, 1 - np.exp(-np.abs(z)) / 2),
)
continuous(
    st.logistic,
    lambda z: sp.log_expit(z) + sp.log_expit(-z),
    sp.expit,
    lambda z: sp.expit(-z),
    logcdf=sp.log_expit,
    logsf=lambda z: sp.log_expit(-z),
)
continuous(
    st.uniform,
    lambda z: _inside(z, 1.0, lambda z: 0.0 * z, -np.inf),
    lambda z: np.where(primal(z) > 1, 1.0, _inside(z, 1.0, lambda z: z, 0.0)),
)


# -- counts ----------------------------------------------------------------------------------------


def _counted(j: Any, n: Any, formula: Formula) -> Any:
    """A log probability at whole numbers from 0 to n; no probability elsewhere."""
    plain = np.asarray(primal(j))
    mask = (plain >= 0) & (plain <= primal(n)) & (plain == np.floor(plain)) & (plain < np.inf)
    return np.where(mask, formula(np.where(mask, j, 0)), -np.inf)


def _poisson_logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    return _counted(k - loc, np.inf, lambda j: sp.xlogy(j, mu) - sp.gammaln(j + 1.0) - mu)


def _binom_logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    def inside(j: Any) -> Any:
        ways = sp.gammaln(n + 1.0) - sp.gammaln(j + 1.0) - sp.gammaln(n - j + 1.0)
        return ways + sp.xlogy(j, p) + sp.xlog1py(n - j, -p)

    return _counted(k - loc, n, inside)


def _from_zero(j: Any, formula: Formula, below: float) -> Any:
    mask = (primal(j) >= 0) & (primal(j) < np.inf)
    return np.where(mask, formula(np.where(mask, j, 0)), below)


declare(st.poisson, "logpmf", _poisson_logpmf)
declare(st.poisson, "pmf", lambda *args, **kwargs: np.exp(_poisson_logpmf(*args, **kwargs)))
declare(
    st.poisson,
    "cdf",
    lambda k, mu, loc=0: _from_zero(k - loc, lambda j: sp.pdtr(j, mu), 0.0),
)
declare(
    st.poisson,
    "sf",
    lambda k, mu, loc=0: _from_zero(k - loc, lambda j: sp.pdtrc(j, mu), 1.0),
)


def _bernoulli_logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    return _binom_logpmf(k, 1, p, loc)


for _distribution, _logpmf in ((st.binom, _binom_logpmf), (st.bernoulli, _bernoulli_logpmf)):
    declare(_distribution, "logpmf", _logpmf)
    declare(_distribution, "pmf", lambda *a, f=_logpmf, **kwargs: np.exp(f(*a, **kwargs)))


# -- several variables -----------------------------------------------------------------------------


def _matrix(cov: Any, n: int) -> Any:
    """A covariance from all the ways to write it:
    a number, variances, a matrix of which scipy reads the lower half."""
    if np.ndim(cov) < 2:
        return cov * np.eye(n)
    return np.tril(cov) + np.swapaxes(np.tril(cov, -1), -1, -2)


def _size(x: Any, mean: Any, cov: Any) -> int:
    if mean is not None:
        return int(np.size(mean))
    if np.ndim(cov):
        return int(np.shape(cov)[0])
    return 1 if np.ndim(x) < 2 else int(np.shape(x)[-1])


def _null_space(matrix: Any) -> tuple[Any, int]:
    """The projection on what scipy takes for the null space of a covariance, and its dimension."""
    values, vectors = np.linalg.eigh(primal(matrix))
    none = np.abs(values) <= 1e6 * np.finfo(float).eps * np.max(np.abs(values))
    null = vectors[:, none]
    return null @ null.T, null.shape[1]


def _normal_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """With a singular covariance: on its support,
    by the covariance plus the projection on its null space."""
    n = _size(x, mean, cov)
    apart = x if mean is None else x - mean
    if np.ndim(apart) == 0 or (n == 1 and np.ndim(apart) == 1):
        apart = apart[..., None] if np.ndim(apart) else np.reshape(apart, (1,))
    matrix = _matrix(cov, n)
    rows = np.reshape(apart, (-1, n))
    null, missing = _null_space(matrix) if allow_singular else (None, 0)
    regular = matrix + null if missing else matrix
    solved = np.linalg.solve(regular, np.swapaxes(rows, 0, 1)).T
    log_det = np.linalg.slogdet(regular)[1]
    if missing:
        solved = solved - rows @ null
        log_det = log_det - np.sum(null * matrix)
    distance = np.reshape(np.sum(rows * solved, axis=-1), apart.shape[:-1])
    y = -((n - missing) * np.log(2 * np.pi) + log_det + distance) / 2
    if not missing:
        return y
    off = np.linalg.norm(primal(rows) @ null, axis=-1).reshape(apart.shape[:-1])
    spread = np.max(np.abs(np.linalg.eigvalsh(primal(matrix))))
    return np.where(off < 1e9 * np.finfo(float).eps * spread, y, -np.inf)


def _normal_entropy(mean: Any = None, cov: Any = 1) -> Any:
    n = _size(0.0, mean, cov)
    return (n * (1 + np.log(2 * np.pi)) + np.linalg.slogdet(_matrix(cov, n))[1]) / 2


def _dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    weights = np.reshape(alpha, (-1,) + (1,) * (np.ndim(x) - 1))
    norm = sp.gammaln(np.sum(alpha)) - np.sum(sp.gammaln(alpha))
    return np.sum(sp.xlogy(weights - 1, x), axis=0) + norm


declare(st.multivariate_normal, "logpdf", _normal_logpdf)
declare(
    st.multivariate_normal, "pdf", lambda *args, **kwargs: np.exp(_normal_logpdf(*args, **kwargs))
)
declare(st.multivariate_normal, "entropy", _normal_entropy)
declare(st.dirichlet, "logpdf", _dirichlet_logpdf)
declare(st.dirichlet, "pdf", lambda x, alpha: np.exp(_dirichlet_logpdf(x, alpha)))
