"""Which rules ran: those of which some code object was called."""

from __future__ import annotations

import ast
import types

from .task import is_call, task


class Watch:
    """Notes the first lines of the functions of the module that are called."""

    def __init__(self) -> None:
        self.lines: set[int] = set()

    def __call__(self, frame: types.FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename == task["path"]:
            self.lines.add(frame.f_code.co_firstlineno)

    def ran(self) -> list[str]:
        return [
            rule["id"]
            for rule in task["rules"]
            if any(rule["line"] <= line <= rule["end_line"] for line in self.lines)
        ]


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
