"""Settings: found beside the files, checked, and outvoted by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.command.config import Config, ConfigError, Finder
from migrate.dialects import names
from migrate.options import Settings
from tests.support.command import RULE, Command


def settings(folder: Path, text: str, name: str = "pyproject.toml") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_the_nearest_file_with_the_table_counts(folder: Path) -> None:
    settings(folder, '[tool.rrule-migrate]\nruntime = "outer"\n')
    settings(folder / "a", '[project]\nname = "x"\n')
    settings(folder / "b", '[tool.rrule-migrate]\nruntime = "inner"\n')
    settings(folder / "c", 'runtime = "own"\n', "rrule-migrate.toml")
    finder = Finder()
    for name, runtime in {"a": "outer", "b": "inner", "c": "own"}.items():
        assert finder.nearest(str(folder / name)).settings.runtime == runtime


def test_the_search_ends_at_the_repository(folder: Path) -> None:
    settings(folder, '[tool.rrule-migrate]\nruntime = "outer"\n')
    (folder / "repo" / ".git").mkdir(parents=True)
    assert Finder().nearest(str(folder / "repo")) == Config(str(folder / "repo"))


def test_every_key(folder: Path) -> None:
    settings(
        folder,
        """[tool.rrule-migrate]
exclude = ["gen/"]
force-exclude = true
gitignore = false
dialects = ["zygote"]
legacy-modules = ["my.compat"]
runtime = "rt"
select = ["RM2"]
ignore = ["RM4"]
advise = true
fix-style = true
mark = true
""",
    )
    assert Finder().nearest(str(folder)) == Config(
        folder=str(folder),
        source=str(folder / "pyproject.toml"),
        settings=Settings(
            exclude=("gen/",),
            force_exclude=True,
            gitignore=False,
            dialects=("zygote",),
            legacy_modules=("my.compat",),
            runtime="rt",
            select=("RM2",),
            ignore=("RM4",),
            advise=True,
            fix_style=True,
            mark=True,
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("legacy_modles = []", "unknown key 'legacy_modles'; did you mean 'legacy-modules'?"),
        ("zzz = 1", "unknown key 'zzz'; the keys are advise, autograd, dialects, exclude"),
        ("select = 'RM1'", 'select must be a list of strings, such as ["a", "b"]'),
        ("mark = 1", "mark must be true or false, not 1"),
        ("runtime = []", "runtime must be a string"),
        ("dialects = ['zygoet']", "unknown dialect 'zygoet'; did you mean 'zygote'?"),
        ("dialects = ['julia']", f"unknown dialect 'julia'; the dialects are {', '.join(names())}"),
        ("dialects = []", f"dialects must name at least one of {', '.join(names())}"),
        ("select = ['RM9x']", "select: no code begins with 'RM9x'; rrule-migrate --list-codes"),
        ("runtime = 'my rt'", "runtime: 'my rt' is no name of a module"),
        ("legacy-modules = ['a', '1.b']", "legacy-modules: '1.b' is no name of a module"),
        ("runtime =", "is not TOML: Invalid value (at line 3, column 10)"),
    ],
)
def test_mistakes_name_the_file_and_the_remedy(
    folder: Path, command: Command, text: str, words: str
) -> None:
    settings(folder, f"# settings\n[tool.rrule-migrate]\n{text}\n")
    (folder / "rules.py").write_bytes(RULE)
    done = command(".")
    assert done.code == 2
    place = "pyproject.toml" if "TOML" in words else "pyproject.toml:3"
    assert f"error: {folder}/{place}: {words}" in done.err
    assert (folder / "rules.py").read_bytes() == RULE


def test_a_table_that_is_none(folder: Path) -> None:
    settings(folder, "[tool]\nrrule-migrate = 1\n")
    with pytest.raises(ConfigError, match="must be a table"):
        Finder().nearest(str(folder))


def test_settings_hold_below_their_folder(folder: Path, command: Command) -> None:
    source = RULE.replace(b"zygote_rules", b"my_compat")
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "rules.py").write_bytes(source)
    settings(
        folder / "one", '[tool.rrule-migrate]\nlegacy-modules = ["my_compat"]\nruntime = "rt"\n'
    )
    assert command(".").code == 0
    assert b"from rt import" in (folder / "one" / "rules.py").read_bytes()
    assert (folder / "two" / "rules.py").read_bytes() == source
    assert command("--legacy-module", "my_compat", "--runtime", "other", "two").code == 0
    assert b"from other import" in (folder / "two" / "rules.py").read_bytes()


def test_exclude_is_relative_to_its_file(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(folder, '[tool.rrule-migrate]\nexclude = ["/sub/gen/"]\n')
    (folder / "sub" / "gen").mkdir(parents=True)
    (folder / "sub" / "gen" / "rules.py").write_bytes(RULE)
    monkeypatch.chdir(folder / "sub")
    done = command("-v", "--check", ".")
    assert done.code == 0
    assert "skipped gen: excluded by pyproject.toml" in done.text


def test_config_names_a_file(folder: Path, command: Command) -> None:
    settings(folder, 'ignore = ["RM"]\n', "mine.toml")
    settings(folder, "[tool.rrule-migrate]\nnonsense = 1\n")
    (folder / "rules.py").write_bytes(RULE)
    assert command("--config", "mine.toml", "--check", ".").code == 1
    assert command("--config", "none.toml", "--check", ".").code == 2


def test_standard_input_has_the_settings_of_its_name(folder: Path, command: Command) -> None:
    settings(folder / "pkg", '[tool.rrule-migrate]\nruntime = "rt"\n')
    assert b"from rt import" in command("-", "--stdin-filename", "pkg/x.py", input=RULE).out
