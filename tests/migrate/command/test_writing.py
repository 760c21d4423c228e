"""Writing a file: what is kept, what is refused, and that a file is never half-written."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from migrate.command import writing
from migrate.command.writing import Written, write
from migrate.model import FileFailed
from tests.support.command import PROGRAM, RULE, Command, environment

OLD, NEW = b"old = 1\n", b"new = 1\nmore = 2\n"


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "a.py"
    path.write_bytes(OLD)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664, 0o4755])
def test_mode_is_kept(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert write(str(file), OLD, NEW) == Written(str(file))
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert file.read_bytes() == NEW


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_owner_is_kept(file: Path) -> None:
    os.chown(file, 1234, 4321)
    write(str(file), OLD, NEW)
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_extended_attributes_are_kept(file: Path) -> None:
    try:
        os.setxattr(file, "user.mine", b"1")
    except OSError:
        pytest.skip("no extended attributes here")
    write(str(file), OLD, NEW)
    assert os.getxattr(file, "user.mine") == b"1"


def test_a_symbolic_link_stays_and_its_target_is_written(file: Path) -> None:
    link = file.with_name("link.py")
    link.symlink_to("a.py")
    write(str(link), OLD, NEW)
    assert link.is_symlink()
    assert file.read_bytes() == NEW


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (NEW, OLD)])
def test_hard_links_stay_linked(file: Path, old: bytes, new: bytes) -> None:
    file.write_bytes(old)
    other = file.with_name("b.py")
    os.link(file, other)
    assert write(str(file), old, new) == Written(str(file))
    assert other.read_bytes() == file.read_bytes() == new
    assert other.samefile(file)


def test_two_names_of_one_file_are_one_file_to_a_run(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE)
    os.link(folder / "a.py", folder / "b.py")
    done = command(".")
    assert done.code == 0, done.err
    assert (folder / "b.py").samefile(folder / "a.py")
    assert b"rrule" in (folder / "b.py").read_bytes()


def test_a_file_that_changed_is_not_overwritten(file: Path) -> None:
    file.write_bytes(b"mine = 1\n")
    outcome = write(str(file), OLD, NEW)
    assert isinstance(outcome, FileFailed)
    assert outcome.code == "RM914"
    assert file.read_bytes() == b"mine = 1\n"


def test_a_file_that_went_away_does_not_come_back(file: Path) -> None:
    file.unlink()
    assert isinstance(write(str(file), OLD, NEW), FileFailed)
    assert not file.exists()


def test_a_read_only_file_is_refused_even_to_root(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE)
    (folder / "a.py").chmod(0o444)
    (folder / "b.py").write_bytes(RULE)
    done = command(".")
    assert done.code == 2
    assert "error: a.py: cannot be written: it is read-only" in done.err
    assert (folder / "a.py").read_bytes() == RULE
    assert b"rrule" in (folder / "b.py").read_bytes()


def test_a_read_only_folder_is_refused_even_to_root(file: Path) -> None:
    file.parent.chmod(0o555)
    try:
        outcome = write(str(file), OLD, NEW)
    finally:
        file.parent.chmod(0o755)
    assert isinstance(outcome, FileFailed)
    assert "its folder is read-only" in outcome.reason
    assert file.read_bytes() == OLD


@pytest.mark.parametrize("links", [1, 2])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str, links: int
) -> None:
    if links == 2:
        os.link(file, file.with_name("b.py"))
    names = sorted(os.listdir(file.parent))
    real, failures = getattr(os, call), [True]

    def full(*arguments: object) -> object:
        if failures:
            failures.pop()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(writing.os, call, full)
    outcome = write(str(file), OLD, NEW)
    monkeypatch.undo()
    assert isinstance(outcome, FileFailed)
    assert "No space left on device" in outcome.reason
    assert file.read_bytes() == OLD
    assert sorted(os.listdir(file.parent)) == names


def test_without_unnamed_files_the_result_is_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(writing.os, "O_TMPFILE", raising=False)
    file.chmod(0o751)
    assert write(str(file), OLD, NEW) == Written(str(file))
    assert file.read_bytes() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == 0o751
    assert os.listdir(file.parent) == ["a.py"]


def test_a_name_as_long_as_names_may_be(folder: Path) -> None:
    file = folder / ("x" * 252 + ".py")
    file.write_bytes(OLD)
    assert write(str(file), OLD, NEW) == Written(str(file))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("moments", [8, pytest.param(50, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_no_file_is_half_written(folder: Path, moments: int) -> None:
    files = [folder / f"rules{number}.py" for number in range(200)]
    for file in files:
        file.write_bytes(RULE)
    first = subprocess.run([*PROGRAM, "-q", "rules0.py"], env=environment(), check=False)
    assert first.returncode == 0
    after = files[0].read_bytes()
    assert after != RULE
    started = time.monotonic()
    subprocess.run([*PROGRAM, "-q", "-j1", "."], env=environment(), check=True)
    whole = time.monotonic() - started
    for moment in range(moments):
        for file in files:
            file.write_bytes(RULE)
        with subprocess.Popen([*PROGRAM, "-q", "-j1", "."], env=environment()) as process:
            time.sleep(whole * (0.3 + 0.7 * moment / moments))
            process.kill()
        assert all(file.read_bytes() in (RULE, after) for file in files)
        assert sorted(os.listdir(folder)) == sorted(file.name for file in files)
    subprocess.run([*PROGRAM, "-q", "."], env=environment(), check=True)
    assert all(file.read_bytes() == after for file in files)


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_interrupted_it_says_what_was_done(folder: Path, jobs: str) -> None:
    for number in range(1200):
        (folder / f"rules{number}.py").write_bytes(RULE)
    with subprocess.Popen(
        [*PROGRAM, jobs, "."],
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the workers get it too
        assert process.stderr is not None
        err = process.stderr.read().decode()
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
    if process.returncode == 130:
        assert err.startswith("interrupted: ")
