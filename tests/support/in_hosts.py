"""A call of a function with a rule in each host:
values, gradients, tangents and second derivatives, leaf by leaf.

Every host is asked the same: for arguments taken apart into leaves, the leaves of the result, and
the derivatives of `sum(real(conj(g) * y))` for fixed numbers `g`.
Real inner products make complex conventions comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rules_runtime import gradient, pullback
from rules_runtime.leaves import (
    is_number,
    put_together,
    take_apart,
    tangent,
    tangents_of_leaves,
)

Leaves = list[Any]
OnLeaves = Callable[..., tuple[Any, ...]]


def leaf(x: Any) -> bool:
    return is_number(x) and np.asarray(x).dtype.kind in "fc"


class Case:
    """`f(*args, **kwargs)` as a function of leaves,
    with cotangents for its results and directions for its arguments."""

    def __init__(self, f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.f, self.kwargs = f, kwargs
        self.leaves: Leaves = []
        self.structure = take_apart(tuple(args), leaf, self.leaves)
        random = np.random.default_rng(0)
        y, self.back = pullback(f, *args, **kwargs)
        self.ys: Leaves = []
        self.result = take_apart(y, leaf, self.ys)
        self.gs = [some(random, y) for y in self.ys]
        self.vs = [some(random, x) for x in self.leaves]

    def on_leaves(self, wrap: Callable[[Any], Any], is_value: Callable[[Any], bool]) -> OnLeaves:
        """The call through a host's `wrap`, leaves in and leaves out."""
        wrapped = wrap(self.f)

        def run(*leaves: Any) -> tuple[Any, ...]:
            parts: Leaves = []
            y = wrapped(*put_together(self.structure, iter(leaves)), **self.kwargs)
            take_apart(y, is_value, parts)
            assert len(parts) == len(self.ys), (len(parts), len(self.ys))
            return tuple(parts)

        return run

    def gradients(self) -> Leaves:
        """By the tape."""
        dx = self.back(tangent(self.result, iter(self.gs)))
        found: Leaves = []
        parts = self.structure.parts or {}
        for (_, part), own in zip(parts.items(), dx, strict=True):
            tangents_of_leaves(part, own, lambda _: True, found)
        return [np.zeros(np.shape(x)) if d is None else d for d, x in zip(found, self.leaves)]


def some(random: np.random.Generator, x: Any) -> Any:
    x = np.asarray(x)
    g = random.normal(size=x.shape)
    if x.dtype.kind == "c":
        g = g + 1j * random.normal(size=x.shape)
    return np.asarray(g, x.dtype)[()]


def product(a: Sequence[Any], b: Sequence[Any]) -> float:
    return float(sum(np.sum(np.real(np.conj(x) * y)) for x, y in zip(a, b, strict=True)))


def in_autograd(case: Case) -> tuple[Leaves, Callable[[], float], Callable[[], Leaves]]:
    """(gradients, product of the cotangents with the tangents, gradients of <gradient, v>)."""
    import autograd as ag
    import autograd.numpy as anp
    from autograd.builtins import tuple as boxed
    from autograd.tracer import isbox

    from rules_runtime.hosts import autograd as host

    run = case.on_leaves(host.wrap, lambda x: isbox(x) or leaf(x))
    at = tuple(case.leaves)

    def total(values: Any) -> Any:
        ys = run(*[values[k] for k in range(len(at))])
        return sum(anp.sum(anp.real(np.conj(g) * y)) for g, y in zip(case.gs, ys, strict=True))

    def first(values: Any) -> Any:
        return ag.grad(total)(values)

    def forwards() -> float:
        jvp = ag.make_jvp(lambda values: boxed(run(*[values[k] for k in range(len(at))])))(at)
        return product(case.gs, list(jvp(tuple(case.vs))[1]))

    def second() -> Leaves:
        def phi(values: Any) -> Any:
            ds = first(values)
            return sum(anp.sum(anp.real(ds[k] * v)) for k, v in enumerate(case.vs))

        return [np.conj(d) for d in ag.grad(phi)(at)]

    return [np.conj(d) for d in first(at)], forwards, second


def in_torch(case: Case) -> tuple[Leaves, Callable[[], float], Callable[[], Leaves]]:
    import torch

    from rules_runtime.hosts import torch as host

    run = case.on_leaves(host.wrap, host.is_tensor)
    at = [torch.from_numpy(np.array(x)).requires_grad_() for x in case.leaves]
    gs = [torch.from_numpy(np.array(g)) for g in case.gs]
    vs = [torch.from_numpy(np.array(v)) for v in case.vs]

    def first(keep: bool) -> Any:
        ys = run(*at)
        pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
        if not pairs:
            return [torch.zeros_like(x) for x in at]
        ds = torch.autograd.grad(
            [y for y, _ in pairs], at, [g for _, g in pairs], create_graph=keep, allow_unused=True
        )
        return [torch.zeros_like(x) if d is None else d for d, x in zip(ds, at, strict=True)]

    def forwards() -> float:
        _, dys = torch.func.jvp(run, tuple(x.detach() for x in at), tuple(vs))
        return product(case.gs, [d.detach().numpy() for d in dys])

    def second() -> Leaves:
        ds = first(keep=True)
        phi = sum(
            (torch.conj(v) * d).real.sum() if d.is_complex() else (v * d).sum()
            for v, d in zip(vs, ds)
        )
        if not (isinstance(phi, torch.Tensor) and phi.requires_grad):
            return [np.zeros(np.shape(x)) for x in case.leaves]
        hs = torch.autograd.grad(phi, at, allow_unused=True)
        return [
            np.zeros(np.shape(x)) if h is None else h.resolve_conj().numpy()
            for h, x in zip(hs, case.leaves)
        ]

    return [d.detach().resolve_conj().numpy() for d in first(keep=False)], forwards, second


def in_jax(
    case: Case, jit: bool = False
) -> tuple[Leaves, Callable[[], float], Callable[[], Leaves]]:
    import jax
    import jax.numpy as jnp

    from rules_runtime.hosts import jax as host

    run = case.on_leaves(host.wrap, host.is_jax)
    if jit:
        run = jax.jit(run)
    at = [jnp.asarray(x) for x in case.leaves]

    def total(*values: Any) -> Any:
        return sum(
            jnp.sum(jnp.real(jnp.conj(g) * y)) for g, y in zip(case.gs, run(*values), strict=True)
        )

    first = jax.grad(total, tuple(range(len(at))))

    def forwards() -> float:
        _, dys = jax.jvp(run, tuple(at), tuple(jnp.asarray(v) for v in case.vs))
        return product(case.gs, [np.asarray(d) for d in dys])

    def second() -> Leaves:
        def phi(*values: Any) -> Any:
            return sum(
                jnp.sum(jnp.real(d * v)) for d, v in zip(first(*values), case.vs, strict=True)
            )

        return [np.conj(np.asarray(d)) for d in jax.grad(phi, tuple(range(len(at))))(*at)]

    return [np.conj(np.asarray(d)) for d in first(*at)], forwards, second


def in_jitted_jax(case: Case) -> tuple[Leaves, Callable[[], float], Callable[[], Leaves]]:
    return in_jax(case, jit=True)


HOSTS = {"autograd": in_autograd, "torch": in_torch, "jax": in_jax, "jax jitted": in_jitted_jax}


def second_by_tape(case: Case) -> float:
    """The derivative of <gradient, v> along v, by the tape."""

    def phi(*leaves: Any) -> Any:
        other = object.__new__(Case)
        other.__dict__.update(case.__dict__)
        _, other.back = pullback(case.f, *put_together(case.structure, iter(leaves)), **case.kwargs)
        return sum(
            np.sum(np.real(np.conj(v) * d)) for v, d in zip(case.vs, other.gradients(), strict=True)
        )

    return product(gradient(phi, *case.leaves), case.vs)


def second_by_differences(case: Case, h: float = 1e-6) -> float:
    """The derivative of <gradient, v> along v, by differences of the tape's gradients."""

    def phi(step: float) -> float:
        moved = [x + step * v for x, v in zip(case.leaves, case.vs, strict=True)]
        moved = [
            type(x)(m) if isinstance(x, (float, complex)) else m for x, m in zip(case.leaves, moved)
        ]
        args = put_together(case.structure, iter(moved))
        other = object.__new__(Case)
        other.__dict__.update(case.__dict__)
        _, other.back = pullback(case.f, *args, **case.kwargs)
        return product(other.gradients(), case.vs)

    return (phi(h) - phi(-h)) / (2 * h)
