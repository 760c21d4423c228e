"""Runs converted rules against their legacy selves:
only under --verify, and only in processes of their own."""
