"""`scipy.special`: error functions, gamma and Bessel functions, elliptic integrals,
orthogonal polynomials, and more.

The functions are ufuncs but for a few. Derivatives are from the NIST Digital Library of
Mathematical Functions; derivatives by an order or a parameter that have no closed form are
`Unknown`, and asking for them is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from rules_runtime.forms import Unknown, constant, elementwise, primal
from rules_runtime.kernels.broadcast import kept, normal_axes, unbroadcast
from rules_runtime.registry import rrule
from rules_runtime.rules.python_functions import python_function
from rules_runtime.rules.reductions import total
from rules_runtime.tangents import AbstractZero, NoTangent, NotImplementedTangent
from rules_runtime.thunks import Thunk

sp: Any = scipy.special
conj = np.conj
ROOT_PI = np.sqrt(np.pi)
ROOT_TWO_PI = np.sqrt(2 * np.pi)
ORDER = Unknown("by the order of the function")
PARAMETER = Unknown("by a parameter of the function")


def _of_x(function: Any, slope: Any, *before: Unknown) -> None:
    """Declare ``slope(y, *args)`` as the derivative by the last argument;
    those before it are unknown."""
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


def _ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 for 0 / 0."""
    return x / _choose((primal(x) == 0) & (primal(y) == 0), 1.0, y)


def _safe(x: Any) -> Any:
    """x with 1 in the place of 0."""
    return np.where(primal(x) == 0, 1.0, x)


# -- error functions, normal distribution ----------------------------------------------------------

_of_x(sp.erf, lambda y, x: 2 / ROOT_PI * np.exp(-x * x))
_of_x(sp.erfc, lambda y, x: -2 / ROOT_PI * np.exp(-x * x))
_of_x(sp.erfi, lambda y, x: 2 / ROOT_PI * np.exp(x * x))


def _tail(x: Any, sign: float) -> Any:
    """``sum((2k - 1)!! q^k)`` from k = 1 on, ``q = sign / (2 x^2)``:
    what `1` and ``2 x dawsn(x)`` differ by, and their kin."""
    q = sign / (2 * x * x)
    found: Any = 0.0
    for k in range(8, 0, -1):
        found = (1 + found) * (2 * k - 1) * q
    return found


def _far(x: Any, is_far: Any, tail: Any, near: Any) -> Any:
    """`tail` of large arguments, where the terms of the closed form cancel;
    `near` of all others."""
    return _choose(is_far, tail(_choose(is_far, x, 1e3)), near(_choose(is_far, 1.0, x)))


_of_x(
    sp.erfcx,
    lambda y, x: _far(
        x,
        primal(np.real(x)) > 20,
        lambda x: 2 / ROOT_PI * _tail(x, -1.0),
        lambda x: 2 * x * sp.erfcx(x) - 2 / ROOT_PI,
    ),
)
_of_x(
    sp.dawsn,
    lambda y, x: _far(
        x,
        (abs(primal(np.real(x))) > 20) & (primal(np.imag(x)) == 0),
        lambda x: -_tail(x, 1.0),
        lambda x: 1 - 2 * x * sp.dawsn(x),
    ),
)
_of_x(
    sp.wofz,
    lambda y, x: _far(
        x,
        (abs(primal(x)) > 20) & (primal(np.imag(x)) >= 0),
        lambda x: -2j / ROOT_PI * _tail(x, 1.0),
        lambda x: 2j / ROOT_PI - 2 * x * sp.wofz(x),
    ),
)
_of_x(sp.erfinv, lambda y, x: ROOT_PI / 2 * np.exp(y * y))
_of_x(sp.erfcinv, lambda y, x: -ROOT_PI / 2 * np.exp(y * y))
_of_x(sp.ndtr, lambda y, x: np.exp(-x * x / 2) / ROOT_TWO_PI)
_of_x(sp.log_ndtr, lambda y, x: np.sqrt(2 / np.pi) / sp.erfcx(-x / np.sqrt(2)))
_of_x(sp.ndtri, lambda y, x: ROOT_TWO_PI * np.exp(y * y / 2))
_of_all(
    sp.owens_t,
    lambda y, h, a: -np.exp(-h * h / 2) * sp.erf(a * h / np.sqrt(2)) / (2 * ROOT_TWO_PI),
    lambda y, h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a)),
)

# -- exponentials, logarithms, entropies -----------------------------------------------------------

_of_x(sp.expit, lambda y, x: y * sp.expit(-x))
_of_x(sp.log_expit, lambda y, x: sp.expit(-x))
_of_x(sp.logit, lambda y, x: 1 / (x * (1 - x)))
_of_x(sp.exp2, lambda y, x: y * np.log(2))
_of_x(sp.exp10, lambda y, x: y * np.log(10))
_of_x(sp.expm1, lambda y, x: np.exp(x))
_of_x(sp.log1p, lambda y, x: 1 / (1 + x))
_of_x(sp.cosm1, lambda y, x: -np.sin(x))
_of_x(sp.cbrt, lambda y, x: 1 / (3 * y * y))
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


def _exprel_slope(x: Any) -> Any:
    """Of ``(exp(x) - 1) / x``, by its series (as a hypergeometric
    function) where the closed form would cancel."""
    near = abs(primal(x)) < 1
    series = sp.hyp1f1(2.0, 3.0, _choose(near, x, 0.0)) / 2
    far = _choose(near, 1.0, x)
    return _choose(near, series, (np.exp(far) - sp.exprel(far)) / far)


_of_x(sp.exprel, lambda y, x: _exprel_slope(x))
_of_x(sp.entr, lambda y, x: -np.log(x) - 1)
_of_all(sp.xlogy, lambda r, x, y: np.log(y), lambda r, x, y: _ratio(x, y))
_of_all(sp.xlog1py, lambda r, x, y: np.log1p(y), lambda r, x, y: _ratio(x, 1 + y))
_of_all(sp.rel_entr, lambda r, x, y: np.log(x / y) + 1, lambda r, x, y: -_ratio(x, y))
_of_all(sp.kl_div, lambda r, x, y: np.log(x / y), lambda r, x, y: 1 - _ratio(x, y))
_of_all(
    sp.huber,
    lambda y, d, r: np.where(primal(abs(r) <= d), 0.0, abs(r) - d),
    lambda y, d, r: np.where(primal(abs(r) <= d), r, d * np.sign(r)),
)
_of_all(
    sp.pseudo_huber,
    lambda y, d, r: (r * r / (_length(d, r) + d)) ** 2 / _length(d, r),
    lambda y, d, r: d * r / _length(d, r),
)


def _length(d: Any, r: Any) -> Any:
    return _safe(np.hypot(d, r))


def _boxcox_by_power(log: Any, p: Any) -> Any:
    """Of ``(exp(p log) - 1) / p``, which is ``log exprel(p log)``."""
    return log * log * _exprel_slope(p * log)


def _inv_boxcox_by_power(y: Any, x: Any, p: Any) -> Any:
    """Of ``exp(log(1 + p x) / p)``; where p x is small the closed form cancels,
    and its series is a hypergeometric function."""
    near = abs(primal(p * x)) < 0.5
    small, far = _choose(near, p * x, 0.0), _choose(near, 1.0, p * x)
    series = -sp.hyp2f1(2.0, 2.0, 3.0, -small) / 2
    bent = far / (1 + far) - np.log1p(far)
    return y * x * x * _choose(near, series, bent / (far * far))


_of_all(sp.boxcox, lambda y, x, p: x ** (p - 1), lambda y, x, p: _boxcox_by_power(np.log(x), p))
_of_all(
    sp.boxcox1p,
    lambda y, x, p: (1 + x) ** (p - 1),
    lambda y, x, p: _boxcox_by_power(np.log1p(x), p),
)
_of_all(sp.inv_boxcox, lambda y, x, p: y ** (1 - p), lambda y, x, p: _inv_boxcox_by_power(y, x, p))
_of_all(
    sp.inv_boxcox1p,
    lambda y, x, p: (1 + y) ** (1 - p),
    lambda y, x, p: _inv_boxcox_by_power(1 + y, x, p),
)

# -- gamma, beta -----------------------------------------------------------------------------------

constant(sp.gammasgn)
_of_x(sp.gamma, lambda y, x: y * sp.psi(x))
_of_x(sp.gammaln, lambda y, x: sp.psi(x))
_of_x(sp.loggamma, lambda y, x: sp.psi(x))
_of_x(sp.rgamma, lambda y, x: _rgamma_slope(y, x))


def _rgamma_slope(y: Any, x: Any) -> Any:
    """``-psi(x) / gamma(x)``; left of 1/2, where gamma has poles, by reflection:
    ``sin(pi x) gamma(1 - x) / pi``."""
    left = primal(np.real(x)) < 0.5
    mirrored, x, y = 1 - _choose(left, x, 0.0), _choose(left, 1.0, x), _choose(left, 1.0, y)
    sine, cosine = np.sin(np.pi * mirrored), np.cos(np.pi * mirrored)
    slope = sp.gamma(mirrored) * (cosine + sine * sp.psi(mirrored) / np.pi)
    return _choose(left, -slope, -sp.psi(x) * y)


def _trigamma(x: Any) -> Any:
    if np.iscomplexobj(x):
        raise NotImplementedError(
            "the derivative of digamma at complex numbers: scipy has no trigamma there"
        )
    return sp.polygamma(1, x)


for _digamma in dict.fromkeys((sp.psi, sp.digamma)):  # one function in some versions
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

# -- Bessel functions ------------------------------------------------------------------------------

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
for _bessel in dict.fromkeys((sp.jv, sp.jn, sp.yv, sp.hankel1, sp.hankel2)):
    _of_x(_bessel, lambda y, v, x, f=_bessel: (f(v - 1, x) - f(v + 1, x)) / 2, ORDER)
_of_x(sp.yn, lambda y, n, x: (sp.yv(n - 1, x) - sp.yv(n + 1, x)) / 2, ORDER)
_of_x(sp.kn, lambda y, n, x: -(sp.kv(n - 1, x) + sp.kv(n + 1, x)) / 2, ORDER)
_of_x(sp.iv, lambda y, v, x: (sp.iv(v - 1, x) + sp.iv(v + 1, x)) / 2, ORDER)
_of_x(sp.kv, lambda y, v, x: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2, ORDER)


def _ive_vjp(g: Any, y: Any, v: Any, x: Any) -> Any:
    """The factor ``exp(-abs(real(x)))`` is no function of the complex number x."""
    slope = conj((sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2)
    return g * slope - np.sign(np.real(primal(x))) * np.real(conj(y) * g)


elementwise(sp.ive, ORDER, _ive_vjp)
_of_x(sp.kve, lambda y, v, x: y - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2, ORDER)


def _airy_vjp(g: Any, y: Any, x: Any) -> Any:
    """Ai, Ai', Bi, Bi': the second derivative of each is x times itself."""
    slopes = (y[1], x * y[0], y[3], x * y[2])
    return sum(
        part * conj(slope) for part, slope in zip(g, slopes) if not isinstance(part, AbstractZero)
    )


elementwise(sp.airy, _airy_vjp)


# -- integrals -------------------------------------------------------------------------------------


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


_pair(sp.sici, lambda x: np.sinc(x / np.pi), lambda x: np.cos(x) / x)
_pair(sp.shichi, lambda x: _sinhc(x), lambda x: np.cosh(x) / x)
_pair(sp.fresnel, lambda x: np.sin(np.pi * x * x / 2), lambda x: np.cos(np.pi * x * x / 2))


def _sinhc(x: Any) -> Any:
    """sinh(x) / x"""
    found = np.sinc(1j * x / np.pi)
    return found if np.iscomplexobj(primal(x)) else np.real(found)


# Where a closed form is 0/0, its terms cancel in the neighbourhood, too, and more so in its
# derivatives. There stands the series, as a hypergeometric function,
# which has derivatives of every order.


def _spence_slope(x: Any) -> Any:
    near = abs(primal(x) - 1) < 0.5
    far = _choose(near, 0.25, x)
    return _choose(
        near, -sp.hyp2f1(1.0, 1.0, 2.0, 1 - _choose(near, x, 1.0)), np.log(far) / (1 - far)
    )


_of_x(sp.spence, lambda y, x: _spence_slope(x))


def _k_slope(m: Any, rest: Any) -> Any:
    """Of `ellipk` at m, where the `rest` is 1 - m;
    either of the two may be more exact than one less the other."""
    near = abs(primal(m)) < 0.5
    series = np.pi / 8 * sp.hyp2f1(1.5, 1.5, 2.0, _choose(near, m, 0.0))
    far, rest = _choose(near, 0.75, m), _choose(near, 0.25, rest)
    return _choose(near, series, (sp.ellipe(far) - rest * sp.ellipkm1(rest)) / (2 * far * rest))


def _e_slope(m: Any) -> Any:
    near = abs(primal(m)) < 0.5
    series = -np.pi / 8 * sp.hyp2f1(0.5, 1.5, 2.0, _choose(near, m, 0.0))
    far = _choose(near, 0.75, m)
    return _choose(near, series, (sp.ellipe(far) - sp.ellipk(far)) / (2 * far))


def _by_parameter(phi: Any, m: Any, coefficients: Any) -> Any:
    """The derivative by m of the integral of ``(1 - m sin^2)^a`` from 0 to phi,
    by its series in m."""
    sine, cosine = np.sin(phi), np.cos(phi)
    powers, found = phi, 0.0  # the integral of sin^2k
    for k, coefficient in enumerate(coefficients, 1):
        powers = ((2 * k - 1) * powers - sine ** (2 * k - 1) * cosine) / (2 * k)
        found = found + k * coefficient * m ** (k - 1) * powers
    return found


def _binomials(a: float) -> list[float]:
    """The coefficients of ``(1 - x)^a`` from that of x on."""
    found = [1.0]
    for k in range(1, 11):
        found.append(found[-1] * (k - 1 - a) / k)
    return found[1:]


def _f_by_m(y: Any, phi: Any, m: Any) -> Any:
    near = abs(primal(m)) < 0.01
    series = _by_parameter(phi, _choose(near, m, 0.0), _binomials(-0.5))
    m = _choose(near, 0.25, m)
    y = _choose(near, 1.0, y)
    bent = (sp.ellipeinc(phi, m) / (1 - m) - y) / (2 * m)
    return _choose(near, series, bent - np.sin(2 * phi) / (4 * (1 - m) * _delta(phi, m)))


def _e_by_m(y: Any, phi: Any, m: Any) -> Any:
    near = abs(primal(m)) < 0.01
    series = _by_parameter(phi, _choose(near, m, 0.0), _binomials(0.5))
    m, y = _choose(near, 0.25, m), _choose(near, 1.0, y)
    return _choose(near, series, (y - sp.ellipkinc(phi, m)) / (2 * m))


def _delta(phi: Any, m: Any) -> Any:
    return np.sqrt(1 - m * np.sin(phi) ** 2)


_of_x(sp.ellipk, lambda y, m: _k_slope(m, 1 - m))
_of_x(sp.ellipkm1, lambda y, p: -_k_slope(1 - p, p))
_of_x(sp.ellipe, lambda y, m: _e_slope(m))
_of_all(
    sp.ellipkinc,
    lambda y, phi, m: 1 / _delta(phi, m),
    _f_by_m,
)
_of_all(
    sp.ellipeinc,
    lambda y, phi, m: _delta(phi, m),
    _e_by_m,
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

# -- orthogonal polynomials: each derivative is a polynomial of the next lower order ---------------


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


# -- functions that are not ufuncs -----------------------------------------------------------------


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


# Of finite real numbers numpy alone does it: scipy takes some 100 µs to find out what it was given.


def _from_top(x: Any, axis: Any) -> Any:
    """`x` less its maxima over the axes, and these; None where that is no way."""
    if not hasattr(x, "dtype") or x.dtype.char not in "df" or not x.size or not x.ndim:
        return None
    top = np.maximum.reduce(x, axis=axis, keepdims=True)
    return (x - top, top) if np.isfinite(np.add.reduce(top, axis=None)) else None


def _logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    if return_sign:
        raise NotImplementedError("logsumexp(return_sign=True) has no rule")
    found = _from_top(a, axis) if b is None else None
    if found is None:
        return sp.logsumexp(a, axis, b, keepdims)
    y = np.log(np.add.reduce(np.exp(found[0]), axis=axis, keepdims=True)) + found[1]
    if keepdims:
        return y
    return y.reshape(-1)[0] if axis is None else np.squeeze(y, axis=axis)


def _logsumexp_weights(g: Any, y: Any, a: Any, axis: Any, b: Any) -> Any:
    shape = np.shape(a) if b is None else np.broadcast_shapes(np.shape(a), np.shape(b))
    y = kept(y, shape, axis)
    apart = a - y
    if not np.isfinite(np.add.reduce(primal(y), axis=None)):
        infinite = np.isinf(primal(a)) & (primal(a) == primal(y))
        apart = _choose(infinite, 0.0, apart)
    weights = np.exp(apart)
    return kept(g, shape, axis) * (conj(weights) if np.iscomplexobj(weights) else weights)


def logsumexp_vjp(g: Any, y: Any, a: Any, axis: Any = None, b: Any = None, *_: Any, **__: Any) -> Any:  # fmt: skip
    weights = _logsumexp_weights(g, y, a, axis, b)
    return weights if b is None else unbroadcast(weights * conj(b), np.shape(a))


def _of_factors(g: Any, y: Any, a: Any, axis: Any = None, b: Any = None, *_: Any, **__: Any) -> Any:
    return unbroadcast(_logsumexp_weights(g, y, a, axis, b), np.shape(b))


def _softmax(x: Any, axis: Any = None) -> Any:
    found = _from_top(x, axis)
    if found is None:
        return sp.softmax(x, axis)
    e = np.exp(found[0])
    return e / np.add.reduce(e, axis=axis, keepdims=True)


def softmax_vjp(g: Any, y: Any, x: Any, axis: Any = None) -> Any:
    moved = g * conj(y)
    return moved - conj(y) * total(moved, normal_axes(axis, np.ndim(x)), keepdims=True)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    found = _from_top(x, axis)
    if found is None:
        return sp.log_softmax(x, axis)
    apart = found[0]
    return apart - np.log(np.add.reduce(np.exp(apart), axis=axis, keepdims=True))


def log_softmax_vjp(g: Any, y: Any, x: Any, axis: Any = None) -> Any:
    return g - conj(np.exp(y)) * total(g, normal_axes(axis, np.ndim(x)), keepdims=True)


python_function(sp.logsumexp, logsumexp_vjp, None, _of_factors, forward=_logsumexp)
python_function(sp.softmax, softmax_vjp, needs="y0", forward=_softmax)
python_function(sp.log_softmax, log_softmax_vjp, needs="y", forward=_log_softmax)
