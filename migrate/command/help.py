"""A click command whose `--help` groups its options under headings."""

from __future__ import annotations

from typing import Any

import click

from migrate.options import GROUPS, HELP


class GroupedOption(click.Option):
    """An option that says under which heading it stands."""

    def __init__(self, *declarations: Any, group: str = "Other", **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.group = group


class GroupedCommand(click.Command):
    """The headings of migrate/options.py in their order; examples stand before them."""

    examples = ""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and isinstance(parameter, click.Option):
                groups[getattr(parameter, "group", HELP)].append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)
