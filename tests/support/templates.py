"""Tangent's templates, run as they are written: what the rules made of them have to give."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import numpy as np


def unbroadcast(array: Any, like: Any) -> Any:
    shape, own = np.shape(array), np.shape(like)
    lead = len(shape) - len(own)
    axes = tuple(k for k, n in enumerate(shape) if k < lead or own[k - lead] != n)
    return np.reshape(np.sum(array, axis=axes), own)


def unreduce(array: Any, shape: Any, axis: Any, keepdims: bool) -> Any:
    if axis is not None and not keepdims:
        axes = (axis,) if isinstance(axis, int) else axis
        for k in sorted(k % len(shape) for k in axes):
            array = np.expand_dims(array, k)
    return np.broadcast_to(array, shape)


def array_size(x: Any, axis: Any) -> Any:
    return max(np.prod(x.shape if axis is None else tuple(x.shape[a] for a in axis)), 1)


def grad_dot(dy: Any, x: Any, y: Any) -> Any:
    """The derivative of `np.dot(x, y)` with respect to x, along dy, number by number."""
    dx = np.zeros(np.shape(x))
    for at in np.ndindex(dx.shape):
        moved = np.zeros(dx.shape)
        moved[at] = 1.0
        dx[at] = np.sum(np.dot(moved, y) * dy)
    return dx


TANGENT = SimpleNamespace(
    grad_dot=grad_dot,
    unbroadcast=unbroadcast,
    unreduce=unreduce,
    array_size=array_size,
    astype=lambda array, y: np.asarray(array).astype(np.array(y).dtype),
    balanced_eq=lambda x, z, y: (x == z) / (1.0 + (x == y)),
)


class _ByName(ast.NodeTransformer):
    """`d[x]` as `d["x"]`."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Subscript(value=ast.Name(id="d"), slice=ast.Name(id=name)):
                return ast.copy_location(
                    ast.Subscript(node.value, ast.Constant(name), node.ctx), node
                )
        return node


class Templates:
    """The templates of a file by the name of their function."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self.names: dict[str, str] = {}  # of the output
        self.functions: dict[str, Any] = {}
        self.d: dict[str, Any] = {}
        scope = {"numpy": np, "np": np, "tangent": TANGENT, "d": self.d}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                node.decorator_list = []
                alone = ast.Module([_ByName().visit(node)], [])
                space = dict(scope)
                exec(compile(ast.fix_missing_locations(alone), "template", "exec"), space)
                self.names[node.name] = node.args.args[0].arg
                self.functions[node.name] = space[node.name]

    def gradients(self, name: str, y: Any, dy: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What a template writes, by parameter."""
        self.d.clear()
        self.d[self.names[name]] = dy
        self.functions[name](y, *args, **kwargs)
        return {key: value for key, value in self.d.items() if key != self.names[name]}
