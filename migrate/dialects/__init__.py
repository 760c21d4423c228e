"""The legacy languages, a folder for each."""
