"""Parameter lists change, and keep their layout."""

from __future__ import annotations

import ast

import pytest

from migrate.write.signature import rewrite_parameters

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("text", "lead", "drop", "annotate", "expected"),
    [
        pytest.param("x, y", [], NONE, {}, "x, y", id="nothing to do"),
        pytest.param("x, y", ["_"], NONE, {}, "_, x, y", id="callee"),
        pytest.param("", ["_"], NONE, {}, "_", id="no parameters"),
        pytest.param(
            "x",
            ["config: RuleConfig[HasReverseMode]", "_"],
            NONE,
            {},
            "config: RuleConfig[HasReverseMode], _, x",
            id="config",
        ),
        pytest.param("x,", ["_"], NONE, {}, "_, x", id="a comma at the end"),
        pytest.param("x, /, y", ["_"], NONE, {}, "_, x, /, y", id="positional only"),
        pytest.param("x=1", ["_"], NONE, {}, "_, x=1", id="default"),
        pytest.param("*xs", ["_"], NONE, {}, "_, *xs", id="varargs"),
        pytest.param("*, k=1", ["_"], NONE, {}, "_, *, k=1", id="keyword only"),
        pytest.param("**kw", ["_"], NONE, {}, "_, **kw", id="keywords"),
        pytest.param(
            "f, x, *, __context__=None",
            ["_"],
            frozenset({"__context__"}),
            {},
            "_, f, x",
            id="context goes",
        ),
        pytest.param(
            "f, __context__=None",
            ["_"],
            frozenset({"__context__"}),
            {},
            "_, f",
            id="positional context goes",
        ),
        pytest.param(
            "f, *, __context__=None, k=1",
            [],
            frozenset({"__context__"}),
            {},
            "f, *, k=1",
            id="context goes, others stay",
        ),
        pytest.param(
            "f, *a, __context__=None",
            [],
            frozenset({"__context__"}),
            {},
            "f, *a",
            id="context after varargs",
        ),
        pytest.param(
            "x, name: Val", ["_"], NONE, {"name": "str"}, "_, x, name: str", id="annotation changes"
        ),
        pytest.param(
            "x, name", ["_"], NONE, {"name": "str"}, "_, x, name: str", id="annotation is added"
        ),
        pytest.param(
            "\n    x,  # first\n    y,\n",
            ["_"],
            NONE,
            {},
            "\n    _,\n    x,  # first\n    y,\n",
            id="one a line",
        ),
        pytest.param(
            "x: 'int'  =  1 , y=2", ["_"], NONE, {}, "_, x: 'int'  =  1 , y=2", id="spaces stay"
        ),
        pytest.param(" x ", ["_"], NONE, {}, " _, x ", id="spaces around"),
        pytest.param("x,\n    y", ["_"], NONE, {}, "_, x,\n    y", id="two lines"),
        pytest.param(
            "  # all of them\n    x, y",
            ["_"],
            NONE,
            {},
            "  # all of them\n    _, x, y",
            id="comment",
        ),
        pytest.param("\\\n    x", ["_"], NONE, {}, "\\\n    _, x", id="continued line"),
        pytest.param("*, a, b,\n", ["_"], NONE, {}, "_, *, a, b,\n", id="last comma stays"),
    ],
)
def test_rewritten(
    text: str, lead: list[str], drop: frozenset[str], annotate: dict[str, str], expected: str
) -> None:
    result = rewrite_parameters(text, lead, drop, annotate)
    ast.parse(f"def f({result}): pass")
    assert result == expected
