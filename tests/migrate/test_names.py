"""Names that new code may use."""

from __future__ import annotations

import ast

import pytest

from migrate.rules.names import NameChooser, reads
from tests.support.converting import scopes_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "add", id="free"),
        pytest.param("x.add(1)", "add", id="an attribute is no name"),
        pytest.param("'add'", "add", id="nor a string"),
        pytest.param("from rules_runtime import add", "add", id="imported already"),
        pytest.param(
            "from rules_runtime import add as plus", "plus", id="imported under another name"
        ),
        pytest.param("from other import add", "_add", id="something else"),
        pytest.param("def add(): pass", "_add", id="a function"),
        pytest.param("def f(add): pass", "_add", id="a parameter anywhere"),
        pytest.param("def f():\n    add = 1", "_add", id="a local variable"),
        pytest.param("from numpy import *\nadd(1, 2)", "_add", id="a name that comes from a star"),
        pytest.param("add = 1\n_add = 2", "_add_2", id="both taken"),
        pytest.param("from rules_runtime import add\nadd = 1", "_add", id="imported and rebound"),
        pytest.param(
            "def f():\n    from rules_runtime import add", "_add", id="imported in a function"
        ),
        pytest.param("from .rules_runtime import add", "_add", id="another module of that name"),
    ],
)
def test_the_name_of_a_runtime_function(text: str, expected: str) -> None:
    _, scopes = scopes_of(text)
    chooser = NameChooser(scopes, "rules_runtime")
    assert chooser.use("add") == expected
    assert chooser.use("add") == expected, "and the same again"


def test_what_is_imported_already_is_not_asked_for() -> None:
    _, scopes = scopes_of("from rules_runtime import add\n")
    chooser = NameChooser(scopes, "rules_runtime")
    chooser.use("add")
    chooser.use("rrule")
    assert set(chooser.present) == {"add"}
    assert chooser.local == {"add": "add", "rrule": "rrule"}


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("f", "rrule_f"),
        ("np.linalg.inv", "rrule_np_linalg_inv"),
        ("rrule_f", "rrule_f"),
        ("__call__", "rrule_call"),
        ("_", "rrule_rule"),
        ("table['a']", "rrule_table__a"),
        ("taken", "rrule_taken_2"),
    ],
)
def test_names_of_rules(base: str, expected: str) -> None:
    _, scopes = scopes_of("rrule_taken = 1\n")
    assert NameChooser(scopes, "rules_runtime").rule_name(base) == expected


def test_two_rules_of_one_name() -> None:
    _, scopes = scopes_of("")
    chooser = NameChooser(scopes, "rules_runtime")
    assert [chooser.rule_name("f") for _ in range(3)] == ["rrule_f", "rrule_f_2", "rrule_f_3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("def f(x): return x", False, id="not at all"),
        pytest.param("def f(_): return 1", True, id="a parameter"),
        pytest.param("_ = 1\ndef f(x): return _", True, id="read from outside"),
        pytest.param("def f(x): return _('text')", True, id="an unknown name"),
        pytest.param("def f(x):\n    for _ in x: pass", False, id="bound and not read"),
        pytest.param("def f(x):\n    for _ in x: print(_)", True, id="bound and read"),
        pytest.param("def f(x): return [_ for _ in x]", False, id="a comprehension's own"),
        pytest.param("def f(x): return lambda _: _", False, id="a lambda's own"),
        pytest.param("def f(x): return lambda y: _", True, id="read by a lambda"),
        pytest.param("_ = 1\ndef g(): return _\ndef f(x): return 1", False, id="read elsewhere"),
    ],
)
def test_whether_a_function_reads_a_name(text: str, expected: bool) -> None:
    tree, scopes = scopes_of(text)
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert reads("_", function, scopes) == expected
