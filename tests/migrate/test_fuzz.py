"""Damaged files: whatever the bytes, there is an outcome,
and it is a right one (tools/fuzz.py makes more of them)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.command.plan import Job, plan_file
from migrate.model import FileFailed, FileUnchanged, Options
from tools.fuzz import made_up, trouble

pytestmark = pytest.mark.filterwarnings("ignore")


@given(st.integers(0, 2**40))
def test_damaged_files(seed: int) -> None:
    assert trouble(made_up(seed)) is None


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    outcome = plan_file(Job("a.py", b"from zygote_rules import adjoint\n" + data, Options()))
    assert isinstance(outcome, FileUnchanged | FileFailed)
    assert not (isinstance(outcome, FileFailed) and outcome.code == "RM902")


@given(st.binary(max_size=200))
def test_any_bytes_as_a_notebook(data: bytes) -> None:
    outcome = plan_file(Job("a.ipynb", data, Options()))
    assert isinstance(outcome, FileUnchanged | FileFailed)
    assert not (isinstance(outcome, FileFailed) and outcome.code == "RM902")
