"""--verify: rules run beside their legacy selves;
what differs is not written, what cannot run is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import migrate.convert
from migrate.model import FileConverted
from tests.support.command import RULE, Command, environment

CASES = b"""

def cases():
    return [("two", double, (2.0,), {}), ("array", double, (np.array([1.0, 2.0]),))]
"""
WITH_CASES = RULE.replace(b"from zygote", b"import numpy as np\nfrom zygote", 1) + CASES

STRUCTURES = """from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from zygote_rules import adjoint, nograd


@dataclass
class Point:
    x: float
    weights: np.ndarray
    label: str = "a"


class Ray(NamedTuple):
    start: Point
    ends: tuple[float, ...]


class Lens:
    def __init__(self, ray: "Ray", focus: float) -> None:
        self.ray, self.focus = ray, focus


def f(lens: Lens, k: int | None):
    return lens.focus * lens.ray.start.x * np.sum(lens.ray.start.weights) + lens.ray.ends[1]


@adjoint
def f(lens: Lens, k: int | None):
    start = lens.ray.start
    total = np.sum(start.weights)

    def back(dy):
        point = {"x": dy * lens.focus * total, "weights": dy * lens.focus * start.x * np.ones(3)}
        return {"ray": {"start": point, "ends": (None, dy, None)}, "focus": dy * start.x * total}, None

    return lens.focus * start.x * total + lens.ray.ends[1], back


@nograd
def shape(x):
    return np.shape(x)
"""


@pytest.fixture(autouse=True)
def _findable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that makes a mistake."""
    real = migrate.convert.convert_source

    def mistaken(*arguments: object) -> object:
        outcome = real(*arguments)  # type: ignore[arg-type]
        if isinstance(outcome, FileConverted):
            return replace(outcome, after=outcome.after.replace(b"2 * dy", b"3 * dy"))
        return outcome

    monkeypatch.setattr(migrate.convert, "convert_source", mistaken)


def test_verified_and_written(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(WITH_CASES)
    done = command("--verify", "rules.py")
    assert done.code == 0, done.err
    assert "verified  rules.py:9 double  2 cases\n" in done.text
    assert "1 rule verified, 0 different, 0 not tried." in done.text
    assert "--verify imports and runs the files" in done.err
    assert b"rrule" in (folder / "rules.py").read_bytes()
    assert [path.name for path in folder.iterdir()] == ["rules.py"]


@pytest.mark.usefixtures("wrong")
def test_what_differs_is_not_written(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(WITH_CASES)
    (folder / "plain.py").write_bytes(b"x = 1\n")
    done = command("--verify", ".")
    assert done.code == 1
    assert "differs  rules.py:9 double  two: gradient of argument 1, all of it: " in done.text
    assert "rules.py:9: RM211 double: left as it is: --verify: it gave something else" in done.text
    assert (folder / "rules.py").read_bytes() == WITH_CASES


@pytest.mark.usefixtures("wrong")
def test_generated_inputs_find_it_too(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE)
    done = command("--verify", "--check", "rules.py")
    assert done.code == 1
    assert (
        "differs  rules.py:8 double  generated input 1 of numbers: gradient of argument 1"
        in done.text
    )


def test_inputs_from_annotations(folder: Path, command: Command) -> None:
    body = RULE.decode().partition("adjoint\n")[2]
    annotations = [
        "",
        ": float",
        ": np.ndarray",
        ": 'np.ndarray'",
        ": NDArray[np.float64]",
        ": complex",
    ]
    parts = [body.replace("double(x)", f"f{n}(x{text})") for n, text in enumerate(annotations)]
    head = (
        "import numpy as np\nfrom numpy.typing import NDArray\nfrom zygote_rules import adjoint\n"
    )
    (folder / "rules.py").write_text(head + "".join(parts).replace("double", "f"))
    done = command("--verify", "--check", "rules.py")
    assert "6 rules verified, 0 different, 0 not tried." in done.text, done.text


def test_a_class_that_cannot_be_made(folder: Path, command: Command) -> None:
    source = RULE.replace(b"double(x)", b"double(x: 'Foo')").replace(
        b"\n\n\ndef", b"\n\n\nclass Foo: ...\n\n\ndef", 1
    )
    (folder / "rules.py").write_bytes(source)
    done = command("--verify", "rules.py")
    assert done.code == 0
    assert "not tried" in done.text
    assert "no case ran it, and no input can be made for `x: 'Foo'`; give it an input" in done.text


def test_structures_are_made_from_their_fields(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_text(STRUCTURES)
    done = command("--verify", "--check", "rules.py")
    assert "1 rule verified, 0 different, 0 not tried." in done.text, done.text
    assert (
        "29 f  5 cases\n1 rule verified" in done.text
    )  # not nograd: importing the module has run it


@pytest.mark.usefixtures("wrong")
def test_every_report_tells_of_a_difference(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(WITH_CASES)
    for kind in ("json", "sarif", "github"):
        done = command("--verify", "--check", "--format", kind, ".")
        assert done.code == 1
        assert "RM211" in done.text


def test_nothing_to_verify(folder: Path, command: Command) -> None:
    (folder / "plain.py").write_bytes(b"x = 1\n")
    assert "Nothing to verify." in command("--verify", ".").text


def test_cases_from_a_file(folder: Path, command: Command) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "helper.py").write_text("two = 2.0\n")
    (folder / "pkg" / "rules.py").write_bytes(b"from .helper import two\n" + RULE)
    (folder / "mine.py").write_text(
        "from pkg.rules import double, two\n\ndef cases():\n    return [('mine', double, (two,))]\n"
    )
    done = command("--verify", "--check", "--cases", "mine.py", "pkg")
    assert "verified  pkg/rules.py:9 double  1 case\n" in done.text, done.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            b"raise RuntimeError('no\\nway')",
            "its legacy variant cannot be imported: RuntimeError: no",
            id="raises",
        ),
        pytest.param(
            b"import sys; sys.exit(3)",
            "its legacy variant cannot be imported: SystemExit: 3",
            id="exits",
        ),
        pytest.param(
            b"import os; os._exit(3)", "the process of its legacy variant died", id="dies"
        ),
        pytest.param(
            b"while True: pass", "its legacy variant took more than 1.5 seconds", id="never ends"
        ),
    ],
)
def test_what_cannot_run_is_not_tried(
    folder: Path, command: Command, line: bytes, words: str
) -> None:
    (folder / "rules.py").write_bytes(RULE + b"\n\n" + line + b"\n")
    done = command("--verify", "--time-limit", "1.5", "rules.py")
    assert done.code == 0
    assert "not tried" in done.text
    assert words in done.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "cases() fails: ZeroDivisionError"),
        ("return None", "cases() fails: TypeError"),
        ("return ['a']", "entry 1 of cases() is 'a'; an entry is (label, callable,"),
        ("return [('a', double, (1.0,)), ('b', double)]", "entry 2 of cases() has length 2"),
        ("return [('a', 'double', (1.0,))]", "entry 1 of cases() has 'double' for a callable"),
        ("return [('a', double, 1.0)]", "entry 1 of cases() has 1.0 for its arguments"),
        ("return [('a', double, (1,), 'x')]", "entry 1 of cases() has 'x' for its keywords"),
    ],
)
def test_cases_that_cannot_be_used_are_errors(
    folder: Path, command: Command, body: str, words: str
) -> None:
    """In the file itself and in another one; nothing is written."""
    source = RULE + f"\n\ndef cases():\n    {body}\n".encode()
    (folder / "own.py").write_bytes(source)
    done = command("--verify", "own.py")
    assert done.code == 2
    assert f"error: own.py: it cannot be verified: {words}" in done.err
    assert "[RM916]" in done.err
    (folder / "rules.py").write_bytes(RULE)
    (folder / "mine.py").write_text(f"from rules import double\n\ndef cases():\n    {body}\n")
    done = command("--verify", "--cases", "mine.py", "rules.py")
    assert done.code == 2
    assert f"error: --cases {folder}/mine.py: {words}" in done.err
    assert (folder / "rules.py").read_bytes() == RULE
    assert (folder / "own.py").read_bytes() == source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def case(): return []", "it has no function cases(); did you mean case?"),
        ("cases = []", "its cases is no function without parameters"),
        ("def cases(n): return []", "its cases is no function without parameters"),
        ("import nowhere", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_file_of_cases_without_cases(
    folder: Path, command: Command, text: str, words: str
) -> None:
    (folder / "rules.py").write_bytes(RULE)
    (folder / "mine.py").write_text(text + "\n")
    done = command("--verify", "--cases", "mine.py", "rules.py")
    assert done.code == 2
    assert f"error: --cases {folder}/mine.py: {words}" in done.err
    assert (folder / "rules.py").read_bytes() == RULE


def test_another_function_of_that_name_is_no_mistake(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(RULE + b"\n\ndef cases(word):\n    return word.lower()\n")
    assert "1 rule verified, 0 different" in command("--verify", "--check", "rules.py").text


def test_a_case_that_fails_is_said(folder: Path, command: Command) -> None:
    more = b"\n\ndef cases():\n    return [('one', double, (2.0,)), ('two', double, (2.0, 3))]\n"
    (folder / "rules.py").write_bytes(RULE + more)
    done = command("--verify", "--check", "rules.py")
    assert "case fails  rules.py two       with the legacy rules: TypeError: " in done.text
    assert "1 rule verified, 0 different, 0 not tried; 1 case failed." in done.text


def test_strict_wants_every_rule_tried(folder: Path, command: Command) -> None:
    source = RULE.replace(b"x)", b"x: 'Foo')", 2).replace(
        b"\n\n\ndef", b"\n\n\nclass Foo: ...\n\n\ndef", 1
    )
    for text, code in ((source, 1), (RULE, 0)):
        (folder / "rules.py").write_bytes(text)
        done = command("--verify", "--strict", "rules.py")
        assert done.code == code, done.text
        (folder / "rules.py").write_bytes(text)
        assert command("--verify", "rules.py").code == 0


def test_a_case_may_reach_a_rule_through_its_caller(folder: Path, command: Command) -> None:
    """test_rrule has nothing to say of a caller, which has no rule; a difference is still found."""
    more = b"\n\ndef cases():\n    return [('caller', lambda x: double(x) + 1.0, (3.0,))]\n"
    (folder / "rules.py").write_bytes(RULE + more)
    done = command("--verify", "--check", "rules.py")
    assert "verified  rules.py:8 double  1 case\n1 rule verified, 0 different" in done.text


def test_methods_are_tried_too(folder: Path, command: Command) -> None:
    """The target stands in the class, the rule's parameters below an indentation."""
    (folder / "rules.py").write_text(
        "from dataclasses import dataclass\nfrom zygote_rules import adjoint\n\n@dataclass\nclass A:\n"
        "    k: float\n    def area(self, x): return self.k * x\n\n    @adjoint\n"
        "    def area(self: 'A', x: float):\n        return self.k * x, lambda d: ({'k': d * x}, d * self.k)\n"
    )
    done = command("--verify", "--check", "rules.py")
    assert "verified  rules.py:9 area  5 cases\n" in done.text, done.text


def test_calls_run_with_the_function_around_them(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_text(
        "from zygote_rules import accum, dropgrad\n"
        "def total(a: float, b: float):\n    return accum(a, b)\n"
        "from zygote_rules import nograd\ndef setup():\n    nograd(total)\n"
        "class A:\n    def free(self, a):\n        return dropgrad(a) * a\n"
        "def cases():\n    return [('method', A().free, (2.0,))]\n"
    )
    done = command("--verify", "--check", "rules.py")
    assert "verified  rules.py:3 accum(a, b)  5 cases" in done.text, done.text
    assert "verified  rules.py:9 dropgrad(a)  1 case\n" in done.text
    assert "2 rules verified, 0 different, 0 not tried." in done.text


GETTER = """from dataclasses import dataclass
from zygote_rules import Val, adjoint, literal_getproperty

@dataclass
class Point:
    a: float
    b: float

    @property
    def product(self):
        return self.a * self.b

@adjoint
def literal_getproperty(p: Point, name):
    if name == Val("product"):
        return p.product, lambda d: ({"a": p.b * d, "b": p.a * d}, None)
    return getattr(p, name.value), lambda d: ({name.value: d}, None)
"""


def test_rules_for_reading_are_tried_with_each_attribute(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_text(GETTER)
    done = command("--verify", "--check", "rules.py")
    assert "verified  rules.py:13 literal_getproperty  15 cases\n" in done.text, done.text


def test_a_legacy_rule_that_was_wrong_is_remarked_on(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(WITH_CASES.replace(b"(2 * dy,)", b"(3 * dy,)"))
    done = command("--verify", "--check", "rules.py")
    assert "verified" in done.text
    assert "old and new agree, but test_rrule says at two: argument 1 (x): the tangent differs" in (
        done.text
    )
    assert "1 rule verified (1 with a remark), 0 different, 0 not tried." in done.text


def test_the_patch_stays_alone(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_bytes(WITH_CASES + b"print('noise')\n")
    done = command("--verify", "--diff", "rules.py")
    assert done.code == 1
    assert done.out.startswith(b"--- a/rules.py")
    assert b"noise" not in done.out.replace(b" print('noise')", b"")
    assert "verified" in done.err


def test_never_by_default(folder: Path, command: Command) -> None:
    trap = folder / "ran"
    (folder / "rules.py").write_bytes(RULE + f"\nopen({str(trap)!r}, 'w')\n".encode())
    command("--report", "page.html", "--plan", "plan.json", ".")
    command("--diff", ".")
    command(".")
    assert not trap.exists()
