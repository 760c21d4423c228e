"""Where the values of a rule come from."""
