"""Values and gradients as flat tables {path: number, array or text}; gradients without zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from .task import short

Table = dict[tuple[str, ...], Any]


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


def is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float, complex, np.generic))


def fields_of(value: object) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def difference(mine: Table, other: Table) -> str:
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
                if np.allclose(one, two, rtol=1e-6, atol=1e-9, equal_nan=True):
                    continue
                return f"{where}: {short(two)} became {short(one)}"
            if one.shape == two.shape and np.array_equal(one, two):
                continue
            return f"{where}: {short(two)} became {short(one)}"
        if one != two:
            return f"{where}: {short(two)} became {short(one)}"
    return ""
