"""The two distributions: what must be the same in both, and what a built one may hold."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import migrate
import rules_runtime
from tools import release

ROOT = Path(__file__).resolve().parent.parent


def test_command_and_runtime_have_one_version() -> None:
    assert migrate.__version__ == rules_runtime.__version__


def test_the_licence_is_in_both() -> None:
    assert (ROOT / "LICENSE").read_bytes() == (ROOT / "rules_runtime" / "LICENSE").read_bytes()


def test_the_changelog_names_the_version_that_is_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{migrate.__version__}] - 20" in text


def put_wheel(folder: Path, name: str, files: dict[str, str], metadata: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as source:
        source.addfile(tarfile.TarInfo(f"{name}-1.0/tests/test_a.py"), io.BytesIO(b""))


def test_the_check_sees_what_lacks_and_what_is_too_much(tmp_path: Path) -> None:
    for name in ("rrule_migrate", "rules_runtime"):
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nRequires-Dist: libcst\n"
        put_wheel(tmp_path, name, {"secret.txt": "", "migrate/cli.py": ""}, metadata)
    found = release.faults(tmp_path)
    assert "rrule_migrate-1.0-py3-none-any.whl holds secret.txt" in found
    assert "rrule_migrate-1.0-py3-none-any.whl lacks migrate/cli.py" not in found
    assert "rrule_migrate-1.0-py3-none-any.whl lacks migrate/codes.py" in found
    assert "rrule_migrate-1.0-py3-none-any.whl has no project URLs" in found
    assert "rules_runtime-1.0-py3-none-any.whl needs more than numpy: libcst" in found
    assert any("does not need rules-runtime==1.0" in line for line in found)
    assert "rules_runtime-1.0.tar.gz holds tests/test_a.py" in found
