"""Real source trees: nothing in them changes,
and rules that are put into them are all that changes."""

from __future__ import annotations

import ast
import importlib.util
import random
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from migrate.convert import convert_source
from migrate.model import FileConverted, FileFailed, FileUnchanged, Options
from migrate.scan import may_hold_rules

TREES = ("numpy", "libcst", "scipy", "sympy", "hypothesis", "click", "rich", "_pytest", "dask")
FILES = 200
LARGEST = 60_000  # bytes; what is larger is only read


@cache
def tree(name: str) -> tuple[Path, ...]:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return ()
    return tuple(sorted(Path(next(iter(spec.submodule_search_locations))).rglob("*.py")))


@pytest.mark.parametrize("name", TREES)
def test_nothing_changes(name: str) -> None:
    paths = tree(name)
    if not paths:
        pytest.skip(f"{name} is not installed")
    for path in paths:
        outcome = convert_source(path.read_bytes(), str(path), Options())
        if isinstance(outcome, FileFailed) and outcome.code == "RM901":
            continue  # a file that is wrong on purpose, and names a legacy module
        assert outcome == FileUnchanged(str(path)), outcome


@pytest.mark.parametrize("name", ["numpy", "libcst"])
def test_nothing_changes_in_files_that_the_byte_test_stops(name: str) -> None:
    """The rest of the tool, which they reach with an import that is not used,
    leaves them alone too."""
    for path in random.Random(1).sample(tree(name), 100):
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            continue
        outcome = convert_source(data + b"from zygote_rules import adjoint\n", str(path), Options())
        if not isinstance(outcome, FileFailed) or outcome.code != "RM901":
            assert isinstance(outcome, FileUnchanged), outcome
            assert not outcome.left and not outcome.notes


# ---- rules put in by script ---------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A legacy definition, what it becomes, and what it needs to be imported."""

    before: str
    after: str
    legacy: str
    runtime: str


KINDS = {
    "lambda": Kind(
        """\
@adjoint(zz_target)
def zz_rule(x, y):  # kept
    return zz_target(x, y), lambda d: (d * y, d * x)
""",
        """\
@rrule.register(zz_target)
def rrule_zz_rule(_, x, y):  # kept
    return zz_target(x, y), lambda d: (NoTangent(), d * y, d * x)
""",
        "from zygote_rules import adjoint",
        "from rules_runtime import NoTangent, rrule",
    ),
    "zeros": Kind(
        '''\
@zz.adjoint(zz_target)
def zz_rule(x, n: int, w=1.0):
    """Kept."""
    def back(d):
        if n == 0:
            # nothing
            return None
        return n * d, None, None
    return zz_target(x, n), back
''',
        '''\
@rrule.register(zz_target)
def rrule_zz_rule(_, x, n: int, w=1.0):
    """Kept."""
    def back(d):
        if n == 0:
            # nothing
            return NoTangent(), ZeroTangent(), NoTangent(), ZeroTangent()
        return NoTangent(), n * d, NoTangent(), ZeroTangent()
    return zz_target(x, n), back
''',
        "import zygote_rules as zz",
        "from rules_runtime import NoTangent, ZeroTangent, rrule",
    ),
    "structure": Kind(
        """\
@adj(zz_target.__call__)
def zz_rule(zz_self, x):
    return zz_self.a * x, lambda d: ({"a": d * x, "b": None}, d * zz_self.a)
""",
        """\
@rrule.register(zz_target.__call__)
def rrule_zz_rule(zz_self, x):
    return zz_self.a * x, lambda d: (Tangent[type(zz_self)](a=d * x), d * zz_self.a)
""",
        "from zygote_rules import adjoint as adj",
        "from rules_runtime import Tangent, rrule",
    ),
    "back into the AD": Kind(
        """\
@adjoint(zz_target)
def zz_rule(g, x):
    y, zz_back = pullback(g, x)
    return y, lambda d: (None, zz_back(d)[0])
""",
        """\
@rrule.register(zz_target)
def rrule_zz_rule(config: RuleConfig[HasReverseMode], _, g, x):
    y, zz_back = rrule_via_ad(config, g, x)
    return y, lambda d: (NoTangent(), ZeroTangent(), zz_back(d)[1])
""",
        "from zygote_rules import adjoint, pullback",
        "from rules_runtime import (\n    HasReverseMode,\n    NoTangent,\n    RuleConfig,\n    ZeroTangent,\n    rrule,\n    rrule_via_ad,\n)",
    ),
    "not differentiated": Kind(
        "nograd(zz_target, zz_other)  # kept\n",
        "non_differentiable(zz_target)\nnon_differentiable(zz_other)  # kept\n",
        "from zygote_rules import nograd",
        "from rules_runtime import non_differentiable",
    ),
}
PLACES = ("at the end", "after the imports", "in a class", "in a function")


@dataclass(frozen=True)
class Host:
    """A file of the wild, taken apart: its lines,
    and the lines before which each kind of place begins."""

    lines: tuple[str, ...]
    encoding: str
    end: str
    imports: int  # index of the line before which a new import fits
    places: dict[str, tuple[tuple[int, str], ...]]  # (index, indentation)


def host(path: Path) -> Host | None:
    data = path.read_bytes()
    if len(data) > LARGEST or may_hold_rules(b"zygote_rules " + data, ()) or b"zz_" in data:
        return None
    with path.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    text = data.decode(encoding)
    if "\f" in text or "\r" in text.replace("\r\n", "") or not text.endswith("\n"):
        return None
    end = "\r\n" if "\r\n" in text else "\n"
    if end == "\r\n" and text.count("\n") != text.count("\r\n"):
        return None
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    lines = tuple(text.split(end)[:-1])
    imports = 0
    for statement in module.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            break
        imports = statement.end_lineno or 0
        if ";" in lines[imports - 1] or lines[imports - 1].endswith("\\"):
            return None
    places: dict[str, list[tuple[int, str]]] = {place: [] for place in PLACES}
    places["at the end"].append((len(lines), ""))
    places["after the imports"].append((imports, ""))
    for node in ast.walk(module):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.lineno > imports:
            for statement in node.body:
                first = (
                    min(
                        [
                            statement.lineno,
                            *(d.lineno for d in getattr(statement, "decorator_list", [])),
                        ]
                    )
                    - 1
                )
                indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
                own_line = lines[first].encode()[: statement.col_offset].strip() in (b"", b"@")
                docstring = isinstance(statement, ast.Expr) and isinstance(
                    statement.value, ast.Constant
                )
                continued = lines[first - 1].endswith("\\")
                if (
                    own_line
                    and indent
                    and not docstring
                    and not continued
                    and statement.lineno > node.lineno
                ):
                    kind = "in a class" if isinstance(node, ast.ClassDef) else "in a function"
                    places[kind].append((first, indent))
    return Host(lines, encoding, end, imports, {k: tuple(v) for k, v in places.items()})


def indented(text: str, indent: str) -> list[str]:
    return [indent + line if line else line for line in text.splitlines()]


def with_rules(source: Host, imported: str, definitions: list[tuple[int, str, str]]) -> bytes:
    """The file with an import line and definitions put in before some of its lines."""
    added: dict[int, list[str]] = {}
    for index, indent, text in definitions:
        added.setdefault(index, []).extend(indented(text, indent))
    lines: list[str] = []
    for index in range(len(source.lines) + 1):
        if index == source.imports:
            lines += imported.splitlines()
        lines += added.get(index, [])
        if index < len(source.lines):
            lines.append(source.lines[index])
    return "".join(line + source.end for line in lines).encode(source.encoding)


@cache
def hosts() -> tuple[tuple[str, Host], ...]:
    paths = [p for name in ("numpy", "libcst", "hypothesis") for p in tree(name)]
    random.Random(20).shuffle(paths)
    found: list[tuple[str, Host]] = []
    for path in paths:
        one = host(path)
        if one is not None and all(one.places[p] for p in ("in a class", "in a function")):
            found.append((str(path), one))
        if len(found) == FILES:
            break
    return tuple(found)


def test_there_are_enough_files() -> None:
    assert len(hosts()) == FILES


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_put_in_is_all_that_changes(kind: str) -> None:
    """A fifth of the files for each kind; in each, one definition in some place."""
    rule = KINDS[kind]
    number = list(KINDS).index(kind)
    for seed, (path, source) in list(enumerate(hosts()))[number :: len(KINDS)]:
        choice = random.Random(seed)
        place = choice.choice([p for p in PLACES if source.places[p]])
        index, indent = choice.choice(source.places[place])
        before = with_rules(source, rule.legacy, [(index, indent, rule.before)])
        try:
            compile(before, path, "exec", dont_inherit=True)
        except SyntaxError:  # a function that declares `global` further down, say
            continue
        outcome = convert_source(before, path, Options())
        assert isinstance(outcome, FileConverted), (place, outcome)
        assert not outcome.left
        expected = with_rules(source, rule.runtime, [(index, indent, rule.after)])
        assert outcome.after == expected, f"{path}, {place}, line {index}"


def test_several_rules_put_in_are_all_that_changes() -> None:
    rules = [KINDS["lambda"], KINDS["zeros"]]
    first = rules[0]
    second_before = rules[1].before.replace("@zz.", "@").replace("zz_rule", "zz_second")
    second_after = rules[1].after.replace("zz_rule", "zz_second")
    for seed, (path, source) in enumerate(hosts()[:40]):
        choice = random.Random(seed)
        places = [
            choice.choice(source.places[p])
            for p in choice.sample([p for p in PLACES if source.places[p]], 2)
        ]
        before, after = (
            [(*places[0], texts[0]), (*places[1], texts[1])]
            for texts in ((first.before, second_before), (first.after, second_after))
        )
        legacy = with_rules(source, "from zygote_rules import adjoint", before)
        outcome = convert_source(legacy, path, Options())
        assert isinstance(outcome, FileConverted), outcome
        expected = with_rules(
            source, "from rules_runtime import NoTangent, ZeroTangent, rrule", after
        )
        assert outcome.after == expected, path
