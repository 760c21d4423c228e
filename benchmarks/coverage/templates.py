"""One side of the comparison for Google Tangent, whose rules are templates.

    python -m benchmarks.coverage.templates SIDE FOLDER LEGACY ANSWERS

A template of the legacy side runs as it stands: `d` is a table of the gradients of values.
"""

from __future__ import annotations

import ast
import copy
import operator
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import packages
from benchmarks.coverage import recipes as r
from benchmarks.coverage.answers import Answer, Tangent, text_of
from benchmarks.coverage.recipes import Call, exact
from benchmarks.coverage.values import like, numbers
from benchmarks.coverage.worker import differences_agree

OPERATORS = {
    "mult": operator.mul,
    "add": operator.add,
    "pow": operator.pow,
    "sub": operator.sub,
    "div": operator.truediv,
    "usub": operator.neg,
    "uadd": operator.pos,
}
TENSORFLOW = """tensorflow tensorflow.python tensorflow.python.eager
tensorflow.python.eager.backprop tensorflow.python.framework tensorflow.python.framework.ops
tangent.tf_extensions""".split()


def recipes() -> dict[str, list[Call]]:
    """The name of each template of `tangent.grads` with its calls."""
    r.random = np.random.default_rng(13)
    real, signed = r.real, r.signed
    both = [exact(real(3, 4), real(3, 4)), exact(real(3, 4), real(4)), exact(real(3), real(1))]
    table = dict.fromkeys("mult add sub div pow multiply maximum aadd_grad".split(), both)
    for (
        name
    ) in "log cos sin tan cosh sinh tanh arccos arcsin arctan exp sqrt usub uadd acopy".split():
        table[name] = [exact(real(3, 4)), exact(real(3)), exact(np.float64(real()))]
    x = signed(3, 4)
    table["dot"] = [exact(x, signed(4, 2)), exact(x, signed(4)), exact(signed(4), signed(4))]
    table["atleast_1d"] = [exact(np.float64(real())), exact(x)]
    table["atleast_2d"] = [exact(signed(3)), exact(x)]
    table["atleast_3d"] = [exact(signed(3)), exact(x)]
    table["reshape"] = [exact(x, (4, 3)), exact(x, -1)]
    table["transpose"] = [exact(x), exact(signed(3))]
    table["broadcast_arrays"] = [exact(x, signed(4))]
    table["sum"] = table["mean"] = [
        exact(x), exact(x, 0), exact(x, axis=1, keepdims=True), exact(x, (0, 1)),
    ]  # fmt: skip
    table["aarray"] = [exact(x)]
    table["adet"] = [exact(r.regular(3, 3)), exact(signed(2, 2))]
    table["aunreduce"] = [exact(signed(3), (3, 4), 1, False), exact(signed(), (3,), None, False)]
    table["aunbroadcast"] = [exact(x, signed(4)), exact(x, signed(3, 1))]
    table["aastype"] = [exact(x, np.float64(1.0))]
    return table


class Gradients:
    """`d` of a template: the gradient of a value, by its identity."""

    def __init__(self) -> None:
        self.table: dict[int, Any] = {}
        self.kept: list[Any] = []

    def __getitem__(self, value: Any) -> Any:
        return self.table[id(value)]

    def __setitem__(self, value: Any, gradient: Any) -> None:
        self.table[id(value)] = gradient
        self.kept.append(value)


def _legacy(
    grads: Any, adjoints: Any, name: str, args: Any, kwargs: Any, y: Any, dy: Any
) -> dict[int, Tangent]:
    wanted = [k for k, a in enumerate(args) if numbers(a)]
    template = next(f for f in adjoints.values() if f.__name__ == name)
    grads.d = gradients = Gradients()
    y = copy.deepcopy(y)
    gradients[y] = dy
    try:
        template(y, *args, **kwargs)
    except Exception as error:
        return {k: Tangent("error", None, text_of(error)) for k in wanted}
    return {
        k: Tangent("value", gradients[args[k]])
        if id(args[k]) in gradients.table
        else Tangent("none")
        for k in wanted
    }


def _templates(legacy: str, grads: Any) -> dict[str, Any]:
    """The name of each template and what it is registered for."""
    tree = ast.parse(Path(legacy, "tangent/grads.py").read_text())
    targets: dict[str, Any] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "adjoint":
                expression = ast.unparse(decorator.args[0])
                value = OPERATORS.get(node.name) or eval(expression, vars(grads))
                targets[node.name] = value
    return targets


def _tangents(
    package: packages.Converted, target: Any, args: Any, kwargs: Any, dy: Any, wanted: list[int]
) -> dict[int, Tangent]:
    rule = package.rules[id(target)][1].function
    return package.read(rule(target, *args, **kwargs)[1](packages.cotangent(dy)), wanted)


def main(side: str, folder: str, legacy: str, answers: str) -> None:
    for module in TENSORFLOW:
        packages.pretend(module)
    sys.path.insert(0, folder)
    package = packages.Converted(folder, "", ("tangent.grads",), alone=False)
    grads = sys.modules["tangent.grads"]
    found: dict[Any, Answer] = {}
    targets, calls = _templates(legacy, grads), recipes()
    for name, target in targets.items():
        if side == "converted" and id(target) not in package.rules:
            continue
        for k, call in enumerate(calls.get(name, ())):
            args, kwargs = copy.deepcopy(call.args), call.kwargs
            wanted = [n for n, a in enumerate(args) if numbers(a)]
            try:
                y = target(*args, **kwargs)
            except Exception as error:
                found[(name, k, "")] = Answer(error=text_of(error))
                continue
            dy = like(y, np.random.default_rng(3))
            try:
                if side == "legacy":
                    tangents = _legacy(grads, grads.adjoints, name, args, kwargs, y, dy)
                else:
                    tangents = _tangents(package, target, args, kwargs, dy, wanted)
            except Exception as error:
                found[(name, k, "")] = Answer(error=text_of(error))
                continue
            agree = {
                n: differences_agree(
                    target, lambda a=call.args: copy.deepcopy(a), kwargs, n, tangents[n], y, dy
                )
                for n in wanted
            }
            found[(name, k, "")] = Answer("", None, dy, tangents, None, agree)
    Path(answers).write_bytes(
        pickle.dumps(
            {
                "answers": found,
                "rules": package.described(),
                "notes": package.notes,
                "decorated": set(),
            }
        )
    )


if __name__ == "__main__":
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        main(*sys.argv[1:])
