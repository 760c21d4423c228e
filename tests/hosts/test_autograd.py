"""Rules in HIPS autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

ag = pytest.importorskip("autograd", reason="HIPS autograd is not installed")

import autograd.numpy as anp  # noqa: E402
from autograd.test_util import check_grads  # noqa: E402

from rules_runtime import (  # noqa: E402
    NoTangent,
    NotImplementedTangent,
    NotImplementedTangentError,
    gradient,
    rrule,
    rrule_via_ad,
)
from rules_runtime.config import HasReverseMode, RuleConfig  # noqa: E402
from rules_runtime.hosts import autograd as host  # noqa: E402
from rules_runtime.hosts.calls import NoRuleError  # noqa: E402
from tests.hosts.conftest import affine  # noqa: E402

random = np.random.default_rng(0)
A, B, X = random.normal(size=(3, 4)), random.normal(size=(4, 2)), random.normal(size=5)
Z = random.normal(size=3) + 1j * random.normal(size=3)


@pytest.mark.parametrize("f", [np.sinc, np.tanh, np.cumsum], ids=lambda f: f.__name__)
def test_derivatives_of_any_order_both_ways(f: Any) -> None:
    check_grads(host.wrap(f), modes=["rev", "fwd"], order=3)(X)


def test_several_arguments() -> None:
    check_grads(host.wrap(np.matmul), modes=["rev", "fwd"], order=2)(A, B)
    np.testing.assert_allclose(
        ag.grad(lambda b: anp.sum(host.wrap(np.matmul)(A, b)))(B), A.T @ np.ones((3, 2))
    )


def test_complex_numbers_are_in_the_convention_of_autograd() -> None:
    wrapped = host.wrap(np.exp)
    for f in (
        lambda g: lambda z: anp.real(anp.sum(g(z))),
        lambda g: lambda z: anp.sum(anp.abs(g(z) * z) ** 2),
    ):
        np.testing.assert_allclose(ag.grad(f(wrapped))(Z), ag.grad(f(anp.exp))(Z))
    check_grads(lambda z: anp.real(wrapped(z) * z), modes=["rev", "fwd"], order=2)(Z)
    np.testing.assert_allclose(ag.holomorphic_grad(lambda z: anp.sum(wrapped(z)))(Z), np.exp(Z))


def test_structures(ran: list[str]) -> None:
    wrapped = host.wrap(affine)
    p = {"w": 2.0, "b": 1.0}

    def loss(f: Any) -> Any:
        return lambda p, x: anp.sum(f(p, x)[0] ** 2) + anp.sum(anp.sin(f(p, x)[1]))

    for k in range(2):
        got, want = ag.grad(loss(wrapped), k)(p, X), ag.grad(loss(affine), k)(p, X)
        for a, b in zip(got.values(), want.values()) if k == 0 else [(got, want)]:
            np.testing.assert_allclose(a, b)
    check_grads(loss(wrapped), modes=["rev"], order=2)(p, X)
    ran.clear()
    ag.grad(loss(wrapped), 1)(p, X)
    assert ran == []  # nobody asked for the gradient of a weight


def test_a_rule_that_calls_back_is_given_autograd(registered: Any) -> None:
    def apply(f: Any, x: Any) -> Any:
        return f(x)

    seen: list[Any] = []

    def rule(config: RuleConfig[HasReverseMode], _: Any, f: Any, x: Any) -> Any:
        seen.append(type(config))
        y, back = rrule_via_ad(config, f, x)
        return y, lambda dy: (NoTangent(), *back(dy))

    registered(apply, rule)
    wrapped = host.wrap(apply)
    inners = (
        anp.sin,
        np.sin,
        lambda x: anp.array([anp.sin(v) for v in x]),
        lambda x: np.array([np.sin(v) for v in x]),
    )
    for inner in inners:
        np.testing.assert_allclose(ag.grad(lambda x, f=inner: anp.sum(wrapped(f, x)))(X), np.cos(X))
    assert seen[0] is host.AutogradConfig
    check_grads(lambda x: wrapped(anp.sin, x), modes=["rev"], order=1)(X)
    check_grads(lambda x: wrapped(np.sin, x), modes=["rev", "fwd"], order=2)(X)


def test_rules_for_one_ad_and_opt_outs(registered: Any) -> None:
    def f(x: Any) -> Any:
        return x * x

    registered(f, lambda _, x: (f(x), lambda dy: (NoTangent(), 2 * x * dy)))

    def for_autograd(config: host.AutogradConfig, _: Any, x: Any) -> Any:
        return f(x), lambda dy: (NoTangent(), 100.0 * dy)

    registered(f, for_autograd)
    assert ag.grad(host.wrap(f))(3.0) == 100.0
    assert gradient(f, 3.0) == (6.0,)


def test_what_has_no_rule_says_what_to_do() -> None:
    with pytest.raises(NoRuleError, match=r"has no rrule for \(float\).*rrule\.register"):
        host.wrap(lambda x: x)(2.0)


def test_an_argument_by_keyword() -> None:
    def f(x: Any, k: Any = 2.0) -> Any:
        return x * k

    rule = rrule.add_rule(f, lambda _, x, k=2.0: (x * k, lambda dy: (NoTangent(), dy * k, dy * x)))
    try:
        assert ag.grad(lambda k: host.wrap(f)(3.0, k=k))(5.0) == 3.0
    finally:
        rrule.remove_rule(rule)


def test_a_function_of_autograd_as_a_rule() -> None:
    f = host.rule_from_autograd(lambda p, x: anp.sum(anp.sin(p["w"] * x)))
    dp, dx = gradient(f, {"w": 2.0}, X)
    np.testing.assert_allclose(dp["w"], np.sum(X * np.cos(2.0 * X)))
    np.testing.assert_allclose(dx, 2.0 * np.cos(2.0 * X))


def test_rules_of_autograds_own_primitives() -> None:
    from autograd.extend import defvjp_argnums, primitive

    @primitive
    def f(x: Any, y: Any) -> Any:
        return np.sin(x) * y

    rule = rrule.add_rule(
        f,
        lambda _, x, y: (
            np.sin(x) * y,
            lambda dy: (NoTangent(), dy * np.cos(x) * y, dy * np.sin(x)),
        ),
    )
    try:
        defvjp_argnums(f, host.vjps_from_rrule(f))
        check_grads(f, modes=["rev"], order=2)(X, 2 * X)
    finally:
        rrule.remove_rule(rule)


def test_a_derivative_that_is_not_implemented_is_an_error() -> None:
    def f(x: Any) -> Any:
        return 2.0 * x

    rrule.register(f)(lambda _, x: (f(x), lambda dy: (NoTangent(), NotImplementedTangent("yet"))))
    with pytest.raises(NotImplementedTangentError, match="yet"):
        ag.grad(host.wrap(f))(1.0)
