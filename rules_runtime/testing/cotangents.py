"""Cotangents to try a rule with: random ones that fit a value, and such with parts that are zero.

What is drawn depends on nothing but the seed, so that a test fails twice or never.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rules_runtime.tangents import AbstractZero, NoTangent, Tangent, ZeroTangent

from .parts import Path, Step, is_differentiable, is_number, parts, spoken

SEED = 20_250_101
MOST_ZERO_PARTS = 16


def rand_tangent(x: Any, rng: np.random.Generator | None = None) -> Any:
    """A random tangent of `x`: a number, an array, a `Tangent`, or `NoTangent()`.
    Without `rng` always the same.

    >>> rand_tangent((2.0, "a"), np.random.default_rng(0))
    Tangent[tuple](1.354, NoTangent())
    """
    return random_tangent(x, np.random.default_rng(SEED) if rng is None else rng)


def random_number(like: Any, rng: np.random.Generator) -> Any:
    """Numbers of the shape and precision of `like`, away from 0 and 1, with few digits."""
    shape = np.shape(like)
    drawn = _away_from_zero(shape, rng)
    if np.iscomplexobj(like):
        drawn = drawn + 1j * _away_from_zero(shape, rng)
    if isinstance(like, np.ndarray):
        return np.asarray(drawn, dtype=like.dtype if like.dtype.kind in "fc" else np.float64)
    if isinstance(like, (np.floating, np.complexfloating)):
        return like.dtype.type(drawn)
    return drawn.item()


def _away_from_zero(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    size = np.round(rng.uniform(0.4, 1.9, size=shape), 3)
    return np.asarray(size * rng.choice([-1.0, 1.0], size=shape))


def random_tangent(
    value: Any, rng: np.random.Generator, above: frozenset[int] = frozenset()
) -> Any:
    """A random tangent that fits `value`; `above` are the structures around it."""
    if is_number(value):
        return random_number(value, rng)
    if id(value) in above or not is_differentiable(value):
        return NoTangent()
    above |= {id(value)}
    found = (parts(value) or {}).items()
    return tangent_of(value, {step: random_tangent(part, rng, above) for step, part in found})


def tangent_of(value: Any, inner: dict[Step, Any]) -> Any:
    """The `Tangent` of the structure `value` with the given parts."""
    kinds = {step.kind for step in inner}
    made: Any = Tangent.__class_getitem__(type(value))
    if kinds == {"item"}:
        return made(*inner.values())
    if kinds == {"field"}:
        return made(**{step.name: part for step, part in inner.items()})
    return made({step.name: part for step, part in inner.items()})


def random_cotangent(y: Any, rng: np.random.Generator) -> Any:
    """A cotangent for the result `y`. An integer result gets a number: rules must make it zero."""
    if isinstance(y, (bool, int, np.integer, np.bool_)):
        return float(random_number(0.0, rng))
    if isinstance(y, np.ndarray) and y.dtype.kind in "biu":
        return random_number(y, rng)
    return random_tangent(y, rng)


def with_a_zero_part(y: Any, cotangent: Any) -> Iterator[tuple[str, Any]]:
    """The structured cotangent with one part after the other zero, and which part it is."""
    paths = list(_inner_paths(y, cotangent))
    for path in paths[:MOST_ZERO_PARTS]:
        yield spoken(path).removeprefix(", "), _zero_at(y, cotangent, path)


def _inner_paths(y: Any, cotangent: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(cotangent, AbstractZero):
        return
    if path:
        yield path
    if not is_number(y):
        for step, part in (parts(y) or {}).items():
            yield from _inner_paths(part, cotangent_at(cotangent, step), (*path, step))


def _zero_at(y: Any, cotangent: Any, path: Path) -> Any:
    if not path:
        return ZeroTangent()
    inner = {step: cotangent_at(cotangent, step) for step in (parts(y) or {})}
    inner[path[0]] = _zero_at((parts(y) or {})[path[0]], inner[path[0]], path[1:])
    return tangent_of(y, inner)


def cotangent_at(cotangent: Any, step: Step) -> Any:
    """The part of a cotangent that belongs to one part of its primal."""
    return ZeroTangent() if isinstance(cotangent, AbstractZero) else cotangent[step.name]


def cotangent_along(cotangent: Any, path: Path) -> Any:
    """The part of a cotangent at `path`; a zero stands for all its parts."""
    for step in path:
        cotangent = cotangent_at(cotangent, step)
    return cotangent


def as_cotangent(y: Any, given: Any) -> Any:
    """A cotangent as the user wrote it; plain tuples, lists and dicts become `Tangent`s of `y`."""
    inner = None if is_number(y) else parts(y)
    if inner is None or not isinstance(given, (tuple, list, dict)):
        return given
    if isinstance(given, dict):
        found = {step: given.get(step.name, ZeroTangent()) for step in inner}
    elif len(given) == len(inner):
        found = dict(zip(inner, given))
    else:
        raise TypeError(
            f"output_tangent has {len(given)} parts, but the result {type(y).__name__} has {len(inner)}"
        )
    return tangent_of(y, {s: as_cotangent(inner[s], found[s]) for s in inner})
