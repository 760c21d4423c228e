"""Arguments and results with parts: lists, dicts, named tuples, dataclasses,
plain objects; callables with fields."""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from rules_runtime import (
    NoTangent,
    NotImplementedTangent,
    Tangent,
    TangentError,
    TapeConfig,
    WrongTangentError,
    ZeroTangent,
    debug_mode,
    gradient,
    hessian,
    jacobian,
    pullback,
    rrule,
    rrule_via_ad,
    value_and_gradient,
)
from rules_runtime.tape import arguments
from rules_runtime.tape.structures import parts


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True)
class Frozen:
    w: np.ndarray
    name: str


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


class Layer:
    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b, self.steps = W, b, 3

    def __call__(self, x: Any) -> Any:
        return np.tanh(self.W @ x + self.b)

    def scaled(self, c: Any) -> Any:
        return c * self.b


def test_containers() -> None:
    f = lambda p: p["a"][0] * p["b"] + np.sum(p["c"][1] ** 2)
    (g,) = gradient(f, {"a": (2.0, "text"), "b": 3.0, "c": [1, np.array([1.0, 2.0])]})
    assert isinstance(g, Tangent)
    assert (g["a"][0], g["b"]) == (3.0, 2.0)
    assert g["a"][1] == NoTangent()
    np.testing.assert_array_equal(g["c"][1], [2.0, 4.0])


def test_objects_with_fields() -> None:
    (g,) = gradient(lambda p: p.x * p.y, Point(2.0, 5.0))
    assert (g.x, g.y, g[0]) == (5.0, 2.0, 5.0)
    (g,) = gradient(lambda m: np.sum(m.w**2), Frozen(np.ones(2), "n"))
    np.testing.assert_array_equal(g.w, [2.0, 2.0])
    (g,) = gradient(lambda s: s.a * s.b, Slotted(2.0, 5.0))
    assert (g.a, g.b) == (5.0, 2.0)
    layer = Layer(np.eye(2), np.zeros(2))
    (g,) = gradient(lambda m: np.sum(m(np.ones(2))), layer)
    assert isinstance(g, Tangent)
    assert g.W.shape == (2, 2)
    assert type(layer.W) is np.ndarray, "the caller's object is not touched"


def test_nothing_comes_out_as_zeros_never_as_none() -> None:
    a, b, c, d = gradient(lambda a, b, c, d: 2.0 * a, 1.0, np.ones((2, 2)), "text", 3)
    assert (a, c, d) == (2.0, NoTangent(), NoTangent())
    np.testing.assert_array_equal(b, np.zeros((2, 2)))
    (g,) = gradient(lambda p: p["a"], {"a": 1.0, "b": np.ones(2)})
    np.testing.assert_array_equal(g["b"], np.zeros(2))
    assert gradient(lambda x: 3.0, 1.0) == (0.0,)


def test_results_with_parts() -> None:
    y, back = pullback(
        lambda x: {"a": x * 2.0, "b": (x[0], "text"), "c": 5.0}, np.array([1.0, 2.0])
    )
    assert y["b"] == (1.0, "text")
    assert type(y["a"]) is np.ndarray
    np.testing.assert_array_equal(
        back(Tangent[dict](a=np.ones(2), b=Tangent[tuple](10.0)))[0], [12.0, 2.0]
    )
    np.testing.assert_array_equal(back({"b": (10.0, None)})[0], [10.0, 0.0])


def test_a_callable_with_fields_has_a_tangent_itself() -> None:
    layer, x = Layer(np.eye(2), np.zeros(2)), np.array([0.1, 0.2])
    y, back = rrule_via_ad(TapeConfig(), layer, x)
    dlayer, dx = back(np.ones(2))
    np.testing.assert_allclose(dlayer.b, 1 - y**2)
    np.testing.assert_allclose(dx, 1 - y**2)
    _, back = rrule_via_ad(TapeConfig(), layer.scaled, 2.0)
    dlayer, _dc = back(np.ones(2))
    np.testing.assert_allclose(dlayer.b, [2.0, 2.0])
    assert rrule_via_ad(TapeConfig(), lambda x: x * 2.0, 1.0)[1](1.0) == (NoTangent(), 2.0)


def test_a_rule_is_given_all_parts_of_a_cotangent() -> None:
    seen: list[Any] = []

    def made(x: Any) -> Any:
        return {"a": x, "b": 2.0 * x, "name": "n"}, Slotted(x, x)

    @rrule.register(made)
    def rrule_made(_: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            seen.append(dy)
            return NoTangent(), ZeroTangent()

        return made(x), back

    gradient(lambda x: made(x)[0]["b"] * made(x)[1].a, 3.0)
    of_object, of_dict = seen
    assert list(of_dict[0].items()) == [("a", ZeroTangent()), ("b", 3.0), ("name", NoTangent())]
    assert list(of_object[1].items()) == [("a", 6.0), ("b", ZeroTangent())]
    _, back = rrule_via_ad(TapeConfig(), lambda p: p["b"] * 2.0, {"a": 1.0, "b": 2.0})
    assert list(back(1.0)[1].items()) == [("a", ZeroTangent()), ("b", 2.0)]


def test_partials() -> None:
    f = functools.partial(lambda a, x: a * x, 3.0)
    assert gradient(f, 2.0) == (3.0,)


def test_the_same_object_twice() -> None:
    x = [2.0]
    assert gradient(lambda p, q: p[0] * q[0] * q[0], x, x)[0][0] == 4.0
    shared = np.array([1.0, 2.0])
    (g,) = gradient(lambda p: np.sum(p[0] * p[1]), (shared, shared))
    np.testing.assert_array_equal(g[0], shared)


def test_an_object_that_occurs_twice_in_what_a_rule_takes_and_gives() -> None:
    """What flows to either place is added up at the first."""

    def product(pair: Any) -> Any:
        return pair[0]["w"] * pair[1]["w"]

    @rrule.register(product)
    def rrule_product(_: Any, pair: Any) -> Any:
        a, b = pair[0]["w"], pair[1]["w"]
        part = Tangent[dict]
        back = lambda d: (NoTangent(), Tangent[tuple](part(w=d * b), part(w=d * a)))
        return a * b, back

    def of_one(x: Any) -> Any:
        p = {"w": x}
        return product((p, p))

    assert gradient(of_one, 3.0) == (6.0,)
    p = {"w": 3.0}
    (g,) = gradient(product, (p, p))
    assert (g[0]["w"], g[1]) == (6.0, ZeroTangent())

    def twice(x: Any) -> Any:
        p = (2.0 * x,)
        return p, p

    y, back = pullback(twice, 3.0)
    assert y[0] is y[1]
    assert back(((1.0,), (10.0,))) == (22.0,)

    @rrule.register(twice)
    def rrule_twice(_: Any, x: Any) -> Any:
        return twice(x), lambda d: (NoTangent(), 2.0 * (d[0][0] + d[1][0]))

    def both(x: Any) -> Any:
        p, q = twice(x)
        return p[0] * q[0]

    assert gradient(both, 3.0) == (24.0,)


def test_mappings_whose_items_are_not_in_the_order_of_their_parts() -> None:
    one = 1.0
    twice = collections.UserDict(a=one, b=one)
    (g,) = gradient(lambda u: 2.0 * u["a"] + 3.0 * u["b"], twice)
    assert (g["a"], g["b"]) == (2.0, 3.0)

    def chained(x: Any) -> Any:
        return collections.ChainMap({"a": 2.0 * x}, {"b": 3.0 * x, "a": 7.0 * x})

    @rrule.register(chained)
    def rrule_chained(_: Any, x: Any) -> Any:
        return chained(x), lambda d: (NoTangent(), 2.0 * d["a"] + 3.0 * d["b"])

    assert gradient(lambda x: 10.0 * chained(x)["a"] + 100.0 * chained(x)["b"], 1.0) == (320.0,)


def test_named_tuples_and_instances_as_cotangents() -> None:
    _, back = pullback(lambda x: Point(2.0 * x, {"a": Slotted(x, 5.0 * x)}), 3.0)
    for inner in (Slotted(1.0, 1.0), {"a": 1.0, "b": 1.0}, Tangent[Slotted](a=1.0, b=1.0)):
        assert back(Point(1.0, {"a": inner})) == (8.0,)
    assert back(Point(1.0, None)) == (2.0,)
    assert back({"y": {"a": {"b": 1.0}}}) == (5.0,)


@pytest.mark.parametrize(
    "dy", [{"z": 1.0}, Tangent[dict](z=1.0), {"y": {"b": 0.0}}, {"y": (1.0, 2.0)}, (1.0,), 1.0]
)
def test_a_cotangent_with_other_parts_than_the_result_is_an_error(dy: Any) -> None:
    _, back = pullback(lambda x: Point(2.0 * x, {"a": x}), 3.0)
    with pytest.raises(TangentError, match=r"has no part|cannot be the tangent"):
        back(dy)


@pytest.mark.parametrize("debug", [False, True])
def test_the_tangent_that_a_rule_gives_may_be_an_object_like_its_argument(debug: bool) -> None:
    def weighted(p: Any) -> Any:
        return np.sum(p.w * np.array([1.0, 2.0]))

    @rrule.register(weighted)
    def rrule_weighted(_: Any, p: Frozen) -> Any:
        back = lambda d: (NoTangent(), Frozen(d * np.array([1.0, 2.0]), p.name))
        return weighted(p), back

    with debug_mode(None) if debug else contextlib.nullcontext():
        (g,) = gradient(lambda p: weighted(p) ** 2, Frozen(np.ones(2), "n"))
    assert isinstance(g, Tangent)
    np.testing.assert_array_equal(g.w, [6.0, 12.0])


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("x", "entry"),
    [
        (1.0, "text"),
        (1.0, None),
        (1.0, {"a": 1.0}),
        (np.ones(2), ["a", "b"]),
        (np.ones(2), np.array(["a", "b"])),
        (np.ones(2), Tangent[dict](a=1.0)),
        (Frozen(np.ones(2), "n"), np.ones(2)),
        (Frozen(np.ones(2), "n"), Point(1.0, 2.0)),
        (Frozen(np.ones(2), "n"), Tangent[Frozen](w="text")),
        (Point(1.0, 2.0), (1.0,)),
    ],
    ids=repr,
)
def test_what_is_no_tangent_names_the_rule_and_the_argument(
    x: Any, entry: Any, debug: bool
) -> None:
    def taken(k: Any, x: Any) -> Any:
        return 1.0

    @rrule.register(taken)
    def rrule_taken(_: Any, k: Any, x: Any) -> Any:
        return 1.0, lambda d: (NoTangent(), NoTangent(), entry)

    mode = debug_mode(None) if debug else contextlib.nullcontext()
    with mode, pytest.raises(WrongTangentError, match=r"taken.*argument 2"):
        gradient(lambda x: taken(0, x) * 2.0, x)


def test_the_work_grows_with_the_size_of_a_structure_not_with_its_depth() -> None:
    def work(depth: int) -> int:
        """How many functions are called for the gradient of a chain of objects,
        by a rule and without."""
        chain: Any = np.ones(3)
        for _ in range(depth):
            chain = Layer(np.zeros(2), chain)
        calls = 0

        def count(frame: Any, event: str, arg: Any) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            _, (g,) = value_and_gradient(lambda c: np.sum(end_of(c)) + sum_of_end(c), chain)
        finally:
            sys.setprofile(None)
        np.testing.assert_array_equal(end_of(g), [2.0, 2.0, 2.0])
        return calls

    def end_of(chain: Any) -> Any:
        while isinstance(chain, (Layer, Tangent)):
            chain = chain.b
        return chain

    def sum_of_end(chain: Any) -> Any:
        return np.sum(end_of(chain))

    @rrule.register(sum_of_end)
    def rrule_sum_of_end(_: Any, chain: Layer) -> Any:
        return sum_of_end(chain), lambda d: (NoTangent(), of_end(chain, d))

    def of_end(chain: Any, d: Any) -> Any:
        return Tangent[Layer](b=of_end(chain.b, d)) if isinstance(chain, Layer) else d * np.ones(3)

    work(3)
    assert work(120) < 7 * work(20)


def test_wrong_results_and_cotangents_say_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"shape \(2,\)"):
        gradient(lambda x: x, np.ones(2))
    with pytest.raises(TypeError, match="complex"):
        gradient(lambda x: x * 1j, 1.0)
    with pytest.raises(TypeError, match="str"):
        gradient(lambda x: "text", 1.0)
    for dy in ("text", object(), {"a": 1.0}):
        with pytest.raises(TangentError, match="cannot be the tangent of a number"):
            pullback(lambda x: x * 2.0, 1.0)[1](dy)
    with pytest.raises(ValueError, match=r"shape \(3,\) for a result of shape \(2,\)"):
        pullback(lambda x: x * 2.0, np.ones(2))[1](np.ones(3))


def test_objects_made_of_traced_values_along_the_way() -> None:
    def f(x: Any) -> Any:
        p = Point(x[0] * 2, x[1])
        m = Layer(np.stack([x, x]), x)
        return p.x * p.y + np.sum(m(x))

    value, (g,) = value_and_gradient(f, np.array([0.3, 0.4]))
    eps = 1e-6
    up = f(np.array([0.3 + eps, 0.4])) - f(np.array([0.3 - eps, 0.4]))
    assert g[0] == pytest.approx(up / (2 * eps), rel=1e-6)
    assert value == f(np.array([0.3, 0.4]))


def test_a_tangent_is_a_structure_too() -> None:
    def inner(p: Any) -> Any:
        return np.sum(p["a"] ** 3) * p["b"]

    def gradients(a: Any, b: Any) -> Any:
        return gradient(inner, {"a": a, "b": b, "c": "text"})[0]

    a = np.array([1.0, 2.0])
    y, back = pullback(gradients, a, 3.0)
    assert isinstance(y, Tangent)
    assert type(y["a"]) is np.ndarray
    np.testing.assert_allclose(y["a"], 9 * a**2)
    da, db = back(Tangent[dict](a=np.ones(2), b=2.0))
    np.testing.assert_allclose(da, 18 * a + 6 * a**2)
    assert db == pytest.approx(3 * np.sum(a**2))

    def step(p: Any, d: Any) -> Any:
        return np.sum((p["a"] - 0.1 * d["a"]) ** 2)

    (dd,) = gradient(lambda d: step({"a": a}, d), Tangent[dict](a=np.ones(2)))
    assert isinstance(dd, Tangent[dict])
    np.testing.assert_allclose(dd["a"], -0.2 * (a - 0.1))
    # and one that is made of traced values reaches a rule
    (da,) = gradient(lambda a: step({"a": a}, Tangent[dict](a=a)), a)
    np.testing.assert_allclose(da, 2 * 0.81 * a)


def test_thunks_that_a_function_returns_are_computed() -> None:
    b = np.array([[1.0, 2.0], [3.0, 5.0]])

    def f(x: Any) -> Any:
        _, back = rrule(np.matmul, x, x)
        return {"thunk": back(b)[1], "tangent": Tangent[tuple](back(b)[2], 1.0)}

    y, back = pullback(f, b)
    np.testing.assert_allclose(y["thunk"], b @ b.T)
    assert type(y["thunk"]) is np.ndarray
    (dx,) = back({"thunk": np.ones((2, 2)), "tangent": None})
    np.testing.assert_allclose(dx, np.ones((2, 2)) @ b)
    (dx,) = back({"thunk": None, "tangent": Tangent[tuple](np.ones((2, 2)))})
    np.testing.assert_allclose(dx, b @ np.ones((2, 2)))


NOT_MOVABLE = [
    3,
    np.arange(3),
    True,
    "text",
    (1, "a"),
    {"a": np.arange(3)},
    None,
    len,
    [],
    np.int8(3),
]


@pytest.mark.parametrize("x", NOT_MOVABLE, ids=repr)
def test_where_no_argument_can_be_differentiated_it_is_an_error(x: Any) -> None:
    def never_called(*args: Any) -> Any:
        raise AssertionError

    for differentiate in (gradient, value_and_gradient, jacobian, hessian):
        with pytest.raises(TypeError, match=r"3\.0.*\.astype\(float\)"):
            differentiate(never_called, x)  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"int, .*str"):
        gradient(never_called, 3, "text")
    with pytest.raises(TypeError, match="nothing to differentiate"):
        gradient(
            Layer(np.ones((3, 3)), 0.0), np.arange(3)
        )  # the function's own fields are not asked for
    assert gradient(lambda x, y: 2.0 * y, x, 1.0) == (NoTangent(), 2.0)
    assert pullback(lambda x: 1.0, x)[1](1.0) == (NoTangent(),)


def test_of_no_arguments_there_is_no_gradient() -> None:
    assert value_and_gradient(lambda: 3.0) == (3.0, ())


def test_a_traced_value_is_found_at_any_depth() -> None:
    from rules_runtime.tape.structures import inner_tape

    found: list[Any] = []

    def f(x: Any) -> Any:
        tape = x.tape
        deep: Any = x
        for _ in range(60):
            deep = [{"a": (1.0, Holder(deep)), "b": np.ones(2)}]
        loop: list[Any] = [deep]
        loop.append(loop)
        for where in (deep, loop, np.array([deep, None], object), {1: {2: {3: {4: {5: x}}}}}):
            found.append(inner_tape(where) is tape)
        found.append(inner_tape([loop[1:], [1.0, [2.0, [3.0, [4.0]]]]]) is tape)
        found.append(inner_tape([[1.0, [2.0, [3.0, [np.ones(2)]]]]]) is None)
        return x * x

    assert gradient(f, 3.0) == (6.0,)
    assert found == [True] * 6


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


def test_what_holds_itself_is_walked_once() -> None:
    """Structures that hold themselves, and parts of them that hold no numbers."""
    node, names = Layer(np.array([1.0, 2.0]), 3.0), ["a", ("b", 1)]
    node.parent, node.names = [node], names  # type: ignore[attr-defined]
    seen: list[Any] = []

    def f(n: Any) -> Any:
        seen.append(n)
        return np.sum(n.parent[0].W * n.b)

    (g,) = gradient(f, node)
    assert seen[0] is seen[0].parent[0] is not node
    assert seen[0].names is names, "nothing in it to trace: not copied"
    np.testing.assert_array_equal(g.W, [3.0, 3.0])
    assert (g.b, g.parent) == (3.0, ZeroTangent())


def _random_structure(rng: np.random.Generator, depth: int, made: list[Any]) -> Any:
    """A structure of any kinds, in which parts may occur twice."""
    kind = int(rng.integers(14 if depth else 5))
    if kind < 5:
        leaves = [float(rng.normal()), rng.normal(size=3), np.float32(1.5), 7, np.arange(3)]
        return leaves[kind]
    if kind == 5 and made:
        return made[int(rng.integers(len(made)))]
    a, b = (_random_structure(rng, depth - 1, made) for _ in range(2))
    kinds: list[Any] = [
        lambda: [a, "text", b], lambda: (a, b), lambda: {"a": a, 2: b}, lambda: Point(a, b),
        lambda: Frozen(a, b), lambda: Slotted(a, b), lambda: Layer(a, b),
        lambda: collections.UserDict(a=a, b=b), list,
    ]  # fmt: skip
    made.append(kinds[kind - 5]())
    return made[-1]


@pytest.mark.parametrize("seed", range(40))
def test_the_short_walk_and_the_long_one_find_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    p = [_random_structure(rng, 4, []), 1.0]
    before = repr(p)

    def f(p: Any) -> Any:
        total, seen, todo = 0.0, set(), [p]
        while todo:
            x = todo.pop()
            if isinstance(x, (float, np.ndarray)):
                total = total + np.sum(x * (2.0 + len(seen)))
            if id(x) not in seen:
                seen.add(id(x))
                todo += (parts(x) or {}).values()
        return total

    short = gradient(f, p)

    def refuse(*args: Any) -> Any:
        raise arguments._Unusual

    monkeypatch.setattr(arguments, "_walked", refuse)
    assert repr(gradient(f, p)) == repr(short)
    assert repr(p) == before


def test_what_a_callable_holds_is_constant_where_nobody_asks_for_its_gradient() -> None:
    class Held:
        def __init__(self, order: float, args: Any) -> None:
            self.order, self.args = order, args

        def __call__(self, x: Any) -> Any:
            return np.sum(unknown(self.order, x) * self.args[0])

    def unknown(order: float, x: Any) -> Any:
        return order * x

    @rrule.register(unknown)
    def rrule_unknown(_: Any, order: Any, x: Any) -> Any:
        def back(dy: Any) -> Any:
            return NoTangent(), NotImplementedTangent("by the order"), order * dy

        return order * x, back

    held = Held(3.0, (np.array([1.0, 2.0]),))
    np.testing.assert_array_equal(gradient(held, np.ones(2))[0], [3.0, 6.0])
    (g,) = gradient(lambda h: np.sum(h.args[0] * 5.0), held)
    np.testing.assert_array_equal(g.args[0], [5.0, 5.0], "a field of any name has a gradient")
