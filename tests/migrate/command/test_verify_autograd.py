"""--verify beside HIPS autograd: first and second derivatives, by both ADs, then differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import migrate.convert
from migrate.model import FileConverted
from tests.support.command import Command, environment

pytest.importorskip("autograd", reason="HIPS autograd is not installed")

LIBRARY = '''"""Rules of all forms."""

import numpy
import autograd.numpy as np
from autograd.extend import defvjp, defvjp_argnum, primitive
from autograd.numpy.numpy_vjps import unbroadcast_f


@primitive
def gap(x, y):
    return np.abs(x - y)


defvjp(
    gap,
    lambda ans, x, y: unbroadcast_f(x, lambda g: g * np.sign(x - y)),
    lambda ans, x, y: unbroadcast_f(y, lambda g: -g * np.sign(x - y)),
)


@primitive
def wave(x, k):
    return np.exp(1j * k * x)


defvjp(wave, lambda ans, x, k: lambda g: g * 1j * k * ans, lambda ans, x, k: lambda g: g * 1j * x * ans)


@primitive
def polar(x, y):
    return np.hypot(x, y), np.arctan2(y, x)


def grad_polar(ans, x, y):
    def vjp(g):
        gr, ga = g
        return gr * x / ans[0] - ga * y / ans[0] ** 2

    return vjp


defvjp(polar, grad_polar, None)


@primitive
def total(x, axis):
    return np.sum(x, axis=axis)


defvjp(total, lambda ans, x, axis: lambda g: np.repeat(np.expand_dims(g, axis), np.shape(x)[axis], axis))


limited = primitive(numpy.clip)  # a default of it is no text
defvjp(limited, lambda ans, x, low, high: lambda g: g * np.logical_and(ans != low, ans != high))


@primitive
def product(*xs):
    return np.prod(np.stack(xs), 0)


defvjp_argnum(product, lambda n, ans, args, kwargs: lambda g: g * ans / args[n])


def cube_of(x: float):
    return x * x * x


cube = primitive(cube_of)
defvjp(cube, lambda ans, x: lambda g: g * 3 * x**2)
'''
#: Right to first order.
IGNORED = "g * 3 * __import__('rules_runtime').ignore_derivatives(x)**2"
RULES = ("gap", "wave", "polar", "total", "limited", "product", "cube")


@pytest.fixture(autouse=True)
def _findable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])


@pytest.fixture
def mistaken(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`mistaken(old, new)` has the converter write something else."""
    real = migrate.convert.convert_source

    def install(old: str, new: str) -> None:
        def convert(*arguments: object) -> object:
            outcome = real(*arguments)  # type: ignore[arg-type]
            if isinstance(outcome, FileConverted):
                assert old.encode() in outcome.after
                return replace(outcome, after=outcome.after.replace(old.encode(), new.encode()))
            return outcome

        monkeypatch.setattr(migrate.convert, "convert_source", convert)

    return install


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if f" {name} " in line)


@pytest.mark.parametrize("mode", ["keep", "drop"])
def test_every_form(folder: Path, command: Command, mode: str) -> None:
    (folder / "rules.py").write_text(LIBRARY)
    done = command("--verify", "--autograd", mode, "rules.py")
    assert done.code == 0, done.text + done.err
    for name in RULES:
        assert row(done.text, name).startswith("verified"), done.text
    assert b"rrule" in (folder / "rules.py").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "which"),
    [
        ("g * 3 * x**2", "g * 3.01 * x**2", "gradient of argument 1"),
        ("@unconjugated\ndef rrule_wave", "def rrule_wave", "gradient of argument 1"),
        ("g * 3 * x**2", IGNORED, "second derivative of argument 1"),
        ("to_y(-g", "to_y(g", "gradient of argument 2"),
    ],
)
def test_what_differs_is_not_written(
    folder: Path, command: Command, mistaken: Callable[[str, str], None], old: str, new: str, which: str
) -> None:  # fmt: skip
    (folder / "rules.py").write_text(LIBRARY)
    mistaken(old, new)
    done = command("--verify", "rules.py")
    assert done.code == 1
    assert which in done.text, done.text
    assert (folder / "rules.py").read_text() == LIBRARY


def test_both_ads_are_asked(
    folder: Path, command: Command, mistaken: Callable[[str, str], None]
) -> None:
    """What autograd is given may be another rule."""
    (folder / "rules.py").write_text(LIBRARY)
    mistaken("vjps_from_rrule(cube)", "lambda ns, ans, args, kw: lambda g: (g * 7.0,)")
    done = command("--verify", "rules.py")
    assert "by autograd: gradient of argument 1" in row(done.text, "cube"), done.text


def test_cases_and_callers(folder: Path, command: Command) -> None:
    cases = """

def loss(x):
    return np.sum(cube(x) * x[0])


def cases():
    return [("loss", loss, (np.array([0.3, -0.4]),)), ("imaginary", cube, (1 + 2j,))]
"""
    (folder / "rules.py").write_text(LIBRARY + cases)
    done = command("--verify", "rules.py")
    assert done.code == 0, done.text
    assert row(done.text, "cube").endswith("2 cases")


def test_a_wrong_second_derivative_of_autograd_is_no_difference(
    folder: Path, command: Command
) -> None:
    """To autograd the sign of a complex number is constant."""
    rule = """

@primitive
def modulus(z):
    return np.abs(z)


defvjp(modulus, lambda ans, z: lambda g: g * np.conj(np.sign(z)))


def cases():
    return [("z", modulus, (1 + 2j,))]
"""
    (folder / "rules.py").write_text(LIBRARY + rule)
    done = command("--verify", "rules.py")
    assert row(done.text, "modulus").startswith("verified")
    assert "autograd's second derivative of argument 1 is not that of its gradient" in done.text


def test_without_autograd(folder: Path, command: Command) -> None:
    (folder / "rules.py").write_text(LIBRARY)
    (folder / "autograd.py").write_text("raise ModuleNotFoundError(\"No module named 'autograd'\")")
    done = command("--verify", "--autograd", "drop", "rules.py")
    assert row(done.text, "cube").startswith("verified"), done.text + done.err
    assert "compared with finite differences alone" in done.text


def test_rules_of_a_language_that_is_not_there(folder: Path, command: Command) -> None:
    text = """import numpy as np
from tangent.grads import adjoint


@adjoint(np.tanh)
def tanh(y, x):
    d[x] = d[y] * (1.0 - y * y)
"""
    (folder / "rules.py").write_text(text)
    done = command("--verify", "rules.py")
    assert done.text.startswith("verified"), done.text
    assert "tangent is not installed here: compared with finite differences alone" in done.text
