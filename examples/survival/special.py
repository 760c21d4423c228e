"""Functions of numbers whose derivatives are better written down than taken step by step."""

from functools import partial
from math import erfc, sqrt

import autograd.numpy as np
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f

_erfc = np.vectorize(erfc, otypes=[float])


@primitive
def softplus(x):
    """log(1 + exp(x)), for large x as well."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


defvjp(softplus, lambda ans, x: lambda g: g * (1 - np.exp(-ans)))


@primitive
def log1mexp(x):
    """log(1 - exp(x)) of negative x."""
    return np.where(x > -0.69, np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


defvjp(log1mexp, lambda ans, x: lambda g: -g * np.exp(x - ans))


@primitive
def logit(p):
    return np.log(p) - np.log1p(-p)


defvjp(logit, lambda ans, p: lambda g: g / (p * (1 - p)))


@primitive
def xlogy(x, y):
    """x log(y), which is 0 where x is."""
    return np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y)))


defvjp(
    xlogy,
    # of the count
    lambda ans, x, y: unbroadcast_f(x, lambda g: g * np.log(y)),
    lambda ans, x, y: unbroadcast_f(y, lambda g: g * x / y),  # of the rate
)


@primitive
def log_ndtr(x):
    """The logarithm of the normal distribution function."""
    return np.log(_erfc(-x / sqrt(2)) / 2)


def _mills(ans, x):
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    ratio = density / np.exp(ans)
    return lambda g: g * ratio


defvjp(log_ndtr, _mills)


@primitive
def squash(x, bound):
    """x within -bound … bound; where it is cut off, half of the gradient goes on."""
    return np.clip(x, -bound, bound)


defvjp(squash, lambda ans, x, bound: lambda g: np.where(np.abs(x) > bound, g / 2, g), None)


def _power_rule(exponent, ans, x):
    return lambda g: g * exponent * x ** (exponent - 1)


def power(exponent):
    """A function that raises to a power, with its rule."""

    @primitive
    def raised(x):
        return x**exponent

    defvjp(raised, partial(_power_rule, exponent))
    return raised


@primitive
def positive_part(x, *, sharpness=1.0):
    """max(x, 0), rounded off."""
    return np.log1p(np.exp(sharpness * x)) / sharpness


defvjp(
    positive_part,
    lambda ans, x, *, sharpness=1.0: lambda g: g / (1 + np.exp(-sharpness * x)),
)
