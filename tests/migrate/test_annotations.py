"""What an annotation says about a parameter."""

from __future__ import annotations

import ast
import sys

import pytest

from migrate.syntax.annotations import Annotation, Annotations
from tests.support.converting import scopes_of

HEAD = """
import enum, typing
import numpy as np
import numpy.typing as npt
import pkg.shapes as shapes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Dict, List, Literal, NamedTuple, NewType, Optional, Tuple, TYPE_CHECKING, TypeVar, Union
from other import Imported
if TYPE_CHECKING:
    from other import OnlyForTypes

T = TypeVar("T")
Axis = Union[int, None]
Both = Optional["Foo"]
Index = NewType("Index", int)
Mode: typing.TypeAlias = Literal["a", "b"]

class Foo:
    a: float
    b: float

class Color(enum.Enum):
    RED = 1

class Pair(NamedTuple):
    lo: float
    hi: float

class Box(typing.Generic[T]):
    item: T

"""


def read(annotation: str) -> tuple[Annotations, Annotation]:
    tree, scopes = scopes_of(HEAD + f"def f(x: {annotation}): pass\n")
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    annotations = Annotations(scopes)
    found = annotations.of(function.args.args[0], function)
    assert found is not None
    return annotations, found


@pytest.mark.parametrize(
    "annotation",
    """float|complex|np.ndarray|npt.NDArray[np.float64]|Foo|Any|T|float | None|Union[int, float]|Optional[Foo]|list[float]|
    tuple[int, float]|dict[str, float]|list|tuple|Sequence[float]|Imported|object|Both|"Foo"|Annotated[float, "metres"]|Box[int]|
    Pair|(int | float)|np.floating""".replace("\n    ", "")
    .replace(" | ", "¦")
    .split("|"),
)
def test_can_be_perturbed(annotation: str) -> None:
    annotations, found = read(annotation.replace("¦", " | "))
    assert not annotations.cannot_be_perturbed(found)


@pytest.mark.parametrize(
    "annotation",
    [
        *"int str bool bytes slice None range Axis Index Mode Color Path Callable type np.int64 np.random.Generator".split(),
        "type[Foo]",
        "type[float]",
        "Callable[[float], float]",
        "int | None",
        "Optional[str]",
        "Union[int, slice, None]",
        "'int'",
        "'int | None'",
        "Optional['Axis']",
        "Annotated[int, 'positive']",
        "list[int]",
        "tuple[int, ...]",
        "tuple[int, str]",
        "List[str]",
        "dict[str, int]",
        "Sequence[int]",
        "Literal[1, 2]",
        "typing.Optional[int]",
        "Annotated[Optional[Axis], 1]",
        "np.dtype",
        "frozenset[str]",
    ],
)
def test_cannot_be_perturbed(annotation: str) -> None:
    annotations, found = read(annotation)
    assert annotations.cannot_be_perturbed(found)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Foo", "Foo"),
        ("'Foo'", "Foo"),
        ("Optional[Foo]", "Foo"),
        ("Optional['Foo']", "Foo"),
        ("'Optional[Foo]'", "Foo"),
        ("Foo | None", "Foo"),
        ("None | Foo", "Foo"),
        ("Union[Foo, None]", "Foo"),
        ("Annotated[Foo, 1]", "Foo"),
        ("Annotated[Optional['Foo'], 1]", "Foo"),
        ("Both", "Foo"),
        ("Box[int]", "Box"),
        ("Pair", "Pair"),
        ("Imported", "Imported"),
        ("shapes.Circle", "shapes.Circle"),
        ("list", "list"),
        ("list[Foo]", "list"),
        ("Dict[str, float]", "dict"),
        ("Tuple[int, int]", "tuple"),
        # more than one class, none, or none that can be named when the file runs
        ("Foo | Pair", None),
        ("Any", None),
        ("T", None),
        ("float", None),
        ("np.ndarray", None),
        ("Sequence[float]", None),
        ("OnlyForTypes", None),
        ("'Unknown'", None),
        ("Callable[[Foo], Foo]", None),
        ("object", None),
        ("Optional[float]", None),
        ("Literal['Foo']", None),
        ("'not an expression ('", None),
    ],
)
def test_the_single_class(annotation: str, expected: str | None) -> None:
    annotations, found = read(annotation)
    single = annotations.single_class(found)
    assert (single and ast.unparse(single)) == expected


@pytest.mark.parametrize("text", ["Foo", "'Foo | None'", "Both"])
def test_the_class_statement(text: str) -> None:
    annotations, found = read(text)
    definition = annotations.class_of(found)
    assert definition is not None and definition.name == "Foo"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(
            "class C:\n    a: int\n    b: float = 1", {"a": "int", "b": "float"}, id="annotated"
        ),
        pytest.param("class C:\n    pass", {}, id="none"),
        pytest.param("class C:\n    __slots__ = ('a', 'b')", {"a": None, "b": None}, id="slots"),
        pytest.param(
            "class C:\n    def __init__(this, a: int, b):\n        this.a = a\n        this.c = b\n        other.d = 1",
            {"a": "int", "c": None},
            id="assigned",
        ),
        pytest.param(
            "class B:\n    a: int\nclass C(B):\n    b: int",
            {"a": "int", "b": "int"},
            id="inherited",
        ),
        pytest.param(
            "from m import B\nclass C(B):\n    b: int", None, id="a base that is not in sight"
        ),
        pytest.param("@attr\nclass C:\n    b: int", None, id="a decorator that may add some"),
        pytest.param(
            "from dataclasses import dataclass\n@dataclass(slots=True)\nclass C:\n    b: int",
            {"b": "int"},
            id="dataclass",
        ),
        pytest.param("class C(C):\n    b: int", None, id="its own base"),
    ],
)
def test_the_fields_of_a_class(body: str, fields: dict[str, str | None] | None) -> None:
    tree, scopes = scopes_of(body)
    definition = tree.body[-1]
    assert isinstance(definition, ast.ClassDef)
    found = Annotations(scopes).fields(definition)
    assert (found and {k: v and ast.unparse(v) for k, v in found.items()}) == (
        fields or (None if fields is None else {})
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is new in 3.12")
def test_a_type_statement_is_an_alias() -> None:
    tree, scopes = scopes_of("type Axis = int | None\ndef f(x: Axis): pass\n")
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    annotations = Annotations(scopes)
    found = annotations.of(function.args.args[0], function)
    assert found is not None and annotations.cannot_be_perturbed(found)


def test_no_annotation_says_nothing() -> None:
    tree, scopes = scopes_of("def f(x): pass\n")
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert Annotations(scopes).of(function.args.args[0], function) is None
