"""--verify: rules run beside their legacy selves; what differs is not written, what cannot run is said."""

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
    assert (
        "@nograd above shape  no case ran it, and it is a call, which only a case can run"
        in done.text
    )
    assert "1 rule verified, 0 different, 1 not tried." in done.text, done.text


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
        pytest.param(b"def cases(): return 1 / 0", "cases() of ", id="cases fail"),
    ],
)
def test_what_cannot_run_is_not_tried(
    folder: Path, command: Command, line: bytes, words: str
) -> None:
    if b"cases" in line:
        line += b"\n" + RULE.replace(b"x)", b"x: 'Foo')", 2)
        (folder / "rules.py").write_bytes(
            line.replace(b"def cases", b"class Foo: ...\ndef cases", 1)
        )
    else:
        (folder / "rules.py").write_bytes(RULE + b"\n\n" + line + b"\n")
    done = command("--verify", "--time-limit", "1.5", "rules.py")
    assert done.code == 0
    assert "not tried" in done.text
    assert words in done.text


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
