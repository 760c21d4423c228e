"""Rules with a number of parameters that no call can have:
said where they are registered, or where they are looked for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rules_runtime.errors import RuleError
from rules_runtime.legacy import adjoint
from rules_runtime.registry import Registry


def one(x: Any) -> Any: ...
def two(x: Any, y: Any) -> Any: ...
def default(x: Any, y: Any = 1) -> Any: ...
def keyword(x: Any, *, m: Any) -> Any: ...
def rest(*args: Any) -> Any: ...
def only(x: Any, /, y: Any) -> Any: ...
def apply(f: Any, x: Any) -> Any: ...


@dataclass
class P:
    a: float
    b: float = 0.0

    def method(self, x: Any) -> Any: ...
    def __call__(self, x: Any) -> Any: ...
    @classmethod
    def make(cls, a: Any) -> Any: ...
    @staticmethod
    def free(a: Any, b: Any) -> Any: ...


Rule = Callable[..., Any]


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        (one, lambda _, x: None),
        (one, lambda one, x: None),
        (one, lambda _, x, k=1: None),
        (one, lambda _, *xs: None),
        (one, lambda *xs: None),
        (two, lambda _, x, y=1: None),
        (two, lambda _, x, *, y: None),
        (two, lambda _, x, **kwargs: None),
        (default, lambda _, x: None),
        (default, lambda _, x, y: None),
        (keyword, lambda _, x, m: None),
        (keyword, lambda _, x, *, m: None),
        (keyword, lambda _, x: None),
        (rest, lambda _, x, y: None),
        (apply, lambda _, f, x: None),
        (P, lambda _, a: None),
        (P, lambda _, a, b: None),
        (P.method, lambda _, p, x: None),
        (P.__call__, lambda p, x: None),
        (P.make, lambda _, a: None),
        (P(1.0).method, lambda _, p, x: None),
        (P.free, lambda _, a, b: None),
        (np.sin, lambda _, x: None),
        (np.add, lambda _, x, y: None),
        (np.concatenate, lambda _, xs, axis=0: None),
        (sorted, lambda _, xs, *, key=None: None),
        (math.sin, lambda _, x: None),
        (max, lambda _, x, y: None),
        (list.append, lambda _, xs, x: None),
    ],
)
def test_rules_that_apply_to_some_call(rrule: Registry, target: Any, rule: Rule) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rrule.register(target)(rule)


@pytest.mark.parametrize(
    ("target", "rule", "why"),
    [
        (one, lambda x: None, "not the callee.*has the parameters \\(_, x\\)"),
        (two, lambda x, y: None, "not the callee"),
        (two, lambda a, b: None, "takes 1 argument, and two is given more"),
        (default, lambda x, y=1: None, "not the callee"),
        (apply, lambda f, x: None, "not the callee"),
        (keyword, lambda x, *, m: None, "not the callee"),
        (only, lambda _, x, **kwargs: None, None),
        (only, lambda _, **kwargs: None, "takes no arguments"),
        (one, lambda _, x, y: None, "needs 2 arguments, and one takes 1"),
        (one, lambda config, _, x: None, "needs 2 arguments.*config: RuleConfig"),
        (keyword, lambda _, x, n: None, "needs 2 arguments"),
        (P, lambda a, b: None, "not the callee"),
        (P, lambda _, a, b, c: None, "needs 3 arguments"),
        (P.method, lambda p, x: None, "takes 1 argument, and P.method is given more"),
        (P.__call__, lambda x: None, "has the parameters \\(self, x\\)"),
        (P.make, lambda a: None, "not the callee"),
        (P.free, lambda a, b: None, "not the callee"),
        (np.sin, lambda x: None, "takes no arguments"),
        (np.add, lambda x, y: None, "takes 1 argument"),
        (math.sin, lambda x: None, "not the callee"),
    ],
)
def test_rules_that_apply_to_none(rrule: Registry, target: Any, rule: Rule, why: Any) -> None:
    if why is None:
        rrule.register(target)(rule)
        return
    with pytest.raises(RuleError, match=f"can never apply.*{why}"):
        rrule.register(target)(rule)
    assert rrule.rules_for(target) == ()


def test_legacy_rules_have_no_callee() -> None:
    def f(x: Any, y: Any) -> Any: ...

    with pytest.raises(RuleError, match=r"takes 1 argument, and .*the parameters \(x, y\)"):
        adjoint(f)(lambda x: None)
    with pytest.raises(RuleError, match="needs 3 arguments"):
        adjoint(f)(lambda x, y, z: None)


def test_what_the_code_says_counts_not_what_is_said_of_it(rrule: Registry) -> None:
    import functools

    @functools.wraps(one)
    def wrapper(x: Any, more: Any) -> Any: ...

    rrule.register(wrapper)(lambda _, x, more: None)
    with pytest.raises(RuleError, match="takes 1 argument"):
        rrule.register(wrapper)(lambda _, x: None)


def test_where_the_signature_is_not_known_it_is_said_when_the_rule_is_looked_for(
    rrule: Registry,
) -> None:
    @rrule.register(rest)
    def rule(x: Any, y: Any) -> Any: ...

    with pytest.warns(RuntimeWarning, match="rule for rest .* takes 1 argument after x"):
        assert rrule(rest, 1.0, 2.0) is None


def test_another_number_of_arguments_is_nothing_to_be_warned_of(rrule: Registry) -> None:
    rrule.register(rest)(lambda _, x: (x, lambda dy: None))
    rrule.register(max)(lambda f, x, y: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rrule(rest, 1.0, 2.0) is None
        assert rrule(rest) is None
        assert rrule(max, 1.0, 2.0, 3.0) is None
        assert rrule(rest, 1.0) is not None
