"""Functions of numpy as functions of PyTorch: the same source with `np` and `scipy` rebound."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

f8 = torch.float64


def _tensor(x: Any) -> Any:
    return x if torch.is_tensor(x) else torch.tensor(x, dtype=f8)


def _array(x: Any) -> Any:
    return torch.stack([_array(e) for e in x]) if isinstance(x, (list, tuple)) else _tensor(x)


def _over(whole: Any, along: Any) -> Callable[..., Any]:
    """A reduction of everything, or over an axis."""
    return lambda x, axis=None, **kw: whole(x) if axis is None else along(x, axis, **kw)


def _pair(f: Any) -> Callable[..., Any]:
    return lambda a, b: f(_tensor(a), _tensor(b))


def _pad(x: Any, width: int, mode: str) -> Any:
    assert mode == "edge" and x.ndim == 2
    return torch.nn.functional.pad(x[None], (width,) * 4, mode="replicate")[0]


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    found = torch.linalg.svd(x, full_matrices=full_matrices)
    return found if compute_uv else found[1]


class _Rebound:
    """Names of numpy's: those that differ, and PyTorch's own."""

    def __init__(self, own: Any, **names: Any) -> None:
        self.__dict__.update(names)
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


numpy = _Rebound(
    torch,
    newaxis=None, pi=np.pi, inf=np.inf,
    array=_array, asarray=_array, copy=torch.clone,
    zeros=lambda shape: torch.zeros(shape, dtype=f8),
    ones=lambda shape, dtype=f8: torch.ones(shape, dtype=torch.bool if dtype is bool else dtype),
    eye=lambda *shape: torch.eye(*shape, dtype=f8),
    linspace=lambda a, b, n: torch.linspace(a, b, n, dtype=f8),
    triu_indices=lambda n, k=0: torch.triu_indices(n, n, k),
    sum=_over(torch.sum, torch.sum), mean=_over(torch.mean, torch.mean),
    prod=_over(torch.prod, torch.prod), max=_over(torch.max, torch.amax), min=_over(torch.min, torch.amin),
    var=lambda x, axis=None, keepdims=False: torch.var(x, axis, correction=0, keepdim=keepdims),
    sqrt=lambda x: torch.sqrt(_tensor(x)), exp=lambda x: torch.exp(_tensor(x)), log=lambda x: torch.log(_tensor(x)),
    maximum=_pair(torch.maximum), minimum=_pair(torch.minimum), logaddexp=_pair(torch.logaddexp),
    roll=lambda x, shift, axis=None: torch.roll(x, shift, axis),
    concatenate=lambda parts, axis=0: torch.cat(parts, axis),
    stack=lambda parts, axis=0: torch.stack(parts, axis),
    transpose=lambda x, axes=None: x.T if axes is None else x.permute(axes),
    swapaxes=lambda x, a, b: x.transpose(a, b),
    take_along_axis=torch.take_along_dim,
    sort=lambda x, axis=-1: torch.sort(x, dim=axis)[0],
    diff=lambda x, n=1, axis=-1: torch.diff(x, n, axis),
    cumsum=lambda x, axis=0: torch.cumsum(x, axis), cumprod=lambda x, axis=0: torch.cumprod(x, axis),
    pad=_pad,
    fft=_Rebound(torch.fft),
    linalg=_Rebound(
        torch.linalg, svd=_svd,
        norm=lambda x, axis=None, keepdims=False: torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims),
    ),
    add=_Rebound(torch.add, at=lambda x, index, v: x.index_add_(0, index, v)),
)  # fmt: skip
scipy = _Rebound(
    None,
    special=_Rebound(
        torch.special,
        logsumexp=lambda x, axis=None, keepdims=False: torch.logsumexp(
            x, tuple(range(x.ndim)) if axis is None else axis, keepdims
        ),
    ),
    linalg=_Rebound(
        torch.linalg,
        expm=torch.linalg.matrix_exp,
        cho_solve=lambda c, y: torch.cholesky_solve(y[:, None], c[0], upper=not c[1])[:, 0],
    ),
)


def _windows(x: Any, shape: Any, axis: Any) -> Any:
    for n, k in zip(*((shape, axis) if isinstance(axis, tuple) else ((shape,), (axis,)))):
        x = x.unfold(k, n, 1)
    return x


def mapped(f: Callable[[Any], Any], x: Any) -> Any:
    """`f` of the arrays and numbers of a structure."""
    if isinstance(x, (np.ndarray, np.generic, float)):
        return f(np.asarray(x))
    if isinstance(x, dict):
        return {key: mapped(f, part) for key, part in x.items()}
    if hasattr(x, "_fields"):
        return type(x)(*[mapped(f, part) for part in x])
    if isinstance(x, (list, tuple)):
        return type(x)([mapped(f, part) for part in x])
    if hasattr(x, "__dataclass_fields__"):
        return type(x)(**{key: mapped(f, part) for key, part in vars(x).items()})
    return x


def in_torch(f: Any, params: Any, data: Any) -> Callable[[], Any]:
    """What gives value and gradients of `f(*params, *data)` by PyTorch, eager."""
    space = {**f.__globals__, "np": numpy, "scipy": scipy, "windows": _windows}
    for name, helper in f.__globals__.items():
        if isinstance(helper, types.FunctionType) and helper.__globals__ is f.__globals__:
            if helper.__code__.co_filename == f.__code__.co_filename and name not in ("windows",):
                space[name] = types.FunctionType(
                    helper.__code__, space, name, helper.__defaults__, helper.__closure__
                )
    own = types.FunctionType(f.__code__, space, f.__name__, f.__defaults__, f.__closure__)
    leaves: list[Any] = []

    def parameter(x: Any) -> Any:
        leaves.append(torch.tensor(x, requires_grad=x.dtype.kind in "fc"))
        return leaves[-1]

    params, data = mapped(parameter, params), mapped(torch.tensor, data)

    def run() -> Any:
        value = own(*params, *data)
        return value, torch.autograd.grad(value, leaves, allow_unused=True)

    return run
