"""What must not know what: imports between the packages, the layers of the runtime,
and the names that are promised."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("migrate", "rules_runtime")
HEAVY = {"libcst", "rich", "click", "pathspec"}  # the command's libraries

TARGET_NAMES = """
    rrule no_rrule rrule_via_ad RuleConfig HasReverseMode TapeConfig
    NoTangent ZeroTangent AbstractZero Tangent Thunk InplaceableThunk unthunk NotImplementedTangent
    add add_inplace ProjectTo zero_tangent
    non_differentiable scalar_rule ignore_derivatives hook
    pullback gradient value_and_gradient
    from_legacy to_legacy from_legacy_rule
""".split()

LEGACY_NAMES = """
    adjoint nograd pullback _pullback gradient literal_getproperty literal_getfield Val Context
    hook dropgrad ignore accum
""".split()


def layers() -> list[str]:
    """The modules of the runtime as docs/design/architecture.md lists them, lowest first."""
    page = (ROOT / "docs/design/architecture.md").read_text(encoding="utf-8")
    block = page.split("## rules_runtime")[1].split("```")[1]
    return re.findall(r"^(\w+)(?:\.py|/)", block, flags=re.M)


RANK = {name: rank for rank, name in enumerate(layers())}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def type_checking_blocks(tree: ast.Module) -> set[ast.AST]:
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside.update(sub for statement in node.body for sub in ast.walk(statement))
    return inside


@functools.cache
def imports(path: Path, *, at_run_time: bool = False) -> list[tuple[int, str, bool]]:
    """`(line, absolute module, deferred)` of each import in a file;
    deferred ones stand in a function."""
    tree = tree_of(path)
    skipped = type_checking_blocks(tree) if at_run_time else set()
    deferred = {
        sub
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for sub in ast.walk(node)
    }
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found = []
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, node in deferred) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                inner = f"{start}.{alias.name}"
                is_module = (ROOT / inner.replace(".", "/")).with_suffix(".py").exists() or (
                    ROOT / inner.replace(".", "/")
                ).is_dir()
                found.append((node.lineno, inner if is_module else start, node in deferred))
    return found


def top(module: str) -> str:
    return module.split(".")[0]


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after a statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


# Between the packages


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("rules_runtime", HEAVY | {"migrate"}), ("migrate", {"rules_runtime"})],
)
def test_packages_do_not_import_each_other(package: str, forbidden: set[str]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources(package)
        for line, module, _ in imports(path)
        if top(module) in forbidden
    ]
    assert not wrong


def test_the_runtime_needs_only_numpy() -> None:
    """Everything else that it imports at the top of a file is the standard library; but for the
    rules of scipy's functions."""
    allowed = {"numpy", "rules_runtime"} | set(sys.stdlib_module_names)
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources("rules_runtime")
        for line, module, deferred in imports(path, at_run_time=True)
        if not deferred
        and top(module) not in allowed
        and not is_optional(path, line)
        and not (top(module) == "scipy" and path.name.startswith("scipy_"))
    ]
    assert not wrong


def is_optional(path: Path, line: int) -> bool:
    """Whether a line stands in a `try` that survives a missing module."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Try) and node.body[0].lineno <= line <= (
            node.body[-1].end_lineno or 0
        ):
            caught = " ".join(ast.unparse(h.type) for h in node.handlers if h.type)
            if "ImportError" in caught or "ModuleNotFoundError" in caught:
                return True
    return False


def test_importing_the_runtime_loads_nothing_of_the_command() -> None:
    loaded = {top(name) for name in loaded_after("import rules_runtime, rules_runtime.legacy")}
    assert not loaded & (HEAVY | {"migrate", "scipy", "hypothesis", "pytest", "dask"})


def test_importing_the_runtime_does_not_load_its_tester() -> None:
    assert not {
        m for m in loaded_after("import rules_runtime") if m.startswith("rules_runtime.testing")
    }


def test_importing_the_command_loads_nothing_heavy() -> None:
    loaded = {top(name) for name in loaded_after("import migrate, migrate.cli")}
    assert not loaded & {"libcst", "rich", "numpy", "rules_runtime"}


# Layers of the runtime


@pytest.mark.parametrize("path", sources("rules_runtime"), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_of_the_runtime_point_down(path: Path) -> None:
    parts = path.relative_to(ROOT / "rules_runtime").with_suffix("").parts
    if parts == ("__init__",):
        return  # the package's face sees everything
    own = parts[0]
    assert own in RANK, f"rules_runtime/{own} is not on the list in docs/design/architecture.md"
    for line, module, deferred in imports(path, at_run_time=True):
        if top(module) != "rules_runtime":
            continue
        names = module.split(".")
        assert len(names) > 1, f"{path.name}:{line} imports the whole package"
        other = names[1]
        if other == own or (deferred and RANK[own] < RANK[other]):
            continue  # a function that asks a higher layer when it is called, as `debug` does
        assert RANK[other] < RANK[own], f"{path.name}:{line}: {own} imports {other}"


def test_rules_do_not_know_the_tape() -> None:
    """So that another AD can use them."""
    for path in sources("rules_runtime/rules"):
        for line, module, _ in imports(path):
            assert not module.startswith("rules_runtime.tape"), f"{path.name}:{line}"


def test_the_tape_knows_no_area_of_the_rule_library() -> None:
    """So that an area is added by adding its file;
    the tape may ask the library to load what it has."""
    for path in sources("rules_runtime/tape"):
        for line, module, _ in imports(path):
            assert not module.startswith("rules_runtime.rules."), f"{path.name}:{line}"


# Layers of the command

#: What `convert_source` is made of, lowest first: values in, values out.
CORE = [
    *("defaults", "options", "model", "codes", "scan"),
    *("syntax", "rules", "write", "dialects", "conversion", "convert"),
]


@pytest.mark.parametrize("path", sources("migrate"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_of_the_command_knows_no_edge(path: Path) -> None:
    own = path.relative_to(ROOT / "migrate").with_suffix("").parts[0]
    if own not in CORE:
        return
    for line, module, _ in imports(path):
        names = module.split(".")
        if names[0] == "migrate" and len(names) > 1:
            assert names[1] in CORE[: CORE.index(own) + 1], f"{path.name}:{line} imports {module}"
        assert names[0] not in {"click", "rich", "subprocess", "tempfile"}, f"{path.name}:{line}"


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_make_no_circle(package: str) -> None:
    """Whatever is imported counts, for types alone and inside of functions too."""
    known = {module_name(path): path for path in sources(package)}
    edges = {name: {m for _, m, _ in imports(path) if m in known} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done:
            for other in sorted(edges[name] - {name}):
                visit(other, (*above, name))
            done.add(name)

    for name in known:
        visit(name, ())


# Names


@pytest.mark.parametrize("name", TARGET_NAMES)
def test_public_names_are_exported_and_documented(name: str) -> None:
    runtime = importlib.import_module("rules_runtime")
    value = getattr(runtime, name)
    assert name in runtime.__all__
    assert inspect.getdoc(value), f"{name} has no docstring"


def test_every_exported_name_exists() -> None:
    for package in ("rules_runtime", "rules_runtime.testing", "rules_runtime.legacy"):
        module = importlib.import_module(package)
        missing = [name for name in module.__all__ if not hasattr(module, name)]
        assert not missing, package


@pytest.mark.parametrize("name", LEGACY_NAMES)
def test_the_shim_has_the_whole_legacy_language(name: str) -> None:
    assert inspect.getdoc(getattr(importlib.import_module("rules_runtime.legacy"), name))


def test_pytest_does_not_collect_the_tester() -> None:
    testing = importlib.import_module("rules_runtime.testing")
    assert testing.test_rrule.__test__ is False


# The tree


def tracked_files() -> list[Path]:
    run = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in run.stdout.split("\0") if name]


def test_nothing_leans_on_files_outside_the_checkout() -> None:
    outside = re.compile(rb"(\.\./|/work/|/home/\w+/)(main|shared)\b|/root/")
    wrong = [
        f"{path.relative_to(ROOT)}: {found.group().decode()}"
        for path in tracked_files()
        if path.is_file()
        and path != Path(__file__)
        and (found := outside.search(path.read_bytes()))
    ]
    assert not wrong


def test_every_file_says_first_what_it_is_for() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in sources(package)
        if not ast.get_docstring(tree_of(path))
    ]
    assert not wrong


def test_prose_of_design_pages_is_at_most_100_columns_wide() -> None:
    """That of docstrings and comments is the linter's to check; tables and code are as they are."""
    wrong = []
    for path in (*sorted((ROOT / "docs/design").glob("*.md")), ROOT / "docs/command/README.md"):
        is_code = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            is_code ^= line.lstrip().startswith("```")
            if len(line) > 100 and not is_code and not line.startswith("|"):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
    assert not wrong
