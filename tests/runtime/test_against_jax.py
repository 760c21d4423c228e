"""numpy's functions here and in JAX: the same values, the same gradients,
but for the disagreements listed below.

Needs JAX (`pip install -e '.[dev,jax]'`). Each function compiles for a while, so a few are compared
for every change, and all of them by the nightly profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rules_runtime import gradient
from tests.support.numpy_calls import Call, calls

# Where JAX does something else, and why. "error": JAX raises one; "value": it gives another value;
# "gradient": another gradient of the same value.
DISAGREEMENTS: dict[str, tuple[str, str]] = {
    "fill_diagonal": ("error", "arrays of JAX cannot be written to"),
    "fromiter": ("error", "not implemented in JAX"),
    "histogram": ("value", "counts are floating point numbers in JAX, whole numbers in numpy"),
    "histogram2d": ("value", "counts are floating point numbers in JAX when there are no weights"),
    "histogramdd": ("value", "counts are floating point numbers in JAX when there are no weights"),
    "linalg.cholesky": ("gradient", "JAX makes the matrix symmetric first; LAPACK reads a triangle"),
    "linalg.eig": ("error", "JAX has no derivative of eigenvectors that are not orthogonal"),
    "linalg.eigh": ("gradient", "JAX makes the matrix symmetric first; LAPACK reads a triangle"),
    "linalg.eigvalsh": ("gradient", "JAX makes the matrix symmetric; LAPACK reads a triangle"),
    "nextafter": ("error", "no derivative in JAX, and zero here"),
    "permute_dims": ("error", "JAX asks for the axes"),
    "piecewise": ("error", "JAX cannot call numpy's functions on the pieces"),
    "place": ("error", "arrays of JAX cannot be written to"),
    "polydiv": ("value", "JAX keeps leading zeros of the remainder"),
    "put": ("error", "arrays of JAX cannot be written to"),
    "put_along_axis": ("error", "arrays of JAX cannot be written to"),
    "setdiff1d": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "setxor1d": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "take": ("error", "JAX takes no lists"),
    "tril": ("error", "JAX takes no vectors"),
    "triu": ("error", "JAX takes no vectors"),
    "union1d": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "unique": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "unique_all": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "unique_counts": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "unique_inverse": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
    "unique_values": ("gradient", "JAX has none of what is found in sets, and gives zeros"),
}  # fmt: skip
FEW = "average clip interp linalg.det linalg.eigvalsh linalg.inv prod sort std unique where".split()


def _functions(jax: Any) -> Iterator[tuple[str, Any, Any]]:
    """Those that both have and of which the page of coverage says that they have a gradient:
    name, numpy's, JAX's."""
    from tools import numpy_coverage as tool

    tool.page()
    theirs = {"numpy": jax.numpy, "numpy.linalg": jax.numpy.linalg, "numpy.fft": jax.numpy.fft}
    for space, home in theirs.items():
        short = space.removeprefix("numpy").lstrip(".")
        for name, function in tool.functions(tool.SPACES[space]):
            other = getattr(home, name, None)
            if other is not None and tool.status(name, function) in (tool.RULE, tool.TRACED):
                yield f"{short}.{name}".lstrip("."), function, other


def _arrays(tangent: Any) -> list[Any]:
    if isinstance(tangent, (list, tuple)):
        return [x for part in tangent for x in _arrays(part)]
    parts = getattr(tangent, "_parts", None)
    return _arrays(list(parts)) if parts is not None else [np.asarray(tangent)]


def _disagreement(jax: Any, call: Call, theirs: Any) -> tuple[str, str] | None:
    numbers = call.numbers
    try:
        y, gradients = jax.value_and_grad(
            lambda *numbers: call(*numbers, function=theirs), argnums=tuple(range(len(numbers)))
        )(*numbers)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"
    if not np.allclose(y, call(*numbers), 1e-6):
        return "value", f"{y} in JAX, {call(*numbers)} in numpy"
    for mine, other in zip(_arrays(gradient(call, *numbers)), _arrays(gradients), strict=True):
        if not np.allclose(mine, other, 1e-6, 1e-9):
            return "gradient", f"{other} in JAX, {mine} here"
    return None


def _compare(only: Any) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install -e '.[jax]'")
    pytest.importorskip("scipy")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    wrong, compared = {}, set()
    try:
        for name, function, theirs in _functions(jax):
            if only is not None and name not in only:
                continue
            compared.add(name)
            expected = DISAGREEMENTS.get(name, (None, ""))[0]
            found = [
                _disagreement(jax, call, theirs) for call in calls(name, function) if call.numbers
            ]
            if {one[0] for one in found if one} != ({expected} if expected else set()):
                wrong[name] = found
    finally:
        jax.config.update("jax_enable_x64", before)
    assert wrong == {}
    assert compared >= set(FEW)


@pytest.mark.filterwarnings("ignore")
def test_a_few_functions() -> None:
    _compare(FEW)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
def test_all_functions() -> None:
    """Some minutes, most of which JAX compiles."""
    _compare(None)
