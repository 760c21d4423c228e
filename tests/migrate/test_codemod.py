"""As a command of libcst's tool the conversion gives the bytes that `rrule-migrate` gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext, SkipFile

from migrate.codemod import ConvertRules
from migrate.command.modules import Memory, NearbyModules
from migrate.convert import convert_source
from migrate.model import FileConverted, Options

FIXTURES = Path(__file__).parents[1] / "fixtures"
LEGACY = sorted((FIXTURES / "legacy").glob("*.py"))
LONE_CR = FIXTURES / "legacy" / "bytes_cr.py"


def by_libcst(path: Path) -> tuple[bytes, list[str]]:
    """What the command makes of one file, and its warnings."""
    context = CodemodContext(filename=str(path))
    tree = ConvertRules(context).transform_module(cst.parse_module(path.read_bytes()))
    return tree.bytes, context.warnings


@pytest.mark.parametrize("path", sorted({*LEGACY[::12]} - {LONE_CR}), ids=lambda p: p.stem)
def test_the_bytes_are_the_same(path: Path) -> None:
    nearby = NearbyModules(str(path), Memory())
    outcome = convert_source(path.read_bytes(), str(path), Options(), nearby)
    after = outcome.after if isinstance(outcome, FileConverted) else path.read_bytes()
    new, warnings = by_libcst(path)
    assert new == after
    assert len(warnings) == len(getattr(outcome, "left", ()))


def test_by_its_name(tmp_path: Path) -> None:
    names = ["form_layout", "bytes_crlf", "bytes_latin1", "left_results", "getproperty_rules"]
    paths = [path for path in LEGACY if path.stem in names]
    for path in paths:
        shutil.copy(path, tmp_path)
    (tmp_path / "rrule-migrate.toml").write_text('legacy-modules = ["ours"]\n', encoding="utf-8")
    (tmp_path / "more.py").write_text(
        "from ours import adjoint\n\n\n@adjoint\ndef f(x):\n    return x, lambda d: (d,)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "libcst.tool", "codemod", "-x", "--no-format"),
            *("migrate.codemod.ConvertRules", str(tmp_path), "-j", "1"),
        ],
        cwd=FIXTURES.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is left: RM203" in done.stderr
    assert len(paths) > 3
    for path in paths:
        outcome = convert_source(path.read_bytes(), str(path), Options())
        assert isinstance(outcome, FileConverted)
        assert (tmp_path / path.name).read_bytes() == outcome.after
    assert b"def rrule_f(_, x):" in (tmp_path / "more.py").read_bytes()


def test_what_libcst_does_not_print_as_it_is_written_is_skipped() -> None:
    with pytest.raises(SkipFile, match="rrule-migrate"):
        by_libcst(LONE_CR)
