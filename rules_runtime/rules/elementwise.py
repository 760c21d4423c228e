"""Rules of the elementwise functions: arithmetic, exponentials, trigonometry, rounding,
comparisons, complex parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import constant, constant_for_real, elementwise, has_no_zero, nonzero, nothing, primal
from ..kernels.elementwise import UNARY, times
from ..kernels.products import conj

# ---- one argument ----------------------------------------------------------------------


def _unary(vjp: Any, saves: str) -> Any:
    """A function of `vjp(g, saved)` as one of `(g, y, x)`; complex values by its conjugate."""

    def unary_vjp(g: Any, y: Any, x: Any) -> Any:
        return vjp(g, conj(y if saves == "y" else x) if saves else None)

    return unary_vjp


for _ufunc, (_vjp, _saves) in UNARY.items():
    if _ufunc not in (np.absolute, np.fabs):
        elementwise(_ufunc, _unary(_vjp, _saves), needs={"x": "0", "y": "y", "": ""}[_saves])


def absolute_vjp(g: Any, y: Any, x: Any) -> Any:
    if np.iscomplexobj(x):
        y = np.where(y == 0.0, 1.0, y)
        return np.real(g) * x / y
    return g * np.sign(x)


elementwise(np.absolute, absolute_vjp)
elementwise(np.fabs, absolute_vjp)
elementwise(np.conjugate, lambda g, y, x: np.conj(g), needs="")
elementwise(np.positive, lambda g, y, x: g, needs="")
elementwise(np.real, lambda g, y, x: np.real(g) + (0j if np.iscomplexobj(x) else 0.0), needs="")
elementwise(np.imag, lambda g, y, x: 1j * np.real(g), needs="")
elementwise(np.real_if_close, lambda g, y, x, tol=100: g, needs="")
elementwise(
    np.angle,
    lambda g, y, x, deg=False: (
        np.real(g) * (180 / np.pi if deg else 1.0) * 1j * x / np.abs(x) / np.abs(x)
    ),
    needs="0",
)
elementwise(np.sinc, lambda g, y, x: g * conj(_sinc_slope(x)), needs="0")
elementwise(
    np.nan_to_num, lambda g, y, x, *a, **k: np.where(np.isfinite(primal(x)), g, 0.0), needs="0"
)


def _sinc_slope(x: Any) -> Any:
    """By its series where the difference in the closed form would cancel."""
    near = np.abs(primal(x)) < 0.3
    small, safe = np.where(near, x, 0.0), np.where(near, 1.0, x)
    square, series = (np.pi * small) ** 2, 0.0
    for coefficient in _SINC_SLOPE:
        series = series * square + coefficient
    slope = (np.cos(np.pi * safe) - np.sinc(safe)) / safe
    return np.where(near, np.pi**2 * small * series, slope)


# of the powers of (pi x)^2 in the slope of sin(pi x) / (pi x), over pi^2 x; the highest first
_SINC_SLOPE = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(9, 0, -1)]


# ---- two arguments ---------------------------------------------------------------------

elementwise(np.add, lambda g, z, x, y: g, lambda g, z, x, y: g, needs="")
elementwise(np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g, needs="")
elementwise(np.multiply, lambda g, z, x, y: g * conj(y), lambda g, z, x, y: g * conj(x), needs="01")
elementwise(
    np.divide, lambda g, z, x, y: g / conj(y), lambda g, z, x, y: -g * conj(z / y), needs="1y"
)


def _power_base(g: Any, z: Any, x: Any, y: Any) -> Any:
    n = y - 1 if has_no_zero(y) else np.where(primal(y) == 0, 1, y - 1)
    return g * conj(y * x**n)


def _power_exponent(g: Any, z: Any, x: Any, y: Any) -> Any:
    return g * conj(z * np.log(nonzero(x)))


elementwise(np.power, _power_base, _power_exponent)
elementwise(np.float_power, _power_base, _power_exponent)
elementwise(
    np.arctan2,
    lambda g, z, y, x: _turned(g, x, np.hypot(x, y)),
    lambda g, z, y, x: _turned(-g, y, np.hypot(x, y)),
    needs="01",
)


def _turned(g: Any, x: Any, r: Any) -> Any:
    return g * (x / r) / r  # squares could overflow


elementwise(
    np.hypot,
    lambda g, z, x, y: g * x / nonzero(z),
    lambda g, z, x, y: g * y / nonzero(z),
)
elementwise(
    np.logaddexp,
    lambda g, z, x, y: _times_exp(g, x, z),
    lambda g, z, x, y: _times_exp(g, y, z),
)
elementwise(
    np.logaddexp2,
    lambda g, z, x, y: _times_exp(g, x, z, np.exp2),
    lambda g, z, x, y: _times_exp(g, y, z, np.exp2),
)


def _times_exp(g: Any, x: Any, z: Any, exp: Any = np.exp) -> Any:
    """g exp(x - z), in place; also where both are the same infinity."""
    d = x - z
    if type(d) is np.ndarray:
        np.fmin(d, 0.0, d)  # 0 for the NaN of an infinity less itself
        exp(d, d)
        return times(g, d)
    return g * exp(np.where(primal(d) != primal(d), 0.0, d))


def _share(z: Any, chosen: Any, other: Any) -> Any:
    """1 where `chosen` is the result alone, 1/2 where `other` is, too."""
    z, chosen, other = primal(z), primal(chosen), primal(other)
    mine = chosen == z
    ties = mine & (other == z)
    if type(ties) is np.ndarray and not np.count_nonzero(ties):
        return mine
    return mine * np.where(ties, 0.5, 1.0)


def _chosen(g: Any, z: Any, x: Any, y: Any) -> Any:
    return g * _share(z, x, y)


def _chosen_second(g: Any, z: Any, x: Any, y: Any) -> Any:
    return g * _share(z, y, x)


for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    elementwise(_ufunc, _chosen, _chosen_second)


elementwise(np.remainder, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.floor(x / y), needs="01")
elementwise(np.fmod, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.trunc(x / y), needs="01")
elementwise(
    np.copysign,
    lambda g, z, x, y: g * np.sign(x) * np.where(np.signbit(primal(y)), -1.0, 1.0),
    lambda g, z, x, y: 0.0 * g,
)
elementwise(np.ldexp, lambda g, z, x, n: g * 2.0**n, None, needs="1")
elementwise(
    np.heaviside, lambda g, z, x, y: g * 0.0, lambda g, z, x, y: g * (primal(x) == 0), needs="0"
)


def _where_x(g: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, g, 0.0)


def _where_y(g: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, 0.0, g)


elementwise(np.where, nothing, _where_x, _where_y, needs="0")


def _limits(a_min: Any, a_max: Any, kwargs: Any) -> tuple[Any, Any]:
    if not kwargs:
        return primal(a_min), primal(a_max)
    return primal(kwargs.get("min", a_min)), primal(kwargs.get("max", a_max))


def clip_vjp(g: Any, y: Any, x: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
    low, high = _limits(a_min, a_max, kwargs)
    inside = primal(x) == primal(y)  # at a limit, too, but for limits in the wrong order
    return g * (inside if low is None or high is None else inside & (low <= high))


def _clip_low(g: Any, y: Any, x: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
    low, high = _limits(a_min, a_max, kwargs)
    below = primal(x) < low
    return g * (below if high is None else below & (low <= high))


def _clip_high(g: Any, y: Any, x: Any, a_min: Any = None, a_max: Any = None, **kwargs: Any) -> Any:
    low, high = _limits(a_min, a_max, kwargs)
    return g * ((primal(x) if low is None else np.maximum(primal(x), low)) > high)


def _clip(x: Any, *limits: Any, **options: Any) -> Any:
    """As `numpy.clip`, without its detours."""
    if type(x) is np.ndarray and x.dtype.kind == "f" and len(limits) == 2 and not options:
        low, high = limits
        if type(low) in _LIMITS and type(high) in _LIMITS and not low is high is None:
            y = x if low is None else np.maximum(x, low)
            return y if high is None else np.minimum(y, high)
    return np.clip(x, *limits, **options)


_LIMITS = (np.float64, float, int, type(None))
elementwise(np.clip, clip_vjp, _clip_low, _clip_high, forward=_clip)
elementwise(np.nextafter, lambda g, z, x, y: g, lambda g, z, x, y: 0.0 * g, needs="")
constant(
    np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.floor_divide, np.signbit, np.spacing,
    np.isnan, np.isinf, np.isfinite, np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.isclose, np.allclose, np.array_equal,
    np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal, np.isneginf, np.isposinf, np.array_equiv,
)  # fmt: skip


def _turning(g: Any, y: Any, x: Any) -> Any:
    """Of ``x / abs(x)``: what is across x, over its size; 0 where x is 0."""
    still = primal(x) == 0
    size = np.abs(np.where(still, 1.0, x))
    return np.where(still, 0.0, 1j * y * np.imag(np.conj(y) * g) / size)


if np.sign(1j) == 1j:  # before numpy 2 it was the sign of the real part
    constant_for_real(np.sign, _turning)
else:
    constant(np.sign)
