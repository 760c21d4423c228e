"""Which rules ran: those of which some code object was called, or that of their target."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Callable
from typing import Any

from .task import Rule, is_call, runtime, task


class Watch:
    """Notes the first lines of the functions of the module that are called."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        _asked.clear()

    def __call__(self, frame: types.FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename == task["path"]:
            self.lines.add(frame.f_code.co_firstlineno)

    def ran(self) -> list[str]:
        return [
            rule["id"]
            for rule in task["rules"]
            if rule["id"] in _asked
            or any(rule["line"] <= line <= rule["end_line"] for line in self.lines)
        ]


_asked: set[str] = set()


def watch_target(rule: Rule, f: Any) -> None:
    """Note when the rule of `f` runs, wherever its text stands: autograd's makers may stand
    anywhere, and the runtime has adapters for them."""

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            _asked.add(rule["id"])
            return function(*args, **kwargs)

        return noting

    if task["variant"] == "old":
        makers = sys.modules["autograd.core"].primitive_vjps
        if f in makers:
            makers[f] = noted(makers[f])
    else:
        for one in runtime("registry").rrule.rules_for(f):
            one.function = noted(one.function)


def place_calls() -> None:
    """A call has run where the function around it has;
    where there is none, importing has run it."""
    tree = ast.parse(task["source"])
    for rule in filter(is_call, task["rules"]):
        around = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            and node.lineno <= rule["line"] <= (node.end_lineno or 0)
        ]
        if around:
            inner = max(around, key=lambda node: (node.lineno, node.col_offset))
            decorators = getattr(inner, "decorator_list", ())
            rule["line"] = min([inner.lineno, *(one.lineno for one in decorators)])
            rule["end_line"] = inner.lineno
            rule["within"] = getattr(inner, "name", "a lambda")
            if inner in tree.body:  # it can be tried like a rule
                rule["target"], rule["before"] = rule["within"], ast.unparse(inner)
                rule["reached"] = True
        else:
            rule["line"] = 0
            rule["end_line"] = -1
