"""Hazards, and the likelihood of Cox's model."""

import autograd.numpy as np
from autograd.extend import defvjp, defvjp_argnum, primitive
from autograd.numpy.numpy_vjps import unbroadcast, unbroadcast_f


@primitive
def weibull_log_hazard(t, shape, scale):
    return np.log(shape / scale) + (shape - 1) * np.log(t / scale)


defvjp(
    weibull_log_hazard,
    lambda ans, t, shape, scale: unbroadcast_f(t, lambda g: g * (shape - 1) / t),
    lambda ans, t, shape, scale: unbroadcast_f(
        shape, lambda g: g * (1 / shape + np.log(t / scale))
    ),
    lambda ans, t, shape, scale: unbroadcast_f(scale, lambda g: -g * shape / scale),
)


@primitive
def gompertz_cumulative(t, level, slope):
    """The hazard level * exp(slope * t), summed up to t."""
    return level * np.expm1(slope * t) / slope


def _of_time(ans, t, level, slope):
    hazard = level * np.exp(slope * t)
    return lambda g: unbroadcast(g * hazard, np.metadata(t))


def _of_level(ans, t, level, slope):
    return lambda g: unbroadcast(g * ans / level, np.metadata(level))


def _of_slope(ans, t, level, slope):
    if np.any(slope == 0):
        raise ValueError("the slope must not be zero")

    def vjp(g):
        return unbroadcast(g * (level * t * np.exp(slope * t) - ans) / slope, np.metadata(slope))

    return vjp


defvjp(gompertz_cumulative, _of_time, _of_level, _of_slope)


@primitive
def gompertz_quantile(u, level, slope):
    """When the summed hazard is u: found by bisection."""
    low, high = np.zeros(np.shape(u)), np.full(np.shape(u), 200.0)
    for _ in range(80):
        middle = (low + high) / 2
        beyond = level * np.expm1(slope * middle) / slope > u
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return low


def _of_sum(t, u, level, slope):
    # dt/du is one over the hazard there, whatever has found t
    hazard = level * np.exp(slope * t)

    def vjp(g):
        return g / hazard

    return vjp


defvjp(gompertz_quantile, _of_sum, argnums=[0])


@primitive
def hazard_ratio(features, baseline, weights):
    return np.exp((features - baseline) @ weights)


def _ratio_rules(argnum, ans, args, kwargs):
    features, baseline, weights = args
    if argnum == 0:
        return lambda g: np.outer(g * ans, weights)
    if argnum == 1:
        return lambda g: -np.sum(g * ans) * weights
    return lambda g: (g * ans) @ (features - baseline)


defvjp_argnum(hazard_ratio, _ratio_rules)


@primitive
def cox_likelihood(scores, seen):
    """The partial log-likelihood of scores in the order of their times; `seen` is 0 or 1."""
    at_risk = np.cumsum(np.exp(scores)[::-1])[::-1]
    return np.sum(seen * (scores - np.log(at_risk)))


def _of_scores(ans, scores, seen):
    weights = np.exp(scores)
    at_risk = np.cumsum(weights[::-1])[::-1]
    expected = weights * np.cumsum(seen / at_risk)
    return lambda g: g * (seen - expected)


defvjp(cox_likelihood, _of_scores, None)
