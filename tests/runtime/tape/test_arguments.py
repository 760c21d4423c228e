"""What may be an argument: mappings of any kind;
what has numbers that get no gradient is an error, and nobody's data change."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import pytest

from rules_runtime import NoTangent, gradient, value_and_gradient
from tests.runtime.tape.derivatives import assert_second_order


class Stored(Mapping[str, Any]):
    def __init__(self, items: dict[str, Any]) -> None:
        self._items = items

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Changing(Stored, MutableMapping[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        self._items[key] = value

    def __delitem__(self, key: str) -> None:
        del self._items[key]


class Computing(Stored):
    def __getitem__(self, key: str) -> Any:
        return self._items[key] * 2.0


class Params(collections.UserDict[str, Any]):
    pass


class Noted(dict[str, Any]):
    note = "mine"


KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": dict,
    "a subclass of dict": Noted,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": lambda d: collections.defaultdict(list, d),
    "UserDict": Params,
    "ChainMap": lambda d: collections.ChainMap({"n": 1}, d),
    "MappingProxyType": types.MappingProxyType,
    "Mapping": Stored,
    "MutableMapping": Changing,
}


@pytest.mark.parametrize("kind", KINDS)
def test_mappings(kind: str) -> None:
    items = {"k": 1.5, "v": np.array([1.0, 2.0]), "name": "x", "list": [2.0, 3]}
    before = dict(items)
    p = KINDS[kind](items)

    def f(p: Any, x: float) -> Any:
        assert type(p) is type(KINDS[kind](items))
        return p["k"] ** 2 * np.sum(p["v"]) * p["list"][0] * x

    y, (dp, dx) = value_and_gradient(f, p, 1.0)
    assert y == dx == 13.5
    assert dp["k"] == 18.0
    assert dp["v"].tolist() == [4.5, 4.5]
    assert dp["list"][0] == 6.75
    assert all(items[key] is before[key] for key in before)
    (inside,) = gradient(lambda q: f(q[0], 1.0), (p,))
    assert inside[0]["k"] == 18.0
    assert_second_order(lambda x: gradient(f, KINDS[kind]({**items, "k": x}), 1.0)[0]["k"], 1.5)


def test_a_mapping_hides_what_its_first_map_has() -> None:
    p = collections.ChainMap({"k": 2.0}, {"k": 1.0, "l": 3.0})
    (dp,) = gradient(lambda p: p["k"] * p["l"], p)
    assert (dp["k"], dp["l"]) == (3.0, 2.0)


def test_a_mapping_that_makes_its_items_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Computing.*dict\(x\)"):
        gradient(lambda p: p["k"], Computing({"k": 1.0}))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ({1.0, 2.0}, "set"),
        (frozenset([1.0]), "frozenset"),
        (np.array([(1.0, 2)], dtype=[("a", float), ("b", int)]), "structured array"),
        (np.array([(1.0, 2)], dtype=[("a", float), ("b", int)])[0], "structured array"),
        (np.rec.array([(1.0,)], dtype=[("a", float)]), "structured array"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "masked array"),
        (np.ones((1, 2)).view(np.matrix), "matrix"),
    ],
)
@pytest.mark.parametrize("within", [lambda x: x, lambda x: [x], lambda x: {"a": (x, 1.0)}])
def test_what_cannot_be_differentiated_says_so(x: Any, said: str, within: Any) -> None:
    with pytest.raises(TypeError, match=said):
        gradient(lambda _, y: y * y, within(x), 1.0)


def test_what_has_no_numbers_to_differentiate_is_no_error() -> None:
    for x in ({"a", 1}, np.zeros(2, dtype=bool), np.array(["a"]), np.datetime64("2020-01-01")):
        assert gradient(lambda _, y: y * y, x, 3.0) == (NoTangent(), 6.0)


MASKED = np.ma.array([1.0, 2.0], mask=[0, 1])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * MASKED),
        lambda x: np.sum(MASKED * x),
        lambda x: (MASKED + x).sum(),
        lambda x: np.sum(np.add(MASKED, x)),
        lambda x: np.dot(MASKED, x),
        lambda x: np.ma.sum(np.ma.array(x, mask=[0, 1])),
        lambda x: np.ma.masked_where(x > 1, x).sum(),
        lambda x: np.sum(np.ones((1, 2)).view(np.matrix) * x[:, None]),
        lambda x: np.sum(x * np.ones((1, 2)).view(np.matrix)),
    ],
)
def test_masked_arrays_and_matrices_do_not_meet_traced_values(f: Any) -> None:
    with pytest.raises(TypeError, match=r"masked|MaskedArray|matrix|numpy\.ma"):
        gradient(f, np.array([1.0, 2.0]))


def test_masked_elements_by_other_means() -> None:
    x, mask = MASKED.data, MASKED.mask
    assert gradient(lambda x: np.sum(np.where(mask, 0.0, x) ** 2), x)[0].tolist() == [2.0, 0.0]
    assert gradient(lambda x: np.mean(x, where=~mask), x)[0].tolist() == [1.0, 0.0]
