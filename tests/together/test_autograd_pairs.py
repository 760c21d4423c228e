"""Pairs of tests/fixtures/autograd: the text that comes out, and what both texts compute.

    python tests/together/test_autograd_pairs.py --regenerate

writes the outputs anew; read the diff before you commit it. `cases()` of a file lists
(function, positional arguments, keyword arguments); each tangent is compared with autograd's.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # for the script

from migrate.convert import convert_source
from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from rules_runtime import AbstractZero, NotImplementedTangent, Tangent, rrule, unthunk

PAIRS = Path(__file__).parents[1] / "fixtures" / "autograd"
NAMES = sorted(path.name.removesuffix(".in.py") for path in PAIRS.glob("*.in.py"))


def converted(name: str, mode: str) -> FileConverted:
    data = (PAIRS / f"{name}.in.py").read_bytes()
    outcome = convert_source(data, f"{name}.py", Options(dialects=("autograd",), autograd=mode))
    assert isinstance(outcome, FileConverted), outcome
    return outcome


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str) -> None:
    outcome = converted(name, "drop")
    assert outcome.left == ()
    assert outcome.after.decode() == (PAIRS / f"{name}.out.py").read_text()


@pytest.mark.parametrize("mode", ["keep", "drop"])
@pytest.mark.parametrize("name", NAMES)
def test_converting_again_changes_nothing(name: str, mode: str) -> None:
    options = Options(dialects=("autograd",), autograd=mode)
    again = convert_source(converted(name, mode).after, f"{name}.py", options)
    assert isinstance(again, FileUnchanged)
    assert again.left == ()


def run(text: str, label: str) -> Any:
    made = ModuleType(label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, label, "exec"), made.__dict__)
    return made


def conj(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(conj, x))
    if isinstance(x, dict):
        return {k: conj(v) for k, v in x.items()}
    return np.conj(x)


def like(x: Any, rng: np.random.Generator) -> Any:
    """A cotangent of a value, in autograd's terms."""
    if isinstance(x, (tuple, list)):
        return type(x)(like(v, rng) for v in x)
    dy = rng.normal(size=np.shape(x))
    dy = dy + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else dy
    return dy if np.ndim(x) else dy[()]


def tangent(x: Any) -> Any:
    return Tangent[type(x)](*map(tangent, x)) if isinstance(x, (tuple, list)) else x


def numbers(x: Any, like: Any) -> np.ndarray:
    """A tangent, or autograd's cotangent, as a vector."""
    if isinstance(like, dict):
        return np.concatenate([numbers(x[k], v) for k, v in like.items()])
    if isinstance(like, (tuple, list)):
        return np.concatenate([numbers(x[k], v) for k, v in enumerate(like)])
    x = unthunk(x)
    if isinstance(x, AbstractZero):
        return np.zeros(np.size(like))
    assert np.shape(x) == np.shape(like)
    return np.ravel(x if np.iscomplexobj(like) else np.real(x))


def is_number(x: Any) -> bool:
    if isinstance(x, (tuple, list)):
        return any(map(is_number, x))
    if isinstance(x, dict):
        return any(map(is_number, x.values()))
    return np.asarray(x).dtype.kind in "fc"


@pytest.mark.parametrize("mode", ["keep", "drop"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_tangents(name: str, mode: str) -> None:
    core = pytest.importorskip("autograd.core")
    old = run((PAIRS / f"{name}.in.py").read_text(), "old")
    new = run(converted(name, mode).after.decode(), "new")
    for number, (function, args, kwargs) in enumerate(old.cases()):
        f, g = getattr(old, function), getattr(new, function)
        makers = core.primitive_vjps.get(f)
        ans = f(*args, **kwargs)
        if makers is None:  # a plain function, which a decorator made of a primitive
            makers = core.primitive_vjps[f.__wrapped__]
        dy = like(ans, np.random.default_rng(number))
        value, back = rrule(g, *args, **kwargs)
        assert np.array_equal(numbers(value, ans), numbers(ans, ans))
        tangents = back(tangent(dy))
        assert len(tangents) == 1 + len(args)
        for k, x in enumerate(args):
            if not is_number(x):
                continue
            where = f"{function}, argument {k}"
            own = tangents[1 + k]
            try:
                (want,) = makers((k,), ans, args, kwargs)(conj(dy))
            except (NotImplementedError, KeyError):
                assert isinstance(own, (NotImplementedTangent, AbstractZero)), where
                continue
            assert np.allclose(numbers(own, x), numbers(conj(want), x)), where
            if mode == "keep":
                (kept,) = core.primitive_vjps[g]((k,), ans, args, kwargs)(conj(dy))
                assert np.allclose(numbers(conj(kept), x), numbers(conj(want), x)), where


def main() -> None:
    for name in NAMES:
        (PAIRS / f"{name}.out.py").write_bytes(converted(name, "drop").after)


if __name__ == "__main__":
    main()
