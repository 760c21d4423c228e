"""What the process is to do, and where it says what it has found."""

from __future__ import annotations

import importlib
import json
import sys
import typing
from typing import Any

import numpy as np

Rule = dict[str, Any]

#: As `_answers` of checking.py writes it down.
task: dict[str, Any] = {}
answers: list[typing.TextIO] = []  # one, that is open


def say(**answer: object) -> None:
    file = answers[-1]
    file.write(json.dumps(answer) + "\n")
    file.flush()


def first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def short(value: object) -> str:
    text = repr(value)
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=6, threshold=6)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def runtime(name: str) -> Any:
    """A module of the runtime, which the command itself knows nothing of."""
    return importlib.import_module(f"rules_runtime.{name}")


def is_call(rule: Rule) -> bool:
    return bool(rule["id"].startswith("call-"))


def speaks_autograd() -> bool:
    """Whether the legacy rules are those of HIPS autograd."""
    return "autograd.core" in sys.modules and any(rule["form"] for rule in task["rules"])
