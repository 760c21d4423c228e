"""Inputs that are generated, from the parameters of a rule and their annotations."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np

from .tables import fields_of
from .task import Rule, first_line, is_call, runtime, say, task

# A kind is a word (number, integer, truth, complex, text, vector, array, matrix, or any, which is
# decided later), or (what to call, the kinds of its arguments by name);
# None for what cannot be made.
Kind = Any  # see kind_of


#: label, the attribute to read if it is that, arguments
Input = tuple[str, str, tuple[Any, ...]]


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


#: Groups of inputs: those to try in any case, and those for rules to which they do not get.
Groups = tuple[list[list[Input]], list[list[Input]]]


def generated(module: types.ModuleType, rule: Rule) -> Groups:
    """Inputs for one rule that no case has reached, from its parameters' annotations."""
    if is_call(rule) and "reached" not in rule:
        return untried(rule, f"it is a call in {rule['within']}, which no case runs")
    getter = rule["target"] == "getattr"  # of both languages
    f: Any = None
    if not getter:
        try:
            f = callee_of(module, rule, "")
        except Exception as error:
            return untried(rule, f"its target is not reached from the module ({first_line(error)})")
    try:
        define = parameters_of(rule, f)
    except (SyntaxError, StopIteration, TypeError, ValueError):
        return untried(rule, "its parameters are not known")
    parameters = [*define.posonlyargs, *define.args]
    required = parameters[: len(parameters) - len(define.defaults)]
    if getter:
        required = parameters[:1]
    elif any(default is None for default in define.kw_defaults):
        return untried(rule, "it needs a keyword argument")
    if rule["form"]:
        most = None if define.vararg else len(parameters)
        required = max(required, wanted_by_makers(rule)[:most], key=len)
        if not required and define.vararg:
            required = [define.vararg]
    if not required:
        return untried(rule, "it has no parameters to give something to")
    kinds = [kind_of(parameter.annotation, module) for parameter in required]
    if None in kinds:
        missing = required[kinds.index(None)]
        return untried(rule, f"no input can be made for `{ast.unparse(missing)}`")
    names = [parameter.arg for parameter in required] if rule["form"] else None
    always, others = fillings([is_free(kind) for kind in kinds], names)
    module_of_f = getattr(getattr(f, "fun", f), "__module__", None) or ""
    if module_of_f.startswith("scipy.stats"):  # which takes them by accident
        always = [one for one in always if one[1] != COMPLEX]

    def group(free: list[Kind], words: str) -> list[Input]:
        filled_kinds = [filled(kind, one) for kind, one in zip(kinds, free)]
        found: list[Input] = [
            (f"generated input {number}{words}", "", args)
            for number, args in enumerate(examples(filled_kinds), 1)
        ]
        if not getter:
            return found
        return [
            (f"attribute {name} of {label}", name, args)
            for label, _, args in found
            for name in attributes_of(args[0])
        ]

    return [group(*one) for one in always], [group(*one) for one in others]


def parameters_of(rule: Rule, f: Any) -> ast.arguments:
    """Those of the rule; in autograd those of the function, of which a maker may say less."""
    if rule["form"] or task["variant"] == "alone":
        signature = inspect.signature(getattr(f, "fun", f))
        try:
            tree = ast.parse(f"def f{signature}: ...")
        except SyntaxError:  # a default or an annotation that is no text
            tree = ast.parse(f"def f{_without_text(signature)}: ...")
    else:
        tree = ast.parse(textwrap.dedent(rule["before"]))
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)).args


def _without_text(signature: inspect.Signature) -> inspect.Signature:
    """The names of the parameters, and which may be left out."""
    empty = inspect.Parameter.empty
    plain = [
        p.replace(annotation=empty, default=empty if p.default is empty else None)
        for p in signature.parameters.values()
    ]
    return signature.replace(parameters=plain, return_annotation=empty)


def wanted_by_makers(rule: Rule) -> list[ast.arg]:
    """What makers cannot do without may be more than what the function cannot."""
    found: list[ast.arg] = []
    try:
        tree = ast.parse(textwrap.dedent(rule["before"]))
    except SyntaxError:  # a decorator without its function
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and len(node.args.args) > 1:  # the output, and arguments
            given = node.args.args[: len(node.args.args) - len(node.args.defaults)]
            found = max(found, given[1:], key=len)
    return found


#: What parameters of these names are given, where they say nothing else and numbers do not do.
NAMED: dict[str, Any] = {
    name: value
    for names, value in (
        ("axis axis1 source start offset", 0),
        ("axis2 destination k i j place idx index ndim kth pad_width", 1),
        ("n order repeats reps deg", 2),
        ("num size indices_or_sections", 3),
        ("shape newshape", (3,)),
        ("axes", (0, 1)),
        ("indices ind places", [0, 2]),
        ("condition mask", np.array([True, False, True])),
        ("subscripts", "ij,jk->ik"),
        ("dtype", np.float64),
        ("f fun func", np.sin),
        ("cov covariance", np.diag([1.0, 0.7, 1.5]) + 0.2),
        ("a_min lower lo", 0.4),
        ("a_max upper hi", 1.2),
    )
    for name in names.split()
}


#: What to put for parameters that say nothing, all the same.
SAME = {
    "number": " of numbers",
    "vector": " of vectors",
    "matrix": " of matrices",
}

COMPLEX = " of complex numbers"

#: A kind for each parameter that says nothing, and how to call inputs like that.
Filling = tuple[list[Kind], str]


def fillings(
    free: Sequence[bool], names: Sequence[str] | None
) -> tuple[list[Filling], list[Filling]]:
    """What to put for the parameters that say nothing; first all the same, if that works. With
    `names` complex numbers are tried too, and what the names ask for."""
    if not any(free):
        return [(["number"] * len(free), "")], []
    always = [([kind] * len(free), words) for kind, words in SAME.items()]
    others: list[Filling] = []
    if 2 <= sum(free) <= 3:
        tried = ("number", "vector") if names is None else ("number", "vector", "matrix")
        mixed = [
            list(kinds)
            for kinds in itertools.product(*[tried if one else tried[:1] for one in free])
        ]
        others = [
            (kinds, " of mixed kinds")
            for kinds in mixed
            if len({kind for kind, one in zip(kinds, free) if one}) > 1
        ]
    if names is not None:
        always.append((["complex"] * len(free), COMPLEX))
        named: list[Kind] = [
            (lambda name=name: NAMED[name], {}) if name in NAMED else None for name in names
        ]
        if any(named):
            others += [([one or kind for one in named], words) for kind, words in SAME.items()]
    return always, others


def untried(rule: Rule, why: str) -> Groups:
    say(kind="untried", rules=[rule["id"]], text=f"{why}; give it an input in cases()")
    return [], []


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
