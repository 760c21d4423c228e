"""Cotangents of the elementwise functions that matter most, `vjp(g, saved)`,
with the fewest passes over memory.

Each computes on plain float64 arrays in place where the array is its own, and by operators on
anything else: numbers, a `Fill`, tracers of an outer level. Derivatives here are real; complex
arguments go by the static forms in `rules/`.

`UNARY` lists the functions of one argument with what they save:
"x", the argument, "y", the result, or "xy", both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .broadcast import product_sum, unbroadcast
from .fill import Fill, Scaled

ndarray = np.ndarray
multiply, subtract, divide, negative = np.multiply, np.subtract, np.divide, np.negative
ONE, TWO, HALF = np.array(1.0), np.array(2.0), np.array(0.5)
for _c in (ONE, TWO, HALF):
    _c.flags.writeable = False


def times(g: Any, d: Any) -> Any:
    """`g * d` into `d`, which is the caller's own."""
    if type(d) is ndarray:
        if type(g) is ndarray:
            return multiply(d, g, d)
        if type(g) is Fill and g.shape == d.shape:
            return d if g.value == 1.0 else multiply(d, g.value, d)
    return g * d


def sin_vjp(g: Any, x: Any) -> Any:
    return times(g, np.cos(x))


def cos_vjp(g: Any, x: Any) -> Any:
    d = np.sin(x)
    if type(d) is ndarray and type(g) is ndarray:
        multiply(d, g, d)
        return negative(d, d)
    return -(g * d)


def tan_vjp(g: Any, y: Any) -> Any:
    return times(g, y * y + 1.0)


def tanh_vjp(g: Any, y: Any) -> Any:
    d = y * y
    if type(d) is ndarray:
        subtract(ONE if d.dtype is ONE.dtype else 1.0, d, d)
        return multiply(d, g, d) if type(g) is ndarray else times(g, d)
    return g * (1.0 - d)


def exp_vjp(g: Any, y: Any) -> Any:
    return g * y


def expm1_vjp(g: Any, x: Any) -> Any:
    return times(g, np.exp(x))  # y + 1 has lost its digits where y is near -1


def exp2_vjp(g: Any, y: Any) -> Any:
    return g * (y * 0.6931471805599453)


def log_vjp(g: Any, x: Any) -> Any:
    return g / x


def log2_vjp(g: Any, x: Any) -> Any:
    return g / (x * 0.6931471805599453)


def log10_vjp(g: Any, x: Any) -> Any:
    return g / (x * 2.302585092994046)


def log1p_vjp(g: Any, x: Any) -> Any:
    return g / (x + 1.0)


def sqrt_vjp(g: Any, y: Any) -> Any:
    return g / (y + y)


def cbrt_vjp(g: Any, y: Any) -> Any:
    return g / (3.0 * y * y)


def square_vjp(g: Any, x: Any) -> Any:
    if type(g) is Fill and type(x) is ndarray:
        return Scaled(x, 2.0 * g.value) if x.size > 512 else x * (2.0 * g.value)
    return times(g, x + x)


def reciprocal_vjp(g: Any, y: Any) -> Any:
    d = y * y
    if type(d) is ndarray and type(g) is ndarray:
        multiply(d, g, d)
        return negative(d, d)
    return -(g * d)


def absolute_vjp(g: Any, x: Any) -> Any:
    return g * np.sign(x)


def sinh_vjp(g: Any, x: Any) -> Any:
    return times(g, np.cosh(x))


def cosh_vjp(g: Any, x: Any) -> Any:
    return times(g, np.sinh(x))


def arcsin_vjp(g: Any, x: Any) -> Any:
    return g / np.sqrt((1.0 - x) * (1.0 + x))


def arccos_vjp(g: Any, x: Any) -> Any:
    return -g / np.sqrt((1.0 - x) * (1.0 + x))


def arctan_vjp(g: Any, x: Any) -> Any:
    return g / (1.0 + x * x)


def arcsinh_vjp(g: Any, x: Any) -> Any:
    return g / np.sqrt(x * x + 1.0)


def arccosh_vjp(g: Any, x: Any) -> Any:
    if np.iscomplexobj(x):  # the branch that numpy takes
        return g / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0))
    return g / np.sqrt((x - 1.0) * (x + 1.0))


def arctanh_vjp(g: Any, x: Any) -> Any:
    return g / ((1.0 - x) * (1.0 + x))


def negative_vjp(g: Any, _: Any) -> Any:
    return -g


def deg2rad_vjp(g: Any, _: Any) -> Any:
    return g * (np.pi / 180.0)


def rad2deg_vjp(g: Any, _: Any) -> Any:
    return g * (180.0 / np.pi)


Vjp = Callable[[Any, Any], Any]

UNARY: dict[np.ufunc, tuple[Vjp, str]] = {
    np.sin: (sin_vjp, "x"),
    np.cos: (cos_vjp, "x"),
    np.tan: (tan_vjp, "y"),
    np.tanh: (tanh_vjp, "y"),
    np.exp: (exp_vjp, "y"),
    np.expm1: (expm1_vjp, "x"),
    np.exp2: (exp2_vjp, "y"),
    np.log: (log_vjp, "x"),
    np.log2: (log2_vjp, "x"),
    np.log10: (log10_vjp, "x"),
    np.log1p: (log1p_vjp, "x"),
    np.sqrt: (sqrt_vjp, "y"),
    np.cbrt: (cbrt_vjp, "y"),
    np.square: (square_vjp, "x"),
    np.reciprocal: (reciprocal_vjp, "y"),
    np.absolute: (absolute_vjp, "x"),
    np.fabs: (absolute_vjp, "x"),
    np.sinh: (sinh_vjp, "x"),
    np.cosh: (cosh_vjp, "x"),
    np.arcsin: (arcsin_vjp, "x"),
    np.arccos: (arccos_vjp, "x"),
    np.arctan: (arctan_vjp, "x"),
    np.arcsinh: (arcsinh_vjp, "x"),
    np.arccosh: (arccosh_vjp, "x"),
    np.arctanh: (arctanh_vjp, "x"),
    np.negative: (negative_vjp, ""),
    np.deg2rad: (deg2rad_vjp, ""),
    np.radians: (deg2rad_vjp, ""),
    np.rad2deg: (rad2deg_vjp, ""),
    np.degrees: (rad2deg_vjp, ""),
}

# ---- the same for functions whose cotangent can be computed in g's own memory -----------------


def exp_over_vjp(g: Any, y: Any, mine: bool) -> Any:
    if mine and type(g) is ndarray:
        return multiply(g, y, g)
    return g * y


def log_over_vjp(g: Any, x: Any, mine: bool) -> Any:
    if mine and type(g) is ndarray:
        return divide(g, x, g)
    return g / x


def sqrt_over_vjp(g: Any, y: Any, mine: bool) -> Any:
    if mine and type(g) is ndarray:
        divide(g, y, g)
        return multiply(g, HALF, g)
    return g / (y + y)


OVERWRITING: dict[np.ufunc, Callable[[Any, Any, bool], Any]] = {
    np.exp: exp_over_vjp,
    np.log: log_over_vjp,
    np.sqrt: sqrt_over_vjp,
    np.negative: lambda g, saved, mine: minus_vjp(g, saved, mine),
}

# ---- two arguments: `mine` says that g's memory may be used -----------------------------


def scale_vjp(g: Any, c: Any, mine: bool) -> Any:
    """The cotangent of `x * c` for a constant."""
    if mine and type(g) is ndarray:
        return multiply(g, c, g)
    return g * c


def divide_vjp(g: Any, c: Any, mine: bool) -> Any:
    """The cotangent of `x / c` for a constant."""
    if mine and type(g) is ndarray:
        return divide(g, c, g)
    return g / c


def minus_vjp(g: Any, _: Any, mine: bool) -> Any:
    """The cotangent of `-x` and `c - x`."""
    if mine and type(g) is ndarray:
        return negative(g, g)
    return -g


def times_vjp(g: Any, saved: Any, mine: bool) -> Any:
    """The cotangents of `x * y`."""
    x, y = saved
    dx = g * y
    if mine and type(g) is ndarray:
        return dx, multiply(g, x, g)
    return dx, g * x


def difference_vjp(g: Any, _: Any) -> Any:
    """The cotangents of `x - y`."""
    return g, -g


def over_vjp(g: Any, saved: Any, mine: bool) -> Any:
    """The cotangents of `x / y`, of which `saved` is `y` and the quotient."""
    y, z = saved
    dx = g / y
    if type(dx) is not ndarray or type(z) is not ndarray:
        return dx, -(dx * z)
    dy = multiply(dx, z, g) if mine and type(g) is ndarray else dx * z
    return dx, negative(dy, dy)


def ratio_vjp(g: Any, saved: Any) -> Any:
    """The cotangent of `c / x`, of which `saved` is `x` and the quotient: -g z / x."""
    x, z = saved
    d = g * z
    if type(d) is ndarray and type(x) is ndarray and d.shape == x.shape:
        divide(d, x, d)
        return negative(d, d)
    return -(d / x)


def power(x: Any, n: float) -> Any:
    """`x ** n` for a number n; cubes and fourth powers of large arrays as products, which take a
    tenth of the time of `pow`."""
    if (n == 3 or n == 4) and type(x) is ndarray and x.size >= 256:
        y = x * x
        return multiply(y, x if n == 3 else y, y)
    return x**n


def power_vjp(g: Any, saved: Any) -> Any:
    """The cotangent of `x ** n` for a constant number n;
    `saved` is x, n and, where n is a fraction, the result."""
    x, n, z = saved
    if type(z) is ndarray and z.size >= 256 and np.all(x):
        d = z / x
    else:
        d = power(x, n - 1)
    if type(d) is ndarray and type(g) is ndarray:
        multiply(d, g, d)
        return multiply(d, n, d)
    return g * (n * d)


# ---- two arguments that broadcast: saved is (x, y, their shapes, the result) -----------------


def wide_sum_vjp(g: Any, saved: Any) -> Any:
    """The cotangents of `x + y`."""
    _, _, xs, ys, _ = saved
    return unbroadcast(g, xs), unbroadcast(g, ys)


def wide_difference_vjp(g: Any, saved: Any) -> Any:
    """The cotangents of `x - y`."""
    _, _, xs, ys, _ = saved
    dy = unbroadcast(g, ys)
    return unbroadcast(g, xs), -dy


def wide_times_vjp(g: Any, saved: Any, mine: bool) -> Any:
    """The cotangents of `x * y`; the one of g's own shape last, into g."""
    x, y, xs, ys, _ = saved
    if np.shape(g) == ys:
        dx = product_sum(g, y, xs)
        return dx, _into(g, x, ys, mine)
    dy = product_sum(g, x, ys)
    return _into(g, y, xs, mine), dy


def _into(g: Any, factor: Any, shape: tuple[int, ...], mine: bool) -> Any:
    if mine and type(g) is ndarray and g.shape == shape and type(factor) in _plain:
        return multiply(g, factor, g)
    return product_sum(g, factor, shape)


def wide_over_vjp(g: Any, saved: Any, mine: bool) -> Any:
    """The cotangents of `x / y`."""
    _, y, xs, ys, z = saved
    d = _quotient(g, y, mine)
    dy = -product_sum(d, z, ys)
    return unbroadcast(d, xs), dy


def _quotient(g: Any, y: Any, mine: bool) -> Any:
    """`g / y`, into g where that is allowed; by the reciprocals where those are few."""
    if type(g) is not ndarray or type(y) not in _plain:
        return g / y
    if np.ndim(y) < 1 or 4 * y.size <= g.size:
        y = 1.0 / y
        return multiply(g, y, g) if mine else g * y
    return divide(g, y, g) if mine else g / y


_plain = (ndarray, float, np.float64)


def _sum_left(g: Any, saved: Any) -> Any:
    return unbroadcast(g, saved[2])


def _sum_right(g: Any, saved: Any) -> Any:
    return unbroadcast(g, saved[3])


def _difference_right(g: Any, saved: Any) -> Any:
    return -unbroadcast(g, saved[3])


def _times_left(g: Any, saved: Any, mine: bool) -> Any:
    return _into(g, saved[1], saved[2], mine)


def _times_right(g: Any, saved: Any, mine: bool) -> Any:
    return _into(g, saved[0], saved[3], mine)


def _over_left(g: Any, saved: Any, mine: bool) -> Any:
    return unbroadcast(_quotient(g, saved[1], mine), saved[2])


def _over_right(g: Any, saved: Any, mine: bool) -> Any:
    return -product_sum(g / saved[1], saved[4], saved[3])


# for both -> for the left one alone, for the right one alone, what is saved of (x, y,
# z) for both, left, right
WIDE: dict[Any, tuple[Any, Any, str, str, str]] = {
    wide_sum_vjp: (_sum_left, _sum_right, "", "", ""),
    wide_difference_vjp: (_sum_left, _difference_right, "", "", ""),
    wide_times_vjp: (_times_left, _times_right, "xy", "y", "x"),
    wide_over_vjp: (_over_left, _over_right, "yz", "y", "yz"),
}
