"""Tangent's templates and what they become give the same gradients."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import rules_runtime
from migrate.convert import convert_source
from migrate.model import FileConverted
from migrate.options import Options
from rules_runtime import AbstractZero, NoTangent, Tangent, ZeroTangent, unthunk
from rules_runtime.registry import Registry
from tests.support.templates import Templates

SOURCE = '''\
from tangent.grads import adjoint
import numpy, tangent
import gast

@adjoint(numpy.arctan)
def arctan(y, x):
  """Of one argument."""
  d[x] = d[y] / (1.0 + x * x)

@adjoint(numpy.arctan2)
def arctan2(z, y, x):
  r = x * x + y * y  # shared
  d[y] = tangent.unbroadcast(d[z] * x / r, y)
  d[x] = tangent.unbroadcast(-d[z] * y / r, x)

@adjoint(numpy.subtract)
def subtract(dy, x, y):
  # the output is called as the gradient of y would be
  d[x] = tangent.unbroadcast(d[dy], x)
  d[y] = -tangent.unbroadcast(d[dy], y)

@adjoint(numpy.minimum)
def minimum(ans, x, y):
  d[y] = tangent.unbroadcast(d[ans] * tangent.balanced_eq(y, ans, x), y)
  d[x] = tangent.unbroadcast(d[ans] * tangent.balanced_eq(x, ans, y), x)

@adjoint(numpy.sum)
def sum(y, x, axis=None, dtype=None, keepdims=False):
  d[x] = tangent.astype(tangent.unreduce(d[y], numpy.shape(x), axis, keepdims), x)

@adjoint(numpy.mean)
def mean(y, x, axis=None, dtype=None, keepdims=False):
  n = tangent.astype(tangent.array_size(x, axis), x)
  d[x] = tangent.astype(tangent.unreduce(d[y], numpy.shape(x),
                                         axis, keepdims), x) / n

@adjoint(numpy.broadcast_arrays)
def broadcast_arrays(ys, *args):
  d[args] = tuple(tangent.unbroadcast(dy, arg) for arg, dy in zip(args, d[ys]))

@adjoint(gast.Pow)
def pow(z, x, y):
  if numpy.ndim(y) == 0 and y == 2:
    d[x] = 2 * x * d[z]
  else:
    d[x] = y * x ** (y - 1) * d[z]
    if numpy.all(numpy.asarray(x) > 0):
      d[y] = tangent.unbroadcast(numpy.log(x) * z * d[z], y)

@adjoint(numpy.dot)
def dot(y, x1, x2):
  d[x1] = tangent.grad_dot(d[y], x1, x2)
  d[x2] = numpy.transpose(tangent.grad_dot(numpy.transpose(d[y]),
                                           numpy.transpose(x2),
                                           numpy.transpose(x1)))

@adjoint(numpy.reshape)
def reshape(y, x, shape):
  d[x] = numpy.reshape(d[y], numpy.shape(x))

@adjoint(numpy.square)
def square(y, x):
  x = numpy.asarray(x)  # another x from here on
  half = d[y] * x
  d[x] = half
  d[x] = d[x] + half
'''


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A table of its own: numpy's functions keep their rules."""
    found = Registry()
    monkeypatch.setattr(rules_runtime, "rrule", found)
    return found


def run(text: str, registry: Registry) -> FileConverted:
    outcome = convert_source(text.encode(), "x.py", Options())
    assert isinstance(outcome, FileConverted), outcome
    assert not outcome.left
    exec(compile(outcome.after, "converted", "exec"), ModuleType("converted").__dict__)
    return outcome


rng = np.random.default_rng(7)


def A(*shape: int) -> Any:
    return rng.uniform(0.3, 0.9, shape) if shape else float(rng.uniform(0.3, 0.9))


CASES: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("arctan", np.arctan, (A(3),), {}),
    ("arctan", np.arctan, (A(),), {}),
    ("arctan", np.arctan, (A(0, 2),), {}),
    ("arctan", np.arctan, (A(4, 3).T[::2],), {}),
    ("arctan2", np.arctan2, (A(3, 4), A(4)), {}),
    ("arctan2", np.arctan2, (A(3, 1), A(3, 4)), {}),
    ("arctan2", np.arctan2, (A(2, 2).astype(np.float32), A(2, 2).astype(np.float32)), {}),
    ("subtract", np.subtract, (A(4), A(3, 4)), {}),
    ("minimum", np.minimum, (np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), {}),
    ("sum", np.sum, (A(3, 4),), {}),
    ("sum", np.sum, (A(3, 4), 1), {}),
    ("sum", np.sum, (A(3, 4),), {"axis": (0, 1), "keepdims": True}),
    ("mean", np.mean, (A(3, 4),), {}),
    ("mean", np.mean, (A(3, 4),), {"axis": (0,)}),
    ("mean", np.mean, (A(3, 4), (1, 0)), {"keepdims": True}),
    ("mean", np.mean, (A(2, 2).astype(np.float32), (-1,)), {}),
    ("dot", np.dot, (A(3, 4), A(4, 2)), {}),
    ("dot", np.dot, (A(3, 4), A(4)), {}),
    ("dot", np.dot, (A(4), A(4, 2)), {}),
    ("dot", np.dot, (A(4), A(4)), {}),
    ("dot", np.dot, (A(), A()), {}),
    ("dot", np.dot, (A(0, 4), A(4, 2)), {}),
    ("dot", np.dot, (A(3, 0), A(0, 2)), {}),
    ("reshape", np.reshape, (A(3, 4), (2, 6)), {}),
    ("square", np.square, (A(3),), {}),
]


@pytest.mark.parametrize(("name", "f", "args", "kwargs"), CASES)
def test_gradients_are_those_of_the_template(
    registry: Registry, name: str, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    run(SOURCE, registry)
    templates = Templates(SOURCE)
    y, back = registry(f, *args, **kwargs)
    np.testing.assert_array_equal(y, f(*args, **kwargs))
    dy = np.asarray(rng.normal(size=np.shape(y)), np.asarray(y).dtype)[()]
    expected = templates.gradients(name, y, dy, *args, **kwargs)
    names = list(inspect.signature(templates.functions[name]).parameters)[1:]
    tangents = back(dy)
    assert len(tangents) == 1 + len(args)
    for key, x, tangent in zip(names, args, tangents[1:]):
        if key in expected:
            np.testing.assert_allclose(unthunk(tangent), expected[key], rtol=1e-6)
            assert np.shape(unthunk(tangent)) == np.shape(x)
        else:
            assert unthunk(tangent) == NoTangent()


def test_the_rest_of_the_arguments_and_parts_that_are_zero(registry: Registry) -> None:
    run(SOURCE, registry)
    x, y = A(3, 1), A(4)
    _, back = registry(np.broadcast_arrays, x, y)
    none, dx, dy = back(Tangent[tuple](np.ones((3, 4)), ZeroTangent()))
    assert none == NoTangent()
    np.testing.assert_allclose(dx, np.full((3, 1), 4.0))
    np.testing.assert_array_equal(dy, np.zeros(4))


def test_branches(registry: Registry) -> None:
    """What a branch does not write is zero; an operator's template is the operator's rule."""
    import operator

    run(SOURCE, registry)
    x = A(3)
    _, dx, dn = registry(operator.pow, x, 2)[1](np.ones(3))
    np.testing.assert_allclose(dx, 2 * x)
    assert isinstance(unthunk(dn), AbstractZero)
    _, dx, dn = registry(operator.pow, x, 3.0)[1](np.ones(3))
    np.testing.assert_allclose(dx, 3 * x**2)
    np.testing.assert_allclose(dn, np.sum(np.log(x) * x**3))
    _, dx, dn = registry(operator.pow, -x, 3.0)[1](np.ones(3))
    assert isinstance(unthunk(dn), AbstractZero)


# ---- generated templates -----------------------------------------------------------------


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, list[str], list[str]]:
    """A template over x, y, z: temporaries, branches, gradients that are written again;
    and the parameters that it has, and those that it writes."""
    parameters = ["x", "y", "z"][: draw(st.integers(1, 3))]
    output = draw(st.sampled_from(["ans", "w", "dx", "out"]))
    written = draw(st.lists(st.sampled_from(parameters), min_size=1, unique=True))
    known = list(parameters)
    lines: list[str] = []
    done: set[str] = set()

    def expression() -> str:
        atoms = [*known, output, f"d[{output}]", *(f"d[{p}]" for p in sorted(done))]
        parts = draw(st.lists(st.sampled_from(atoms), min_size=1, max_size=3))
        return draw(st.sampled_from([" + ", " * ", " - "])).join([f"d[{output}]", *parts])

    def wrapped(parameter: str) -> str:
        form = draw(
            st.sampled_from(
                ["{}", "tangent.unbroadcast({}, p)", "tangent.astype({}, p)", "-numpy.sin({})"]
            )
        )
        return form.replace("p)", f"{parameter})").format(expression())

    for number, parameter in enumerate(written):
        if draw(st.booleans()):
            if draw(st.booleans()):
                lines.append("  # a comment")
            name = draw(st.sampled_from([f"t{number}", f"d{parameter}", "to_x"]))
            lines.append(f"  {name} = {expression()}")
            if name not in known:
                known.append(name)
        kind = draw(st.sampled_from(["plain", "plain", "branch", "both", "again", "broken"]))
        match kind:
            case "plain":
                lines.append(f"  d[{parameter}] = {wrapped(parameter)}")
            case "broken":
                lines.append(f"  d[{parameter}] = ({expression()}  # why\n          + {output})")
            case "branch":
                lines.append(f"  if numpy.sum({draw(st.sampled_from(parameters))}) > 0:")
                lines.append(f"    d[{parameter}] = {wrapped(parameter)}")
            case "both":
                lines.append(f"  if numpy.sum({draw(st.sampled_from(parameters))}) > 0:")
                lines.append(f"    d[{parameter}] = {wrapped(parameter)}")
                lines.append(f"  else:\n    d[{parameter}] = {wrapped(parameter)}")
            case "again":
                lines.append(f"  d[{parameter}] = {expression()}")
                done.add(parameter)
                lines.append(f"  d[{parameter}] = {wrapped(parameter)}")
        if kind != "branch":
            done.add(parameter)
    if draw(st.booleans()):
        lines.insert(0, '  """What it does."""')
    head = ", ".join([output, *parameters])
    return "\n".join([f"def f({head}):", *lines]), parameters, written


@given(templates(), st.lists(st.floats(-2, 2), min_size=12, max_size=12))
def test_generated_templates(
    template: tuple[str, list[str], list[str]], numbers: list[float]
) -> None:
    """Against a reader that runs the template as it is written."""
    text, parameters, _ = template
    primal = " + ".join(parameters)
    source = (
        "import numpy\nfrom tangent.grads import adjoint\n\n"
        f"def primal({', '.join(parameters)}):\n  return {primal}\n\n@adjoint(primal)\n{text}\n"
    )
    registry, kept = Registry(), rules_runtime.rrule
    outcome = convert_source(source.encode(), "x.py", Options())
    assert isinstance(outcome, FileConverted), outcome
    assert not outcome.left, outcome.left
    space: dict[str, Any] = {}
    rules_runtime.rrule = registry
    try:
        exec(compile(outcome.after, "converted", "exec"), space)
    finally:
        rules_runtime.rrule = kept
    values = iter(numbers)
    args = [np.array([next(values) for _ in range(3)]) for _ in parameters]
    dy = np.array([next(values) for _ in range(3)])
    y, back = registry(space["primal"], *args)
    expected = Templates(f"@adjoint(primal)\n{text}").gradients("f", y, dy, *args)
    for parameter, tangent in zip(parameters, back(dy)[1:], strict=True):
        got = unthunk(tangent)
        if parameter in expected:
            np.testing.assert_allclose(got, expected[parameter], rtol=1e-12, atol=1e-12)
        else:
            assert isinstance(got, AbstractZero)
