#!/usr/bin/env python3
"""What a bridge costs: value and pullback of one call through `wrap`,
over the same rule written by hand for that host.

    python benchmarks/hosts.py [--only autograd,torch,jax,jitted] [--repeat N]

A round takes one sample of each of the two (processor time of several calls); what is printed is
the median over rounds of the ratios of samples of one round. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import argparse  # noqa: E402
import gc  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

from rules_runtime import NoTangent, rrule  # noqa: E402


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def softplus_by(x: Any, dy: Any) -> Any:
    return dy / (1.0 + np.exp(-x))


def product(a: Any, b: Any) -> Any:
    return a @ b


@rrule.register(softplus)
def rrule_softplus(_: Any, x: Any) -> Any:
    return softplus(x), lambda dy: (NoTangent(), softplus_by(x, dy))


@rrule.register(product)
def rrule_product(_: Any, a: Any, b: Any) -> Any:
    return a @ b, lambda dc: (NoTangent(), dc @ b.T, a.T @ dc)


class Pair(NamedTuple):
    """What is measured: a call through the bridge, the same by hand, and at most how many times
    as long the one may take."""

    name: str
    bridge: Callable[[], Any]
    hand: Callable[[], Any]
    goal: float | None


SIZES = (10, 1_000, 100_000)


def arguments(f: Any, size: int) -> tuple[Any, ...]:
    """Numbers for a call of `f`, the cotangent last."""
    random = np.random.default_rng(0)
    if f is softplus:
        return random.normal(size=size), random.normal(size=size)
    side = round(size**0.5)
    return tuple(random.normal(size=(3, side, side)))


def in_autograd() -> Iterator[Pair]:
    import autograd as ag
    from autograd.extend import defvjp, primitive

    from rules_runtime.hosts.autograd import wrap

    by_hand = {f: primitive(f) for f in (softplus, product)}
    defvjp(by_hand[softplus], lambda ans, x: lambda g: softplus_by(x, g))
    defvjp(
        by_hand[product], lambda ans, a, b: lambda g: g @ b.T, lambda ans, a, b: lambda g: a.T @ g
    )

    def run(f: Any, xs: Any, g: Any) -> Callable[[], Any]:
        whole = (lambda xs: f(xs[0], xs[1])) if len(xs) > 1 else f
        at = tuple(xs) if len(xs) > 1 else xs[0]
        return lambda: ag.make_vjp(whole)(at)[0](g)

    for f, hand in by_hand.items():
        for size in SIZES:
            *xs, g = arguments(f, size)
            goal = {10: 2.0, 100_000: 1.3}.get(size)
            yield Pair(f"{f.__name__} {size}", run(wrap(f), xs, g), run(hand, xs, g), goal)


def in_torch() -> Iterator[Pair]:
    import torch

    from rules_runtime.hosts.torch import wrap

    torch.set_num_threads(1)

    class Softplus(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.from_numpy(softplus(x.detach().numpy()))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return torch.from_numpy(softplus_by(x.detach().numpy(), g.numpy()))

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            a, b = ctx.saved_tensors
            return g @ b.T, a.T @ g

    def run(f: Any, xs: Any, g: Any) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(f(*xs), xs, g)

    for f, hand in ((softplus, Softplus.apply), (product, Product.apply)):
        for size in SIZES:
            *xs, g = [torch.from_numpy(x) for x in arguments(f, size)]
            for x in xs:
                x.requires_grad_()
            goal = {10: 2.0, 100_000: 1.3}.get(size)
            yield Pair(f"{f.__name__} {size}", run(wrap(f), xs, g), run(hand, xs, g), goal)


def by_custom_vjp() -> dict[Any, Any]:
    import jax
    import jax.numpy as jnp

    first, second = jax.custom_vjp(lambda x: jnp.log1p(jnp.exp(x))), jax.custom_vjp(jnp.matmul)
    first.defvjp(lambda x: (jnp.log1p(jnp.exp(x)), x), lambda x, g: (g / (1.0 + jnp.exp(-x)),))
    second.defvjp(lambda a, b: (a @ b, (a, b)), lambda ab, g: (g @ ab[1].T, ab[0].T @ g))
    return {softplus: first, product: second}


def by_callback() -> dict[Any, Any]:
    import jax

    def on_host(f: Any, like: Any, *xs: Any) -> Any:
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), like)
        return jax.pure_callback(f, shapes, *xs, vmap_method="sequential")

    def back(x: Any, g: Any) -> Any:
        return softplus_by(np.asarray(x), np.asarray(g))

    def forth(x: Any) -> Any:
        return softplus(np.asarray(x))

    def backs(a: Any, b: Any, g: Any) -> Any:
        a, b, g = np.asarray(a), np.asarray(b), np.asarray(g)
        return g @ b.T, a.T @ g

    def forths(a: Any, b: Any) -> Any:
        return np.asarray(a) @ np.asarray(b)

    first = jax.custom_vjp(lambda x: on_host(forth, x, x))
    first.defvjp(lambda x: (first(x), x), lambda x, g: (on_host(back, x, x, g),))
    second = jax.custom_vjp(lambda a, b: on_host(forths, a, a, b))
    second.defvjp(lambda a, b: (second(a, b), (a, b)), lambda ab, g: on_host(backs, ab, *ab, g))
    return {softplus: first, product: second}


def in_jax(compiled: bool = False) -> Iterator[Pair]:
    import jax
    import jax.numpy as jnp

    from rules_runtime.hosts.jax import wrap

    def run(f: Any, xs: Any, g: Any) -> Callable[[], Any]:
        def both(g: Any, *xs: Any) -> Any:
            y, back = jax.vjp(f, *xs)
            return y, back(g)

        if compiled:
            both = jax.jit(both)
        return lambda: jax.block_until_ready(both(g, *xs))

    for f, hand in (by_callback() if compiled else by_custom_vjp()).items():
        for size in SIZES:
            *xs, g = [jnp.asarray(x) for x in arguments(f, size)]
            goal = 1.3 if compiled else 1.2
            yield Pair(f"{f.__name__} {size}", run(wrap(f), xs, g), run(hand, xs, g), goal)


HOSTS = {"autograd": in_autograd, "torch": in_torch, "jax": in_jax, "jitted": lambda: in_jax(True)}


def per_call(run: Callable[[], Any], seconds: float) -> float:
    start = time.process_time()
    calls = 0
    while time.process_time() - start < seconds:
        run()
        calls += 1
    return (time.process_time() - start) / calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default=",".join(HOSTS), help=", ".join(HOSTS))
    parser.add_argument("--repeat", type=int, default=21, help="rounds (21)")
    parser.add_argument("--seconds", type=float, default=0.03, help="length of a sample (0.03)")
    options = parser.parse_args()
    missed = 0
    print(f"{'host':9} {'call':16} {'by hand':>11} {'bridge':>8}   goal")
    for host in options.only.split(","):
        for name, bridge, hand, goal in HOSTS[host]():
            agree(bridge(), hand())
            gc.collect()
            ratios, base = [], []
            for _ in range(options.repeat):
                taken = per_call(hand, options.seconds), per_call(bridge, options.seconds)
                base.append(taken[0])
                ratios.append(taken[1] / taken[0])
            ratio = statistics.median(ratios)
            far = goal is not None and ratio > goal
            missed += far
            shown = "" if goal is None else f"<= {goal} {'MISSED' if far else ''}"
            print(
                f"{host:9} {name:16} {statistics.median(base) * 1e6:8.1f} us {ratio:6.2f} x   {shown}",
                flush=True,
            )
    return 1 if missed else 0


def agree(x: Any, y: Any) -> None:
    """Whether the two give the same numbers."""
    if isinstance(x, (tuple, list)):
        for a, b in zip(x, y, strict=True):
            agree(a, b)
    else:
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-9)


if __name__ == "__main__":
    sys.exit(main())
