"""Golden pairs: `tests/fixtures/golden/x.in.py` comes out as `x.out.py`, byte for byte.

    python tests/migrate/test_golden.py --regenerate

writes the outputs anew; read the diff before you commit it. A name that begins with a code
(`rm203_…`) asks that the code be reported; `advise_…` and `fix_style_…` are converted with that
option, and give every code that their name goes on with.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # for the script

from migrate.codes import CODES
from migrate.convert import convert_source
from migrate.model import FileConverted, FileFailed, FileUnchanged, Options, Outcome

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
NAMES = sorted(path.name.removesuffix(".in.py") for path in GOLDEN.glob("*.in.py"))


def outcome_of(name: str, data: bytes | None = None) -> Outcome:
    options = Options(advise=name.startswith("advise_"), fix_style=name.startswith("fix_style_"))
    given = (GOLDEN / f"{name}.in.py").read_bytes() if data is None else data
    return convert_source(given, f"{name}.py", options)


def text_of(outcome: Outcome, name: str) -> bytes:
    assert not isinstance(outcome, FileFailed), outcome
    if isinstance(outcome, FileConverted):
        return outcome.after
    return (GOLDEN / f"{name}.in.py").read_bytes()


def codes_in(outcome: Outcome) -> set[str]:
    assert not isinstance(outcome, FileFailed)
    found = {rule.code for rule in outcome.left} | {note.code for note in outcome.notes}
    for rule in getattr(outcome, "converted", ()):
        found |= {note.code for note in rule.notes}
    return found


def test_every_pair_has_both() -> None:
    outputs = {path.name.removesuffix(".out.py") for path in GOLDEN.glob("*.out.py")}
    assert outputs == set(NAMES)


def test_every_code_of_a_rule_has_its_pair() -> None:
    shown = {code.upper() for name in NAMES for code in re.findall(r"rm\d{3}", name)}
    wanted = {code for code in CODES if code[:3] in ("RM1", "RM2", "RM4")} - {
        "RM100",
        "RM210",
        "RM211",
    }
    assert wanted <= shown


@pytest.mark.parametrize("name", NAMES)
def test_converted(name: str) -> None:
    outcome = outcome_of(name)
    expected = (GOLDEN / f"{name}.out.py").read_bytes()
    assert text_of(outcome, name).decode() == expected.decode()
    compile(expected, f"{name}.out.py", "exec", dont_inherit=True)
    assert {code.upper() for code in re.findall(r"rm\d{3}", name)} <= codes_in(outcome)
    if name.startswith("rm"):
        return
    assert not codes_in(outcome) & {c for c in CODES if c[:3] == "RM2"}


@pytest.mark.parametrize("name", NAMES)
def test_converting_again_changes_nothing(name: str) -> None:
    again = outcome_of(name, (GOLDEN / f"{name}.out.py").read_bytes())
    assert isinstance(again, FileUnchanged), again


def regenerate() -> None:
    for name in NAMES:
        outcome = outcome_of(name)
        (GOLDEN / f"{name}.out.py").write_bytes(text_of(outcome, name))
        print(name, *sorted(codes_in(outcome)))


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(__doc__)
    regenerate()
