"""The run itself: the old variant makes inputs and keeps results, the new one compares."""

from __future__ import annotations

import contextlib
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
from dataclasses import replace
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from .cases import BadCases, cases_of
from .inputs import Input, callee_of, generated, untried
from .languages import Results, run
from .tables import Table, difference
from .task import Rule, answers, first_line, is_call, runtime, say, speaks_autograd, task
from .watching import place_calls, watch_target


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


#: By the ids of rules: label, attribute, arguments, what it gave.
Made = dict[str, list[tuple[str, str, tuple[Any, ...], Results]]]


def old_variant(module: types.ModuleType) -> None:
    kept: list[Results | None] = []
    reached: set[str] = set()
    for label, f, args, kwargs in cases_of(module):
        try:
            results = run(f, args, kwargs, len(kept))
        except Exception as error:
            say(kind="failed", label=label, text=first_line(error))
            kept.append(None)
            continue
        reached |= set(results.ran)
        kept.append(results)
    made: Made = {}
    for rule in task["rules"]:
        if is_call(rule) and "within" not in rule:
            say(kind="imported", rules=[rule["id"]])
        elif rule["id"] not in reached:
            try_generated(module, rule, made)
    with open(task["results"], "wb") as file:
        pickle.dump((kept, made), file)


def try_generated(module: types.ModuleType, rule: Rule, made: Made) -> None:
    always, others = generated(module, rule)
    trouble = ""
    for one in itertools.chain(*always):
        found = tried(module, rule, one, made)
        trouble = trouble or found
    for group in others:
        if rule["id"] not in made:
            for one in group:
                tried(module, rule, one, made)
    if always and rule["id"] not in made:
        untried(rule, trouble or "none of the generated inputs got to it")


def tried(module: types.ModuleType, rule: Rule, given: Input, made: Made) -> str:
    """Keeps what one generated input gave; gives what went wrong."""
    label, attribute, args = given
    try:
        pickle.dumps(args)
        results = run(callee_of(module, rule, attribute), args, {}, 0)
    except Exception as error:
        return f"it fails for {label}: {first_line(error)}"
    if rule["id"] in results.ran and finite(results.tables):
        made.setdefault(rule["id"], []).append((label, attribute, args, results))
    return ""


def new_variant(module: types.ModuleType) -> None:
    with open(task["results"], "rb") as file:
        kept, made = pickle.load(file)
    for number, (label, f, args, kwargs) in enumerate(cases_of(module)):
        if number < len(kept) and kept[number] is not None:
            compare(label, f, args, kwargs, number, kept[number], kept[number].ran)
    for rule in task["rules"]:
        for label, attribute, args, results in made.get(rule["id"], ()):
            compare(label, callee_of(module, rule, attribute), args, {}, 0, results, [rule["id"]])


def alone(module: types.ModuleType) -> None:
    """The new variant by itself, where the legacy language is not there to be compared with."""
    reached: set[str] = set()

    def check(label: str, f: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        with contextlib.suppress(Exception):
            results = run(f, args, kwargs, 0)
            if finite(results.tables):
                reached.update(results.ran)
                say(kind="same", label=label, rules=results.ran, text=tested(f, args, kwargs))

    for case in cases_of(module):
        check(*case)
    for rule in task["rules"]:
        if rule["id"] not in reached:
            for label, attribute, args in itertools.chain(*generated(module, rule)[0]):
                check(label, callee_of(module, rule, attribute), args, {})


def compare(
    label: str,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seed: int,
    old: Results,
    rules: list[str],
) -> None:
    ran, remark = [], ""
    for autograd in (False, True) if both(f) else (False,):
        try:
            new = run(f, args, kwargs, seed, old, autograd)
            text = unlike(new, old)
        except Exception as error:
            text = f"raises {first_line(error)}"
        if text:
            where = f"{label}, by autograd" if autograd else label
            say(kind="differs", label=label, rules=rules, text=f"{where}: {text}")
            return
        # of second derivatives those are compared that the tape has, and not in place of wrong ones
        second = [a if b is not None else None for a, b in zip(old.second, new.second)]
        old = replace(old, second=second)
        ran += new.ran
        remark = remark or new.trouble
    same = [rule for rule in rules if rule in ran]
    unused = [rule for rule in rules if rule not in ran]
    remark = tested(f, args, kwargs) or remark
    say(kind="same", label=label, rules=same, unused=unused, text=remark)


def both(f: Any) -> bool:
    """Whether autograd has the new rule, too."""
    return speaks_autograd() and hasattr(f, "fun")


def unlike(new: Results, old: Results) -> str:
    """What differs, in words; nothing where all that the legacy language has is there again."""
    if text := difference(new.value, old.value):
        return f"value, {text}"
    for order, mine, theirs in (
        ("gradient", new.gradients, old.gradients),
        ("second derivative", new.second, old.second),
    ):
        for number, (one, other) in enumerate(zip(mine, theirs)):
            if one is not None and other is not None and (text := difference(one, other)):
                argument = number if order == "gradient" else number + 1
                what = f"argument {argument}" if argument else "the callee"
                return f"{order} of {what}, {text}"
    return ""


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
    for rule in task["rules"]:
        if rule["form"] or task["variant"] == "alone":
            with contextlib.suppress(Exception):  # what cannot be reached is not watched
                watch_target(rule, callee_of(module, rule, ""))
    try:
        {"old": old_variant, "new": new_variant, "alone": alone}[task["variant"]](module)
    except BadCases as trouble:
        say(kind="cases", text=str(trouble))
    else:
        say(kind="done")
