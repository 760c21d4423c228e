"""What must be the same for a replay, as lines of code."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import Recorded
from .graph import F8
from .memory import Names
from .states import is_other_array, is_unlike

ndarray = np.ndarray
Path = tuple[tuple[str, Any], ...]  # steps from a call to something that it reads
Check = tuple[str, Path, Any]  # its kind, where, and what was there
Leaf = tuple[Path, Any, Recorded]  # an input: where, what was there, and what stands for it


class Global:
    """A name in the globals of a module, or in the namespace of a class."""

    __slots__ = ("name", "owner", "space")

    def __init__(self, space: Any, name: str, owner: Any = None) -> None:
        self.space, self.name = space, name
        self.owner = space if owner is None else owner  # a class makes its namespace anew each time

    def __eq__(self, other: object) -> bool:
        return type(other) is Global and self.owner is other.owner and self.name == other.name

    def __hash__(self) -> int:
        return hash((id(self.owner), self.name))


def key_of(kind: str, value: Any) -> Any:
    """What is compared of a check's value, where another call's is to be the same."""
    if kind == "absent":
        return id(value[0]), value[1]
    if kind in ("is", "function"):
        return tuple(map(id, value)) if type(value) is tuple else id(value)
    return value.tobytes() if kind == "content" else value


def code(
    names: Names,
    f: Any,
    count: int,
    keywords: tuple[str, ...],
    checks: list[Check],
    leaves: list[Leaf],
) -> tuple[list[str], dict[float, str]]:
    """The lines that check a call of `f` with `count` arguments, and the names of its inputs by
    their nodes' numbers."""
    lines = [f"if len(args) != {count} or len(kwargs) != {len(keywords)}: raise Miss"]
    function: Path = (("function", None),)
    known: dict[Any, str] = {function: names.of("F", f)}
    parts: dict[Path, tuple[str, Any]] = {}  # of containers: how they are taken apart, the keys
    for kind, path, value in checks:
        if kind == "sequence" and value[0] in (list, tuple) and value[1] > 1:
            parts[path] = "", range(value[1])
        elif kind == "dict" and len(value) > 1:
            parts[path] = ".values()", value

    def place(path: Path) -> str:
        if path in known:
            return known[path]
        base = place(path[:-1]) if len(path) > 1 else ""
        if path[:-1] in parts and path[-1][0] == "item":
            how, keys = parts[path[:-1]]
            for key in keys:
                known[(*path[:-1], ("item", key))] = names.fresh("a")
            made = [known[(*path[:-1], ("item", key))] for key in keys]
            lines.append(f"{', '.join(made)}, = {base}{how}")
            return known[path]
        name = names.fresh("a")
        lines.append(f"{name} = {_step(names, base, *path[-1])}")
        known[path] = name
        return name

    containers: list[str] = []
    for kind, path, value in checks:
        if path == function and kind == "is":
            continue
        at = place(path) if path else ""
        failed = _failure(names, at, kind, place(value) if kind == "same" else value)
        lines.append(f"if {failed}: raise Miss")
        if kind in ("dict", "sequence", "object"):
            containers.append(at)
    if len(containers) > 1:
        ids = ", ".join([f"id({at})" for at in containers])
        lines.append(f"if len({{{ids}}}) != {len(containers)}: raise Miss")
    inputs = {}
    alike: dict[Any, list[str]] = {}  # the names of leaves that are checked in one way
    for path, x, made in leaves:
        at = inputs[made.node.i] = place(path)
        of = (x.dtype, x.shape) if type(x) is ndarray else type(x)
        alike.setdefault(of, []).append(at)
    for of, those in alike.items():
        lines += _checked_alike(names, of, those)
    names.space["ndarray"] = ndarray
    return lines, inputs


def _checked_alike(names: Names, kind: Any, those: list[str]) -> list[str]:
    """The lines that check leaves of one kind, and make what they hold of arrays without axes."""
    if type(kind) is tuple:
        dtype, shape = names.of("D", kind[0]), names.equal("S", kind[1])
    else:
        known = "float" if kind is float else names.of("K", kind)

    def failed(at: str) -> str:
        if type(kind) is tuple:
            return (
                f"type({at}) is not ndarray or {at}.dtype is not {dtype} or {at}.shape != {shape}"
            )
        return f"type({at}) is not {known}"

    if kind is float:
        chunks = [those[k : k + 50] for k in range(0, len(those), 50)]
        lines = [f"if not float is type({') is type('.join(c)}): raise Miss" for c in chunks]
    elif len(those) > 2:
        lines = [f"for x in {', '.join(those)}:", f"    if {failed('x')}: raise Miss"]
    else:
        lines = [f"if {failed(at)}: raise Miss" for at in those]
    if kind is np.float64:
        lines += [f"{at} = float({at})" for at in those]
    elif type(kind) is tuple and not kind[1]:
        lines += [f"{at} = {at}.item()" if kind[0] == F8 else f"{at} = {at}[()]" for at in those]
    return lines


def _step(names: Names, base: str, step: str, key: Any) -> str:
    if step == "constant":
        return names.of("F", key)
    if step == "argument":
        return f"args[{key}]"
    if step == "keyword":
        return f"kwargs[{key!r}]"
    if step == "global":
        return f"{names.of('G', key.space)}[{key.name!r}]"
    if step == "item":
        return f"{base}[{repr(key) if type(key) in (int, str) else names.of('K', key)}]"
    if step == "held":
        return f"{base}.__dict__[{key!r}]"
    return f"{base}.{key}" if step == "attribute" else f"{base}.__closure__[{key}].cell_contents"


def _failure(names: Names, at: str, kind: str, value: Any) -> str:
    """When a check of what is `at` a name has failed."""
    if kind == "same":
        return f"{at} is not {value}"
    if kind == "dict":
        return f"type({at}) is not dict or tuple({at}) != {names.of('K', value)}"
    if kind == "absent":
        space, given = value
        return f"not {names.of('G', space)}.keys().isdisjoint({names.of('K', given)})"
    if kind == "function":
        f, code, defaults, keywords = (names.of("K", v) for v in value)
        return (
            f"{at} is not {f} or {at}.__code__ is not {code} or "
            f"{at}.__defaults__ is not {defaults} or {at}.__kwdefaults__ is not {keywords}"
        )
    known = names.of("K", value[0] if kind in ("sequence", "object") else value)
    if kind in ("large", "content"):
        return f"{names.function(is_unlike if kind == 'large' else is_other_array)}({at}, {known})"
    if kind == "sequence":
        return f"type({at}) is not {known} or len({at}) != {value[1]}"
    if kind == "object":
        return f"type({at}) is not {known}" + (
            "" if value[1] is None else f" or len({at}.__dict__) != {value[1]}"
        )
    if kind == "type":
        return f"type({at}) is not {known}"
    if kind == "is":
        return f"{at} is not {known}"
    if value.__class__ is float and value == 0:
        return f"type({at}) is not float or repr({at}) != {repr(value)!r}"
    other = f"type({at}) is not {names.of('K', type(value))} or {at} != {known}"
    return f"{at} is not {known} and ({other})"
