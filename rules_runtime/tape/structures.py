"""Arguments and results with parts: finding the numbers in them,
copying them with tracers, building their tangents.

Leaves are floating point numbers and arrays, and tracers. Tuples, lists, dicts and objects with
fields are walked (`parts_of`); everything else is an atom.
An object that occurs twice is copied once, and cycles are kept.
"""

from __future__ import annotations

import collections
import copy
import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..structure import attributes_of, fields_of, has_fields, is_namedtuple, parts_of
from ..tangent_parts import parts_of_tangent
from ..tangents import (
    AbstractTangent,
    AbstractZero,
    NoTangent,
    Tangent,
    ZeroTangent,
    tangent_type,
)
from ..thunks import Thunk, unthunk
from .tracer import Blank, Tape, Tracer, primal

ndarray = np.ndarray
_numbers = (float, complex, np.float64)
_atoms = frozenset((int, bool, str, bytes, type(None), slice, type, type(Ellipsis), range))
_numbers_and_atoms = _atoms.union(_numbers)
Path = tuple[Any, ...]


def check_array(x: Any) -> None:
    """Raise an error for a subclass of arrays whose arithmetic is another than that of arrays."""
    if type(x) in _arrays or type(x) is Tracer or not isinstance(x, ndarray):
        return
    masked: Any = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(x, masked.MaskedArray):
        raise TypeError(
            "a masked array cannot be differentiated: what it masks would get a gradient. Use x.data and its mask, with "
            "np.where(mask, 0.0, x), or np.sum(x, where=~mask)"
        )
    if isinstance(x, np.matrix):
        raise TypeError(
            "a np.matrix cannot be differentiated, for its products are not those of arrays: use np.asarray(x), and @"
        )


_arrays = frozenset((ndarray, np.memmap))


def is_leaf(x: Any) -> bool:
    """Whether `x` is a number or an array that can be perturbed, or a tracer."""
    kind = type(x)
    if kind is ndarray:
        return x.dtype.kind in "fc"
    if kind in _numbers or kind is Tracer:
        return True
    if kind in _atoms:
        return False
    if isinstance(x, (ndarray, np.inexact, float, complex)):
        return not isinstance(x, ndarray) or x.dtype.kind in "fc"
    return hasattr(kind, "__array_function__") and getattr(
        getattr(x, "dtype", None), "kind", ""
    ) in (
        "f",
        "c",
    )


def parts(x: Any) -> dict[Any, Any] | None:
    """The parts of a structure; None for leaves and atoms.
    Object arrays have their elements, a `Tangent` its parts."""
    return kind_of(x).parts(x)


class Kind(NamedTuple):
    """How values of one class are taken apart and copied, found once for the class."""

    parts: Callable[[Any], dict[Any, Any] | None]
    made: str  # what a copy is made of: "values", "items", "fields", "" where that takes longer
    tangent: Any  # the class of its tangents


_kinds: dict[type, Kind] = {}
_KINDS = 1024  # of so many classes


def kind_of(x: Any) -> Kind:
    """What is known of the class of `x`."""
    cls = type(x)
    found = _kinds.get(cls)
    if found is None:
        found = _kind_of(x, cls)
        if x.__class__ is cls:  # no proxy, of which each may stand for another class
            if len(_kinds) >= _KINDS:
                _kinds.clear()
            _kinds[cls] = found
    return found


def _kind_of(x: Any, cls: Any) -> Kind:
    if cls in _atoms or cls is Tracer:
        return _ATOM
    if isinstance(x, ndarray):
        return Kind(_elements, "", None)
    if hasattr(cls, "__array_function__"):
        return _ATOM  # an array of another library, of no floating point numbers
    if isinstance(x, Tangent):
        return Kind(_parts_of_tangent, "", cls)
    if isinstance(x, AbstractTangent) or not (cls.__flags__ & _HEAP_TYPE or isinstance(x, _walked)):
        return _ATOM
    tangent = tangent_type(cls)
    if cls is dict:
        return Kind(_itself, "items", tangent)
    if is_namedtuple(x):
        return Kind(parts_of, "values", tangent)
    if isinstance(x, (tuple, list)):
        return Kind(_by_position, "values" if cls is list or isinstance(x, tuple) else "", tangent)
    if has_fields(x):
        plain = cls.__reduce_ex__ is object.__reduce_ex__ and not isinstance(x, _walked)
        return Kind(attributes_of, "fields" if plain else "", tangent)
    return Kind(parts_of, "", tangent)


def _none(x: Any) -> None:
    return None


_ATOM = Kind(_none, "", None)


def _itself(x: Any) -> Any:
    return x


def _by_position(x: Any) -> dict[Any, Any]:
    return dict(enumerate(x))


def _elements(x: Any) -> dict[Any, Any] | None:
    return {k: x[k] for k in np.ndindex(x.shape)} if x.dtype.kind == "O" else None


def _parts_of_tangent(x: Any) -> Any:
    return _by_position(x._parts) if isinstance(x._parts, tuple) else x._parts


_HEAP_TYPE = (
    1 << 9
)  # a class written in Python, not an extension's, whose instances could not be copied anyhow
_walked = (
    tuple,
    list,
    dict,
    functools.partial,
    types.MethodType,
    types.SimpleNamespace,
    types.MappingProxyType,
    collections.deque,
)


_KNOWN = -1  # where the memory of `rebuild`, which goes by id, keeps that of `_holds_leaf`


def rebuild(x: Any, leaf: Callable[[Any], Any], memo: dict[int, Any] | None = None) -> Any:
    """`x` with `leaf(value)` for each of its leaves; `x` itself where nothing changes."""
    if is_leaf(x):
        return leaf(x)
    found = parts(x)
    if not found:
        return rebuild(x.unthunk(), leaf, memo) if isinstance(x, Thunk) else x
    if memo is None:
        memo = {}
    if id(x) in memo:
        return memo[id(x)][0]
    if type(x) in (tuple, list, dict) or isinstance(x, tuple):
        if type(x) in (list, dict):
            memo[id(x)] = (new := type(x)(), x)
        old, changed = list(found.values()), False
        values = []
        for value in old:
            made = rebuild(value, leaf, memo)
            changed = changed or made is not value
            values.append(made)
        if not changed:
            memo[id(x)] = (x, x)
            return x
        if type(x) is list:
            new.extend(values)
        elif type(x) is dict:
            new.update(zip(found, values, strict=True))
        else:
            new = tuple(values) if type(x) is tuple else tuple.__new__(type(x), values)
            memo[id(x)] = (new, x)
        return new
    return _rebuild_object(x, found, leaf, memo)


# told of the class of each object that is copied with traced parts
copied: Callable[[type], Any] | None = None


def _rebuild_object(
    x: Any, found: dict[Any, Any], leaf: Callable[[Any], Any], memo: dict[int, Any]
) -> Any:
    if isinstance(x, Tangent):
        made = {key: rebuild(value, leaf, memo) for key, value in found.items()}
        if all(made[key] is found[key] for key in found):
            return x
        return type(x)._of(tuple(made.values()) if isinstance(x._parts, tuple) else made)
    if not _holds_leaf(x, memo.setdefault(_KNOWN, {})):
        return x
    if isinstance(x, Mapping) and not isinstance(x, dict):
        return _rebuild_mapping(x, found, leaf, memo)
    if copied is not None:
        copied(type(x))
    new = _shallow(x)
    memo[id(x)] = (new, x)
    changed = {}
    for key, value in found.items():
        made = rebuild(value, leaf, memo)
        if made is not value:
            changed[key] = made
    if not changed:
        memo[id(x)] = (x, x)
        return x
    if isinstance(x, ndarray):
        for key, value in changed.items():
            new[key] = value
        new.flags.writeable = x.flags.writeable  # not, if np.asarray made it of a traced array
    elif fields_of(x) is None:
        for key, value in changed.items():
            new[key] = value
    elif "func" in changed or "args" in changed or "keywords" in changed:
        if hasattr(type(x), "__setstate__") and hasattr(x, "func"):
            fields = {**found, **changed}
            return type(x)(fields["func"], *fields["args"], **fields["keywords"])
    else:
        for key, value in changed.items():
            if key == "__self__":
                new = types.MethodType(x.__func__, value)
                memo[id(x)] = (new, x)
            else:
                object.__setattr__(new, key, value)
    return new


def _rebuild_mapping(
    x: Any, found: dict[Any, Any], leaf: Callable[[Any], Any], memo: dict[int, Any]
) -> Any:
    """A mapping that is no dict holds its items in attributes;
    these are copied, for setting an item may do anything."""
    if type(x) is types.MappingProxyType:
        return types.MappingProxyType({k: rebuild(value, leaf, memo) for k, value in found.items()})
    seen: dict[int, list[Any]] = {}  # one number may be at several places

    def noted(value: Any) -> Any:
        made = leaf(value)
        seen.setdefault(id(value), []).append(made)
        return made

    new = object.__new__(type(x))
    memo[id(x)] = (new, x)
    for name, value in attributes_of(x).items():
        object.__setattr__(new, name, rebuild(value, noted, memo))
    for key, value in found.items():
        if is_leaf(value) and not any(new[key] is made for made in seen.get(id(value), ())):
            raise TypeError(
                f"a {type(x).__name__} makes its items when they are asked for, so that they cannot be traced: give dict(x)"
            )
    return new


def _holds_leaf(x: Any, known: dict[int, tuple[bool, Any]]) -> bool:
    """Whether there is a leaf within `x`. `known` gets the answer for all that is within: asked for
    part after part, each is looked at once."""
    if id(x) not in known:
        holders: dict[int, list[Any]] = {id(x): []}
        holding: list[Any] = []
        todo = [x]
        while todo:
            whole = todo.pop()
            known[id(whole)] = False, whole
            for value in (parts(whole) or {}).values():
                if is_leaf(value) or (id(value) in known and known[id(value)][0]):
                    holding.append(whole)
                elif id(value) in holders:
                    holders[id(value)].append(whole)
                elif id(value) not in known and parts(value):
                    holders[id(value)] = [whole]
                    todo.append(value)
        while holding:
            here = holding.pop()
            if not known[id(here)][0]:
                known[id(here)] = True, here
                holding += holders[id(here)]
    return known[id(x)][0]


def _shallow(x: Any) -> Any:
    """A copy of an object with the same parts;
    without running its own code where that is possible."""
    if isinstance(x, ndarray):
        return x.copy()
    if type(x) is types.MethodType:  # copy.copy would look it up by its name
        return types.MethodType(x.__func__, x.__self__)
    cls: Any = type(x)
    if cls.__reduce_ex__ is object.__reduce_ex__ and not isinstance(x, (dict, list)):
        try:
            new = object.__new__(cls)
        except TypeError:
            return copy.copy(x)
        for key, value in (fields_of(x) or {}).items():
            object.__setattr__(new, key, value)
        return new
    return copy.copy(x)


def leaves(x: Any, wanted: Callable[[Any], bool]) -> list[tuple[Path, Any]]:
    """The leaves of `x` for which `wanted`, each with its path: keys of parts, outermost first."""
    out: list[tuple[Path, Any]] = []
    _collect(x, (), wanted, out, set())
    return out


def _collect(
    x: Any, path: Path, wanted: Callable[[Any], bool], out: list[tuple[Path, Any]], seen: set[int]
) -> None:
    if is_leaf(x):
        if wanted(x):
            out.append((path, x))
        return
    found = parts(x)
    if not found and isinstance(x, Thunk):
        _collect(x.unthunk(), path, wanted, out, seen)
    if not found or id(x) in seen:
        return
    seen.add(id(x))
    for key, value in found.items():
        _collect(value, (*path, key), wanted, out, seen)


def inner_tape(x: Any, best: Tape | None = None, seen: set[int] | None = None) -> Tape | None:
    """The innermost tape of the tracers within `x`, however deep."""
    kind = type(x)
    if kind is Tracer:
        return x.tape if best is None or x.tape.level > best.level else best
    if kind in _numbers_and_atoms:
        return best
    if kind is ndarray:
        if x.dtype.kind != "O":
            return best
        values = x.flat
    elif kind is tuple or kind is list:
        values = x
    else:
        found = parts(x)
        if not found:
            return best
        values = found.values()
    if seen is None:
        seen = set()
    if id(x) in seen:
        return best
    seen.add(id(x))
    for value in values:
        if type(value) not in _numbers_and_atoms:
            best = inner_tape(value, best, seen)
    return best


def untraced(x: Any, tape: Tape) -> Any:
    """`x` with the values of this tape's tracers in their places."""
    return _untraced(x, tape) if type(x) is Tracer else rebuild(x, lambda x: _untraced(x, tape))


def _untraced(x: Any, tape: Tape) -> Any:
    return x.value if type(x) is Blank or (type(x) is Tracer and x.tape is tape) else x


def plain(x: Any) -> Any:
    """`x` with plain arrays in the place of blank ones."""
    if type(x) is Blank:
        return x.value
    return rebuild(x, _value) if type(x) in (list, tuple, dict) else x


def _value(x: Any) -> Any:
    return x.value if type(x) is Blank else x


def tangent_at(tangent: Any, path: Path) -> Any:
    """The part of a tangent of nested lists that belongs to the leaf at `path`;
    zeros have zero parts."""
    for key in path:
        if isinstance(tangent, AbstractZero) or tangent is None:
            return ZeroTangent()
        tangent = unthunk(tangent)[key]
    return ZeroTangent() if tangent is None else tangent


# ---- trees: what is known of each leaf, in the structure of the value ----------------------

# a dict of trees by the key of the part, anything else for a leaf, None where there is no leaf
Tree = Any

AGAIN: Tree = {}  # of a part that was met before


def tree_of(x: Any, known: Callable[[Any], Any], *, once: bool = False) -> Tree:
    """The tree of what is `known` of each leaf of `x`; leaves of which that is None are left out.

    An object that occurs twice has its leaves at both places, or, where they are wanted `once`,
    at the first.
    """
    return _tree_of(x, known, once, {})


def _tree_of(
    x: Any, known: Callable[[Any], Any], once: bool, memo: dict[int, tuple[Tree, Any]]
) -> Tree:
    if is_leaf(x):
        return known(x)
    found = parts(x)
    if not found:
        return _tree_of(x.unthunk(), known, once, memo) if isinstance(x, Thunk) else None
    if id(x) in memo:
        return memo[id(x)][0]
    memo[id(x)] = None, x  # where it holds itself; kept, so that the id stays its own
    made = {}
    for key, value in found.items():
        tree = _tree_of(value, known, once, memo)
        if tree is not None:
            made[key] = tree
    tree = made or None
    memo[id(x)] = (AGAIN if once and tree is not None else tree), x
    return tree


def leaves_of(tree: Tree) -> list[Any]:
    """What a tree has for its leaves, in order."""
    if type(tree) is not dict:
        return [] if tree is None else [tree]
    out: list[Any] = []
    for part in tree.values():
        out += leaves_of(part) if type(part) is dict else (part,)
    return out


def spread(tree: Tree, tangent: Any, x: Any, *, strict: bool = False) -> list[tuple[Any, Any, Any]]:
    """For each leaf of the tree of `x`, in order:
    what the tree has, the leaf's part of the tangent, and its value.

    With `strict` the tangent may have no part that `x` has not.
    """
    out: list[tuple[Any, Any, Any]] = []
    _spread(tree, tangent, x, strict, out)
    return out


def _spread(
    tree: Tree, tangent: Any, x: Any, strict: bool, out: list[tuple[Any, Any, Any]]
) -> None:
    if type(tree) is not dict:
        if tree is not None:
            out.append((tree, ZeroTangent() if tangent is None else tangent, x))
        return
    if isinstance(tangent, Thunk):  # thunks within are left to those who want the leaves
        tangent = tangent.unthunk()
    if isinstance(x, Thunk):
        x = x.unthunk()
    found = parts(x) or {}
    nothing = tangent is None or isinstance(tangent, AbstractZero)
    given = {} if nothing else parts_of_tangent(tangent, x, found, strict=strict)
    for key, part in tree.items():
        _spread(part, given.get(key), found[key], strict, out)


def numbered(x: Any, seen: list[Any] | None = None, *, once: bool = False) -> Tree:
    """The tree that has for each leaf its number in the order in which `rebuild` meets them;
    `seen` gets the leaves."""
    found = [] if seen is None else seen

    def number(leaf: Any) -> float:
        found.append(leaf)
        return float(len(found) - 1)

    return tree_of(rebuild(x, number), int, once=once)


def tangent_of(x: Any, tree: Tree, leaf: Callable[[Any, Any], Any], *, whole: bool = False) -> Any:
    """The tangent of `x` from those of its leaves, which `leaf(value, what the tree has)` gives.

    A dict or an object has the parts that are no zeros, or, where `whole`, all that the primal has.
    """
    if tree is None:
        return NoTangent()
    if type(tree) is not dict:
        return leaf(x, tree)
    if tree is AGAIN:
        return ZeroTangent()
    if isinstance(x, Thunk):
        x = x.unthunk()
    kind = kind_of(x)
    made: dict[Any, Any] = {}
    zeros = 0
    for key, value in (kind.parts(x) or {}).items():
        part = tree.get(key)
        if type(part) is dict:
            made[key] = dx = tangent_of(value, part, leaf, whole=whole)
        else:
            made[key] = dx = _no_tangent if part is None else leaf(value, part)
        if type(dx) is not ndarray and isinstance(dx, AbstractZero):
            zeros += 1
    if isinstance(x, ndarray):
        out = np.empty(x.shape, object)
        for key, value in made.items():
            out[key] = value
        return out
    if zeros == len(made):
        return ZeroTangent()
    if isinstance(x, Tangent):  # it is of its own tangent space
        return type(x)._of(tuple(made.values()) if isinstance(x._parts, tuple) else made)
    if kind.tangent._kind == "positions":
        return kind.tangent._of(tuple(made.values()))
    if zeros and not whole:
        made = {key: dx for key, dx in made.items() if not isinstance(dx, AbstractZero)}
    return kind.tangent._of(made)


_no_tangent = NoTangent()


__all__ = [
    "Tree",
    "inner_tape",
    "is_leaf",
    "leaves",
    "leaves_of",
    "numbered",
    "parts",
    "primal",
    "rebuild",
    "spread",
    "tangent_at",
    "tangent_of",
    "tree_of",
    "untraced",
]
