"""What a run says where it finds nothing, or less than the user thinks:
names, settings, other languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import RULE, Command

OWN = RULE.replace(b"zygote_rules", b"mylab.ad")


@pytest.mark.parametrize(
    ("text", "name", "module"),
    [
        ("from mylab.ad import adjoint, nograd\n@adjoint\ndef f(x): ...\n", "adjoint", "mylab.ad"),
        ("from mylab import ad as z\n@z.adjoint(sin)\ndef f(x): ...\n", "adjoint", "mylab.ad"),
        ("import mylab.ad\n@mylab.ad.adjoint\ndef f(x): ...\n", "adjoint", "mylab.ad"),
        ("from mylab.ad import *\n@adjoint\ndef f(x): ...\n", "adjoint", "mylab.ad"),
        ("from mylab.ad import adjoint\nadjoint(f)(lambda x: g(x))\n", "adjoint", "mylab.ad"),
        ("from mylab.ad import adjoint as a\n@a(sin)\ndef f(x): ...\n", "adjoint", "mylab.ad"),
        ("from mylab.ad import nograd\nnograd(f, g)\n", "nograd", "mylab.ad"),
        ("from .compat import adjoint\n@adjoint\ndef f(x): ...\n", "adjoint", "pkg.compat"),
        ("from . import compat\n@compat.adjoint\ndef f(x): ...\n", "adjoint", "pkg.compat"),
        (
            "from zygote_rules import nograd\nfrom mylab.ad import adjoint\n@adjoint\ndef f(x): ...\n",
            "adjoint",
            "mylab.ad",
        ),
        (
            "import mylab.ad as ad\nadjoint = ad.adjoint\n@adjoint\ndef f(x): ...\n",
            "adjoint",
            "mylab.ad",
        ),
        (
            "from mylab.ad import dropgrad\ndef f(x): return 2 * dropgrad(x)\n",
            "dropgrad",
            "mylab.ad",
        ),
        ("from sympy import adjoint\nx = adjoint(y)\n", "", ""),
        ("from .math import conj\n@property\ndef adjoint(x): ...\n", "", ""),
        ("def adjoint(f): ...\n@adjoint\ndef f(x): ...\n", "", ""),
        (
            "from zygote_rules import adjoint\n@adjoint\ndef f(x): return x, lambda d: (d,)\n",
            "",
            "",
        ),
        ("from .again import adjoint\n@adjoint\ndef f(x): return x, lambda d: (d,)\n", "", ""),
    ],
)
def test_names_from_an_unknown_module(
    folder: Path, command: Command, text: str, name: str, module: str
) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg/__init__.py").write_text("")
    (folder / "pkg/again.py").write_text("from zygote_rules import adjoint\n")
    (folder / "pkg/a.py").write_text(text)
    done = command("--check", "pkg")
    hints = [line for line in done.err.splitlines() if line.startswith("hint: ")]
    if not module:
        assert not hints
        return
    assert len(hints) == 1
    assert f" takes {name} from {module}, which is not known" in hints[0]
    assert hints[0].endswith(f"rrule-migrate --legacy-module {module} pkg")
    again = command("--check", "--legacy-module", module, "pkg")
    assert "hint: " not in again.err


def test_files_of_one_module_are_counted(folder: Path, command: Command) -> None:
    for name in "abc":
        (folder / f"{name}.py").write_bytes(OWN)
    assert "hint: a.py:1 (and 2 more files) takes adjoint from mylab.ad" in command(".").err
    assert "hint" not in command("-q", ".").err
    assert "hint: <stdin>:1 takes adjoint from mylab.ad" in command("-", input=OWN).err


def test_a_misspelt_legacy_module(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(OWN)
    done = command("--check", "--legacy-module", "mylab.add", "a.py")
    assert "hint: --legacy-module mylab.add: no file here takes a legacy name from it; did you mean mylab.ad?" in done.err  # fmt: skip
    (folder / "a.py").write_bytes(RULE)
    done = command("--check", "--legacy-module", "other", "a.py")
    assert "no file here takes a legacy name from it; is its name spelled so?" in done.err


@pytest.mark.parametrize("table", ["tool.rrule_migrate", "tool.rule-migrate", "rrule-migrate"])
def test_a_misspelt_table_of_settings(folder: Path, command: Command, table: str) -> None:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "x"\n\n[{table}]\nmark = true\n')
    (folder / "a.py").write_bytes(RULE)
    done = command("--check", "a.py")
    assert done.code == 2
    words = f"pyproject.toml:4: [{table}] is not read; did you mean [tool.rrule-migrate]?"
    assert words in done.err


def test_the_name_of_the_tool_elsewhere_is_no_mistake(folder: Path, command: Command) -> None:
    text = '[project]\nname = "rrule-migrate"\n[tool.other]\nuses = "rrule-migrate"\n'
    (folder / "pyproject.toml").write_text(text)
    (folder / "a.py").write_bytes(RULE)
    assert command("--check", "a.py").code == 1


def test_exclusions_that_leave_nothing(folder: Path, command: Command) -> None:
    (folder / "src").mkdir()
    (folder / "src/a.py").write_bytes(RULE)
    (folder / "src/b.py").write_bytes(RULE)
    (folder / "pyproject.toml").write_text('[tool.rrule-migrate]\nexclude = ["src/*.py"]\n')
    done = command("src")
    assert done.code == 0
    assert (
        "hint: nothing is left to look at: src/a.py is excluded by pyproject.toml, and 1 more like it"
        in done.err
    )
    (folder / "src/c.pyi").write_text("")
    assert "hint" not in command("src").err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "defvjp(f, lambda ans, x: lambda g: g)\n",
            (
                "HIPS autograd (defvjp), which --dialect autograd reads where it comes from that "
                "package, or from a module that --legacy-module autograd:NAME names"
            ),
        ),
        ("@jax.custom_vjp\ndef f(x): ...\n", "JAX (custom_vjp), a language that is not read yet"),
        (
            "@partial(jax.custom_vjp, nondiff_argnums=0)\ndef f(x): ...\n",
            "JAX (custom_vjp), a language that is not read yet",
        ),
        ("f = jax.custom_vjp(g)\n", "JAX (custom_vjp), a language that is not read yet"),
        (
            "f = jax.custom_vjp(g)\nf.defvjp(h, k)\n",
            "JAX (custom_vjp), a language that is not read yet",
        ),
        (
            "from torch.autograd import Function\n",
            "PyTorch (autograd.Function), a language that is not read yet",
        ),
        (
            "class F(torch.autograd.Function):\n    pass\n",
            "PyTorch (autograd.Function), a language that is not read yet",
        ),
    ],
)
def test_rules_of_another_language(folder: Path, command: Command, text: str, words: str) -> None:
    (folder / "a.py").write_text(text)
    (folder / "b.py").write_text(text)
    done = command(".")
    assert f"hint: a.py (and 1 more file) has rules of {words}\n" in done.err
    assert done.err.count("hint") == 1
    (folder / "c.py").write_bytes(RULE)
    assert "hint" not in command("--check", ".").err


JULIA = b"@adjoint function f(x)\n    f(x), d -> (2d,)\nend\n"


def test_julia(folder: Path, command: Command) -> None:
    (folder / "rules.jl").write_bytes(JULIA)
    done = command("rules.jl")
    assert done.code == 2
    assert "error: rules.jl: it is Julia, and rrule-migrate reads the Python spelling" in done.err
    assert "hint: 1 Julia file passed over: rrule-migrate reads the Python" in command(".").err
    (folder / "rules.py").write_bytes(JULIA)
    assert "hint: 1 Julia file passed over" in command("rules.py").err
    (folder / "rules.py").write_bytes(b"from zygote_rules import adjoint\n" + JULIA)
    assert "error: rules.py:3: it is Julia" in command("rules.py").err


@pytest.mark.parametrize(
    "line",
    [
        "print 'a'",
        "if x: print y",
        "raise ValueError, 'no'",
        "exec code in names",
        "x = 0777",
        "x = 10L",
        "if a <> b: pass",
        "y = `x`",
        "name = ur'x'",
        "def f((a, b), c): pass",
        "key = lambda (a, b): a",
    ],
)
def test_python_2(folder: Path, command: Command, line: str) -> None:
    (folder / "a.py").write_bytes(RULE + line.encode() + b"\n")
    done = command("a.py")
    assert done.code == 2
    number = RULE.count(b"\n") + 1
    assert (
        f"error: a.py:{number}: it is Python 2, not Python for this interpreter [RM901]" in done.err
    )
    assert "2to3" in done.err


def test_python_2_handlers(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE + b"try: pass\nexcept (A, B), error:\n    pass\n")
    assert "it is Python 2, not Python for this interpreter [RM901]" in command("a.py").err
    (folder / "a.py").write_bytes(RULE + b"print('a'\n")
    assert "it is not Python for this interpreter" in command("a.py").err


def test_a_path_that_cannot_be_read_stops_nothing_else(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real = os.open

    def locked(path: str, *more: object, **named: object) -> int:
        if str(path).endswith("locked.py"):
            raise PermissionError(13, "Permission denied")
        return real(path, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path))
    monkeypatch.setattr(os, "open", locked)
    (folder / "locked.py").write_bytes(RULE)
    (folder / "a.py").write_bytes(RULE)
    done = command("locked.py", "a.py")
    assert done.code == 2
    assert "error: locked.py: cannot be read: Permission denied" in done.err
    assert b"rrule" in (folder / "a.py").read_bytes()
