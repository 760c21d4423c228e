"""What the built distribution depends on:
the runtime, where it is not in the tree that it is built from.

A checkout has both packages, and `pip install .` installs both. A release of the command is built
without the runtime (tools/release.py) and depends on the distribution `rules-runtime`
(rules_runtime/pyproject.toml) instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# docs/design/dependencies.md says what each is for and what importing it costs.
COMMAND = ["click>=8.1", "libcst>=1.8", "pathspec>=0.12", "rich>=13.7"]


class Dependencies(MetadataHookInterface):
    """Sets `dependencies` of pyproject.toml, which declares them as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the runtime's own dependency (numpy), or the runtime in the same version."""
        runtime = Path(self.root) / "rules_runtime" / "pyproject.toml"
        if runtime.exists():
            import tomllib

            project = tomllib.loads(runtime.read_text(encoding="utf-8"))["project"]
            metadata["dependencies"] = COMMAND + project["dependencies"]
        else:
            metadata["dependencies"] = [*COMMAND, f"rules-runtime=={metadata['version']}"]
