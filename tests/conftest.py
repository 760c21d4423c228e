"""Hypothesis profiles (dev, ci, nightly), the marker of what runs at night only,
and names of tests that can be dealt out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_SLOW)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=_SLOW
)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take addresses out of names such as `test_f[<object at 0x7f…>]`:
    the workers of pytest-xdist must agree on them."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        name = mark.kwargs.get("ids")
        if callable(name) and not hasattr(name, "without_addresses"):
            cast(dict[str, Any], mark.kwargs)["ids"] = without_addresses(name)


def without_addresses(name: Callable[[Any], object]) -> Callable[[Any], object]:
    def stable(value: Any) -> object:
        found = name(value)
        return re.sub(r" at 0x[0-9A-Fa-f]+", "", found) if isinstance(found, str) else found

    stable.without_addresses = True  # type: ignore[attr-defined]
    return stable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE == "nightly":
        return
    skip = pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=nightly")
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(skip)
