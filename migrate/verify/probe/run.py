"""The run itself: the old variant makes inputs and keeps results, the new one compares."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import itertools
import os
import pickle
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from .cases import BadCases, cases_of
from .inputs import Input, callee_of, generated, untried
from .languages import run
from .tables import Table, difference
from .task import Rule, answers, first_line, is_call, runtime, say, task
from .watching import place_calls


class Variant(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the module from the bytes of the task; everything else as usual."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == task["module"]:
            return importlib.util.spec_from_file_location(name, task["path"], loader=self)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(task["source"], task["path"], "exec", dont_inherit=True), module.__dict__)


def finite(tables: Iterable[Table]) -> bool:
    return all(
        np.all(np.isfinite(value))
        for table in tables
        for value in table.values()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc"
    )


#: By the ids of rules: label, attribute, arguments, value, gradients.
Made = dict[str, list[tuple[str, str, tuple[Any, ...], Table, list[Table]]]]


def old_variant(module: types.ModuleType) -> None:
    kept: list[tuple[Table, list[Table], list[str]] | None] = []
    reached: set[str] = set()
    for label, f, args, kwargs in cases_of(module):
        try:
            value, gradients, ran = run(f, args, kwargs, len(kept))
        except Exception as error:
            say(kind="failed", label=label, text=first_line(error))
            kept.append(None)
            continue
        reached |= set(ran)
        kept.append((value, gradients, ran))
    made: Made = {}
    for rule in task["rules"]:
        if is_call(rule) and "within" not in rule:
            say(kind="imported", rules=[rule["id"]])
        elif rule["id"] not in reached:
            try_generated(module, rule, made)
    with open(task["results"], "wb") as file:
        pickle.dump((kept, made), file)


def try_generated(module: types.ModuleType, rule: Rule, made: Made) -> None:
    groups, trouble = generated(module, rule), ""
    for one in itertools.chain(*groups[:3]):
        found = tried(module, rule, one, made)
        trouble = trouble or found
    for group in groups[3:]:
        if rule["id"] not in made:
            for one in group:
                tried(module, rule, one, made)
    if groups and rule["id"] not in made:
        untried(rule, trouble or "none of the generated inputs got to it")


def tried(module: types.ModuleType, rule: Rule, given: Input, made: Made) -> str:
    """Keeps what one generated input gave; gives what went wrong."""
    label, attribute, args = given
    try:
        pickle.dumps(args)
        value, gradients, ran = run(callee_of(module, rule, attribute), args, {}, 0)
    except Exception as error:
        return f"it fails for {label}: {first_line(error)}"
    if rule["id"] in ran and finite([value, *gradients]):
        made.setdefault(rule["id"], []).append((label, attribute, args, value, gradients))
    return ""


def new_variant(module: types.ModuleType) -> None:
    with open(task["results"], "rb") as file:
        kept, made = pickle.load(file)
    for number, (label, f, args, kwargs) in enumerate(cases_of(module)):
        if number < len(kept) and kept[number] is not None:
            compare(label, f, args, kwargs, number, *kept[number])
    for rule in task["rules"]:
        for label, attribute, args, value, gradients in made.get(rule["id"], ()):
            callee = callee_of(module, rule, attribute)
            compare(label, callee, args, {}, 0, value, gradients, [rule["id"]])


def compare(
    label: str,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seed: int,
    value: Table,
    gradients: list[Table],
    rules: list[str],
) -> None:
    try:
        new_value, new_gradients, ran = run(f, args, kwargs, seed)
    except Exception as error:
        say(kind="differs", label=label, rules=rules, text=f"{label}: raises {first_line(error)}")
        return
    text = difference(new_value, value)
    if text:
        say(kind="differs", label=label, rules=rules, text=f"{label}: value, {text}")
        return
    for number, (mine, other) in enumerate(zip(new_gradients, gradients)):
        text = difference(mine, other)
        if text:
            what = f"gradient of argument {number}" if number else "gradient of the callee"
            say(kind="differs", label=label, rules=rules, text=f"{label}: {what}, {text}")
            return
    same = [rule for rule in rules if rule in ran]
    unused = [rule for rule in rules if rule not in ran]
    say(kind="same", label=label, rules=same, unused=unused, text=tested(f, args, kwargs))


def tested(f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """What test_rrule has to say; nothing if it passes, or if the case calls a rule's caller."""
    try:
        if runtime("registry").rrule(f, *args, **kwargs) is None:
            return ""
    except Exception:  # such as that of a callable that cannot have rules
        return ""
    try:
        runtime("testing").test_rrule(f, *args, fkwargs=kwargs)
    except Exception as error:
        problems = getattr(error, "problems", None)  # of a RuleTestFailure
        if not problems:
            return first_line(error)
        where = f"{problems[0].where}: " if problems[0].where else ""
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        return f"{where}{problems[0].what}{more}"
    return ""


def end_with_parent() -> None:
    """A run that is killed cannot end this process."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    task_file, answers_file = sys.argv[1:3]
    with open(task_file, "rb") as file:
        task.update(pickle.load(file))
    answers.append(open(answers_file, "a", encoding="utf-8"))  # noqa: SIM115 - open until the end
    sys.argv = [task["path"]]
    warnings.simplefilter("ignore")
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.path[:0] = task["search"]
    try:
        legacy = runtime("legacy")
        runtime("testing")
    except ImportError as error:
        say(kind="import", text=f"{error} (install rrule-migrate where {sys.executable} finds it)")
        return
    for name in ("zygote_rules", "zygote"):
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = legacy
    place_calls()
    sys.meta_path.insert(0, Variant())
    try:
        module = importlib.import_module(task["module"])
    except BaseException as error:
        say(kind="import", text=first_line(error))
        return
    try:
        (old_variant if task["variant"] == "old" else new_variant)(module)
    except BadCases as trouble:
        say(kind="cases", text=str(trouble))
    else:
        say(kind="done")
