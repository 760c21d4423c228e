"""ProjectTo: what comes out lies in the tangent space of the primal."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rules_runtime import gradient, rrule, scalar_rule
from rules_runtime.errors import ProjectionError
from rules_runtime.projection import ProjectTo
from rules_runtime.tangents import (
    NoTangent,
    NotImplementedTangent,
    Tangent,
    ZeroTangent,
    same,
    tangent_type,
)
from rules_runtime.testing import test_rrule as check_rule
from rules_runtime.thunks import Thunk, unthunk

ZERO, NONE = ZeroTangent(), NoTangent()


@dataclass
class Foo:
    a: float
    n: int = 1
    name: str = ""
    w: Any = None


class State(NamedTuple):
    h: Any
    c: Any


class Natural:
    """A tangent of its own kind."""


@pytest.mark.parametrize(
    ("x", "dx", "expected"),
    [
        (1.0, 2.0, 2.0),
        (1.0, 2 + 3j, 2.0),
        (1.0, np.float32(2), 2.0),
        (1.0, np.array(2.0), 2.0),
        (1.0, np.array([[2.0]]), 2.0),
        (1, 2.5, 2.5),
        (1, 2, 2.0),
        (1j, 2.0, 2 + 0j),
        (1j, np.complex64(2j), 2j),
        (np.float32(1), 2.0, np.float32(2)),
        (np.float32(1), 2j, np.float32(0)),
        (np.float64(1), 2, np.float64(2)),
        (np.int64(1), 2.5, np.float64(2.5)),
        (np.complex64(1), 2.0, np.complex64(2)),
    ],
    ids=repr,
)
def test_numbers(x: Any, dx: Any, expected: Any) -> None:
    found = ProjectTo(x)(dx)
    assert type(found) is type(expected)
    assert found == expected


@pytest.mark.parametrize(
    "x", [True, np.bool_(True), "a", b"a", None, len, int, slice(1), (), (True, "a"), object()]
)
def test_what_has_no_tangents(x: Any) -> None:
    project = ProjectTo(x)
    assert project(1.0) is NONE
    assert project(Thunk(lambda: 1.0)) is NONE


@pytest.mark.parametrize("x", [1.0, np.ones(2), "a", (1.0, "a"), Foo(1.0), {"a": 1.0}], ids=repr)
def test_zeros_pass(x: Any) -> None:
    assert ProjectTo(x)(ZERO) is ZERO
    assert ProjectTo(x)(NONE) is NONE
    missing = NotImplementedTangent("x")
    assert ProjectTo(x)(missing) is missing


def test_thunks_stay_thunks() -> None:
    ran = []
    found = ProjectTo(1.0)(Thunk(lambda: ran.append(1) or 2j))
    assert isinstance(found, Thunk)
    assert not ran
    assert unthunk(found) == 0.0


@pytest.mark.parametrize(
    ("x", "dx", "expected"),
    [
        (np.ones(2), np.array([1 + 1j, 2j]), np.array([1.0, 0.0])),
        (np.ones(2, np.float32), np.ones(2), np.ones(2, np.float32)),
        (np.ones(2), np.ones(2, np.float32), np.ones(2)),
        (np.ones(2, complex), np.ones(2), np.ones(2, complex)),
        (np.ones(2, int), np.array([1.5, 2.5]), np.array([1.5, 2.5])),
        (np.ones((1, 2)), np.ones(2), np.ones((1, 2))),
        (np.ones(2), np.ones((1, 1, 2)), np.ones(2)),
        (np.array(1.0), 2.0, np.array(2.0)),
        (np.ones(2), [1.0, 2], np.array([1.0, 2.0])),
        (np.ones(2), Tangent[list](1.0, ZERO), np.array([1.0, 0.0])),
    ],
    ids=repr,
)
def test_arrays(x: Any, dx: Any, expected: Any) -> None:
    found = ProjectTo(x)(dx)
    assert type(found) is np.ndarray
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert same(found, expected)


def test_an_array_that_fits_is_not_copied() -> None:
    dx = np.ones(3)
    assert ProjectTo(np.zeros(3))(dx) is dx


def test_arrays_without_tangents() -> None:
    assert ProjectTo(np.array([True]))(np.ones(1)) is NONE
    assert ProjectTo(np.array(["a"]))(np.ones(1)) is NONE


def test_arrays_of_objects_go_by_element() -> None:
    x = np.empty(3, object)
    x[:] = [1.0, "a", np.ones(1)]
    dx = np.empty(3, object)
    dx[:] = [2j, 1.0, np.array([1j])]
    found = ProjectTo(x)(dx)
    assert found[0] == 0.0
    assert found[1] is NONE
    assert found[2].tolist() == [0.0]


@pytest.mark.parametrize(
    ("x", "dx"),
    [
        (np.ones(2), np.ones(3)),
        (np.ones(2), np.ones((2, 1))),
        (np.ones((2, 1)), np.ones(2)),
        (np.ones((2, 2)), np.ones(4)),
        (np.ones(2), 1.0),
        (1.0, np.ones(2)),
        (np.float32(1), np.ones(2)),
        (1.0, Tangent[tuple](1.0)),
        ((1.0, 2.0), Tangent[dict](a=1.0)),
        ((1.0, 2.0), (1.0, 2.0, 3.0)),
        ({"a": 1.0}, Tangent[tuple](1.0)),
    ],
    ids=repr,
)
def test_shapes_that_do_not_fit(x: Any, dx: Any) -> None:
    with pytest.raises(ProjectionError, match="cannot"):
        ProjectTo(x)(dx)
    assert issubclass(ProjectionError, ValueError)


@pytest.mark.parametrize(
    ("x", "dx", "text"),
    [
        (
            Foo(1.0, w=np.ones(1)),
            Tangent[Foo](a=1j, w=np.array([2j])),
            "Tangent[Foo](a=0.0, w=array([0.]))",
        ),
        (
            Foo(1.0),
            Tangent[Foo](a=1.0, n=2, name=3),
            "Tangent[Foo](a=1.0, n=2.0, name=NoTangent())",
        ),
        (Foo(1.0), Tangent[Foo](zz=1j), "Tangent[Foo](zz=1j)"),
        ((1.0, "a"), Tangent[tuple](1j, 2.0), "Tangent[tuple](0.0, NoTangent())"),
        ((1.0, 2.0), (1j, 2.0), "Tangent[tuple](0.0, 2.0)"),
        ([1.0, 2.0], Tangent[list](1.0), "Tangent[list](1.0)"),
        ([1, 2], [1, 2], "Tangent[list](1.0, 2.0)"),
        (State(1.0, 2.0), Tangent[State](c=1j), "Tangent[State](c=0.0)"),
        (State(1.0, 2.0), Tangent[tuple](1j, 2.0), "Tangent[State](h=0.0, c=2.0)"),
        ({"a": 1.0, 2: 1j}, {"a": 1j, 2: 1j}, "Tangent[dict]({'a': 0.0, 2: 1j})"),
        ({"a": 1.0}, Tangent[dict](a=1j), "Tangent[dict]({'a': 0.0})"),
        (OrderedDict(a=1.0), {"a": 1.0}, "Tangent[OrderedDict]({'a': 1.0})"),
        (
            ((1.0,), "a"),
            (Tangent[tuple](1j), ZERO),
            "Tangent[tuple](Tangent[tuple](0.0), ZeroTangent())",
        ),
    ],
)
def test_structures_go_by_part(x: Any, dx: Any, text: str) -> None:
    assert repr(ProjectTo(x)(dx)) == text


def test_a_structure_of_nothing_is_nothing() -> None:
    assert ProjectTo((1.0, "a"))(Tangent[tuple](NONE, 1.0)) is NONE


def test_a_bound_method_has_the_tangents_of_its_instance() -> None:
    class Layer:
        def __init__(self) -> None:
            self.w = 1.0

        def apply(self) -> None: ...

    assert ProjectTo(Layer().apply)(Tangent[Layer](w=1j)) == Tangent[Layer](w=0.0)
    assert repr(ProjectTo(Layer().apply)(Tangent[Layer](w=2 + 1j))) == "Tangent[Layer](w=2.0)"


def test_what_it_does_not_know_passes() -> None:
    natural = Natural()
    assert ProjectTo(Foo(1.0))(natural) is natural
    assert ProjectTo(np.ones(2))(natural) is natural


def test_it_does_not_keep_the_primal() -> None:
    import gc
    import weakref

    x = np.ones(3)
    alive = weakref.ref(x)
    project = ProjectTo(x)
    del x
    gc.collect()
    assert alive() is None
    assert "ndarray" in repr(project)


numbers = st.floats(-9, 9, width=32) | st.complex_numbers(max_magnitude=9, width=64)
dtypes = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128])


@given(dtypes, hnp.arrays(dtypes, (2, 2), elements=st.integers(-9, 9)))
def test_a_projection_done_twice_is_done(dtype: Any, dx: Any) -> None:
    project = ProjectTo(np.ones((2, 2), dtype))
    once = project(dx)
    assert once.dtype == dtype
    assert project(once) is once


@given(st.sampled_from([1.0, 1j, np.float32(1), np.complex128(1)]), numbers, numbers)
def test_projections_are_linear(x: Any, a: Any, b: Any) -> None:
    project = ProjectTo(x)
    assert np.isclose(project(a) + project(b), project(a + b), rtol=1e-5, atol=1e-5)


NUMBERS = [2.0, np.array(2.0), np.array(2.0, np.float32), np.ones((1, 1)), np.array(2.0 + 1.0j)]


@pytest.mark.parametrize("x", NUMBERS, ids=repr)
def test_it_projects_what_is_traced(x: Any) -> None:
    """Second derivatives of rules that project, at 0-d arrays too."""

    def cubed(x: Any) -> Any:
        return x**3

    @rrule.register(cubed)
    def rrule_cubed(_: Any, x: Any) -> Any:
        project = ProjectTo(x)
        return x**3, lambda dy: (NoTangent(), project(3 * np.conj(x) ** 2 * dy))

    scalar_rule(squared := lambda x: x * x, lambda y, x: 2 * x)
    total = lambda y: np.real(np.sum(y))
    for f, second in ((cubed, 6 * np.conj(x)), (squared, 2.0 + 0 * x)):
        (d,) = gradient(lambda x, f=f: total(gradient(lambda x: total(f(x)), x)[0]), x)
        assert type(d) is type(x)
        assert np.asarray(d).dtype == np.asarray(x).dtype
        np.testing.assert_allclose(d, second)


@pytest.mark.parametrize("fmt", ["csr", "csc", "coo"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_the_pattern_of_a_sparse_matrix_is_kept(fmt: str, dtype: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.csr_array(np.array([[1, 2, 0], [0, 0, 3]], dtype)).asformat(fmt)
    dense = np.arange(6.0).reshape(2, 3) * (1 + 1j)
    held = weakref.ref(x)
    project, expected = ProjectTo(x), x.copy()
    expected.data = np.array([dense[i, j] for i, j in zip(*x.nonzero())])
    want = dense if dtype is np.complex128 else dense.real
    del x
    gc.collect()
    assert held() is None
    for dx in (dense, dense.T.copy().T, sparse.coo_array(dense), sparse.csc_matrix(dense)):
        found = project(dx)
        assert isinstance(found, Tangent)
        assert found.data.dtype == dtype
        kept = expected.copy()
        kept.data = found.data
        np.testing.assert_allclose(kept.toarray(), want * (expected.toarray() != 0))
    np.testing.assert_array_equal(
        project(tangent_type(type(expected))(data=np.ones(3))).data, np.ones(3)
    )
    assert project(ZeroTangent()) == ZeroTangent()
    for wrong in (np.ones((3, 2)), sparse.eye_array(2), 1.0):
        with pytest.raises(ProjectionError, match=rf"tangent of a {fmt}_array of shape \(2, 3\)"):
            project(wrong)


def test_a_rule_of_a_sparse_matrix(forget_rules: None) -> None:
    sparse = pytest.importorskip("scipy.sparse")

    def apply(a: Any, x: Any) -> Any:
        return a @ x

    @rrule.register(apply)
    def rrule_apply(_: Any, a: Any, x: Any) -> Any:
        to_a = ProjectTo(a)
        return a @ x, lambda g: (NoTangent(), to_a(np.outer(g, x)), a.T @ g)

    check_rule(apply, sparse.csr_array(np.diag([1.0, 2.0, 3.0]) + 0.0), np.array([0.3, 0.1, 0.7]))


def test_projections_of_ones_own_types() -> None:
    class Angle:
        def __init__(self, turns: float) -> None:
            self.turns = turns

    class RightAngle(Angle): ...

    @ProjectTo.register(Angle)
    def project_to_angle(x: Angle) -> Any:
        kind = type(x)
        return lambda dx: (kind, float(np.real(dx)))

    assert ProjectTo(Angle(0.5))(1 + 2j) == (Angle, 1.0)
    assert ProjectTo(RightAngle(0.25))(2.0) == (RightAngle, 2.0)
    assert ProjectTo([Angle(0.5), 1.0])([3.0, 4.0])[0] == (Angle, 3.0)
    assert ProjectTo(Angle(0.5))(ZeroTangent()) == ZeroTangent()
    lazy = ProjectTo(Angle(0.5))(Thunk(lambda: 3.0))
    assert unthunk(lazy) == (Angle, 3.0)
    assert ProjectTo(1.0)(3.0) == 3.0
