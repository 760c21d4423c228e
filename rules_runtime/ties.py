"""What a caller says of equal eigenvalues and singular values:
that nothing but the subspaces of their vectors matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_said: ContextVar[bool] = ContextVar("tied_subspaces", default=False)


@contextmanager
def tied_subspaces() -> Iterator[None]:
    """Say that what is computed here from eigenvectors or singular vectors depends, where several
    of the values are equal, on nothing but the subspace that their vectors span: a projector, say.
    Then the vectors need not turn within it, and the derivative by `eigh`,
    `eig` or `svd` is right at equal values, too.

    It holds for the calls that are made inside, and for gradients that are taken inside. Of a
    function of the matrix (a square root of it, its logarithm) it is not true,
    and the gradient would be wrong.

    >>> import numpy as np
    >>> from rules_runtime import gradient
    >>> def first_two(a):
    ...     v = np.linalg.eigh(a)[1][:, :2]
    ...     return (v @ v.T)[0, 2]
    >>> with tied_subspaces():
    ...     (da,) = gradient(first_two, np.diag([1.0, 1.0, 2.0]))
    >>> np.round(da + da.T, 12)
    array([[ 0.,  0., -1.],
           [ 0.,  0.,  0.],
           [-1.,  0.,  0.]])
    """
    token = _said.set(True)
    try:
        yield
    finally:
        _said.reset(token)


def only_subspaces_matter() -> bool:
    """Whether a caller has said so."""
    return _said.get()


def within_subspaces(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `f` where that has been said."""
    with tied_subspaces():
        return f(*args, **kwargs)
