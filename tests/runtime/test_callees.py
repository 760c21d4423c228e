"""Which key the rules of a callable are kept under, asked for a call and for a registration."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

from rules_runtime.callees import call_of, look_up, name_of, target_of
from rules_runtime.errors import RuleError


def plain(x: Any) -> Any:
    return x


class Base:
    def method(self) -> None: ...

    @classmethod
    def make(cls) -> None: ...

    @staticmethod
    def free() -> None: ...

    @property
    def size(self) -> int:
        return 1

    @functools.cached_property
    def cached(self) -> int:
        return 1

    def __call__(self) -> None: ...


class Child(Base): ...


class Overriding(Base):
    def __call__(self) -> None: ...


class Awkward:
    """Whose instances must not be compared or hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __call__(self, x: Any) -> Any:
        return x


def key(f: Any, *args: Any, known: Any = ()) -> Any:
    return call_of(f, args, known).key


@pytest.mark.parametrize(
    "f",
    [
        plain,
        lambda x: x,
        np.sin,
        np.sum,
        np.linalg.inv,
        math.sin,
        len,
        Base,
        int,
        np.float64,
        np.add.reduce,
        Base.method,
    ]
    + [
        Base.make,
        str.join,
        float.__add__,
        np.ndarray.sum,
        Base.__call__,
        functools.partial(plain, 1),
    ],
    ids=name_of,
)
def test_a_rule_is_found_by_what_it_was_registered_for(f: Any) -> None:
    target = target_of(f)
    call = call_of(f, (1, 2), {target.key})
    assert call.key == target.key
    assert call.args == (1, 2)
    assert not call.bound


def test_the_builtin_methods_of_two_ufuncs_differ() -> None:
    assert target_of(np.add.reduce).key != target_of(np.multiply.reduce).key
    assert target_of(np.add.reduce).key == target_of(np.add.reduce).key


def test_a_bound_method_is_its_function_with_the_instance_first() -> None:
    base, child = Base(), Child()
    for obj in (base, child):
        call = call_of(obj.method, (1,), ())
        assert call.key == target_of(Base.method).key
        assert call.args == (obj, 1)
        assert call.bound
        assert call.function is Base.method
    assert target_of(base.method).key == target_of(Base.method).key


def test_a_class_method_belongs_to_its_class() -> None:
    assert call_of(Base.make, (1,), ()).args == (1,)
    assert target_of(Base.make).key == target_of(Base().make).key
    assert target_of(Base.make).key != target_of(Child.make).key


def test_a_static_method_is_its_function() -> None:
    assert (
        target_of(Base.free).key
        == target_of(Base().free).key
        == target_of(Base.__dict__["free"]).key
    )


def test_a_class_method_registered_in_the_class_body_is_for_that_class_alone() -> None:
    raw = target_of(Base.__dict__["make"]).key
    assert key(Base.make, known={raw}) == raw
    assert key(Child.make, known={raw}) != raw


def test_properties_are_their_getters() -> None:
    assert target_of(Base.__dict__["size"]).key == target_of(Base.size.fget).key
    assert target_of(Base.__dict__["cached"]).key == target_of(Base.__dict__["cached"].func).key


def test_an_instance_is_the_call_of_its_class_along_the_mro() -> None:
    for obj in (Base(), Child()):
        call = call_of(obj, (1,), ())
        assert call.key == target_of(Base.__call__).key
        assert call.args == (obj, 1)
        assert call.bound
        assert call_of(obj.__call__, (1,), ()) == call
    assert key(Overriding()) == target_of(Overriding.__call__).key != target_of(Base.__call__).key


def test_functor_form_goes_by_name() -> None:
    assert target_of(Base.__call__).functor
    assert not target_of(Base.method).functor
    assert not target_of(Base).functor


def test_an_instance_may_have_rules_of_its_own() -> None:
    obj = Base()
    own = target_of(obj).key
    assert call_of(obj, (1,), {own}) == (own, (1,), False, obj)
    assert key(Base(), known={own}) != own


def test_instances_are_never_compared_nor_hashed() -> None:
    obj = Awkward()
    assert call_of(obj, (1,), {target_of(Awkward()).key}).bound
    assert target_of(obj).key == target_of(obj).key


def test_a_subclass_has_its_own_constructor() -> None:
    assert key(Child) != key(Base)


def test_generic_aliases_are_their_class() -> None:
    assert key(list[int]) == target_of(list[int]).key == target_of(list).key


def test_methods_of_builtin_objects_are_those_of_their_class() -> None:
    known = {
        target_of(np.ndarray.sum).key,
        target_of(float.__add__).key,
        target_of(list.append).key,
    }
    x = np.ones(2)
    assert call_of(x.sum, (), known) == (target_of(np.ndarray.sum).key, (x,), True, np.ndarray.sum)
    assert call_of((1.0).__add__, (2.0,), known).args == (1.0, 2.0)
    assert call_of([].append, (2.0,), known).args == ([], 2.0)
    assert not call_of([].append, (2.0,), ()).bound


def test_a_partial_has_no_rule_unless_it_was_given_one() -> None:
    partial = functools.partial(plain, 1)
    assert key(partial) not in (target_of(plain).key, target_of(partial).key)


def test_a_call_that_is_static() -> None:
    class Odd:
        __call__ = staticmethod(plain)

    assert call_of(Odd(), (1,), ()).args == (1,)
    assert key(Odd()) == target_of(plain).key
    assert key(staticmethod(plain)) == target_of(plain).key


@pytest.mark.parametrize("wrong", [3, "sin", None, [plain]])
def test_what_cannot_be_called_has_no_rules(wrong: Any) -> None:
    with pytest.raises(RuleError, match="can be called"):
        target_of(wrong)


def test_looking_up_goes_along_the_mro() -> None:
    assert look_up(Child, "method") is Base.__dict__["method"]
    assert look_up(Child, "nothing") is None
    assert isinstance(look_up(Child, "make"), classmethod)


def test_names() -> None:
    assert name_of(Base.method) == "Base.method"
    assert name_of(np.sin) == "sin"
    assert "partial" in name_of(functools.partial(plain))
