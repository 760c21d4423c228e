"""Every rule of autograd's own, carried over: `vjps_from_rrule` gives what autograd gives, in first
and second order, or an error, and never another number."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

ag = pytest.importorskip("autograd", reason="HIPS autograd is not installed")

import autograd.numpy as anp  # noqa: E402
from autograd.extend import defvjp_argnums, primitive  # noqa: E402

from rules_runtime import from_vjpmaker_argnums, rrule  # noqa: E402
from rules_runtime.hosts import autograd as host  # noqa: E402
from tests.support.autograd_calls import candidates, flat, registrations  # noqa: E402

MOST = 3  # arguments that each is tried with


def _weighted(y: Any, start: float) -> Any:
    numbers = flat(y)
    return anp.sum(numbers * np.cos(np.arange(len(numbers)) + start))


def derivatives(f: Any, args: tuple[Any, ...], k: int) -> tuple[Any, Any]:
    """The gradient of a number made of `f(*args)`, and that of a number made of the gradient;
    an error for the second, where there is none."""

    def loss(x: Any) -> Any:
        return _weighted(f(*args[:k], x, *args[k + 1 :]), 0.3)

    gradient = ag.grad(loss)
    first = flat(gradient(args[k]))
    try:
        return first, flat(ag.grad(lambda x: _weighted(gradient(x), 0.7))(args[k]))
    except Exception as error:
        return first, error


def twin_of(f: Any, rule: Any) -> Any:
    """A primitive like `f`, that autograd differentiates by a rule."""
    raw = f.fun
    twin = primitive(lambda *args, **kwargs: raw(*args, **kwargs))
    rrule.register(twin)(rule)
    defvjp_argnums(twin, host.vjps_from_rrule(twin))
    return twin


def _close(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and np.allclose(a, b, equal_nan=True))


def verdict(f: Any, twin: Any, args: tuple[Any, ...], k: int) -> str | None:
    """What the twin gives: the same as autograd, an error, or another number."""
    try:
        first, second = derivatives(f, args, k)
    except Exception:
        return None  # autograd has no derivative here
    try:
        own_first, own_second = derivatives(twin, args, k)
    except Exception:
        return "error"
    if not _close(first, own_first):
        return "wrong"
    if isinstance(second, Exception):
        return "first"
    if isinstance(own_second, Exception):
        return "error"
    return "second" if _close(second, own_second) else "wrong"


def tally(rule_of: Callable[[Any, Any], Any]) -> dict[str, list[str]]:
    """The names of autograd's primitives by what their twins give."""
    found = collections.defaultdict(list)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f, maker in registrations():
            twin = twin_of(f, rule_of(f, maker))
            verdicts: list[str] = []
            for args, k in candidates(f):
                got = verdict(f, twin, args, k)
                verdicts += [] if got is None else [got]
                if len(verdicts) == MOST:
                    break
            order = ("wrong", "error", "second", "first")
            found[next((v for v in order if v in verdicts), "untried")].append(f.__name__)
            for rule in rrule.rules_for(twin):
                rrule.remove_rule(rule)
    return found


def test_the_rules_of_autograd() -> None:
    found = tally(lambda f, _: host._adopted(f))
    assert found["wrong"] == []
    assert len(found["second"]) >= 185, found
    assert len(found["error"]) <= 12, found["error"]  # vjps of another shape, chiefly


def test_rules_that_are_wrong_on_purpose_are_found() -> None:
    def doubled(f: Any, maker: Any) -> Any:
        def wrong(argnums: Any, *call: Any) -> Any:
            vjp = maker(argnums, *call)
            return lambda g: [2.0 * t for t in vjp(g)]

        return from_vjpmaker_argnums(f, wrong)

    found = tally(doubled)
    assert len(found["wrong"]) >= 170, found
    assert len(found["second"]) <= 4, found["second"]  # those that are zero
