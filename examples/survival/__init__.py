"""Survival times: hazards, likelihoods with censoring, and what they need of linear algebra,
with gradients by HIPS autograd through rules of its own.

Times and scales are positive, probabilities lie between 0 and 1.
"""

from .hazards import (
    cox_likelihood,
    gompertz_cumulative,
    gompertz_quantile,
    hazard_ratio,
    weibull_log_hazard,
)
from .linear import log_det, moments, quadratic_form, segment_sums, solve_spd
from .special import log1mexp, log_ndtr, logit, positive_part, power, softplus, squash, xlogy

__all__ = [
    "cox_likelihood",
    "gompertz_cumulative",
    "gompertz_quantile",
    "hazard_ratio",
    "log1mexp",
    "log_det",
    "log_ndtr",
    "logit",
    "moments",
    "positive_part",
    "power",
    "quadratic_form",
    "segment_sums",
    "softplus",
    "solve_spd",
    "squash",
    "weibull_log_hazard",
    "xlogy",
]
