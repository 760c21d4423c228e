"""What users call: which arguments, what else the function gives,
Jacobians and Hessians of structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    NoTangent,
    NotImplementedTangent,
    NotImplementedTangentError,
    Tangent,
    gradient,
    hessian,
    jacobian,
    rrule,
    value_and_gradient,
)
from tests.runtime.tape.derivatives import numeric_gradient

pytestmark = pytest.mark.usefixtures("forget_rules")


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any
    name: str = "n"


def product(x: Any, y: Any, z: Any = 1.0, *, scale: float = 1.0) -> Any:
    return np.sum(x * y * z) * scale


def test_argnums_and_keywords() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_array_equal(gradient(product, x, y, argnums=0), y)
    np.testing.assert_array_equal(gradient(product, x, y, argnums=-1, scale=2.0), 2 * x)
    value, (dy, dx) = value_and_gradient(product, x, y, argnums=(1, 0), scale=2.0)
    assert value == 26.0
    np.testing.assert_array_equal((dy, dx), (2 * x, 2 * y))
    assert [g.tolist() for g in gradient(product, x, y, z=1.0)] == [[3.0, 5.0], [1.0, 2.0]]
    assert gradient(product, x, y, argnums=()) == ()
    assert gradient(lambda n, x: x**n, 2, 3.0, argnums=1) == 6.0
    with pytest.raises(TypeError, match="nothing to differentiate"):
        gradient(lambda n, x: x**n, 2, 3.0, argnums=0)
    with pytest.raises(IndexError, match="2 positional arguments"):
        gradient(product, x, y, argnums=2)
    with pytest.raises(ValueError, match="twice"):
        gradient(product, x, y, argnums=(0, -2))


@pytest.mark.parametrize("argnums", [None, 0, (0,)], ids=repr)
def test_the_functions_own_rule_is_used(argnums: Any) -> None:
    class Model:
        def __call__(self, x: Any, y: Any) -> Any:
            raise AssertionError

    @rrule.register(Model.__call__)
    def rrule_call(_: Any, x: Any, y: Any) -> Any:
        return x * y, lambda d: (NoTangent(), 10.0 * d, 20.0 * d)

    found = gradient(Model(), 2.0, 3.0, argnums=argnums)
    assert found == {None: (10.0, 20.0), 0: 10.0, (0,): (10.0,)}[argnums]


def test_what_else_a_function_gives() -> None:
    def loss(x: Any, y: Any) -> Any:
        return np.sum(x) * y, {"x": 2.0 * x, "name": "n"}

    x = np.array([1.0, 2.0])
    (value, aux), (dx, dy) = value_and_gradient(loss, x, 3.0, has_aux=True)
    assert (value, dy) == (9.0, 3.0)
    np.testing.assert_array_equal(dx, [3.0, 3.0])
    assert type(aux["x"]) is np.ndarray
    np.testing.assert_array_equal(aux["x"], [2.0, 4.0])
    dy, aux = gradient(loss, x, 3.0, argnums=1, has_aux=True)
    assert (dy, aux["name"]) == (3.0, "n")
    assert gradient(lambda x: (x, x), 3.0, has_aux=True) == ((1.0,), 3.0)
    assert gradient(lambda x: (5.0, x), 3.0, has_aux=True) == ((0.0,), 3.0)
    for wrong in (lambda x: x, lambda x: (x, x, x), lambda x: [x, x]):
        with pytest.raises(TypeError, match="a tuple of two"):
            gradient(wrong, 3.0, has_aux=True)
    with pytest.raises(TypeError, match="one real number"):
        gradient(lambda x: (x, x), np.ones(2), has_aux=True)


def test_jacobians_by_the_parts_of_a_structure() -> None:
    p = {"layer": Layer(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.5), "k": (2.0, 3)}

    def f(p: Any) -> Any:
        return p["k"][0] * np.sin(p["layer"].w) @ np.ones(2) + p["layer"].b

    found = jacobian(f, p)
    w, b, k = found["layer"].w, found["layer"].b, found["k"][0]
    assert (w.shape, b.shape, k.shape) == ((2, 2, 2), (2,), (2,))
    for i in range(2):
        row = numeric_gradient(
            lambda w, b, k, i=i: f({"layer": Layer(w, b), "k": (k, 3)})[i], p["layer"].w, 0.5, 2.0
        )
        for given, expected in zip((w[i], b[i], k[i]), row, strict=True):
            np.testing.assert_allclose(given, expected, atol=1e-8)
    empty = jacobian(lambda p: p[0][:0], (np.ones(3), 2.0))
    assert (empty[0].shape, empty[1].shape) == ((0, 3), (0,))


def test_jacobians_of_the_parts_of_a_result() -> None:
    x = np.array([1.0, 2.0])
    found = jacobian(lambda x: Pair({"sum": np.sum(x**2), "n": 3}, [x, 1j * x]), x)
    assert isinstance(found, Tangent)
    np.testing.assert_array_equal(found.a["sum"], [2.0, 4.0])
    np.testing.assert_array_equal(found.b[0], np.eye(2))
    np.testing.assert_array_equal(found.b[1], 1j * np.eye(2))
    both = jacobian(lambda p: (p["a"] * p["b"], p["a"]), {"a": x, "b": 3.0})
    np.testing.assert_array_equal(both[0]["a"], 3.0 * np.eye(2))
    np.testing.assert_array_equal(both[0]["b"], x)
    np.testing.assert_array_equal(both[1]["b"], [0.0, 0.0])


def test_hessians_of_structures() -> None:
    p = {"w": np.array([1.0, 2.0]), "b": 3.0, "name": "n"}
    found = hessian(lambda p: np.sum(p["w"] ** 3) * p["b"] ** 2, p)
    np.testing.assert_allclose(found["w"]["w"], np.diag([54.0, 108.0]))
    np.testing.assert_allclose(found["w"]["b"], [18.0, 72.0])
    np.testing.assert_allclose(found["b"]["w"], [18.0, 72.0])
    assert found["b"]["b"] == 18.0
    assert found["b"]["name"] == 0.0


def test_a_derivative_that_is_not_implemented_names_its_line() -> None:
    def partly(x: Any, order: Any) -> Any:
        return x * order

    @rrule.register(partly)
    def rrule_partly(_: Any, x: Any, order: Any) -> Any:
        return x * order, lambda d: (NoTangent(), order * d, NotImplementedTangent("the order"))

    assert gradient(lambda x: partly(x, 2.0), 3.0) == (2.0,)
    line = rrule_partly.__code__.co_firstlineno + 2
    with pytest.raises(NotImplementedTangentError, match=rf"the order \(.*{__file__}:{line}\)"):
        gradient(partly, 3.0, 2.0)
