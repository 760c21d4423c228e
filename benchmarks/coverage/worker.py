"""One side of the comparison, in a process of its own: rules are called and their answers written.

    python -m benchmarks.coverage.worker JOB ANSWERS

JOB is a pickled `Job`; ANSWERS what became of it. Which package of the name `autograd` is imported
is the job's: the legacy one, or the converted one.
"""

from __future__ import annotations

import copy
import pickle
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import libraries, packages, recipes
from benchmarks.coverage.answers import Answer, Job, Tangent, text_of
from benchmarks.coverage.recipes import Call, Made
from benchmarks.coverage.values import dense, inner, is_number, like, mapped, numbers, parts

SYMMETRIC = {
    "numpy.linalg.cholesky",
    "numpy.linalg.eigh",
    "scipy.linalg.cholesky",
    "scipy.stats.multivariate_normal.logpdf",
    "scipy.stats.multivariate_normal.pdf",
}


def variants(key: str, calls: list[Call]) -> list[tuple[tuple[int, str], Call]]:
    """Each call as it stands; most also with complex values, the first in float32."""
    cases: list[tuple[tuple[int, str], Call]] = []
    random = np.random.default_rng(5)

    def complex_(v: Any) -> Any:
        if np.asarray(v).dtype.kind == "c":
            return v
        z = v + 1j * random.normal(size=np.shape(v))
        return complex(z) if np.ndim(z) == 0 and isinstance(v, float) else z

    for k, call in enumerate(calls):
        cases.append(((k, "as written"), call))
        if call.as_it_is:
            continue
        if not key.startswith("scipy.stats."):  # densities of real values, whatever they let pass
            args = tuple(mapped(a, complex_) for a in call.args)
            cases.append(((k, "complex"), replace(call, args=args)))
        if k == 0:
            small = tuple(mapped(a, lambda v: np.asarray(v, np.float32)[()]) for a in call.args)
            cases.append(((k, "float32"), replace(call, args=small)))
    return cases


def made(value: Any, package: packages.Package) -> Any:
    if isinstance(value, Made):
        return package.find(value.name)(*(made(a, package) for a in value.arguments))
    return value


def main(job_path: str, answers_path: str) -> None:
    job: Job = pickle.loads(Path(job_path).read_bytes())
    package = packages.load(job.side, job.folder, job.generation, job.modules)
    answers: dict[Any, Answer] = {}
    for key, calls in (libraries if job.modules else recipes).recipes().items():
        if job.only and key not in job.only:
            continue
        try:
            f = package.find(key)
        except (AttributeError, ImportError):
            continue
        if not package.has_rule(f):
            continue
        for case, call in variants(key, calls):
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answers[(key, *case)] = _answer(job, package, f, call, (key, *case))
    Path(answers_path).write_bytes(
        pickle.dumps(
            {
                "rules": package.described(),
                "answers": answers,
                "notes": package.notes,
                "decorated": {
                    key for key, *_ in answers if package.is_decorated(package.find(key))
                },
            }
        )
    )


def _answer(job: Job, package: packages.Package, f: Any, call: Call, case: Any) -> Answer:
    try:
        args = tuple(made(a, package) for a in call.args)
    except Exception as error:
        return Answer(error=f"arguments: {error!r}")
    kwargs = call.kwargs

    def again() -> tuple[Any, ...]:
        return copy.deepcopy(args)

    try:
        y, dy = job.asked.get(case) or (None, None)
        if y is None:
            y = f(*again(), **kwargs)
            dy = like(y, np.random.default_rng(3))
    except Exception as error:
        return Answer(error=text_of(error))
    wanted = [k for k, a in enumerate(args) if numbers(a)]
    second = _second(f, again(), kwargs, wanted) if job.second_order else None
    try:
        value, tangents, raw = package.tangents(f, again, kwargs, y, dy, wanted)
    except Exception as error:
        return Answer(error="rule: " + text_of(error), second=second)
    differences = {}
    if not job.asked:
        for k in wanted:
            differences[k] = differences_agree(
                f, again, kwargs, k, tangents[k], value, dy, case[0] in SYMMETRIC
            )
    return Answer("", _portable(value), dy, tangents, raw, differences, second)


def _portable(value: Any) -> Any:
    """The value, None where it is of a class that the other side does not know."""
    try:
        text = pickle.dumps(value)
    except Exception:
        return None
    return None if b"autograd" in text else value


def differences_agree(
    f: Any,
    again: Any,
    kwargs: Any,
    k: int,
    tangent: Tangent,
    y: Any,
    dy: Any,
    symmetric: bool = False,
) -> bool | None:
    """Whether central differences along a random direction agree; None where there are none."""
    if tangent.kind not in ("value", "zero"):
        return None
    x = again()[k]
    v = like(x, np.random.default_rng(4))
    if symmetric and np.ndim(v) >= 2 and v.shape[-1] == v.shape[-2]:
        v = v + np.conj(np.swapaxes(v, -1, -2))
    if any(np.asarray(n).dtype in (np.float32, np.complex64) for n in numbers(x).values()):
        return None  # too coarse
    h = 1e-6

    def at(t: float) -> Any:
        args = list(again())
        args[k] = _moved(args[k], v, t)
        return dense(f(*args, **kwargs))

    try:
        plus, minus = numbers(at(h)), numbers(at(-h))
        slope = {key: (plus[key] - minus[key]) / (2 * h) for key in numbers(dense(y))}
        expected = float(
            sum(np.real(np.vdot(d, slope[key])) for key, d in numbers(dy).items() if key in slope)
        )
    except Exception:
        return None
    try:
        found = inner(tangent.value, v) if tangent.kind == "value" else 0.0
    except ValueError:  # another shape than the argument
        return False
    return bool(abs(found - expected) <= 2e-5 * (1 + abs(expected)))


def _moved(x: Any, v: Any, t: float) -> Any:
    if is_number(x):
        return x + np.asarray(t, np.asarray(v).real.dtype) * v
    if isinstance(x, dict):
        return {key: _moved(part, v[key], t) for key, part in x.items()}
    if isinstance(x, (tuple, list)):
        return type(x)([_moved(part, v[key], t) for key, part in parts(x)])
    return x


def _second(f: Any, args: Any, kwargs: Any, wanted: list[int]) -> dict[int, Any]:
    """For each argument the derivative of a number made of the gradient, by autograd."""
    import autograd.numpy as anp
    from autograd import grad

    weights: dict[Any, Any] = {}
    random = np.random.default_rng(6)

    def number(y: Any, at: Any = ()) -> Any:
        inside = getattr(y, "_value", y)
        if isinstance(inside, (tuple, list)):
            return sum(number(y[k], (*at, k)) for k in range(len(inside)))
        if isinstance(inside, dict):
            return sum(number(y[k], (*at, k)) for k in inside)
        if at not in weights:
            shape = anp.shape(y)
            weights[at] = random.normal(size=shape) + 1j * random.normal(size=shape)
        return anp.sum(anp.real(weights[at] * y))

    def derivative(k: int) -> tuple[Any, bool]:
        """And whether it agrees with differences of the first derivative."""
        direction, v = (like(args[k], np.random.default_rng(n)) for n in (7, 8))
        first = grad(lambda x: number(f(*args[:k], x, *args[k + 1 :], **kwargs)))

        def slope(x: Any) -> Any:
            return anp.sum(anp.real(direction * first(x)))

        found = grad(slope)(args[k])
        h = 1e-6
        expected = (slope(args[k] + h * v) - slope(args[k] - h * v)) / (2 * h)
        return found, bool(np.allclose(np.sum(np.real(found * v)), expected, 1e-4, 1e-5))

    found: dict[int, Any] = {}
    for k in wanted:
        if is_number(args[k]):
            try:
                found[k] = derivative(k)
            except Exception as error:
                found[k] = text_of(error)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
