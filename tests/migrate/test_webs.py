"""The lives of a variable, told apart: each name in a function with the number of its life."""

from __future__ import annotations

import ast
import textwrap

import pytest

from migrate.syntax.scopes import analyse_scopes
from migrate.syntax.webs import webs_of


def lives(body: str) -> str:
    """The names `d` in the body, in the order of the text, as `d0`, `d1` …"""
    tree = ast.parse("def f(d, c):\n" + textwrap.indent(body, "    "))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    later = webs_of(function, analyse_scopes(tree))
    numbers = {id(v): n for n, v in enumerate(dict.fromkeys(later.values()), 1)}
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == "d"]
    names.sort(key=lambda n: (n.lineno, n.col_offset))
    return " ".join(f"d{numbers[id(later[n])] if n in later else 0}" for n in names)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return d", "d0"),
        ("d = g(d)\nreturn d", "d1 d0 d1"),
        ("d = g(d)\nd = h(d)\nreturn d", "d1 d0 d2 d1 d2"),
        ("d['a'] = 1\nd = g(d)\nd['a'] = 2\nreturn d", "d0 d1 d0 d1 d1"),
        ("d, e = g(d)\nreturn d", "d1 d0 d1"),
        ("d += 1\nreturn d", "d0 d0"),
        ("d = g(d)\nd += 1\nreturn d", "d1 d0 d1 d1"),
        ("d: int = g(d)\nreturn d", "d1 d0 d1"),
        ("if c:\n    d = g(d)\nreturn d", "d0 d0 d0"),
        ("if c:\n    d = g(d)\n    return d\nreturn d", "d1 d0 d1 d0"),
        ("if c:\n    d = 1\nelse:\n    d = 2\nreturn d", "d1 d1 d1"),
        ("for x in d:\n    d = g(x)\nreturn d", "d0 d0 d0"),
        ("for x in d:\n    d = g(x)\n    use(d)", "d0 d1 d1"),
        ("for d in d:\n    use(d)", "d1 d0 d1"),
        ("while d:\n    d = g(d)\nreturn d", "d0 d0 d0 d0"),
        ("while c:\n    d = 1\n    break\nelse:\n    d = 2\nreturn d", "d1 d1 d1"),
        (
            "while c:\n    if d:\n        d = 1\n        continue\n    d = 2\n    use(d)",
            "d0 d0 d0 d0",
        ),
        ("try:\n    d = g(d)\nexcept E:\n    use(d)\nreturn d", "d0 d0 d0 d0"),
        ("try:\n    d = g(d)\nexcept E:\n    return d\nd = 3\nreturn d", "d0 d0 d0 d1 d1"),
        ("try:\n    d = g(d)\nfinally:\n    use(d)", "d0 d0 d0"),
        ("with g(d) as d:\n    use(d)", "d0 d1 d1"),
        ("with g():\n    d = 1\nreturn d", "d0 d0"),
        (
            "match c:\n    case 1:\n        d = 1\n        use(d)\n    case _:\n        use(d)",
            "d1 d1 d0",
        ),
        ("d = [x for x in d if x]\nreturn d", "d1 d0 d1"),
        ("d = sum(x for x in d)\nreturn d", "d1 d0 d1"),
        # what may be read later, or is bound in another way, is one variable
        ("d = (x for x in c if d)\nreturn d", "d0 d0 d0"),
        ("d = g(d)\nreturn lambda: d", "d0 d0 d0"),
        ("d = g(d)\ndef h():\n    return d\nreturn h", "d0 d0 d0"),
        ("d = g(d)\ndef h():\n    nonlocal d\n    d = 1\nreturn d", "d0 d0 d0 d0"),
        ("if (d := g(d)):\n    return d", "d0 d0 d0"),
        ("d = g(d)\ndel d", "d0 d0 d0"),
        ("import d\nd = g(d)\nreturn d", "d0 d0 d0"),
        ("match d:\n    case [d]:\n        return d", "d0 d0"),
        # what is never reached, or no Python
        ("if c:\n    continue\nd = g(d)\nreturn d", "d1 d0 d1"),
        ("return d\nd = g(d)\nreturn d", "d0 d0 d0 d0"),
    ],
)
def test_lives(body: str, expected: str) -> None:
    assert lives(body) == expected
