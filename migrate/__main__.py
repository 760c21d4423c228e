"""`python -m migrate` is `rrule-migrate`."""

from migrate.cli import main

main(prog_name="rrule-migrate")
