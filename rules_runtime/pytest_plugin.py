"""`pytest --rrules PACKAGE`: `test_rrule` for every rule of a package that has an example.

An example is an entry of `cases()` in one of the package's modules, `(label, f, args)` or
`(label, f, args, kwargs)`, as the command's `--verify` takes them. Everything but pytest is
imported only where the option is given.
"""

from __future__ import annotations

import importlib
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

try:
    import pytest
except ImportError as error:
    raise ImportError("rules_runtime.pytest_plugin is for pytest: pip install pytest") from error


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option `--rrules`."""
    parser.getgroup("rules_runtime").addoption(
        "--rrules",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="check the rules that PACKAGE registers, at the calls of its cases() (rules_runtime)",
    )


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Without files among the arguments the rules are all there is to do."""
    asked = config.getoption("--rrules") and config.args_source != config.ArgsSource.ARGS
    return True if asked else None


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add a test for each example and, as skipped, for each rule without one."""
    for package in session.config.getoption("--rrules"):
        items += _tests_of(package, session)


class RuleItem(pytest.Item):
    """`test_rrule` at one example; skipped where there is none."""

    call: tuple[Any, tuple[Any, ...], dict[str, Any]] | None
    where: Any  # a function or module

    def runtest(self) -> None:
        """Check the rule."""
        if self.call is None:
            pytest.skip("no call in cases() has this rule")
        from .testing import test_rrule

        f, args, kwargs = self.call
        test_rrule(f, *args, fkwargs=kwargs)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What `test_rrule` found, without how it came to find it."""
        if isinstance(excinfo.value, AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the rule stands."""
        from .signatures import location_of

        path, _, line = location_of(self.where).rpartition(":")
        if not line.isdigit():
            path, line = getattr(self.where, "__file__", None) or str(self.path), "1"
        return path, int(line) - 1, self.name


def _tests_of(package: str, session: pytest.Session) -> Iterator[RuleItem]:
    from .callees import name_of
    from .registry import rrule
    from .rule import Rule
    from .tape import TapeConfig

    modules = list(_modules(package))
    tested = set()
    for module in modules:
        for label, f, args, kwargs in _cases(module):
            found = rrule.find(TapeConfig(), f, args, kwargs)
            if found is not None:  # what is called here may only lead to a rule
                tested.add(id(found))
                name = f"{module.__name__}::{label}"
                yield _item(session, name, (f, args, kwargs), found.function)
    names = {module.__name__ for module in modules}
    for target, rule in rrule.rules():
        if isinstance(rule, Rule) and getattr(rule.function, "__module__", None) in names:
            if not (rule.opt_out or rule.is_non_differentiable or id(rule) in tested):
                name = f"{rule.function.__module__}::{name_of(target)}{rule.signature}"
                yield _item(session, name, None, rule.function)


def _item(session: pytest.Session, name: str, call: Any, where: Any) -> RuleItem:
    item = RuleItem.from_parent(session, name=name, nodeid=name)
    item.call, item.where = call, where
    return item


def _modules(package: str) -> Iterator[types.ModuleType]:
    try:
        top = importlib.import_module(package)
    except ImportError as error:
        raise pytest.UsageError(f"--rrules: {package} cannot be imported: {error}") from error
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _cases(module: types.ModuleType) -> Iterator[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]:
    cases = getattr(module, "cases", None)
    if callable(cases) and getattr(cases, "__module__", None) == module.__name__:
        for entry in cases():
            if not isinstance(entry, (tuple, list)) or len(entry) not in (3, 4):
                raise pytest.UsageError(
                    f"--rrules: an entry of cases() in {module.__name__} is (label, f, args) or "
                    f"(label, f, args, kwargs), not {entry!r}"
                )
            label, f, args, *rest = entry
            yield str(label), f, tuple(args), dict(rest[0]) if rest else {}
