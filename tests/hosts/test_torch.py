"""Rules in PyTorch."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap  # noqa: E402

from rules_runtime import NoTangent, RuleConfig, gradient, rrule_via_ad  # noqa: E402
from rules_runtime.config import HasReverseMode  # noqa: E402
from rules_runtime.errors import RuleError  # noqa: E402
from rules_runtime.hosts import torch as host  # noqa: E402
from tests.hosts.conftest import affine, check_second_derivatives  # noqa: E402


def tensor(*shape: int, dtype: Any = torch.float64) -> Any:
    made = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=dtype, generator=made).requires_grad_()


@pytest.mark.parametrize("f", [np.sinc, np.tanh, np.cumsum], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_checks_of_pytorch(f: Any, dtype: Any) -> None:
    x = tensor(3, 4, dtype=dtype)
    wrapped = host.wrap(f)
    assert gradcheck(wrapped, (x,))
    assert gradcheck(wrapped, (x,), check_forward_ad=True)
    assert gradgradcheck(wrapped, (x,))


def test_several_arguments_and_batches() -> None:
    a, b = tensor(3, 4), tensor(4, 2)
    wrapped = host.wrap(np.matmul)
    assert gradcheck(wrapped, (a, b))
    assert gradgradcheck(wrapped, (a, b))
    many = torch.stack([a, 2 * a]).detach()
    torch.testing.assert_close(vmap(wrapped, (0, None))(many, b.detach()), many @ b.detach())


def test_functional_transforms() -> None:
    wrapped = host.wrap(np.sinc)
    x = tensor(4).detach()
    for transform in (jacrev, jacfwd):
        torch.testing.assert_close(transform(wrapped)(x), transform(torch.sinc)(x))

    def loss(f: Any) -> Any:
        return lambda x: f(x).sum()

    for transform in (grad, hessian, lambda f: vmap(grad(f))):
        at = x if transform is not vmap else torch.stack([x, x])
        got, want = loss(wrapped), loss(torch.sinc)
        if transform in (grad, hessian):
            torch.testing.assert_close(transform(got)(at), transform(want)(at))
    rows = torch.stack([x, 2 * x])
    torch.testing.assert_close(vmap(grad(loss(wrapped)))(rows), vmap(grad(loss(torch.sinc)))(rows))
    _, pull = vjp(wrapped, x)
    torch.testing.assert_close(pull(x), vjp(torch.sinc, x)[1](x))
    torch.testing.assert_close(jvp(wrapped, (x,), (x,)), jvp(torch.sinc, (x,), (x,)))


def test_compiled_code() -> None:
    from torch._dynamo.testing import CompileCounter

    def loss(f: Any) -> Any:
        return lambda a, b: (f(2.0 * a, b) ** 2).sum()

    a, b = tensor(3, 4), tensor(4, 2)
    left_out = host.wrap(np.matmul)
    whole = host.wrap(np.matmul, result_shape=lambda a, b: a.new_empty(len(a), b.shape[1]))
    want = torch.autograd.grad(loss(torch.matmul)(a, b), (a, b))
    for wrapped in (left_out, whole):
        for backend in ("eager", "aot_eager"):
            compiled = torch.compile(loss(wrapped), backend=backend, fullgraph=wrapped is whole)
            torch.testing.assert_close(torch.autograd.grad(compiled(a, b), (a, b)), want)
            (db,) = torch.autograd.grad(compiled(a.detach(), b), (b,))
            torch.testing.assert_close(db, want[1])
        torch.compiler.reset()
        counter = CompileCounter()
        torch.compile(loss(wrapped), backend=counter)(a, b)
        assert counter.frame_count == (1 if wrapped is whole else 2)
    with pytest.raises(Exception, match="disable"):
        torch.compile(loss(left_out), backend="eager", fullgraph=True)(a, b)
    torch.compiler.reset()


def test_several_results_of_an_operator(registered: Any) -> None:
    def halves(x: Any) -> Any:
        return x[:2], x[2:]

    registered(halves, lambda _, x: (halves(x), lambda dy: (NoTangent(), np.concatenate(dy[:]))))
    wrapped = host.wrap(halves, result_shape=lambda x: (x[:2].clone(), x[2:].clone()))

    def loss(f: Any) -> Any:
        def total(x: Any) -> Any:
            a, b = f(x)
            return (a**2).sum() + b.sin().sum()

        return total

    x = tensor(5)
    compiled = torch.compile(loss(wrapped), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(
        torch.autograd.grad(compiled(x), x), torch.autograd.grad(loss(halves)(x), x)
    )


def test_structures_and_thunks(ran: list[str]) -> None:
    wrapped = host.wrap(affine)
    x = tensor(5)
    p = {
        "w": torch.tensor(2.0, dtype=torch.float64),
        "b": torch.tensor(1.0, dtype=torch.float64, requires_grad=True),
    }
    first, second = wrapped(p, x)
    ((first**2).sum() + second.sin().sum()).backward()
    got = x.grad.clone(), p["b"].grad.clone()
    assert ran == []  # the weight needs no gradient
    x.grad = p["b"].grad = None
    first, second = affine(p, x)
    ((first**2).sum() + second.sin().sum()).backward()
    torch.testing.assert_close(got, (x.grad, p["b"].grad))


def test_memory_is_shared_unless_that_would_be_seen(registered: Any) -> None:
    kept: list[Any] = []

    def double(x: Any) -> Any:
        kept.append(x)
        return x

    registered(double, lambda _, x: (double(x), lambda dy: (NoTangent(), dy)))
    x = torch.ones(3, dtype=torch.float64)
    y = host.wrap(double)(x)
    assert np.shares_memory(kept[0], x.numpy())
    y += 1
    assert x[0] == 1.0

    def flipped(x: Any) -> Any:
        return x[::-1]

    registered(flipped, lambda _, x: (x[::-1], lambda dy: (NoTangent(), dy[::-1])))
    assert gradcheck(host.wrap(flipped), (tensor(3),))


def test_results_that_cannot_be_written_into_are_copied(registered: Any) -> None:
    def spread(x: Any) -> Any:
        return np.broadcast_to(x, (2, *x.shape))

    registered(spread, lambda _, x: (spread(x), lambda dy: (NoTangent(), np.sum(dy, axis=0))))
    x = tensor(3)
    y = host.wrap(spread)(x)
    y[0].sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    with torch.no_grad():
        y[0] += 1.0
    torch.testing.assert_close(y[1], x)


def test_a_change_in_place_is_noticed() -> None:
    a = tensor(3)
    b = a * 1
    c = host.wrap(np.exp)(b)
    b.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        c.sum().backward()


def test_views_of_other_kinds() -> None:
    z = tensor(3, dtype=torch.complex128)
    torch.testing.assert_close(host.wrap(np.exp)(z.conj()), torch.exp(z.conj()))
    torch.testing.assert_close(host.wrap(np.exp)(torch.conj(z).imag), torch.exp(torch.conj(z).imag))
    x = torch.randn(4, dtype=torch.float32, requires_grad=True)
    y = host.wrap(np.exp)(x)
    assert y.dtype is torch.float32
    y.sum().backward()
    assert x.grad.dtype is torch.float32


def test_what_numpy_cannot_hold_says_so() -> None:
    with pytest.raises(RuleError, match="bfloat16"):
        host.wrap(np.exp)(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(RuleError, match="to_dense"):
        host.wrap(np.exp)(torch.eye(2).to_sparse())
    with pytest.raises(RuleError, match="CPU"):
        host.wrap(np.exp)(torch.ones(2, device="meta"))


def test_a_rule_that_calls_back_is_given_pytorch(calling_back: Any) -> None:
    apply, seen = calling_back
    wrapped = host.wrap(apply)
    for inner in (torch.sin, np.sin, lambda x: np.array([np.sin(v) for v in x])):
        assert gradcheck(lambda x, f=inner: wrapped(f, x), (tensor(3),))
    assert gradgradcheck(lambda x: wrapped(np.sin, x), (tensor(3),))
    assert seen[0] is host.TorchConfig


def test_numbers_made_of_tensors_do_not_lose_a_derivative(registered: Any) -> None:
    """PyTorch only warns where `math.log` makes a number of a tensor: such a function is not for
    PyTorch, and the tape takes it by the rules that it knows."""

    def scale(x: Any, s: Any) -> Any:
        return x * log_of(s)

    def log_of(s: Any) -> Any:
        return math.log(s)

    def apply(f: Any, x: Any, s: Any) -> Any:
        return f(x, s)

    def rule(config: RuleConfig[HasReverseMode], _: Any, f: Any, x: Any, s: Any) -> Any:
        y, back = rrule_via_ad(config, f, x, s)
        return y, lambda dy: (NoTangent(), *back(dy))

    registered(apply, rule)
    registered(log_of, lambda _, s: (math.log(s), lambda dy: (NoTangent(), dy / s)))
    x, s = tensor(3), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    host.wrap(apply)(scale, x, s).sum().backward()
    torch.testing.assert_close(s.grad, x.detach().sum() / 2.0)

    logged = []

    def loss(x: Any) -> Any:
        y = (x * x).sum()
        logged.append(float(y))
        return y

    assert gradient(host.rule_from_torch(loss), np.ones(2))[0].tolist() == [2.0, 2.0]


def test_threads() -> None:
    wrapped = host.wrap(np.tanh)
    x = tensor(50)
    want = torch.autograd.grad(torch.tanh(x).sum(), x)[0]
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(20):
            got = torch.autograd.grad(wrapped(x).sum(), x)[0]
            if not torch.allclose(got, want):
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_function_of_pytorch_as_a_rule() -> None:
    f = host.rule_from_torch(lambda p, x: torch.sin(p["w"] * x).sum())
    x = np.array([0.3, -1.2])
    dp, dx = gradient(f, {"w": 2.0}, x)
    np.testing.assert_allclose(dp["w"], np.sum(x * np.cos(2.0 * x)))
    np.testing.assert_allclose(dx, 2.0 * np.cos(2.0 * x))
    assert gradient(lambda x: f({"w": 1.0}, x) * 2.0, x)[0].shape == x.shape


def test_results_that_are_no_numbers(registered: Any) -> None:
    def split(x: Any) -> Any:
        return np.argmax(x), x.max(), "name"

    def rule(_: Any, x: Any) -> Any:
        k = int(np.argmax(x))
        return split(x), lambda dy: (NoTangent(), dy[1] * (np.arange(len(x)) == k))

    registered(split, rule)
    k, y, name = host.wrap(split)(tensor(4))
    assert not k.requires_grad
    assert y.requires_grad
    assert name == "name"
    y.backward()


def test_second_derivatives_of_a_function_of_the_host() -> None:
    """Those of its pullback, by the host; and what the tape computes around it, by the tape."""
    own = host.rule_from_torch(
        lambda p, k: (p["a"] * torch.exp(1j * p["b"]), k * p["a"], torch.sum(p["b"] * p["a"]))
    )
    check_second_derivatives(own)
