"""Inputs that the project gives itself: cases() of the file, or of another one."""

from __future__ import annotations

import importlib.util
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .task import first_line, short, task

Case = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class BadCases(Exception):
    """cases() cannot be used; the message says why and what it must be."""


def cases_of(module: types.ModuleType) -> list[Case]:
    found = []
    own = getattr(module, "cases", None)
    if callable(own) and takes_nothing(own):
        found += list(entries(own, task["path"]))
    if task["cases"]:
        found += list(entries(function_of(cases_module()), task["cases"]))
    return found


def takes_nothing(function: Callable[..., Any]) -> bool:
    """Otherwise it is another function of that name."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def function_of(module: types.ModuleType) -> Callable[[], Any]:
    function = getattr(module, "cases", None)
    if callable(function) and takes_nothing(function):
        return typing.cast("Callable[[], Any]", function)
    from difflib import get_close_matches

    trouble = "it has no function cases()"
    if function is not None:
        trouble = "its cases is no function without parameters"
    elif close := get_close_matches("cases", vars(module), 1):
        trouble += f"; did you mean {close[0]}?"
    raise BadCases(f"{task['cases']}: {trouble}")


def entries(function: Callable[[], Any], where: str) -> Iterator[Case]:
    try:
        given = list(function())
    except (Exception, SystemExit) as error:
        raise BadCases(f"{where}: cases() fails: {first_line(error)}") from None
    for number, case in enumerate(given, 1):
        if trouble := wrong_with(case):
            raise BadCases(
                f"{where}: entry {number} of cases() {trouble}; an entry is "
                "(label, callable, (argument, ...)) or (label, callable, (argument, ...), keywords)"
            )
        label, f, args, *rest = case
        yield str(label), f, tuple(args), dict(rest[0]) if rest else {}


def wrong_with(case: Any) -> str:
    if not isinstance(case, tuple | list):
        return f"is {short(case)}"
    if len(case) not in (3, 4):
        return f"has length {len(case)}"
    if not callable(case[1]):
        return f"has {short(case[1])} for a callable"
    if not isinstance(case[2], tuple | list):
        return f"has {short(case[2])} for its arguments, which is no tuple"
    if len(case) == 4 and not isinstance(case[3], Mapping):
        return f"has {short(case[3])} for its keywords, which is no dict"
    return ""


def cases_module() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("rrule_migrate_cases", task["cases"])
    if spec is None or spec.loader is None:
        raise BadCases(f"{task['cases']}: it is no Python file by name")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadCases(f"{task['cases']}: cannot be imported: {first_line(error)}") from None
    return module
