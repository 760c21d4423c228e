"""Rules in HIPS autograd."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

ag = pytest.importorskip("autograd", reason="HIPS autograd is not installed")

import autograd.numpy as anp  # noqa: E402
import hypothesis.extra.numpy as hnp  # noqa: E402
import hypothesis.strategies as st  # noqa: E402
from autograd.extend import defjvp, defvjp, defvjp_argnums, primitive  # noqa: E402
from autograd.numpy.numpy_vjps import unbroadcast  # noqa: E402
from autograd.test_util import check_grads  # noqa: E402
from hypothesis import given  # noqa: E402

from rules_runtime import (  # noqa: E402
    NoTangent,
    NotImplementedTangent,
    NotImplementedTangentError,
    ProjectTo,
    RuleError,
    TangentError,
    Thunk,
    UnbroadcastTo,
    ZeroTangent,
    filled,
    gradient,
    hessian,
    rrule,
    unconjugated,
)
from rules_runtime import pullback as tape_pullback  # noqa: E402
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


def test_a_rule_that_calls_back_is_given_autograd(calling_back: Any) -> None:
    apply, seen = calling_back
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


def test_a_primitive_without_a_rule_is_named() -> None:
    @primitive
    def lonely(x: Any) -> Any:
        return x

    defvjp_argnums(lonely, host.vjps_from_rrule(lonely))
    with pytest.raises(NoRuleError, match=r"^lonely has no rrule for \(float\)"):
        ag.grad(lonely)(2.0)


def test_a_method_that_is_a_primitive(registered: Any) -> None:
    class Scaled:
        def __init__(self, by: float) -> None:
            self.by = by

        @primitive
        def of(self, x: Any, power: Any = 2.0) -> Any:
            return self.by * x**power

    def rule(callee: Any, self: Any, x: Any, power: Any = 2.0) -> Any:
        def pullback(g: Any) -> Any:
            return NoTangent(), ZeroTangent(), g * self.by * power * x ** (power - 1), ZeroTangent()

        return callee(self, x, power), pullback

    registered(Scaled.of, rule)
    defvjp_argnums(Scaled.of, host.vjps_from_rrule(Scaled.of))
    scaled = Scaled(3.0)
    assert ag.grad(lambda x: scaled.of(x))(2.0) == 12.0
    assert ag.grad(lambda x: ag.grad(lambda y: scaled.of(y, 3.0))(x))(2.0) == 36.0
    assert gradient(lambda x: scaled.of(x), 2.0) == (12.0,)


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


def scaled(x: Any, y: Any) -> Any:
    return x * y**2


def given_to_autograd(registered: Any, rule: Any, raw: Any = scaled) -> Any:
    """A primitive of autograd that differentiates by a rule."""
    f = primitive(lambda *args, **kwargs: raw(*args, **kwargs))
    registered(f, rule)
    defvjp_argnums(f, host.vjps_from_rrule(f))
    return f


def scaled_rule(callee: Any, x: Any, y: Any) -> Any:
    to_x, to_y = UnbroadcastTo(x), UnbroadcastTo(y)

    def pullback(g: Any) -> Any:
        return NoTangent(), Thunk(lambda: to_x(g * y**2)), Thunk(lambda: to_y(2 * g * x * y))

    return callee(x, y), pullback


PAIRS = [
    (X, 2 * X),
    (X, 0.5),
    (A, X[:4]),
    (np.ones((0, 3)), np.ones(3)),
    (Z, X[:3]),
    (X[:3], Z),
    (A.T, A.T[:, :1]),
    (np.float64(2.0), X),
]


@pytest.mark.parametrize(("x", "y"), PAIRS)
def test_rules_of_autograds_own_primitives(registered: Any, x: Any, y: Any) -> None:
    """Autograd uses the rule, to any order, and so does the tape."""
    f = given_to_autograd(registered, unconjugated(scaled_rule))

    def loss(f: Any) -> Any:
        return lambda x, y: anp.sum(anp.abs(f(anp.sin(x), y)) ** 2)

    for k in (0, 1):
        want = ag.grad(loss(scaled), k)(x, y)
        np.testing.assert_allclose(ag.grad(loss(f), k)(x, y), want)
        np.testing.assert_allclose(gradient(loss(f), x, y)[k], np.conj(want))

        def again(f: Any, k: int = k) -> Any:
            return lambda x, y: anp.sum(anp.abs(ag.grad(loss(f), k)(x, y)) ** 2)

        for n in (0, 1):
            np.testing.assert_allclose(ag.grad(again(f), n)(x, y), ag.grad(again(scaled), n)(x, y))
    check_grads(lambda x: f(x, 2.0), modes=["rev"], order=3)(X)


def test_makers_run_in_the_forward_pass_and_only_for_what_is_asked(registered: Any) -> None:
    ran = []

    def rule(callee: Any, x: Any, y: Any) -> Any:
        ran.append("rule")

        def wrong() -> Any:
            raise AssertionError

        return callee(x, y), lambda g: (NoTangent(), Thunk(lambda: g * y**2), Thunk(wrong))

    f = given_to_autograd(registered, rule)
    vjp, _ = ag.make_vjp(lambda x: f(x, 3.0))(2.0)
    assert ran == ["rule"]
    assert vjp(1.0) == 9.0
    assert ran == ["rule"]


def test_containers_are_those_of_autograd(registered: Any) -> None:
    def parts(p: Any, x: Any) -> Any:
        return p["w"] * x, [anp.sum(x), {"k": p["b"][0] * x}]

    def rule(_: Any, p: Any, x: Any) -> Any:
        def pullback(g: Any) -> Any:
            first, (total, named) = filled(g, y)
            k = named["k"]
            dp = {"w": np.sum(first * x), "b": (np.sum(k * x), 0.0)}
            return NoTangent(), ProjectTo(p)(dp), first * p["w"] + total + k * p["b"][0]

        y = parts(p, x)
        return y, pullback

    f = given_to_autograd(registered, rule, parts)
    p = {"w": 2.0, "b": (3.0, 4.0)}
    for pick in (lambda y: anp.sum(y[0] ** 2), lambda y: y[1][0] * anp.sum(y[1][1]["k"] ** 2)):

        def loss(f: Any, pick: Any = pick) -> Any:
            return lambda p, x: pick(f(p, x)) * p["w"]

        got, want = ag.grad(loss(f))(p, X), ag.grad(loss(parts))(p, X)
        assert type(got) is dict
        assert type(got["b"]) is tuple
        assert got["w"] == pytest.approx(want["w"])
        np.testing.assert_allclose(got["b"], want["b"])
        np.testing.assert_allclose(ag.grad(loss(f), 1)(p, X), ag.grad(loss(parts), 1)(p, X))
        second = lambda f, loss=loss: lambda x: anp.sum(ag.grad(loss(f))(p, x)["w"] ** 2)
        np.testing.assert_allclose(ag.grad(second(f))(X), ag.grad(second(parts))(X))


def test_forward_mode_where_the_primitive_has_it(registered: Any) -> None:
    f = given_to_autograd(registered, scaled_rule)
    defjvp(f, lambda t, ans, x, y: t * y**2, lambda t, ans, x, y: 2 * t * x * y)
    forward_over_reverse = ag.make_jvp(ag.grad(lambda y: anp.sum(f(X, y))))(X)(X)[1]
    np.testing.assert_allclose(forward_over_reverse, 2 * X * X)


@pytest.mark.parametrize(
    ("nested", "want"),
    [
        (lambda f: lambda x: ag.grad(lambda y: f(x, y))(2.0), 4.0),
        (lambda f: lambda x: ag.grad(lambda y: f(y, x))(2.0), 6.0),
        (lambda f: lambda x: ag.grad(lambda y: f(y, y))(x), 18.0),
        (lambda f: lambda x: ag.grad(lambda y: f(x, y) * x)(x), 3 * 2 * 9.0),
        (lambda f: lambda x: ag.grad(lambda y: ag.grad(lambda z: f(z, y) * x)(y))(x), 12.0),
        (lambda f: lambda x: gradient(lambda y: ag.grad(lambda z: f(z, y) * x)(y), x)[0], 12.0),
    ],
)
def test_autograd_within_the_tape(registered: Any, nested: Any, want: float) -> None:
    f = given_to_autograd(registered, scaled_rule)
    assert gradient(lambda x: nested(f)(x) * 1.0, 3.0)[0] == pytest.approx(want)
    assert gradient(lambda x: nested(scaled)(x) * 1.0, 3.0)[0] == pytest.approx(want)


@pytest.mark.parametrize("g", [anp.sin, np.sin])
def test_the_tape_within_autograd_is_an_error(registered: Any, g: Any) -> None:
    f = given_to_autograd(registered, scaled_rule)
    for inner in (lambda x: lambda y: f(y, x), lambda x: lambda y: f(g(y * x), x)):
        with pytest.raises((TypeError, TangentError)):
            ag.grad(lambda x, inner=inner: gradient(inner(x), 2.0)[0])(3.0)
        with pytest.raises((TypeError, TangentError)):
            ag.grad(lambda x, inner=inner: tape_pullback(inner(x), 2.0)[1](1.0)[0])(3.0)


def test_second_order_of_a_function_of_autograd() -> None:
    def f(p: Any, x: Any) -> Any:
        return anp.sum(anp.abs(anp.exp(1j * p["w"] * x) * x) ** 2) * x[0] ** 3

    own = host.rule_from_autograd(f)
    want = ag.hessian(lambda x: f({"w": x[1]}, x * x))(X)
    np.testing.assert_allclose(hessian(lambda x: own({"w": x[1]}, x * x), X), want, atol=1e-12)


def test_primitives_are_adopted() -> None:
    ran = []

    @primitive
    def f(x: Any, y: Any, *rest: Any) -> Any:
        return np.asarray(x) * y

    def by_x(ans: Any, x: Any, y: Any, *rest: Any) -> Any:
        ran.append("x")
        return lambda g: 100.0 * g * y

    defvjp(f, by_x, None)
    host.adopt(f)
    host.adopt(f)
    assert len(rrule.rules_for(f)) == 1
    assert gradient(lambda x: f(x, 3.0) ** 1, 2.0) == (300.0,)
    assert gradient(lambda x, y: f(x, y) * y, 2.0, 3.0) == (900.0, 6.0)
    assert ran == ["x", "x"]
    with pytest.raises(NotImplementedError):
        gradient(lambda z: f(2.0, 3.0, z), 1.0)
    defvjp(f, lambda ans, x, y: lambda g: g * y**2)  # replaces, as in autograd
    assert gradient(lambda y: gradient(lambda x: f(x, y), 2.0)[0], 3.0) == (6.0,)
    rrule.remove_rule(rrule.rules_for(f)[0])


def test_what_cannot_be_adopted() -> None:
    with pytest.raises(RuleError, match="autograd has no rule for scaled"):
        host.adopt(scaled)


def test_all_primitives_are_adopted() -> None:
    """In a process of its own: what is adopted stays."""
    code = """
import numpy as np, autograd as ag, autograd.numpy as anp
from autograd.extend import primitive, register_notrace, defvjp_argnums
from autograd.core import VJPNode
from rules_runtime import gradient, rrule
from rules_runtime.hosts.autograd import adopt, vjps_from_rrule
own = primitive(lambda x: np.sin(x))
rrule.register(own)(lambda _, x: (own(x), lambda g: (None, 50.0 * g)))
defvjp_argnums(own, vjps_from_rrule(own))
constant = primitive(lambda x: 7.0 * x)
register_notrace(VJPNode, constant)
adopt()
x = np.array([0.4, 0.2, 0.7])
a = np.outer(x, x) + np.eye(3)
def f(x):
    s = anp.concatenate([x, anp.sort(x)])[1:] * anp.max(x)
    e = anp.linalg.eigh(anp.outer(x, x) + anp.eye(3) * anp.sum(x))[0]
    z = anp.fft.fft(x)
    inner = ag.grad(lambda y: anp.sum(anp.sin(y) * x))(x)
    return anp.sum(s**3) + anp.sum(e**2) + anp.real(anp.sum(z * anp.conj(z) * z)) + anp.sum(inner)
np.testing.assert_allclose(gradient(f, x)[0], ag.grad(f)(x))
np.testing.assert_allclose(
    gradient(lambda x: np.sum(gradient(f, x)[0] ** 2), x)[0],
    ag.grad(lambda x: anp.sum(ag.grad(f)(x) ** 2))(x),
)
assert gradient(lambda x: own(x), 1.0) == (50.0,)
assert gradient(lambda x: constant(x) * x, 2.0) == (14.0,)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_derivative_that_is_not_implemented_is_an_error() -> None:
    def f(x: Any) -> Any:
        return 2.0 * x

    rrule.register(f)(lambda _, x: (f(x), lambda dy: (NoTangent(), NotImplementedTangent("yet"))))
    with pytest.raises(NotImplementedTangentError, match="yet"):
        ag.grad(host.wrap(f))(1.0)


@st.composite
def broadcasts(draw: st.DrawFn) -> tuple[Any, Any]:
    """An array or a number, and a cotangent of what it was broadcast to."""
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kind = draw(st.sampled_from([np.float64, np.float32, np.complex128]))
    x = rng.normal(size=shapes.input_shapes[0]).astype(kind)
    g = rng.normal(size=shapes.result_shape).astype(draw(st.sampled_from([kind, np.complex128])))
    if draw(st.booleans()):
        g = g.T.copy().T  # in another order
    return x[()], g[()]


@given(broadcasts())
def test_unbroadcast_as_autograd_does(pair: tuple[Any, Any]) -> None:
    x, g = pair
    found, want = UnbroadcastTo(x)(g), unbroadcast(g, anp.metadata(x))
    assert np.shape(found) == np.shape(x)
    assert np.result_type(found) == np.result_type(x)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


def test_the_rule_works_on_the_result_that_autograd_has(registered: Any) -> None:
    """A second result may be another one: a draw, eigenvectors with other signs."""
    draws: list[float] = []

    @primitive
    def noisy(x: Any, scale: float = 2.0) -> Any:
        draws.append(scale * (1.0 + len(draws)))
        return x * draws[-1]

    def rule(_: Any, x: Any, scale: float = 2.0) -> Any:
        y = noisy(x, scale=scale)
        return y, lambda dy: (NoTangent(), dy * y / x)

    registered(noisy, rule)
    defvjp_argnums(noisy, host.vjps_from_rrule(noisy))
    assert ag.grad(noisy)(3.0) == pytest.approx(draws[0])
    assert ag.grad(ag.grad(lambda x: noisy(x) ** 2))(3.0) == pytest.approx(2 * draws[1] ** 2)
    np.testing.assert_allclose(ag.grad(lambda x: anp.sum(noisy(x)))(X), np.full(5, draws[2]))
    assert len(draws) == 3
    assert noisy(1.0) == draws[3]  # a call of its own
