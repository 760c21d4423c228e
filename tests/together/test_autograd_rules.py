"""Rules of autograd's and what they become give the same values and the same gradients."""

from __future__ import annotations

import warnings
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from migrate.convert import convert_source
from migrate.model import FileConverted
from migrate.options import Options
from rules_runtime import NotImplementedTangent, gradient, rrule, unthunk
from rules_runtime.testing import test_rrule as check_rrule

autograd = pytest.importorskip("autograd")

SOURCE = """
import autograd.numpy as np
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f

@primitive
def logistic(t):
    return 1.0 / (1.0 + np.exp(-t))

defvjp(logistic, lambda s, x: lambda ds: ds * s * (1.0 - s))

@primitive
def mix(x, y, n):
    return x * y ** 2 + n

defvjp(
    mix,
    lambda ans, a, b, n: unbroadcast_f(a, lambda g: g * b ** 2),
    lambda ans, a, b, n: unbroadcast_f(b, lambda g: 2 * g * a * b),
)

@primitive
def turned(z, phase):
    return z * np.exp(1j * phase)

defvjp(
    turned,
    lambda ans, z, phase: lambda g: g * np.exp(1j * phase),
    lambda ans, z, phase: lambda g: np.sum(np.real(g * 1j * ans)),
)
"""


def module(text: str) -> Any:
    made = ModuleType("made")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "made", "exec"), made.__dict__)
    return made


def at(f: Any, args: tuple[Any, ...], place: int, x: Any) -> Any:
    return f(*args[:place], x, *args[place + 1 :])


@pytest.fixture(scope="module")
def both() -> tuple[Any, Any]:
    outcome = convert_source(
        SOURCE.encode(), "x.py", Options(dialects=("autograd",), autograd="drop")
    )
    assert isinstance(outcome, FileConverted)
    assert not outcome.left
    assert len(outcome.converted) == 3
    return module(SOURCE), module(outcome.after.decode())


rng = np.random.default_rng(3)
X, Y, ROW = rng.uniform(0.3, 0.9, (3, 4)), rng.uniform(0.3, 0.9, (3, 4)), rng.uniform(0.3, 0.9, 4)
Z = rng.normal(size=3) + 1j * rng.normal(size=3)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("logistic", (0.4,)),
        ("logistic", (X,)),
        ("logistic", (Z,)),
        ("logistic", (np.zeros((0, 2)),)),
        ("mix", (X, Y, 1.0)),
        ("mix", (X, ROW, 1.0)),
        ("mix", (0.5, X[:, :1], 1.0)),
        ("mix", (Z, 2.0 + 1j, 0.0)),
        ("turned", (Z, 0.3)),
    ],
)
def test_cotangents_are_those_of_autograd(
    both: tuple[Any, Any], name: str, args: tuple[Any, ...]
) -> None:
    """Autograd pairs complex cotangents without conjugation: in and out they are conjugated."""
    before, after = (getattr(one, name) for one in both)
    y, back = rrule(after, *args)
    np.testing.assert_array_equal(y, before(*args))
    dy = rng.normal(size=np.shape(y))
    if np.iscomplexobj(y):
        dy = dy + 1j * rng.normal(size=np.shape(y))
    tangents = [unthunk(t) for t in back(dy)[1:]]
    for place, (x, tangent) in enumerate(zip(args, tangents)):
        if isinstance(tangent, NotImplementedTangent):
            continue
        vjp, _ = autograd.core.make_vjp(partial(at, before, args, place), x)
        expected = np.conj(vjp(np.conj(dy)))
        np.testing.assert_allclose(tangent, expected, rtol=1e-12)


def test_against_finite_differences(both: tuple[Any, Any]) -> None:
    after = both[1]
    check_rrule(after.logistic, X)
    check_rrule(after.logistic, Z)
    check_rrule(after.turned, Z, 0.3)


def test_what_has_no_maker_is_an_error_only_where_it_is_asked_for(both: tuple[Any, Any]) -> None:
    after = both[1]
    assert gradient(lambda x: after.mix(x, 2.0, 1.0), 3.0) == (4.0,)
    with pytest.raises(Exception, match="mix: no derivative with respect to n"):
        gradient(lambda n: after.mix(3.0, 2.0, n), 1.0)


OLDER = """
import autograd.numpy as np
from autograd.core import primitive

def unbroadcast(vs, gvs, result):
    while np.ndim(result) > len(vs.shape):
        result = np.sum(result, axis=0)
    for axis, size in enumerate(vs.shape):
        if size == 1:
            result = np.sum(result, axis=axis, keepdims=True)
    return result

@primitive
def scaled(x, y, z, n=2):
    return n * x * y + z

scaled.defvjp(lambda g, ans, vs, gvs, x, y, z, n=2: unbroadcast(vs, gvs, n * g * y))
scaled.defvjp(lambda d, out, v, w, x, y, z, n=2: unbroadcast(v, w, n * d * (out - z) / n / y),
              argnum=1)
scaled.defvjp(lambda g, ans, vs, gvs, x, y, z, n=2: np.sum(g) + vs.zeros(), argnum=2)

@primitive
def rows(x, shape):
    return np.reshape(x, shape)

def back(g, ans, vs, gvs, x, shape):
    return np.reshape(g, vs.shape) * (len(gvs.shape) - vs.ndim + 1)

rows.defvjp(back)
"""


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("scaled", (X, Y, 0.5)),
        ("scaled", (X, ROW, 0.5, 3)),
        ("scaled", (ROW, X, 0.5)),
        ("scaled", (Z, Z[:1], 1.0 + 2j)),
        ("scaled", (X[:0], ROW, 1.0)),
        ("rows", (X, (4, 3))),
    ],
)
def test_the_older_spelling(name: str, args: tuple[Any, ...]) -> None:
    """With autograd's own shims for it."""
    outcome = convert_source(
        OLDER.encode(), "x.py", Options(dialects=("autograd",), autograd="drop")
    )
    assert isinstance(outcome, FileConverted)
    assert not outcome.left
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old, new = module(OLDER), module(outcome.after.decode())
        from autograd.core import primitive_vjps

        f, ans = getattr(old, name), getattr(old, name)(*args)
        y, pullback = rrule(getattr(new, name), *args)
        np.testing.assert_array_equal(y, ans)
        dy = rng.normal(size=np.shape(y))
        if np.iscomplexobj(y):
            dy = dy + 1j * rng.normal(size=np.shape(y))
        tangents = pullback(dy)[1:]
        for k, x in enumerate(args):
            if not isinstance(x, np.ndarray | float | complex):
                continue
            (theirs,) = primitive_vjps[f]((k,), ans, args, {})(np.conj(dy))
            np.testing.assert_allclose(unthunk(tangents[k]), np.conj(theirs), rtol=1e-12)


HELPERS = """
import numpy as onp
import autograd.numpy as np
from autograd import grad, make_vjp, value_and_grad
from autograd.extend import defvjp, primitive, SparseObject, vspace
from autograd.tracer import getval

@primitive
def picked(x, at):
    return x[at]

def grad_picked(ans, x, at):
    space = vspace(x)
    def vjp(g):
        def into(total):
            onp.add.at(total, at, g)
            return total
        return SparseObject(space, into)
    return vjp

defvjp(picked, grad_picked)

@primitive
def composed(f, x, w):
    return f(x) * w

defvjp(
    composed,
    None,
    lambda ans, f, x, w: lambda g: np.reshape(make_vjp(f)(x)[0](g), vspace(x).shape) * getval(w),
    lambda ans, f, x, w: lambda g: value_and_grad(f)(x)[0] * g + 0 * np.sum(grad(f)(x)),
)
"""


def test_helpers_of_autograd() -> None:
    """A sparse cotangent, shapes, and calls back into AD: the tape's, of any order."""
    outcome = convert_source(
        HELPERS.encode(), "x.py", Options(dialects=("autograd",), autograd="drop", real=True)
    )
    assert isinstance(outcome, FileConverted)
    assert not outcome.left
    text = outcome.after.decode()
    assert "InplaceableThunk" in text
    assert text.count("rrule_via_ad(config") == 3
    old, new = module(HELPERS), module(text)
    at = [0, 2, 0]

    def loss(m: Any, np_: Any, x: Any) -> Any:
        cubes = m.composed(lambda t: np_.sum(t**3), x, np_.sum(x) ** 2)
        return np_.sum(m.picked(x, at) ** 2) + cubes

    def by_tape(x: Any) -> Any:
        return gradient(lambda x: loss(new, np, x), x)[0]

    def by_autograd(x: Any) -> Any:
        return autograd.grad(lambda x: loss(old, autograd.numpy, x))(x)

    np.testing.assert_allclose(by_tape(X), by_autograd(X), rtol=1e-12)

    def again(x: Any) -> Any:  # getval cuts what depends on w
        return np.sum(
            gradient(lambda x: np.sum(new.composed(lambda t: np.sum(t**3), x, 1.0)), x)[0] ** 2
        )

    np.testing.assert_allclose(gradient(again, X)[0], 36 * X**3, rtol=1e-12)
    check_rrule(new.picked, X, at)
