"""For the documentation site: examples in docstrings (`>>>`) become code blocks,
in which Markdown sees no links."""

from __future__ import annotations

import re
from typing import Any

import griffe


class FencedExamples(griffe.Extension):
    """Puts a fence around each run of lines that begins with `>>>` and ends with an empty line."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the text before it is rendered."""
        if obj.docstring is not None:
            examples = re.compile(r"^>>> (?:.*\n?)+?(?=\n|\Z)", flags=re.M)
            obj.docstring.value = examples.sub(
                lambda found: f"```pycon\n{found.group().rstrip()}\n```\n", obj.docstring.value
            )
