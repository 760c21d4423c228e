"""The table of docs/compiled.md, row by row: what is noticed, what is refused, what is lost."""

from __future__ import annotations

import array
import collections
import contextvars
import functools
import os
import random
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, compiled, ignore_derivatives, rrule, value_and_gradient
from rules_runtime.record.results import is_close
from tests.runtime.record.test_compiled import recorded, replays, same, some

# ---- what is noticed: `make` gives a function and what changes what it reads -------------------

Change = Callable[[], Any]
NOTICED: dict[str, Callable[[], tuple[Callable[..., Any], Change]]] = {}


def noticed(make: Callable[[], tuple[Callable[..., Any], Change]]) -> None:
    NOTICED[make.__name__.replace("_", " ").strip()] = make


@noticed
def defaults_replaced() -> Any:
    def f(x: Any, n: int = 2) -> Any:
        return np.sum(x**n)

    return f, lambda: setattr(f, "__defaults__", (3,))


@noticed
def keyword_defaults_in_place() -> Any:
    def f(x: Any, *, c: Any = (2.0, [3.0])) -> Any:
        return np.sum(x) * c[1][0]

    return f, lambda: f.__kwdefaults__["c"][1].__setitem__(0, 5.0)  # type: ignore[index]


@noticed
def the_code_of_a_function() -> Any:
    def f(x: Any) -> Any:
        return np.sum(x)

    return f, lambda: setattr(f, "__code__", (lambda x: np.prod(x)).__code__)


@noticed
def a_partial() -> Any:
    f = functools.partial(lambda s, x, t=1.0: np.sum(x * s) * t, np.ones(3), t=2.0)
    return f, lambda: f.keywords.update(t=3.0)


class Model:
    power = 2
    table = np.array([1.0, 2.0, 3.0])

    def __init__(self) -> None:
        self.w, self.c = np.ones(3), 2.0

    @property
    def scale(self) -> float:
        return self.c * factor

    def __call__(self, x: Any) -> Any:
        return np.sum(x**self.power * self.w * (self.table * 2.0)) * self.scale


factor = 2.0
model = Model()
options: dict[str, Any] = {"n": 2.0, "list": [1.0]}
large = [1.0] * 40
words = {"a", "b"}


@noticed
def an_object_called() -> Any:
    f = Model()
    return f, lambda: setattr(f, "c", 5.0)


@noticed
def an_attribute_that_hides_one_of_the_class() -> Any:
    f = Model()
    return f, lambda: setattr(f, "power", 3)


@noticed
def an_attribute_of_a_class() -> Any:
    kind = type("Mine", (Model,), {"power": 2, "__module__": __name__})
    return kind(), lambda: setattr(kind, "power", 3)


@noticed
def an_array_of_a_class_in_place() -> Any:
    kind = type("Mine", (Model,), {"table": np.ones(3), "__module__": __name__})
    return kind(), lambda: kind.table.__setitem__(0, 9.0)


@noticed
def a_method_of_a_class() -> Any:
    kind = type("Mine", (Model,), {"scale": 1.0, "__module__": __name__})
    kind.__call__ = lambda self, x: np.sum(x) * self.scale  # type: ignore[method-assign]
    return kind(), lambda: setattr(kind, "__call__", lambda self, x: np.prod(x))


@noticed
def a_class_that_is_named() -> Any:
    kind = type("Mine", (), {"n": 2.0, "__module__": __name__})
    return (lambda x: np.sum(x) * kind.n), lambda: setattr(kind, "n", 3.0)  # type: ignore[attr-defined]


@noticed
def an_object_that_is_closed_over() -> Any:
    mine = Model()
    return (lambda x: mine(x)), lambda: setattr(mine, "c", 4.0)


@noticed
def an_object_that_is_global() -> Any:
    model.c = 2.0
    return (lambda x: model(x)), lambda: setattr(model, "c", 4.0)


@noticed
def a_global_that_a_method_reads() -> Any:
    globals()["factor"] = 2.0
    return Model(), lambda: globals().__setitem__("factor", 3.0)


@noticed
def a_function_seven_calls_away() -> Any:
    text = "".join([f"def f{k}(x): return f{k + 1}(x) * 1.0\n" for k in range(7)])
    space: dict[str, Any] = {"np": np, "c": 2.0, "__name__": __name__}
    exec(f"{text}def f7(x): return np.sum(x) * c", space)
    return space["f0"], lambda: space.update(c=3.0)


@noticed
def an_attribute_of_a_module() -> Any:
    module = types.ModuleType("of_ones_own")
    module.table, module.c = np.ones(3), 2.0  # type: ignore[attr-defined]
    f = lambda x: np.sum(x * (module.table * module.c))  # type: ignore[attr-defined]
    return f, lambda: module.table.__setitem__(0, 5.0)  # type: ignore[attr-defined]


@noticed
def an_array_of_a_global_dict_in_place() -> Any:
    options["table"] = np.ones(3)
    f = lambda x: np.sum(x * (options["table"] * 2.0))
    return f, lambda: options["table"].__setitem__(0, 5.0)


@noticed
def a_key_that_comes_later() -> Any:
    options.pop("later", None)
    return (lambda x: np.sum(x) * options.get("later", 1.0)), lambda: options.update(later=2.0)


@noticed
def a_list_that_grows() -> Any:
    mine = [1.0]
    return (lambda x: np.sum(x) * sum(mine)), lambda: mine.append(2.0)


@noticed
def a_large_list() -> Any:
    large[0] = 1.0
    return (lambda x: np.sum(x) * large[0]), lambda: large.__setitem__(0, 2.0)


@noticed
def a_set() -> Any:
    words.discard("c")
    return (lambda x: np.sum(x) * (2.0 if "c" in words else 1.0)), lambda: words.add("c")


@noticed
def an_ordered_dict_of_words() -> Any:
    mine = collections.OrderedDict(a="sin")
    return (lambda x: np.sum(getattr(np, mine["a"])(x))), lambda: mine.update(a="cos")


@noticed
def an_attribute_of_a_function() -> Any:
    def f(x: Any) -> Any:
        return np.sum(x) * g.n  # type: ignore[attr-defined]

    def g() -> None:
        pass

    g.n = 2.0  # type: ignore[attr-defined]
    return f, lambda: setattr(g, "n", 3.0)


def _with_rule(slope: Callable[[], Any]) -> Any:
    def square(x: Any) -> Any:
        return x**2

    rrule.register(square)(lambda _, x: (x**2, lambda dy: (NoTangent(), slope() * dy * x)))
    return lambda x: np.sum(square(x))


@noticed
def a_global_that_a_rule_reads() -> Any:
    globals()["factor"] = 2.0
    return _with_rule(lambda: factor), lambda: globals().__setitem__("factor", 3.0)


@noticed
def an_array_that_a_rule_closes_over() -> Any:
    mine = np.ones(3)
    return _with_rule(lambda: mine * 2.0), lambda: mine.__setitem__(0, 3.0)


@noticed
def a_function_that_a_library_wraps() -> Any:
    options["n"] = 2.0
    inner = np.vectorize(lambda k: k * options["n"])
    return (lambda x: np.sum(x * inner(3.0))), lambda: options.update(n=3.0)


@noticed
def a_builtin_that_is_hidden() -> Any:
    globals().pop("abs", None)
    return (lambda x: np.sum(x) * abs(-2.0)), lambda: globals().__setitem__("abs", lambda x: 9.0)


@noticed
def a_method_that_an_object_has_alone() -> Any:
    class Plain:
        def factor(self) -> float:
            return 2.0

    f = Plain()
    return (lambda x: np.sum(x) * f.factor()), lambda: setattr(f, "factor", lambda: 3.0)


@noticed
def the_list_of_a_method() -> Any:
    mine = [2.0]
    read = mine.__getitem__
    return (lambda x: np.sum(x) * read(0)), lambda: mine.__setitem__(0, 3.0)


@noticed
def the_array_of_a_method() -> Any:
    mine = np.ones(3)
    total = mine.sum
    return (lambda x: np.sum(x) * total()), lambda: mine.__setitem__(0, 3.0)


@noticed
def a_zero_of_the_other_sign() -> Any:
    def make(c: float) -> Any:
        return lambda x: np.sum(np.copysign(1.0, c) * x)

    f = make(0.0)
    return f, lambda: setattr(f.__closure__[0], "cell_contents", -0.0)


@pytest.mark.parametrize("name", NOTICED)
def test_what_changes_is_noticed(name: str, forget_rules: None) -> None:
    f, change = NOTICED[name]()
    fast = recorded(f, some(3))
    same(fast, f, some(3) + 1.0)
    before = value_and_gradient(f, some(3))
    change()
    want = value_and_gradient(f, some(3))
    try:
        assert not is_close(before, want)  # that something has changed
        assert is_close(want, fast(some(3)))
    finally:
        globals().pop("abs", None)


# ---- what is refused ---------------------------------------------------------------------------

counts: list[int] = []
generator, numbers = np.random.default_rng(0), random.Random(0)


def _counts(x: Any) -> Any:
    counts.append(1)
    return np.sum(x) * len(counts)


def _remembers(x: Any) -> Any:
    model.w = x  # type: ignore[assignment]
    return np.sum(x**2)


def _assigns(x: Any) -> Any:
    global factor
    factor = 2.0
    return np.sum(x) * factor


def _catches(x: Any) -> Any:
    try:
        return np.sum(np.linalg.inv(np.outer(x, x)[:2, :2] * 0.0)) * x[0]
    except np.linalg.LinAlgError:
        return np.sum(x)


def _read(x: Any) -> Any:
    with open(__file__, encoding="utf-8") as file:
        return np.sum(x) * len(file.read(9))


class Large:
    table = np.ones(100_000)


bits = array.array("d", [2.0])
REFUSED: dict[str, Callable[..., Any]] = {
    "appends": _counts,
    "keeps its argument": _remembers,
    "assigns": _assigns,
    "random": lambda x: np.sum(x * np.random.normal(size=3)),
    "a generator": lambda x: np.sum(x * generator.normal(size=3)),
    "Python's": lambda x: np.sum(x * random.random()),
    "a generator of Python's": lambda x: np.sum(x) * numbers.random(),
    "catches": _catches,
    "globals": lambda x: np.sum(x) * globals()["factor"],
    "a file": _read,
    "a large array of a class": lambda x: np.sum(x) * Large.table[0],
    "the order in memory": lambda x: np.sum(np.ravel(x * 2.0, order="A")),
    "memory that is none of numpy's": lambda x: np.sum(x) * bits[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_runs_as_often_as_it_is_called(name: str) -> None:
    f, fast = REFUSED[name], compiled(REFUSED[name])
    for seed in range(4):
        found = []
        for g in (fast, lambda x: value_and_gradient(f, x)):
            counts[:] = [1]
            np.random.seed(seed)
            random.seed(seed)
            numbers.seed(seed)
            generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
            found.append(g(some(3)))
            found.append((len(counts), np.random.random(), random.random(), generator.random()))
        assert is_close(found[2], found[0]) and found[3] == found[1]
    assert fast.refused is not None and replays(fast) == 0
    model.w = np.ones(3)


def test_texts_of_numbers_are_guards() -> None:
    for text in (lambda x: str(x[0]), lambda x: f"{x[1]:.2f}", lambda x: repr(x)):
        f = lambda x, text=text: np.sum(x) * float(sum(map(ord, text(x))))
        fast = compiled(f)
        for k in (0, 0, 0, 1, 1, 1, 0):
            assert is_close(value_and_gradient(f, some(3) + k), fast(some(3) + k))
        assert fast.refused is None and replays(fast) == 3


def test_an_errstate_of_its_own_is_kept() -> None:
    def f(x: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(x > 0, np.log(x), 0.0)
        return np.sum(ignore_derivatives(y)) + np.sum(np.sqrt(x))

    fast = recorded(f, np.ones(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(fast, f, np.array([0.5, 1.0, 2.0]))
    with pytest.warns(RuntimeWarning, match="sqrt"):  # of which f says nothing
        fast(np.array([-1.0, 1.0, 2.0]))


def test_clocks_are_refused() -> None:
    fast = compiled(lambda x: np.sum(x * time.perf_counter()))
    for _ in range(4):
        fast(some(3))
    assert replays(fast) == 0 and "differ" in str(fast.refused)


@pytest.mark.parametrize(
    "changing",
    [iter(range(99)), types.MappingProxyType({}), {}.keys(), contextvars.ContextVar("c")],
)
def test_what_may_change_unseen_is_refused(changing: Any) -> None:
    fast = compiled(lambda x: np.sum(x) * (changing is not None))
    fast(some(3))
    assert "may change" in str(fast.refused)


def test_assignments_outside_are_refused() -> None:
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        return np.sum(x) * count

    fast = compiled(f)
    for _ in range(4):
        assert is_close(fast(some(3))[1][0], np.full(3, float(count)))
    assert "assigns" in fast.refused and count == 4


def test_arguments_that_change_are_refused() -> None:
    def f(x: Any, y: Any) -> Any:
        y += 1.0
        return np.sum(x * y)

    fast, y = compiled(f, wrt=0), np.zeros(3)
    for k in range(3):
        np.testing.assert_array_equal(fast(some(3), y)[1], k + 1.0)
    assert "in place" in fast.refused
    np.testing.assert_array_equal(y, 3.0)


def test_what_is_none_of_numpys_is_refused() -> None:
    import array

    fast = compiled(lambda x, y: np.sum(x * np.frombuffer(array.array("d", y))), wrt=0)
    for _ in range(3):
        np.testing.assert_allclose(fast(some(3), some(3) + 1)[1], some(3) + 1)


# ---- what is lost ------------------------------------------------------------------------------


def test_what_is_printed_and_warned_of_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        print("called")
        warnings.warn("of ones own", stacklevel=1)
        return np.sum(x)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fast = recorded(f, some(3))
        assert capsys.readouterr().out == "called\n" * 4  # each recording, and its eager call
        count = len(caught)
        same_value = fast(some(3))[0]
    assert same_value == np.sum(some(3)) and replays(fast) == 1
    assert capsys.readouterr().out == "" and len(caught) == count


def test_the_environment_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULES_FACTOR", "2.0")
    f = lambda x: np.sum(x * float(os.environ["RULES_FACTOR"]))
    fast, watched = recorded(f, some(3)), recorded(f, some(3), verify=2)
    monkeypatch.setenv("RULES_FACTOR", "3.0")
    assert fast.gradient(some(3))[0][0] == 2.0  # as the page says
    watched(some(3))
    with pytest.raises(RuntimeError, match="differs from the eager gradient"):
        watched(some(3))


def test_warnings_name_other_operations() -> None:
    f = lambda x: np.sum(np.where(x > 0, x, 0.0) * x)
    x = np.full(5000, 1e200)
    fast = recorded(f, some(5000))
    with pytest.warns(RuntimeWarning, match="overflow"):
        want = value_and_gradient(f, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert is_close(want, fast(x))
    assert replays(fast) == 1


def test_errors_that_no_result_depends_on_are_lost() -> None:
    def f(x: Any, s: Any) -> Any:
        1 / s
        return np.sum(x * x)

    x = some(3)
    fast = recorded(f, x, 0.5)
    with pytest.raises(ZeroDivisionError):
        value_and_gradient(f, x, 0.0)
    value, (dx, ds) = fast(x, 0.0)
    assert value == np.sum(x * x)
    assert np.array_equal(dx, 2 * x)
    assert ds == 0
    assert replays(fast) == 1


def test_a_first_replay_without_result_is_no_reason_to_refuse() -> None:
    f = lambda x, s: np.sum(x) / s
    x = some(3)
    fast = compiled(f)
    with pytest.warns(RuntimeWarning):
        want = value_and_gradient(f, x, np.float64(0.0))
    fast(x, np.float64(0.5))
    with pytest.warns(RuntimeWarning):
        assert is_close(want, fast(x, np.float64(0.0)))
    assert fast.refused is None
    for s in (0.5, 0.25, 2.0):
        assert is_close(value_and_gradient(f, x, np.float64(s)), fast(x, np.float64(s)))
    assert replays(fast) >= 1
