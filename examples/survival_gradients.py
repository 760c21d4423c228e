"""Takes gradients of the survival library, through its rules, and compares them.

    python survival_gradients.py --save before.json      autograd's, written down
    python survival_gradients.py --compare before.json   autograd's and those of rrules, beside them

Each is also compared with finite differences, but where a rule is another one on purpose. Exits
with 1 where anything differs.
"""

import argparse
import json
import sys

import numpy as np
import survival
from autograd import make_vjp

from rules_runtime import NotImplementedTangent, Tangent, rrule, unthunk

A = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
V = np.array([0.4, -1.2, 0.7])
TIMES = np.array([0.5, 1.5, 2.5])


def cases():
    """`(label, function, arguments, keywords)`, at least one for every rule of the library."""
    s = survival
    groups, seen = np.array([0, 1, 1]), np.array([1.0, 0.0, 1.0])
    return [
        ("softplus", s.softplus, (V,), {}),
        ("log1mexp", s.log1mexp, (-TIMES,), {}),
        ("logit", s.logit, (np.array([0.2, 0.9]),), {}),
        ("xlogy", s.xlogy, (np.array([[1.0], [3.0]]), TIMES), {}),
        ("log_ndtr", s.log_ndtr, (V,), {}),
        ("squash", s.squash, (V, 1.0), {}),
        ("power", s.power(2.5), (TIMES,), {}),
        ("positive_part", s.positive_part, (V,), {"sharpness": 2.0}),
        ("weibull_log_hazard", s.weibull_log_hazard, (TIMES, 1.3, np.array([[0.8], [2.0]])), {}),
        ("gompertz_cumulative", s.gompertz_cumulative, (TIMES, 0.2, 0.6), {}),
        ("gompertz_quantile", s.gompertz_quantile, (TIMES, 0.2, 0.6), {}),
        ("hazard_ratio", s.hazard_ratio, (A, V, TIMES), {}),
        ("cox_likelihood", s.cox_likelihood, (V, seen), {}),
        ("log_det", s.log_det, (A,), {}),
        ("solve_spd", s.solve_spd, (A, V), {}),
        ("quadratic_form", s.quadratic_form, (V, A), {}),
        ("moments", s.moments, (V,), {}),
        ("segment_sums", s.segment_sums, (V, groups, 2), {}),
    ]


#: Where the derivative is another one on purpose.
ON_PURPOSE = {"squash"}


def is_number(x):
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def cotangent(y):
    """Weights for the numbers of a value."""
    if isinstance(y, tuple):
        return tuple(map(cotangent, y))
    return np.linspace(0.5, 1.5, np.size(y)).reshape(np.shape(y))[()]


def weighted(y, dy):
    if isinstance(y, tuple):
        return sum(map(weighted, y, dy))
    return np.sum(y * dy)


def moved(f, args, kwargs, k, x):
    return f(*args[:k], x, *args[k + 1 :], **kwargs)


def by_autograd(f, args, kwargs, k, dy):
    try:
        vjp, _ = make_vjp(lambda x: moved(f, args, kwargs, k, x))(args[k])
        return vjp(dy)
    except (NotImplementedError, KeyError):
        return None  # no rule for this argument


def by_rules(f, args, kwargs, k, dy):
    _, pullback = rrule(f, *args, **kwargs)
    dx = unthunk(pullback(Tangent[tuple](*dy) if isinstance(dy, tuple) else dy)[1 + k])
    return None if isinstance(dx, NotImplementedTangent) else dx + np.zeros(np.shape(args[k]))


def by_differences(f, args, kwargs, k, dy):
    x = np.asarray(args[k])
    slope = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[at] = 1e-6
        ends = [weighted(moved(f, args, kwargs, k, (x + s * h)[()]), dy) for s in (1, -1)]
        slope[at] = (ends[0] - ends[1]) / 2e-6
    return slope


def numbers(dx):
    return None if dx is None else np.ravel(dx).tolist()


def same(one, other, rtol):
    if one is None or other is None:
        return one is other
    return np.allclose(one, other, rtol=rtol, atol=1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", metavar="FILE", help="write the gradients down")
    parser.add_argument("--compare", metavar="FILE", help="compare with gradients written down")
    options = parser.parse_args()
    before = {}
    if options.compare:
        with open(options.compare, encoding="utf-8") as file:
            before = json.load(file)

    wrong, found = 0, {}
    for label, f, args, kwargs in cases():
        dy = cotangent(f(*args, **kwargs))
        for k, x in enumerate(args):
            if not is_number(x):
                continue
            key = f"{label} {k}"
            now = found[key] = numbers(by_autograd(f, args, kwargs, k, dy))
            verdicts = []
            if now is None:
                verdicts.append("no rule")
            elif label not in ON_PURPOSE and f"{label} {k}" != "cox_likelihood 1":
                close = same(now, numbers(by_differences(f, args, kwargs, k, dy)), 1e-5)
                verdicts.append("as finite differences" if close else "NOT AS FINITE DIFFERENCES")
            if before:
                kept = same(now, before[key], 1e-12)
                verdicts.append("the same in autograd" if kept else "ANOTHER GRADIENT IN AUTOGRAD")
                ruled = same(numbers(by_rules(f, args, kwargs, k, dy)), before[key], 1e-12)
                verdicts.append("the same by rrule" if ruled else "ANOTHER GRADIENT BY RRULE")
            wrong += any(verdict.isupper() or verdict[:3].isupper() for verdict in verdicts)
            print(f"{key:<24} {', '.join(verdicts)}")

    if options.save:
        with open(options.save, "w", encoding="utf-8") as file:
            json.dump(found, file)
    print(f"{len(found)} gradients, {wrong or 'none'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
