"""Sixteen programs in numpy, for converted rules that stand in the place of numpy's own.

    python -m benchmarks.coverage.programs FOLDER ANSWERS

FOLDER contains the converted package `autograd`. Each program is differentiated twice by the tape,
with the converted rules; central differences are what that is compared with.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import packages
from benchmarks.coverage.answers import text_of
from rules_runtime import gradient, rrule

random = np.random.default_rng(2)
A, B = random.normal(size=(3, 4)), random.normal(size=(4, 3))
S = A @ A.T + 3 * np.eye(3)
W = random.normal(size=(3, 3))


def waves(x: Any) -> Any:
    return np.sum(np.sin(x) * np.exp(-(x**2)) + np.tanh(x) / np.cosh(x))


def logistic(x: Any) -> Any:
    return np.mean(np.logaddexp(0.0, np.dot(A.T, x) * np.array([1.0, -1.0, 1.0, 1.0])))


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return np.sum(np.log(e / np.sum(e)) * np.array([0.2, 0.3, 0.5]))


def network(x: Any) -> Any:
    hidden = np.tanh(np.matmul(x, A))
    return np.sum(np.square(np.matmul(hidden, B)))


def contraction(x: Any) -> Any:
    return np.einsum("i,ij,j->", np.sqrt(1.0 + x**2), S, np.arctan(x))


def quadratic(x: Any) -> Any:
    return np.dot(x, np.linalg.solve(S + np.outer(x, x), x))


def determinant(x: Any) -> Any:
    return np.log(np.linalg.det(S + np.outer(x, x) + np.diag(x**2)))


def inverse(x: Any) -> Any:
    return np.trace(np.linalg.inv(S + np.diag(np.exp(x))))


def cholesky(x: Any) -> Any:
    return np.sum(np.log(np.sum(np.linalg.cholesky(S + np.outer(x, x)), axis=0) ** 2))


def distance(x: Any) -> Any:
    return np.linalg.norm(x - 2.0) + np.hypot(x[0], x[1]) + np.arctan2(x[2], 3.0 + x[0])


def spectrum(x: Any) -> Any:
    z = np.fft.fft(np.tile(x, 2) * np.arange(6))
    return np.sum(np.real(z * np.conj(z)) ** 2) * 1e-3


def branches(x: Any) -> Any:
    return np.sum(np.where(np.array([True, False, True]), x**3, np.sum(x)))


def shapes(x: Any) -> Any:
    y = np.reshape(np.repeat(x, 4), (3, 4))
    return np.sum(np.transpose(np.roll(np.cumsum(y, axis=1), 1, axis=0)) * B) ** 2


def moments(x: Any) -> Any:
    return np.var(x * np.array([1.0, 2.0, 4.0])) + np.std(np.exp(x)) * np.prod(x)


def tensors(x: Any) -> Any:
    return np.sum(np.kron(np.outer(x, x), W)) + np.tensordot(np.outer(x, x), W**2, 2)


def extremes(x: Any) -> Any:
    ordered = np.sort(x)
    return np.sum(np.maximum(ordered, 0.1) * np.array([1.0, 2.0, 3.0])) + np.sum(
        np.clip(x, -0.5, 0.5) ** 3 * np.abs(x)
    )


PROGRAMS = (
    waves, logistic, softmax, network, contraction, quadratic, determinant, inverse,
    cholesky, distance, spectrum, branches, shapes, moments, tensors, extremes,
)  # fmt: skip


def replace_numpy(package: packages.Converted) -> int:
    """The converted rules of autograd's wrappers become the rules of what they wrap."""
    count = 0
    for target, rule, *_ in list(package.rules.values()):
        raw = getattr(target, "fun", None)
        if isinstance(raw, np.ufunc) or getattr(raw, "__module__", "").split(".")[0] == "numpy":
            for old in rrule.rules_for(raw):
                rrule.remove_rule(old)
            rrule.register(raw)(rule.function)
            count += 1
    return count


def differences(f: Any, x: Any, h: float = 1e-5) -> Any:
    steps = np.eye(x.size) * h
    return np.array([(f(x + s) - f(x - s)) / (2 * h) for s in steps])


def verdict(program: Any, x: Any) -> str:
    """Empty where both orders are right, else what is wrong."""
    try:
        first = gradient(program, x)[0]
        if not np.allclose(first, differences(program, x), rtol=1e-6, atol=1e-6):
            return "first order: another number"
    except Exception as error:
        return "first order: " + text_of(error)
    try:
        second = gradient(lambda x: np.sum(gradient(program, x)[0] * np.arange(1.0, 4.0)), x)[0]
        expected = differences(program, x, 1e-4)

        def slope(x: Any) -> Any:
            return np.sum(differences(program, x, 1e-4) * np.arange(1.0, 4.0))

        expected = differences(slope, x, 1e-4)
        if not np.allclose(second, expected, rtol=1e-3, atol=1e-4):
            return "second order: another number"
    except Exception as error:
        return "second order: " + text_of(error)
    return ""


def main(folder: str, answers: str) -> None:
    package = packages.load("converted", folder, "1.9")
    count = replace_numpy(package)
    x = np.array([0.3, -0.7, 1.1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {program.__name__: verdict(program, x) for program in PROGRAMS}
    Path(answers).write_bytes(pickle.dumps({"replaced": count, "programs": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
