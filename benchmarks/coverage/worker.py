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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import packages
from benchmarks.coverage.recipes import Call, Made, recipes
from benchmarks.coverage.values import conjugated, inner, is_number, like, mapped, numbers, parts

VARIANTS = ("as written", "complex", "float32")


@dataclass(frozen=True)
class Job:
    side: str  # "legacy", "converted"
    folder: str  # what contains the package
    generation: str  # "1.9", "1.1", "1.0"
    only: tuple[str, ...] = ()
    asked: dict[Any, Any] = field(default_factory=dict)  # case: (result, cotangent)
    second_order: bool = False


@dataclass(frozen=True)
class Tangent:
    """What a rule says of one argument."""

    kind: str  # "value", "zero", "none", "error"
    value: Any = None
    text: str = ""


@dataclass(frozen=True)
class Answer:
    """What a rule says of one call. `tangents` are those of arguments that hold numbers."""

    error: str = ""
    result: Any = None
    cotangent: Any = None
    tangents: dict[int, Tangent] = field(default_factory=dict)
    raw: dict[int, Tangent] | None = None  # without `@unconjugated`
    differences: dict[int, bool | None] = field(default_factory=dict)  # do they agree with those
    second: Any = None  # a second derivative, or the text of an error


def variants(calls: list[Call]) -> list[tuple[tuple[int, str], Call]]:
    """Each call as it stands; those that may be also with complex values, the first in float32."""
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
    package = packages.load(job.side, job.folder, job.generation)
    answers: dict[Any, Answer] = {}
    for key, calls in recipes().items():
        if job.only and key not in job.only:
            continue
        try:
            f = package.find(key)
        except (AttributeError, ImportError):
            continue
        if not package.has_rule(f):
            continue
        for case, call in variants(calls):
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answers[(key, *case)] = _answer(job, package, f, call, (key, *case))
    Path(answers_path).write_bytes(
        pickle.dumps({"rules": package.described(), "answers": answers, "notes": package.notes})
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
        return Answer(error=_text(error))
    wanted = [k for k, a in enumerate(args) if numbers(a)]
    second = _second(package, f, again(), kwargs, wanted) if job.second_order else None
    try:
        value, tangents, raw = package.tangents(f, again, kwargs, y, dy, wanted)
    except Exception as error:
        return Answer(error="rule: " + _text(error), second=second)
    differences = {}
    if job.side == "converted":
        for k in wanted:
            differences[k] = _differences_agree(f, again, kwargs, k, tangents[k], value, dy)
    return Answer("", _plain(value), dy, tangents, raw, differences, second)


def _plain(value: Any) -> Any:
    try:
        pickle.dumps(value)
    except Exception:
        return None
    return value


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _differences_agree(
    f: Any, again: Any, kwargs: Any, k: int, tangent: Tangent, y: Any, dy: Any
) -> bool | None:
    """Whether central differences along a random direction agree; None where there are none."""
    if tangent.kind not in ("value", "zero"):
        return None
    x = again()[k]
    v = like(x, np.random.default_rng(4))
    small = any(np.asarray(n).dtype in (np.float32, np.complex64) for n in numbers(x).values())
    h = 1e-2 if small else 1e-6

    def at(t: float) -> Any:
        args = list(again())
        args[k] = _moved(args[k], v, t)
        return f(*args, **kwargs)

    try:
        plus, minus = numbers(at(h)), numbers(at(-h))
        slope = {key: (plus[key] - minus[key]) / (2 * h) for key in numbers(y)}
        expected = float(
            sum(np.real(np.vdot(d, slope[key])) for key, d in numbers(dy).items() if key in slope)
        )
    except Exception:
        return None
    found = inner(tangent.value, v) if tangent.kind == "value" else 0.0
    tolerance = 2e-2 if small else 2e-5
    return bool(abs(found - expected) <= tolerance * (1 + abs(expected)))


def _moved(x: Any, v: Any, t: float) -> Any:
    if is_number(x):
        return x + np.asarray(t, np.asarray(v).real.dtype) * v
    if isinstance(x, dict):
        return {key: _moved(part, v[key], t) for key, part in x.items()}
    if isinstance(x, (tuple, list)):
        return type(x)([_moved(part, v[key], t) for key, part in parts(x)])
    return x


def _second(package: Any, f: Any, args: Any, kwargs: Any, wanted: list[int]) -> dict[int, Any]:
    """For each argument the derivative of a number made of the gradient, by autograd."""
    import autograd.numpy as anp
    from autograd import grad

    found: dict[int, Any] = {}
    for k in wanted:
        if not is_number(args[k]):
            continue
        random = np.random.default_rng(6)
        weights: dict[Any, Any] = {}

        def weighted(y: Any, at: Any = (), weights: Any = weights, random: Any = random) -> Any:
            if hasattr(y, "_value") and isinstance(y._value, (tuple, list)):
                return sum(weighted(y[j], (*at, j)) for j in range(len(y)))
            if isinstance(y, (tuple, list)):
                return sum(weighted(p, (*at, j)) for j, p in enumerate(y))
            if at not in weights:
                weights[at] = like(np.asarray(anp.shape(y) and y._value or 0.0, complex), random) \
                    if False else random.normal(size=anp.shape(y)) + 1j * random.normal(size=anp.shape(y))
            return anp.sum(anp.real(weights[at] * y))

        def loss(x: Any, k: int = k) -> Any:
            given = list(args)
            given[k] = x
            return weighted(f(*given, **kwargs))

        direction = like(args[k], np.random.default_rng(7))
        try:
            loss(args[k])
            found[k] = grad(lambda x: anp.sum(anp.real(direction * grad(loss)(x))))(args[k])
        except Exception as error:
            found[k] = _text(error)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
