"""Which files are looked at, and the reason that each other one is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.command.config import Finder
from migrate.command.discover import Discovery
from tests.support.command import RULE, Command, Done

Git = Callable[..., str]


def laid_out(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def searching(explain: bool = False, **line: object) -> Discovery:
    exclude: tuple[str, ...] = line.get("exclude", ())  # type: ignore[assignment]
    return Discovery(Finder(line=line), exclude, explain)


def found(*paths: str, **options: object) -> list[str]:
    discovery = searching(**options)  # type: ignore[arg-type]
    return [path for batch in discovery.find(paths) for path in batch.paths]


def reasons(*paths: str, **options: object) -> dict[str, str]:
    discovery = searching(**options)  # type: ignore[arg-type]
    return {skip.path: skip.reason for batch in discovery.find(paths) for skip in batch.skipped}


def test_a_folder_is_walked_in_order(folder: Path) -> None:
    laid_out(folder, "b.py", "a.py", "pkg/z.pyi", "pkg/n.ipynb", "pkg/deep/x.py", "c.txt", "d.pyc")
    assert found(".") == ["a.py", "b.py", "pkg/n.ipynb", "pkg/z.pyi", "pkg/deep/x.py"]
    assert found("pkg") == ["pkg/n.ipynb", "pkg/z.pyi", "pkg/deep/x.py"]
    assert found(f"{folder}/pkg/") == [
        f"{folder}/pkg/{name}" for name in ("n.ipynb", "z.pyi", "deep/x.py")
    ]


def test_a_named_file_is_taken_whatever_its_name(folder: Path) -> None:
    laid_out(folder, "script", ".hidden/x.py")
    assert found("script", ".hidden/x.py", ".hidden") == ["script", ".hidden/x.py"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".tox/x.py", "a hidden folder"),
        (".git/x.py", "a hidden folder"),
        ("node_modules/x.py", "a folder of installed or generated files"),
        ("lib/site-packages/x.py", "a folder of installed or generated files"),
        ("__pycache__/x.py", "a folder of installed or generated files"),
    ],
)
def test_folders_that_are_not_entered(folder: Path, name: str, reason: str) -> None:
    laid_out(folder, name, "a.py")
    assert found(".") == ["a.py"]
    assert reasons(".") == {os.path.dirname(name): reason}


def test_virtual_environments_are_not_entered(folder: Path) -> None:
    laid_out(folder, "env/pyvenv.cfg", "env/lib/x.py", "conda/conda-meta/x", "conda/y.py", "a.py")
    assert found(".") == ["a.py"]
    assert reasons(".") == {"env/": "a virtual environment", "conda/": "a virtual environment"}


def test_a_folder_of_packages_that_is_named_is_walked(folder: Path) -> None:
    laid_out(folder, "lib/site-packages/pkg/x.py")
    assert found("lib/site-packages") == ["lib/site-packages/pkg/x.py"]


def test_gitignore_nested_negated_and_turned_off(folder: Path) -> None:
    laid_out(
        folder,
        "a.py",
        "build/x.py",
        "gen_a.py",
        "gen_b.py",
        "sub/gen_c.py",
        "sub/only.py",
        "sub/keep/only.py",
    )
    (folder / ".gitignore").write_text("build/\ngen_*.py\n!gen_b.py\n")
    (folder / "sub" / ".gitignore").write_text("/only.py\n!gen_c.py\n")
    assert found(".") == ["a.py", "gen_b.py", "sub/gen_c.py", "sub/keep/only.py"]
    assert reasons(".")["build"] == "ignored by .gitignore"
    assert len(found(".", gitignore=False)) == 7


def test_the_gitignore_above_holds_within_a_repository(folder: Path, git: Git) -> None:
    laid_out(folder, "pkg/a.py", "pkg/gen.py", "out/x.py")
    (folder / ".gitignore").write_text("gen.py\nout/\n")
    (folder / ".git" / "info" / "exclude").write_text("# a comment\n")
    assert found("pkg") == ["pkg/a.py"]
    assert found("out") == ["out/x.py"]  # named: the user means it
    (folder / ".git" / "info" / "exclude").write_text("a.py\n")
    assert found("pkg") == []
    assert reasons("pkg")["pkg/a.py"] == "ignored by .git/info/exclude"


def test_exclude_leaves_out_of_walks_only_unless_forced(folder: Path) -> None:
    laid_out(folder, "a.py", "gen/b.py", "gen/deep/c.py")
    assert found(".", exclude=("gen/",)) == ["a.py"]
    assert reasons(".", exclude=("gen/",)) == {"gen": "excluded by --exclude"}
    assert found("gen/b.py", exclude=("gen/",)) == ["gen/b.py"]


def test_forced_exclusions_hold_for_files_that_are_named(folder: Path, command: Command) -> None:
    for name in ("a.py", "gen/deep/b.py", "ignored.py"):
        laid_out(folder, name)
        (folder / name).write_bytes(RULE)
    os.mkfifo(folder / "gen" / "pipe.py")
    (folder / ".gitignore").write_text("ignored.py\n")
    paths = ("a.py", "gen/deep/b.py", "ignored.py")
    assert "3 files would change" in command("--check", "--exclude", "gen/", *paths).text
    done = command("--check", "-v", "--exclude", "gen/", "--force-exclude", *paths, "gen/pipe.py")
    assert done.code == 1
    assert "1 file would change" in done.text
    assert "skipped gen/deep/b.py: excluded by --exclude" in done.text
    assert "skipped gen/pipe.py: excluded by --exclude" in done.text
    assert "skipped ignored.py: ignored by .gitignore" in done.text


def test_a_hook_over_plain_files_reads_no_patterns(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out(folder, "a.py")
    (folder / ".gitignore").write_text("a.py\n")
    monkeypatch.setattr(
        Discovery, "forced_out", lambda self, path: pytest.fail("patterns were read")
    )
    assert command("--check", "--force-exclude", "a.py").code == 0


def test_a_file_is_done_once(folder: Path) -> None:
    laid_out(folder, "pkg/a.py", "pkg/b.py")
    assert found("pkg/a.py", "pkg", ".", "pkg/../pkg/b.py") == ["pkg/a.py", "pkg/b.py"]


def test_links(folder: Path, tmp_path: Path) -> None:
    laid_out(folder, "a.py", ".store/real.py")
    laid_out(tmp_path, "outside.py", "elsewhere/x.py")
    (folder / "alias.py").symlink_to("a.py")
    (folder / "out.py").symlink_to(tmp_path / "outside.py")
    (folder / "stored.py").symlink_to(".store/real.py")
    (folder / "up").symlink_to("..")
    (folder / "self").symlink_to(".")
    (folder / "dir.py").symlink_to(tmp_path / "elsewhere")
    assert found(".") == ["a.py", "stored.py"]
    assert reasons(".") == {
        ".store": "a hidden folder",
        "alias.py": "a link to a file that is done under its own name",
        "out.py": "a link out of the folder",
        "dir.py": "a link to a folder",
    }
    assert found("out.py") == ["out.py"]  # named: the user means it


def test_the_named_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    laid_out(tmp_path, "real/a.py")
    (folder / "link").symlink_to(tmp_path / "real")
    assert found("link") == ["link/a.py"]


def test_files_from(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE)
    (folder / "b c.py").write_bytes(RULE)
    (folder / "README.md").write_bytes(b"@adjoint")
    (folder / "list").write_bytes(b"a.py\nREADME.md\nb c.py\n")
    assert "2 files would change" in command("--check", "--files-from", "list").text
    done = command("--check", "--files-from", "-", input=b"a.py\0b c.py\0gone.py\0")
    assert done.code == 2
    assert "2 files would change" in done.text
    assert "gone.py: there is no such file" in done.err


def fifo(path: Path) -> None:
    os.mkfifo(path)


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere.py")


def to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(fifo, "neither a regular file nor a folder", id="fifo"),
        pytest.param(
            to_nowhere, "a symbolic link to 'nowhere.py', which is not there", id="dangling link"
        ),
        pytest.param(to_itself, "Too many levels of symbolic links", id="link to itself"),
    ],
)
@pytest.mark.parametrize("walked", [True, False])
def test_what_is_no_file_is_named_and_the_others_are_done(
    folder: Path, command: Command, make: Callable[[Path], None], words: str, walked: bool
) -> None:
    make(folder / "x.py")
    (folder / "rules.py").write_bytes(RULE)
    done = command("." if walked else "x.py", "rules.py")
    assert done.code == 2
    assert f"x.py: cannot be read: {words}" in done.err
    assert b"rrule" in (folder / "rules.py").read_bytes()


def test_a_folder_named_like_a_file_is_a_folder(folder: Path, command: Command) -> None:
    (folder / "x.py").mkdir()
    (folder / "x.py" / "rules.py").write_bytes(RULE)
    assert command("--check", ".").code == 1
    assert command("x.py").code == 0
    assert b"rrule" in (folder / "x.py" / "rules.py").read_bytes()


def test_a_missing_path_is_2(command: Command) -> None:
    done = command("nope.py", "nope/")
    assert done.code == 2
    assert done.err.count("there is no such file or folder") == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_unreadable(folder: Path, command: Command) -> None:
    (folder / "a.py").write_bytes(RULE)
    (folder / "a.py").chmod(0)
    (folder / "sub").mkdir()
    (folder / "sub").chmod(0)
    done = command(".")
    (folder / "sub").chmod(0o755)
    assert done.code == 2
    assert "a.py: cannot be read: Permission denied" in done.err
    assert "sub/: cannot be read: Permission denied" in done.err


@pytest.mark.parametrize("name", [b"new\nline.py", b"\xff.py", b"esc\x1b[31m.py"])
def test_odd_names_are_printed_on_one_line(folder: Path, command: Command, name: bytes) -> None:
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:
        file.write(RULE)
    done = command(".")
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith(b"rewrote"))
    assert line.endswith(b".py: 1 rule")
    assert b"\x1b" not in line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    (place / ".config" / "git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(place))
    for name in (
        "XDG_CONFIG_HOME",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
    ):
        monkeypatch.delenv(name, raising=False)
    return place


def told_of(done: Done, name: str) -> str:
    return next(line for line in done.text.splitlines() if line.startswith(f"skipped {name}: "))


@pytest.mark.parametrize("where", ["default", "named", "relative to home", "in the repository"])
def test_the_users_own_excludes(
    folder: Path, command: Command, git: Git, home: Path, where: str
) -> None:
    (folder / "one.py").write_bytes(RULE)
    (folder / "two.py").write_bytes(RULE)
    mine = home / ".config" / "git" / "ignore" if where == "default" else home / "mine"
    mine.write_text("two.*\n")
    if where == "named":
        (home / ".gitconfig").write_text(f"[core]\n\texcludesFile = {mine}\n")
    elif where == "relative to home":
        (home / ".config" / "git" / "config").write_text("[core]\n\texcludesfile = ~/mine\n")
    elif where == "in the repository":
        git("config", "core.excludesFile", str(mine))
    done = command("--check", "-v", ".")
    assert "1 file would change" in done.text
    assert told_of(done, "two.py") == f"skipped two.py: ignored by {mine}"
    assert git("status", "--porcelain") == "?? one.py\n"
    (folder / ".gitignore").write_text("!two.py\n")  # what is nearer is stronger
    assert "2 files would change" in command("--check", ".").text
    (folder / ".gitignore").unlink()
    assert "2 files would change" in command("--check", "--no-gitignore", ".").text


def test_the_excludes_of_a_repository_and_of_its_worktrees(
    folder: Path, command: Command, git: Git, tmp_path: Path
) -> None:
    (folder / "one.py").write_bytes(RULE)
    git("add", "one.py")
    git("commit", "-q", "-m", "one")
    git("worktree", "add", "-q", str(tmp_path / "other"))
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "exclude").write_text("two.py\n")
    for place in (folder, tmp_path / "other"):
        (place / "two.py").write_bytes(RULE)
        done = command("--check", "-v", str(place))
        assert "1 file would change" in done.text
        told = told_of(done, f"{place}/two.py")
        assert told.partition(": ignored by ")[2].endswith(os.path.join("info", "exclude"))
