"""What is computed, in which order, and whose memory a result is written into.

Dead code falls away; sums of several terms, of which some are slices in zeros, become one node
(`addn`) that is written slice by slice; parts of a concatenation or of such a sum are computed
where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..kernels.extrema import extremum_cotangent
from .graph import ADD, F8, MULTIPLY, SUBTRACT, Node, thawed

Guards = list[tuple[Node, str, Any]]


def live(roots: Iterable[Node]) -> list[Node]:
    """The nodes that others need, in the order of the calls."""
    seen: dict[float, Node] = {}
    todo = list(roots)
    while todo:
        n = todo.pop()
        if n.i not in seen:
            seen[n.i] = n
            todo.extend(n.args)
    return [seen[i] for i in sorted(seen)]


def is_sum(n: Node) -> bool:
    return (
        n.op == "u"
        and (n.f is ADD or n.f is SUBTRACT)
        and n.dtype == F8
        and n.shape != ()
        and all(a.shape == n.shape and a.dtype == F8 for a in n.args)
    )


def is_slice_in_zeros(n: Node) -> bool:
    return n.op == "scatter" and n.f[0] != "diag"


def sums_of(
    order: list[Node], roots: list[Node], is_sum: Callable[[Node], bool]
) -> Iterator[tuple[Node, list[tuple[int, Node]], dict[Any, int]]]:
    """Each sum that is no part of another, with its terms and their signs, and how often each
    node is used."""
    if not any(map(is_sum, order)):
        return
    uses: dict[Any, int] = {}
    for n in order:
        for a in n.args:
            uses[a.i] = uses.get(a.i, 0) + 1
    for n in roots:
        uses[n.i] = uses.get(n.i, 0) + 2
    inner = {a.i for n in order if is_sum(n) for a in n.args if is_sum(a) and uses[a.i] == 1}
    for n in order:
        if not is_sum(n) or n.i in inner:
            continue
        terms: list[tuple[int, Node]] = []
        todo = [(1, n)]
        while todo:
            sign, m = todo.pop()
            if m is n or m.i in inner:
                todo.append((sign if m.f is ADD else -sign, m.args[1]))
                todo.append((sign, m.args[0]))
            else:
                terms.append((sign, m))
        yield n, terms, uses


def merge_sums(order: list[Node], roots: list[Node]) -> bool:
    """Make sums of several terms one node, where a term is a slice in zeros."""
    if not any(map(is_slice_in_zeros, order)):
        return False
    for n, terms, _ in sums_of(order, roots, is_sum):
        if any(is_slice_in_zeros(t) for _, t in terms):
            n.op, n.f = "addn", tuple([sign for sign, _ in terms])
            n.args = tuple([t for _, t in terms])
    return True


def merge_dots(order: list[Node], roots: list[Node]) -> bool:
    """Make sums of products of elements one node, where nobody else needs the products."""
    if not any(n.op == "red" for n in order):
        return False
    uses: dict[Any, int] = {}
    for a in (*roots, *[a for n in order for a in n.args]):
        uses[a.i] = uses.get(a.i, 0) + 1
    for n in order:
        if n.op != "red" or n.f[0] != "add" or n.dtype != F8:
            continue
        x = n.args[0]
        if x.op != "u" or x.f not in (np.square, MULTIPLY) or uses[x.i] > 1 or x.size < _LARGE:
            continue
        if x.dtype != F8 or any(a.dtype != F8 or a.shape == () for a in x.args):
            continue
        a, b = x.args if len(x.args) == 2 else x.args * 2
        if a.op == "const" or b.op == "const" or x.ndim > len(LETTERS):
            continue
        n.op, n.args = "esum", (a, b)
        n.f = (_subscripts(a, x.shape), _subscripts(b, x.shape), n.f, x.shape)
    return True


def merge_extrema(order: list[Node], roots: list[Node]) -> bool:
    """Have the cotangent of an extremum added where it goes: to few elements of an array."""
    if not any(n.op == "call" and n.f[0] is extremum_cotangent for n in order):
        return False
    uses: dict[Any, int] = {}
    for a in (*roots, *[a for n in order for a in n.args]):
        uses[a.i] = uses.get(a.i, 0) + 1
    for n in order:
        if n.op != "u" or n.f is not ADD or n.dtype != F8:
            continue
        for t, other in (n.args, n.args[::-1]):
            if t.op == "call" and t.f[0] is extremum_cotangent and uses[t.i] == 1:
                if other.shape == n.shape == t.shape and len(t.args) == 3 and other is not t:
                    n.op, n.f, n.args = "extremum", t.f[1][3], (other, *t.args)
                    break
    return True


_LARGE = 1024
LETTERS = "abcdefghijklm"


def _subscripts(a: Node, shape: tuple[int, ...]) -> str:
    lead = len(shape) - a.ndim
    return "".join([LETTERS[lead + k] for k, n in enumerate(a.shape) if n == shape[lead + k]])


def count_users(order: list[Node], roots: Iterable[Node]) -> set[float]:
    """Note who uses what; the numbers of the nodes that are asked for."""
    for n in order:
        for m in (n, *(n.f.members if n.op == "tile" else ())):
            m.users, m.meta = [], {}
    for n in order:
        for a in n.args:
            a.users.append(n)
    wanted = {n.i for n in roots}
    for n in order:
        if is_slice_in_zeros(n) and n.i not in wanted and n.users:
            if all(u.op == "addn" for u in n.users):
                n.meta["virtual"] = True
    for n in order:
        if n.op == "concat":
            for a, index in joined_at(n):
                _place(a, n, index, wanted)
        elif n.op == "put":
            index = thawed(n.f)
            if cut_of(index, n.shape) and 2 * n.args[1].size > n.size:
                _place(n.args[1], n, index, wanted)
        elif n.op == "addn":
            for j in written_first(n):
                t = n.args[j]
                if n.f[j] == 1 and t.op == "scatter" and len(t.users) == 1:
                    _place(t.args[0], n, thawed(t.f[0]), wanted)
    return wanted


def is_virtual(n: Node) -> bool:
    return "virtual" in n.meta


def joined_at(n: Node) -> list[tuple[Node, tuple[Any, ...]]]:
    """The parts of a concatenation, each with its place."""
    at, found = 0, []
    for a in n.args:
        stop = at + a.shape[n.f]
        found.append((a, (slice(None),) * n.f + (slice(at, stop),)))
        at = stop
    return found


def cut_of(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """`(axis, start, stop)` of an index that cuts one axis, in steps of one;
    None where it does more, or less."""
    cut = None
    for k, p in enumerate(index):
        if type(p) is int:
            start, stop, step = p % shape[k], p % shape[k] + 1, 1
        else:
            start, stop, step = p.indices(shape[k])
        if step != 1:
            return None
        if (start, stop) != (0, shape[k]):
            if cut is not None:
                return None
            cut = (k, start, stop)
    return cut


def written_first(n: Node) -> list[int]:
    """The terms of a sum of slices alone that are written and not added: a tiling of the array, or
    the largest, where the rest of the array is one or two slices."""
    if not all(is_slice_in_zeros(t) for t in n.args):
        return []
    cuts = [cut_of(thawed(t.f[0]), n.shape) for t in n.args]
    if all(sign == 1 for sign in n.f) and all(cuts):
        spans = sorted((c[0], c[1], c[2], j) for j, c in enumerate(cuts) if c)
        axis, end = spans[0][0], 0
        for k, start, stop, _ in spans:
            if k != axis or start != end:
                break
            end = stop
        else:
            if end == n.shape[axis]:
                n.meta["tiles"] = True
                return [j for *_, j in spans]
    positive = [j for j, sign in enumerate(n.f) if sign == 1]
    if not positive:
        return []
    n.meta["base"] = base = max(positive, key=lambda j: n.args[j].args[0].size)
    return [base] if cuts[base] else []


def _place(a: Node, target: Node, index: tuple[Any, ...], wanted: set[float]) -> None:
    """Have a part computed where it belongs, if nobody else needs it."""
    if (
        (
            a.op in ("u", "matmul", "red", "esum", "where")
            or (target.shares and (a.op == "concat" or "tiles" in a.meta))
        )
        and a.shape != ()
        and (len(a.users) == 1 or target.shares)
        and not a.shares
        and a.i not in wanted
        and "destination" not in a.meta
        and a.dtype == target.dtype
    ):
        a.meta["destination"] = (target, index)
