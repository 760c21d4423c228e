"""Rules, and the functions that they call, cannot write into the arrays that they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, RuleError, Tangent, debug_mode, gradient, non_differentiable
from rules_runtime import hook as through_hook
from rules_runtime.legacy import adjoint
from rules_runtime.legacy import pullback as legacy_pullback
from rules_runtime.readonly import read_only
from rules_runtime.registry import rrule
from rules_runtime.tape import hessian, pullback
from rules_runtime.testing import RuleTestFailure, test_rrule

pytestmark = pytest.mark.usefixtures("forget_rules")
N = NoTangent()


@dataclass
class Model:
    w: np.ndarray


def times(a: Any, k: Any) -> Any:
    a *= k
    return a


def assigned(a: Any, k: Any) -> Any:
    a[:] = a * k
    return a


def out(a: Any, k: Any) -> Any:
    return np.multiply(a, k, out=a)


def of_a_slice(a: Any, k: Any) -> Any:
    a[:1] *= k
    return a


def sorted_in_place(a: Any, k: Any) -> Any:
    a.sort()
    return a * k


def in_a_list(a: Any, k: Any) -> Any:
    return times([a][0], k)


WRITERS = [times, assigned, out, of_a_slice, sorted_in_place, in_a_list]


def with_rule(write: Callable[..., Any]) -> Callable[..., Any]:
    def writer(a: Any, k: Any) -> Any:
        return write(a, k)

    @rrule.register(writer)
    def rrule_writer(_: Any, a: Any, k: Any) -> Any:
        old = np.copy(a)
        return writer(a, k), lambda dy: (N, dy * k, np.sum(dy * old))

    return writer


def with_legacy_rule(write: Callable[..., Any]) -> Callable[..., Any]:
    def writer(a: Any, k: Any) -> Any:
        return write(a, k)

    @adjoint(writer)
    def writer_rule(a: Any, k: Any) -> Any:
        old = np.copy(a)
        return writer(a, k), lambda dy: (dy * k, np.sum(dy * old))

    return writer


A = np.array([2.0, 1.0])


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("made", [with_rule, with_legacy_rule])
def test_a_function_that_writes_into_its_argument_is_named(write: Any, made: Any) -> None:
    writer, a = made(write), A.copy()

    def loss(a: Any, k: Any) -> Any:
        b = a * 1.0
        writer(b, k)
        return np.sum(b**2)

    def directly(a: Any, k: Any) -> Any:
        return np.sum(writer(a, k))

    calls: list[Callable[[], Any]] = [
        lambda: gradient(loss, a, 3.0),
        lambda: gradient(directly, a, 3.0),
        lambda: rrule(writer, a, 3.0),
        lambda: pullback(writer, a, 3.0),
        lambda: legacy_pullback(writer, a, 3.0),
        lambda: hessian(lambda a: loss(a, 3.0), a),
    ]
    for call in calls:
        with pytest.raises(RuleError, match=r"writer.*writes into an argument"):
            call()
    with debug_mode(None), pytest.raises(RuleError, match=r"writer.*writes into an argument"):
        gradient(loss, a, 3.0)
    with pytest.raises(RuleTestFailure, match=r"writer.*writes into an argument"):
        test_rrule(writer, a, 3.0)
    assert a.tolist() == A.tolist()


def test_arrays_within_arguments() -> None:
    def step(model: Any, xs: Any, by_key: Any) -> Any:
        return model.w, xs[0], by_key["a"][0]

    where: list[Any] = []

    @rrule.register(step)
    def rule(_: Any, model: Any, xs: Any, by_key: Any) -> Any:
        found = step(model, xs, by_key)
        for part in where[0](found):
            part += 1.0
        return np.sum(found), lambda dy: (N, N, N, N)

    def loss(a: Any) -> Any:
        return step(Model(a), [a], {"a": (a,)})

    for pick in (lambda f: f[:1], lambda f: f[1:2], lambda f: f[2:]):
        where[:] = [pick]
        a = A.copy()
        with pytest.raises(RuleError, match="writes into an argument"):
            gradient(loss, a)
        assert a.tolist() == A.tolist()


def test_a_pullback_that_writes_into_what_it_keeps_or_is_given() -> None:
    written: list[Any] = []

    def f(x: Any) -> Any:
        return 2 * x

    @rrule.register(f)
    def rule(_: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            target = {"x": x, "dy": dy}[written[0]]
            target *= 2
            return N, dy

        return f(x), back

    def loss(x: Any) -> Any:
        y = f(x) + x
        return np.sum(y * y)

    for name in ("x", "dy"):
        written[:] = [name]
        with pytest.raises(RuleError, match=r"pullback of .*writes into what it was given"):
            gradient(loss, A)


def test_what_a_rule_gives_back_is_the_argument_itself() -> None:
    def same(x: Any) -> Any:
        return x

    def pair(x: Any) -> Any:
        return x, 2 * x

    rrule.register(same)(lambda _, x: (x, lambda dy: (N, dy)))
    rrule.register(pair)(lambda _, x: ((x, 2 * x), lambda dy: (N, dy[0] + 2 * dy[1])))
    a = A.copy()
    assert rrule(same, a)[0] is a
    assert rrule(pair, a)[0][0] is a
    assert pullback(same, a)[0].flags.writeable
    assert pullback(lambda a: through_hook(lambda da: da, a), a)[0].flags.writeable
    x, y = 3 * a, a.tolist()
    (da,) = gradient(lambda x: np.sum(same(x) * pair(x)[1]), x)
    da[:] = 0.0  # a gradient is nobody else's
    assert a.tolist() == y


def test_numbers_may_be_written_where_nothing_flows_back() -> None:
    def fill(buffer: Any, x: Any) -> None:
        buffer[:] = float(x)

    non_differentiable(fill)
    buffer = np.zeros(2)

    def loss(x: Any) -> Any:
        fill(buffer, x)
        return x * x

    assert gradient(loss, 2.0) == (4.0,)
    assert buffer.tolist() == [2.0, 2.0]


def test_a_mutating_rule_may_write() -> None:
    def fill(a: Any, x: Any) -> Any: ...

    @adjoint(fill, mutating=True)
    def rule(a: Any, x: Any) -> Any:
        a[:] = x
        return a, lambda da: (None, np.sum(da))

    a = A.copy()
    assert rrule(fill, a, 5.0)[0].tolist() == [5.0, 5.0]


def test_what_cannot_be_written_is_not_copied() -> None:
    frozen = np.ones(2)
    frozen.flags.writeable = False
    for x in (frozen, (1.0, "a"), [1.0, [frozen]], {"a": (2,)}, 1.0, None, Model(A)):
        assert read_only(x) is x
    shown = read_only({"a": [A, 1.0], "b": 2})
    assert shown["a"][0].base is A
    assert A.flags.writeable


def test_an_error_of_another_kind_stays_as_it_is() -> None:
    def f(x: Any) -> Any: ...

    @rrule.register(f)
    def rule(_: Any, x: Any) -> Any:
        if x > 1.0:
            return x, lambda dy: 1 / 0
        raise ValueError("x is not positive")

    with pytest.raises(ValueError, match="x is not positive"):
        rrule(f, 1.0)
    with pytest.raises(ZeroDivisionError):
        rrule(f, 2.0)[1](1.0)
    assert isinstance(Tangent[Model](w=A).w, np.ndarray)
