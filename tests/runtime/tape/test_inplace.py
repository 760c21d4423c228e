"""Updates in place of traced arrays are functionally right, with views in step,
or a clear error."""

from __future__ import annotations

import operator
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_runtime import NoTangent, gradient, ignore_derivatives, rrule
from tests.runtime.tape.derivatives import (
    assert_gradient,
    assert_second_order,
    numeric_gradient,
)

X = np.random.default_rng(1).normal(size=(3, 4))


def augmented(x: Any) -> Any:
    y = x * 1.0
    alias = y
    y += x
    y *= x
    y -= 0.5
    y /= 2.0 + x * x
    return np.sum(alias * y)


def assigned(x: Any) -> Any:
    y = x * 2.0
    y[0] = x[1] * x[2]
    y[1:, ::2] = 3.0
    y[2, 1] = np.sum(y)
    y[..., -1] *= y[0, 0]
    y[np.array([0, 1])] = x[:2] * y[1]
    return np.sum(y * y * x)


def masked(x: Any) -> Any:
    y = x + 0.0
    y[x > 0] = 0.0
    y[x < -1] *= 3.0
    return np.sum(y**2 * x)


def through_views(x: Any) -> Any:
    y = x * 1.0
    row = y[1]
    row *= 2.0  # changes y, as numpy does
    part = row[1:]
    part[0] = x[0, 0]  # changes row and y
    y[1, 2] = 5.0 * x[2, 2]  # changes row and part
    return np.sum(y * x) + np.sum(row**2) + np.sum(part**3)


def of_an_argument(x: Any) -> Any:
    x += 1.0
    x[0, 0] = 2.0
    return np.sum(x * x)


def recurrence(x: Any) -> Any:
    y = x * 1.0
    for k in range(1, 3):
        y[k] = y[k - 1] * np.sin(x[k])
    return np.sum(y)


def twice_the_same_place(x: Any) -> Any:
    y = x[0] * 1.0
    y[np.array([1, 1, 2])] = x[1, :3]  # of the first two the second stays
    y[[0]] = np.sum(x)
    return np.sum(y * x[2])


def rows_and_numbers(x: Any) -> Any:
    y = x * 1.0
    for k in range(3):
        y[k] += x[2 - k] * y[k - 1]
        y[k, 0] *= 2.0
        y[:, k] = y[0, 0]
    y[0] = np.inf
    y[0] = 1.0
    return np.sum(y * x)


@pytest.mark.parametrize(
    "f",
    [
        augmented,
        assigned,
        masked,
        through_views,
        recurrence,
        twice_the_same_place,
        rows_and_numbers,
    ],
    ids=lambda f: f.__name__,
)
def test_updates(f: Any) -> None:
    before = X.copy()
    assert_gradient(f, X)
    assert_second_order(f, X)
    np.testing.assert_array_equal(X, before)


def test_an_argument_updated_in_place_is_not_the_callers() -> None:
    x = X.copy()
    (g,) = gradient(of_an_argument, x)
    np.testing.assert_array_equal(x, X)
    want = 2 * (X + 1.0)
    want[0, 0] = 0.0
    np.testing.assert_allclose(g, want)


def test_the_dtype_and_the_shape_stay() -> None:
    def f(x: Any) -> Any:
        x += np.ones((4,))
        assert x.dtype == np.float32
        return np.sum(x * x)

    assert gradient(f, X.astype(np.float32))[0].dtype == np.float32
    with pytest.raises(ValueError, match="shape"):
        gradient(lambda x: np.sum(x.__iadd__(np.ones((2, 3, 4)))), X)


def test_numbers_are_not_changed_by_augmented_assignment() -> None:
    def f(x: Any) -> Any:
        y = x
        y *= 3.0
        return x * y

    assert gradient(f, 2.0) == (12.0,)
    assert gradient(lambda v: f(v[0]), np.array([2.0]))[0][0] == 12.0


def test_ufuncs_into_traced_arrays() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        np.multiply(y, x, out=y)
        np.add.at(y, np.array([0, 0]), x[1])
        return np.sum(y * y)

    assert_gradient(f, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, buffer: np.add(x, 1.0, out=buffer),
        lambda x, buffer: np.sum(x, axis=0, out=buffer[0]),
        lambda x, buffer: buffer.__setitem__((0, 0), x[0, 0]),
        lambda x, buffer: buffer.__iadd__(x),
        lambda x, buffer: x.sort(),
        lambda x, buffer: x.fill(0.0),
        lambda x, buffer: np.add.at(buffer, 0, x[0]),
    ],
)
def test_what_would_lose_the_derivative_is_an_error(f: Any) -> None:
    buffer = np.zeros((3, 4))
    with pytest.raises((TypeError, ValueError)) as caught:
        gradient(lambda x: f(x, buffer), X)
    cause = caught.value if isinstance(caught.value, TypeError) else caught.value.__cause__
    assert re.search("derivative|in place|use", str(cause))


def test_views_that_are_not_slices_are_copies_or_errors() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        t = y.T
        y += 1.0
        return np.sum(t * t)

    with pytest.raises(TypeError, match="view"):
        gradient(f, X)

    def g(x: Any) -> Any:
        y = x * 1.0
        t = y.reshape(-1)
        t[0] = 7.0
        return np.sum(y)

    with pytest.raises(TypeError, match="view"):
        gradient(g, X)


def split_updates(x: Any) -> Any:
    y = x * 1.0
    left, middle, right = np.split(y, [1, 3], axis=1)
    left += right
    middle[0] *= left[1]
    for row in y:
        row *= row[0]
    return np.sum(y * y * x) + np.sum(right * left)


def rows_in_a_loop(x: Any) -> Any:
    y = x * 1.0
    for k, (row, other) in enumerate(zip(y, x)):
        row += k * other
        row[0] = np.sum(other)
    for column in np.unstack(y, axis=1) if hasattr(np, "unstack") else y.T.copy():
        column *= 2.0
    return np.sum(y * y)


def halves_of_halves(x: Any) -> Any:
    y = x * 1.0
    top, bottom = np.vsplit(y[:2], 2)
    left, right = np.hsplit(top, 2)
    left -= bottom[:, 2:]
    y[0, 0] = 3.0 * x[1, 1]
    right *= left
    return np.sum(y**2 * x) + np.sum(top**3)


@pytest.mark.parametrize(
    "f", [split_updates, rows_in_a_loop, halves_of_halves], ids=lambda f: f.__name__
)
def test_updates_of_the_parts_of_an_array_are_updates_of_it(f: Any) -> None:
    assert_gradient(f, X)
    assert_second_order(f, X)


VIEWS: dict[str, Any] = {
    "x": lambda x: x,
    "+x": lambda x: +x,
    "x[:]": lambda x: x[:],
    "x[1]": lambda x: x[1],
    "x[..., 0]": lambda x: x[..., 0],
    "x[[0, 1]]": lambda x: x[[0, 1]],
    "x[None]": lambda x: x[None],
    "x.T": lambda x: x.T,
    "x.real": lambda x: x.real,
    "x.flat": lambda x: x.flat,
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype(float),
    "astype, no copy": lambda x: x.astype(float, copy=False),
    "asarray": np.asarray,
    "ascontiguousarray": np.ascontiguousarray,
    "real": np.real,
    "squeeze": np.squeeze,
    "ravel": np.ravel,
    "flip": np.flip,
    "rot90": np.rot90,
    "diagonal": np.diagonal,
    "atleast_1d": np.atleast_1d,
    "atleast_2d of two": lambda x: np.atleast_2d(x, x[0])[1],
    "atleast_3d": np.atleast_3d,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.ones(4))[0],
    "meshgrid": lambda x: np.meshgrid(x[0], x[1], copy=False)[0],
    "split": lambda x: np.split(x, 2, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 2)[0],
    "split[0].T": lambda x: np.split(x, 2, axis=1)[1].T,
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "nan_to_num": lambda x: np.nan_to_num(x, copy=False),
    "iteration": lambda x: list(x)[1],
    "a rule": lambda x: _every_other(x),
}


def _every_other(x: Any) -> Any:
    return x[::2]


@rrule.register(_every_other)
def rrule_every_other(_: Any, x: Any) -> Any:
    def back(dy: Any) -> Any:
        dx = np.zeros(x.shape)
        dx[::2] = dy
        return NoTangent(), dx

    return _every_other(x), back


@pytest.mark.filterwarnings("ignore:Numpy has detected:DeprecationWarning")
@settings(max_examples=150, deadline=None)
@given(
    first=st.sampled_from(sorted(VIEWS)),
    second=st.sampled_from(sorted(VIEWS)),
    update=st.integers(0, 3),
    of=st.integers(0, 2),
)
def test_an_update_reaches_what_shares_memory_or_is_an_error(
    first: str, second: str, update: int, of: int
) -> None:
    """Of an array, a view of it, or a view of that, one is updated;
    all three are used afterwards."""

    def f(x: Any) -> Any:
        y = x * 1.0
        a = VIEWS[first](y)
        b = VIEWS[second](a) if np.ndim(a) == 2 else a
        changed = (y, a, b)[of]
        if update == 0:
            changed += 1.0
        elif update == 1:
            changed *= 2.0
        elif update == 2:
            changed[...] = 0.5
        else:
            changed[0] = changed[-1] * 1.5
        return np.sum(y * y * x) + np.sum(a**2) + np.sum(b**3)

    x = X / 3 + 1.0
    try:
        want = numeric_gradient(f, x)[0]
    except (TypeError, ValueError, IndexError):
        return  # numpy does not do it either
    message = ""
    try:
        found = gradient(f, x)[0]
    except (TypeError, ValueError) as error:
        message = f"{error} {error.__cause__}"
    if message:
        assert re.search("copy|read-only|in place|derivative", message)
        return
    np.testing.assert_allclose(found, want, 1e-5, 1e-5)


LOOPS: dict[str, Any] = {
    "numbers": lambda z, x, i: z.__setitem__(i, z[i - 1] * 0.5 + x[i]),
    "numpy's integers": lambda z, x, i: z.__setitem__(np.int64(i), z[i - 1] * x[i]),
    "constants": lambda z, x, i: z.__setitem__(i, 0.5),
    "rows": lambda z, x, i: z.__setitem__(i, np.tanh(z[i - 1]) * x[i]),
    "rows that the tape needs": lambda z, x, i: z.__setitem__(i, z[i - 1] * x[i]),
    "a row that is kept": lambda z, x, i: (row := z[i - 1], z.__setitem__(i, row * np.sin(row))),
    "updated rows": lambda z, x, i: operator.iadd(z[i], z[i - 1] * x[i]),
    "columns of numbers": lambda z, x, i: z.__setitem__((i, 0), z[i - 1, -1] * z[i, 0]),
    "slices": lambda z, x, i: z.__setitem__(slice(i, i + 1), z[i - 1 : i] * x[i]),
    "real into complex": lambda z, x, i: z.__setitem__(i, np.abs(z[i - 1]) * 2.0),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
def test_a_loop_of_assignments_writes_to_one_array(name: str, dtype: str) -> None:
    """The array is copied once, before the first;
    and the gradient is that of the same loop over a plain array."""
    rng = np.random.default_rng(0)
    shape = (7,) if name in ("numbers", "numpy's integers", "slices") else (7, 3)
    x = (rng.normal(size=shape) + 1j * rng.normal(size=shape) * (dtype == "c16")).astype("c16")
    x = x if dtype == "c16" else x.real.astype(dtype)
    addresses = set()

    def f(x: Any) -> Any:
        z = x * 1.0
        for i in range(1, len(x)):
            LOOPS[name](z, x, i)
            if hasattr(z, "tape"):
                addresses.add(z.value.__array_interface__["data"][0])
        return np.sum(np.abs(z * z) * np.arange(1.0, 8.0).reshape(7, *[1] * (z.ndim - 1)))

    (dx,) = gradient(f, x)
    assert len(addresses) == 1
    assert dx.dtype == x.dtype
    precise = x.astype("c16" if dtype == "c16" else "f8")
    np.testing.assert_allclose(dx, numeric_gradient(f, precise)[0], 1e-4, 1e-5)


def test_an_array_that_somebody_else_has_is_not_written_to() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        z = x * 1.0
        z[0] = 2.0
        y = np.sin(z)  # needs z as it was
        other, copied = +z, z.copy()
        z[1] = z[0] * x[2]
        kept.append(ignore_derivatives(z))
        z[2] = 7.0
        row = np.exp(z)
        z[0] *= 3.0
        return np.sum(y * other) + np.sum(z * copied * row)

    x = np.array([0.3, 0.5, 0.7])
    assert_gradient(f, x)
    assert_second_order(f, x)
    kept.clear()
    gradient(f, x)
    np.testing.assert_array_equal(kept[0], [2.0, 1.4, 0.7])


def test_an_argument_is_never_written_to() -> None:
    def f(x: Any) -> Any:
        for i in range(3):
            x[i] = x[i] * 2.0
        return np.sum(x * x)

    x = np.array([1.0, 2.0, 3.0])
    assert gradient(f, x)[0].tolist() == [8.0, 16.0, 24.0]
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert gradient(f, np.array([1.0, 2.0, 3.0]))[0].tolist() == [8.0, 16.0, 24.0]


@pytest.mark.parametrize(
    "ordered",
    [
        np.ascontiguousarray,
        np.asfortranarray,
        lambda a: np.asarray(a, order="C"),
        lambda a: np.array(a, order="F", copy=None),
        lambda a: np.require(a, requirements="C"),
        lambda a: np.require(a, requirements=["OWNDATA"]),
        np.asarray,
    ],
)
@pytest.mark.parametrize("view", [lambda y: y[:, 1:3], lambda y: y[1:], lambda y: y])
def test_what_brings_memory_in_order_is_a_copy_where_numpys_is(view: Any, ordered: Any) -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        b = ordered(view(y))
        y += 1.0
        return np.sum(b**3)

    np.testing.assert_allclose(gradient(f, X)[0], numeric_gradient(f, X)[0], atol=1e-6)
