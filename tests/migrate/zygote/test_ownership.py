"""Which helper functions belong to the rules."""

from __future__ import annotations

import ast

import pytest

from migrate.dialects.zygote.ownership import clusters, owned_helpers
from tests.support.converting import view_of

RULE = """
from zygote_rules import adjoint
import numpy as np

def helper(d):
    return d

@adjoint(np.sin)
def rule(x):
    return np.sin(x), lambda d: (helper(d),)
"""


def owned(text: str) -> set[str]:
    view, found = view_of(text)
    return {n.name for n in owned_helpers(view, found.rules) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("def other(): return helper(1)\n", id="called by other code"),
        pytest.param("TABLE = [helper]\n", id="kept in a table"),
        pytest.param("helper(1)\n", id="called when the module runs"),
        pytest.param("__all__ = ['helper']\n", id="exported"),
        pytest.param("__all__ = []\n__all__ += ['helper']\n", id="exported later"),
        pytest.param("def other(k=helper): pass\n", id="a default"),
        pytest.param("@helper\ndef other(): pass\n", id="a decorator"),
        pytest.param("def helper(d): return 2 * d\n", id="defined twice"),
        pytest.param("helper = 1\n", id="rebound"),
        pytest.param("del helper\n", id="deleted"),
        pytest.param("class C:\n    m = helper\n", id="a method"),
        pytest.param(
            "def other():\n    global helper\n    helper = None\n", id="rebound through global"
        ),
    ],
)
def test_not_owned(more: str) -> None:
    assert owned(RULE) == {"helper"}
    assert owned(RULE + more) == set()


def test_a_helper_of_helpers_is_owned_with_them() -> None:
    text = RULE + "def inner(d): return d\n"
    assert owned(text) == {"helper"}, "nobody uses the other one"
    assert owned(text.replace("return d\n\n@", "return inner(d)\n\n@")) == {"helper", "inner"}
    shared = text.replace("return d\n\n@", "return inner(d)\n\n@") + "inner(1)\n"
    assert owned(shared) == {"helper"}
    outside = text.replace("return d\n\n@", "return inner(d)\n\n@") + "helper(1)\n"
    assert owned(outside) == set()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("def rule(x):", id="the rule itself"),
        pytest.param("def rule(x, k=helper):", id="a default of the rule is other code"),
    ],
)
def test_a_rule_uses_a_helper_in_its_body_only(name: str) -> None:
    text = RULE.replace("def rule(x):", name)
    assert owned(text) == ({"helper"} if "=" not in name else set())


def test_the_primal_of_a_bare_rule_is_no_helper() -> None:
    text = RULE.replace("def helper(d):\n    return d\n", "def f(x):\n    return x\n").replace(
        "@adjoint(np.sin)\ndef rule(x):\n    return np.sin(x), lambda d: (helper(d),)",
        "@adjoint\ndef f(x):\n    return f(x), lambda d: (d,)",
    )
    assert owned(text) == set()


def test_rules_that_share_a_helper_are_done_together() -> None:
    text = RULE + "@adjoint(np.cos)\ndef second(x):\n    return np.cos(x), lambda d: (helper(d),)\n"
    text += "@adjoint(np.tan)\ndef third(x):\n    return np.tan(x), lambda d: (d,)\n"
    view, found = view_of(text)
    groups = clusters(found.rules, owned_helpers(view, found.rules))
    assert [[rule.name for rule in group] for group in groups] == [["rule", "second"], ["third"]]
