"""Runs one variant of one module, old or new, and writes down what its rules give.

migrate/verify/checking.py runs it in a process of its own: python - TASK ANSWERS < this file.
Nothing imports it, and it imports nothing of this package: the module to verify may have any name.
The run of the old variant also writes down the inputs; that of the new one reads both and compares.
Each answer is a line of JSON that is on the disk before the next case begins,
so that a time limit loses one case only.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.abc
import importlib.util
import inspect
import itertools
import json
import os
import pickle
import random
import sys
import textwrap
import threading
import time
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

Table = dict[tuple[str, ...], Any]
Kind = Any  # see kind_of
Case = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Rule = dict[str, Any]

task: dict[str, Any] = {}
answers: typing.TextIO


def say(**answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


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


def first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


# Values and gradients as flat tables {path: number, array or text}; of a gradient without zeros.


def fields_of(value: object) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float, complex, np.generic))


def flat(
    value: Any,
    primal: object = None,
    path: tuple[str, ...] = (),
    gradient: bool = False,
    depth: int = 0,
) -> Table:
    if value is None or depth > 12:
        return {} if gradient else {path: None}
    if is_number(value) or isinstance(value, np.ndarray):
        array = np.asarray(value)
        if array.dtype.kind == "O":
            return flat(array.tolist(), None, path, gradient, depth + 1)
        if gradient and array.dtype.kind in "biufc" and not np.any(array):
            return {}
        return {path: array}
    if isinstance(value, str):
        return {path: value}
    names = getattr(type(primal), "_fields", None) or getattr(type(value), "_fields", None)
    if hasattr(value, "items"):
        items = list(value.items())
    elif isinstance(value, (tuple, list)):
        items = list(zip(names, value)) if names else list(enumerate(value))
    elif callable(value) and not fields_of(value):
        return {} if gradient else {path: "a callable"}
    else:
        items = list(fields_of(value).items())
    table: Table = {}
    for key, part in items:
        table.update(flat(part, part_of(primal, key), (*path, str(key)), gradient, depth + 1))
    return table


def part_of(primal: Any, key: Any) -> Any:
    try:
        named = isinstance(key, str) and hasattr(primal, key)
        return getattr(primal, key) if named else primal[key]
    except Exception:
        return None


def difference(mine: Table, other: Table, rtol: float = 1e-6, atol: float = 1e-9) -> str:
    """What differs between two tables, in words; nothing if they agree."""
    for path in sorted({*mine, *other}):
        where = ".".join(path) or "all of it"
        one, two = mine.get(path), other.get(path)
        if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
            one = np.zeros(()) if one is None else np.asarray(one)
            two = np.zeros(()) if two is None else np.asarray(two)
            if one.dtype.kind in "biufc" and two.dtype.kind in "biufc":
                if one.shape != two.shape and np.any(one) and np.any(two):
                    return f"{where}: shape {two.shape} became {one.shape}"
                if np.allclose(one, two, rtol=rtol, atol=atol, equal_nan=True):
                    continue
                return f"{where}: {short(two)} became {short(one)}"
            if one.shape == two.shape and np.array_equal(one, two):
                continue
            return f"{where}: {short(two)} became {short(one)}"
        if one != two:
            return f"{where}: {short(two)} became {short(one)}"
    return ""


def short(value: object) -> str:
    text = repr(value)
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=6, threshold=6)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def cotangent(y: Any, rng: np.random.Generator) -> Any:
    """A random cotangent of a result, in the legacy language;
    None if nothing is to differentiate."""
    if isinstance(y, (bool, np.bool_, int, np.integer, str, bytes)) or y is None:
        return None
    if isinstance(y, (complex, np.complexfloating)):
        return complex(rng.standard_normal(), rng.standard_normal())
    if isinstance(y, (float, np.floating)):
        return float(rng.standard_normal())
    if isinstance(y, np.ndarray):
        if y.dtype.kind == "c":
            return rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)
        return rng.standard_normal(y.shape) if y.dtype.kind == "f" else None
    if isinstance(y, (tuple, list)) and not hasattr(type(y), "_fields"):
        items = [cotangent(part, rng) for part in y]
        return type(y)(items) if any(item is not None for item in items) else None
    if hasattr(type(y), "_fields"):
        parts = {name: cotangent(getattr(y, name), rng) for name in y._fields}
    elif isinstance(y, dict):
        parts = {key: cotangent(part, rng) for key, part in y.items()}
    else:
        parts = {name: cotangent(part, rng) for name, part in fields_of(y).items()}
    return parts if any(part is not None for part in parts.values()) else None


# Which rules ran: those of which some code object was called.


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


def is_call(rule: Rule) -> bool:
    return bool(rule["id"].startswith("call-"))


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


def run(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], seed: int
) -> tuple[Table, list[Table], list[str]]:
    """Value, gradients and the ids of the rules that ran."""
    random.seed(seed)
    np.random.seed(seed)
    watch = Watch()
    sys.setprofile(watch)
    try:
        y, back = runtime("legacy")._pullback(None, f, *args, **kwargs)
        table = flat(y)
        dy = cotangent(y, np.random.default_rng(seed))
        gradients = []
        if dy is not None:
            got = back(dy)
            got = got if isinstance(got, tuple) else (None,) * (len(args) + 1)
            gradients = [flat(one, primal, gradient=True) for one, primal in zip(got, (f, *args))]
    finally:
        sys.setprofile(None)
    return table, gradients, watch.ran()


def runtime(name: str) -> Any:
    """A module of the runtime, which the command itself knows nothing of."""
    return importlib.import_module(f"rules_runtime.{name}")


# Inputs: the project's own cases, or generated ones.


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


def callee_of(module: types.ModuleType, rule: Rule, attribute: str) -> Any:
    """What to call: the rule's target, or what reads the attribute in the variant's language."""
    if not attribute:
        try:
            return eval(rule["target"], dict(module.__dict__))
        except NameError:
            if not rule["around"]:
                raise
            return eval(f"{rule['around']}.{rule['target']}", dict(module.__dict__))
    if task["variant"] == "new":
        return lambda x: getattr(x, attribute)
    legacy = runtime("legacy")
    return lambda x: legacy.literal_getproperty(x, legacy.Val(attribute))


def attributes_of(value: object) -> list[str]:
    """Its fields, and the properties of its class."""
    found = dict.fromkeys(fields_of(value))
    for name in dir(type(value)):
        if isinstance(inspect.getattr_static(type(value), name), property):
            found[name] = None
    return [name for name in found if not name.startswith("__")]


#: label, the attribute to read if it is that, arguments
Input = tuple[str, str, tuple[Any, ...]]


def generated(module: types.ModuleType, rule: Rule) -> list[list[Input]]:
    """Groups of inputs for one rule that no case has reached, from its parameters' annotations."""
    if is_call(rule) and "reached" not in rule:
        return untried(rule, f"it is a call in {rule['within']}, which no case runs")
    getter = rule["target"] == "getattr"  # of both languages
    if not getter:
        try:
            callee_of(module, rule, "")
        except Exception as error:
            return untried(rule, f"its target is not reached from the module ({first_line(error)})")
    try:
        define = next(
            node
            for node in ast.walk(ast.parse(textwrap.dedent(rule["before"])))
            if isinstance(node, ast.FunctionDef)
        )
    except (SyntaxError, StopIteration):
        return untried(rule, "its parameters are not known")
    spec = define.args
    parameters = [*spec.posonlyargs, *spec.args]
    required = parameters[: len(parameters) - len(spec.defaults)] if spec.defaults else parameters
    if getter:
        required = parameters[:1]
    elif any(default is None for default in spec.kw_defaults):
        return untried(rule, "it needs a keyword argument")
    if not required:
        return untried(rule, "it has no parameters to give something to")
    kinds = [kind_of(parameter.annotation, module) for parameter in required]
    if None in kinds:
        missing = required[kinds.index(None)]
        return untried(rule, f"no input can be made for `{ast.unparse(missing)}`")
    found: list[list[Input]] = []
    for free, words in fillings([is_free(kind) for kind in kinds]):
        filled_kinds = [filled(kind, one) for kind, one in zip(kinds, free)]
        group = [
            (f"generated input {number}{words}", "", args)
            for number, args in enumerate(examples(filled_kinds), 1)
        ]
        if getter:
            group = [
                (f"attribute {name} of {label}", name, args)
                for label, _, args in group
                for name in attributes_of(args[0])
            ]
        found.append(group)
    return found


def fillings(free: Sequence[bool]) -> list[tuple[list[str], str]]:
    """What to put for the parameters that say nothing; first all the same, if that works."""
    if not any(free):
        return [(["number"] * len(free), "")]
    same = {"number": " of numbers", "vector": " of vectors", "matrix": " of matrices"}
    found = [([kind] * len(free), words) for kind, words in same.items()]
    if 2 <= sum(free) <= 3:
        choices = [("number", "vector") if one else ("number",) for one in free]
        mixed = [list(kinds) for kinds in itertools.product(*choices)]
        found += [
            (kinds, " of mixed kinds") for kinds in mixed if 0 < kinds.count("vector") < sum(free)
        ]
    return found


def untried(rule: Rule, why: str) -> list[list[Input]]:
    say(kind="untried", rules=[rule["id"]], text=f"{why}; give it an input in cases()")
    return []


# A kind is a word (number, integer, truth, complex, text, vector, array, matrix, or any, which is
# decided later), or (what to call, the kinds of its arguments by name);
# None for what cannot be made.


def kind_of(annotation: ast.expr | None, module: types.ModuleType) -> Kind:
    if annotation is None:
        return "any"
    text = ast.unparse(annotation).strip("'\"")
    simple = {
        "float": "number",
        "floating": "number",
        "int": "integer",
        "bool": "truth",
        "complex": "complex",
        "ndarray": "array",
        "NDArray": "array",
        "ArrayLike": "array",
        "Any": "any",
        "object": "any",
        "str": "text",
    }
    known = simple.get(text.split("[")[0].rpartition(".")[2])
    if known:
        return known
    try:
        return kind_of_type(eval(text, dict(module.__dict__)))
    except Exception:
        return None


def kind_of_type(wanted: Any, depth: int = 0) -> Kind:
    if wanted is typing.Any or wanted is object:
        return "any"
    simple = {
        float: "number",
        int: "integer",
        bool: "truth",
        complex: "complex",
        str: "text",
        np.ndarray: "array",
    }
    if wanted in simple:
        return simple[wanted]
    if typing.get_origin(wanted) is np.ndarray:
        return "array"
    parts = [part for part in typing.get_args(wanted) if part is not type(None)]
    if typing.get_origin(wanted) in (typing.Union, type(int | str)):
        return kind_of_type(parts[0], depth)
    if typing.get_origin(wanted) in (list, tuple):
        whole = typing.get_origin(wanted)
        parts = parts[:1] * 3 if whole is list or parts[-1] is Ellipsis else parts
        kinds = {f"_{number}": kind_of_type(part, depth + 1) for number, part in enumerate(parts)}
        return None if None in kinds.values() else (lambda **items: whole(items.values()), kinds)
    return kind_of_class(wanted, depth) if isinstance(wanted, type) and depth < 4 else None


def kind_of_class(cls: Any, depth: int) -> Kind:
    """From its fields or the parameters of its constructor, those that have no defaults."""
    hints = typing.get_type_hints(cls)
    if dataclasses.is_dataclass(cls):  # a rule for the class may hide its signature
        missing = dataclasses.MISSING
        names = [
            f.name
            for f in dataclasses.fields(cls)
            if f.init and f.default is f.default_factory is missing
        ]
    elif hasattr(cls, "_fields"):
        names = [name for name in cls._fields if name not in cls._field_defaults]
    else:
        parameters = inspect.signature(cls).parameters.values()
        if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
            return None
        names = [p.name for p in parameters if p.default is p.empty]
        hints.update(typing.get_type_hints(cls.__init__))
    kinds = {name: kind_of_type(hints.get(name, object), depth + 1) for name in names}
    return (cls, kinds) if kinds and None not in kinds.values() else None


def is_free(kind: Kind) -> bool:
    return any(map(is_free, kind[1].values())) if isinstance(kind, tuple) else kind == "any"


def filled(kind: Kind, free: str) -> Kind:
    if isinstance(kind, tuple):
        return kind[0], {name: filled(part, free) for name, part in kind[1].items()}
    return free if kind == "any" else kind


def examples(kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
    try:
        return by_hypothesis(kinds)
    except ImportError:
        rng = np.random.default_rng(0)
        return [tuple(by_chance(kind, rng) for kind in kinds) for _ in range(3)]


def by_chance(kind: Kind, rng: np.random.Generator) -> Any:
    if isinstance(kind, tuple):
        return kind[0](**{name: by_chance(part, rng) for name, part in kind[1].items()})
    shape = {"vector": (3,), "array": (3,), "matrix": (3, 3)}.get(kind)
    if shape:
        return rng.uniform(0.2, 1.8, shape)
    plain = {"integer": 2, "truth": True, "text": "a"}
    if kind in plain:
        return plain[kind]
    number = float(rng.uniform(0.2, 1.8))
    return complex(number, 0.5) if kind == "complex" else number


def by_hypothesis(kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    number = st.floats(0.25, 1.75, width=32).map(float)

    def array(*shape: int) -> Any:
        size = int(np.prod(shape))
        lists = st.lists(number, min_size=size, max_size=size)
        return lists.map(lambda xs: np.array(xs).reshape(shape))

    strategies: dict[str, Any] = {
        "number": number,
        "complex": st.tuples(number, number).map(lambda parts: complex(*parts)),
        "integer": st.integers(1, 3),
        "truth": st.booleans(),
        "text": st.sampled_from(["a", "b"]),
        "vector": array(3),
        "array": array(3),
        "matrix": array(3, 3),
    }

    def strategy(kind: Kind) -> Any:
        if isinstance(kind, tuple):
            parts = {name: strategy(part) for name, part in kind[1].items()}
            return st.builds(kind[0], **parts)
        return strategies[kind]

    found: list[tuple[Any, ...]] = []

    @settings(
        max_examples=6,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*map(strategy, kinds)))
    def collect(args: tuple[Any, ...]) -> None:
        found.append(args)

    collect()
    return found[1:] or found  # the first is the simplest, where everything is the same number


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
    global answers
    task_file, answers_file = sys.argv[1:3]
    with open(task_file, "rb") as file:
        task.update(pickle.load(file))
    answers = open(answers_file, "a", encoding="utf-8")  # noqa: SIM115 - open until the end
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


if __name__ == "__main__":
    main()
