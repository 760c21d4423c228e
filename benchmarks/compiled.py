#!/usr/bin/env python3
"""Compiled gradients beside the tape's, those written by hand, and `jax.jit`.

    python benchmarks/compiled.py [--only a,b] [--repeat N] [--public FILE] [--no-jax]

The functions are those of `by_hand.py`; `--public` adds the workloads of a file that has a list
`WORKLOADS` with `name`, `loss`, `hand`, `make` and `jax`. One thread, processor time, medians over
rounds of ratios of samples of one round. `first` is how many calls of the tape the recordings and
the compilation cost, in a process that has computed gradients before; `even` after how many calls
they are paid for. The goals: compiled at most
1.5 times by hand each and 1.1 in the geometric mean (public: 1.3 and 1.0), even after 40 calls
where there are 100 operations or more, 10,000 leaves at 1 us each.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import by_hand  # noqa: E402
import numpy as np  # noqa: E402

from rules_runtime import compiled, value_and_gradient  # noqa: E402
from rules_runtime.record.results import is_close  # noqa: E402

Case = tuple[str, Any, Any, Any, Any, Any]


def cases(public: str | None) -> list[tuple[str, list[Case]]]:
    """Groups of `(name, f, by hand, parameters, data, f for jax)`."""
    groups = [
        ("other kinds", [(f.__name__, f, hand, p, d, None) for f, hand, p, d in by_hand.cases()])
    ]
    if public:
        spec: Any = importlib.util.spec_from_file_location("public", Path(public))
        module = importlib.util.module_from_spec(spec)
        sys.modules["public"] = module
        spec.loader.exec_module(module)
        made = [(w, *w.make(np.random.default_rng(0))) for w in module.WORKLOADS]
        groups.insert(0, ("public", [(w.name, w.loss, w.hand, p, d, w.jax) for w, p, d in made]))
    return groups


def in_jax(f: Any, own: Any, params: Any, data: Any) -> Callable[[], Any] | None:
    """The same source with `np` rebound, where JAX can."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    rebound = {**f.__globals__, "np": jax.numpy}
    loss = (
        (lambda *args: own(jax, *args))
        if own
        else types.FunctionType(f.__code__, rebound, f.__name__, f.__defaults__, f.__closure__)
    )
    arrays = (np.ndarray, np.generic)
    params, data = (
        tuple(
            [
                jax.tree.map(lambda x: jax.numpy.asarray(x) if isinstance(x, arrays) else x, x)
                for x in group
            ]
        )
        for group in (params, data)
    )
    gradient = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(len(params)))))
    run = lambda: jax.block_until_ready(gradient(*params, *data))
    try:
        run()
    except Exception:
        return None
    return run


def sample(run: Callable[[], Any], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        run()
    return (time.process_time() - start) / count


def count_for(run: Callable[[], Any], seconds: float = 0.015) -> int:
    run()
    count = 1
    while (took := sample(run, count) * count) < seconds and count < 10**5:
        count = max(2 * count, int(count * seconds / max(took, 1e-6)))
    return count


def measured(runs: dict[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """Median ratios to the first, and its time."""
    counts = {name: count_for(run) for name, run in runs.items()}
    first = next(iter(runs))
    ratios: dict[str, list[float]] = {name: [] for name in runs}
    floors = []
    for _ in range(repeat):
        floor = sample(runs[first], counts[first])
        floors.append(floor)
        for name in random.sample(list(runs), len(runs)):
            ratios[name].append(sample(runs[name], counts[name]) / floor)
    found = {name: statistics.median(values) for name, values in ratios.items()}
    return {**found, "time": statistics.median(floors)}


def row(case: Case, options: argparse.Namespace) -> float | None:
    name, f, hand, params, data, own = case
    loss = lambda *args: f(*args, *data)
    fast = compiled(loss)
    start = time.process_time()
    for _ in range(2):
        fast(*params)
    first = time.process_time() - start
    value = fast(*params)
    if fast.refused is not None:
        print(f"{name:17} refused: {fast.refused}")
        return None
    assert is_close(value_and_gradient(loss, *params), value), name
    runs: dict[str, Callable[[], Any]] = {
        "hand": lambda: hand(*params, *data),
        "compiled": lambda: fast(*params),
        "eager": lambda: value_and_gradient(loss, *params),
    }
    jit = None if options.no_jax else in_jax(f, own, params, data)
    if jit is not None:
        runs["jax"] = jit
    found = measured(runs, options.repeat)
    eager, replay = found["eager"] * found["time"], found["compiled"] * found["time"]
    even = (first - 2 * eager) / (eager - replay) if eager > replay else float("inf")
    jax_text = f"{found['jax']:6.2f}" if jit is not None else "     -"
    print(
        f"{name:17}{found['time'] * 1e6:10.0f} us {found['compiled']:8.2f} {found['eager']:7.2f} {jax_text}"
        f"{fast._program.variants[0].operations:8} {first / eager:8.1f} {even:8.1f}",
        flush=True,
    )
    return found["compiled"]


def leaves() -> None:
    """Ten thousand numbers in a structure."""
    params = {f"k{k}": [1.0 + k + j for j in range(100)] for k in range(100)}
    f = lambda p: sum(sum(x * x for x in xs) for xs in p.values())
    fast = compiled(f)
    start = time.process_time()
    for _ in range(2):
        fast(params)
    first = time.process_time() - start
    taken = sorted(sample(lambda: fast(params), 3) for _ in range(5))[2]
    value_and_gradient(f, params)  # the garbage of the recording is not its to pay for
    eager = sorted(sample(lambda: value_and_gradient(f, params), 1) for _ in range(5))[2]
    print(
        f"\n10,000 leaves: {taken * 100:.2f} us a leaf (goal: 1), eager {eager * 100:.2f}; "
        f"recorded in {first:.1f} s, {first / eager:.0f} eager calls; refused: {fast.refused}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--public")
    parser.add_argument("--no-jax", action="store_true")
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    warm = compiled(lambda x: np.sum(x * x))
    for _ in range(3):
        warm(np.ones(3))  # the first call of a process imports rules
    for title, group in cases(options.public):
        print(
            f"\n{title:17}{'by hand':>13} {'compiled':>8}   eager    jax  operations first    even"
        )
        ratios = [row(case, options) for case in group if not wanted or case[0] in wanted]
        known = [r for r in ratios if r is not None]
        if known:
            mean = statistics.geometric_mean(known)
            print(
                f"{len(known)} of {len(ratios)}: geometric mean {mean:.2f}, largest {max(known):.2f}"
            )
    if not wanted or "leaves" in wanted:
        leaves()


if __name__ == "__main__":
    main()
