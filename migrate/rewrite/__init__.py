"""Turns what the analysis found into edits of the file's text."""
