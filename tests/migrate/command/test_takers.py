"""Names that other files take from a file:
legacy imports stay, and helpers are not the rules' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.command.modules import NearbyModules
from migrate.convert import convert_source
from migrate.model import FileConverted, Options

BASE = """\
from zygote_rules import accum, adjoint


def weight(d):
    return None if d is None else 2 * d


def base(x):
    return x, x


@adjoint
def base(x):
    return base(x), lambda d: (accum(d[0], weight(d[1])),)
"""


def package(folder: Path, **files: str) -> Path:
    """A package `lib` of these files; gives that of `base`."""
    for name, text in {"__init__": "", "base": BASE, **files}.items():
        path = folder / "lib" / (name.replace("__sub__", "sub/") + ".py")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder / "lib" / "base.py"


def converted(path: Path) -> str:
    modules = NearbyModules(str(path))
    outcome = convert_source(path.read_bytes(), str(path), Options(), modules)
    assert isinstance(outcome, FileConverted), outcome
    return outcome.after.decode()


def test_without_other_files_the_import_goes(tmp_path: Path) -> None:
    assert "accum" not in converted(package(tmp_path))


@pytest.mark.parametrize(
    "taker",
    [
        "from lib.base import accum",
        "from .base import accum as a",
        "from lib.base import (\n    base,  # the function\n    accum,\n)",
        "from . import base\nprint(base.accum)",
        "from lib import base as b\nprint(b.accum)",
        "import lib.base\nprint(lib.base.accum)",
        "import lib.base as lb\nprint(lb . accum)",
        "from .base import *\nprint(accum(1, 2))",
        "def f():\n    from .base import accum\n    return accum",
    ],
)
def test_a_legacy_name_that_another_file_takes_stays(tmp_path: Path, taker: str) -> None:
    text = converted(package(tmp_path, other=taker + "\n"))
    assert "from zygote_rules import accum\n" in text


@pytest.mark.parametrize(
    "other",
    [
        "from elsewhere.base import accum",
        "from .sub.base import accum",
        "from ..base import accum",
        "import base_of_others as base\nprint(base.accum)",
        "accum = 1",
    ],
)
def test_names_of_other_modules_are_not_taken(tmp_path: Path, other: str) -> None:
    assert "accum" not in converted(package(tmp_path, other=other + "\n"))


def test_deeper_files_and_tests_beside_the_package_count(tmp_path: Path) -> None:
    path = package(tmp_path, __sub__deep="from ..base import accum\n")
    assert "from zygote_rules import accum\n" in converted(path)
    path = package(tmp_path / "another")
    (tmp_path / "another" / "tests").mkdir()
    (tmp_path / "another" / "tests" / "test_base.py").write_text("from lib.base import adjoint\n")
    assert "from zygote_rules import adjoint\n" in converted(path)


def test_what_a_package_hands_on_stays(tmp_path: Path) -> None:
    path = package(tmp_path, other="from . import accum\n")
    init = path.with_name("__init__.py")
    init.write_text(BASE)
    assert "from zygote_rules import accum\n" in converted(init)


def test_a_helper_that_another_file_calls_stays_as_it_is(tmp_path: Path) -> None:
    alone = converted(package(tmp_path / "one"))
    assert "return ZeroTangent() if isinstance(d, AbstractZero) else 2 * d" in alone
    shared = converted(package(tmp_path / "two", other="from .base import weight\nweight(None)\n"))
    assert "return None if d is None else 2 * d" in shared


def test_a_rule_that_another_file_calls_is_bridged(tmp_path: Path) -> None:
    rule = BASE.replace("@adjoint\ndef base(x)", "@adjoint(base)\ndef base_rule(x)")
    path = package(tmp_path, other="from .base import base_rule\nprint(base_rule(1.0)[0])\n")
    path.write_text(rule)
    assert "def base_rule(x)" in converted(path)


def test_names_that_are_looked_up_by_their_text_stay(tmp_path: Path) -> None:
    path = package(tmp_path)
    path.write_text(BASE + '\nSUM = globals()["accum"]\n')
    assert "from zygote_rules import accum\n" in converted(path)
