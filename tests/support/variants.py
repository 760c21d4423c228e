"""Runs one module of rules in a process of its own and brings back plain data:
values and gradients of its cases.

Every module is run in a fork of a process that knows no user's rules, so that the rules of one
module, or of one variant of it, are never seen by another.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# before the first fork, so that no child has to
import rules_runtime.legacy
import rules_runtime.tape
import rules_runtime.testing  # noqa: F401
from tests.support import structured

STAND_INS = Path(__file__).parents[1] / "fixtures" / "stand_ins"


@dataclass
class CaseRun:
    """What one case gave: the value, and by label of the cotangent
    the gradients of callee and arguments."""

    value: dict[Any, Any] | None = None
    gradients: dict[str, list[Any]] = field(default_factory=dict)
    numeric: dict[str, list[Any]] = field(default_factory=dict)
    shim: dict[str, list[Any]] = field(default_factory=dict)
    untidy: list[str] = field(default_factory=list)
    raised: dict[str, str] = field(default_factory=dict)  # by cotangent with zero parts
    error: str | None = None
    test_rrule: str | None = None


@dataclass
class ModuleRun:
    """What one module gave: its cases by label, or the error that kept it from being imported."""

    cases: dict[str, CaseRun] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0


def in_fork(work: Callable[[], Any], timeout: int = 120) -> Any:
    """`work()` in a forked child; what it returns comes back pickled,
    an exception as its traceback."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            signal.alarm(timeout)
            try:
                data = pickle.dumps(("ok", work()))
            except BaseException:
                data = pickle.dumps(("error", traceback.format_exc()))
            with os.fdopen(write, "wb") as pipe:
                pipe.write(data)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    _, code = os.waitpid(pid, 0)
    if not data:
        return "error", f"the process ended without an answer (status {code})"
    return pickle.loads(data)


def load(path: Path, source: bytes | None = None) -> Any:
    """Imports the file at `path` (from `source`, if given) as a module,
    with its folder on the path."""
    for folder in (str(STAND_INS), str(path.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if source is None:
        spec.loader.exec_module(module)
    else:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def run_module(
    path: Path,
    source: bytes | None = None,
    *,
    numeric: bool = False,
    shim: bool = False,
    check: bool = False,
    forms: bool = False,
    timeout: int = 120,
) -> ModuleRun:
    """All cases of the module at `path`. `numeric`: with finite differences; `shim`: also through
    the legacy `_pullback`; `check`: with `test_rrule`; `forms`: with each cotangent in other forms
    of the target language too."""
    start = time.perf_counter()

    def work() -> ModuleRun:
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                cases = load(path, source).cases()
            except BaseException:
                return ModuleRun(error=_traceback())
            out = ModuleRun()
            for case in cases:
                label, f, args, kwargs = (
                    case[0],
                    case[1],
                    tuple(case[2]),
                    dict(case[3]) if len(case) > 3 else {},
                )
                while label in out.cases:
                    label += "'"
                out.cases[label] = _run_case(f, args, kwargs, numeric, shim, check, forms)
        return out

    status, result = in_fork(work, timeout)
    if status == "error":
        result = ModuleRun(error=result)
    result.seconds = time.perf_counter() - start
    return result


def _run_case(
    f: Any, args: Any, kwargs: Any, numeric: bool, shim: bool, check: bool, forms: bool
) -> CaseRun:
    from rules_runtime import from_legacy, rrule
    from rules_runtime.tape import TapeConfig

    run = CaseRun()
    try:
        answer = rrule(TapeConfig(), f, *args, **kwargs)
        if answer is None:
            run.error = "no rule applies"
            return run
        y, back = answer
        run.value = _plain(structured.value_table(y))
        owner = getattr(f, "__self__", None)
        callee = owner if owner is not None and hasattr(f, "__func__") else f
        primals = (callee, *args)
        for label, dy in structured.legacy_cotangents(y, np.random.default_rng(5)).items():
            try:
                tangents = back(from_legacy(dy, y))
            except Exception:
                if label == "full":
                    raise
                run.raised[label] = _traceback()
                continue
            run.gradients[label] = [
                _plain(structured.table_of(t, p)) for t, p in zip(tangents, primals)
            ]
            run.untidy += [
                f"[{label}] argument {i}{where}: {kind} is no tangent"
                for i, tangent in enumerate(tangents)
                for where, kind in structured.foreign(tangent)
            ]
            if forms:
                run.untidy += _other_forms(back, dy, y, primals, run.gradients[label], label)
            if len(tangents) != len(primals):
                raise AssertionError(f"{len(tangents)} tangents for {len(primals)} primals")
            if shim:
                from rules_runtime import legacy

                grads = legacy._pullback(None, f, *args, **kwargs)[1](dy)
                grads = (None,) * len(primals) if grads is None else grads
                run.shim[label] = [
                    _plain(structured.table_of(t, p)) for t, p in zip(grads, primals)
                ]
            if numeric:
                run.numeric[label] = [
                    _plain(t) for t in structured.finite_differences(f, args, kwargs, dy)
                ]
    except BaseException:
        run.error = _traceback()
        return run
    if check:
        from rules_runtime.testing import test_rrule

        try:
            test_rrule(TapeConfig(), f, *args, fkwargs=kwargs)
        except BaseException as problem:
            run.test_rrule = f"{type(problem).__name__}: {problem}"
    return run


def _other_forms(
    back: Any, dy: Any, y: Any, primals: Any, expected: list[Any], label: str
) -> list[str]:
    """Where a pullback gives something else for the same cotangent in
    another form of the target language."""
    from rules_runtime import NoTangent, ZeroTangent

    if structured.is_number(y):
        return []
    out = []
    zeros = {"left out": None, "ZeroTangent": ZeroTangent(), "NoTangent": NoTangent()}
    for name, zero in zeros.items():
        cotangent = structured.target_cotangent(dy, y, zero)
        try:
            tangents = back(cotangent)
        except Exception:
            out.append(f"[{label}, zeros {name}] raises {_traceback()}")
            continue
        for i, (t, p) in enumerate(zip(tangents, primals)):
            found = structured.differences(
                _plain(structured.table_of(t, p)), expected[i], 1e-9, 1e-12
            )
            out += [f"[{label}, zeros {name}] argument {i} {d}" for d in found]
    return out


def _plain(table: dict[Any, Any]) -> dict[Any, Any]:
    """A table whose paths can be pickled: keys that are neither text nor numbers by their text."""
    return {
        tuple(k if isinstance(k, (str, int)) else repr(k) for k in path): v
        for path, v in table.items()
    }


def _traceback() -> str:
    lines = traceback.format_exc().splitlines()
    return "\n".join(lines if len(lines) < 14 else [*lines[:3], "  ...", *lines[-10:]])


def compare_runs(legacy: ModuleRun, converted: ModuleRun, rtol: float = 1e-6) -> list[str]:
    """Where the converted module gives something else than the legacy one, in words."""
    if legacy.error:
        return [f"legacy module fails: {legacy.error}"]
    if converted.error:
        return [f"converted module fails: {converted.error}"]
    out = []
    for label, old in legacy.cases.items():
        new = converted.cases.get(label)
        if new is None:
            out.append(f"{label}: missing")
            continue
        if old.error and new.error:
            if _kind(old.error) != _kind(new.error):
                out.append(f"{label}: other error\n{old.error}\n--- converted:\n{new.error}")
            continue
        if old.error or new.error:
            out.append(
                f"{label}: {'legacy' if old.error else 'converted'} raises\n{old.error or new.error}"
            )
            continue
        assert old.value is not None
        assert new.value is not None
        out += [
            f"{label}: value {d}" for d in structured.differences(new.value, old.value, rtol, 1e-9)
        ]
        out += [f"{label} {what}" for what in new.untidy]
        for cotangent, grads in old.gradients.items():
            if cotangent in new.raised:
                out.append(f"{label} [{cotangent}]: converted raises\n{new.raised[cotangent]}")
                continue
            for i, (a, b) in enumerate(zip(new.gradients[cotangent], grads)):
                who = f"argument {i}" if i else "callee"
                out += [
                    f"{label} [{cotangent}]: {who} {d}"
                    for d in structured.differences(a, b, rtol, 1e-9)
                ]
    return out


def compare_numeric(run: ModuleRun, which: str = "gradients", rtol: float = 1e-5) -> list[str]:
    """Where the gradients of a run are not those of finite differences."""
    if run.error:
        return [f"module fails: {run.error}"]
    out = []
    for label, case in run.cases.items():
        if case.error:
            out.append(f"{label}: raises\n{case.error}")
            continue
        for cotangent, numeric in case.numeric.items():
            for i, (a, b) in enumerate(zip(getattr(case, which)[cotangent], numeric)):
                who = f"argument {i}" if i else "callee"
                out += [
                    f"{label} [{cotangent}]: {who} {d}"
                    for d in structured.differences(a, b, rtol, 1e-6)
                ]
    return out


def _kind(error: str) -> str:
    return error.strip().splitlines()[-1].split(":")[0]
