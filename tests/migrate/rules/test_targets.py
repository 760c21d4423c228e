"""What targets are seen to be, through variables, loops and parameters."""

from __future__ import annotations

import ast

import pytest

from migrate.rules.targets import is_functor, possible_values
from tests.support.converting import view_of

CLASSES = "from zygote_rules import adjoint\nclass A: ...\nclass B: ...\n"


def seen(text: str) -> tuple[bool | None, list[str]]:
    """Of the first rule's target: whether it is the call of an instance, and what it can be."""
    view, found = view_of(CLASSES + text)
    target = found.rules[0].registrations[0].target
    assert target is not None
    return is_functor(target, view), [ast.unparse(v) for v in possible_values(target, view)]


RULE = "@adjoint(t)\ndef _(x): ..."
INSTALL = "def install(t, k=1):\n    adjoint(t)(lambda x: ...)\n"


@pytest.mark.parametrize(
    ("text", "functor", "values"),
    [
        (f"t = A.__call__\n{RULE}", True, ["A.__call__"]),
        (f"t = f\n{RULE}\nt = A.__call__\n", False, ["f"]),
        (f"t = A.__call__\n{RULE}\nt = f\n", True, ["A.__call__"]),
        (f"t = f\nif c:\n    t = A.__call__\n{RULE}", None, ["f", "A.__call__"]),
        (f"t: object = A.__call__\n{RULE}", True, ["A.__call__"]),
        (f"u, t = f, A.__call__\n{RULE}", True, ["A.__call__"]),
        (f"u, *t = f, A.__call__\n{RULE}", False, ["t"]),
        ("@adjoint(t := A.__call__)\ndef _(x): ...", True, ["A.__call__"]),
        ("@adjoint(A.__call__ if c else B.__call__)\ndef _(x): ...", True, None),
        ("@adjoint(A.__call__ if c else f)\ndef _(x): ...", None, None),
        ("for t in (A.__call__, B.__call__):\n    adjoint(t)(lambda x: ...)", True, None),
        ("for t in (A.__call__, f):\n    adjoint(t)(lambda x: ...)", None, None),
        (
            "for t in (f,):\n    adjoint(t)(lambda x: ...)\nfor t in (A.__call__,): ...",
            False,
            ["f"],
        ),
        ("[adjoint(t)(r) for t in [A.__call__]]", True, ["A.__call__"]),
        ("for n, t in {'a': A.__call__}.items():\n    adjoint(t)(r)", True, ["A.__call__"]),
        ("T = {'a': A.__call__}\nfor t in T.values():\n    adjoint(t)(r)", True, ["A.__call__"]),
        ("for t in {f: 1}:\n    adjoint(t)(r)", False, ["f"]),
        ("for t, k in zip((A.__call__,), (1,)):\n    adjoint(t)(r)", True, ["A.__call__"]),
        ("for i, t in enumerate([A.__call__]):\n    adjoint(t)(r)", True, ["A.__call__"]),
        ("for t in unknown():\n    adjoint(t)(r)", False, ["t"]),
        (INSTALL + "install(A.__call__)", True, ["A.__call__"]),
        (INSTALL + "install(k=2, t=A.__call__)", True, ["A.__call__"]),
        (INSTALL + "install(f)\ninstall(A.__call__)", None, ["f", "A.__call__"]),
        (INSTALL + "for t in (A.__call__, B.__call__):\n    install(t)", True, None),
        (INSTALL + "install(*ts)", False, ["t"]),
        (INSTALL, False, ["t"]),
    ],
)
def test_what_a_target_can_be(text: str, functor: bool | None, values: list[str] | None) -> None:
    kind, found = seen(text)
    assert kind is functor
    assert values is None or sorted(found) == sorted(values)
