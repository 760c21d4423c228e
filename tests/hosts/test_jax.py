"""Rules in JAX, eagerly and compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

from rules_runtime import (  # noqa: E402
    NoTangent,
    Tangent,
    Thunk,
    gradient,
    hessian,
)
from rules_runtime.hosts import jax as host  # noqa: E402
from tests.hosts.conftest import affine, check_second_derivatives  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def in_double() -> Any:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def array(*shape: int) -> Any:
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape))


def close(got: Any, want: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), got, want)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jitted"])
def test_derivatives_of_any_order_both_ways(compiled: bool) -> None:
    jit = jax.jit if compiled else lambda f: f
    check_grads(jit(host.wrap(np.sinc)), (array(4),), order=3)
    check_grads(jit(host.wrap(np.matmul)), (array(3, 4), array(4, 2)), order=2)
    z = array(3) + 1j * array(3)
    check_grads(jit(lambda z: host.wrap(np.exp)(z) * z), (z,), order=2)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jitted"])
def test_transforms(compiled: bool) -> None:
    jit = jax.jit if compiled else lambda f: f
    wrapped, x, rows = host.wrap(np.sinc), array(4), array(3, 4)

    def loss(f: Any) -> Any:
        return lambda x: f(x).sum()

    for transform in (jax.jacrev, jax.jacfwd):
        close(jit(transform(wrapped))(x), transform(jnp.sinc)(x))
    for make in (
        jax.hessian,
        jax.grad,
        lambda f: jax.grad(jax.checkpoint(f)),
        lambda f: jax.grad(lambda x: f(x) ** 2),
    ):
        close(jit(make(loss(wrapped)))(x), make(loss(jnp.sinc))(x))
    close(jit(jax.vmap(wrapped))(rows), jnp.sinc(rows))
    close(jit(jax.vmap(jax.grad(loss(wrapped))))(rows), jax.vmap(jax.grad(loss(jnp.sinc)))(rows))
    close(jit(jax.vmap(wrapped, in_axes=1, out_axes=1))(rows), jnp.sinc(rows))

    def scanned(f: Any) -> Any:
        return lambda x: jax.lax.scan(lambda c, k: (f(c) * k, c), x, jnp.arange(1.0, 4.0))[0].sum()

    close(jit(jax.grad(scanned(wrapped)))(x), jax.grad(scanned(jnp.sinc))(x))


def test_the_convention_for_complex_numbers_is_jaxs() -> None:
    z = array(3) + 1j * array(3)
    wrapped = host.wrap(np.exp)
    close(
        jax.grad(lambda z: jnp.real(wrapped(z)).sum())(z),
        jax.grad(lambda z: jnp.real(jnp.exp(z)).sum())(z),
    )


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jitted"])
def test_structures_and_thunks(ran: list[str], compiled: bool) -> None:
    jit = jax.jit if compiled else lambda f: f
    p, x = {"w": jnp.array(2.0), "b": jnp.array(1.0)}, array(4)

    def loss(f: Any) -> Any:
        def total(p: Any, x: Any) -> Any:
            first, second = f(p, x)
            return jnp.sum(first**2) + jnp.sum(jnp.sin(second))

        return total

    wrapped = host.wrap(affine)
    for at in range(2):
        close(jit(jax.grad(loss(wrapped), at))(p, x), jax.grad(loss(affine), at)(p, x))
    ran.clear()
    jit(jax.grad(loss(wrapped), 1))(p, x).block_until_ready()
    assert ran == []


def test_single_precision_and_whole_numbers() -> None:
    x = jnp.array([1.0, 2.0, 3.0], jnp.float32)
    wrapped = host.wrap(np.take)
    for jit in (lambda f: f, jax.jit):
        dx = jit(jax.grad(lambda x: wrapped(x, jnp.array([0, 1, 1])).sum()))(x)
        assert dx.dtype == jnp.float32
        close(dx, jnp.array([1.0, 2.0, 0.0]))


def namespace_softplus(x: Any) -> Any:
    xp = x.__array_namespace__()
    return xp.log1p(xp.exp(x))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jitted"])
def test_a_rule_for_any_arrays_is_traced_by_jax(registered: Any, compiled: bool) -> None:
    def rule(_: Any, x: Any) -> Any:
        xp = x.__array_namespace__()
        return namespace_softplus(x), lambda dy: (
            NoTangent(),
            Thunk(lambda: dy / xp.conj(1.0 + xp.exp(-x))),
        )

    registered(namespace_softplus, rule)
    wrapped, x = host.wrap(namespace_softplus), array(3)
    jit = jax.jit if compiled else lambda f: f
    check_grads(jit(jax.vmap(wrapped)), (array(2, 3),), order=2)
    check_grads(jit(lambda z: wrapped(z) * z), (x + 0.3j,), order=2)
    text = str(jax.make_jaxpr(jax.grad(lambda x: wrapped(x).sum()))(x))
    assert "callback" not in text and "rrule" not in text
    for single in (x.astype(jnp.float32), x[0]):
        dx = jit(jax.grad(lambda x: wrapped(x).sum()))(single)
        assert (dx.dtype, dx.shape) == (single.dtype, single.shape)
    x = np.asarray(x)
    dx = 1.0 / (1.0 + np.exp(-x))
    close(hessian(lambda x: np.sum(namespace_softplus(x)), x), np.diag(dx * (1.0 - dx)))


def test_a_rule_for_any_arrays_may_have_structures_and_whole_numbers(registered: Any) -> None:
    def picked(p: Any, k: Any) -> Any:
        return {"y": p["w"][k] * p["w"], "k": k, "name": "picked"}

    def rule(_: Any, p: Any, k: Any) -> Any:
        xp, w = p["w"].__array_namespace__(), p["w"]

        def back(dy: Any) -> Any:
            at = xp.arange(w.shape[0]) == k
            dw = dy["y"] * w[k] + at * xp.sum(dy["y"] * w)
            return NoTangent(), Tangent[dict](w=dw), NoTangent()

        return picked(p, k), back

    registered(picked, rule)
    w, wrapped = array(3), host.wrap(picked)
    for jit in (lambda f: f, jax.jit):

        def loss(f: Any) -> Any:
            return lambda w: (f({"w": w}, jnp.array(1))["y"] ** 2).sum()

        close(jit(jax.grad(loss(wrapped)))(w), jax.grad(loss(picked))(w))
        close(jit(jax.hessian(loss(wrapped)))(w), jax.hessian(loss(picked))(w))
    assert wrapped({"w": w}, jnp.array(1))["name"] == "picked"


def test_whole_numbers_among_results(registered: Any) -> None:
    def largest(x: Any) -> Any:
        return np.argmax(x), x.max(), "name"

    def rule(_: Any, x: Any) -> Any:
        k = int(np.argmax(x))
        return largest(x), lambda dy: (NoTangent(), dy[1] * (np.arange(len(x)) == k))

    registered(largest, rule)
    wrapped, x = host.wrap(largest), jnp.array([1.0, 3.0, 2.0])
    for jit in (lambda f: f, jax.jit):
        close(jit(jax.grad(lambda x: wrapped(x)[0] * wrapped(x)[1]))(x), jnp.array([0.0, 1.0, 0.0]))
        _, (dk, dy) = jax.jvp(jit(lambda x: wrapped(x)[:2]), (x,), (x,))
        assert dk.dtype == jax.dtypes.float0
        close(dy, 3.0)


def test_without_the_short_way_of_this_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = pytest.importorskip("jax._src.interpreters.ad")
    monkeypatch.setattr(inner, "primitive_linearizations", {})
    x = array(4)
    close(
        jax.grad(lambda x: host.wrap(np.sinc)(x).sum())(x), jax.grad(lambda x: jnp.sinc(x).sum())(x)
    )
    check_grads(host.wrap(np.sinc), (x,), order=2)


def test_eagerly_nothing_is_tried_or_called_back(registered: Any) -> None:
    calls: list[Any] = []

    def f(x: Any) -> Any:
        return x * x

    def rule(_: Any, x: Any) -> Any:
        calls.append(x)
        return x * x, lambda dy: (NoTangent(), 2 * x * dy)

    registered(f, rule)
    x = array(3)
    close(jax.grad(lambda x: host.wrap(f)(x).sum())(x), 2 * x)
    assert len(calls) == 1


def test_shapes_that_cannot_be_tried(registered: Any) -> None:
    def picked(x: Any) -> Any:
        return x[x > 0]

    registered(picked, lambda _, x: (x[x > 0], lambda dy: (NoTangent(), np.zeros_like(x))))
    x = jnp.array([-1.0, 2.0, 3.0])
    assert host.wrap(picked)(x).shape == (2,)
    with pytest.raises(Exception, match="result_shape"):
        jax.jit(host.wrap(picked))(x).block_until_ready()
    named = host.wrap(picked, result_shape=jax.ShapeDtypeStruct((2,), x.dtype))
    close(jax.jit(named)(x), x[1:])


def test_the_trial_of_a_matrix_that_must_be_positive_definite() -> None:
    a = jnp.array([[2.0, 0.3], [0.3, 1.0]])
    close(jax.jit(host.wrap(np.linalg.cholesky))(a), jnp.linalg.cholesky(a))


def test_a_trial_run_that_fails_says_what_it_was(registered: Any) -> None:
    def fussy(x: Any) -> Any:
        if np.any(x < 10.0):
            raise ValueError("too small")
        return x

    registered(fussy, lambda _, x: (fussy(x), lambda dy: (NoTangent(), dy)))
    with pytest.raises(ValueError, match="too small") as caught:
        jax.jit(host.wrap(fussy))(jnp.array([20.0]))
    assert any("result_shape" in note for note in caught.value.__notes__)


def test_a_rule_that_calls_back_is_given_jax(calling_back: Any) -> None:
    apply, seen = calling_back
    wrapped, x = host.wrap(apply), array(3)
    for inner in (jnp.sin, np.sin, lambda x: np.array([np.sin(v) for v in x])):
        for jit in (lambda f: f, jax.jit):
            close(jit(jax.grad(lambda x, f=inner: wrapped(f, x).sum()))(x), jnp.cos(x))
    assert seen[0] is host.JaxConfig
    check_grads(lambda x: wrapped(np.sin, x), (x,), order=2)


def test_a_function_of_jax_as_a_rule_and_in_pytorch() -> None:
    f = host.rule_from_jax(lambda p, x: jnp.sin(p["w"] * x).sum())
    x = np.array([0.3, -1.2])
    dp, dx = gradient(f, {"w": 2.0}, x)
    np.testing.assert_allclose(dp["w"], np.sum(x * np.cos(2.0 * x)))
    np.testing.assert_allclose(dx, 2.0 * np.cos(2.0 * x))
    torch = pytest.importorskip("torch")
    from rules_runtime.hosts import torch as torch_host

    t = torch.tensor(x, requires_grad=True)
    torch_host.wrap(f)({"w": 2.0}, t).backward()
    np.testing.assert_allclose(t.grad.numpy(), dx)


def test_second_derivatives_of_a_function_of_the_host() -> None:
    """Those of its pullback, by the host; and what the tape computes around it, by the tape."""
    own = host.rule_from_jax(
        lambda p, k: (p["a"] * jnp.exp(1j * p["b"]), k * p["a"], jnp.sum(p["b"] * p["a"]))
    )
    check_second_derivatives(own)
