"""Whether a file that names no legacy module can have a legacy name
through the modules that it imports from.

Many files import something called `adjoint` that is no legacy rule (sympy's, say). To follow their
imports by text costs a few reads; to convert them would cost a parse each.
"""

from __future__ import annotations

import re

from migrate.command.modules import Memory, NearbyModules
from migrate.scan import Signs, names_one

_FROM = re.compile(rb"from\s+(\.*)\s*([\w.]*)\s+import\s+(\([^)]*|(?:[^\n(\\]|\\\r?\n)*)")


class Reexports:
    """Follows imports; what it found out about a module it keeps, so one serves for a whole run."""

    def __init__(self, languages: tuple[Signs, ...]) -> None:
        self.languages = languages
        names = b"|".join(re.escape(one.handed_on) for one in languages if one.handed_on)
        self._carries = re.compile(rb"\b(?:%s)\b|\*" % names)
        self._memory = Memory()
        self._known: dict[str, bool | list[tuple[str, bytes]]] = {}

    def lead_to_legacy(self, path: str, source: bytes) -> bool:
        """Whether the file, or a module that it imports a handed-on name or everything from,
        names a legacy module."""
        pending = [(path, source)]
        seen = {path}
        while pending:
            found = self._step(*pending.pop())
            if isinstance(found, bool):
                return found
            for module in found:
                if module[0] not in seen:
                    seen.add(module[0])
                    pending.append(module)
        return False

    def _step(self, path: str, source: bytes) -> bool | list[tuple[str, bytes]]:
        """True, or the modules that the names may come from."""
        if path not in self._known:
            self._known[path] = names_one(source, self.languages) or self._modules(path, source)
        return self._known[path]

    def _modules(self, path: str, source: bytes) -> list[tuple[str, bytes]]:
        nearby = NearbyModules(path, self._memory)
        wanted = {
            (len(dots), name.decode())
            for dots, name, imported in _FROM.findall(source)
            if self._carries.search(imported)
        }
        return [found for level, name in sorted(wanted) if (found := nearby.locate(level, name))]
