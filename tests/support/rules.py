"""What every rule of the library is put through: `test_rrule`, the same for its gradient (second
order), and the gradient that is recorded and replayed beside the one that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from rules_runtime import (
    HasReverseMode,
    RuleConfig,
    compiled,
    gradient,
    rrule,
    rrule_via_ad,
    value_and_gradient,
)
from rules_runtime.record.results import is_close
from rules_runtime.testing import Along, test_rrule


def check_rule(*config_f_args: Any, **options: Any) -> None:
    """`test_rrule`, and that a replay gives what the tape gives."""
    test_rrule(*config_f_args, **options)
    if not isinstance(config_f_args[0], RuleConfig):
        f, *args = (x.value if isinstance(x, Along) else x for x in config_f_args)
        check_recorded(f, *args, **(options.get("fkwargs") or {}))


def check_recorded(f: Callable[..., Any], *args: Any, **fkwargs: Any) -> str | None:
    """Compare replays with the tape, at these arguments and at others, also not contiguous and
    read-only; why it was refused, if it was."""
    weights = _weights(f(*args, **fkwargs), np.random.default_rng(7))

    def total(*args: Any) -> Any:
        return _weighted(f(*args, **fkwargs), weights)

    fast = compiled(total)
    moved = [x * 1.01 if isinstance(x, (float, np.floating)) else x for x in args]
    moved = [x * 1.01 if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in moved]
    apart = [strided(x) if isinstance(x, np.ndarray) else x for x in moved]
    for given in (args, args, moved, apart):
        try:
            want = value_and_gradient(total, *given)
        except Exception as error:  # whatever the tape says, is said
            with pytest.raises(type(error)):
                fast(*given)
        else:
            found = fast(*given)
            assert is_close(want, found) or is_close(want, found, 1e-14), (want, found)
    return fast.refused


few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**20)


def numbers(rng: np.random.Generator, shape: Any = (), dtype: str = "f8") -> Any:
    """Numbers away from 0 and apart from each other, in an array of any dtype."""
    size = int(np.prod(shape, dtype=int))
    drawn = (rng.permutation(size) + rng.uniform(0.2, 0.8, size)) / max(size, 4) + 0.2
    drawn = (drawn * rng.choice([-1.0, 1.0], size)).reshape(shape)
    if np.dtype(dtype).kind == "c":
        drawn = drawn + 1j * rng.uniform(-1, 1, shape)
    return np.asarray(drawn).astype(dtype)


def strided(x: Any) -> Any:
    """The same numbers, not contiguous and read-only."""
    if x.ndim == 0:
        return x
    out = np.repeat(x, 2, axis=-1)[..., ::2]
    out.flags.writeable = False
    return out


def check_second_order(f: Callable[..., Any], *args: Any, **fkwargs: Any) -> None:
    """Check by finite differences the gradient of a gradient through `f`,
    taken by the built-in reverse mode, and that a replay gives the same."""
    rng = np.random.default_rng(7)
    weights = _weights(f(*args, **fkwargs), rng)

    def total(*args: Any) -> Any:
        return _weighted(f(*args, **fkwargs), weights)

    def gradients(*args: Any) -> Any:
        return gradient(total, *args)

    def checked(*args: Any) -> Any:
        return gradients(*args)

    @rrule.register(checked)
    def rrule_checked(config: RuleConfig[HasReverseMode], _, *args: Any) -> Any:
        return rrule_via_ad(config, gradients, *args)

    test_rrule(checked, *args)
    check_recorded(gradients, *args)


def _weights(y: Any, rng: np.random.Generator) -> Any:
    if isinstance(y, (tuple, list)):
        return [_weights(part, rng) for part in y]
    kind = np.asarray(y).dtype.kind
    if kind not in "fc":
        return None
    w = rng.normal(size=np.shape(y))
    return w + 1j * rng.normal(size=np.shape(y)) if kind == "c" else w


def _weighted(y: Any, w: Any) -> Any:
    """A number that depends on every part of y, and not linearly."""
    if w is None:
        return 0.0
    if isinstance(w, list):
        return sum(_weighted(part, weight) for part, weight in zip(y, w))
    return np.sum(np.real(np.conj(w) * y) + 0.1 * np.real(w * y * y))
