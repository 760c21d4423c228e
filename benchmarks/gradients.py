#!/usr/bin/env python3
"""Gradients of numpy functions of many kinds:
how many times the plain function they cost, and the gradient by hand.

    python benchmarks/gradients.py [--only a,b] [--repeat N] [--with-autograd] [--with-torch]

Each workload is a plain function of arrays, numbers or structures; those of `by_hand.py` have their
gradient written by hand, too. A round takes one sample of the function, of the gradient by hand and
of ours (processor time, mean of several calls); what is printed is the median over rounds of ratios
of samples of one round. With `--with-autograd` the same source is run with `np` rebound to
`autograd.numpy`, where it can, and with `--with-torch` to PyTorch (`in_torch.py`), with one thread:
`torch / ours` below 1 is where PyTorch, eager, is faster.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import by_hand
import numpy as np

from rules_runtime import value_and_gradient


def bodies(position: Any, velocity: Any, mass: Any) -> Any:
    """Gravitating bodies, leapfrog: broadcasting, sums, powers."""
    for _ in range(20):
        d = position[:, None, :] - position[None, :, :]
        r2 = np.sum(d**2, axis=-1) + 0.1
        force = -np.sum(d * (mass[None, :] / r2**1.5)[..., None], axis=1)
        velocity = velocity + 0.01 * force
        position = position + 0.01 * velocity
    return np.sum(position**2) + np.sum(velocity**2 * mass[:, None])


def convolution(kernel: Any, bias: Any, image: Any) -> Any:
    """A 3x3 convolution by shifted slices, ReLU, average pooling."""
    h, w = image.shape[0] - 2, image.shape[1] - 2
    out = bias
    for i in range(3):
        for j in range(3):
            out = out + kernel[i, j] * image[i : i + h, j : j + w]
    out = np.maximum(out, 0.0)
    pooled = (out[::2, ::2] + out[1::2, ::2] + out[::2, 1::2] + out[1::2, 1::2]) / 4.0
    return np.sum(pooled**2)


class Layer(NamedTuple):
    w: Any
    b: Any


def network(params: Any, x: Any, labels: Any) -> Any:
    """A network whose parameters are a dict of a list of named tuples."""
    for layer in params["layers"][:-1]:
        x = np.tanh(x @ layer.w + layer.b)
    last = params["layers"][-1]
    z = x @ last.w + last.b
    log_z = np.log(np.sum(np.exp(z), axis=1))
    picked = z[np.arange(len(labels)), labels]
    decay = sum(np.sum(layer.w**2) for layer in params["layers"])
    return np.mean(log_z - picked) + 1e-4 * decay


def recurrence(w: Any, u: Any, xs: Any) -> Any:
    """A gated recurrence that stacks its states and normalises them."""
    h = np.zeros(w.shape[0])
    states = []
    for x in xs:
        both = np.concatenate([h, x])
        gate = 1.0 / (1.0 + np.exp(-(u @ both)))
        h = gate * h + (1.0 - gate) * np.tanh(w @ both)
        states.append(h)
    s = np.stack(states)
    s = (s - np.mean(s, axis=0)) / np.sqrt(np.var(s, axis=0) + 1e-3)
    return np.sum(np.abs(s[1:] - s[:-1]))


def polynomial(c: Any, x: Any) -> Any:
    """Horner's scheme on numbers, in a Python loop with branches."""
    total = 0.0
    for v in x:
        y = 0.0
        for k in range(len(c) - 1, -1, -1):
            y = y * v + c[k]
        total = total + (y * y if y > 0 else -3.0 * y)
    return total


def cumulative(x: Any, w: Any) -> Any:
    """Running sums, sorting, interpolation between quantiles, where."""
    s = np.cumsum(np.where(x > 0, x * w, 0.1 * x))
    s = np.sort(s)[10:-10]
    return np.sum(np.diff(s) ** 2) + np.median(s) + np.sum(np.sqrt(np.abs(s) + 1.0))


def heat(u: Any, k: Any) -> Any:
    """Diffusion with updates in place of slices."""
    u = u * 1.0
    for _ in range(50):
        u[1:-1] += k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[0] = u[1]
        u[-1] = u[-2]
    return np.sum(u**2)


def covariance(x: Any, y: Any) -> Any:
    """Whitening by Cholesky and a quadratic form; einsum with three operands."""
    c = x.T @ x / x.shape[0] + 0.1 * np.eye(x.shape[1])
    low = np.linalg.cholesky(c)
    z = np.linalg.solve(low, y)
    q = np.einsum("ij,jk,ik->i", z.T, c, z.T)
    return np.sum(np.log(np.diag(low))) + np.sum(q * np.linalg.inv(c)[0, 0])


@dataclass(frozen=True)
class Workload:
    function: Callable[..., Any]
    params: tuple[Any, ...]
    data: tuple[Any, ...] = ()
    autograd: bool = True
    hand: Callable[..., Any] | None = None  # the same value and its gradients, written by hand


def workloads() -> list[Workload]:
    rng = np.random.default_rng(0)
    n = rng.normal
    sizes = [64, 128, 64, 10]
    layers = [Layer(n(size=(a, b)) / np.sqrt(a), np.zeros(b)) for a, b in itertools.pairwise(sizes)]
    return [
        Workload(bodies, (n(size=(30, 3)), n(size=(30, 3)), rng.random(30))),
        Workload(convolution, (n(size=(3, 3)), np.float64(0.1)), (n(size=(130, 130)),)),
        Workload(
            network, ({"layers": layers},), (n(size=(64, 64)), rng.integers(10, size=64)), False
        ),
        Workload(recurrence, (n(size=(20, 30)) / 5, n(size=(20, 30)) / 5), (n(size=(40, 10)),)),
        Workload(polynomial, (n(size=6),), (n(size=20),)),
        Workload(cumulative, (n(size=2000), n(size=2000)), (), False),
        Workload(heat, (n(size=400), np.float64(0.2)), (), False),
        Workload(covariance, (n(size=(200, 60)), n(size=(60, 40)))),
        *[Workload(f, params, data, False, hand) for f, hand, params, data in by_hand.cases()],
    ]


def per_call(run: Callable[[], Any], seconds: float = 0.02) -> float:
    start = time.process_time()
    calls = 0
    while time.process_time() - start < seconds:
        run()
        calls += 1
    return (time.process_time() - start) / calls


def runs_of(
    workload: Workload, with_autograd: bool, with_torch: bool = False
) -> dict[str, Callable[[], Any]]:
    f, params, data = workload.function, workload.params, workload.data
    found: dict[str, Callable[[], Any]] = {"function": lambda: f(*params, *data)}
    if workload.hand is not None:
        hand = workload.hand
        found["hand"] = lambda: hand(*params, *data)
    found["gradient"] = lambda: value_and_gradient(lambda *p: f(*p, *data), *params)
    if with_autograd and workload.autograd:
        import autograd
        import autograd.numpy

        space = {**f.__globals__, "np": autograd.numpy}
        g = types.FunctionType(f.__code__, space, f.__name__, f.__defaults__)
        run = autograd.value_and_grad(lambda *p: g(*p, *data), argnum=tuple(range(len(params))))
        found["autograd"] = lambda: run(*params)
    if with_torch:
        import torch
        from in_torch import in_torch

        torch.set_num_threads(1)
        in_pytorch = in_torch(f, params, data)
        try:
            value = float(in_pytorch()[0].detach())
        except Exception:  # what PyTorch has not, or has otherwise
            return found
        if np.isclose(value, f(*params, *data), rtol=1e-5):
            found["torch"] = in_pytorch
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="these workloads only, with commas")
    parser.add_argument("--repeat", type=int, default=7, help="rounds (7)")
    parser.add_argument("--with-autograd", action="store_true", help="HIPS autograd, too")
    parser.add_argument("--with-torch", action="store_true", help="PyTorch, too")
    options = parser.parse_args()
    chosen = {name for name in options.only.split(",") if name}
    print(
        f"{'workload':16} {'function':>10} {'/ function':>11} {'/ by hand':>10}  autograd / function  torch / ours"
    )
    behind: list[str] = []
    compared = 0
    for workload in workloads():
        name = workload.function.__name__
        if chosen and name not in chosen:
            continue
        runs = runs_of(workload, options.with_autograd, options.with_torch)
        check(workload, runs)
        rounds = [{k: per_call(run) for k, run in runs.items()} for _ in range(options.repeat)]

        def ratio(of: str, over: str, rounds: Any = rounds) -> str:
            if of not in rounds[0] or over not in rounds[0]:
                return ""
            return f"{statistics.median(r[of] / r[over] for r in rounds):.2f}"

        base = statistics.median(r["function"] for r in rounds) * 1e6
        print(
            f"{name:16} {base:7.1f} us {ratio('gradient', 'function'):>11} {ratio('gradient', 'hand'):>10}"
            f"  {ratio('autograd', 'function'):>19}  {ratio('torch', 'gradient'):>12}",
            flush=True,
        )
        if "torch" in runs:
            compared += 1
            behind += [name] if float(ratio("torch", "gradient")) < 1.0 else []
    if compared:
        print(f"ahead of PyTorch on {compared - len(behind)} of {compared}; behind on: {behind}")


def check(workload: Workload, runs: dict[str, Callable[[], Any]]) -> None:
    """Run all once, and compare what was written by hand."""
    results = {name: run() for name, run in runs.items()}
    if "hand" in results:
        ours, theirs = results["gradient"], results["hand"]
        tolerance = 1e-4 if np.result_type(ours[0]) == np.float32 else 1e-8
        for x, y in zip(leaves(ours), leaves(theirs), strict=True):
            np.testing.assert_allclose(
                x, y, rtol=tolerance, atol=tolerance * np.max(np.abs(y)), err_msg=str(workload)
            )


def leaves(x: Any) -> list[Any]:
    """The arrays and numbers in a result, in the order of the names of the parts."""
    if hasattr(x, "primal_type"):  # a tangent
        x = dict(x.items())
    elif hasattr(x, "_asdict"):
        x = x._asdict()
    elif isinstance(x, (list, tuple)):
        x = dict(enumerate(x))
    elif hasattr(x, "__dataclass_fields__"):
        x = vars(x)
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in leaves(x[key])]
    return [] if isinstance(x, str) else [x]


if __name__ == "__main__":
    main()
