"""The page docs/numpy-coverage.md says what is so."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool():
    from tools import numpy_coverage

    return numpy_coverage


def test_the_page_is_up_to_date(tool):
    if not tool.is_for_this_numpy():
        pytest.skip("the page was made with another numpy")
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page()


def test_a_rule_that_is_gone_is_noticed(tool, monkeypatch):
    from rules_runtime.forms import FORMS

    before = tool.page()
    monkeypatch.delitem(FORMS, np.sin)
    assert tool.page() != before
    assert tool.status("sin", np.sin) == "none"


def test_kinds(tool):
    tool.page()
    assert tool.status("sin", np.sin) == "rule"
    assert tool.status("vectorize", np.piecewise) == "rule"
    assert tool.status("argsort", np.argsort) == "non-differentiable"
    assert tool.status("zeros", np.zeros) == "non-differentiable"
    assert tool.status("array", np.array) == "traced"


def test_no_function_is_declared_by_two_areas():
    """The later of two would win, silently."""
    declared: dict[str, set[str]] = {}
    for path in (ROOT / "rules_runtime" / "rules").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^(?:derivative|elementwise)\(\s*(np[\w.]+)", text, re.M):
            declared.setdefault(name, set()).add(path.name)
    assert {name: files for name, files in declared.items() if len(files) > 1} == {}
