"""`scipy.special`: error functions, gamma and Bessel functions, elliptic integrals, orthogonal polynomials, and more.

The functions are ufuncs but for a few. Derivatives are from the NIST Digital Library of Mathematical Functions;
derivatives by an order or a parameter that have no closed form are `Unknown`, and asking for them is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from rules_runtime.forms import Unknown, constant, elementwise, primal
from rules_runtime.kernels.broadcast import normal_axes, unbroadcast
from rules_runtime.registry import rrule
from rules_runtime.tangents import AbstractZero, NoTangent, NotImplementedTangent
from rules_runtime.thunks import Thunk

sp: Any = scipy.special
conj = np.conj
ROOT_PI = np.sqrt(np.pi)
ROOT_TWO_PI = np.sqrt(2 * np.pi)
ORDER = Unknown("by the order of the function")
PARAMETER = Unknown("by a parameter of the function")


def _of_x(function: Any, slope: Any, *before: Unknown) -> None:
    """Declare ``slope(y, *args)`` as the derivative by the last argument; those before it are unknown."""
    elementwise(function, *before, lambda g, y, *args: g * conj(slope(y, *args)))


def _of_all(function: Any, *slopes: Any) -> None:
    """Declare the derivatives by every argument."""
    elementwise(
        function,
        *[slope if isinstance(slope, Unknown) else _vjp_of(slope) for slope in slopes],
    )


def _vjp_of(slope: Any) -> Any:
    return lambda g, y, *args: g * conj(slope(y, *args))


def _choose(mask: Any, a: Any, b: Any) -> Any:
    return np.where(primal(mask), a, b)


def _safe(x: Any) -> Any:
    """x with 1 in the place of 0."""
    return np.where(primal(x) == 0, 1.0, x)


# -- error functions, normal distribution --------------------------------------------------------------------------

_of_x(sp.erf, lambda y, x: 2 / ROOT_PI * np.exp(-x * x))
_of_x(sp.erfc, lambda y, x: -2 / ROOT_PI * np.exp(-x * x))
_of_x(sp.erfi, lambda y, x: 2 / ROOT_PI * np.exp(x * x))
_of_x(sp.erfcx, lambda y, x: 2 * x * y - 2 / ROOT_PI)
_of_x(sp.dawsn, lambda y, x: 1 - 2 * x * y)
_of_x(sp.wofz, lambda y, x: 2j / ROOT_PI - 2 * x * y)
_of_x(sp.erfinv, lambda y, x: ROOT_PI / 2 * np.exp(y * y))
_of_x(sp.erfcinv, lambda y, x: -ROOT_PI / 2 * np.exp(y * y))
_of_x(sp.ndtr, lambda y, x: np.exp(-x * x / 2) / ROOT_TWO_PI)
_of_x(sp.log_ndtr, lambda y, x: np.exp(-x * x / 2 - y) / ROOT_TWO_PI)
_of_x(sp.ndtri, lambda y, x: ROOT_TWO_PI * np.exp(y * y / 2))
_of_all(
    sp.owens_t,
    lambda y, h, a: -np.exp(-h * h / 2) * sp.erf(a * h / np.sqrt(2)) / (2 * ROOT_TWO_PI),
    lambda y, h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a)),
)

# -- exponentials, logarithms, entropies ---------------------------------------------------------------------------

_of_x(sp.expit, lambda y, x: y * (1 - y))
_of_x(sp.log_expit, lambda y, x: sp.expit(-x))
_of_x(sp.logit, lambda y, x: 1 / (x * (1 - x)))
_of_x(sp.exp2, lambda y, x: y * np.log(2))
_of_x(sp.exp10, lambda y, x: y * np.log(10))
_of_x(sp.expm1, lambda y, x: y + 1)
_of_x(sp.log1p, lambda y, x: 1 / (1 + x))
_of_x(sp.cosm1, lambda y, x: -np.sin(x))
_of_x(sp.cbrt, lambda y, x: y / (3 * x))
_of_x(sp.sindg, lambda y, x: np.pi / 180 * np.cos(np.pi / 180 * x))
_of_x(sp.cosdg, lambda y, x: -np.pi / 180 * np.sin(np.pi / 180 * x))
_of_x(sp.tandg, lambda y, x: np.pi / 180 * (1 + y * y))
_of_x(sp.cotdg, lambda y, x: -np.pi / 180 * (1 + y * y))
_of_x(sp.exp1, lambda y, x: -np.exp(-x) / x)
_of_x(sp.expi, lambda y, x: np.exp(x) / x)
_of_x(
    sp.expn,
    lambda y, n, x: _choose(
        n == 0, -np.exp(-x) * (1 + x) / (x * x), -sp.expn(np.maximum(np.asarray(n) - 1, 0), x)
    ),
    ORDER,
)
_of_x(
    sp.exprel,
    lambda y, x: _choose(x == 0, 0.5 + x / 3 + x * x / 8, (np.exp(x) - y) / _safe(x)),
)
_of_x(sp.entr, lambda y, x: -np.log(x) - 1)
_of_all(sp.xlogy, lambda r, x, y: np.log(y), lambda r, x, y: x / y)
_of_all(sp.xlog1py, lambda r, x, y: np.log1p(y), lambda r, x, y: x / (1 + y))
_of_all(sp.rel_entr, lambda r, x, y: np.log(x / y) + 1, lambda r, x, y: -x / y)
_of_all(sp.kl_div, lambda r, x, y: np.log(x / y), lambda r, x, y: 1 - x / y)
_of_all(
    sp.huber,
    lambda y, d, r: np.where(primal(abs(r) <= d), 0.0, abs(r) - d),
    lambda y, d, r: np.where(primal(abs(r) <= d), r, d * np.sign(r)),
)
_of_all(
    sp.pseudo_huber,
    lambda y, d, r: 2 * d * (_bent(d, r) - 1) - r * r / (d * _bent(d, r)),
    lambda y, d, r: r / _bent(d, r),
)


def _bent(d: Any, r: Any) -> Any:
    return np.sqrt(1 + (r / d) ** 2)


def _boxcox_by_power(y: Any, log: Any, p: Any) -> Any:
    """Of ``(exp(p log) - 1) / p``; at p = 0 the first terms of the series, for higher orders."""
    at_zero = log**2 / 2 + p * log**3 / 3 + p**2 * log**4 / 8
    return _choose(p == 0, at_zero, ((y * p + 1) * log - y) / _safe(p))


def _inv_boxcox_by_power(y: Any, x: Any, p: Any) -> Any:
    """Of ``exp(log(1 + p x) / p)``; the closed form loses its digits where p is small."""
    terms = -(x**2) / 2 + 2 * p * x**3 / 3 - 3 * p**2 * x**4 / 4 + 4 * p**3 * x**5 / 5
    inside = 1 + p * x
    bent = x / (_safe(p) * inside) - np.log(inside) / _safe(p) ** 2
    return y * _choose(abs(primal(p)) < 1e-3, terms, bent)


_of_all(sp.boxcox, lambda y, x, p: x ** (p - 1), lambda y, x, p: _boxcox_by_power(y, np.log(x), p))
_of_all(
    sp.boxcox1p,
    lambda y, x, p: (1 + x) ** (p - 1),
    lambda y, x, p: _boxcox_by_power(y, np.log1p(x), p),
)
_of_all(sp.inv_boxcox, lambda y, x, p: y ** (1 - p), lambda y, x, p: _inv_boxcox_by_power(y, x, p))
_of_all(
    sp.inv_boxcox1p,
    lambda y, x, p: (1 + y) ** (1 - p),
    lambda y, x, p: _inv_boxcox_by_power(1 + y, x, p),
)

# -- gamma, beta ---------------------------------------------------------------------------------------------------

constant(sp.gammasgn)
_of_x(sp.gamma, lambda y, x: y * sp.psi(x))
_of_x(sp.gammaln, lambda y, x: sp.psi(x))
_of_x(sp.loggamma, lambda y, x: sp.psi(x))
_of_x(sp.rgamma, lambda y, x: -sp.psi(x) * y)


def _trigamma(x: Any) -> Any:
    if np.iscomplexobj(x):
        raise NotImplementedError(
            "the derivative of digamma at complex numbers: scipy has no trigamma there"
        )
    return sp.polygamma(1, x)


for _digamma in {sp.psi, sp.digamma}:
    _of_x(_digamma, lambda y, x: _trigamma(x))
_of_all(
    sp.beta,
    lambda y, a, b: y * (sp.psi(a) - sp.psi(a + b)),
    lambda y, a, b: y * (sp.psi(b) - sp.psi(a + b)),
)
_of_all(
    sp.betaln, lambda y, a, b: sp.psi(a) - sp.psi(a + b), lambda y, a, b: sp.psi(b) - sp.psi(a + b)
)
_of_all(sp.poch, lambda y, a, m: y * (sp.psi(a + m) - sp.psi(a)), lambda y, a, m: y * sp.psi(a + m))
_of_all(
    sp.binom,
    lambda y, n, k: y * (sp.psi(n + 1) - sp.psi(n - k + 1)),
    lambda y, n, k: y * (sp.psi(n - k + 1) - sp.psi(k + 1)),
)


def _gamma_density(a: Any, x: Any) -> Any:
    return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


_of_x(sp.gammainc, lambda y, a, x: _gamma_density(a, x), PARAMETER)
_of_x(sp.gammaincc, lambda y, a, x: -_gamma_density(a, x), PARAMETER)
_of_x(sp.gammaincinv, lambda y, a, x: 1 / _gamma_density(a, y), PARAMETER)
_of_x(sp.gammainccinv, lambda y, a, x: -1 / _gamma_density(a, y), PARAMETER)
_of_x(sp.betainc, lambda y, a, b, x: _beta_density(a, b, x), PARAMETER, PARAMETER)
_of_x(sp.betaincinv, lambda y, a, b, x: 1 / _beta_density(a, b, y), PARAMETER, PARAMETER)
if hasattr(sp, "betaincc"):
    _of_x(sp.betaincc, lambda y, a, b, x: -_beta_density(a, b, x), PARAMETER, PARAMETER)
    _of_x(sp.betainccinv, lambda y, a, b, x: -1 / _beta_density(a, b, y), PARAMETER, PARAMETER)
_of_x(sp.chdtr, lambda y, v, x: _gamma_density(v / 2, x / 2) / 2, PARAMETER)
_of_x(sp.chdtrc, lambda y, v, x: -_gamma_density(v / 2, x / 2) / 2, PARAMETER)
_of_x(sp.pdtr, lambda y, k, m: -_gamma_density(np.floor(k) + 1, m), PARAMETER)
_of_x(sp.pdtrc, lambda y, k, m: _gamma_density(np.floor(k) + 1, m), PARAMETER)
_of_x(
    sp.stdtr,
    lambda y, df, t: (
        np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - sp.betaln(df / 2, 0.5)) / np.sqrt(df)
    ),
    PARAMETER,
)

# -- Bessel functions ----------------------------------------------------------------------------------------------

_of_x(sp.j0, lambda y, x: -sp.j1(x))
_of_x(sp.y0, lambda y, x: -sp.y1(x))
_of_x(sp.i0, lambda y, x: sp.i1(x))
_of_x(sp.k0, lambda y, x: -sp.k1(x))
_of_x(sp.j1, lambda y, x: (sp.j0(x) - sp.jv(2, x)) / 2)
_of_x(sp.y1, lambda y, x: (sp.y0(x) - sp.yv(2, x)) / 2)
_of_x(sp.i1, lambda y, x: (sp.i0(x) + sp.iv(2, x)) / 2)
_of_x(sp.k1, lambda y, x: -(sp.k0(x) + sp.kv(2, x)) / 2)
_of_x(sp.i0e, lambda y, x: sp.i1e(x) - np.sign(x) * y)
_of_x(sp.i1e, lambda y, x: (sp.i0e(x) + sp.ive(2, x)) / 2 - np.sign(x) * y)
_of_x(sp.k0e, lambda y, x: y - sp.k1e(x))
_of_x(sp.k1e, lambda y, x: y - (sp.k0e(x) + sp.kve(2, x)) / 2)
for _bessel in {sp.jv, sp.jn, sp.yv, sp.hankel1, sp.hankel2}:
    _of_x(_bessel, lambda y, v, x, f=_bessel: (f(v - 1, x) - f(v + 1, x)) / 2, ORDER)
_of_x(sp.yn, lambda y, n, x: (sp.yv(n - 1, x) - sp.yv(n + 1, x)) / 2, ORDER)
_of_x(sp.kn, lambda y, n, x: -(sp.kv(n - 1, x) + sp.kv(n + 1, x)) / 2, ORDER)
_of_x(sp.iv, lambda y, v, x: (sp.iv(v - 1, x) + sp.iv(v + 1, x)) / 2, ORDER)
_of_x(sp.kv, lambda y, v, x: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2, ORDER)
_of_x(
    sp.ive,
    lambda y, v, x: (sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.sign(np.real(x)) * y,
    ORDER,
)
_of_x(sp.kve, lambda y, v, x: y - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2, ORDER)


def _airy_vjp(g: Any, y: Any, x: Any) -> Any:
    """Ai, Ai', Bi, Bi': the second derivative of each is x times itself."""
    slopes = (y[1], x * y[0], y[3], x * y[2])
    return sum(
        part * conj(slope) for part, slope in zip(g, slopes) if not isinstance(part, AbstractZero)
    )


elementwise(sp.airy, _airy_vjp)


# -- integrals -----------------------------------------------------------------------------------------------------


def _pair(function: Any, *slopes: Any) -> None:
    """Declare a function of one argument that gives two integrals with the given integrands."""

    def vjp(g: Any, y: Any, x: Any) -> Any:
        parts = [
            part * conj(slope(x))
            for part, slope in zip(g, slopes)
            if not isinstance(part, AbstractZero)
        ]
        return sum(parts)

    elementwise(function, vjp)


_pair(sp.sici, lambda x: np.sin(x) / x, lambda x: np.cos(x) / x)
_pair(sp.shichi, lambda x: np.sinh(x) / x, lambda x: np.cosh(x) / x)
_pair(sp.fresnel, lambda x: np.sin(np.pi * x * x / 2), lambda x: np.cos(np.pi * x * x / 2))
_of_x(
    sp.spence,
    lambda y, x: _choose(x == 1, (x - 1) / 2 - (x - 1) ** 2 / 3 - 1, np.log(x) / _safe(1 - x)),
)


def _k_slope(k: Any, m: Any) -> Any:
    at_zero = np.pi / 2 * (1 / 4 + 9 * m / 32 + 75 * m * m / 256)
    return _choose(m == 0, at_zero, (sp.ellipe(m) - (1 - m) * k) / _safe(2 * m * (1 - m)))


def _e_slope(e: Any, m: Any) -> Any:
    at_zero = -np.pi / 2 * (1 / 4 + 3 * m / 32 + 15 * m * m / 256)
    return _choose(m == 0, at_zero, (e - sp.ellipk(m)) / _safe(2 * m))


def _delta(phi: Any, m: Any) -> Any:
    return np.sqrt(1 - m * np.sin(phi) ** 2)


_of_x(sp.ellipk, lambda y, m: _k_slope(y, m))
_of_x(sp.ellipkm1, lambda y, p: -_k_slope(y, 1 - p))
_of_x(sp.ellipe, lambda y, m: _e_slope(y, m))
_of_all(
    sp.ellipkinc,
    lambda y, phi, m: 1 / _delta(phi, m),
    lambda y, phi, m: (
        (sp.ellipeinc(phi, m) / (1 - m) - y) / (2 * m)
        - np.sin(2 * phi) / (4 * (1 - m) * _delta(phi, m))
    ),
)
_of_all(
    sp.ellipeinc,
    lambda y, phi, m: _delta(phi, m),
    lambda y, phi, m: (y - sp.ellipkinc(phi, m)) / (2 * m),
)
_of_x(sp.wrightomega, lambda y, x: y / (1 + y))
_of_x(sp.hyp0f1, lambda y, v, x: sp.hyp0f1(v + 1, x) / v, PARAMETER)
_of_x(sp.hyp1f1, lambda y, a, b, x: a / b * sp.hyp1f1(a + 1, b + 1, x), PARAMETER, PARAMETER)
_of_x(sp.hyperu, lambda y, a, b, x: -a * sp.hyperu(a + 1, b + 1, x), PARAMETER, PARAMETER)
_of_x(
    sp.hyp2f1,
    lambda y, a, b, c, x: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, x),
    PARAMETER,
    PARAMETER,
    PARAMETER,
)

# -- orthogonal polynomials: each derivative is a polynomial of the next lower order ------------------------------


def _lower(n: Any, slope: Any) -> Any:
    return _choose(n == 0, 0.0, slope(np.where(primal(n) == 0, 1, n) - 1))


_of_x(
    sp.eval_legendre,
    lambda y, n, x: _lower(n, lambda m: (n + 1) / 2 * sp.eval_jacobi(m, 1, 1, x)),
    ORDER,
)
_of_x(sp.eval_chebyt, lambda y, n, x: _lower(n, lambda m: n * sp.eval_chebyu(m, x)), ORDER)
_of_x(sp.eval_chebyu, lambda y, n, x: _lower(n, lambda m: 2 * sp.eval_gegenbauer(m, 2, x)), ORDER)
_of_x(sp.eval_hermite, lambda y, n, x: _lower(n, lambda m: 2 * n * sp.eval_hermite(m, x)), ORDER)
_of_x(
    sp.eval_hermitenorm, lambda y, n, x: _lower(n, lambda m: n * sp.eval_hermitenorm(m, x)), ORDER
)
_of_x(sp.eval_laguerre, lambda y, n, x: _lower(n, lambda m: -sp.eval_genlaguerre(m, 1, x)), ORDER)
_of_x(
    sp.eval_genlaguerre,
    lambda y, n, a, x: _lower(n, lambda m: -sp.eval_genlaguerre(m, a + 1, x)),
    ORDER,
    PARAMETER,
)
_of_x(
    sp.eval_gegenbauer,
    lambda y, n, a, x: _lower(n, lambda m: 2 * a * sp.eval_gegenbauer(m, a + 1, x)),
    ORDER,
    PARAMETER,
)
_of_x(
    sp.eval_jacobi,
    lambda y, n, a, b, x: _lower(
        n, lambda m: (n + a + b + 1) / 2 * sp.eval_jacobi(m, a + 1, b + 1, x)
    ),
    ORDER,
    PARAMETER,
    PARAMETER,
)


# -- functions that are not ufuncs ---------------------------------------------------------------------------------


@rrule.register(sp.polygamma)
def rrule_polygamma(_: Any, n: Any, x: Any) -> Any:
    def polygamma_pullback(dy: Any) -> Any:
        dx = Thunk(lambda: unbroadcast(dy * sp.polygamma(n + 1, x), np.shape(x)))
        return NoTangent(), NotImplementedTangent("by the order of polygamma"), dx

    return sp.polygamma(n, x), polygamma_pullback


@rrule.register(sp.multigammaln)
def rrule_multigammaln(_: Any, a: Any, d: int) -> Any:
    def multigammaln_pullback(dy: Any) -> Any:
        da = dy * np.sum(sp.psi(np.expand_dims(a, -1) - np.arange(d) / 2), axis=-1)
        return NoTangent(), da, NoTangent()

    return sp.multigammaln(a, d), multigammaln_pullback


@rrule.register(sp.lambertw)
def rrule_lambertw(_: Any, z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    w = sp.lambertw(z, k, tol)

    def lambertw_pullback(dw: Any) -> Any:
        dz = dw * conj(np.exp(-w) / (1 + w))
        return NoTangent(), dz if np.iscomplexobj(z) else np.real(dz), NoTangent(), NoTangent()

    return w, lambertw_pullback


def _keep(value: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A result with the reduced axes put back as ones."""
    axes = normal_axes(axis, len(shape))
    return np.reshape(value, tuple(1 if k in axes else n for k, n in enumerate(shape)))


@rrule.register(sp.logsumexp)
def rrule_logsumexp(
    _: Any,
    a: Any,
    axis: Any = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Any:
    if return_sign:
        raise NotImplementedError("logsumexp(return_sign=True) has no rule")
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    y = sp.logsumexp(a, axis, b, keepdims)

    def logsumexp_pullback(dy: Any) -> Any:
        weights = _keep(dy, shape, axis) * np.exp(a - _keep(y, shape, axis))
        da = unbroadcast(weights * (1.0 if b is None else b), np.shape(a))
        db = NoTangent() if b is None else Thunk(lambda: unbroadcast(weights, np.shape(b)))
        return NoTangent(), da, NoTangent(), db, NoTangent(), NoTangent()

    return y, logsumexp_pullback


@rrule.register(sp.softmax)
def rrule_softmax(_: Any, x: Any, axis: Any = None) -> Any:
    y = sp.softmax(x, axis)

    def softmax_pullback(dy: Any) -> Any:
        moved = dy * y
        axes = normal_axes(axis, np.ndim(x))
        return NoTangent(), moved - y * np.sum(moved, axis=axes, keepdims=True), NoTangent()

    return y, softmax_pullback


@rrule.register(sp.log_softmax)
def rrule_log_softmax(_: Any, x: Any, axis: Any = None) -> Any:
    y = sp.log_softmax(x, axis)

    def log_softmax_pullback(dy: Any) -> Any:
        axes = normal_axes(axis, np.ndim(x))
        return NoTangent(), dy - np.exp(y) * np.sum(dy, axis=axes, keepdims=True), NoTangent()

    return y, log_softmax_pullback
