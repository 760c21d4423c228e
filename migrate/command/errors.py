"""The one exception that ends a run: a mistake of the user's that concerns no single file."""


class Stop(Exception):
    """The message says what is wrong and what to do about it."""
