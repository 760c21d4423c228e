"""The review in a terminal: rule by rule, as `git add -p` does it."""
