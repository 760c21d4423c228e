"""Code with a question before it is the code that it was:
values, errors, lines, names, depth, copies."""

from __future__ import annotations

import ast
import difflib
import inspect
import json
import statistics
import sys
import textwrap
import traceback
import types
from typing import Any

import pytest

from rules_runtime.tape.prelude import end_of_prelude, with_prelude


class Question:
    """The three calls of a prelude, and what was asked."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.yes = False
        self.asked: list[tuple[str, dict[str, Any], bool]] = []

    def __call__(self) -> bool:
        frame = sys._getframe(1)
        inside = frame.f_lasti < end_of_prelude(frame.f_code)
        self.asked.append((frame.f_code.co_name, dict(frame.f_locals), inside))
        return self.yes

    def answer(self) -> Any:
        return "the answer"


def put(question: Question, f: Any) -> Any:
    f.__code__ = with_prelude(f.__code__, question.open.__len__, question, question.answer)
    return f


def plain(x: Any, k: Any = 2.0, *rest: Any, m: Any = 3, **kw: Any) -> Any:
    return (x, k, rest, m, kw)


def handles(x: Any) -> Any:
    try:
        with open("/nothing/of/that/name"):
            pass
    except OSError as error:
        try:
            raise ValueError(x) from error
        except ValueError:
            found = [y for y in range(x) if y]
        finally:
            x += 1
    return x, found


def closure(x: Any) -> Any:
    c = 5

    def inner(x: Any) -> Any:
        def more() -> Any:
            return x + c

        x = x * 2
        return more()

    return inner(x), inner


def fails(x: Any) -> Any:
    y = 1
    return y / x


class Owner:
    def method(self) -> Any:
        return super().__repr__().startswith("<"), __class__


many_constants: Any = eval(f"lambda k: ({', '.join(f'k + {i}.5' for i in range(400))})[k]")
exec("def many_lines(x):\n" + "\n".join(f" x = x + {i}.25" for i in range(300)) + "\n return x")
CASES: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (plain, (1,), {}),
    (plain, (1, 2, 3, 4), {"m": 5, "z": 6}),
    (plain, (1,), {"k": 7}),
    (handles, (3,), {}),
    (closure(1)[1], (4,), {}),
    (Owner.method, (Owner(),), {}),
    (lambda x: x + 1, (1,), {}),
    (many_constants, (399,), {}),
    (globals()["many_lines"], (1.0,), {}),
]


@pytest.mark.parametrize(("f", "args", "kwargs"), CASES)
def test_the_body_runs_as_it_was(f: Any, args: Any, kwargs: Any) -> None:
    question = Question()
    code = f.__code__
    right = f(*args, **kwargs)
    try:
        put(question, f)
        shape = ("co_argcount", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_name")
        assert all(getattr(f.__code__, name) == getattr(code, name) for name in shape)
        for _ in range(20):  # until the interpreter has specialized it
            assert f(*args, **kwargs) == right
        assert question.asked == []
        question.open[1] = 1
        for _ in range(20):
            assert f(*args, **kwargs) == right
        assert [(name, inside) for name, _, inside in question.asked] == [(code.co_name, True)] * 20
        question.yes = True
        for _ in range(20):
            assert f(*args, **kwargs) == "the answer"
    finally:
        f.__code__ = code


def test_what_is_asked_sees_the_arguments_and_what_is_closed_over() -> None:
    question = Question()
    question.open[1] = 1
    put(question, inner := closure(1)[1])
    assert inner(4) == 13
    assert question.asked[0][1] == {"x": 4, "c": 5}
    f = put(question, types.FunctionType(plain.__code__, {}, "f", (9,)))
    f.__kwdefaults__ = {"m": 3}
    f(1)
    assert question.asked[1][1] == {"x": 1, "k": 9, "rest": (), "m": 3, "kw": {}}


def test_lines_and_errors() -> None:
    question = Question()
    f = types.FunctionType(fails.__code__, globals())
    positions = list(f.__code__.co_positions())
    put(question, f)
    found = list(f.__code__.co_positions())
    n = len(found) - len(positions)
    assert any(found[:k] == positions[:k] and found[k + n :] == positions[k:] for k in range(9))
    with pytest.raises(ZeroDivisionError) as caught:
        f(0)
    (*_, last) = traceback.extract_tb(caught.value.__traceback__)
    assert last.line == "return y / x"
    assert last.lineno == fails.__code__.co_firstlineno + 2
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        f()
    assert inspect.getsource(f) == inspect.getsource(fails)


def test_the_depth_of_recursion() -> None:
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + depth(n - 1)

    put(Question(), depth)
    here = len(inspect.stack())
    most = sys.getrecursionlimit() - here - 50
    assert depth(most) == most


def test_functions_of_the_standard_library() -> None:
    question = Question()
    question.open[1] = 1
    changed: list[tuple[Any, Any]] = []
    skipped = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

    def change(f: Any) -> None:
        if not f.__code__.co_flags & skipped:
            changed.append((f, f.__code__))
            put(question, f)

    def use() -> list[Any]:
        return [
            json.loads(json.dumps({"a": [1, {"b": None}], "c": "\u1234"}, indent=1)),
            textwrap.fill("some words " * 9, 20),
            statistics.stdev([1, 2, 3, 4]),
            ast.dump(ast.parse("def f(x=1, *a): return x")),
            difflib.get_close_matches("appel", ["ape", "apple"]),
            ast.unparse(ast.parse("x = [i for i in y if i]\nwith a as b: pass")),
        ]

    right = use()
    try:
        for module in (json.decoder, json.encoder, textwrap, ast, statistics, difflib):
            for value in list(vars(module).values()):
                held = list(vars(value).values()) if isinstance(value, type) else [value]
                for f in held:
                    if isinstance(f, types.FunctionType) and f.__module__ == module.__name__:
                        change(f)
        assert use() == right
        with pytest.raises(json.JSONDecodeError):
            json.loads("{")
    finally:
        for f, code in changed:
            f.__code__ = code
    assert len(changed) > 150
    assert len(question.asked) > 100
