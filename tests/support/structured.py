"""Values, cotangents and gradients seen as flat tables `{path:
array}`, whatever language they are written in.

A path is a tuple of field names, keys and positions. What is zero (`None`, an `AbstractZero`, a
field that was left out, an array of zeros) has no influence on a comparison, so that legacy
gradients, target gradients and finite differences can be compared with one function.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

Path = tuple[Any, ...]
Table = dict[Path, np.ndarray]

NUMBERS = (int, float, complex, np.number)


def is_number(value: Any) -> bool:
    """Whether `value` is a number or an array of numbers that may be perturbed."""
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    return isinstance(value, (float, complex, np.floating, np.complexfloating))


def fields_of(value: Any) -> dict[str, Any]:
    """The attributes of an object: slots and `__dict__`, base classes first."""
    out: dict[str, Any] = {}
    for cls in reversed(type(value).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{cls.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                out[name] = getattr(value, name)
    out.update(getattr(value, "__dict__", {}))
    return out


def children(value: Any) -> dict[Any, Any]:
    """What a primal value is made of, by key; empty for a leaf."""
    if value is None or isinstance(value, (str, bytes, type, np.ndarray, np.generic, *NUMBERS)):
        return {}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, (tuple, list)):
        return dict(enumerate(value))
    if isinstance(value, Mapping):
        return dict(value)
    if callable(value) and hasattr(value, "__code__"):
        return {}
    if isinstance(value, (set, frozenset, range)) or type(value).__module__ in ("builtins",):
        return {}
    return fields_of(value)


def primal_leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every number and array inside `value` that may be perturbed."""
    if is_number(value):
        yield path, value
        return
    for key, part in children(value).items():
        yield from primal_leaves(part, (*path, key))


def replaced(value: Any, path: Path, leaf: Any) -> Any:
    """A copy of `value` with another leaf at `path`; nothing is changed in place."""
    if not path:
        return leaf
    key, rest = path[0], path[1:]
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return value._replace(**{key: replaced(getattr(value, key), rest, leaf)})
        items = [replaced(v, rest, leaf) if i == key else v for i, v in enumerate(value)]
        return type(value)(items) if type(value) is not tuple else tuple(items)
    if isinstance(value, list):
        out = copy.copy(value)
        out[key] = replaced(value[key], rest, leaf)
        return out
    if isinstance(value, Mapping):
        out = copy.copy(value)
        out[key] = replaced(value[key], rest, leaf)
        return out
    out = copy.copy(value)
    object.__setattr__(out, key, replaced(getattr(value, key), rest, leaf))
    return out


def legacy_cotangents(y: Any, rng: np.random.Generator, limit: int = 14) -> dict[str, Any]:
    """Cotangents of `y` in the legacy form, by label:
    a full one, and ones with parts that are `None`."""

    def draw(value: Any, keep: Callable[[Path], bool], path: Path) -> Any:
        if is_number(value):
            if not keep(path):
                return None
            return draws[path]
        parts = children(value)
        if not parts:
            return None
        if not any(keep(p) for p, _ in primal_leaves(value, path)):
            return None
        inner = {k: draw(v, keep, (*path, k)) for k, v in parts.items()}
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return tuple(inner.values())
        if isinstance(value, list):
            return list(inner.values())
        return inner

    leaves = list(primal_leaves(y))
    draws = {path: _random_like(leaf, rng) for path, leaf in leaves}
    if not leaves:
        return {}
    out = {"full": draw(y, lambda p: True, ())}
    if not is_number(y):
        heads = list(dict.fromkeys(p[: k + 1] for p, _ in leaves for k in range(min(2, len(p)))))
        for head in heads[:limit]:
            if len(leaves) > 1:
                without = draw(y, lambda p, head=head: p[: len(head)] != head, ())
                if without is not None:
                    out[f"without {_show(head)}"] = without
                out[f"only {_show(head)}"] = draw(
                    y, lambda p, head=head: p[: len(head)] == head, ()
                )
        parts = children(y)
        nothing = dict.fromkeys(parts)
        if isinstance(y, tuple) and not hasattr(y, "_fields"):
            out["nothing"] = tuple(nothing.values())
        elif isinstance(y, list):
            out["nothing"] = list(nothing.values())
        else:
            out["nothing"] = nothing
    return out


def _show(path: Path) -> str:
    return ".".join(map(str, path))


def _random_like(leaf: Any, rng: np.random.Generator) -> Any:
    shape = np.shape(leaf)
    draw = rng.uniform(0.4, 1.6, size=shape) * rng.choice([-1.0, 1.0], size=shape)
    if np.iscomplexobj(leaf):
        draw = draw + 1j * rng.uniform(0.4, 1.6, size=shape)
    if isinstance(leaf, np.ndarray):
        return np.asarray(draw)
    if isinstance(leaf, np.generic):
        return np.asarray(draw).astype(leaf.dtype)[()]
    return complex(draw) if isinstance(leaf, complex) else float(draw)


def table_of(tangent: Any, primal: Any = None, path: Path = ()) -> Table:
    """A tangent of either language as a flat table,
    by the names that the primal gives to its parts."""
    from rules_runtime import AbstractZero, Tangent, unthunk

    tangent = unthunk(tangent)
    if tangent is None or isinstance(tangent, AbstractZero):
        return {}
    if (
        isinstance(tangent, np.ndarray)
        and tangent.dtype != object
        and (is_number(primal) or not children(primal))
    ):
        return {path: np.array(tangent)}
    if isinstance(tangent, (bool, *NUMBERS)):
        return {path: np.asarray(tangent)}
    named = isinstance(primal, tuple) and hasattr(primal, "_fields")
    if isinstance(tangent, Tangent):
        if named or not isinstance(primal, (tuple, list, np.ndarray)):
            parts = {k: tangent[k] for k in tangent.keys()}  # noqa: SIM118
        else:
            parts = dict(enumerate(tangent))
    elif isinstance(tangent, Mapping):
        parts = dict(tangent)
    elif isinstance(tangent, (tuple, list, np.ndarray)):
        parts = dict(enumerate(tangent))
    else:
        raise TypeError(f"no tangent: {type(tangent).__name__} at {_show(path)}: {tangent!r}")
    if named:
        parts = {primal._fields[k] if isinstance(k, int) else k: v for k, v in parts.items()}
    known = children(primal)
    out: Table = {}
    for key, part in parts.items():
        inner = known.get(key)
        if inner is None and isinstance(primal, np.ndarray) and isinstance(key, int):
            inner = primal[key]
        out.update(table_of(part, inner, (*path, key)))
    if is_number(primal) and isinstance(primal, np.ndarray) and out:
        whole = np.zeros(primal.shape, dtype=complex)
        for p, v in out.items():
            whole[tuple(p[len(path) :])] = v
        return {path: whole if any(np.iscomplexobj(v) for v in out.values()) else whole.real}
    return out


def target_cotangent(dy: Any, y: Any, zero: Any) -> Any:
    """The cotangent `dy` of `y` in the target language,
    what is missing written as `zero` (left out where it is None)."""
    from rules_runtime import Tangent, ZeroTangent

    if dy is None:
        return zero
    if not isinstance(dy, (dict, tuple, list)):
        return dy
    named = isinstance(y, tuple) and hasattr(y, "_fields")
    inner = children(y)
    parts = dict(dy) if isinstance(dy, dict) else dict(enumerate(dy))
    made = {k: target_cotangent(d, inner.get(k), zero) for k, d in parts.items()}
    if isinstance(y, (tuple, list)) and not named:
        kind = list if isinstance(y, list) else tuple
        return Tangent[kind](*(ZeroTangent() if d is None else d for d in made.values()))
    made = {k: d for k, d in made.items() if d is not None}
    if isinstance(y, dict):
        return Tangent[type(y)](made)
    return Tangent[type(y)](**made)


def foreign(tangent: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Where a tangent holds what the target language has no place for, and what it is:
    `None`, a raw structure."""
    from rules_runtime import AbstractZero, Tangent, unthunk

    tangent = unthunk(tangent)
    if isinstance(tangent, Tangent):
        for key in tangent.keys():  # noqa: SIM118
            yield from foreign(tangent[key], f"{where}.{key}")
    elif not isinstance(tangent, (AbstractZero, np.ndarray, *NUMBERS)) or isinstance(tangent, bool):
        yield where, type(tangent).__name__


def value_table(value: Any, path: Path = ()) -> dict[Path, Any]:
    """A primal value as a flat table; leaves that are no numbers by their type and text."""
    if isinstance(value, (bool, np.bool_, np.ndarray, *NUMBERS)):
        return {path: np.asarray(value)}
    if isinstance(value, (str, bytes)) or value is None:
        return {path: value}
    parts = children(value)
    if not parts:
        return {path: f"<{type(value).__name__}>"}
    out: dict[Path, Any] = {}
    for key, part in parts.items():
        out.update(value_table(part, (*path, key)))
    return out


def differences(
    ours: Mapping[Path, Any], theirs: Mapping[Path, Any], rtol: float, atol: float
) -> list[str]:
    """What differs between two tables, in words; a missing number is zero."""
    out = []
    for path in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(path), theirs.get(path)
        if isinstance(a, str) or isinstance(b, str):
            if a != b:
                out.append(f"{_show(path) or 'all'}: {a!r} != {b!r}")
            continue
        a = np.zeros(()) if a is None else np.asarray(a)
        b = np.zeros(()) if b is None else np.asarray(b)
        if a.dtype.kind not in "biufc" or b.dtype.kind not in "biufc":
            if not np.array_equal(a, b):
                out.append(f"{_show(path) or 'all'}: {a!r} != {b!r}")
            continue
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        zero = not np.any(a) and not np.any(b)
        if not zero and a.shape != b.shape and a.size != 1 and b.size != 1:
            out.append(f"{_show(path) or 'all'}: shape {a.shape} != {b.shape}")
        elif not np.allclose(a, b, rtol=rtol, atol=atol * scale, equal_nan=True):
            out.append(f"{_show(path) or 'all'}: {_short(a)} != {_short(b)}")
    return out


def _short(a: np.ndarray) -> str:
    return np.array2string(a, precision=5, threshold=6, suppress_small=True).replace("\n", "")


def finite_differences(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], cotangent: Any
) -> list[Table]:
    """The gradients of `f` (first) and of its arguments, by central differences of fourth order."""
    owner = getattr(f, "__self__", None)
    bound = owner is not None and not isinstance(owner, type) and hasattr(f, "__func__")
    callee = owner if bound else f

    def call(callee: Any, args: tuple[Any, ...]) -> float:
        y = (f.__func__ if bound else callee)(*((callee, *args) if bound else args), **kwargs)
        total, dy = 0.0, table_of(cotangent, y)
        leaves = dict(primal_leaves(y))
        for path, d in dy.items():
            total += float(np.sum(np.real(np.conj(d) * leaves[path])))
        return total

    operands = [callee, *args]
    out: list[Table] = []
    for i, operand in enumerate(operands):
        table: Table = {}
        differentiable = i > 0 or bound or not (isinstance(f, type) or hasattr(f, "__code__"))
        for path, leaf in primal_leaves(operand) if differentiable else ():
            base = np.asarray(leaf)
            grad = np.zeros(base.shape, dtype=complex if np.iscomplexobj(base) else float)
            for index in np.ndindex(base.shape):
                for unit in (1.0, 1j) if np.iscomplexobj(base) else (1.0,):
                    slope = 0.0
                    for step, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                        h = 1e-3
                        moved = base.copy() if base.shape else base + 0.0
                        if base.shape:
                            moved[index] += step * h * unit
                        else:
                            moved = (base + step * h * unit)[()]
                            if not isinstance(leaf, np.generic):
                                moved = moved.item()
                        new = list(operands)
                        new[i] = replaced(operand, path, moved)
                        slope += weight * call(new[0], tuple(new[1:]))
                    if grad.shape:
                        grad[index] += unit * slope / (12 * h)
                    else:
                        grad = grad + unit * slope / (12 * h)
            table[path] = np.asarray(grad)
        out.append(table)
    return out
