"""The page docs/numpy-coverage.md says what is so."""

import re
from pathlib import Path

import numpy as np
import pytest

from rules_runtime import gradient
from tests.runtime.tape.derivatives import numeric_gradient
from tests.support.numpy_calls import CALLS, Call, calls

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool():
    from tools import numpy_coverage

    return numpy_coverage


def test_the_page_is_up_to_date(tool):
    pytest.importorskip("scipy")
    if not tool.is_for_these_versions():
        pytest.skip("the page was made with another numpy or scipy")
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


def rows(tool):
    for name, space in tool.SPACES.items():
        short = name.partition(".")[2]
        for function_name, function in tool.functions(space):
            yield f"{short}.{function_name}".lstrip("."), function


def lines_of_the_page(tool):
    """The page as it is: name with its namespace -> what it says."""
    found, space = {}, ""
    for line in tool.PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## numpy"):
            space = line.removeprefix("## numpy").lstrip(".")
        if match := re.fullmatch(r"\| `(\w+)` \| ([\w-]+) \|", line):
            found[f"{space}.{match[1]}".lstrip(".")] = match[2]
    return found


@pytest.mark.filterwarnings("ignore")
def test_each_line_says_what_happens(tool):
    """Each function is called: its gradient is that of differences, or zero,
    or the error names it, as its line says."""
    if not tool.is_for_these_versions():
        pytest.skip("the page was made with another numpy or scipy")
    said, functions = lines_of_the_page(tool), dict(rows(tool))
    assert said.keys() == functions.keys()
    wrong = {}
    for name, function in functions.items():
        kind = said[name]
        if kind == tool.CONSTANT and name.rpartition(".")[2] in tool.WITHOUT_NUMBERS:
            continue  # of names, shapes, files: there is nothing to give it
        tried = list(calls(name, function))
        if not tried and kind != tool.CONSTANT:
            wrong[name] = "there is no call of it to try: add one to tests/support/numpy_calls.py"
        for call in tried:
            if problem := what_is_wrong(call, kind, name, tool):
                wrong[name] = problem
    assert wrong == {}


def what_is_wrong(call, kind, name, tool):
    numbers = call.numbers
    if not numbers:
        return None if kind in (tool.CONSTANT, tool.TRACED) else "no number among the arguments"
    try:
        found = gradient(call, *numbers)
    except Exception as error:
        named = name.rpartition(".")[2] in str(error)
        return None if kind == tool.NONE and named else f"{type(error).__name__}: {error}"
    if kind == tool.NONE:
        return "it has a gradient"
    plain = [x for x in numbers if isinstance(x, (float, np.ndarray))]
    if len(plain) < len(numbers):
        return None  # lists, of which the tests of the rules know
    if kind == tool.CONSTANT and any(map(np.any, found)):
        return "it has a gradient that is not zero"
    if name == "empty_like":
        return None  # whatever was there
    for got, want in zip(found, numeric_gradient(call, *numbers)):
        if not np.allclose(got, want, 1e-4, 1e-5):
            return f"the gradient is {got}, by differences {want}"
    return None


@pytest.mark.filterwarnings("ignore")
def test_each_function_of_scipy_that_is_named_has_a_gradient(tool):
    stats = pytest.importorskip("scipy.stats")
    if not tool.is_for_these_versions():
        pytest.skip("the page was made with another numpy or scipy")
    text = tool.PAGE.read_text(encoding="utf-8")
    wrong = {}
    for area in tool.SCIPY:
        listed = re.search(rf"### scipy\.{area}\n\n(.*)\.\n", text)
        names = re.findall(r"`([\w.]+)`", listed[1]) if listed else []
        functions = {name: function for name, _, function in tool.scipy_functions(area)}
        assert set(names) <= functions.keys()
        for name in names:
            function, key = functions[name], f"scipy.{area}.{name}"
            if name.startswith(("dirichlet.", "multivariate_normal.")):
                continue  # of vectors on a simplex, of matrices: `test_scipy_stats.py`
            tried = list(
                calls(
                    key.removesuffix(f".{name.rpartition('.')[2]}") if "." in name else key,
                    function,
                )
            )
            if area == "stats" and "." in name and key.rpartition(".")[0] not in CALLS:
                tried = [Call(function, distribution_arguments(stats, name), {})]
            if not tried:
                wrong[key] = "there is no call of it to try"
            for call in tried:
                problems = [
                    what_is_wrong(one, tool.RULE, key, tool) or "" for one in call.one_by_one()
                ]
                said = [p for p in problems if p and "NotImplementedTangentError" not in p]
                if said or "" not in problems:  # by the order of a function, say, nobody knows one
                    wrong[key] = said or problems
    assert wrong == {}


def distribution_arguments(stats, name):
    distribution = getattr(stats, name.partition(".")[0])
    x = 2 if isinstance(distribution, stats.rv_discrete) else 0.6
    return (x, *(0.4 + 0.3 * k for k in range(distribution.numargs)))


def test_no_function_is_declared_by_two_areas():
    """The later of two would win, silently."""
    declared: dict[str, set[str]] = {}
    for path in (ROOT / "rules_runtime" / "rules").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^(?:derivative|elementwise)\(\s*(np[\w.]+)", text, re.M):
            declared.setdefault(name, set()).add(path.name)
    assert {name: files for name, files in declared.items() if len(files) > 1} == {}
